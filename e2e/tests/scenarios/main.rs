//! Scenarios on a real Kubernetes, one after the other, each in a namespace of its own and under load: `make e2e`.
//!
//! With names as arguments only those run. What a scenario breaks is mended before the next one, also if it fails.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that tells people how it goes")]

mod all_killed;
mod api_server_down;
mod api_server_refuses;
mod api_server_slow;
mod bad_rollouts;
mod both_killed;
mod broker_frozen;
mod broker_killed;
mod chaos;
mod chart;
mod clocks_differ;
mod crds_deleted;
mod cut_from_operator;
mod cut_from_peers;
mod disk_full;
mod disk_stalled;
mod drained;
mod foreign_disk;
mod hostile_objects;
mod isolated;
mod last_replica_lost;
mod lease_deleted;
mod log_damaged;
mod metadata;
mod node_gone;
mod node_silent;
mod nodes_killed;
mod objects_deleted;
mod operator_absent;
mod operator_frozen;
mod operator_killed;
mod own_volume;
mod plugin;
mod pods_deleted;
mod quiet;
mod restored;
mod roll;
mod samples;
mod scaling;
mod smoke;
mod status_lost;
mod storm;
mod strangers;
mod topic_owners;
mod topics;
mod volume_grows;
mod volume_lost;

use anyhow::Context as _;
use e2e::{Acknowledged, Nodes, OPERATOR_IMAGE, Place, in_own_namespace, operator, permissions};
use futures_util::future::{BoxFuture, FutureExt as _};
use kube::Client;
use std::{process::ExitCode, time::Instant};

type Running = BoxFuture<'static, anyhow::Result<Acknowledged>>;

/// What a scenario breaks.
enum Run {
    /// Objects alone: any Kubernetes will do.
    Objects(fn(Place) -> Running),
    /// Processes and nodes too.
    Nodes(fn(Place, Nodes) -> Running),
}

struct Scenario {
    name: &'static str,
    run: Run,
}

macro_rules! scenarios {
    ($($kind:ident $module:ident),* $(,)?) => {
        [$(Scenario { name: stringify!($module), run: scenarios!(@ $kind $module) }),*]
    };
    (@ objects $module:ident) => { Run::Objects(|place| $module::run(place).boxed()) };
    (@ nodes $module:ident) => { Run::Nodes(|place, nodes| $module::run(place, nodes).boxed()) };
}

/// What takes nodes away comes late, and last what takes the operator away with all it brought.
fn all() -> Vec<Scenario> {
    scenarios![
        nodes smoke,
        nodes broker_killed,
        objects pods_deleted,
        nodes all_killed,
        objects drained,
        nodes cut_from_operator,
        nodes cut_from_peers,
        nodes isolated,
        nodes broker_frozen,
        nodes operator_killed,
        nodes both_killed,
        nodes operator_frozen,
        objects lease_deleted,
        nodes operator_absent,
        nodes api_server_down,
        nodes api_server_slow,
        objects api_server_refuses,
        objects objects_deleted,
        objects volume_lost,
        objects last_replica_lost,
        nodes log_damaged,
        nodes foreign_disk,
        nodes disk_full,
        nodes disk_stalled,
        nodes volume_grows,
        objects strangers,
        nodes roll,
        objects bad_rollouts,
        nodes clocks_differ,
        objects scaling,
        objects quiet,
        objects samples,
        objects metadata,
        objects status_lost,
        objects restored,
        objects hostile_objects,
        objects plugin,
        objects topic_owners,
        objects topics,
        nodes storm,
        nodes chaos,
        nodes node_silent,
        nodes node_gone,
        nodes nodes_killed,
        objects crds_deleted,
        objects chart,
    ]
    .into()
}

enum Outcome {
    Passed(Acknowledged),
    Failed,
    Skipped,
}

async fn run(client: &Client, nodes: Option<&Nodes>, scenario: &Scenario) -> Outcome {
    let name = scenario.name.replace('_', "-");
    let ran = match (&scenario.run, nodes) {
        (Run::Objects(run), _) => in_own_namespace(client, &name, run).await,
        (Run::Nodes(run), Some(nodes)) => in_own_namespace(client, &name, |place| run(place, nodes.clone())).await,
        (Run::Nodes(_), None) => return Outcome::Skipped,
    };
    match ran {
        Ok(acknowledged) => Outcome::Passed(acknowledged),
        Err(error) => {
            eprintln!("{}: {error:#}", scenario.name);
            if let Err(error) = mend(client, nodes).await {
                eprintln!("what is broken cannot be mended: {error:#}");
            }
            Outcome::Failed
        }
    }
}

async fn mend(client: &Client, nodes: Option<&Nodes>) -> anyhow::Result<()> {
    if let Some(nodes) = nodes {
        nodes.mend().await?;
    }
    permissions::serve_operator(client).await?;
    operator::scale(client, operator::OPERATORS).await?;
    // Also after one of another image, or none.
    if nodes.is_some() { operator::run(client, OPERATOR_IMAGE).await } else { Ok(()) }
}

async fn run_all(wanted: &[String]) -> anyhow::Result<bool> {
    let mut chosen = all();
    if let Some(unknown) = wanted.iter().find(|name| chosen.iter().all(|scenario| scenario.name != **name)) {
        let names: Vec<_> = chosen.iter().map(|scenario| scenario.name).collect();
        anyhow::bail!("there is no scenario {unknown}; there are {}", names.join(", "));
    }
    chosen.retain(|scenario| wanted.is_empty() || wanted.iter().any(|name| name == scenario.name));
    let client = Client::try_default().await.context("find the API server")?;
    let nodes = Nodes::find(&client).await?;
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for scenario in &chosen {
        let began = Instant::now();
        let outcome = run(&client, nodes.as_ref(), scenario).await;
        let (name, seconds) = (scenario.name, began.elapsed().as_secs());
        match outcome {
            Outcome::Passed(acknowledged) => {
                let records: Vec<_> = acknowledged.iter().map(|(client, count)| format!("{client} {count}")).collect();
                println!("pass {name:<18} {seconds:>4} s, records: {}", records.join(", "));
                passed += 1;
            }
            Outcome::Failed => {
                println!("FAIL {name:<18} {seconds:>4} s");
                failed += 1;
            }
            Outcome::Skipped => {
                println!("skip {name:<18} the nodes are no containers of this machine: they cannot be broken");
                skipped += 1;
            }
        }
    }
    println!("{passed} passed, {failed} failed, {skipped} skipped");
    Ok(failed == 0)
}

#[tokio::main]
async fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    match run_all(&wanted).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
