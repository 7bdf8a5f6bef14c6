//! The command line.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::{net::SocketAddr, path::PathBuf};

/// Measures a Kafka broker beside the floor of the machine and Apache Kafka, all in one run.
#[derive(Debug, Parser)]
#[command(name = "bench")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Measure rows and print one table
    Run(RunArguments),
    /// Compare CPU per unit, divided by the floor's, with the ratios that are committed
    Guard(GuardArguments),
    /// List the rows
    Rows,
    /// Serve as the floor (started by `run` and `guard`)
    Floor(FloorArguments),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Peer {
    Kafka,
    None,
}

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// Rows or cases, as `bench rows` lists them; all if none is given
    #[arg(long, value_delimiter = ',', value_name = "ROW,ROW/CASE,...")]
    pub(crate) rows: Vec<String>,
    /// What to compare with
    #[arg(long, value_enum, default_value = "kafka")]
    pub(crate) peer: Peer,
    /// Passes that count; one more before them is dropped
    #[arg(long, default_value_t = 5)]
    pub(crate) passes: usize,
    /// Length of a pass
    #[arg(long, default_value_t = 2.0)]
    pub(crate) seconds: f64,
    /// A broker that runs already, to be measured in place of ours
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) address: Option<SocketAddr>,
    /// Its process, if it is on this machine; without it its CPU is not known
    #[arg(long, requires = "address")]
    pub(crate) pid: Option<u32>,
    #[command(flatten)]
    pub(crate) place: Place,
}

#[derive(Debug, Args)]
pub(crate) struct GuardArguments {
    /// The ratios that must hold
    #[arg(long, default_value = "broker/bench/guard.json")]
    pub(crate) ratios: PathBuf,
    /// Write the measured ratios there instead of comparing
    #[arg(long)]
    pub(crate) write: bool,
    #[command(flatten)]
    pub(crate) place: Place,
}

/// Where things are, from the folder of the project.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// Our broker
    #[arg(long, default_value = "target/release/weir-broker")]
    pub(crate) broker: PathBuf,
    /// Data folders and logs while it runs, results afterwards
    #[arg(long, default_value = "build/bench")]
    pub(crate) output: PathBuf,
    /// First of the ports that are used
    #[arg(long, default_value_t = 23300)]
    pub(crate) port: u16,
    /// CPUs that others may keep busy before a pass is repeated
    #[arg(long, default_value_t = 0.2)]
    pub(crate) quiet: f64,
    /// Stay in the network of the machine with its congestion control
    #[arg(long)]
    pub(crate) here: bool,
}

#[derive(Debug, Args)]
pub(crate) struct FloorArguments {
    #[arg(long)]
    pub(crate) listen: SocketAddr,
    #[arg(long)]
    pub(crate) data_dir: PathBuf,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn rows_are_given_with_commas() {
        let arguments = Arguments::try_parse_from(["bench", "run", "--rows", "P1,P5/16", "--peer", "none"]).unwrap();
        let Command::Run(run) = arguments.command else { panic!("it is a run") };
        assert_eq!(run.rows, ["P1", "P5/16"]);
        assert_eq!(run.peer, Peer::None);
    }
}
