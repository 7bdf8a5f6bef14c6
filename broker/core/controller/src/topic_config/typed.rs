//! The configuration of one topic as the broker uses it.

use super::{
    definitions,
    effective::{BrokerLayers, value_in_force},
    values::parse_list,
};
use crate::image::ConfigMap;
use std::collections::BTreeMap;

/// Every value in force for one topic, typed. Limits Kafka writes as −1 are `None`.
#[derive(Debug, Clone, PartialEq)]
pub struct TopicConfig {
    pub cleanup_policy: CleanupPolicy,
    pub compression_type: CompressionType,
    pub compression_gzip_level: i32,
    pub compression_lz4_level: i32,
    pub compression_zstd_level: i32,
    pub delete_retention_ms: i64,
    pub file_delete_delay_ms: i64,
    /// `i64::MAX`: never.
    pub flush_messages: i64,
    /// `i64::MAX`: never.
    pub flush_ms: i64,
    pub index_interval_bytes: u32,
    pub max_compaction_lag_ms: i64,
    pub max_message_bytes: u32,
    pub message_timestamp_after_max_ms: i64,
    pub message_timestamp_before_max_ms: i64,
    pub message_timestamp_type: TimestampType,
    pub min_cleanable_dirty_ratio: f64,
    pub min_compaction_lag_ms: i64,
    pub min_insync_replicas: u32,
    pub preallocate: bool,
    pub retention_bytes: Option<u64>,
    pub retention_ms: Option<i64>,
    pub segment_bytes: u32,
    pub segment_index_bytes: u32,
    pub segment_jitter_ms: i64,
    pub segment_ms: i64,
    pub unclean_leader_election_enable: bool,
}

/// Neither (KIP-1161) keeps everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CleanupPolicy {
    pub compact: bool,
    pub delete: bool,
}

/// `compression.type`: `Producer` stores batches as they come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompressionType {
    Producer,
    Uncompressed,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampType {
    CreateTime,
    LogAppendTime,
}

impl TopicConfig {
    /// Values that cannot be parsed (a static file is checked at start, requests when they come) give the default.
    pub fn resolve(topic: &ConfigMap, layers: &BrokerLayers<'_>) -> Self {
        let values: Values = definitions()
            .iter()
            .map(|definition| {
                let value = value_in_force(definition, topic, layers);
                let valid = super::validate(definition.name, &value).is_ok();
                (definition.name, if valid { value } else { definition.default.to_owned() })
            })
            .collect();
        Self::from_values(&values)
    }

    fn from_values(values: &Values) -> Self {
        Self {
            cleanup_policy: CleanupPolicy {
                compact: list_holds(values, "cleanup.policy", "compact"),
                delete: list_holds(values, "cleanup.policy", "delete"),
            },
            compression_type: match text(values, "compression.type") {
                "uncompressed" => CompressionType::Uncompressed,
                "gzip" => CompressionType::Gzip,
                "snappy" => CompressionType::Snappy,
                "lz4" => CompressionType::Lz4,
                "zstd" => CompressionType::Zstd,
                _ => CompressionType::Producer,
            },
            compression_gzip_level: number(values, "compression.gzip.level"),
            compression_lz4_level: number(values, "compression.lz4.level"),
            compression_zstd_level: number(values, "compression.zstd.level"),
            delete_retention_ms: number(values, "delete.retention.ms"),
            file_delete_delay_ms: number(values, "file.delete.delay.ms"),
            flush_messages: number(values, "flush.messages"),
            flush_ms: number(values, "flush.ms"),
            index_interval_bytes: number(values, "index.interval.bytes"),
            max_compaction_lag_ms: number(values, "max.compaction.lag.ms"),
            max_message_bytes: number(values, "max.message.bytes"),
            message_timestamp_after_max_ms: number(values, "message.timestamp.after.max.ms"),
            message_timestamp_before_max_ms: number(values, "message.timestamp.before.max.ms"),
            message_timestamp_type: match text(values, "message.timestamp.type") {
                "LogAppendTime" => TimestampType::LogAppendTime,
                _ => TimestampType::CreateTime,
            },
            min_cleanable_dirty_ratio: number(values, "min.cleanable.dirty.ratio"),
            min_compaction_lag_ms: number(values, "min.compaction.lag.ms"),
            min_insync_replicas: number(values, "min.insync.replicas"),
            preallocate: number(values, "preallocate"),
            retention_bytes: u64::try_from(number::<i64>(values, "retention.bytes")).ok(),
            retention_ms: Some(number::<i64>(values, "retention.ms")).filter(|ms| *ms >= 0),
            segment_bytes: number(values, "segment.bytes"),
            segment_index_bytes: number(values, "segment.index.bytes"),
            segment_jitter_ms: number(values, "segment.jitter.ms"),
            segment_ms: number(values, "segment.ms"),
            unclean_leader_election_enable: number(values, "unclean.leader.election.enable"),
        }
    }
}

type Values = BTreeMap<&'static str, String>;

fn text<'a>(values: &'a Values, name: &str) -> &'a str {
    values.get(name).expect("every definition has a value")
}

fn list_holds(values: &Values, name: &str, item: &str) -> bool {
    parse_list(text(values, name)).any(|found| found == item)
}

fn number<T: std::str::FromStr<Err: std::fmt::Debug>>(values: &Values, name: &str) -> T {
    text(values, name).parse().expect("the value passed its definition's check")
}
