//! Fetches with and without sessions.

use super::{batch, make_topic, sequenced, topic_id, topic_name, uuid_of::Uuid};
use crate::session::Session;
use anyhow::{Context, Result};
use kafka_protocol::messages::{
    BrokerId, FetchRequest, FetchResponse, ProduceRequest,
    fetch_request::{FetchPartition, FetchTopic, ForgottenTopic},
    produce_request::{PartitionProduceData, TopicProduceData},
};

/// Three batches of two records in partition 0 of `topic`.
pub(super) fn filled(session: &mut Session, topic: &str) -> Result<()> {
    make_topic(session, topic, 2, &[])?;
    for sequence in [0, 2, 4] {
        let data = PartitionProduceData::default()
            .with_index(0)
            .with_records(Some(batch(&["one", "two"], &sequenced(90_000, 0, sequence))));
        let topic = TopicProduceData::default().with_name(topic_name(topic)).with_partition_data(vec![data]);
        session
            .call(9, &ProduceRequest::default().with_acks(-1).with_timeout_ms(5_000).with_topic_data(vec![topic]))?;
    }
    Ok(())
}

pub(super) fn partition(index: i32, offset: i64) -> FetchPartition {
    FetchPartition::default().with_partition(index).with_fetch_offset(offset).with_partition_max_bytes(1 << 20)
}

pub(super) fn fetching(topic: &str, id: Uuid, partitions: Vec<FetchPartition>) -> FetchRequest {
    let topic = FetchTopic::default().with_topic(topic_name(topic)).with_topic_id(id).with_partitions(partitions);
    FetchRequest::default()
        .with_replica_id(BrokerId(-1))
        .with_max_wait_ms(50)
        .with_min_bytes(1)
        .with_max_bytes(1 << 20)
        .with_session_epoch(-1)
        .with_topics(vec![topic])
}

/// A fetch of partition 0 from its start.
pub(super) fn whole_topic(topic: &str) -> FetchRequest {
    fetching(topic, Uuid::nil(), vec![partition(0, 0)])
}

pub(super) fn fetch(session: &mut Session) -> Result<()> {
    filled(session, "fetched")?;
    let id = topic_id(session, "fetched")?;
    session.ask_all("Fetch from the start", 4..=18, |_| fetching("fetched", id, vec![partition(0, 0)]))?;
    session.ask_all("Fetch from the middle of a batch", 4..=18, |_| fetching("fetched", id, vec![partition(0, 3)]))?;
    session.ask_all("Fetch at the end", 4..=18, |_| fetching("fetched", id, vec![partition(0, 6)]))?;
    session.ask_all("Fetch read committed", 4..=18, |_| {
        fetching("fetched", id, vec![partition(0, 0)]).with_isolation_level(1)
    })?;
    session.ask_all("Fetch of an empty partition", 4..=18, |_| fetching("fetched", id, vec![partition(1, 0)]))?;
    session.ask(
        "Fetch with one byte for a partition",
        11,
        &fetching("fetched", id, vec![partition(0, 0).with_partition_max_bytes(1)]),
    )?;
    session.ask("Fetch with one byte in all", 11, &fetching("fetched", id, vec![partition(0, 0)]).with_max_bytes(1))?;
    session.ask("Fetch of nothing", 11, &fetching("fetched", id, vec![]))?;
    Ok(())
}

pub(super) fn refused_fetches(session: &mut Session) -> Result<()> {
    filled(session, "unfetched")?;
    let id = topic_id(session, "unfetched")?;
    session.ask_all("Fetch beyond the end", 4..=18, |_| fetching("unfetched", id, vec![partition(0, 7)]))?;
    session.ask_all("Fetch before the start", 4..=18, |_| fetching("unfetched", id, vec![partition(0, -5)]))?;
    session.ask_all("Fetch of an unknown partition", 4..=18, |_| fetching("unfetched", id, vec![partition(9, 0)]))?;
    session.ask_all("Fetch of an unknown topic", 4..=18, |_| {
        fetching("unfetched-unknown", Uuid::from_u128(4), vec![partition(0, 0)])
    })?;
    session.ask_all("Fetch with a higher leader epoch", 9..=18, |_| {
        fetching("unfetched", id, vec![partition(0, 0).with_current_leader_epoch(50)])
    })?;
    session.ask_all("Fetch with a diverging epoch", 12..=18, |_| {
        fetching("unfetched", id, vec![partition(0, 6).with_last_fetched_epoch(9)])
    })?;
    Ok(())
}

fn session_id(response: Option<FetchResponse>) -> Result<i32> {
    Ok(response.context("the connection closed")?.session_id)
}

pub(super) fn fetch_sessions(session: &mut Session) -> Result<()> {
    filled(session, "session")?;
    let id = topic_id(session, "session")?;
    for version in [7, 11, 12, 13, 17] {
        let all = || fetching("session", id, vec![partition(0, 0), partition(1, 0)]);
        let opened = session_id(session.ask("open", version, &all().with_session_epoch(0))?)?;
        let next = |epoch, partitions| {
            let request = if partitions == 0 {
                fetching("session", id, vec![]).with_topics(vec![])
            } else {
                fetching("session", id, vec![partition(0, 6)])
            };
            request.with_session_id(opened).with_session_epoch(epoch)
        };
        session.ask("go on at the end", version, &next(1, 1))?;
        session.ask("nothing new", version, &next(2, 0))?;
        session.ask("epoch again", version, &next(2, 0))?;
        session.ask("epoch ahead", version, &next(9, 0))?;
        let forgotten =
            ForgottenTopic::default().with_topic(topic_name("session")).with_topic_id(id).with_partitions(vec![0]);
        session.ask("forget a partition", version, &next(3, 0).with_forgotten_topics_data(vec![forgotten]))?;
        session.ask("close", version, &next(-1, 1))?;
        session.ask("a session that is gone", version, &next(1, 0).with_session_id(123_456))?;
    }
    Ok(())
}
