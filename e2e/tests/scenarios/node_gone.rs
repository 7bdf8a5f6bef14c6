//! A node is gone, and its Node with it: two brokers serve; when it returns its broker catches up on the volume it has there.

use anyhow::Context as _;
use e2e::{Acknowledged, Nodes, Place, Stage, nodes, pod_name, until_gone};
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::{Api, ResourceExt as _, api::DeleteParams};

pub(crate) async fn run(place: Place, nodes: Nodes) -> anyhow::Result<Acknowledged> {
    let mut stage = Stage::begin(place.clone()).await?;
    let pod = place.api::<Pod>().get(&pod_name(2)).await?;
    let node = nodes::node_of(&pod)?;
    nodes.kill(&node).await?;
    stage.load.more(20).await.context("two brokers serve")?;
    Api::<Node>::all(place.client.clone()).delete(&node, &DeleteParams::default()).await.context("delete the node")?;
    let uid = pod.uid().context("the pod has a UID")?;
    until_gone::<Pod>(&place, &pod_name(2), &uid).await.context("Kubernetes gives the pod up")?;
    stage.load.more(20).await?;
    nodes.start(&node).await?;
    stage.until_whole(3).await.context("the node is back")?;
    stage.end().await
}
