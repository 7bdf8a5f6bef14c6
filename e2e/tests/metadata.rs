//! Metadata that somebody deletes, or replaces by what a backup had, is what it was again: brokers know it.

use anyhow::{Context as _, ensure};
use custom_resources::{Cluster, ClusterMetadata, ClusterMetadataShard, ClusterMetadataSpec, Topic};
use e2e::{History, Place, begin, in_own_namespace, until, until_whole};
use kube::api::{DeleteParams, ListParams, PostParams};

fn topic(name: &str) -> String {
    format!(
        "{{apiVersion: weir.dev/v1alpha1, kind: Topic, metadata: {{name: {name}}}, spec: {{clusterRef: {{name: events}}}}}}"
    )
}

fn is_known(cluster: &Cluster) -> Option<String> {
    cluster.status.as_ref()?.cluster_id.clone()
}

/// A change lets the controller notice. Once it decides again, the change is made too.
async fn is_rebuilt(place: &Place, change: &str, history: &History) -> anyhow::Result<()> {
    let before = is_known(&until_whole(place, 3).await?);
    let epoch = |cluster: &Cluster| cluster.status.as_ref().and_then(|status| Some(status.controller.as_ref()?.epoch));
    let epoch_before = epoch(&place.api::<Cluster>().get("events").await?);
    place.apply::<Topic>(&topic(change)).await?;
    let later = |cluster: &Cluster| epoch(cluster) > epoch_before;
    until(place, "events", "a controller of a later epoch decides", later).await?;
    let after = is_known(&until_whole(place, 3).await?);
    ensure!(before == after, "the cluster is another: {before:?}, now {after:?}");
    let is_made = |topic: &Topic| topic.status.as_ref().is_some_and(|status| status.partitions == 1);
    until(place, change, "the topic is made", is_made).await?;
    history.check(place).await
}

async fn scenario(place: Place) -> anyhow::Result<()> {
    let mut history = begin(&place).await?;
    let roots = place.api::<ClusterMetadata>();
    let old: ClusterMetadataSpec = roots.get("events").await?.spec;

    roots.delete("events", &DeleteParams::background()).await.context("delete the root")?;
    let shards = place.api::<ClusterMetadataShard>();
    shards.delete_collection(&DeleteParams::background(), &ListParams::default()).await.context("delete the shards")?;
    is_rebuilt(&place, "after-deletion", &history).await.context("after the metadata was deleted")?;

    history.send(&place, "later").await?;
    let mut root = roots.get("events").await?;
    root.spec = old;
    roots.replace("events", &PostParams::default(), &root).await.context("replace the root by an older one")?;
    is_rebuilt(&place, "after-rollback", &history).await.context("after the metadata went back")
}

#[tokio::test]
async fn metadata_is_rebuilt_from_brokers() -> anyhow::Result<()> {
    in_own_namespace("metadata", scenario).await
}
