//! Keys that Kafka takes and does not show, but for those that were set at run time.

use super::*;

definitions! {
    hidden;
    Long "controller.performance.always.log.threshold.ms" = "2000", AtLeast(0), ReadOnly, KraftOnly:
        "Tunes the KRaft quorum.";
    Long "controller.performance.sample.period.ms" = "60000", AtLeast(100), ReadOnly, KraftOnly:
        "Tunes the KRaft quorum.";
    Int "group.consumer.regex.refresh.interval.ms" = "600000", AtLeast(10000), ReadOnly, None:
        "The consumer group protocol of KIP-848, which is not there yet.";
    Int "group.share.initialize.retry.interval.ms" = "30000", AtLeast(1), ReadOnly, None:
        "Share groups (KIP-932), which are not there.";
    String "group.share.persister.class.name" = "org.apache.kafka.server.share.persister.DefaultStatePersister", Any, ReadOnly, None:
        "Share groups (KIP-932), which are not there.";
    Long "follower.replication.throttled.rate" = "9223372036854775807", AtLeast(0), PerBroker, Used:
        "Bytes a second that throttled replicas on this broker fetch; kafka-reassign-partitions sets it.";
    Long "internal.metadata.delete.delay.millis" = "60000", Any, ReadOnly, KraftOnly: "Tunes the KRaft metadata log.";
    Int "internal.metadata.log.segment.bytes" = null, Any, ReadOnly, KraftOnly: "Tunes the KRaft metadata log.";
    Int "internal.metadata.max.batch.size.in.bytes" = "8388608", Any, ReadOnly, KraftOnly:
        "Tunes the KRaft metadata log.";
    Long "leader.replication.throttled.rate" = "9223372036854775807", AtLeast(0), PerBroker, Used:
        "Bytes a second that this broker sends to throttled replicas; kafka-reassign-partitions sets it.";
    Long "log.initial.task.delay.ms" = "30000", AtLeast(0), ReadOnly, Used:
        "Wait before the first look for segments to delete after the start.";
    Int "producer.id.expiration.check.interval.ms" = "600000", AtLeast(1), ReadOnly, Used:
        "Time between two looks for producers to forget.";
    Long "remote.log.index.file.cache.ttl.ms" = "900000", AtLeast(-1), ReadOnly, None:
        "Tiered storage, which is not there.";
    Long "remote.log.manager.task.retry.backoff.max.ms" = "30000", AtLeast(1), ReadOnly, None:
        "Tiered storage, which is not there.";
    Long "remote.log.manager.task.retry.backoff.ms" = "500", AtLeast(1), ReadOnly, None:
        "Tiered storage, which is not there.";
    Double "remote.log.manager.task.retry.jitter" = "0.2", Any, ReadOnly, None: "Tiered storage, which is not there.";
    Long "server.max.startup.time.ms" = "9223372036854775807", AtLeast(0), ReadOnly, KraftOnly:
        "Bound of the start of a KRaft process.";
    Long "replica.alter.log.dirs.io.max.bytes.per.second" = "9223372036854775807", AtLeast(0), PerBroker, None:
        "Moving replicas between folders; a broker has one folder. kafka-reassign-partitions clears it.";
    Int "share.coordinator.cold.partition.snapshot.interval.ms" = "300000", AtLeast(1), ReadOnly, None:
        "Share groups (KIP-932), which are not there.";
    Int "share.coordinator.state.topic.prune.interval.ms" = "300000", AtLeast(1), ReadOnly, None:
        "Share groups (KIP-932), which are not there.";
    Long "unclean.leader.election.interval.ms" = "300000", AtLeast(1), ReadOnly, KraftOnly:
        "How often the KRaft controller looks for unclean elections.";
    Boolean "unstable.api.versions.enable" = "false", Any, ReadOnly, KraftOnly: "Switches for what Kafka develops.";
    Boolean "unstable.feature.versions.enable" = "false", Any, ReadOnly, KraftOnly: "Switches for what Kafka develops.";
    Boolean "allow.everyone.if.no.acl.found" = "false", Any, ReadOnly, None: "Authorization, which is not there yet.";
    List "super.users" = "", Any, ReadOnly, None: "Authorization, which is not there yet.";
    String "auto.include.jmx.reporter" = null, Any, ReadOnly, Removed: "No longer a key of Kafka 4.";
    String "broker.id.generation.enable" = null, Any, ReadOnly, Removed: "No longer a key of Kafka 4.";
    String "control.plane.listener.name" = null, Any, ReadOnly, Removed: "No longer a key of Kafka 4.";
    String "controlled.shutdown.max.retries" = null, Any, ReadOnly, Removed: "No longer a key of Kafka 4.";
    String "controlled.shutdown.retry.backoff.ms" = null, Any, ReadOnly, Removed: "No longer a key of Kafka 4.";
    Password "delegation.token.master.key" = null, Any, ReadOnly, Removed: "No longer a key of Kafka 4.";
    String "inter.broker.protocol.version" = null, Any, ReadOnly, Removed: "No longer a key of Kafka 4.";
    String "log.message.downconversion.enable" = null, Any, ReadOnly, Removed: "No longer a key of Kafka 4.";
    String "log.message.format.version" = null, Any, ReadOnly, Removed: "No longer a key of Kafka 4.";
    String "log.message.timestamp.difference.max.ms" = null, Any, ReadOnly, Removed: "No longer a key of Kafka 4.";
    String "offsets.commit.required.acks" = null, Any, ReadOnly, Removed: "No longer a key of Kafka 4.";
    Password "password.encoder.secret" = null, Any, ReadOnly, Removed: "No longer a key of Kafka 4.";
    String "port" = null, Any, ReadOnly, Removed: "No longer a key of Kafka 4.";
    String "host.name" = null, Any, ReadOnly, Removed: "No longer a key of Kafka 4.";
    String "advertised.host.name" = null, Any, ReadOnly, Removed: "No longer a key of Kafka 4.";
    String "advertised.port" = null, Any, ReadOnly, Removed: "No longer a key of Kafka 4.";
    String "reserved.broker.max.id" = null, Any, ReadOnly, Removed: "No longer a key of Kafka 4.";
    String "group.coordinator.new.enable" = null, Any, ReadOnly, Removed: "No longer a key of Kafka 4.";
    String "zookeeper.clientCnxnSocket" = null, Any, ReadOnly, Removed: "No longer a key of Kafka 4.";
    String "zookeeper.connect" = null, Any, ReadOnly, Removed: "No longer a key of Kafka 4.";
    String "zookeeper.connection.timeout.ms" = null, Any, ReadOnly, Removed: "No longer a key of Kafka 4.";
    String "zookeeper.max.in.flight.requests" = null, Any, ReadOnly, Removed: "No longer a key of Kafka 4.";
    String "zookeeper.metadata.migration.enable" = null, Any, ReadOnly, Removed: "No longer a key of Kafka 4.";
    String "zookeeper.session.timeout.ms" = null, Any, ReadOnly, Removed: "No longer a key of Kafka 4.";
    String "zookeeper.set.acl" = null, Any, ReadOnly, Removed: "No longer a key of Kafka 4.";
    String "zookeeper.ssl.client.enable" = null, Any, ReadOnly, Removed: "No longer a key of Kafka 4.";
    String "zookeeper.sync.time.ms" = null, Any, ReadOnly, Removed: "No longer a key of Kafka 4.";
}
