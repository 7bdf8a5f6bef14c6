//! Groups, committed offsets, producers and transactions.

use super::*;

definitions! {
    shown;
    Int "add.partitions.to.txn.retry.backoff.max.ms" = "100", AtLeast(0), ReadOnly, None:
        "Retries of adding partitions to a transaction.";
    Int "add.partitions.to.txn.retry.backoff.ms" = "20", AtLeast(1), ReadOnly, None:
        "Retries of adding partitions to a transaction.";
    Int "group.consumer.assignment.interval.ms" = "1000", AtLeast(0), ClusterWide, None:
        "The consumer group protocol of KIP-848, which is not there yet.";
    List "group.consumer.assignors" = "uniform,range", Any, ReadOnly, None:
        "The consumer group protocol of KIP-848, which is not there yet.";
    Int "group.consumer.heartbeat.interval.ms" = "5000", AtLeast(1), ReadOnly, None:
        "The consumer group protocol of KIP-848, which is not there yet.";
    Int "group.consumer.max.assignment.interval.ms" = "15000", AtLeast(0), ReadOnly, None:
        "The consumer group protocol of KIP-848, which is not there yet.";
    Int "group.consumer.max.heartbeat.interval.ms" = "15000", AtLeast(1), ReadOnly, None:
        "The consumer group protocol of KIP-848, which is not there yet.";
    Int "group.consumer.max.session.timeout.ms" = "60000", AtLeast(1), ReadOnly, None:
        "The consumer group protocol of KIP-848, which is not there yet.";
    Int "group.consumer.max.size" = "2147483647", AtLeast(1), ReadOnly, None:
        "The consumer group protocol of KIP-848, which is not there yet.";
    String "group.consumer.migration.policy" = "bidirectional", OneOfAnyCase(&["DISABLED", "DOWNGRADE", "UPGRADE", "BIDIRECTIONAL"]), ReadOnly, None:
        "The consumer group protocol of KIP-848, which is not there yet.";
    Int "group.consumer.min.assignment.interval.ms" = "0", AtLeast(0), ReadOnly, None:
        "The consumer group protocol of KIP-848, which is not there yet.";
    Int "group.consumer.min.heartbeat.interval.ms" = "5000", AtLeast(1), ReadOnly, None:
        "The consumer group protocol of KIP-848, which is not there yet.";
    Int "group.consumer.min.session.timeout.ms" = "45000", AtLeast(1), ReadOnly, None:
        "The consumer group protocol of KIP-848, which is not there yet.";
    Int "group.consumer.session.timeout.ms" = "45000", AtLeast(1), ReadOnly, None:
        "The consumer group protocol of KIP-848, which is not there yet.";
    Int "group.coordinator.append.linger.ms" = "-1", AtLeast(-1), ReadOnly, None:
        "Tunes the threads and batches of Kafka's group coordinator.";
    Int "group.coordinator.background.threads" = "2", AtLeast(1), ReadOnly, None:
        "Tunes the threads and batches of Kafka's group coordinator.";
    Int "group.coordinator.cached.buffer.max.bytes" = "1048588", AtLeast(524288), ClusterWide, None:
        "Tunes the threads and batches of Kafka's group coordinator.";
    List "group.coordinator.rebalance.protocols" = "classic,consumer,streams", EachOneOf(&["consumer", "classic", "share", "streams"]), ReadOnly, None:
        "Tunes the threads and batches of Kafka's group coordinator.";
    Int "group.coordinator.threads" = "4", AtLeast(1), ReadOnly, None:
        "Tunes the threads and batches of Kafka's group coordinator.";
    Int "group.initial.rebalance.delay.ms" = "3000", AtLeast(0), ReadOnly, Used:
        "Time for which a new group waits for more members before its first rebalance.";
    Int "group.max.session.timeout.ms" = "1800000", AtLeast(0), ReadOnly, Used:
        "Longest session timeout a consumer may ask for.";
    Int "group.max.size" = "2147483647", AtLeast(1), ReadOnly, Used: "Members of one consumer group.";
    Int "group.min.session.timeout.ms" = "6000", AtLeast(0), ReadOnly, Used:
        "Shortest session timeout a consumer may ask for.";
    Int "group.share.assignment.interval.ms" = "1000", AtLeast(0), ClusterWide, None:
        "Share groups (KIP-932), which are not there.";
    List "group.share.assignors" = "simple", Any, ReadOnly, None: "Share groups (KIP-932), which are not there.";
    Int "group.share.delivery.count.limit" = "5", Between(2, 10), ReadOnly, None:
        "Share groups (KIP-932), which are not there.";
    Int "group.share.heartbeat.interval.ms" = "5000", AtLeast(1), ReadOnly, None:
        "Share groups (KIP-932), which are not there.";
    Int "group.share.max.assignment.interval.ms" = "15000", AtLeast(0), ReadOnly, None:
        "Share groups (KIP-932), which are not there.";
    Int "group.share.max.delivery.count.limit" = "10", Between(5, 25), ReadOnly, None:
        "Share groups (KIP-932), which are not there.";
    Int "group.share.max.heartbeat.interval.ms" = "15000", AtLeast(1), ReadOnly, None:
        "Share groups (KIP-932), which are not there.";
    Int "group.share.max.partition.max.record.locks" = "4000", Between(2000, 10000), ReadOnly, None:
        "Share groups (KIP-932), which are not there.";
    Int "group.share.max.record.lock.duration.ms" = "60000", Between(30000, 3600000), ReadOnly, None:
        "Share groups (KIP-932), which are not there.";
    Int "group.share.max.session.timeout.ms" = "60000", AtLeast(1), ReadOnly, None:
        "Share groups (KIP-932), which are not there.";
    Int "group.share.max.share.sessions" = "2000", AtLeast(1), ReadOnly, None:
        "Share groups (KIP-932), which are not there.";
    Int "group.share.max.size" = "200", Between(1, 1000), ReadOnly, None:
        "Share groups (KIP-932), which are not there.";
    Int "group.share.min.assignment.interval.ms" = "0", AtLeast(0), ReadOnly, None:
        "Share groups (KIP-932), which are not there.";
    Int "group.share.min.delivery.count.limit" = "2", Between(2, 5), ReadOnly, None:
        "Share groups (KIP-932), which are not there.";
    Int "group.share.min.heartbeat.interval.ms" = "5000", AtLeast(1), ReadOnly, None:
        "Share groups (KIP-932), which are not there.";
    Int "group.share.min.partition.max.record.locks" = "100", Between(100, 2000), ReadOnly, None:
        "Share groups (KIP-932), which are not there.";
    Int "group.share.min.record.lock.duration.ms" = "15000", Between(1000, 30000), ReadOnly, None:
        "Share groups (KIP-932), which are not there.";
    Int "group.share.min.session.timeout.ms" = "45000", AtLeast(1), ReadOnly, None:
        "Share groups (KIP-932), which are not there.";
    Int "group.share.partition.max.record.locks" = "2000", Between(100, 10000), ReadOnly, None:
        "Share groups (KIP-932), which are not there.";
    Int "group.share.record.lock.duration.ms" = "30000", Between(1000, 3600000), ReadOnly, None:
        "Share groups (KIP-932), which are not there.";
    Int "group.share.session.timeout.ms" = "45000", AtLeast(1), ReadOnly, None:
        "Share groups (KIP-932), which are not there.";
    Int "group.streams.assignment.interval.ms" = "1000", AtLeast(0), ClusterWide, None:
        "Streams groups (KIP-1071), which are not there.";
    Int "group.streams.heartbeat.interval.ms" = "5000", AtLeast(1), ReadOnly, None:
        "Streams groups (KIP-1071), which are not there.";
    Int "group.streams.initial.rebalance.delay.ms" = "3000", AtLeast(0), ReadOnly, None:
        "Streams groups (KIP-1071), which are not there.";
    Int "group.streams.max.assignment.interval.ms" = "15000", AtLeast(0), ReadOnly, None:
        "Streams groups (KIP-1071), which are not there.";
    Int "group.streams.max.heartbeat.interval.ms" = "15000", AtLeast(1), ReadOnly, None:
        "Streams groups (KIP-1071), which are not there.";
    Int "group.streams.max.session.timeout.ms" = "60000", AtLeast(1), ReadOnly, None:
        "Streams groups (KIP-1071), which are not there.";
    Int "group.streams.max.size" = "2147483647", AtLeast(1), ReadOnly, None:
        "Streams groups (KIP-1071), which are not there.";
    Int "group.streams.max.standby.replicas" = "2", AtLeast(0), ReadOnly, None:
        "Streams groups (KIP-1071), which are not there.";
    Int "group.streams.min.assignment.interval.ms" = "0", AtLeast(0), ReadOnly, None:
        "Streams groups (KIP-1071), which are not there.";
    Int "group.streams.min.heartbeat.interval.ms" = "5000", AtLeast(1), ReadOnly, None:
        "Streams groups (KIP-1071), which are not there.";
    Int "group.streams.min.session.timeout.ms" = "45000", AtLeast(1), ReadOnly, None:
        "Streams groups (KIP-1071), which are not there.";
    Int "group.streams.num.standby.replicas" = "0", AtLeast(0), ReadOnly, None:
        "Streams groups (KIP-1071), which are not there.";
    Int "group.streams.session.timeout.ms" = "45000", AtLeast(1), ReadOnly, None:
        "Streams groups (KIP-1071), which are not there.";
    Int "offset.metadata.max.bytes" = "4096", AtLeast(0), ReadOnly, Used: "Text that may go with a committed offset.";
    Int "offsets.commit.timeout.ms" = "5000", AtLeast(1), ReadOnly, Used:
        "Time for which an offset commit may wait to be stored.";
    Int "offsets.load.buffer.size" = "5242880", AtLeast(1), ReadOnly, Used:
        "Bytes read at a time while loading groups.";
    Long "offsets.retention.check.interval.ms" = "600000", AtLeast(1), ReadOnly, Used:
        "Time between two looks for offsets to forget.";
    Int "offsets.retention.minutes" = "10080", AtLeast(1), ReadOnly, Used:
        "Time after which the offsets of a group without members are forgotten.";
    Int "offsets.topic.compression.codec" = "0", Any, ReadOnly, None:
        "Compression of the topic that keeps committed offsets; it is not compressed.";
    Int "offsets.topic.num.partitions" = "50", AtLeast(1), ReadOnly, Used:
        "Partitions of the topic that keeps committed offsets.";
    Short "offsets.topic.replication.factor" = "3", AtLeast(1), ReadOnly, Used:
        "Replicas of the topic that keeps committed offsets; at most as many as there are brokers.";
    Int "offsets.topic.segment.bytes" = "104857600", AtLeast(1), ReadOnly, Used:
        "Segment size of the topic that keeps committed offsets.";
    Int "producer.id.expiration.ms" = "86400000", AtLeast(1), ClusterWide, Used:
        "Time after which an idempotent producer that is silent is forgotten.";
    Int "share.coordinator.append.linger.ms" = "-1", AtLeast(-1), ReadOnly, None:
        "Share groups (KIP-932), which are not there.";
    Int "share.coordinator.cached.buffer.max.bytes" = "1048588", AtLeast(524288), ClusterWide, None:
        "Share groups (KIP-932), which are not there.";
    Int "share.coordinator.load.buffer.size" = "5242880", AtLeast(1), ReadOnly, None:
        "Share groups (KIP-932), which are not there.";
    Int "share.coordinator.snapshot.update.records.per.snapshot" = "500", Between(0, 500), ReadOnly, None:
        "Share groups (KIP-932), which are not there.";
    Int "share.coordinator.state.topic.compression.codec" = "0", Any, ReadOnly, None:
        "Share groups (KIP-932), which are not there.";
    Short "share.coordinator.state.topic.min.isr" = "2", AtLeast(1), ReadOnly, None:
        "Share groups (KIP-932), which are not there.";
    Int "share.coordinator.state.topic.num.partitions" = "50", AtLeast(1), ReadOnly, None:
        "Share groups (KIP-932), which are not there.";
    Short "share.coordinator.state.topic.replication.factor" = "3", AtLeast(1), ReadOnly, None:
        "Share groups (KIP-932), which are not there.";
    Int "share.coordinator.state.topic.segment.bytes" = "104857600", AtLeast(1), ReadOnly, None:
        "Share groups (KIP-932), which are not there.";
    Int "share.coordinator.threads" = "1", AtLeast(1), ReadOnly, None: "Share groups (KIP-932), which are not there.";
    Int "share.coordinator.write.timeout.ms" = "5000", AtLeast(1), ReadOnly, None:
        "Share groups (KIP-932), which are not there.";
    Int "share.fetch.purgatory.purge.interval.requests" = "1000", Any, ReadOnly, None:
        "Tunes how Kafka forgets finished waits; here they end at once.";
    Int "transaction.abort.timed.out.transaction.cleanup.interval.ms" = "10000", AtLeast(1), ReadOnly, None:
        "Transactions, which are not there yet.";
    Int "transaction.max.timeout.ms" = "900000", AtLeast(1), ReadOnly, None:
        "Longest transaction timeout a producer may ask for; transactions are not there yet.";
    Boolean "transaction.partition.verification.enable" = "true", Any, ClusterWide, None:
        "Transactions, which are not there yet.";
    Int "transaction.remove.expired.transaction.cleanup.interval.ms" = "3600000", AtLeast(1), ReadOnly, None:
        "Transactions, which are not there yet.";
    Int "transaction.state.log.load.buffer.size" = "5242880", AtLeast(1), ReadOnly, None:
        "Transactions, which are not there yet.";
    Int "transaction.state.log.min.isr" = "2", AtLeast(1), ReadOnly, None: "Transactions, which are not there yet.";
    Int "transaction.state.log.num.partitions" = "50", AtLeast(1), ReadOnly, None:
        "Transactions, which are not there yet.";
    Short "transaction.state.log.replication.factor" = "3", AtLeast(1), ReadOnly, None:
        "Transactions, which are not there yet.";
    Int "transaction.state.log.segment.bytes" = "104857600", AtLeast(1), ReadOnly, None:
        "Transactions, which are not there yet.";
    Boolean "transaction.two.phase.commit.enable" = "false", Any, ReadOnly, None:
        "Transactions, which are not there yet.";
    Int "transactional.id.expiration.ms" = "604800000", AtLeast(1), ReadOnly, None:
        "Transactions, which are not there yet.";
}
