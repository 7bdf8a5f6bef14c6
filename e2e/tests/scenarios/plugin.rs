//! `kubectl weir` looks at a cluster and changes it by hand, under load: what it says is so, and what it refuses changes nothing.

use anyhow::{Context as _, ensure};
use custom_resources::{Cluster, ClusterMetadata, cluster_status::BrokerState};
use e2e::{
    Acknowledged, Place, Stage, UNTOUCHED_MS,
    plugin::{DONE, REFUSED, weir},
    until, until_so,
};
use kube::ResourceExt as _;
use std::{env, fs};

async fn looks(place: &Place) -> anyhow::Result<()> {
    let told = weir(place, "status events", DONE).await?;
    ensure!(told.contains("events-2"), "a broker is not there: {told}");
    let topics = weir(place, "topics events", DONE).await?;
    ensure!(topics.contains("load-librdkafka"), "a topic is not there: {topics}");
    let partitions = weir(place, "partitions events --unhealthy -o json", DONE).await?;
    let unhealthy: serde_json::Value = serde_json::from_str(&partitions).context("read the partitions")?;
    ensure!(!partitions.contains("load-"), "everything is in sync, and these are said not to be: {unhealthy}");
    Ok(())
}

/// Others lead what it led, as brokers tell; later preferred leaders lead again.
async fn moves_leaders(stage: &mut Stage) -> anyhow::Result<()> {
    stage.load.mark().await?;
    weir(&stage.place, "move-leaders events --off 0", DONE).await?;
    let leaders = stage.load.leaders().await?;
    ensure!(!leaders.contains_key(&0), "broker 0 still leads: {leaders:?}");
    weir(&stage.place, "move-leaders events --preferred", DONE).await?;
    stage.load.more(10).await?;
    let leaders = stage.load.leaders().await?;
    ensure!(leaders.contains_key(&0), "broker 0 leads nothing: {leaders:?}");
    let gap = stage.load.longest_gap().await?;
    ensure!(gap < UNTOUCHED_MS, "leaders moved, and a partition waited for {gap} ms");
    Ok(())
}

fn state_of(cluster: &Cluster, broker: i32) -> Option<(BrokerState, bool)> {
    let brokers = &cluster.status.as_ref()?.brokers;
    brokers.iter().find(|one| one.id == broker).map(|one| (one.state, one.fenced_by_hand))
}

async fn fences(stage: &mut Stage) -> anyhow::Result<()> {
    let place = stage.place.clone();
    let told = weir(&place, "drain 1 events --dry-run", REFUSED).await?;
    ensure!(told.contains("replicas"), "it does not say why: {told}");
    weir(&place, "fence 1 events --dry-run", DONE).await?;
    stage.until_whole(3).await.context("a dry run changes nothing")?;
    weir(&place, "fence 1 events", DONE).await?;
    let is_fenced = |cluster: &Cluster| state_of(cluster, 1) == Some((BrokerState::Fenced, true));
    until(&place, "events", "broker 1 is fenced by hand", is_fenced).await?;
    let told = weir(&place, "status events", REFUSED).await.context("a fenced broker is a problem")?;
    let row =
        told.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).find(|row| row.first() == Some(&"1"));
    let lag = row.as_ref().and_then(|row| row.get(6));
    ensure!(lag.is_some_and(|lag| lag.parse::<u64>().is_ok()), "how far it lags is not told: {told}");
    weir(&place, "fence 0 events", REFUSED).await.context("with a second one acks=all would be refused")?;
    stage.load.more(20).await.context("two brokers serve")?;
    weir(&place, "unfence 1 events", DONE).await?;
    stage.until_whole(3).await.context("it is let in again").map(drop)
}

async fn restarts(stage: &mut Stage) -> anyhow::Result<()> {
    let lives = stage.lives().await?;
    weir(&stage.place, "restart events", DONE).await?;
    for life in lives {
        life.is_over().await?;
    }
    stage.until_whole(3).await?;
    let is_healthy = || async { weir(&stage.place, "status events", DONE).await.is_ok() };
    until_so("it says that all is well", is_healthy).await
}

async fn keeps_metadata(place: &Place) -> anyhow::Result<()> {
    let file = env::temp_dir().join(format!("{}-metadata.json", place.namespace));
    let file = file.to_str().context("the file has a name")?;
    weir(place, &format!("export-metadata events --file {file}"), DONE).await?;
    let before = place.api::<ClusterMetadata>().get("events").await?.resource_version();
    weir(place, &format!("import-metadata {file}"), REFUSED).await.context("metadata that is there is not replaced")?;
    let after = place.api::<ClusterMetadata>().get("events").await?.resource_version();
    fs::remove_file(file).context("remove the exported metadata")?;
    ensure!(before == after, "the metadata was changed");
    Ok(())
}

async fn reports(place: &Place) -> anyhow::Result<()> {
    let folder = env::temp_dir().join(format!("{}-report", place.namespace));
    weir(place, &format!("report events --directory {}", folder.display()), DONE).await?;
    let files = fs::read_dir(&folder).context("read the report")?.count();
    fs::remove_dir_all(&folder).context("remove the report")?;
    ensure!(files > 3, "the report has only {files} entries");
    Ok(())
}

pub(crate) async fn run(place: Place) -> anyhow::Result<Acknowledged> {
    let mut stage = Stage::begin(place.clone()).await?;
    looks(&place).await.context("look at the cluster")?;
    moves_leaders(&mut stage).await.context("move leaders")?;
    fences(&mut stage).await.context("fence and drain")?;
    restarts(&mut stage).await.context("restart")?;
    keeps_metadata(&place).await.context("export and import metadata")?;
    reports(&place).await.context("make a report")?;
    stage.end().await
}
