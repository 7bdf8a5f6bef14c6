//! Classic groups: their coordinator, members and offsets.

use super::{make_topic, text, topic_name};
use crate::{answer::Node, session::Session};
use anyhow::{Context, Result};
use bytes::Bytes;
use kafka_protocol::{
    messages::{
        DeleteGroupsRequest, DescribeGroupsRequest, FindCoordinatorRequest, GroupId, HeartbeatRequest,
        JoinGroupRequest, LeaveGroupRequest, ListGroupsRequest, OffsetCommitRequest, OffsetDeleteRequest,
        OffsetFetchRequest, SyncGroupRequest,
        join_group_request::JoinGroupRequestProtocol,
        leave_group_request::MemberIdentity,
        offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic},
        offset_delete_request::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic},
        offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics},
        sync_group_request::SyncGroupRequestAssignment,
    },
    protocol::StrBytes,
};

pub(super) fn group_id(name: &str) -> GroupId {
    GroupId(text(name))
}

fn finding(key: &str, kind: i8, version: i16) -> FindCoordinatorRequest {
    let request = FindCoordinatorRequest::default().with_key_type(kind);
    if version < 4 { request.with_key(text(key)) } else { request.with_coordinator_keys(vec![text(key)]) }
}

/// The offsets topic is made at the first question; both brokers are asked until they answer.
pub(super) fn coordinated(session: &mut Session, group: &str) -> Result<()> {
    for _ in 0..20_000 {
        let found = session.call(4, &finding(group, 0, 4))?.context("find the coordinator")?;
        if found.coordinators.first().is_some_and(|one| one.error_code == 0) {
            let loaded = session
                .call(3, &DescribeGroupsRequest::default().with_groups(vec![group_id(group)]))?
                .context("describe")?;
            if loaded.groups.first().is_some_and(|one| one.error_code != 14 && one.error_code != 16) {
                return Ok(());
            }
        }
    }
    anyhow::bail!("no coordinator for {group}")
}

pub(super) fn find_coordinator(session: &mut Session) -> Result<()> {
    coordinated(session, "found")?;
    session.ask_all("FindCoordinator", 0..=6, |version| finding("found", 0, version))?;
    session.ask_all("FindCoordinator of an unknown kind", 1..=6, |version| finding("found", 7, version))?;
    session.ask("FindCoordinator of an empty group", 3, &finding("", 0, 3))?;
    Ok(())
}

pub(super) fn joining(group: &str, member: &str) -> JoinGroupRequest {
    let protocol = JoinGroupRequestProtocol::default()
        .with_name(text("range"))
        .with_metadata(Bytes::from_static(b"\0\x01\0\0\0\0\0\0\0\0"));
    JoinGroupRequest::default()
        .with_group_id(group_id(group))
        .with_session_timeout_ms(10_000)
        .with_rebalance_timeout_ms(20_000)
        .with_member_id(text(member))
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![protocol])
}

pub(super) fn syncing(group: &str, member: &StrBytes, generation: i32) -> SyncGroupRequest {
    let assignment = SyncGroupRequestAssignment::default()
        .with_member_id(member.clone())
        .with_assignment(Bytes::from_static(b"assigned"));
    SyncGroupRequest::default()
        .with_group_id(group_id(group))
        .with_generation_id(generation)
        .with_member_id(member.clone())
        .with_protocol_type(Some(text("consumer")))
        .with_protocol_name(Some(text("range")))
        .with_assignments(vec![assignment])
}

/// Joins as the only member; the id the group gave.
pub(super) fn joined(session: &mut Session, label: &str, group: &str, version: i16) -> Result<StrBytes> {
    let first = session.ask(&format!("{label}: first"), version, &joining(group, ""))?.context("join")?;
    if first.error_code != 79 {
        return Ok(first.member_id);
    }
    session.ask(&format!("{label}: with the id"), version, &joining(group, first.member_id.as_str()))?;
    Ok(first.member_id)
}

pub(super) fn membership(session: &mut Session) -> Result<()> {
    for version in 0..=9 {
        let group = format!("members-{version}");
        coordinated(session, &group)?;
        let member = joined(session, "join", &group, version)?;
        let beat = |generation| {
            HeartbeatRequest::default()
                .with_group_id(group_id(&group))
                .with_generation_id(generation)
                .with_member_id(member.clone())
        };
        session.ask("heartbeat before sync", version.min(4), &beat(1))?;
        session.ask("sync", version.min(5), &syncing(&group, &member, 1))?;
        session.ask("sync again", version.min(5), &syncing(&group, &member, 1))?;
        session.ask("sync of another generation", version.min(5), &syncing(&group, &member, 9))?;
        session.ask("heartbeat", version.min(4), &beat(1))?;
        session.ask("heartbeat of another generation", version.min(4), &beat(9))?;
        session.ask("join again", version, &joining(&group, member.as_str()))?;
        let leaving = LeaveGroupRequest::default().with_group_id(group_id(&group));
        let leave = version.min(5);
        let leaving = if leave < 3 {
            leaving.with_member_id(member.clone())
        } else {
            leaving.with_members(vec![MemberIdentity::default().with_member_id(member.clone())])
        };
        session.ask("leave", leave, &leaving)?;
        session.ask("leave again", leave, &leaving)?;
        session.ask("heartbeat of none", version.min(4), &beat(2))?;
    }
    static_membership(session)
}

