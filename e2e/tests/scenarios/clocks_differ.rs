//! Clocks are wrong: the operator's is an hour ahead, those of brokers are 50 minutes behind and then an hour ahead, and while they roll each
//! has another one. Who is alive, who leads and who decides follows from none of them.

use anyhow::{Context as _, ensure};
use e2e::{
    Acknowledged, AtWork, LEASE_MS, Nodes, OPERATOR_IMAGE, Place, Stage, UNTOUCHED_MS, leader_of_most, operator,
    pod_name,
};
use k8s_openapi::{
    api::{coordination::v1::Lease, core::v1::Pod},
    jiff::{SignedDuration, Timestamp},
};
use kube::api::LogParams;
use serde_json::{Value, json};

/// As `scripts/skewed-images` makes them.
const AHEAD: &str = "weir-broker:ahead";
const BEHIND: &str = "weir-broker:behind";
const OPERATOR_AHEAD: &str = "weir-operator:ahead";
/// Less than any of them is wrong by.
const WRONG_BY: SignedDuration = SignedDuration::from_mins(45);

/// What the broker's clock shows, as its newest line of log tells.
async fn clock(place: &Place, broker: i32) -> anyhow::Result<Timestamp> {
    let last = LogParams { tail_lines: Some(1), ..LogParams::default() };
    let line = place.api::<Pod>().logs(&pod_name(broker), &last).await.context("read a broker's log")?;
    let line: Value = serde_json::from_str(&line).with_context(|| format!("read {line:?}"))?;
    let at = line["timestamp"].as_str().with_context(|| format!("{line} has a time"))?;
    at.parse().with_context(|| format!("read the time {at}"))
}

async fn brokers_run(stage: &mut Stage, image: Option<&str>) -> anyhow::Result<()> {
    stage.load.mark().await?;
    stage.change(json!({ "image": image })).await?;
    stage.until_whole(3).await?;
    stage.load.more(20).await?;
    let gap = stage.load.longest_gap().await?;
    ensure!(gap < UNTOUCHED_MS, "brokers rolled to {image:?}, and a partition waited for {gap} ms");
    Ok(())
}

/// The operator at work is killed, and a broker under the next one.
async fn heals(stage: &mut Stage) -> anyhow::Result<()> {
    let client = stage.place.client.clone();
    let (operator, epoch) = (AtWork::find(&client).await?, stage.epoch().await?);
    let lease = operator.place.api::<Lease>().get(operator::OPERATOR).await.context("find the lease")?;
    let renewed = lease.spec.and_then(|spec| spec.renew_time).context("the lease was renewed")?.0;
    let by = renewed.duration_since(Timestamp::now());
    ensure!(by > WRONG_BY, "the operator's clock is ahead by {by:#} only");
    stage.load.mark().await?;
    operator.signal("KILL").await?;
    let broker = leader_of_most(stage, |_| true).await?;
    let life = stage.kill(broker).await?;
    stage.until_taken_over(epoch).await?;
    stage.load.more(20).await?;
    let gap = stage.load.longest_gap().await?;
    ensure!(gap < LEASE_MS + UNTOUCHED_MS, "an operator and a broker were killed, and a partition waited for {gap} ms");
    life.is_over().await?;
    stage.until_whole(3).await.map(drop)
}

async fn goes_through(stage: &mut Stage) -> anyhow::Result<()> {
    let place = stage.place.clone();
    brokers_run(stage, Some(BEHIND)).await?;
    let by = Timestamp::now().duration_since(clock(&place, 0).await?);
    ensure!(by > WRONG_BY, "the broker's clock is behind by {by:#} only");
    heals(stage).await.context("brokers are behind, operators ahead")?;
    brokers_run(stage, Some(AHEAD)).await?;
    let by = clock(&place, 0).await?.duration_since(Timestamp::now());
    ensure!(by > WRONG_BY, "the broker's clock is ahead by {by:#} only");
    heals(stage).await.context("all are ahead of clients")?;
    brokers_run(stage, None).await.context("back by an hour")
}

pub(crate) async fn run(place: Place, _: Nodes) -> anyhow::Result<Acknowledged> {
    let mut stage = Stage::begin(place).await?;
    let client = stage.place.client.clone();
    let gone_through = async {
        operator::run(&client, OPERATOR_AHEAD).await?;
        goes_through(&mut stage).await
    };
    gone_through.await?;
    operator::run(&client, OPERATOR_IMAGE).await.context("give the operator its clock back")?;
    stage.end().await
}
