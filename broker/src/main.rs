//! `weir-broker`: reads its configuration, starts a broker or a controller, stops it on a signal.

use anyhow::Context;
use broker::{
    Broker, RunningBroker, RunningController,
    admin::check,
    config::{self, Arguments, BrokerConfig, LoadedConfig, Notice, Role},
    shutdown::{STOP_LIMIT, StopSignals},
    telemetry::{self, LogFormat},
};
use clap::Parser;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::{
    io::{self, Write},
    process::ExitCode,
    time::Duration,
};
use tikv_jemalloc_ctl::{Access, AsName};
use tokio::runtime::{Builder, Runtime};

mod greeting;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Pages that nobody uses go back to the system after this time (PERFORMANCE: short decay, purged in the background).
const ALLOCATOR_DECAY_MS: isize = 1000;

/// With fewer workers one long request would hold up all others.
const MIN_DATA_WORKERS: usize = 2;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.keys {
        return print(&config::list_keys());
    }
    let is_check = arguments.check;
    let environment =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let loaded = match config::load(arguments.into_sources(environment.collect())) {
        Ok(loaded) => loaded,
        Err(error) => return refuse(&format!("{error}\nweir-broker --keys lists what each key may be")),
    };
    let outcome = if is_check { check::run(&loaded.config) } else { run(loaded) };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => refuse(&format!("{error:#}")),
    }
}

fn refuse(reason: &str) -> ExitCode {
    for line in reason.lines() {
        // Nothing is left to do where standard error is closed.
        let _ = writeln!(io::stderr(), "weir-broker: {line}");
    }
    ExitCode::FAILURE
}

fn print(text: &str) -> ExitCode {
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        // `| head` has seen enough.
        Err(_) => ExitCode::FAILURE,
    }
}

fn run(loaded: LoadedConfig) -> anyhow::Result<()> {
    let format = if loaded.log_format == "json" { LogFormat::Json } else { LogFormat::Text };
    // Dropped last, so that every line is written.
    let _logs = telemetry::start(format, &loaded.log_level)?;
    tell_notices(&loaded.notices);
    raise_descriptor_limit();
    tune_allocator();
    let control = runtime("control", 1)?;
    let data = runtime("data", data_workers())?;
    let outcome = data.block_on(serve(loaded, control.handle().clone()));
    // What still waits for the device or a socket is not waited for: the broker has stopped.
    data.shutdown_timeout(Duration::from_millis(100));
    control.shutdown_background();
    outcome
}

async fn serve(loaded: LoadedConfig, control: tokio::runtime::Handle) -> anyhow::Result<()> {
    let mut signals = StopSignals::listen().context("listen to signals")?;
    let process = tokio::select! {
        started = Process::start(loaded.config, control) => started?,
        // Recovery after a crash may be long, and so may the wait for a controller; nothing has been promised to anybody yet.
        signal = signals.next() => {
            tracing::info!(signal, "stopped while starting");
            return Ok(());
        }
    };
    process.tell_ready();
    let signal = tokio::select! {
        signal = signals.next() => signal,
        reason = process.failed() => anyhow::bail!(reason),
    };
    tracing::info!(signal, "stopping");
    let _at_once = signals.end_at_next();
    tokio::time::timeout(STOP_LIMIT, process.stop()).await.context("stop in time, the next start will recover")??;
    tracing::info!("stopped");
    Ok(())
}

/// What runs, by the roles of the process.
enum Process {
    Broker(Box<RunningBroker>),
    Controller(Box<RunningController>),
}

impl Process {
    async fn start(config: BrokerConfig, control: tokio::runtime::Handle) -> anyhow::Result<Self> {
        match config.role {
            Role::Controller { .. } => Ok(Self::Controller(RunningController::start_on(config, control).await?.into())),
            _ => Ok(Self::Broker(Broker::start_on(config, control).await?.into())),
        }
    }

    fn tell_ready(&self) {
        match self {
            Self::Broker(broker) => greeting::of_broker(broker),
            Self::Controller(controller) => greeting::of_controller(controller),
        }
    }

    async fn failed(&self) -> String {
        match self {
            Self::Broker(broker) => broker.failed().await,
            Self::Controller(controller) => controller.failed().await,
        }
    }

    async fn stop(self) -> anyhow::Result<()> {
        match self {
            Self::Broker(broker) => broker.stop().await,
            Self::Controller(controller) => controller.stop().await,
        }
    }
}

fn data_workers() -> usize {
    std::thread::available_parallelism().map_or(MIN_DATA_WORKERS, |workers| workers.get().max(MIN_DATA_WORKERS))
}

fn runtime(name: &str, workers: usize) -> anyhow::Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(workers).thread_name(name).enable_all();
    builder.build().with_context(|| format!("start the {name} threads"))
}

/// Each connection and each open segment takes a descriptor. The soft limit is small for programs that cannot handle
/// large ones; the hard limit is what the administrator allows.
fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }) {
        tracing::warn!(%error, current = limit.current, "cannot raise the limit on open files");
    }
}

/// A broker runs without it too, with more memory held.
fn tune_allocator() {
    let tuned = tikv_jemalloc_ctl::background_thread::write(true).and_then(|()| {
        for name in ["arenas.dirty_decay_ms\0", "arenas.muzzy_decay_ms\0"] {
            name.as_bytes().name().write(ALLOCATOR_DECAY_MS)?;
        }
        Ok(())
    });
    if let Err(error) = tuned {
        tracing::warn!(%error, "cannot tune the allocator");
    }
}

fn tell_notices(notices: &[Notice]) {
    for notice in notices {
        match notice {
            Notice::Unknown { key, origin, nearest: Some(nearest) } => {
                tracing::warn!(key, %origin, nearest, "unknown configuration key, did you mean the nearest one");
            }
            Notice::Unknown { key, origin, nearest: None } => {
                tracing::warn!(key, %origin, "unknown configuration key");
            }
            Notice::KraftOnly { keys } => {
                tracing::info!(keys = keys.join(" "), "configuration keys of kraft are without effect");
            }
            Notice::WithoutEffect { keys } => {
                tracing::info!(keys = keys.join(" "), "configuration keys are accepted without effect");
            }
            Notice::NoAccessControl { key } => {
                tracing::warn!(key, "access control is asked for but not there, every client may do everything");
            }
            Notice::Alone { voters } => {
                tracing::warn!(voters, "controller.quorum.voters names several brokers, each serves alone");
            }
        }
    }
}
