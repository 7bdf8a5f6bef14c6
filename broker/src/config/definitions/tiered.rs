//! Tiered storage. Nothing of it is served.

use super::*;

definitions! {
    shown;
    Boolean "follower.fetch.last.tiered.offset.enable" = "false", Any, ClusterWide, None:
        "Tiered storage, which is not there.";
    Int "remote.fetch.max.wait.ms" = "500", AtLeast(1), ClusterWide, None: "Tiered storage, which is not there.";
    Long "remote.list.offsets.request.timeout.ms" = "30000", AtLeast(1), ClusterWide, None:
        "Tiered storage, which is not there.";
    Long "remote.log.index.file.cache.total.size.bytes" = "1073741824", AtLeast(1), ClusterWide, None:
        "Tiered storage, which is not there.";
    Int "remote.log.manager.copier.thread.pool.size" = "10", AtLeast(1), ClusterWide, None:
        "Tiered storage, which is not there.";
    Long "remote.log.manager.copy.max.bytes.per.second" = "9223372036854775807", AtLeast(1), ClusterWide, None:
        "Tiered storage, which is not there.";
    Int "remote.log.manager.copy.quota.window.num" = "11", AtLeast(1), ReadOnly, None:
        "Tiered storage, which is not there.";
    Int "remote.log.manager.copy.quota.window.size.seconds" = "1", AtLeast(1), ReadOnly, None:
        "Tiered storage, which is not there.";
    Int "remote.log.manager.expiration.thread.pool.size" = "10", AtLeast(1), ClusterWide, None:
        "Tiered storage, which is not there.";
    Long "remote.log.manager.fetch.max.bytes.per.second" = "9223372036854775807", AtLeast(1), ClusterWide, None:
        "Tiered storage, which is not there.";
    Int "remote.log.manager.fetch.quota.window.num" = "11", AtLeast(1), ReadOnly, None:
        "Tiered storage, which is not there.";
    Int "remote.log.manager.fetch.quota.window.size.seconds" = "1", AtLeast(1), ReadOnly, None:
        "Tiered storage, which is not there.";
    Int "remote.log.manager.follower.thread.pool.size" = "2", AtLeast(1), ClusterWide, None:
        "Tiered storage, which is not there.";
    Long "remote.log.manager.task.interval.ms" = "30000", AtLeast(1), ReadOnly, None:
        "Tiered storage, which is not there.";
    Int "remote.log.manager.thread.pool.size" = "2", AtLeast(1), ReadOnly, None: "Tiered storage, which is not there.";
    Int "remote.log.metadata.custom.metadata.max.bytes" = "128", AtLeast(0), ReadOnly, None:
        "Tiered storage, which is not there.";
    String "remote.log.metadata.manager.class.name" = "org.apache.kafka.server.log.remote.metadata.storage.TopicBasedRemoteLogMetadataManager", NonEmpty, ReadOnly, None:
        "Tiered storage, which is not there.";
    String "remote.log.metadata.manager.class.path" = null, Any, ReadOnly, None: "Tiered storage, which is not there.";
    String "remote.log.metadata.manager.impl.prefix" = "rlmm.config.", NonEmpty, ReadOnly, None:
        "Tiered storage, which is not there.";
    String "remote.log.metadata.manager.listener.name" = null, NonEmpty, ReadOnly, None:
        "Tiered storage, which is not there.";
    Int "remote.log.reader.max.pending.tasks" = "100", AtLeast(1), ReadOnly, None:
        "Tiered storage, which is not there.";
    Int "remote.log.reader.threads" = "10", AtLeast(1), ClusterWide, None: "Tiered storage, which is not there.";
    String "remote.log.storage.manager.class.name" = null, NonEmpty, ReadOnly, None:
        "Tiered storage, which is not there.";
    String "remote.log.storage.manager.class.path" = null, Any, ReadOnly, None: "Tiered storage, which is not there.";
    String "remote.log.storage.manager.impl.prefix" = "rsm.config.", NonEmpty, ReadOnly, None:
        "Tiered storage, which is not there.";
    Boolean "remote.log.storage.system.enable" = "false", Any, ReadOnly, None: "Tiered storage, which is not there.";
}
