//! `kubectl weir`: a cluster as its controller sees it, and what people ask of it.
//!
//! It is: a client of the API server with the rights of whoever runs it. It reads resources and the metadata that the
//! controller committed; what is to be changed goes through resources too. It is not: a client of brokers or of the
//! operator, neither of which has a port for people.
//!
//! It promises: exit code 0 when all is well or was done, 1 when something is not well or was refused, 2 when the command
//! line made no sense or nothing could be learned; results on standard output, everything else on standard error; a reader
//! that goes away is no error; no Secret is read.
//!
//! Start with [`commands`].

mod access;
mod arguments;
mod commands;
mod exported;
mod lag;
mod metadata;
mod output;
mod overview;
mod partition_list;
mod partition_state;
mod redacted;
mod table;
#[cfg(test)]
mod testing;
mod topic_list;

use clap::Parser as _;
use std::{
    io::{self, Write as _},
    process::ExitCode,
};

/// Nothing was learned, or the command line made no sense.
const FAILED: u8 = 2;

fn main() -> ExitCode {
    // clap leaves with 2 where it does not understand, and with 0 after --help.
    let arguments = arguments::Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    match runtime.block_on(commands::run(arguments)) {
        Ok(code) => code,
        Err(error) if output::reader_is_gone(&error) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

fn failed(error: &anyhow::Error) -> ExitCode {
    // Nothing is left to do where standard error is closed.
    let _ = writeln!(io::stderr(), "error: {error:#}");
    ExitCode::from(FAILED)
}
