//! Groups listed and described.

use super::{Describe, List};
use crate::{
    client::admin::{Admin, GroupDescription, OffsetSpec},
    commands::{Session, counted},
    output::{Align, Out, Table},
};
use kafka_protocol::error::ResponseError;
use model::{GroupId, TopicPartition};
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    process::ExitCode,
};

#[derive(Serialize)]
struct Listed {
    group: String,
    state: String,
    #[serde(rename = "type")]
    group_type: String,
    protocol_type: String,
}

pub(super) async fn list(mut session: Session, list: List) -> anyhow::Result<ExitCode> {
    let admin = session.admin().await?;
    let groups = admin.list_groups(&list.states, &[]).await?;
    let groups: Vec<Listed> = groups
        .into_iter()
        .map(|group| Listed {
            group: group.id.to_string(),
            state: group.state,
            group_type: group.group_type,
            protocol_type: group.protocol_type,
        })
        .collect();
    session.out.show(&groups, |out| {
        if groups.is_empty() {
            return out.line("no groups");
        }
        let mut table = Table::new(&[
            ("GROUP", Align::Left),
            ("STATE", Align::Left),
            ("TYPE", Align::Left),
            ("PROTOCOL", Align::Left),
        ]);
        for group in &groups {
            let protocol = if group.protocol_type.is_empty() { "-" } else { &group.protocol_type };
            table.row([group.group.clone(), group.state.clone(), group.group_type.clone(), protocol.to_owned()]);
        }
        out.table(&table)
    })?;
    Ok(ExitCode::SUCCESS)
}

#[derive(Serialize)]
struct Described {
    group: String,
    state: String,
    coordinator: i32,
    assignor: String,
    total_lag: i64,
    partitions: Vec<DescribedPartition>,
    members: Vec<DescribedMember>,
}

#[derive(Serialize)]
struct DescribedPartition {
    topic: String,
    partition: i32,
    committed_offset: Option<i64>,
    end_offset: Option<i64>,
    lag: Option<i64>,
    member_id: Option<String>,
}

#[derive(Serialize)]
struct DescribedMember {
    member_id: String,
    instance_id: Option<String>,
    client_id: String,
    host: String,
    partitions: Vec<String>,
}

pub(super) async fn describe(mut session: Session, describe: Describe) -> anyhow::Result<ExitCode> {
    let admin = session.admin().await?;
    let id = GroupId::from(describe.group.as_str());
    let group = admin.describe_group(&id).await?;
    let partitions = partitions(&admin, &id, &group).await?;
    // A broker of before Kafka 4 describes a group that is not there as dead.
    if group.state == "Dead" && partitions.is_empty() {
        return Err(crate::client::ClientError::Refused {
            code: ResponseError::GroupIdNotFound,
            message: None,
            subject: format!("group {id}"),
        }
        .into());
    }
    let members = group.members.into_iter().map(|member| DescribedMember {
        member_id: member.id,
        instance_id: member.instance_id,
        client_id: member.client_id,
        host: member.host,
        partitions: member.assignment.iter().map(TopicPartition::to_string).collect(),
    });
    let described = Described {
        group: id.to_string(),
        state: group.state,
        coordinator: group.coordinator.0.0,
        assignor: group.protocol,
        total_lag: partitions.iter().filter_map(|partition| partition.lag).sum(),
        partitions,
        members: members.collect(),
    };
    session.out.show(&described, |out| show(out, &described, describe.members))?;
    Ok(ExitCode::SUCCESS)
}

async fn partitions(admin: &Admin, id: &GroupId, group: &GroupDescription) -> anyhow::Result<Vec<DescribedPartition>> {
    let committed = admin.committed_offsets(id).await?;
    let owners: BTreeMap<_, _> = group
        .members
        .iter()
        .flat_map(|member| member.assignment.iter().map(|partition| (partition.clone(), member.id.clone())))
        .collect();
    let all: BTreeSet<TopicPartition> = committed.keys().chain(owners.keys()).cloned().collect();
    // Topics may be gone while their offsets are still kept.
    let existing = admin.topics().await?;
    let there = |partition: &TopicPartition| {
        existing.get(&partition.topic).is_some_and(|topic| topic.partition(partition.partition).is_some())
    };
    let ends =
        admin.list_offsets_of(all.iter().filter(|partition| there(partition)).cloned(), OffsetSpec::Latest).await?;
    let described = all.into_iter().map(|partition| {
        let committed_offset = committed.get(&partition).map(|committed| committed.offset.0);
        let end_offset = ends.get(&partition).and_then(|listed| listed.offset).map(|offset| offset.0);
        DescribedPartition {
            committed_offset,
            end_offset,
            lag: committed_offset.zip(end_offset).map(|(committed, end)| (end - committed).max(0)),
            member_id: owners.get(&partition).cloned(),
            topic: partition.topic.to_string(),
            partition: partition.partition.0,
        }
    });
    Ok(described.collect())
}

fn show(out: &mut Out, group: &Described, members: bool) -> io::Result<()> {
    let state = format!("Group {}: {}, {}", group.group, group.state, counted(group.members.len(), "member"));
    out.line(&format!("{state}, lag {}, coordinator {}", group.total_lag, group.coordinator))?;
    let unknown = || "-".to_owned();
    if !group.partitions.is_empty() {
        out.line("")?;
        let mut table = Table::new(&[
            ("TOPIC", Align::Left),
            ("PARTITION", Align::Right),
            ("COMMITTED", Align::Right),
            ("END", Align::Right),
            ("LAG", Align::Right),
            ("MEMBER", Align::Left),
        ]);
        for partition in &group.partitions {
            let number = |number: Option<i64>| number.map_or_else(unknown, |number| number.to_string());
            table.row([
                partition.topic.clone(),
                partition.partition.to_string(),
                number(partition.committed_offset),
                number(partition.end_offset),
                number(partition.lag),
                partition.member_id.clone().unwrap_or_else(unknown),
            ]);
        }
        out.table(&table)?;
    }
    if members && !group.members.is_empty() {
        out.line("")?;
        let mut table = Table::new(&[
            ("MEMBER", Align::Left),
            ("CLIENT", Align::Left),
            ("HOST", Align::Left),
            ("PARTITIONS", Align::Left),
        ]);
        for member in &group.members {
            let name = member
                .instance_id
                .as_ref()
                .map_or_else(|| member.member_id.clone(), |id| format!("{} (static {id})", member.member_id));
            let partitions = if member.partitions.is_empty() { unknown() } else { member.partitions.join(" ") };
            table.row([name, member.client_id.clone(), member.host.clone(), partitions]);
        }
        out.table(&table)?;
    }
    Ok(())
}
