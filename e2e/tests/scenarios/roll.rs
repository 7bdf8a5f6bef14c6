//! A new image and configuration under load: one broker at a time, also when the operator is killed on the way. What brokers
//! take while they run restarts none of them.

use anyhow::{Context as _, bail, ensure};
use custom_resources::Cluster;
use e2e::{
    Acknowledged, AtWork, BOOTSTRAP, LEASE_MS, NEXT_BROKER_IMAGE, Nodes, Place, Stage, UNTOUCHED_MS, run as client,
    until, until_several_are_down, until_so,
};
use serde_json::{Value, json};

async fn rolls(stage: &mut Stage, spec: Value) -> anyhow::Result<()> {
    let place = stage.place.clone();
    stage.load.mark().await?;
    let begun =
        |cluster: &Cluster| cluster.status.as_ref().is_some_and(|status| (1..3).contains(&status.updated_replicas));
    let rolling = async {
        stage.change(spec).await?;
        until(&place, "events", "a broker runs what the spec says", begun).await?;
        AtWork::find(&place.client).await?.signal("KILL").await.context("kill the operator on the way")?;
        stage.until_whole(3).await
    };
    tokio::select! {
        rolled = rolling => rolled?,
        down = until_several_are_down(&place) => bail!("at one time these were down: {down:?}"),
    };
    stage.load.more(20).await?;
    let gap = stage.load.longest_gap().await?;
    // A broker that has just gone is in sync, for the controller, until the next operator decides.
    ensure!(gap < LEASE_MS + UNTOUCHED_MS, "brokers rolled, and a partition waited for {gap} ms");
    Ok(())
}

/// Of what all brokers have in common.
async fn shows_retention(place: &Place, ms: Option<u64>) -> bool {
    let arguments = ["kafka-configs", "--bootstrap-server", BOOTSTRAP, "--describe", "--broker-defaults"];
    let Ok(told) = client(place, &arguments).await else { return false };
    match ms {
        Some(ms) => told.contains(&format!("log.retention.ms={ms}")),
        None => !told.contains("log.retention.ms="),
    }
}

async fn is_in_force_at_once(stage: &Stage) -> anyhow::Result<()> {
    let place = &stage.place;
    let lives = stage.lives().await?;
    stage.change(json!({"config": {"log.retention.ms": 7_200_000}})).await?;
    until_so("brokers have it", || shows_retention(place, Some(7_200_000))).await?;
    stage.change(json!({"config": Value::Null})).await?;
    until_so("brokers have it no more", || shows_retention(place, None)).await?;
    for life in lives {
        ensure!(life.goes_on().await?, "a broker restarted: {life:?}");
    }
    Ok(())
}

pub(crate) async fn run(place: Place, _: Nodes) -> anyhow::Result<Acknowledged> {
    let mut stage = Stage::begin(place).await?;
    let there = json!({"image": NEXT_BROKER_IMAGE, "config": {"log.retention.hours": 100}});
    is_in_force_at_once(&stage).await.context("change what brokers take while they run")?;
    rolls(&mut stage, there).await.context("to another image")?;
    rolls(&mut stage, json!({"image": Value::Null, "config": Value::Null})).await.context("and back")?;
    stage.end().await
}
