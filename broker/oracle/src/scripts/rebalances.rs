//! Groups with more than one member, and what their members may commit.

use super::{
    groups::{committing, coordinated, group_id, joined, joining, reading, syncing},
    make_topic, text,
};
use crate::session::Session;
use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use kafka_protocol::{
    messages::{
        HeartbeatRequest, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, ListGroupsRequest,
        OffsetCommitRequest, OffsetFetchRequest, SyncGroupRequest,
        join_group_request::JoinGroupRequestProtocol,
        leave_group_request::MemberIdentity,
        offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics},
        sync_group_request::SyncGroupRequestAssignment,
    },
    protocol::StrBytes,
};

const JOIN: i16 = 5;
const REBALANCE_IN_PROGRESS: i16 = 27;

fn beating(group: &str, member: &StrBytes, generation: i32) -> HeartbeatRequest {
    HeartbeatRequest::default()
        .with_group_id(group_id(group))
        .with_generation_id(generation)
        .with_member_id(member.clone())
}

fn with_protocol(request: JoinGroupRequest, name: &str) -> JoinGroupRequest {
    let protocol = JoinGroupRequestProtocol::default()
        .with_name(text(name))
        .with_metadata(Bytes::from_static(b"\0\x01\0\0\0\0\0\0\0\0"));
    request.with_protocols(vec![protocol])
}

/// The answer a member gets once the group has noticed the other one.
fn until_rebalance(session: &mut Session, group: &str, member: &StrBytes, generation: i32) -> Result<()> {
    for _ in 0..20_000 {
        let answer = session.call(4, &beating(group, member, generation))?.context("heartbeat")?;
        if answer.error_code == REBALANCE_IN_PROGRESS {
            return Ok(());
        }
    }
    anyhow::bail!("{group} does not rebalance")
}

/// `first` leads a stable group; `second` comes to it. Their ids.
fn paired(session: &mut Session, other: &mut Session, group: &str) -> Result<(StrBytes, StrBytes)> {
    coordinated(session, group)?;
    let first = joined(session, "first joins", group, JOIN)?;
    session.ask("first syncs", 3, &syncing(group, &first, 1))?;
    let second = other.call(JOIN, &joining(group, ""))?.context("join")?.member_id;
    other.start(JOIN, &joining(group, second.as_str()))?;
    until_rebalance(session, group, &first, 1)?;
    session.ask("first's sync while another joins", 3, &syncing(group, &first, 1))?;
    let led = session.ask("first joins again", JOIN, &joining(group, first.as_str()))?.context("join")?;
    let followed = other.finish::<JoinGroupRequest>(JOIN)?.context("join")?;
    session.note("second joins", JOIN, Some(&followed));
    ensure_leader(&led, &first)?;
    Ok((first, second))
}

fn ensure_leader(answer: &JoinGroupResponse, member: &StrBytes) -> Result<()> {
    ensure!(answer.leader == *member, "{} leads, not {member}", answer.leader);
    Ok(())
}

pub(super) fn two_members(session: &mut Session) -> Result<()> {
    let mut other = session.another()?;
    let group = "pair";
    let (first, second) = paired(session, &mut other, group)?;
    session.ask("first's heartbeat before assignments", 4, &beating(group, &first, 2))?;
    other.start(3, &syncing(group, &second, 2).with_assignments(vec![]))?;
    let assignments = [(&first, &b"one"[..]), (&second, b"two")].map(|(member, assigned)| {
        SyncGroupRequestAssignment::default()
            .with_member_id(member.clone())
            .with_assignment(Bytes::from_static(assigned))
    });
    session.ask("first syncs with assignments", 3, &syncing(group, &first, 2).with_assignments(assignments.into()))?;
    let assigned = other.finish::<SyncGroupRequest>(3)?.context("sync")?;
    session.note("second's assignment", 3, Some(&assigned));
    session.ask("first's heartbeat", 4, &beating(group, &first, 2))?;
    session.ask("second joins again unchanged", JOIN, &joining(group, second.as_str()))?;
    session.ask("protocol of nobody else", JOIN, &with_protocol(joining(group, ""), "sticky"))?;
    session.ask("protocol of nobody else at v3", 3, &with_protocol(joining(group, ""), "sticky"))?;
    let leaving = LeaveGroupRequest::default()
        .with_group_id(group_id(group))
        .with_members(vec![MemberIdentity::default().with_member_id(second.clone())]);
    session.ask("second leaves", 4, &leaving)?;
    session.ask("first's heartbeat after it", 4, &beating(group, &first, 2))?;
    session.ask("first joins alone", JOIN, &joining(group, first.as_str()))?;
    session.ask("second's heartbeat", 4, &beating(group, &second, 3))?;
    Ok(())
}

fn as_member(request: OffsetCommitRequest, member: &StrBytes, generation: i32) -> OffsetCommitRequest {
    request.with_member_id(member.clone()).with_generation_id_or_member_epoch(generation)
}

