//! The only replica of a partition is lost with its volume: the partition has no leader, which the cluster says, until a person gives
//! its records up. Everything else goes on.

use anyhow::{Context as _, ensure};
use custom_resources::Cluster;
use e2e::{Acknowledged, BOOTSTRAP, Place, Stage, consume, produce, run as client, until};

const TOPIC: &str = "single";

/// `Ready` names the partition.
fn is_offline(cluster: &Cluster) -> bool {
    let conditions = cluster.status.as_ref().map(|status| &status.conditions);
    let mut ready = conditions.into_iter().flatten().filter(|condition| condition.type_ == "Ready");
    ready.any(|condition| condition.reason == "PartitionsOffline" && condition.message.contains(TOPIC))
}

fn records(of: &str) -> Vec<String> {
    (0..20).map(|number| format!("{of}-{number:02}")).collect()
}

pub(crate) async fn run(place: Place) -> anyhow::Result<Acknowledged> {
    let mut stage = Stage::begin(place.clone()).await?;
    let create = ["topic", "create", TOPIC, "--partitions", "1", "--replication-factor", "1"];
    client(&place, &[&create[..], &["--bootstrap-server", BOOTSTRAP]].concat()).await?;
    produce(&place, BOOTSTRAP, TOPIC, &records("lost")).await?;
    let broker = stage.load.leader(TOPIC).await?;

    let life = stage.lose_volume(broker).await?;
    stage.load.more(20).await.context("two brokers serve")?;
    life.is_over().await?;
    stage.load.in_sync().await.context("what has other replicas is whole again")?;
    until(&place, "events", "the partition has no leader", is_offline).await?;
    stage.load.more(20).await.context("the broker serves what it copied")?;
    let leader = stage.load.leader(TOPIC).await?;
    ensure!(leader == -1, "broker {leader} leads, with nothing of what was acknowledged");

    stage.load.elect(TOPIC).await.context("a person gives the records up")?;
    stage.until_whole(3).await?;
    produce(&place, BOOTSTRAP, TOPIC, &records("new")).await?;
    let mut read = consume(&place, BOOTSTRAP, TOPIC).await?;
    read.retain(|line| line.starts_with("lost-") || line.starts_with("new-"));
    ensure!(read == records("new"), "these were read: {read:?}");
    stage.end().await
}
