//! `weir import`

use super::{Session, counted};
use crate::{
    import::{self, Imported},
    output::{Align, Table},
};
use clap::Args;
use serde::Serialize;
use std::{path::PathBuf, process::ExitCode};

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

pub(super) fn run(mut session: Session, command: &Import) -> anyhow::Result<ExitCode> {
    let target = import::DataFolder::lock(&command.data_dir)?;
    let imported: Vec<Imported> =
        command.folders.iter().map(|folder| import::import(folder, &target)).collect::<anyhow::Result<_>>()?;
    let shown: Vec<_> = imported
        .into_iter()
        .map(|one| Shown {
            topic: one.topic,
            partition: one.partition.0,
            log_start: one.log_start.0,
            log_end: one.log_end.0,
            records: one.records,
            segments: one.segments,
        })
        .collect();
    session.out.show(&shown, |out| {
        let mut table = Table::new(&[
            ("TOPIC", Align::Left),
            ("PARTITION", Align::Right),
            ("LOG START", Align::Right),
            ("LOG END", Align::Right),
            ("RECORDS", Align::Right),
        ]);
        for one in &shown {
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
            "{} imported; a topic that is not there yet has to be created",
            counted(shown.len(), "partition")
        ))
    })?;
    Ok(ExitCode::SUCCESS)
}
