//! What goes to standard output: tables for people, JSON for programs, and nothing after the reader has gone.

mod table;

pub(crate) use table::{Align, Table};

use serde::Serialize;
use std::io::{self, BufWriter, StdoutLock, Write};

/// How a command shows its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum Format {
    /// Aligned columns and plain sentences.
    #[default]
    Table,
    /// One JSON document, or one per line where results come one by one.
    Json,
}

/// Standard output, buffered. Flushed when dropped or by [`Out::flush`].
#[derive(Debug)]
pub(crate) struct Out {
    pub(crate) format: Format,
    writer: BufWriter<StdoutLock<'static>>,
}

impl Out {
    pub(crate) fn new(format: Format) -> Self {
        Self { format, writer: BufWriter::with_capacity(64 * 1024, io::stdout().lock()) }
    }

    pub(crate) fn line(&mut self, text: &str) -> io::Result<()> {
        self.writer.write_all(text.as_bytes())?;
        self.writer.write_all(b"\n")
    }

    pub(crate) fn table(&mut self, table: &Table) -> io::Result<()> {
        self.writer.write_all(table.render().as_bytes())
    }

    /// A whole result, indented.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut self.writer, value)?;
        self.writer.write_all(b"\n")
    }

    /// One result of many, on one line.
    pub(crate) fn json_line(&mut self, value: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.writer, value)?;
        self.writer.write_all(b"\n")
    }

    /// The document in JSON, or the table and sentences that `human` writes.
    pub(crate) fn show(
        &mut self,
        value: &impl Serialize,
        human: impl FnOnce(&mut Self) -> io::Result<()>,
    ) -> io::Result<()> {
        match self.format {
            Format::Table => human(self)?,
            Format::Json => self.json(value)?,
        }
        self.flush()
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// A line to a person watching; standard error, so that output stays clean. There is nobody to tell when it fails.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// The reader of our output has gone (`weir consume | head`): the usual end, not an error.
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
