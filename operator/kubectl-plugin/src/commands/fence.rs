//! `kubectl weir fence` and `kubectl weir unfence`.

use super::{
    asking::{Asked, ask},
    code,
};
use crate::{
    access::Access,
    arguments::{Fence, Unfence},
};
use custom_resources::request::Ask;
use std::process::ExitCode;

pub(super) async fn fence(access: &Access, asked: Fence) -> anyhow::Result<ExitCode> {
    let Fence { broker, named, force, dry_run } = asked;
    let cluster = access.cluster(named.cluster.as_deref()).await?;
    ask(access, Asked { cluster: &cluster, what: "fence", ask: Ask::Fence { broker, force }, dry_run }).await.map(code)
}

pub(super) async fn unfence(access: &Access, asked: Unfence) -> anyhow::Result<ExitCode> {
    let Unfence { broker, named, dry_run } = asked;
    let cluster = access.cluster(named.cluster.as_deref()).await?;
    ask(access, Asked { cluster: &cluster, what: "unfence", ask: Ask::Unfence { broker }, dry_run }).await.map(code)
}