fn static_membership(session: &mut Session) -> Result<()> {
    coordinated(session, "static")?;
    let instance = || Some(text("instance-1"));
    let first =
        session.ask("static join", 7, &joining("static", "").with_group_instance_id(instance()))?.context("join")?;
    session.ask("static sync", 5, &syncing("static", &first.member_id, 1).with_group_instance_id(instance()))?;
    let again = session
        .ask("static join again", 9, &joining("static", "").with_group_instance_id(instance()))?
        .context("join")?;
    let is_new = again.member_id != first.member_id;
    session.record("static member got a new id", Node::Value(is_new.to_string()));
    session.ask(
        "the old id is fenced",
        5,
        &syncing("static", &first.member_id, 1).with_group_instance_id(instance()),
    )?;
    let heartbeat = HeartbeatRequest::default()
        .with_group_id(group_id("static"))
        .with_generation_id(1)
        .with_member_id(first.member_id)
        .with_group_instance_id(instance());
    session.ask("the old id's heartbeat is fenced", 4, &heartbeat)?;
    let leaving = MemberIdentity::default().with_group_instance_id(instance());
    session.ask(
        "static leave by instance",
        5,
        &LeaveGroupRequest::default().with_group_id(group_id("static")).with_members(vec![leaving]),
    )?;
    Ok(())
}

pub(super) fn refused_members(session: &mut Session) -> Result<()> {
    coordinated(session, "refused")?;
    for version in [0, 4, 5, 9] {
        session.ask("empty group", version, &joining("", ""))?;
        session.ask("session too short", version, &joining("refused", "").with_session_timeout_ms(10))?;
        session.ask("session too long", version, &joining("refused", "").with_session_timeout_ms(i32::MAX))?;
        session.ask("unknown member", version, &joining("refused", "nobody"))?;
        session.ask("no protocol type", version, &joining("refused", "").with_protocol_type(text("")))?;
        session.ask("no protocols", version, &joining("refused", "").with_protocols(vec![]))?;
    }
    let nobody = text("nobody");
    for version in 0..=5 {
        session.ask("sync of an unknown group", version, &syncing("refused-unknown", &nobody, 1))?;
    }
    for version in 0..=4 {
        session.ask(
            "heartbeat of an unknown group",
            version,
            &HeartbeatRequest::default().with_group_id(group_id("refused-unknown")).with_member_id(nobody.clone()),
        )?;
    }
    let member = joined(session, "join", "refused", 5)?;
    session.ask("another protocol type", 5, &joining("refused", "").with_protocol_type(text("connect")))?;
    session.ask(
        "sync with another protocol",
        5,
        &syncing("refused", &member, 1).with_protocol_name(Some(text("sticky"))),
    )?;
    Ok(())
}

pub(super) fn committing(group: &str, topic: &str, offset: i64, metadata: &str) -> OffsetCommitRequest {
    let partition = OffsetCommitRequestPartition::default()
        .with_partition_index(0)
        .with_committed_offset(offset)
        .with_committed_leader_epoch(3)
        .with_committed_metadata(Some(text(metadata)));
    let topic = OffsetCommitRequestTopic::default().with_name(topic_name(topic)).with_partitions(vec![partition]);
    OffsetCommitRequest::default()
        .with_group_id(group_id(group))
        .with_generation_id_or_member_epoch(-1)
        .with_topics(vec![topic])
}

pub(super) fn reading(group: &str, topics: Option<&[(&str, i32)]>, version: i16) -> OffsetFetchRequest {
    let request = OffsetFetchRequest::default();
    if version < 8 {
        let topics = topics.map(|topics| {
            topics
                .iter()
                .map(|(name, partition)| {
                    OffsetFetchRequestTopic::default()
                        .with_name(topic_name(name))
                        .with_partition_indexes(vec![*partition])
                })
                .collect()
        });
        request.with_group_id(group_id(group)).with_topics(topics)
    } else {
        let topics = topics.map(|topics| {
            topics
                .iter()
                .map(|(name, partition)| {
                    OffsetFetchRequestTopics::default()
                        .with_name(topic_name(name))
                        .with_partition_indexes(vec![*partition])
                })
                .collect()
        });
        request.with_groups(vec![
            OffsetFetchRequestGroup::default().with_group_id(group_id(group)).with_topics(topics).with_member_epoch(-1),
        ])
    }
}

