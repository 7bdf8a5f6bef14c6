//! DescribeLogDirs responses, versions 1 to 5, of which the codec lacks the last. Fields a version lacks are left out.

#[cfg(test)]
mod tests;

use crate::message_writer::MessageWriter;
use bytes::Bytes;
use model::{PartitionIndex, TopicName};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribeLogDirsResponse {
    /// From version 3.
    pub error_code: i16,
    pub results: Vec<LogDir>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogDir {
    pub error_code: i16,
    pub path: String,
    pub topics: Vec<LogDirTopic>,
    /// Of the volume, from version 4 (KIP-827); -1 where it is not known.
    pub total_bytes: i64,
    pub usable_bytes: i64,
    /// Whether no new partitions are put there, from version 5 (KIP-1066).
    pub is_cordoned: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogDirTopic {
    pub name: TopicName,
    pub partitions: Vec<LogDirPartition>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogDirPartition {
    pub index: PartitionIndex,
    pub size: i64,
    pub offset_lag: i64,
    pub is_future: bool,
}

impl DescribeLogDirsResponse {
    /// The whole frame, size first.
    pub fn encode(&self, version: i16, correlation_id: i32) -> Bytes {
        let mut writer = MessageWriter::response(correlation_id, version >= 2, 256);
        let throttle_time_ms = 0;
        writer.i32(throttle_time_ms);
        if version >= 3 {
            writer.i16(self.error_code);
        }
        writer.count(Some(self.results.len()));
        for log_dir in &self.results {
            log_dir.write(&mut writer, version);
        }
        writer.no_tags();
        Bytes::from(writer.finish(0))
    }
}

impl LogDir {
    fn write(&self, writer: &mut MessageWriter, version: i16) {
        writer.i16(self.error_code);
        writer.string(&self.path);
        writer.count(Some(self.topics.len()));
        for topic in &self.topics {
            topic.write(writer);
        }
        if version >= 4 {
            writer.i64(self.total_bytes);
            writer.i64(self.usable_bytes);
        }
        if version >= 5 {
            writer.bool(self.is_cordoned);
        }
        writer.no_tags();
    }
}

impl LogDirTopic {
    fn write(&self, writer: &mut MessageWriter) {
        writer.string(&self.name);
        writer.count(Some(self.partitions.len()));
        for partition in &self.partitions {
            writer.i32(partition.index.0);
            writer.i64(partition.size);
            writer.i64(partition.offset_lag);
            writer.bool(partition.is_future);
            writer.no_tags();
        }
        writer.no_tags();
    }
}
