//! Logs: `tracing` to standard error, as text for people or JSON for machines.
//!
//! Lines pass a bounded queue to a thread of their own. A reader of standard error that stops reading (a full pipe of a
//! container runtime) then costs lines, which are counted, and never a request.

mod writer;

pub use writer::{LogWriter, LogWriterGuard};

use anyhow::Context;
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// `weir.log.format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

/// Starts logging for the whole process. Lines still in the queue are written when the guard is dropped.
pub fn start(format: LogFormat, filter: &str) -> anyhow::Result<LogWriterGuard> {
    let filter = EnvFilter::try_new(filter).with_context(|| format!("read log level \"{filter}\""))?;
    let is_terminal = std::io::stderr().is_terminal();
    let (writer, guard) = LogWriter::start(std::io::stderr())?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    let started = match format {
        LogFormat::Text => builder.with_ansi(is_terminal).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("start logging: {error}"))?;
    Ok(guard)
}
