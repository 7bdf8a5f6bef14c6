//! `kubectl weir`, as a person runs it.

use crate::Place;
use anyhow::{Context as _, ensure};
use std::{env, process::Command};

/// What it promises about its exit code.
pub const DONE: i32 = 0;
pub const REFUSED: i32 = 1;

/// Runs it in the namespace; what it prints on standard output and on standard error.
pub async fn weir(place: &Place, arguments: &str, expected: i32) -> anyhow::Result<String> {
    let program = env::var_os("KUBECTL_WEIR").context("KUBECTL_WEIR is not set: scripts/e2e builds the plugin")?;
    let mut command = Command::new(program);
    command.args(arguments.split_whitespace()).args(["--namespace", &place.namespace]);
    let running = tokio::task::spawn_blocking(move || command.output());
    let output = running.await.context("wait for the plugin")?.context("run the plugin")?;
    let told = [output.stdout, output.stderr].concat();
    let told = String::from_utf8_lossy(&told).into_owned();
    let code = output.status.code();
    ensure!(code == Some(expected), "kubectl weir {arguments} ended with {code:?}, not {expected}: {told}");
    Ok(told)
}
