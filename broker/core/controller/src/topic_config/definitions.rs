//! Every topic configuration of Kafka 4.3. All must be accepted, also those without effect here: Streams, Connect,
//! Schema Registry and Kubernetes operators send them when they create topics.

use super::values::{Check, ConfigKind};

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TopicConfigDefinition {
    pub name: &'static str,
    pub kind: ConfigKind,
    /// Kafka's default, in the topic's unit.
    pub default: &'static str,
    /// Broker keys that give the value where the topic does not, finest first.
    pub synonyms: &'static [BrokerSynonym],
    pub check: Check,
    pub doc: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BrokerSynonym {
    pub name: &'static str,
    pub unit: Unit,
    /// The broker key's own default, where it has one: DescribeConfigs shows it last.
    pub default: Option<&'static str>,
}

/// What one of the broker key counts, for keys whose topic counterpart counts milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Same,
    Minutes,
    Hours,
}

const MAX_LONG: &str = "9223372036854775807";
const ANY_BOOLEAN: Check = Check::Any;

/// In the order of their names.
pub fn definitions() -> &'static [TopicConfigDefinition] {
    DEFINITIONS
}

pub fn definition(name: &str) -> Option<&'static TopicConfigDefinition> {
    DEFINITIONS.binary_search_by(|definition| definition.name.cmp(name)).ok().map(|index| &DEFINITIONS[index])
}

const fn same(name: &'static str, default: &'static str) -> BrokerSynonym {
    BrokerSynonym { name, unit: Unit::Same, default: Some(default) }
}

const fn unset(name: &'static str, unit: Unit) -> BrokerSynonym {
    BrokerSynonym { name, unit, default: None }
}

const fn hours(name: &'static str, default: &'static str) -> BrokerSynonym {
    BrokerSynonym { name, unit: Unit::Hours, default: Some(default) }
}

macro_rules! define {
    ($name:literal, $kind:ident, $default:expr, $check:expr, [$($synonym:expr),*], $doc:literal) => {
        TopicConfigDefinition {
            name: $name,
            kind: ConfigKind::$kind,
            default: $default,
            synonyms: &[$($synonym),*],
            check: $check,
            doc: $doc,
        }
    };
}

