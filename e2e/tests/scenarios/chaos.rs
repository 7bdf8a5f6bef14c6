//! One fault after the other, drawn by a seed: CHAOS_SEED=1, CHAOS_ROUNDS=8. Each begins once the one before is healed.

use crate::{
    all_killed, both_killed, broker_frozen, broker_killed, cut_from_operator, cut_from_peers, isolated, log_damaged,
    volume_lost,
};
use anyhow::Context as _;
use e2e::{Acknowledged, Nodes, Place, Stage, pod_name, restarts};
use futures_util::future::{BoxFuture, FutureExt as _, TryFutureExt as _};
use k8s_openapi::api::core::v1::Pod;
use kube::api::DeleteParams;
use std::{
    env,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    str::FromStr,
};

type Fault = for<'a> fn(&'a mut Stage, &'a Nodes) -> BoxFuture<'a, anyhow::Result<()>>;

const FAULTS: [(&str, Fault); 9] = [
    ("broker_killed", |stage, _| broker_killed::kill_leader(stage).boxed()),
    ("all_killed", |stage, _| all_killed::kill(stage).boxed()),
    ("broker_frozen", |stage, _| broker_frozen::freeze_leader(stage).boxed()),
    ("isolated", |stage, nodes| isolated::isolate_leader(stage, nodes).boxed()),
    ("cut_from_operator", |stage, nodes| cut_from_operator::cut_leader(stage, nodes).boxed()),
    ("cut_from_peers", |stage, nodes| cut_from_peers::cut_leader(stage, nodes).boxed()),
    ("both_killed", |stage, _| both_killed::kill(stage).boxed()),
    ("log_damaged", |stage, nodes| log_damaged::damage_leader(stage, nodes).map_ok(drop).boxed()),
    ("volume_lost", |stage, _| volume_lost::lose(stage).boxed()),
];

/// The same for the same seed.
fn drawn(seed: u64, round: u64) -> (&'static str, Fault) {
    let mut hasher = DefaultHasher::new();
    (seed, round).hash(&mut hasher);
    let number = usize::try_from(hasher.finish() % FAULTS.len() as u64).unwrap_or_default();
    FAULTS[number]
}

fn asked<T: FromStr<Err: std::error::Error + Send + Sync + 'static>>(
    variable: &str,
    otherwise: T,
) -> anyhow::Result<T> {
    match env::var(variable) {
        Ok(text) => text.parse().with_context(|| format!("{variable}={text:?} is no number")),
        Err(_) => Ok(otherwise),
    }
}

/// The kubelet waits longer before each start of a container, up to minutes, and counts anew for another pod.
async fn forget_restarts(stage: &mut Stage) -> anyhow::Result<()> {
    for broker in 0..3 {
        let pod = stage.place.api::<Pod>().get(&pod_name(broker)).await.context("find the pod")?;
        if restarts(&pod) > 1 {
            stage.delete_pod(broker, &DeleteParams::default()).await?.is_over().await?;
            stage.until_whole(3).await?;
        }
    }
    Ok(())
}

#[expect(clippy::print_stderr, reason = "who repeats a run has to know what was done")]
pub(crate) async fn run(place: Place, nodes: Nodes) -> anyhow::Result<Acknowledged> {
    let (seed, rounds) = (asked("CHAOS_SEED", 1)?, asked("CHAOS_ROUNDS", 8)?);
    let mut stage = Stage::begin(place).await?;
    for round in 1..=rounds {
        let (fault, cause) = drawn(seed, round);
        eprintln!("chaos of seed {seed}, round {round} of {rounds}: {fault}");
        let caused = cause(&mut stage, &nodes).await;
        caused.with_context(|| format!("CHAOS_SEED={seed} CHAOS_ROUNDS={round}: {fault}"))?;
        stage.until_whole(3).await?;
        forget_restarts(&mut stage).await?;
    }
    stage.end().await
}
