//! `--describe`: offsets, members or state of groups.

use super::super::{
    flags::Given,
    group_tables::{self, MISSING, OffsetRow, State},
};
use crate::{
    client::admin::{Admin, Committed, GroupDescription, Member, OffsetSpec},
    output::{Out, note},
};
use model::{GroupId, TopicPartition};
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
};

pub(super) async fn describe(admin: &Admin, given: &Given, groups: &[GroupId], out: &mut Out) -> anyhow::Result<()> {
    let verbose = given.has("verbose");
    let mut described = Vec::new();
    for group in groups {
        described.push((group, admin.describe_group(group).await?));
    }
    for (id, group) in &described {
        let text = if given.has("members") {
            has_something(id, group, group.members.len(), out)?;
            Some(group_tables::members(id, &group.members, verbose))
        } else if given.has("state") {
            let coordinator = format!("{}  ({})", group.coordinator.1, group.coordinator.0);
            let state = State {
                group: id,
                coordinator,
                assignor: &group.protocol,
                state: &group.state,
                members: group.members.len(),
            };
            has_something(id, group, 1, out)?.then(|| group_tables::state(&state, verbose))
        } else {
            let rows = offset_rows(admin, id, group).await?;
            has_something(id, group, rows.len(), out)?.then(|| group_tables::offsets(id, &rows, verbose))
        };
        if let Some(text) = text {
            out.line(&text)?;
        }
    }
    Ok(())
}

/// Says what the state of a group means. False where there is nothing to show.
fn has_something(id: &GroupId, group: &GroupDescription, rows: usize, out: &mut Out) -> io::Result<bool> {
    match group.state.as_str() {
        "Dead" => super::print_error(out, &format!("Consumer group '{id}' does not exist."))?,
        "Empty" => note(&format!("\nConsumer group '{id}' has no active members.")),
        "PreparingRebalance" | "CompletingRebalance" | "Assigning" | "Reconciling" => {
            note(&format!("\nWarning: Consumer group '{id}' is rebalancing."));
        }
        _ => {}
    }
    Ok(group.state != "Dead" && rows > 0)
}

async fn offset_rows(admin: &Admin, id: &GroupId, group: &GroupDescription) -> anyhow::Result<Vec<OffsetRow>> {
    let committed = admin.committed_offsets(id).await?;
    let owned: BTreeSet<&TopicPartition> = group.members.iter().flat_map(|member| &member.assignment).collect();
    let all: BTreeSet<TopicPartition> = committed.keys().chain(owned.iter().copied()).cloned().collect();
    let ends = ends(admin, &all).await?;
    let mut members: Vec<&Member> = group.members.iter().filter(|member| !member.assignment.is_empty()).collect();
    // Those with most partitions first.
    members.sort_by_key(|member| std::cmp::Reverse(member.assignment.len()));
    let mut rows = Vec::new();
    for member in members {
        rows.extend(member.assignment.iter().map(|partition| OffsetRow {
            consumer_id: member.id.clone(),
            host: member.host.clone(),
            client_id: member.client_id.clone(),
            ..row(partition, committed.get(partition), &ends)
        }));
    }
    let unowned = committed.iter().filter(|(partition, _)| !owned.contains(partition));
    rows.extend(unowned.map(|(partition, committed)| row(partition, Some(committed), &ends)));
    Ok(rows)
}

/// Ends of the partitions that are there and have a leader.
async fn ends(admin: &Admin, partitions: &BTreeSet<TopicPartition>) -> anyhow::Result<BTreeMap<TopicPartition, i64>> {
    let topics = admin.topics().await?;
    let led = |partition: &TopicPartition| {
        let known = topics.get(&partition.topic).and_then(|topic| topic.partition(partition.partition));
        known.is_some_and(|known| known.leader.is_some())
    };
    let listed = admin
        .list_offsets_of(partitions.iter().filter(|partition| led(partition)).cloned(), OffsetSpec::Latest)
        .await?;
    Ok(listed.into_iter().filter_map(|(partition, listed)| Some((partition, listed.offset?.0))).collect())
}

fn row(partition: &TopicPartition, committed: Option<&Committed>, ends: &BTreeMap<TopicPartition, i64>) -> OffsetRow {
    OffsetRow {
        topic: partition.topic.to_string(),
        partition: partition.partition.0,
        leader_epoch: committed.and_then(|committed| committed.leader_epoch),
        current: committed.map(|committed| committed.offset.0),
        end: ends.get(partition).copied(),
        consumer_id: MISSING.to_owned(),
        host: MISSING.to_owned(),
        client_id: MISSING.to_owned(),
    }
}
