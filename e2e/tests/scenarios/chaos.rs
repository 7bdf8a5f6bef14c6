//! One fault after the other, drawn by a seed: CHAOS_SEED=1, CHAOS_ROUNDS=8. Each begins once the one before is healed.

use crate::{
    all_killed, both_killed, broker_frozen, broker_killed, cut_from_operator, cut_from_peers, isolated, log_damaged,
    volume_lost,
};
use anyhow::Context as _;
use e2e::{Acknowledged, Nodes, Place, Stage};
use std::{
    env,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    str::FromStr,
};

const FAULTS: [&str; 9] = [
    "broker_killed",
    "all_killed",
    "broker_frozen",
    "isolated",
    "cut_from_operator",
    "cut_from_peers",
    "both_killed",
    "log_damaged",
    "volume_lost",
];

async fn cause(fault: &str, stage: &mut Stage, nodes: &Nodes) -> anyhow::Result<()> {
    match fault {
        "broker_killed" => broker_killed::kill_leader(stage).await,
        "all_killed" => all_killed::kill(stage).await,
        "broker_frozen" => broker_frozen::freeze_leader(stage).await,
        "isolated" => isolated::isolate_leader(stage, nodes).await,
        "cut_from_operator" => cut_from_operator::cut_leader(stage, nodes).await,
        "cut_from_peers" => cut_from_peers::cut_leader(stage, nodes).await,
        "both_killed" => both_killed::kill(stage).await,
        "log_damaged" => log_damaged::damage_leader(stage, nodes).await.map(drop),
        _ => volume_lost::lose(stage).await,
    }
}

/// The same for the same seed.
fn drawn(seed: u64, round: u64) -> &'static str {
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

#[expect(clippy::print_stderr, reason = "who repeats a run has to know what was done")]
pub(crate) async fn run(place: Place, nodes: Nodes) -> anyhow::Result<Acknowledged> {
    let (seed, rounds) = (asked("CHAOS_SEED", 1)?, asked("CHAOS_ROUNDS", 8)?);
    let mut stage = Stage::begin(place).await?;
    for round in 1..=rounds {
        let fault = drawn(seed, round);
        eprintln!("chaos of seed {seed}, round {round} of {rounds}: {fault}");
        let caused = cause(fault, &mut stage, &nodes).await;
        caused.with_context(|| format!("CHAOS_SEED={seed} CHAOS_ROUNDS={round}: {fault}"))?;
        stage.until_whole(3).await?;
    }
    stage.end().await
}
