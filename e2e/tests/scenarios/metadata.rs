//! Metadata that somebody deletes, or replaces by what a backup had, is what it was again: brokers know it.

use anyhow::{Context as _, ensure};
use custom_resources::{Cluster, ClusterMetadata, ClusterMetadataShard, ClusterMetadataSpec, Topic};
use e2e::{Acknowledged, Place, Stage, cluster_id, topic, until_topic};
use kube::api::{DeleteParams, ListParams, PostParams};

/// A change lets the controller notice. Once it decides again, the change is made too.
async fn is_rebuilt(stage: &mut Stage, change: &str) -> anyhow::Result<()> {
    let before = stage.place.api::<Cluster>().get("events").await?;
    stage.place.apply::<Topic>(&topic(change, 1)).await?;
    stage.until_taken_over(e2e::epoch(&before)).await?;
    let after = stage.until_whole(3).await?;
    ensure!(
        cluster_id(&before) == cluster_id(&after),
        "the cluster is another: {:?}, now {:?}",
        cluster_id(&before),
        cluster_id(&after)
    );
    until_topic(&stage.place, change, 1).await?;
    stage.load.more(20).await
}

pub(crate) async fn run(place: Place) -> anyhow::Result<Acknowledged> {
    let mut stage = Stage::begin(place.clone()).await?;
    let roots = place.api::<ClusterMetadata>();
    let old: ClusterMetadataSpec = roots.get("events").await?.spec;

    roots.delete("events", &DeleteParams::background()).await.context("delete the root")?;
    let shards = place.api::<ClusterMetadataShard>();
    shards.delete_collection(&DeleteParams::background(), &ListParams::default()).await.context("delete the shards")?;
    is_rebuilt(&mut stage, "after-deletion").await.context("after the metadata was deleted")?;

    stage.excuse(&old);
    let mut root = roots.get("events").await?;
    root.spec = old;
    roots.replace("events", &PostParams::default(), &root).await.context("replace the root by an older one")?;
    is_rebuilt(&mut stage, "after-rollback").await.context("after the metadata went back")?;
    stage.end().await
}
