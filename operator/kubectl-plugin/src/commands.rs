//! What can be asked: one file per command, each with its I/O, over views that are pure.

mod asking;
mod drain;
mod export_metadata;
mod fence;
mod held;
mod import_metadata;
mod move_leaders;
mod partitions;
mod report;
mod restart;
mod status;
mod topics;
mod undelete;

use crate::{
    access::Access,
    arguments::{Arguments, Command},
    output,
};
use custom_resources::Cluster;
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, api::ListParams};
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
        Command::Report(asked) => report::run(&access, asked).await,
        Command::Restart(named) => restart::run(&access, named).await,
        Command::Drain(asked) => drain::run(&access, asked).await,
        Command::Fence(asked) => fence::fence(&access, asked).await,
        Command::Unfence(asked) => fence::unfence(&access, asked).await,
        Command::MoveLeaders(asked) => move_leaders::run(&access, asked).await,
        Command::Undelete(asked) => undelete::run(&access, asked).await,
        Command::Held(asked) => held::run(&access, format, asked).await,
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

/// Nothing in a status says that nobody writes it any more: the pod that wrote it does. Its namespace is not known here.
async fn operator_pods(access: &Access, cluster: &Cluster) -> kube::Result<Vec<Pod>> {
    let Some(controller) = cluster.status.as_ref().and_then(|status| status.controller.as_ref()) else {
        return Ok(Vec::new());
    };
    let pods: Api<Pod> = Api::all(access.client.clone());
    let of_name = ListParams::default().fields(&format!("metadata.name={}", controller.holder));
    Ok(pods.list(&of_name).await?.items)
}
