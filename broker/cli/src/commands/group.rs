//! `weir group`

mod reset;
mod show;

use super::Session;
use crate::output::note;
use clap::{Args, Subcommand};
use model::GroupId;
use serde::Serialize;
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub(super) enum GroupCommand {
    /// List groups
    #[command(after_help = "Examples:\n  weir group list\n  weir group list --state stable,empty")]
    List(List),
    /// Show where a group stands, and its members
    #[command(after_help = "Examples:\n  weir group describe billing\n  weir group describe billing --members")]
    Describe(Describe),
    /// Move the offsets of a group without members
    #[command(after_help = reset::EXAMPLES)]
    ResetOffsets(reset::ResetOffsets),
    /// Delete groups and their offsets
    #[command(after_help = "Examples:\n  weir group delete billing")]
    Delete(Delete),
}

#[derive(Debug, Args)]
pub(super) struct List {
    /// Only groups in these states: stable, empty, preparingRebalance, completingRebalance, dead
    #[arg(long = "state", value_delimiter = ',')]
    states: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct Describe {
    /// The group
    group: String,
    /// Show the members and what each reads
    #[arg(short, long)]
    members: bool,
}

#[derive(Debug, Args)]
pub(super) struct Delete {
    /// Groups to delete
    #[arg(required = true)]
    groups: Vec<String>,
}

pub(super) async fn run(session: Session, command: GroupCommand) -> anyhow::Result<ExitCode> {
    match command {
        GroupCommand::List(list) => show::list(session, list).await,
        GroupCommand::Describe(describe) => show::describe(session, describe).await,
        GroupCommand::ResetOffsets(reset) => reset::run(session, reset).await,
        GroupCommand::Delete(delete) => run_delete(session, delete).await,
    }
}

#[derive(Serialize)]
struct Deleted<'a> {
    group: &'a str,
    deleted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

async fn run_delete(mut session: Session, delete: Delete) -> anyhow::Result<ExitCode> {
    let admin = session.admin().await?;
    let mut reports = Vec::new();
    for group in &delete.groups {
        let outcome = admin.delete_group(&GroupId::from(group.as_str())).await;
        reports.push(Deleted { group, deleted: outcome.is_ok(), error: outcome.err().map(|error| error.to_string()) });
    }
    session.out.show(&reports, |out| {
        for report in &reports {
            match &report.error {
                None => out.line(&format!("group {} deleted", report.group))?,
                Some(error) => note(&format!("error: {error}")),
            }
        }
        Ok(())
    })?;
    Ok(if reports.iter().any(|report| !report.deleted) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
