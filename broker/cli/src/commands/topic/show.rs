//! Topics listed and described.

use super::{Describe, List};
use crate::{
    client::admin::{ConfigEntry, ConfigSource, TopicDescription},
    commands::{Session, id_list},
    output::{Align, Out, Table},
    pattern,
};
use model::TopicName;
use serde::Serialize;
use std::{collections::BTreeMap, io, process::ExitCode};

#[derive(Serialize)]
struct Listed {
    topic: String,
    topic_id: String,
    partitions: usize,
    replication_factor: usize,
    internal: bool,
}

pub(super) async fn list(mut session: Session, list: List) -> anyhow::Result<ExitCode> {
    let wanted = list.pattern.as_deref().map(pattern::whole).transpose()?;
    let admin = session.admin().await?;
    let topics: Vec<Listed> = admin
        .topics()
        .await?
        .into_iter()
        .filter(|(name, topic)| {
            (list.internal || !topic.is_internal) && wanted.as_ref().is_none_or(|wanted| wanted.is_match(name))
        })
        .map(|(name, topic)| Listed {
            topic: name.to_string(),
            topic_id: topic.id.to_string(),
            partitions: topic.partitions.len(),
            replication_factor: topic.partitions.first().map_or(0, |partition| partition.replicas.len()),
            internal: topic.is_internal,
        })
        .collect();
    session.out.show(&topics, |out| {
        if topics.is_empty() {
            return out.line("no topics; make one with `weir topic create NAME`");
        }
        let mut table =
            Table::new(&[("TOPIC", Align::Left), ("PARTITIONS", Align::Right), ("REPLICATION", Align::Right)]);
        for topic in &topics {
            table.row([topic.topic.clone(), topic.partitions.to_string(), topic.replication_factor.to_string()]);
        }
        out.table(&table)
    })?;
    Ok(ExitCode::SUCCESS)
}

#[derive(Serialize)]
struct Described {
    topic: String,
    topic_id: String,
    internal: bool,
    partitions: Vec<DescribedPartition>,
    configs: BTreeMap<String, DescribedConfig>,
}

#[derive(Serialize)]
struct DescribedPartition {
    partition: i32,
    leader: Option<i32>,
    leader_epoch: i32,
    replicas: Vec<i32>,
    isr: Vec<i32>,
}

#[derive(Serialize)]
struct DescribedConfig {
    value: Option<String>,
    source: &'static str,
}

pub(super) async fn describe(mut session: Session, describe: Describe) -> anyhow::Result<ExitCode> {
    let admin = session.admin().await?;
    let names: Vec<TopicName> = describe.names.iter().map(|name| TopicName::from(name.as_str())).collect();
    let descriptions = admin.describe_topics(&names).await?;
    let mut configs = admin.topic_configs(&names).await?;
    let described: Vec<Described> = descriptions
        .into_iter()
        .map(|topic| {
            let configs = configs.remove(&topic.name).unwrap_or_default();
            described(topic, configs, describe.all_configs)
        })
        .collect();
    session.out.show(&described, |out| {
        for (position, topic) in described.iter().enumerate() {
            if position > 0 {
                out.line("")?;
            }
            show(out, topic)?;
        }
        Ok(())
    })?;
    Ok(ExitCode::SUCCESS)
}

fn described(topic: TopicDescription, configs: Vec<ConfigEntry>, all_configs: bool) -> Described {
    let ids = |ids: &[model::BrokerId]| ids.iter().map(|id| id.0).collect();
    let partitions = topic.partitions.iter().map(|partition| DescribedPartition {
        partition: partition.index.0,
        leader: partition.leader.map(|id| id.0),
        leader_epoch: partition.leader_epoch,
        replicas: ids(&partition.replicas),
        isr: ids(&partition.isr),
    });
    let shown = |config: &ConfigEntry| all_configs || config.source != ConfigSource::Default;
    let configs = configs
        .into_iter()
        .filter(shown)
        .map(|config| (config.name, DescribedConfig { value: config.value, source: config.source.name() }));
    Described {
        topic: topic.name.to_string(),
        topic_id: topic.id.to_string(),
        internal: topic.is_internal,
        partitions: partitions.collect(),
        configs: configs.collect(),
    }
}

fn show(out: &mut Out, topic: &Described) -> io::Result<()> {
    out.line(&format!(
        "Topic {} (id {}{})",
        topic.topic,
        topic.topic_id,
        if topic.internal { ", internal" } else { "" }
    ))?;
    out.line("")?;
    let mut partitions = Table::new(&[
        ("PARTITION", Align::Right),
        ("LEADER", Align::Right),
        ("EPOCH", Align::Right),
        ("REPLICAS", Align::Left),
        ("IN SYNC", Align::Left),
    ]);
    for partition in &topic.partitions {
        partitions.row([
            partition.partition.to_string(),
            partition.leader.map_or_else(|| "none".to_owned(), |id| id.to_string()),
            partition.leader_epoch.to_string(),
            id_list(&partition.replicas),
            id_list(&partition.isr),
        ]);
    }
    out.table(&partitions)?;
    if topic.configs.is_empty() {
        return Ok(());
    }
    out.line("")?;
    let mut configs = Table::new(&[("CONFIG", Align::Left), ("VALUE", Align::Left), ("SET BY", Align::Left)]);
    for (name, config) in &topic.configs {
        configs.row([
            name.clone(),
            config.value.clone().unwrap_or_else(|| "(hidden)".to_owned()),
            config.source.to_owned(),
        ]);
    }
    out.table(&configs)
}
