//! `weir topic`

mod change;
mod show;

use super::Session;
use clap::{Args, Subcommand};
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub(super) enum TopicCommand {
    /// Make a topic
    #[command(after_help = CREATE_EXAMPLES)]
    Create(Create),
    /// List topics
    #[command(after_help = "Examples:\n  weir topic list\n  weir topic list 'orders.*'")]
    List(List),
    /// Show partitions, replicas and configuration of topics
    #[command(after_help = "Examples:\n  weir topic describe orders\n  weir topic describe orders --all-configs")]
    Describe(Describe),
    /// Add partitions or change configuration
    #[command(after_help = ALTER_EXAMPLES)]
    Alter(Alter),
    /// Delete topics and all their records
    #[command(after_help = "Examples:\n  weir topic delete orders\n  weir topic delete orders payments --if-exists")]
    Delete(Delete),
}

const CREATE_EXAMPLES: &str = "\
Examples:
  weir topic create orders
  weir topic create orders --partitions 12 --replication-factor 3
  weir topic create state --config cleanup.policy=compact";

const ALTER_EXAMPLES: &str = "\
Examples:
  weir topic alter orders --partitions 6
  weir topic alter orders --config retention.ms=3600000
  weir topic alter orders --delete-config retention.ms";

#[derive(Debug, Args)]
pub(super) struct Create {
    /// The topic
    name: String,
    /// Number of partitions [default: the broker's num.partitions]
    #[arg(short, long, value_parser = clap::value_parser!(i32).range(1..))]
    partitions: Option<i32>,
    /// Copies of each partition [default: the broker's default.replication.factor]
    #[arg(short, long, value_parser = clap::value_parser!(i16).range(1..))]
    replication_factor: Option<i16>,
    /// Configuration of the topic (may be repeated)
    #[arg(short, long = "config", value_name = "NAME=VALUE", value_parser = super::name_and_value)]
    configs: Vec<(String, String)>,
    /// No error when the topic is there already
    #[arg(long)]
    if_not_exists: bool,
    /// Only say whether it would be made
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
pub(super) struct List {
    /// A regular expression that whole names must match
    pattern: Option<String>,
    /// Also the cluster's own topics, such as __consumer_offsets
    #[arg(long)]
    internal: bool,
}

#[derive(Debug, Args)]
pub(super) struct Describe {
    /// Topics to show
    #[arg(required = true)]
    names: Vec<String>,
    /// Also configuration that is at its default
    #[arg(long)]
    all_configs: bool,
}

#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("change").required(true).multiple(true).args(["partitions", "set", "unset"])))]
pub(super) struct Alter {
    /// The topic
    name: String,
    /// The new number of partitions; it can only grow
    #[arg(short, long, value_parser = clap::value_parser!(i32).range(1..))]
    partitions: Option<i32>,
    /// Configuration to set (may be repeated)
    #[arg(short, long = "config", id = "set", value_name = "NAME=VALUE", value_parser = super::name_and_value)]
    set: Vec<(String, String)>,
    /// Configuration to put back to the broker's default (may be repeated)
    #[arg(long = "delete-config", id = "unset", value_name = "NAME")]
    unset: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct Delete {
    /// Topics to delete
    #[arg(required = true)]
    names: Vec<String>,
    /// No error for topics that are not there
    #[arg(long)]
    if_exists: bool,
}

pub(super) async fn run(session: Session, command: TopicCommand) -> anyhow::Result<ExitCode> {
    match command {
        TopicCommand::Create(create) => change::create(session, create).await,
        TopicCommand::List(list) => show::list(session, list).await,
        TopicCommand::Describe(describe) => show::describe(session, describe).await,
        TopicCommand::Alter(alter) => change::alter(session, alter).await,
        TopicCommand::Delete(delete) => change::delete(session, delete).await,
    }
}
