//! Offsets of topics named by id: OffsetCommit and OffsetFetch 10 (KIP-848).

use super::{
    groups::{committing, coordinated, reading},
    make_topic, text, topic_name,
};
use crate::session::Session;
use anyhow::{Context, Result};
use kafka_protocol::messages::{
    DeleteTopicsRequest, MetadataRequest, OffsetCommitRequest, OffsetFetchRequest,
    delete_topics_request::DeleteTopicState, metadata_request::MetadataRequestTopic,
};
use model::TopicId;
use protocol::requests_by_topic_id;
use std::collections::BTreeMap;
use uuid::Uuid;

const VERSION: i16 = 10;
const NOBODYS_ID: TopicId = TopicId(Uuid::from_u128(0x7777_7777_7777_4777_8777_7777_7777_7777));

type Ids = BTreeMap<String, TopicId>;

/// Of the topics that are there; one that is not goes by an id that nobody has, and "" by the id that stands for none.
fn id(ids: &Ids, name: &str) -> TopicId {
    if name.is_empty() { TopicId::ZERO } else { ids.get(name).copied().unwrap_or(NOBODYS_ID) }
}

/// What version 10 of Metadata says; error and id of one topic.
fn metadata(session: &mut Session, name: &str) -> Result<(i16, TopicId)> {
    let asked = MetadataRequestTopic::default().with_name(Some(topic_name(name)));
    let request = MetadataRequest::default().with_topics(Some(vec![asked])).with_allow_auto_topic_creation(false);
    let response = session.call(10, &request)?.context("ask for metadata")?;
    let topic = response.topics.first().context("one topic")?;
    Ok((topic.error_code, TopicId(topic.topic_id)))
}

fn commit(session: &mut Session, ids: &Ids, label: &str, request: &OffsetCommitRequest) -> Result<()> {
    let body = requests_by_topic_id::offset_commit(request, |name| id(ids, name));
    session.ask_with_body::<OffsetCommitRequest>(label, VERSION, &body)
}

fn fetch(session: &mut Session, ids: &Ids, label: &str, request: &OffsetFetchRequest) -> Result<()> {
    let body = requests_by_topic_id::offset_fetch(request, |name| id(ids, name));
    session.ask_with_body::<OffsetFetchRequest>(label, VERSION, &body)
}

pub(super) fn offsets_by_topic_id(session: &mut Session) -> Result<()> {
    let mut ids = Ids::new();
    for name in ["by-id", "by-id-brief"] {
        make_topic(session, name, 1, &[])?;
        ids.insert(name.into(), metadata(session, name)?.1);
    }
    coordinated(session, "ids")?;
    commits(session, &ids)?;
    fetches(session, &ids)?;
    deleted_topic(session, &mut ids)
}

fn commits(session: &mut Session, ids: &Ids) -> Result<()> {
    for (label, topic, partition) in [
        ("commit", "by-id", 0),
        ("commit to another", "by-id-brief", 0),
        ("commit to an unknown partition", "by-id", 7),
        ("commit to an unknown id", "by-id-unknown", 0),
        ("commit to no id", "", 0),
    ] {
        let mut request = committing("ids", topic, 41, "a note");
        request.topics[0].partitions[0].partition_index = partition;
        commit(session, ids, label, &request)?;
    }
    let mut several = committing("ids", "by-id", 42, "another note");
    several.topics.extend(committing("ids", "by-id-unknown", 42, "").topics);
    let unknown_partition = several.topics[0].partitions[0].clone().with_partition_index(3);
    several.topics[0].partitions.insert(0, unknown_partition);
    commit(session, ids, "commit to bad and good", &several)?;
    commit(session, ids, "commit too much metadata", &committing("ids", "by-id", 1, &"x".repeat(5_000)))?;
    let as_member = |group: &str, topic: &str| {
        committing(group, topic, 1, "").with_generation_id_or_member_epoch(4).with_member_id(text("nobody"))
    };
    commit(session, ids, "commit with an unknown member", &as_member("ids", "by-id"))?;
    commit(session, ids, "commit to an unknown group", &as_member("ids-unknown", "by-id"))?;
    commit(session, ids, "commit to an unknown group and id", &as_member("ids-unknown", "by-id-unknown"))
}

fn fetches(session: &mut Session, ids: &Ids) -> Result<()> {
    let asked: &[(&str, &[(&str, i32)])] = &[
        ("fetch", &[("by-id", 0), ("by-id-brief", 0)]),
        ("fetch what is not there", &[("by-id", 5)]),
        ("fetch of an unknown id", &[("by-id-unknown", 0), ("by-id", 0)]),
        ("fetch of no id", &[("", 0)]),
        ("fetch of nothing", &[]),
    ];
    for (label, topics) in asked {
        fetch(session, ids, label, &reading("ids", Some(topics), VERSION))?;
        fetch(
            session,
            ids,
            &format!("stable {label}"),
            &reading("ids", Some(topics), VERSION).with_require_stable(true),
        )?;
    }
    fetch(session, ids, "fetch all", &reading("ids", None, VERSION))?;
    for group in ["ids-unknown", ""] {
        fetch(session, ids, &format!("fetch of group {group:?}"), &reading(group, Some(&[("by-id", 0)]), VERSION))?;
        fetch(session, ids, &format!("fetch all of group {group:?}"), &reading(group, None, VERSION))?;
    }
    session.ask("fetch by name", 9, &reading("ids", Some(&[("by-id", 0)]), 9))?;
    Ok(())
}

/// Its offsets may outlive it for a moment, but nobody sees them by an id.
fn deleted_topic(session: &mut Session, ids: &mut Ids) -> Result<()> {
    let state = DeleteTopicState::default().with_name(Some(topic_name("by-id-brief")));
    session.call(6, &DeleteTopicsRequest::default().with_topics(vec![state]).with_timeout_ms(10_000))?;
    let is_gone = |session: &mut Session| metadata(session, "by-id-brief").is_ok_and(|(error, _)| error != 0);
    anyhow::ensure!((0..20_000).any(|_| is_gone(session)), "the topic stays");
    let both = [("by-id", 0), ("by-id-brief", 0)];
    fetch(session, ids, "fetch of a deleted topic", &reading("ids", Some(&both), VERSION))?;
    fetch(session, ids, "fetch all but a deleted topic", &reading("ids", None, VERSION))?;
    commit(session, ids, "commit to a deleted topic", &committing("ids", "by-id-brief", 5, ""))?;
    make_topic(session, "by-id-brief", 1, &[])?;
    fetch(session, ids, "fetch by the former id", &reading("ids", Some(&both), VERSION))?;
    ids.insert("by-id-brief".into(), metadata(session, "by-id-brief")?.1);
    fetch(session, ids, "fetch by the next id", &reading("ids", Some(&both), VERSION))
}
