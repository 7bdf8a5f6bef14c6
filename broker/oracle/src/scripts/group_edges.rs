//! Members with several protocols, static members in conflict, and groups named twice or not at all.

use super::{
    groups::{committing, coordinated, group_id, joined, joining, syncing},
    make_topic, text, topic_name,
};
use crate::session::Session;
use anyhow::{Context, Result};
use bytes::Bytes;
use kafka_protocol::messages::{
    DeleteGroupsRequest, DescribeGroupsRequest, HeartbeatRequest, OffsetDeleteRequest,
    join_group_request::JoinGroupRequestProtocol,
    offset_delete_request::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic},
};

/// Version 0 of a subscription to the topic `edges`.
const SUBSCRIBED: &[u8] = b"\0\0\0\0\0\x01\0\x05edges\xff\xff\xff\xff";

fn protocols(names: &[&str]) -> Vec<JoinGroupRequestProtocol> {
    let named = names.iter().map(|name| {
        JoinGroupRequestProtocol::default().with_name(text(name)).with_metadata(Bytes::from_static(SUBSCRIBED))
    });
    named.collect()
}

pub(super) fn joining_edges(session: &mut Session) -> Result<()> {
    for version in [1, 4, 9] {
        let group = format!("edges-{version}");
        coordinated(session, &group)?;
        let first = session.call(version, &joining(&group, ""))?.context("join")?.member_id;
        let ask = |member: &str| joining(&group, member).with_protocols(protocols(&["sticky", "range"]));
        session.ask("several protocols", version, &ask(first.as_str()))?;
        let fewer = joining(&group, first.as_str()).with_protocols(protocols(&["roundrobin"]));
        session.ask("other protocols", version, &fewer)?;
        session.ask("no time to rebalance", version, &ask(first.as_str()).with_rebalance_timeout_ms(0))?;
        let empty = syncing(&group, &first, 3).with_protocol_name(Some(text("sticky"))).with_assignments(vec![]);
        session.ask("sync without assignments", version.min(3), &empty)?;
    }
    let instance = |name: &str| Some(text(name));
    coordinated(session, "edges-static")?;
    for name in ["", "with space", ".", "..", &"x".repeat(250)] {
        // Of its own group, or it waits for the member before it.
        let group = format!("edges-static-{}", name.len());
        coordinated(session, &group)?;
        let request = joining(&group, "").with_group_instance_id(instance(name));
        session.ask(&format!("instance id of {} bytes", name.len()), 7, &request)?;
    }
    let joined = session
        .ask("static join", 9, &joining("edges-static", "").with_group_instance_id(instance("one")))?
        .context("join")?;
    session.ask(
        "static sync",
        5,
        &syncing("edges-static", &joined.member_id, 1).with_group_instance_id(instance("one")),
    )?;
    let stranger = joining("edges-static", "stranger").with_group_instance_id(instance("one"));
    session.ask("another member as the instance", 9, &stranger)?;
    let beat = HeartbeatRequest::default()
        .with_group_id(group_id("edges-static"))
        .with_generation_id(1)
        .with_member_id(joined.member_id.clone());
    session.ask("heartbeat as an unknown instance", 4, &beat.clone().with_group_instance_id(instance("two")))?;
    session.ask("heartbeat without the instance", 4, &beat)?;
    let changed = joining("edges-static", joined.member_id.as_str())
        .with_group_instance_id(instance("one"))
        .with_protocols(protocols(&["range"]));
    session.ask("static leader joins with another subscription", 9, &changed)?;
    Ok(())
}

pub(super) fn group_names(session: &mut Session) -> Result<()> {
    make_topic(session, "edges", 2, &[])?;
    coordinated(session, "named")?;
    session.call(5, &committing("named", "edges", 1, ""))?;
    let describing = |names: &[&str]| {
        DescribeGroupsRequest::default().with_groups(names.iter().map(|name| group_id(name)).collect())
    };
    for version in [0, 5, 6] {
        session.ask("no groups", version, &describing(&[]))?;
        session.ask("a group twice", version, &describing(&["named", "named"]))?;
        session.ask("the group without a name", version, &describing(&[""]))?;
        session.ask("an empty group", version, &describing(&["named"]))?;
    }
    let member = joined(session, "join", "subscribed", 5)?;
    let subscribed = joining("subscribed", member.as_str()).with_protocols(protocols(&["range"]));
    session.ask("subscribe", 5, &subscribed)?;
    session.ask("sync", 3, &syncing("subscribed", &member, 2))?;
    session.ask("described while subscribed", 5, &describing(&["subscribed"]))?;
    let offsets = |group: &str, partitions: &[i32]| {
        let partitions =
            partitions.iter().map(|index| OffsetDeleteRequestPartition::default().with_partition_index(*index));
        let topic =
            OffsetDeleteRequestTopic::default().with_name(topic_name("edges")).with_partitions(partitions.collect());
        OffsetDeleteRequest::default().with_group_id(group_id(group)).with_topics(vec![topic])
    };
    session.ask("OffsetDelete while subscribed", 0, &offsets("subscribed", &[0]))?;
    session.ask("OffsetDelete of nothing", 0, &offsets("named", &[]).with_topics(vec![]))?;
    session.ask("OffsetDelete of two", 0, &offsets("named", &[0, 1]))?;
    session.ask("OffsetDelete of an unknown partition", 0, &offsets("named", &[9]))?;
    session.ask("OffsetDelete of the group without a name", 0, &offsets("", &[0]))?;
    let deleting = |names: &[&str]| {
        DeleteGroupsRequest::default().with_groups_names(names.iter().map(|name| group_id(name)).collect())
    };
    session.ask("delete no groups", 2, &deleting(&[]))?;
    session.ask("delete the group without a name", 2, &deleting(&[""]))?;
    session.ask("delete a group once its offsets are gone", 2, &deleting(&["named"]))?;
    Ok(())
}
