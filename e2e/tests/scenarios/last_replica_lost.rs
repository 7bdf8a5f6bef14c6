//! The volume of a partition's only replica is lost: nobody leads it, neither the broker that begins anew nor that broker once more,
//! before a person gives the records up. Everything else heals.

use anyhow::Context as _;
use custom_resources::{Cluster, Topic};
use e2e::{Acknowledged, Place, Stage, topic_with, until, until_topic, until_topic_says};
use kube::api::DeleteParams;

async fn until_only_that_is_lost(place: &Place) -> anyhow::Result<()> {
    let is_so = |cluster: &Cluster| {
        let Some(status) = &cluster.status else { return false };
        let one = status.partitions.as_ref().is_some_and(|counts| counts.offline == 1 && counts.under_replicated <= 1);
        one && status.ready_replicas == 3
    };
    until(place, "events", "every broker serves, and one partition is offline", is_so).await?;
    until_topic_says(place, "alone", "PartitionsOffline").await
}

pub(crate) async fn run(place: Place) -> anyhow::Result<Acknowledged> {
    let mut stage = Stage::begin(place.clone()).await?;
    // One partition on each broker.
    place.apply::<Topic>(&topic_with("alone", "partitions: 3, replicas: 1")).await?;
    until_topic(&place, "alone", 3).await?;
    let life = stage.lose_volume(1).await?;
    stage.load.more(20).await.context("two brokers serve")?;
    life.is_over().await?;
    until_only_that_is_lost(&place).await.context("the broker begins anew")?;
    let life = stage.delete_pod(1, &DeleteParams::default()).await?;
    life.is_over().await?;
    until_only_that_is_lost(&place).await.context("it starts once more")?;
    stage.load.more(20).await.context("three brokers serve")?;
    place.api::<Topic>().delete("alone", &DeleteParams::default()).await.context("give up the records")?;
    stage.until_whole(3).await.context("nothing is missed any more")?;
    stage.end().await
}
