//! `weir group reset-offsets`

use crate::{
    client::ClientError,
    commands::Session,
    output::{Align, Table, note},
    reset_offsets::{self, Notice, Plan, Target},
    time_text,
};
use clap::Args;
use kafka_protocol::error::ResponseError;
use model::GroupId;
use serde::Serialize;
use std::process::ExitCode;

pub(super) const EXAMPLES: &str = "\
Without --execute it only shows what would be.

Examples:
  weir group reset-offsets billing --topic orders --to earliest
  weir group reset-offsets billing --topic orders --to latest --execute
  weir group reset-offsets billing --topic orders:0,2 --to 1500 --execute
  weir group reset-offsets billing --all-topics --shift-by=-100 --execute
  weir group reset-offsets billing --all-topics --to 2026-11-21T10:00Z --execute";

#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("scope").required(true).args(["topics", "all_topics"])))]
#[command(group(clap::ArgGroup::new("target").required(true).args(["to", "shift_by"])))]
pub(in crate::commands) struct ResetOffsets {
    /// The group
    group: String,
    /// A topic, or some of its partitions (may be repeated)
    #[arg(short, long = "topic", value_name = "TOPIC[:N,…]", id = "topics")]
    topics: Vec<String>,
    /// All topics the group has offsets of
    #[arg(long)]
    all_topics: bool,
    /// Where to: earliest, latest, current, an offset, or a time such as 2026-11-21T10:00Z
    #[arg(long, value_parser = parse_target)]
    to: Option<Target>,
    /// By how many records, negative for back
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    shift_by: Option<i64>,
    /// Do it
    #[arg(long)]
    execute: bool,
}

fn parse_target(text: &str) -> Result<Target, String> {
    match text {
        "earliest" | "beginning" => Ok(Target::Earliest),
        "latest" | "end" => Ok(Target::Latest),
        "current" => Ok(Target::Current),
        _ => {
            let offset = text.parse().ok().map(Target::Offset);
            let time = || time_text::parse_time(text).map(Target::At);
            offset.or_else(time).ok_or_else(|| {
                "write earliest, latest, current, an offset, or a time such as 2026-11-21T10:00Z".to_owned()
            })
        }
    }
}

#[derive(Serialize)]
struct Report<'a> {
    group: &'a str,
    executed: bool,
    partitions: Vec<Moved>,
}

#[derive(Serialize)]
struct Moved {
    topic: String,
    partition: i32,
    old_offset: Option<i64>,
    new_offset: i64,
}

pub(super) async fn run(mut session: Session, reset: ResetOffsets) -> anyhow::Result<ExitCode> {
    let admin = session.admin().await?;
    let group = GroupId::from(reset.group.as_str());
    if let Some(state) = reset_offsets::active_state(&admin, &group).await? {
        let refused = ClientError::Refused {
            code: ResponseError::NonEmptyGroup,
            message: Some(format!("it is {state}, and offsets can be reset only while a group has no members")),
            subject: format!("group {group}"),
        };
        return Err(refused.into());
    }
    let committed = admin.committed_offsets(&group).await?;
    let partitions = if reset.all_topics {
        committed.keys().cloned().collect()
    } else {
        reset_offsets::scope(&admin, &reset.topics).await?
    };
    let target = reset.to.or(reset.shift_by.map(Target::ShiftBy)).expect("one of the two is required");
    let Plan { offsets, notices } = reset_offsets::plan(&admin, &group, &partitions, &target).await?;
    notices.iter().for_each(explain);
    if reset.execute {
        admin.alter_offsets(&group, &offsets).await?;
    }
    let moved = offsets.iter().map(|(partition, offset)| Moved {
        topic: partition.topic.to_string(),
        partition: partition.partition.0,
        old_offset: committed.get(partition).map(|committed| committed.offset.0),
        new_offset: offset.0,
    });
    let report = Report { group: &reset.group, executed: reset.execute, partitions: moved.collect() };
    session.out.show(&report, |out| {
        let mut table = Table::new(&[
            ("TOPIC", Align::Left),
            ("PARTITION", Align::Right),
            ("OFFSET", Align::Right),
            ("NEW OFFSET", Align::Right),
        ]);
        for moved in &report.partitions {
            let old = moved.old_offset.map_or_else(|| "-".to_owned(), |offset| offset.to_string());
            table.row([moved.topic.clone(), moved.partition.to_string(), old, moved.new_offset.to_string()]);
        }
        if table.is_empty() { out.line("nothing to move") } else { out.table(&table) }
    })?;
    if !reset.execute {
        note("nothing was changed; add --execute to do it");
    }
    Ok(ExitCode::SUCCESS)
}

fn explain(notice: &Notice) {
    match notice {
        Notice::Clamped { partition, asked, to } => {
            note(&format!("partition {partition}: {asked} is out of range, {to} is nearest"))
        }
        Notice::NothingSoNew { partition } => note(&format!("partition {partition}: no record is so new, so the end")),
    }
}
