//! What is asked of both brokers. A script starts on a connection of its own; names are its own too, so that scripts
//! do not see each other's topics and groups.

mod administration;
mod configs;
mod connection;
mod consume;
mod group_edges;
mod groups;
mod limits;
mod offsets;
mod payloads;
mod placement;
mod produce;
mod rebalances;
mod topic_ids;
mod topics;

use crate::session::Session;
use anyhow::{Context, Result};
use bytes::Bytes;
use kafka_protocol::{
    messages::{
        CreateTopicsRequest, MetadataRequest, TopicName, create_topics_request::*,
        metadata_request::MetadataRequestTopic,
    },
    protocol::StrBytes,
};
use model::{ProducerEpoch, ProducerId, Sequence, WallTime};
use protocol::record_batch::{BatchOptions, RecordData, build_batch};

pub(crate) struct Script {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&mut Session) -> Result<()>,
}

macro_rules! scripts {
    ($($room:ident::$name:ident),* $(,)?) => {
        pub(crate) const ALL: &[Script] = &[$(Script { name: stringify!($name), run: $room::$name }),*];
    };
}

scripts! {
    connection::api_versions, connection::refused_frames, connection::cluster,
    topics::metadata, topics::create_topics, topics::refused_topics, topics::create_partitions, topics::delete_topics, topics::auto_creation,
    configs::topic_configs, configs::altered_configs, configs::altered_defaults, configs::refused_configs,
    produce::accepted_batches, produce::refused_batches, produce::idempotence, produce::unacknowledged, produce::stored_batches, produce::producer_ids,
    payloads::forged_batches, payloads::forged_lengths, payloads::inner_offsets, payloads::max_timestamps,
    consume::fetch, consume::fetch_sessions, consume::refused_fetches,
    offsets::list_offsets, offsets::leader_epochs, offsets::delete_records,
    groups::find_coordinator, groups::membership, groups::refused_members, groups::committed_offsets, groups::described_groups, groups::deleted_groups,
    rebalances::two_members, rebalances::committing_members, rebalances::leaving_members, rebalances::listed_groups,
    topic_ids::offsets_by_topic_id,
    group_edges::joining_edges, group_edges::group_names,
    limits::fetch_limits, limits::several_partitions, limits::times, limits::list_offsets_11,
    administration::topics_at_once, administration::everything_at_once,
    placement::elections, placement::reassignments, placement::log_dirs, placement::producers_and_transactions,
    placement::features_and_registrations,
    // Last, for it makes Kafka's topic of transactions.
    placement::refused_transactions,
}

pub(crate) fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

pub(crate) fn topic_name(name: &str) -> TopicName {
    TopicName(text(name))
}

/// A topic with `partitions` and `configs`, ready to be used.
pub(crate) fn make_topic(session: &mut Session, name: &str, partitions: i32, configs: &[(&str, &str)]) -> Result<()> {
    let configs = configs
        .iter()
        .map(|(key, value)| CreatableTopicConfig::default().with_name(text(key)).with_value(Some(text(value))));
    let topic = CreatableTopic::default()
        .with_name(topic_name(name))
        .with_num_partitions(partitions)
        .with_replication_factor(1)
        .with_configs(configs.collect());
    let request = CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(10_000);
    let response = session.call(5, &request)?.context("create a topic")?;
    let code = response.topics.first().map_or(0, |topic| topic.error_code);
    anyhow::ensure!(code == 0, "create {name}: error {code}");
    wait_for_leaders(session, name, partitions)
}

/// Kafka answers a creation before its partitions have leaders.
fn wait_for_leaders(session: &mut Session, name: &str, partitions: i32) -> Result<()> {
    let asked = MetadataRequestTopic::default().with_name(Some(topic_name(name)));
    let request = MetadataRequest::default().with_topics(Some(vec![asked])).with_allow_auto_topic_creation(false);
    for _ in 0..2_000 {
        let response = session.call(9, &request)?.context("ask for metadata")?;
        let led = |topic: &kafka_protocol::messages::metadata_response::MetadataResponseTopic| {
            topic.error_code == 0
                && topic.partitions.len() == usize::try_from(partitions).unwrap_or_default()
                && topic.partitions.iter().all(|partition| partition.error_code == 0)
        };
        if response.topics.first().is_some_and(led) {
            return (0..partitions).try_for_each(|partition| wait_until_served(session, name, partition));
        }
    }
    anyhow::bail!("{name} has no leaders")
}

/// Kafka names the leader before the leader knows of it.
fn wait_until_served(session: &mut Session, name: &str, partition: i32) -> Result<()> {
    for _ in 0..2_000 {
        let response = session.call(7, &offsets::listing(name, partition, -1))?.context("list offsets")?;
        let served =
            response.topics.first().and_then(|topic| topic.partitions.first()).is_some_and(|one| one.error_code == 0);
        if served {
            return Ok(());
        }
    }
    anyhow::bail!("{name}-{partition} is not served")
}

/// The id the broker gave to a topic.
pub(crate) fn topic_id(session: &mut Session, name: &str) -> Result<uuid_of::Uuid> {
    let asked = MetadataRequestTopic::default().with_name(Some(topic_name(name)));
    let response =
        session.call(12, &MetadataRequest::default().with_topics(Some(vec![asked])))?.context("ask for metadata")?;
    Ok(response.topics.first().context("no topic in the answer")?.topic_id)
}

/// The crate that kafka-protocol's ids are of.
pub(crate) mod uuid_of {
    pub(crate) use uuid::Uuid;
}

/// When records of scripts were made: one value, so that both brokers are told the same.
pub(crate) const RECORDED_AT: i64 = 1_700_000_000_000;

/// A batch of `values`, one millisecond apart.
pub(crate) fn batch(values: &[&str], options: &BatchOptions) -> Bytes {
    let records: Vec<RecordData<'_>> = (0..)
        .zip(values)
        .map(|(at, value)| RecordData {
            timestamp: WallTime(RECORDED_AT + at),
            key: Some(b"key"),
            value: Some(value.as_bytes()),
            headers: &[],
        })
        .collect();
    build_batch(options, &records).expect("a script's batch is small")
}

pub(crate) fn sequenced(producer_id: i64, epoch: i16, base_sequence: i32) -> BatchOptions {
    BatchOptions {
        producer_id: ProducerId(producer_id),
        producer_epoch: ProducerEpoch(epoch),
        base_sequence: Sequence(base_sequence),
        ..BatchOptions::default()
    }
}
