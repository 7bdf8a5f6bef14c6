//! What a broker costs, beside the floor of the machine and Apache Kafka: `make bench` and `make bench-guard`.
//!
//! It is: a load generator ([`load`]) with the requests it sends ([`frames`]), load tools of others ([`client`]), the
//! floor ([`floor`]), the systems as processes ([`systems`]) with their CPU and memory ([`process`]), what is measured
//! ([`rows`]), how a run goes ([`run`]), and what it leaves ([`figures`], [`report`], [`guard`]).
//!
//! It is not: part of the broker, or a judge of wall time. It never imports the broker; any Kafka broker can stand in.
//!
//! It promises: ratios come from passes of the same number in one run, a refused request ends the measurement, and a
//! figure that was taken while others were busy says so.
//!
//! Start with [`rows`].

mod admin;
mod arguments;
mod client;
mod figures;
mod floor;
mod frames;
mod guard;
mod load;
mod machine;
mod measure;
mod network;
mod process;
mod report;
mod rows;
mod run;
mod systems;

use anyhow::{Context, Result, ensure};
use arguments::{Arguments, Command, GuardArguments, Peer, Place, RunArguments};
use clap::Parser;
use machine::Environment;
use measure::Window;
use rows::{Case, Need};
use run::{Bench, Foreign, say};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::{io::Write, path::Path, time::Duration};
use systems::Program;

const WARM: Duration = Duration::from_millis(500);
/// Far below what the page cache of a small machine takes before it makes writers wait.
const MOST_BYTES: u64 = 1 << 30;
const GUARD_PASSES: usize = 7;
const GUARD_WINDOW: Duration = Duration::from_millis(1_000);

fn main() -> Result<()> {
    raise_descriptor_limit()?;
    match Arguments::parse().command {
        Command::Run(arguments) => run(&arguments),
        Command::Guard(arguments) => guard(&arguments),
        Command::Rows => rows(),
        Command::Floor(arguments) => floor::serve(arguments.listen, &arguments.data_dir),
    }
}

/// Thousands of connections need as many descriptors, here and in the systems, which inherit the limit.
fn raise_descriptor_limit() -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).context("raise the descriptor limit")
}

fn run(arguments: &RunArguments) -> Result<()> {
    let mut cases = rows::choose(rows::cases(), &arguments.rows)?;
    let place = &arguments.place;
    let foreign = arguments.address.map(|address| Foreign { address, pid: arguments.pid });
    let (mut programs, mut missing) = (Vec::new(), Vec::new());
    if foreign.is_none() {
        programs.push(ours(place)?);
    } else {
        missing.push((Need::OwnServer, "they start the broker themselves".to_owned()));
    }
    programs.push(Program::Floor);
    if let Err(error) = rows::librdkafka_tool() {
        missing.push((Need::Librdkafka, format!("{error:#}")));
    }
    // The network of the run itself leads to no repository of jars.
    if arguments.peer == Peer::Kafka {
        programs.push(Program::Kafka { classpath: systems::fetch_kafka(Path::new("."))? });
    } else if cases.iter().any(|case| case.needs == Some(Need::KafkaJars))
        && let Err(error) = systems::fetch_kafka(Path::new("."))
    {
        missing.push((Need::KafkaJars, format!("{error:#}")));
    }
    // A broker of somebody else is reached through the network of the machine.
    if foreign.is_none() {
        own_network(place)?;
    }
    leave_out(&mut cases, &missing)?;
    let window = Window { warm: WARM, length: Duration::from_secs_f64(arguments.seconds), most_bytes: MOST_BYTES };
    let bench = Bench::start(&programs, foreign, place, window)?;
    let environment = Environment::here(Path::new("."), &place.output)?;
    let mut samples = Vec::new();
    let ended = bench.run(&cases, arguments.passes, &mut samples);
    if samples.is_empty() {
        return ended;
    }
    let lines = figures::lines(&samples);
    let path = report::write(&place.output, &environment, &lines, &samples)?;
    let plots = place.output.join("plots");
    let drawn = report::plot::write(&plots, &lines)?.len();
    let mut out = std::io::stdout();
    writeln!(out, "\n{}", report::table(&environment, &lines))?;
    writeln!(out, "raw results: {}; plots: {drawn} in {}", path.display(), plots.display())?;
    ended.context("the run ended early, the table has the cases before")
}

fn guard(arguments: &GuardArguments) -> Result<()> {
    let place = &arguments.place;
    let programs = [ours(place)?, Program::Floor];
    own_network(place)?;
    let window = Window { warm: WARM, length: GUARD_WINDOW, most_bytes: MOST_BYTES };
    let bench = Bench::start(&programs, None, place, window)?;
    let mut samples = Vec::new();
    bench.run(&guard::cases()?, GUARD_PASSES, &mut samples)?;
    let lines = figures::lines(&samples);
    let environment = Environment::here(Path::new("."), &place.output)?;
    writeln!(std::io::stdout(), "\n{}", report::table(&environment, &lines))?;
    let ratios = guard::ratios(&lines);
    if arguments.write {
        return guard::write(&arguments.ratios, &ratios);
    }
    guard::compare(&ratios, &guard::read(&arguments.ratios)?)
}

fn rows() -> Result<()> {
    let mut out = std::io::stdout();
    rows::cases().iter().try_for_each(|case| writeln!(out, "{:<16} {}", case.name, case.about)).context("list the rows")
}

fn ours(place: &Place) -> Result<Program> {
    let binary = &place.broker;
    ensure!(binary.exists(), "{} is not built", binary.display());
    Ok(Program::Weir { binary: binary.canonicalize()? })
}

/// Before anything is measured: an hour later it would cost the figures of the other rows.
fn leave_out(cases: &mut Vec<Case>, missing: &[(Need, String)]) -> Result<()> {
    for (need, reason) in missing {
        let names = rows::leave_out(cases, *need);
        if !names.is_empty() {
            say(&format!("left out: {} ({reason})", names.join(", ")));
        }
    }
    ensure!(!cases.is_empty(), "no row is left");
    Ok(())
}

fn own_network(place: &Place) -> Result<()> {
    if !place.here
        && let Some(reason) = network::enter()?
    {
        say(reason);
    }
    Ok(())
}
