//! `weir import`

use super::{Session, counted};
use crate::{
    import::{self, Imported},
    output::{Align, Table},
};
use clap::Args;
use serde::Serialize;
use std::{collections::BTreeMap, path::PathBuf, process::ExitCode};

const MORE: &str = "\
Stop Apache Kafka and weir-broker first; neither may use its folder meanwhile. What is given is left as it is.

  weir topic create orders --partitions 1
  kill \"$(pidof weir-broker)\"
  weir import /var/lib/kafka/data/orders-0 --data-dir ./data
  weir-broker";

/// Copy partitions that Apache Kafka wrote into the data folder of a stopped weir-broker
#[derive(Debug, Args)]
#[command(after_help = MORE)]
pub(super) struct Import {
    /// Folders of partitions in a data folder of Apache Kafka, such as /var/lib/kafka/data/orders-0
    #[arg(required = true, value_name = "FOLDER")]
    folders: Vec<PathBuf>,

    /// The data folder of weir-broker
    #[arg(long, value_name = "DIR", default_value = "data")]
    data_dir: PathBuf,
}

#[derive(Serialize)]
struct Shown {
    topic: String,
    partition: i32,
    log_start: i64,
    log_end: i64,
    records: u64,
    segments: usize,
}

impl From<Imported> for Shown {
    fn from(one: Imported) -> Self {
        Self {
            topic: one.topic,
            partition: one.partition.0,
            log_start: one.log_start.0,
            log_end: one.log_end.0,
            records: one.records,
            segments: one.segments,
        }
    }
}

pub(super) fn run(mut session: Session, command: &Import) -> anyhow::Result<ExitCode> {
    let target = import::DataFolder::lock(&command.data_dir)?;
    let mut imported: Vec<Shown> = Vec::new();
    for folder in &command.folders {
        match import::import(folder, &target) {
            Ok(one) => imported.push(one.into()),
            Err(error) if imported.is_empty() => return Err(error),
            Err(error) => {
                show(&mut session, &imported)?;
                return Err(error.context(left_out(&command.folders[..imported.len()])));
            }
        }
    }
    show(&mut session, &imported)?;
    Ok(ExitCode::SUCCESS)
}

fn left_out(imported: &[PathBuf]) -> String {
    let folders: Vec<_> = imported.iter().map(|folder| folder.display().to_string()).collect();
    format!("imported already, to be left out when this is repeated: {}; then", folders.join(" "))
}

fn show(session: &mut Session, imported: &[Shown]) -> std::io::Result<()> {
    session.out.show(&imported, |out| {
        let mut table = Table::new(&[
            ("TOPIC", Align::Left),
            ("PARTITION", Align::Right),
            ("LOG START", Align::Right),
            ("LOG END", Align::Right),
            ("RECORDS", Align::Right),
        ]);
        for one in imported {
            table.row([
                one.topic.clone(),
                one.partition.to_string(),
                one.log_start.to_string(),
                one.log_end.to_string(),
                one.records.to_string(),
            ]);
        }
        out.table(&table)?;
        out.line(&format!(
            "{} imported; create what is not there yet: {}",
            counted(imported.len(), "partition"),
            needed(imported)
        ))
    })
}

/// The broker takes a partition in only where the topic has it.
fn needed(imported: &[Shown]) -> String {
    let mut topics: BTreeMap<&str, usize> = BTreeMap::new();
    for one in imported {
        let partitions = topics.entry(&one.topic).or_default();
        *partitions = (*partitions).max(one.partition as usize + 1);
    }
    let needed =
        topics.iter().map(|(topic, partitions)| format!("{topic} with at least {}", counted(*partitions, "partition")));
    needed.collect::<Vec<_>>().join(", ")
}
