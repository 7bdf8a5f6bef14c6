//! Committed offsets, whose topics go by id in the newest versions.

use super::{Sample, codec_body, group, id_if, missing_topic, text, topic};
use bytes::Bytes;
use kafka_protocol::messages::{OffsetCommitRequest, OffsetFetchRequest, offset_commit_request, offset_fetch_request};
use model::TopicId;
use protocol::requests_by_topic_id;

const FIRST_BY_ID: i16 = 10;

fn nobodys_id(_name: &str) -> TopicId {
    TopicId(id_if(true))
}

impl Sample for OffsetCommitRequest {
    fn filled(_version: i16) -> Self {
        let partition = offset_commit_request::OffsetCommitRequestPartition::default()
            .with_committed_offset(5)
            .with_committed_metadata(Some(text("note")));
        let topics = [topic(), missing_topic()].map(|name| {
            offset_commit_request::OffsetCommitRequestTopic::default()
                .with_name(name)
                .with_partitions(vec![partition.clone()])
        });
        Self::default().with_group_id(group()).with_topics(topics.to_vec())
    }

    fn body(&self, version: i16) -> Bytes {
        match version {
            FIRST_BY_ID.. => requests_by_topic_id::offset_commit(self, nobodys_id),
            _ => codec_body(self, version),
        }
    }
}

impl Sample for OffsetFetchRequest {
    fn empty(version: i16) -> Self {
        // Null stands for all topics from version 2 on.
        Self::default().with_topics(if (2..8).contains(&version) { None } else { Some(Vec::new()) })
    }

    fn filled(version: i16) -> Self {
        let topics = [topic(), missing_topic()];
        if version >= 8 {
            let topics = topics.map(|name| {
                offset_fetch_request::OffsetFetchRequestTopics::default()
                    .with_name(name)
                    .with_partition_indexes(vec![0])
            });
            let some = offset_fetch_request::OffsetFetchRequestGroup::default().with_group_id(group());
            let all = some.clone().with_topics(None);
            return Self::default().with_groups(vec![some.with_topics(Some(topics.to_vec())), all]);
        }
        let topics = topics.map(|name| {
            offset_fetch_request::OffsetFetchRequestTopic::default().with_name(name).with_partition_indexes(vec![0])
        });
        Self::default().with_group_id(group()).with_topics(Some(topics.to_vec()))
    }

    fn body(&self, version: i16) -> Bytes {
        match version {
            FIRST_BY_ID.. => requests_by_topic_id::offset_fetch(self, nobodys_id),
            _ => codec_body(self, version),
        }
    }
}
