//! The commands of `weir` itself, one file each.

mod cluster;
mod consume;
mod group;
mod import;
mod produce;
mod record_json;
mod topic;

use crate::{
    client::{Cluster, admin::Admin},
    output::{Format, Out},
    session::{self, Properties},
};
use clap::{Args, Parser, Subcommand};
use std::process::ExitCode;

const ABOUT: &str = "Topics, groups, produce and consume on a Kafka cluster";

const EXAMPLES: &str = "\
Examples:
  weir topic create orders --partitions 3
  echo 'hello' | weir produce orders
  weir consume orders --from beginning
  weir group list
  weir cluster -o json

The cluster is that of --bootstrap-server, else WEIR_BOOTSTRAP_SERVER, else localhost:9092.

By these names (links to this program, or `weir kafka-topics …`) it takes the flags of
Apache Kafka's tools: kafka-topics, kafka-console-producer, kafka-console-consumer,
kafka-consumer-groups, kafka-configs, kafka-get-offsets, kafka-broker-api-versions.";

#[derive(Debug, Parser)]
#[command(name = "weir", version, about = ABOUT, after_help = EXAMPLES, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
struct Global {
    /// Brokers to reach the cluster by, separated by commas [default: $WEIR_BOOTSTRAP_SERVER or localhost:9092]
    #[arg(short, long, global = true, value_name = "HOST:PORT,…", help_heading = "Cluster and output")]
    bootstrap_server: Option<String>,

    /// How to print results
    #[arg(short, long, global = true, value_enum, default_value_t, help_heading = "Cluster and output")]
    output: Format,

    /// A client property as Kafka names it, such as request.timeout.ms=5000 (may be repeated)
    #[arg(
        short = 'X',
        long = "property",
        global = true,
        value_name = "NAME=VALUE",
        help_heading = "Cluster and output"
    )]
    properties: Vec<String>,

    /// A file of such properties
    #[arg(long, global = true, value_name = "FILE", help_heading = "Cluster and output")]
    command_config: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Create, list, describe, alter and delete topics
    #[command(subcommand)]
    Topic(topic::TopicCommand),
    /// Send records: lines of standard input, or the values given
    Produce(produce::Produce),
    /// Print records
    Consume(consume::Consume),
    /// List, describe, reset and delete consumer groups
    #[command(subcommand)]
    Group(group::GroupCommand),
    /// Show the brokers of the cluster
    Cluster,
    Import(import::Import),
}

/// What a command works with.
struct Session {
    bootstrap: Option<String>,
    properties: Properties,
    out: Out,
}

impl Session {
    fn new(global: Global) -> anyhow::Result<Self> {
        let mut properties =
            global.command_config.as_deref().map(Properties::from_file).transpose()?.unwrap_or_default();
        properties.extend(Properties::from_arguments(&global.properties)?);
        Ok(Self { bootstrap: global.bootstrap_server, properties, out: Out::new(global.output) })
    }

    async fn connect(&self) -> anyhow::Result<Cluster> {
        let options = session::client_options(self.bootstrap.as_deref(), "weir", &self.properties)?;
        Ok(session::connect(options).await?)
    }

    async fn admin(&self) -> anyhow::Result<Admin> {
        Ok(Admin::new(self.connect().await?))
    }
}

/// The command, or the exit code after help or an error was printed.
pub(crate) fn parse(arguments: &[String]) -> Result<Cli, ExitCode> {
    Cli::try_parse_from(arguments).map_err(|error| {
        // Nobody to tell when standard output has gone.
        let _ = error.print();
        ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
    })
}

pub(crate) async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let session = Session::new(cli.global)?;
    match cli.command {
        Command::Topic(command) => topic::run(session, command).await,
        Command::Produce(command) => produce::run(session, command).await,
        Command::Consume(command) => consume::run(session, command).await,
        Command::Group(command) => group::run(session, command).await,
        Command::Cluster => cluster::run(session).await,
        Command::Import(command) => import::run(session, &command),
    }
}

/// `name=value` as an argument.
fn name_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.trim().to_owned())),
        _ => Err("write NAME=VALUE".to_owned()),
    }
}

/// Ids as a list, `-` for none.
fn id_list<I: std::fmt::Display>(ids: &[I]) -> String {
    if ids.is_empty() { "-".to_owned() } else { ids.iter().map(I::to_string).collect::<Vec<_>>().join(",") }
}

/// "1 topic", "2 topics".
fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_shows_examples_in_its_help() {
        fn check(command: &clap::Command, path: &str) {
            for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
                let path = format!("{path} {}", sub.get_name());
                if sub.has_subcommands() {
                    check(sub, &path);
                } else if sub.get_name() != "cluster" {
                    let examples = sub.get_after_help().map(ToString::to_string).unwrap_or_default();
                    assert!(examples.contains(&path), "{path} has no example of itself");
                }
            }
        }
        check(&Cli::command(), "weir");
    }
}