#[rustfmt::skip]
const DEFINITIONS: &[TopicConfigDefinition] = &[
    define!("cleanup.policy", List, "delete", Check::ListOf(&["compact", "delete"]),
        [same("log.cleanup.policy", "delete")],
        "How old data goes: 'delete' by age and size, 'compact' keeps the last record of each key; both, or none."),
    define!("compression.gzip.level", Int, "-1", Check::GzipLevel,
        [same("compression.gzip.level", "-1")],
        "Level where the topic's compression type is gzip."),
    define!("compression.lz4.level", Int, "9", Check::Between(1, 17),
        [same("compression.lz4.level", "9")],
        "Level where the topic's compression type is lz4."),
    define!("compression.type", String, "producer",
        Check::OneOf(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]),
        [same("compression.type", "producer")],
        "How batches are stored; 'producer' keeps what the producer chose."),
    define!("compression.zstd.level", Int, "3", Check::Between(-131_072, 22),
        [same("compression.zstd.level", "3")],
        "Level where the topic's compression type is zstd."),
    define!("delete.retention.ms", Long, "86400000", Check::AtLeast(0),
        [same("log.cleaner.delete.retention.ms", "86400000")],
        "How long compaction keeps tombstones and transaction markers."),
    define!("file.delete.delay.ms", Long, "60000", Check::AtLeast(0),
        [same("log.segment.delete.delay.ms", "60000")],
        "How long a deleted file stays on disk for readers that still use it."),
    define!("flush.messages", Long, MAX_LONG, Check::AtLeast(1),
        [same("log.flush.interval.messages", MAX_LONG)],
        "Records after which the log is forced to disk."),
    define!("flush.ms", Long, MAX_LONG, Check::AtLeast(0),
        [unset("log.flush.interval.ms", Unit::Same), same("log.flush.scheduler.interval.ms", MAX_LONG)],
        "Time after which appended records are forced to disk."),
    define!("follower.replication.throttled.replicas", List, "", Check::ThrottledReplicas, [],
        "Replicas whose copying is throttled on the follower: '*' or partition:broker pairs."),
    define!("index.interval.bytes", Int, "4096", Check::AtLeast(0),
        [same("log.index.interval.bytes", "4096")],
        "Bytes of log between two entries of the offset index."),
    define!("leader.replication.throttled.replicas", List, "", Check::ThrottledReplicas, [],
        "Replicas whose copying is throttled on the leader: '*' or partition:broker pairs."),
    define!("local.retention.bytes", Long, "-2", Check::AtLeast(-2),
        [same("log.local.retention.bytes", "-2")],
        "Bytes kept on local disk with tiered storage; -2 means retention.bytes."),
    define!("local.retention.ms", Long, "-2", Check::AtLeast(-2),
        [same("log.local.retention.ms", "-2")],
        "Time kept on local disk with tiered storage; -2 means retention.ms."),
    define!("max.compaction.lag.ms", Long, MAX_LONG, Check::AtLeast(1),
        [same("log.cleaner.max.compaction.lag.ms", MAX_LONG)],
        "Age at which a record must become part of compaction."),
    define!("max.message.bytes", Int, "1048588", Check::AtLeast(0),
        [same("message.max.bytes", "1048588")],
        "Largest record batch, after compression."),
    define!("message.timestamp.after.max.ms", Long, "3600000", Check::AtLeast(0),
        [same("log.message.timestamp.after.max.ms", "3600000")],
        "How far ahead of the broker's clock a record's timestamp may be."),
    define!("message.timestamp.before.max.ms", Long, MAX_LONG, Check::AtLeast(0),
        [same("log.message.timestamp.before.max.ms", MAX_LONG)],
        "How far behind the broker's clock a record's timestamp may be."),
    define!("message.timestamp.type", String, "CreateTime", Check::OneOf(&["CreateTime", "LogAppendTime"]),
        [same("log.message.timestamp.type", "CreateTime")],
        "Whose time a record carries: its producer's or the broker's at append."),
    define!("min.cleanable.dirty.ratio", Double, "0.5", Check::Ratio,
        [same("log.cleaner.min.cleanable.ratio", "0.5")],
        "Share of not yet compacted log at which compaction starts."),
    define!("min.compaction.lag.ms", Long, "0", Check::AtLeast(0),
        [same("log.cleaner.min.compaction.lag.ms", "0")],
        "Age before which a record is not compacted."),
    define!("min.insync.replicas", Int, "1", Check::AtLeast(1),
        [same("min.insync.replicas", "1")],
        "In-sync replicas that a write with acks=all needs."),
    define!("preallocate", Boolean, "false", ANY_BOOLEAN,
        [same("log.preallocate", "false")],
        "Whether segment files take their full size when made."),
    define!("remote.log.copy.disable", Boolean, "false", ANY_BOOLEAN, [],
        "With tiered storage: stop copying segments to it."),
    define!("remote.log.delete.on.disable", Boolean, "false", ANY_BOOLEAN, [],
        "With tiered storage: delete the remote log when it is switched off."),
    define!("remote.storage.enable", Boolean, "false", ANY_BOOLEAN, [],
        "Whether the topic uses tiered storage."),
    define!("retention.bytes", Long, "-1", Check::Any,
        [same("log.retention.bytes", "-1")],
        "Bytes kept in each partition; -1 means no limit."),
    define!("retention.ms", Long, "604800000", Check::AtLeast(-1),
        [unset("log.retention.ms", Unit::Same), unset("log.retention.minutes", Unit::Minutes),
         hours("log.retention.hours", "168")],
        "How long records are kept; -1 means for ever."),
    define!("segment.bytes", Int, "1073741824", Check::AtLeast(1_048_576),
        [same("log.segment.bytes", "1073741824")],
        "Size at which the log continues in a new file."),
    define!("segment.index.bytes", Int, "10485760", Check::AtLeast(4),
        [same("log.index.size.max.bytes", "10485760")],
        "Largest size of a segment's offset index."),
    define!("segment.jitter.ms", Long, "0", Check::AtLeast(0),
        [unset("log.roll.jitter.ms", Unit::Same), hours("log.roll.jitter.hours", "0")],
        "Largest random time taken off segment.ms, so that segments do not roll together."),
    define!("segment.ms", Long, "604800000", Check::AtLeast(1),
        [unset("log.roll.ms", Unit::Same), hours("log.roll.hours", "168")],
        "Age at which the log continues in a new file."),
    define!("unclean.leader.election.enable", Boolean, "false", ANY_BOOLEAN,
        [same("unclean.leader.election.enable", "false")],
        "Without effect: records are given up only by an unclean election that a person asks for, naming the partition."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_are_sorted_and_their_defaults_valid() {
        assert!(DEFINITIONS.is_sorted_by(|a, b| a.name < b.name));
        for definition in DEFINITIONS {
            super::super::validate(definition.name, definition.default).unwrap();
        }
    }
}
