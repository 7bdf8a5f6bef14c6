//! A loopback of our own with one congestion control. Some machines pace loopback like a long line (BBR), which doubles
//! the cost of large sends and turns verdicts around; the machine's own setting stays untouched.

use anyhow::{Context, Result};
use std::{
    env,
    os::unix::process::CommandExt,
    process::{Command, Stdio},
};

const INSIDE: &str = "WEIR_BENCH_NETWORK";
/// A route's congestion control counts for both ends of a connection, whatever they ask for.
const PREPARE: &str = "ip link set lo up && for net in 127.0.0.0/8 127.0.0.1; do \
    ip route change local $net dev lo table local proto kernel scope host src 127.0.0.1 congctl cubic || exit 1; done";

/// Starts this program again inside such a network, if the machine allows it. Returns what to tell where it does not.
pub(crate) fn enter() -> Result<Option<&'static str>> {
    if env::var_os(INSIDE).is_some() {
        return Ok(None);
    }
    let mut probe = inside(PREPARE);
    let allowed = probe.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success());
    if !allowed {
        return Ok(Some("no network of its own: needs unshare and ip, and the machine's permission"));
    }
    let mut again = inside(&format!("{PREPARE}\nexec \"$0\" \"$@\""));
    again.arg(env::current_exe().context("find this program")?).args(env::args_os().skip(1)).env(INSIDE, "1");
    Err(again.exec()).context("start again in a network of its own")
}

fn inside(script: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--net", "--", "sh", "-c", script]);
    command
}
