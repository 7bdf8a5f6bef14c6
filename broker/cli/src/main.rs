//! `weir`: topics, groups, produce and consume from the command line.
//!
//! It is: a small Kafka client of its own ([`client`]), commands in our own style ([`commands`]), and the same things
//! under the names and flags of Apache Kafka's tools ([`kafka_tools`]), so that a script written for those runs.
//!
//! It is not: a library, or a client for applications. It imports nothing of the broker but ids and record batches.
//!
//! It promises: exit code 0 when it did what was asked, 1 when it could not, 2 when the command line made no sense;
//! errors say what failed, where, and what to do; results on standard output, everything else on standard error;
//! Ctrl-C ends it properly, and a reader that goes away (`weir consume … | head`) is no error.
//!
//! Start with [`commands`].

mod client;
mod commands;
mod import;
mod input;
mod kafka_tools;
mod output;
mod pattern;
mod reading;
mod reset_offsets;
mod session;
mod stop;
mod time_text;
mod writing;

use std::{ffi::OsString, path::Path, process::ExitCode};

fn main() -> ExitCode {
    let mut arguments = Vec::new();
    for argument in std::env::args_os() {
        match argument.into_string() {
            Ok(text) => arguments.push(text),
            Err(bytes) => {
                return usage_error(&format!("{}: not valid UTF-8", Path::new(&bytes as &OsString).display()));
            }
        }
    }
    let called_as = arguments.first().map_or("weir", |path| path.rsplit('/').next().unwrap_or(path)).to_owned();
    // As a link to the binary, or as the first argument of it.
    if let Some(tool) = kafka_tools::Tool::from_name(&called_as) {
        return run(kafka_tools::run(tool, arguments.get(1..).unwrap_or_default().to_vec()));
    }
    if let Some(tool) = arguments.get(1).and_then(|name| kafka_tools::Tool::from_name(name)) {
        return run(kafka_tools::run(tool, arguments[2..].to_vec()));
    }
    match commands::parse(&arguments) {
        Ok(command) => run(commands::run(command)),
        Err(code) => code,
    }
}

fn usage_error(text: &str) -> ExitCode {
    output::note(&format!("error: {text}"));
    ExitCode::from(2)
}

fn run(command: impl Future<Output = anyhow::Result<ExitCode>>) -> ExitCode {
    // Two workers: one may be blocked by a full pipe at standard output while the other sends heartbeats.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            output::note(&format!("error: cannot start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(command);
    // A thread that waits for input at a terminal cannot be stopped and need not be waited for.
    runtime.shutdown_background();
    match outcome {
        Ok(code) => code,
        Err(error) if output::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            output::note(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
