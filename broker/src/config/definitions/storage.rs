//! Logs on disk and what topics inherit.

use super::*;

definitions! {
    shown;
    Int "compression.gzip.level" = "-1", AtLeastOr(1, 9, -1), ClusterWide, Used:
        "Level at which the broker compresses with gzip.";
    Int "compression.lz4.level" = "9", Between(1, 17), ClusterWide, Used:
        "Level at which the broker compresses with lz4.";
    String "compression.type" = "producer", OneOf(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]), ClusterWide, Used:
        "Compression of what is stored: producer keeps what the producer chose.";
    Int "compression.zstd.level" = "3", Between(-131072, 22), ClusterWide, Used:
        "Level at which the broker compresses with zstd.";
    List "cordoned.log.dirs" = "", Any, PerBroker, None: "Folders that get no new partitions; a broker has one folder.";
    Long "log.cleaner.backoff.ms" = "15000", AtLeast(0), ClusterWide, Used:
        "Wait before the next look when there was nothing to compact.";
    Long "log.cleaner.dedupe.buffer.size" = "134217728", AtLeast(1048577), ClusterWide, Used:
        "Memory for the keys of logs being compacted, over all threads.";
    Long "log.cleaner.delete.retention.ms" = "86400000", AtLeast(0), ClusterWide, Used:
        "Time for which tombstones of compacted topics stay readable.";
    Boolean "log.cleaner.enable" = "true", Any, ReadOnly, None: "Compaction is always on.";
    Double "log.cleaner.io.buffer.load.factor" = "0.9", Any, ClusterWide, None:
        "How full Kafka lets its table of keys get.";
    Int "log.cleaner.io.buffer.size" = "524288", AtLeast(0), ClusterWide, None:
        "Memory for records being compacted; it follows from the largest batch here.";
    Double "log.cleaner.io.max.bytes.per.second" = "1.7976931348623157E308", AtLeast(1), ClusterWide, None:
        "Upper bound of what compaction reads and writes per second; it goes step by step between other disk work here.";
    Long "log.cleaner.max.compaction.lag.ms" = "9223372036854775807", AtLeast(1), ClusterWide, Used:
        "Time after which a record must have been up for compaction.";
    Double "log.cleaner.min.cleanable.ratio" = "0.5", Between(0, 1), ClusterWide, Used:
        "Share of a log that must be new since its last compaction before it is compacted again.";
    Long "log.cleaner.min.compaction.lag.ms" = "0", AtLeast(0), ClusterWide, Used:
        "Time for which a record is never compacted away.";
    Int "log.cleaner.threads" = "1", AtLeast(0), ClusterWide, None:
        "Threads that compact logs; partitions are compacted one after the other here.";
    List "log.cleanup.policy" = "delete", EachOneOf(&["compact", "delete"]), ClusterWide, Used:
        "What happens to old records: delete them by age and size, compact them by key, or both.";
    List "log.dir" = "./data", NonEmpty, ReadOnly, Used: "Folder of the data where log.dirs is not set.";
    Long "log.dir.failure.timeout.ms" = "30000", AtLeast(1), ReadOnly, None:
        "Time to report a failed folder to the controller; a broker with one folder stops at once.";
    List "log.dirs" = null, NonEmpty, ReadOnly, Used: "Folder that holds everything this broker keeps. Exactly one.";
    Long "log.flush.interval.messages" = "9223372036854775807", AtLeast(1), ClusterWide, Used:
        "Records after which a partition is flushed to the device.";
    Long "log.flush.interval.ms" = null, AtLeast(0), ClusterWide, Used:
        "Time after which appended records are flushed to the device. Falls back to log.flush.scheduler.interval.ms.";
    Int "log.flush.offset.checkpoint.interval.ms" = "60000", AtLeast(0), ReadOnly, Used:
        "Time between two records of how far logs are flushed.";
    Long "log.flush.scheduler.interval.ms" = "9223372036854775807", Any, ReadOnly, Used:
        "Time between two looks for logs to flush.";
    Int "log.flush.start.offset.checkpoint.interval.ms" = "60000", AtLeast(0), ReadOnly, None:
        "Time between two records of where logs start; that is part of the other checkpoint here.";
    Int "log.index.interval.bytes" = "4096", AtLeast(0), ClusterWide, Used:
        "Bytes of records between two entries of the offset index.";
    Int "log.index.size.max.bytes" = "10485760", AtLeast(4), ClusterWide, Used: "Upper bound of an offset index file.";
    Long "log.local.retention.bytes" = "-2", AtLeast(-2), ClusterWide, None: "Tiered storage, which is not there.";
    Long "log.local.retention.ms" = "-2", AtLeast(-2), ClusterWide, None: "Tiered storage, which is not there.";
    Long "log.message.timestamp.after.max.ms" = "3600000", AtLeast(0), ClusterWide, Used:
        "How far the time of a record may lie ahead of the broker's.";
    Long "log.message.timestamp.before.max.ms" = "9223372036854775807", AtLeast(0), ClusterWide, Used:
        "How far the time of a record may lie behind the broker's.";
    String "log.message.timestamp.type" = "CreateTime", OneOf(&["CreateTime", "LogAppendTime"]), ClusterWide, Used:
        "Whether a record keeps its producer's time (CreateTime) or gets the time of the append (LogAppendTime).";
    Boolean "log.preallocate" = "false", Any, ClusterWide, None:
        "Whether to reserve the whole of a new segment; space is reserved as a segment grows here.";
    Long "log.retention.bytes" = "-1", Any, ClusterWide, Used:
        "Size of a partition above which its oldest segments are deleted; -1 is no limit.";
    Long "log.retention.check.interval.ms" = "300000", AtLeast(1), ReadOnly, Used:
        "Time between two looks for segments to delete.";
    Int "log.retention.hours" = "168", AtLeastOr(1, i32::MAX as i64, -1), ReadOnly, Used:
        "Age in hours at which records are deleted.";
    Int "log.retention.minutes" = null, AtLeastOr(1, i32::MAX as i64, -1), ReadOnly, Used:
        "Age in minutes at which records are deleted. Wins over log.retention.hours.";
    Long "log.retention.ms" = null, AtLeastOr(1, i64::MAX, -1), ClusterWide, Used:
        "Age at which records are deleted; -1 keeps them. Wins over minutes and hours.";
    Int "log.roll.hours" = "168", AtLeast(1), ReadOnly, Used: "Age in hours at which a partition starts a new segment.";
    Int "log.roll.jitter.hours" = "0", AtLeast(0), ReadOnly, Used:
        "Random time in hours taken off the age at which segments roll.";
    Long "log.roll.jitter.ms" = null, AtLeast(0), ClusterWide, Used:
        "Random time taken off the age, so that segments do not all roll together. Wins over log.roll.jitter.hours.";
    Long "log.roll.ms" = null, AtLeast(1), ClusterWide, Used:
        "Age at which a partition starts a new segment. Wins over log.roll.hours.";
    Int "log.segment.bytes" = "1073741824", AtLeast(1048576), ClusterWide, Used:
        "Size at which a partition starts a new segment file.";
    Long "log.segment.delete.delay.ms" = "60000", AtLeast(0), ClusterWide, Used:
        "Time for which the files of a deleted segment stay on disk.";
    Int "message.max.bytes" = "1048588", AtLeast(0), ClusterWide, Used:
        "Largest batch of records that is taken, after compression.";
    Int "num.recovery.threads.per.data.dir" = "2", AtLeast(1), ClusterWide, None:
        "Threads that check logs after an unclean stop; those of the disk pool do here.";
}