pub(super) fn committed_offsets(session: &mut Session) -> Result<()> {
    make_topic(session, "committed", 1, &[])?;
    coordinated(session, "commits")?;
    for version in 2..=9 {
        session.ask("commit", version, &committing("commits", "committed", 40 + i64::from(version), "a note"))?;
        session.ask("fetch it", version, &reading("commits", Some(&[("committed", 0)]), version))?;
        session.ask("commit to an unknown topic", version, &committing("commits", "committed-unknown", 1, ""))?;
        session.ask("commit too much metadata", version, &committing("commits", "committed", 1, &"x".repeat(5_000)))?;
        session.ask(
            "commit with an unknown member",
            version,
            &committing("commits", "committed", 1, "")
                .with_generation_id_or_member_epoch(4)
                .with_member_id(text("nobody")),
        )?;
        session.ask(
            "commit to an unknown group",
            version,
            &committing("commits-unknown", "committed", 1, "")
                .with_generation_id_or_member_epoch(4)
                .with_member_id(text("nobody")),
        )?;
    }
    for version in 1..=9 {
        session.ask(
            "fetch what is not there",
            version,
            &reading("commits", Some(&[("committed", 5), ("committed-unknown", 0)]), version),
        )?;
        session.ask(
            "fetch of an unknown group",
            version,
            &reading("commits-nobody", Some(&[("committed", 0)]), version),
        )?;
        if version >= 2 {
            session.ask("fetch all", version, &reading("commits", None, version))?;
        }
        if version >= 7 {
            session.ask("fetch stable", version, &reading("commits", None, version).with_require_stable(true))?;
        }
    }
    let deleting = |group: &str, topic: &str| {
        let partition = OffsetDeleteRequestPartition::default().with_partition_index(0);
        let topic = OffsetDeleteRequestTopic::default().with_name(topic_name(topic)).with_partitions(vec![partition]);
        OffsetDeleteRequest::default().with_group_id(group_id(group)).with_topics(vec![topic])
    };
    session.ask("OffsetDelete of an unknown topic", 0, &deleting("commits", "committed-unknown"))?;
    session.ask("OffsetDelete of an unknown group", 0, &deleting("commits-nobody", "committed"))?;
    session.ask("OffsetDelete", 0, &deleting("commits", "committed"))?;
    session.ask("fetch after OffsetDelete", 7, &reading("commits", Some(&[("committed", 0)]), 7))?;
    Ok(())
}

pub(super) fn described_groups(session: &mut Session) -> Result<()> {
    coordinated(session, "described")?;
    let describing = |name: &str| DescribeGroupsRequest::default().with_groups(vec![group_id(name)]);
    session.ask_all("unknown group", 0..=6, |_| describing("described-unknown"))?;
    let member = joined(session, "join", "described", 5)?;
    session.ask_all("before sync", 0..=6, |_| describing("described"))?;
    session.ask("sync", 5, &syncing("described", &member, 1))?;
    session.ask_all("stable", 0..=6, |_| describing("described"))?;
    session.ask_all("with operations", 3..=6, |_| describing("described").with_include_authorized_operations(true))?;
    session.ask(
        "list nothing in this state",
        4,
        &ListGroupsRequest::default().with_states_filter(vec![text("Dead")]),
    )?;
    session.ask(
        "list nothing of this type",
        5,
        &ListGroupsRequest::default().with_types_filter(vec![text("share")]),
    )?;
    for version in 0..=5 {
        let response = session.call(version, &ListGroupsRequest::default())?.context("list")?;
        let listed = response.groups.into_iter().filter(|group| group.group_id.0.as_str() == "described");
        session.record(&format!("list v{version}"), Node::read(&format!("{:#?}", listed.collect::<Vec<_>>())));
    }
    Ok(())
}

pub(super) fn deleted_groups(session: &mut Session) -> Result<()> {
    make_topic(session, "undone", 1, &[])?;
    coordinated(session, "deleted")?;
    let deleting = |name: &str| DeleteGroupsRequest::default().with_groups_names(vec![group_id(name)]);
    for version in 0..=2 {
        session.ask("unknown group", version, &deleting("deleted-unknown"))?;
        session.call(5, &committing("deleted", "undone", 1, ""))?;
        session.ask("group of offsets", version, &deleting("deleted"))?;
        session.ask("offsets after it", 5, &reading("deleted", Some(&[("undone", 0)]), 5))?;
    }
    joined(session, "join", "deleted-busy", 5)?;
    session.ask_all("group with members", 0..=2, |_| deleting("deleted-busy"))
}
