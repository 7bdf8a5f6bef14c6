//! Between the rules of a follower and the messages of Fetch.

use super::session::News;
use bytes::Bytes;
use kafka_protocol::{
    ResponseError as Code,
    messages::{
        BrokerId as WireBrokerId, FetchRequest,
        fetch_request::{FetchPartition, FetchTopic, ForgottenTopic, ReplicaState},
    },
};
use model::{BrokerEpoch, BrokerId, TopicId};
use protocol::fetch_response::FetchPartitionResult;
use replication::FetchAnswer;
use std::{collections::BTreeMap, time::Duration};

/// `replica.fetch.*`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) min_bytes: i32,
    pub(super) max_bytes: i32,
    pub(super) partition_max_bytes: i32,
}

pub(super) fn request(
    (id, epoch): (BrokerId, BrokerEpoch),
    news: News,
    wait: Duration,
    limits: Limits,
) -> FetchRequest {
    let mut topics: BTreeMap<TopicId, Vec<FetchPartition>> = BTreeMap::new();
    for ((topic, index), next) in news.asked {
        let partition = FetchPartition::default()
            .with_partition(index.0)
            .with_current_leader_epoch(next.leader_epoch.0)
            .with_fetch_offset(next.offset.0)
            .with_last_fetched_epoch(next.last_fetched_epoch.0)
            .with_log_start_offset(next.log_start.0)
            .with_partition_max_bytes(limits.partition_max_bytes);
        topics.entry(topic).or_default().push(partition);
    }
    let topics = topics
        .into_iter()
        .map(|(topic, partitions)| FetchTopic::default().with_topic_id(topic.0).with_partitions(partitions));
    let mut forgotten: BTreeMap<TopicId, Vec<i32>> = BTreeMap::new();
    for (topic, index) in news.forgotten {
        forgotten.entry(topic).or_default().push(index.0);
    }
    let forgotten = forgotten
        .into_iter()
        .map(|(topic, partitions)| ForgottenTopic::default().with_topic_id(topic.0).with_partitions(partitions));
    FetchRequest::default()
        .with_replica_state(ReplicaState::default().with_replica_id(WireBrokerId(id.0)).with_replica_epoch(epoch.0))
        .with_max_wait_ms(i32::try_from(wait.as_millis()).unwrap_or(i32::MAX))
        .with_min_bytes(limits.min_bytes)
        .with_max_bytes(limits.max_bytes)
        .with_session_id(news.session_id)
        .with_session_epoch(news.session_epoch)
        .with_topics(topics.collect())
        .with_forgotten_topics_data(forgotten.collect())
}

/// What the leader says about one partition.
pub(super) fn answer(result: &FetchPartitionResult<Bytes>) -> FetchAnswer {
    match Code::try_from_code(result.error_code) {
        None => match result.diverging_epoch {
            Some(diverging) => FetchAnswer::Diverging { epoch: diverging.epoch, end: diverging.end_offset },
            None => FetchAnswer::Records { high_watermark: result.high_watermark, log_start: result.log_start_offset },
        },
        Some(Code::OffsetOutOfRange) => FetchAnswer::OutOfRange { log_start: result.log_start_offset },
        Some(Code::FencedLeaderEpoch) => FetchAnswer::FencedEpoch,
        Some(_) => FetchAnswer::NotNow,
    }
}
