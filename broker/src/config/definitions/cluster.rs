//! Identity, topics, replication and everything about the cluster.

use super::*;

definitions! {
    shown;
    Class "alter.config.policy.class.name" = null, Any, ReadOnly, None:
        "Java class that checks requests; Java classes are not loaded.";
    Int "alter.log.dirs.replication.quota.window.num" = "11", AtLeast(1), ReadOnly, None:
        "Moving replicas between folders; a broker has one folder.";
    Int "alter.log.dirs.replication.quota.window.size.seconds" = "1", AtLeast(1), ReadOnly, None:
        "Moving replicas between folders; a broker has one folder.";
    Boolean "auto.create.topics.enable" = "true", Any, ReadOnly, Used:
        "Whether naming a topic that does not exist creates it.";
    Boolean "auto.leader.rebalance.enable" = "true", Any, ReadOnly, Used:
        "Whether the controller hands leadership back to preferred replicas by itself.";
    Int "broker.heartbeat.interval.ms" = "2000", AtLeast(1), ReadOnly, Used:
        "Longest time between two signs of life of a broker to its controller; there are at least six in a session timeout.";
    Int "broker.id" = "-1", AtLeast(-1), ReadOnly, Used: "Older name of node.id.";
    String "broker.rack" = null, Any, ReadOnly, Used:
        "Rack or zone of this broker; consumers may ask for replicas of their own.";
    Int "broker.session.timeout.ms" = "4500", AtLeast(1), ReadOnly, Used:
        "Silence after which the controller fences a broker, so that others lead; set it at the controller. Kafka's default is 9000. A process that ends is noticed at once.";
    Class "client.quota.callback.class" = null, Any, ReadOnly, None: "Quotas, which are not there yet.";
    List "config.providers" = "", Any, ClusterWide, None:
        "Java classes that fetch values; give values by file or environment.";
    Boolean "controlled.shutdown.enable" = "true", Any, ReadOnly, Used:
        "Whether a broker of a cluster has others lead its partitions before it stops.";
    List "controller.listener.names" = null, Any, ReadOnly, Used:
        "Listeners of KRaft's controller; they are not opened here.";
    Int "controller.quorum.append.linger.ms" = "25", AtLeast(0), ReadOnly, KraftOnly: "Tunes the KRaft quorum.";
    Boolean "controller.quorum.auto.join.enable" = "false", Any, ReadOnly, KraftOnly: "Tunes the KRaft quorum.";
    List "controller.quorum.bootstrap.servers" = "", Any, ReadOnly, KraftOnly: "Tunes the KRaft quorum.";
    Int "controller.quorum.election.backoff.max.ms" = "1000", AtLeast(0), ReadOnly, KraftOnly:
        "Tunes the KRaft quorum.";
    Int "controller.quorum.election.timeout.ms" = "1000", AtLeast(0), ReadOnly, KraftOnly: "Tunes the KRaft quorum.";
    Int "controller.quorum.fetch.max.bytes" = "1048576", AtLeast(1), ReadOnly, KraftOnly: "Tunes the KRaft quorum.";
    Int "controller.quorum.fetch.snapshot.max.bytes" = "1048576", AtLeast(1), ReadOnly, KraftOnly:
        "Tunes the KRaft quorum.";
    Int "controller.quorum.fetch.timeout.ms" = "2000", AtLeast(0), ReadOnly, KraftOnly: "Tunes the KRaft quorum.";
    Int "controller.quorum.request.timeout.ms" = "2000", AtLeast(0), ReadOnly, KraftOnly: "Tunes the KRaft quorum.";
    Int "controller.quorum.retry.backoff.ms" = "20", AtLeast(0), ReadOnly, KraftOnly: "Tunes the KRaft quorum.";
    List "controller.quorum.voters" = "", Any, ReadOnly, KraftOnly: "Tunes the KRaft quorum.";
    Int "controller.quota.window.num" = "11", AtLeast(1), ReadOnly, None:
        "Window over which topic changes are counted against their quota; there are no such quotas yet.";
    Int "controller.quota.window.size.seconds" = "1", AtLeast(1), ReadOnly, None:
        "Window over which topic changes are counted against their quota; there are no such quotas yet.";
    Int "controller.socket.timeout.ms" = "30000", Any, ReadOnly, KraftOnly:
        "Tunes the connection to the KRaft controller.";
    Class "create.topic.policy.class.name" = null, Any, ReadOnly, None:
        "Java class that checks requests; Java classes are not loaded.";
    Int "default.replication.factor" = "1", Between(1, 32767), ReadOnly, Used:
        "Replicas of a topic that is created without a count. In a cluster 3 where it is not set, or as many as there are brokers.";
    Int "delete.records.purgatory.purge.interval.requests" = "1", Any, ReadOnly, None:
        "Tunes how Kafka forgets finished waits; here they end at once.";
    Boolean "delete.topic.enable" = "true", Any, ReadOnly, Used: "Whether topics can be deleted.";
    List "early.start.listeners" = null, Any, ReadOnly, KraftOnly:
        "Listeners that KRaft opens before its metadata is there.";
    Int "initial.broker.registration.timeout.ms" = "60000", Any, ReadOnly, KraftOnly:
        "Tunes the registration with the KRaft controller.";
    Int "kafka.metrics.polling.interval.secs" = "10", AtLeast(1), ReadOnly, None:
        "Java metrics; see the admin port for those of this broker.";
    List "kafka.metrics.reporters" = "", Any, ReadOnly, None:
        "Java metrics; see the admin port for those of this broker.";
    Long "leader.imbalance.check.interval.seconds" = "300", AtLeast(1), ReadOnly, Used:
        "Time between two looks of the controller for leadership to hand back.";
    String "metadata.log.dir" = null, Any, ReadOnly, KraftOnly: "Tunes the KRaft metadata log.";
    Long "metadata.log.max.record.bytes.between.snapshots" = "20971520", AtLeast(1), ReadOnly, KraftOnly:
        "Tunes the KRaft metadata log.";
    Long "metadata.log.max.snapshot.interval.ms" = "3600000", AtLeast(0), ReadOnly, KraftOnly:
        "Tunes the KRaft metadata log.";
    Int "metadata.log.segment.bytes" = "1073741824", AtLeast(8388608), ReadOnly, KraftOnly:
        "Tunes the KRaft metadata log.";
    Long "metadata.log.segment.ms" = "604800000", Any, ReadOnly, KraftOnly: "Tunes the KRaft metadata log.";
    Int "metadata.max.idle.interval.ms" = "500", AtLeast(0), ReadOnly, KraftOnly: "Tunes the KRaft metadata log.";
    Long "metadata.max.retention.bytes" = "104857600", Any, ReadOnly, KraftOnly: "Tunes the KRaft metadata log.";
    Long "metadata.max.retention.ms" = "604800000", Any, ReadOnly, KraftOnly: "Tunes the KRaft metadata log.";
    List "metric.reporters" = "org.apache.kafka.common.metrics.JmxReporter", Any, ClusterWide, None:
        "Java metrics; see the admin port for those of this broker.";
    Int "metrics.num.samples" = "2", AtLeast(1), ReadOnly, None:
        "Java metrics; see the admin port for those of this broker.";
    String "metrics.recording.level" = "INFO", Any, ReadOnly, None:
        "Java metrics; see the admin port for those of this broker.";
    Long "metrics.sample.window.ms" = "30000", AtLeast(1), ReadOnly, None:
        "Java metrics; see the admin port for those of this broker.";
    Int "min.insync.replicas" = "1", AtLeast(1), ClusterWide, Used:
        "Replicas that must be in sync for a write with acks=all; of a topic with fewer replicas, all of them. In a cluster 2 where it is not set.";
    Int "node.id" = "1", AtLeast(0), ReadOnly, Used: "Id of this broker in its cluster, different from that of every other.";
    Int "num.partitions" = "1", AtLeast(1), ReadOnly, Used: "Partitions of a topic that is created without a count.";
    Int "num.replica.alter.log.dirs.threads" = null, Any, ReadOnly, None:
        "Moving replicas between folders; a broker has one folder.";
    Int "num.replica.fetchers" = "1", AtLeast(1), ClusterWide, None:
        "Sizes a thread pool of Kafka; threads follow from the processors here.";
    List "process.roles" = null, EachOneOf(&["broker", "controller"]), ReadOnly, Used:
        "What this process is in its cluster: broker, controller, or both. Not set, a broker is its own controller and alone, unless weir.control.plane.listen lets others come.";
    Int "producer.purgatory.purge.interval.requests" = "1000", Any, ReadOnly, None:
        "Tunes how Kafka forgets finished waits; here they end at once.";
    Int "quota.window.num" = "11", AtLeast(1), ReadOnly, None: "Quotas, which are not there yet.";
    Int "quota.window.size.seconds" = "1", AtLeast(1), ReadOnly, None: "Quotas, which are not there yet.";
    Int "replica.fetch.backoff.ms" = "1000", AtLeast(0), ReadOnly, Used:
        "Longest pause after a leader could not be reached, in ms.";
    Int "replica.fetch.max.bytes" = "1048576", AtLeast(0), ReadOnly, Used:
        "Bytes of one partition in one answer to a follower; one batch comes whole however large.";
    Int "replica.fetch.min.bytes" = "1", AtLeast(0), ReadOnly, Used:
        "Bytes that a leader waits for before it answers a follower.";
    Int "replica.fetch.response.max.bytes" = "10485760", AtLeast(0), ReadOnly, Used:
        "Bytes of one answer to a follower.";
    Int "replica.fetch.wait.max.ms" = "500", AtLeast(0), ReadOnly, Used:
        "How long a leader with nothing to send lets a follower wait, in ms.";
    Long "replica.high.watermark.checkpoint.interval.ms" = "5000", AtLeast(0), ReadOnly, None:
        "Time between two records of the high watermarks; a broker alone finds them at the end of its logs.";
    Long "replica.lag.time.max.ms" = "30000", AtLeast(0), ReadOnly, Used:
        "Time after which a follower that has not caught up leaves the in-sync replicas, in ms.";
    String "replica.selector.class" = null, OneOf(&["LeaderSelector", "RackAwareReplicaSelector", "org.apache.kafka.common.replica.LeaderSelector", "org.apache.kafka.common.replica.RackAwareReplicaSelector"]), ReadOnly, Used:
        "RackAwareReplicaSelector sends consumers with a client.rack to an in-sync replica there; otherwise they read from leaders.";
    Int "replica.socket.receive.buffer.bytes" = "65536", Any, ReadOnly, None:
        "Replication between brokers; there is one broker.";
    Int "replica.socket.timeout.ms" = "30000", AtLeast(0), ReadOnly, Used:
        "How long an answer of a leader may take beyond its wait, in ms.";
    Int "replication.quota.window.num" = "11", AtLeast(1), ReadOnly, None: "Quotas, which are not there yet.";
    Int "replication.quota.window.size.seconds" = "1", AtLeast(1), ReadOnly, None: "Quotas, which are not there yet.";
    Int "telemetry.max.bytes" = "1048576", AtLeast(1), ReadOnly, None:
        "Metrics that clients push (KIP-714), which are not taken.";
    Boolean "unclean.leader.election.enable" = "false", Any, ClusterWide, None:
        "Records are given up only by kafka-leader-election --election-type unclean, for partitions that a person names.";
}
