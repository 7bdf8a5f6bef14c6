//! `weir-operator`: reads its command line and runs until it is told to stop.

use anyhow::Context as _;
use clap::Parser as _;
use operator::arguments::{Arguments, LogFormat};
use std::{
    io::{self, Write as _},
    process::ExitCode,
    time::Duration,
};
use tracing_subscriber::EnvFilter;

/// Clusters are many small tasks; two let one wait for a long one.
const WORKERS: usize = 2;

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to do where standard error is closed.
            let _ = writeln!(io::stderr(), "weir-operator: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&arguments.log_level).context("read --log-level")?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    match arguments.log_format {
        LogFormat::Text => lines.with_ansi(false).init(),
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).with_span_list(false).init(),
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build();
    let runtime = runtime.context("start the runtime")?;
    let ended = runtime.block_on(operator::process::run(arguments));
    // An operator that lost its lease must not go on: what still runs is not waited for.
    runtime.shutdown_timeout(Duration::ZERO);
    ended
}