pub(super) fn committing_members(session: &mut Session) -> Result<()> {
    make_topic(session, "member-commits", 2, &[])?;
    let group = "committers";
    let commit = |offset| committing(group, "member-commits", offset, "note");
    let mut other = session.another()?;
    let (first, second) = paired(session, &mut other, group)?;
    session.ask("commit before the sync", 7, &as_member(commit(1), &first, 2))?;
    session.ask("first syncs", 3, &syncing(group, &first, 2))?;
    session.ask("commit", 7, &as_member(commit(2), &first, 2))?;
    session.ask("commit of the generation before", 7, &as_member(commit(3), &first, 1))?;
    session.ask("commit of an unknown member", 7, &as_member(commit(4), &text("nobody"), 2))?;
    session.ask("commit from outside", 7, &commit(5))?;
    session.ask("commit of the other member", 7, &as_member(commit(6), &second, 2))?;
    session.ask("commit of a negative offset", 7, &as_member(commit(-5), &first, 2))?;
    let mut wrong = as_member(commit(7), &first, 2);
    wrong.topics[0].partitions[0].partition_index = 9;
    session.ask("commit to an unknown partition", 7, &wrong)?;
    let mut silent = as_member(commit(8), &first, 2);
    silent.topics[0].partitions[0].committed_metadata = None;
    silent.topics[0].partitions[0].committed_leader_epoch = -1;
    session.ask("commit without metadata", 7, &silent)?;
    session.ask("fetch without metadata", 7, &reading(group, Some(&[("member-commits", 0)]), 7))?;
    let nothing = as_member(commit(9), &first, 2).with_topics(vec![]);
    session.ask("commit of nothing", 7, &nothing)?;
    session.ask("commit to the group without a name", 7, &committing("", "member-commits", 1, ""))?;
    session.ask("fetch of the group without a name", 7, &reading("", Some(&[("member-commits", 0)]), 7))?;
    session.ask("fetch of nothing", 7, &reading(group, Some(&[]), 7))?;
    session.ask("fetch of a partition twice", 7, &reading(group, Some(&[("member-commits", 0); 2]), 7))?;
    for version in 8..=9 {
        let asked = |name: &str| {
            let topic = OffsetFetchRequestTopics::default()
                .with_name(super::topic_name("member-commits"))
                .with_partition_indexes(vec![0, 1, 7]);
            OffsetFetchRequestGroup::default()
                .with_group_id(group_id(name))
                .with_topics(Some(vec![topic]))
                .with_member_epoch(-1)
        };
        let groups = [group, "committers-unknown", ""].map(asked);
        session.ask("fetch of many groups", version, &OffsetFetchRequest::default().with_groups(groups.into()))?;
    }
    Ok(())
}

pub(super) fn leaving_members(session: &mut Session) -> Result<()> {
    let group = "leavers";
    coordinated(session, group)?;
    let member = joined(session, "join", group, JOIN)?;
    session.ask("sync", 3, &syncing(group, &member, 1))?;
    let leaving = |members: Vec<MemberIdentity>| {
        LeaveGroupRequest::default().with_group_id(group_id(group)).with_members(members)
    };
    let identity = |id: &str| MemberIdentity::default().with_member_id(text(id));
    for version in 3..=5 {
        session.ask("nobody leaves", version, &leaving(vec![]))?;
        session.ask("strangers leave", version, &leaving(vec![identity("one"), identity("two")]))?;
        session.ask(
            "a static stranger leaves",
            version,
            &leaving(vec![identity("").with_group_instance_id(Some(text("nobody")))]),
        )?;
    }
    session.ask("a member and a stranger leave", 5, &leaving(vec![identity(member.as_str()), identity("three")]))?;
    session.ask("leave of the group without a name", 5, &leaving(vec![]).with_group_id(group_id("")))?;
    Ok(())
}

pub(super) fn listed_groups(session: &mut Session) -> Result<()> {
    make_topic(session, "listed-commits", 1, &[])?;
    coordinated(session, "listed-empty")?;
    coordinated(session, "listed-stable")?;
    session.call(5, &committing("listed-empty", "listed-commits", 1, ""))?;
    let member = joined(session, "join", "listed-stable", JOIN)?;
    session.ask("sync", 3, &syncing("listed-stable", &member, 1))?;
    let states: [&[&str]; 5] = [&["Stable"], &["stable", "EMPTY"], &["Unknown"], &["nonsense"], &[]];
    let types: [&[&str]; 5] = [&["classic"], &["CLASSIC"], &["consumer", "share"], &["nonsense"], &[]];
    let words = |words: &[&str]| words.iter().map(|word| text(word)).collect::<Vec<_>>();
    let mut list = |label: &str, version, request: ListGroupsRequest| -> Result<()> {
        let mut listed = session.call(version, &request)?;
        if let Some(listed) = &mut listed {
            listed.groups.retain(|group| group.group_id.starts_with("listed-"));
        }
        session.note(label, version, listed.as_ref());
        Ok(())
    };
    for version in 0..=5 {
        list("all groups", version, ListGroupsRequest::default())?;
    }
    for asked in states {
        let label = format!("groups in states {asked:?}");
        list(&label, 4, ListGroupsRequest::default().with_states_filter(words(asked)))?;
        list(&label, 5, ListGroupsRequest::default().with_states_filter(words(asked)))?;
    }
    for asked in types {
        list(
            &format!("groups of types {asked:?}"),
            5,
            ListGroupsRequest::default().with_types_filter(words(asked)).with_states_filter(words(&["Stable"])),
        )?;
    }
    Ok(())
}
