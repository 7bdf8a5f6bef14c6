//! `weir cluster`

use super::{Session, counted};
use crate::{
    client::Topics,
    output::{Align, Table},
};
use serde::Serialize;
use std::process::ExitCode;

#[derive(Serialize)]
struct Shown {
    cluster_id: Option<String>,
    controller: Option<i32>,
    brokers: Vec<ShownBroker>,
    topics: usize,
    partitions: usize,
    partitions_without_leader: usize,
    partitions_under_replicated: usize,
}

#[derive(Serialize)]
struct ShownBroker {
    id: i32,
    host: String,
    port: u16,
    rack: Option<String>,
    leads: usize,
}

pub(super) async fn run(mut session: Session) -> anyhow::Result<ExitCode> {
    let cluster = session.connect().await?;
    let metadata = cluster.metadata(Topics::All, false).await?;
    let partitions = || metadata.topics.values().flat_map(|topic| &topic.partitions);
    let brokers = metadata.brokers.values().map(|broker| ShownBroker {
        id: broker.id.0,
        host: broker.address.host.clone(),
        port: broker.address.port,
        rack: broker.rack.clone(),
        leads: partitions().filter(|partition| partition.leader == Some(broker.id)).count(),
    });
    let shown = Shown {
        cluster_id: metadata.cluster_id.as_ref().map(ToString::to_string),
        controller: metadata.controller.map(|id| id.0),
        brokers: brokers.collect(),
        topics: metadata.topics.len(),
        partitions: partitions().count(),
        partitions_without_leader: partitions().filter(|partition| partition.leader.is_none()).count(),
        partitions_under_replicated: partitions()
            .filter(|partition| partition.isr.len() < partition.replicas.len())
            .count(),
    };
    session.out.show(&shown, |out| {
        out.line(&format!("Cluster {}", shown.cluster_id.as_deref().unwrap_or("without id")))?;
        out.line(&format!(
            "{}, {}, {} without leader, {} under-replicated",
            counted(shown.topics, "topic"),
            counted(shown.partitions, "partition"),
            shown.partitions_without_leader,
            shown.partitions_under_replicated
        ))?;
        out.line("")?;
        let mut table = Table::new(&[
            ("BROKER", Align::Right),
            ("ADDRESS", Align::Left),
            ("RACK", Align::Left),
            ("LEADS", Align::Right),
            ("", Align::Left),
        ]);
        for broker in &shown.brokers {
            let role = if shown.controller == Some(broker.id) { "controller" } else { "" };
            let rack = broker.rack.clone().unwrap_or_else(|| "-".to_owned());
            table.row([
                broker.id.to_string(),
                format!("{}:{}", broker.host, broker.port),
                rack,
                broker.leads.to_string(),
                role.to_owned(),
            ]);
        }
        out.table(&table)
    })?;
    Ok(ExitCode::SUCCESS)
}
