//! Topics made, altered, deleted.

use super::{Alter, Create, Delete};
use crate::{
    client::admin::{ConfigChange, NewTopic, Resource},
    commands::{Session, counted},
    output::note,
};
use kafka_protocol::error::ResponseError;
use model::TopicName;
use serde::Serialize;
use std::process::ExitCode;

#[derive(Serialize)]
struct Created<'a> {
    topic: &'a str,
    created: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    topic_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    partitions: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replication_factor: Option<i16>,
}

pub(super) async fn create(mut session: Session, create: Create) -> anyhow::Result<ExitCode> {
    let admin = session.admin().await?;
    let topic = NewTopic {
        name: create.name.clone(),
        partitions: create.partitions,
        replication_factor: create.replication_factor,
        configs: create.configs.into_iter().collect(),
        ..NewTopic::default()
    };
    let created = match admin.create_topic(&topic, create.dry_run).await {
        Err(error) if create.if_not_exists && error.code() == Some(ResponseError::TopicAlreadyExists) => None,
        outcome => Some(outcome?),
    };
    let report = Created {
        topic: &create.name,
        created: created.is_some() && !create.dry_run,
        topic_id: created.as_ref().filter(|created| !created.id.is_zero()).map(|created| created.id.to_string()),
        partitions: created.as_ref().map(|created| created.partitions),
        replication_factor: created.as_ref().map(|created| created.replication_factor),
    };
    session.out.show(&report, |out| match &created {
        None => out.line(&format!("topic {} exists already", create.name)),
        Some(created) => {
            let partitions = counted(usize::try_from(created.partitions).unwrap_or(0), "partition");
            let verb = if create.dry_run { "could be created" } else { "created" };
            out.line(&format!(
                "topic {} {verb}: {partitions}, replication factor {}",
                create.name, created.replication_factor
            ))
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

#[derive(Serialize)]
struct Altered<'a> {
    topic: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    partitions: Option<i32>,
    configs_set: Vec<&'a str>,
    configs_deleted: Vec<&'a str>,
}

pub(super) async fn alter(mut session: Session, alter: Alter) -> anyhow::Result<ExitCode> {
    let admin = session.admin().await?;
    let topic = TopicName::from(alter.name.as_str());
    let set = alter.set.iter().map(|(name, value)| ConfigChange::Set { name: name.clone(), value: value.clone() });
    let unset = alter.unset.iter().map(|name| ConfigChange::Delete { name: name.clone() });
    let changes: Vec<_> = set.chain(unset).collect();
    if !changes.is_empty() {
        admin.alter_configs(&Resource::Topic(topic.clone()), &changes).await?;
    }
    if let Some(count) = alter.partitions {
        admin.create_partitions(&topic, count, &[]).await?;
    }
    let report = Altered {
        topic: &alter.name,
        partitions: alter.partitions,
        configs_set: alter.set.iter().map(|(name, _)| name.as_str()).collect(),
        configs_deleted: alter.unset.iter().map(String::as_str).collect(),
    };
    session.out.show(&report, |out| {
        if let Some(count) = alter.partitions {
            let count = counted(usize::try_from(count).unwrap_or(0), "partition");
            out.line(&format!("topic {} has {count} now", alter.name))?;
        }
        alter.set.iter().try_for_each(|(name, value)| out.line(&format!("topic {}: {name}={value}", alter.name)))?;
        alter.unset.iter().try_for_each(|name| out.line(&format!("topic {}: {name} is the broker's again", alter.name)))
    })?;
    Ok(ExitCode::SUCCESS)
}

#[derive(Serialize)]
struct Deleted<'a> {
    topic: &'a str,
    deleted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

pub(super) async fn delete(mut session: Session, delete: Delete) -> anyhow::Result<ExitCode> {
    let admin = session.admin().await?;
    let names: Vec<TopicName> = delete.names.iter().map(|name| TopicName::from(name.as_str())).collect();
    let outcomes = admin.delete_topics(&names).await?;
    let excused = |outcome: &crate::client::Result<()>| {
        let code = outcome.as_ref().err().and_then(crate::client::ClientError::code);
        delete.if_exists && code == Some(ResponseError::UnknownTopicOrPartition)
    };
    let failed = outcomes.iter().any(|(_, outcome)| outcome.is_err() && !excused(outcome));
    let reports: Vec<Deleted<'_>> = outcomes
        .iter()
        .map(|(topic, outcome)| Deleted {
            topic,
            deleted: outcome.is_ok(),
            error: outcome.as_ref().err().filter(|_| !excused(outcome)).map(ToString::to_string),
        })
        .collect();
    session.out.show(&reports, |out| {
        for report in &reports {
            match &report.error {
                Some(error) => note(&format!("error: {error}")),
                None if report.deleted => out.line(&format!("topic {} deleted", report.topic))?,
                None => out.line(&format!("topic {} is not there", report.topic))?,
            }
        }
        Ok(())
    })?;
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
