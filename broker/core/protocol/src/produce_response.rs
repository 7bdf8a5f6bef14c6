//! Produce responses, versions 3 to 13. Fields a version lacks are left out, so handlers fill in all they know.

#[cfg(test)]
mod tests;

use crate::message_writer::MessageWriter;
pub use crate::message_writer::{LeaderHint, NodeEndpoint};
use bytes::Bytes;
use model::{Offset, TopicId, TopicName, WallTime};

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProduceResponse {
    pub topics: Vec<TopicResult>,
    pub throttle_time_ms: i32,
    /// From version 10.
    pub node_endpoints: Vec<NodeEndpoint>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicResult {
    /// To version 12.
    pub topic: TopicName,
    /// From version 13.
    pub topic_id: TopicId,
    pub partitions: Vec<PartitionResult>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionResult {
    pub index: i32,
    pub error_code: i16,
    pub base_offset: Offset,
    /// [`WallTime::NONE`] unless the broker stamped the batch.
    pub log_append_time: WallTime,
    /// From version 5.
    pub log_start_offset: Offset,
    /// From version 8 (KIP-467), as is the message.
    pub record_errors: Vec<RecordError>,
    pub error_message: Option<String>,
    /// From version 10.
    pub current_leader: Option<LeaderHint>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordError {
    pub batch_index: i32,
    pub message: Option<String>,
}

impl PartitionResult {
    /// An answer without offsets, as Kafka fills it in beside an error.
    pub fn failed(index: i32, error_code: i16, error_message: Option<String>) -> Self {
        Self {
            index,
            error_code,
            base_offset: Offset::NONE,
            log_append_time: WallTime::NONE,
            log_start_offset: Offset::NONE,
            record_errors: Vec::new(),
            error_message,
            current_leader: None,
        }
    }

    fn write(&self, writer: &mut MessageWriter, version: i16) {
        writer.i32(self.index);
        writer.i16(self.error_code);
        writer.i64(self.base_offset.0);
        writer.i64(self.log_append_time.0);
        if version >= 5 {
            writer.i64(self.log_start_offset.0);
        }
        if version >= 8 {
            writer.count(Some(self.record_errors.len()));
            for error in &self.record_errors {
                writer.i32(error.batch_index);
                writer.nullable_string(error.message.as_deref());
                writer.no_tags();
            }
            writer.nullable_string(self.error_message.as_deref());
        }
        match &self.current_leader {
            Some(hint) if version >= 10 => {
                writer.tag_count(1);
                writer.leader_hint(0, hint);
            }
            _ => writer.no_tags(),
        }
    }
}

impl ProduceResponse {
    /// The whole frame, size first.
    pub fn encode(&self, version: i16, correlation_id: i32) -> Bytes {
        let partitions: usize = self.topics.iter().map(|topic| topic.partitions.len()).sum();
        let mut writer =
            MessageWriter::response(correlation_id, version >= 9, 64 + 64 * self.topics.len() + 48 * partitions);
        writer.count(Some(self.topics.len()));
        for topic in &self.topics {
            if version >= 13 {
                writer.uuid(topic.topic_id.0.as_bytes());
            } else {
                writer.string(&topic.topic);
            }
            writer.count(Some(topic.partitions.len()));
            for partition in &topic.partitions {
                partition.write(&mut writer, version);
            }
            writer.no_tags();
        }
        writer.i32(self.throttle_time_ms);
        writer.endpoints(&self.node_endpoints, version >= 10);
        Bytes::from(writer.finish(0))
    }
}
