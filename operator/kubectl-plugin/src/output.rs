//! Standard output: text for people, JSON for programs.

use crate::arguments::Format;
use serde::Serialize;
use std::io::{self, Write as _};

pub(crate) fn show<T: Serialize>(format: Format, value: &T, text: impl FnOnce(&T) -> String) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match format {
        Format::Table => out.write_all(text(value).as_bytes())?,
        Format::Json => {
            serde_json::to_writer_pretty(&mut out, value).map_err(io::Error::from)?;
            out.write_all(b"\n")?;
        }
    }
    Ok(out.flush()?)
}

/// As in `kubectl weir partitions … | head`.
pub(crate) fn reader_is_gone(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// For people, beside the result.
pub(crate) fn note(text: &str) {
    // Nothing is left to do where standard error is closed.
    let _ = writeln!(io::stderr(), "{text}");
}
