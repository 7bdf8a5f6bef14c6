//! Requests as a client sends them that names topics by id, where the codec stops one version before: written from the
//! codec's own, for those who ask.

use crate::message_writer::MessageWriter;
use bytes::Bytes;
use kafka_protocol::messages::{OffsetCommitRequest, OffsetFetchRequest};
use model::TopicId;

/// The body of version 10.
pub fn offset_commit(request: &OffsetCommitRequest, id_of: impl Fn(&str) -> TopicId) -> Bytes {
    let mut writer = MessageWriter::body(true);
    writer.string(&request.group_id);
    writer.i32(request.generation_id_or_member_epoch);
    writer.string(&request.member_id);
    writer.nullable_string(request.group_instance_id.as_deref());
    writer.count(Some(request.topics.len()));
    for topic in &request.topics {
        writer.uuid(id_of(&topic.name).0.as_bytes());
        writer.count(Some(topic.partitions.len()));
        for partition in &topic.partitions {
            writer.i32(partition.partition_index);
            writer.i64(partition.committed_offset);
            writer.i32(partition.committed_leader_epoch);
            writer.nullable_string(partition.committed_metadata.as_deref());
            writer.no_tags();
        }
        writer.no_tags();
    }
    writer.no_tags();
    Bytes::from(writer.out)
}

/// The body of version 10.
pub fn offset_fetch(request: &OffsetFetchRequest, id_of: impl Fn(&str) -> TopicId) -> Bytes {
    let mut writer = MessageWriter::body(true);
    writer.count(Some(request.groups.len()));
    for group in &request.groups {
        writer.string(&group.group_id);
        writer.nullable_string(group.member_id.as_deref());
        writer.i32(group.member_epoch);
        writer.count(group.topics.as_ref().map(Vec::len));
        for topic in group.topics.iter().flatten() {
            writer.uuid(id_of(&topic.name).0.as_bytes());
            writer.count(Some(topic.partition_indexes.len()));
            for partition in &topic.partition_indexes {
                writer.i32(*partition);
            }
            writer.no_tags();
        }
        writer.no_tags();
    }
    writer.bool(request.require_stable);
    writer.no_tags();
    Bytes::from(writer.out)
}
