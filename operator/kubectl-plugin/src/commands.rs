//! What can be asked: one file per command, each with its I/O, over views that are pure.

mod export_metadata;
mod import_metadata;
mod partitions;
mod status;
mod topics;

use crate::{
    access::Access,
    arguments::{Arguments, Command},
    output,
};
use std::process::ExitCode;

/// Something is not well, or it was refused.
const NOT_WELL: u8 = 1;

pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let access = Access::new(&arguments.target).await?;
    let format = arguments.target.output;
    match arguments.command {
        Command::Status(named) => status::run(&access, format, named).await,
        Command::Topics(asked) => topics::run(&access, format, asked).await,
        Command::Partitions(asked) => partitions::run(&access, format, asked).await,
        Command::ExportMetadata(asked) => export_metadata::run(&access, asked).await,
        Command::ImportMetadata(asked) => import_metadata::run(&access, asked).await,
    }
}

fn code(is_well: bool) -> ExitCode {
    if is_well { ExitCode::SUCCESS } else { ExitCode::from(NOT_WELL) }
}

fn refused(why: &str) -> ExitCode {
    output::note(&format!("refused: {why}"));
    code(false)
}
