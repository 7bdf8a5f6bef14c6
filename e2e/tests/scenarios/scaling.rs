//! More brokers, which take new topics; fewer, once nothing is on those that go; and never fewer than a topic needs.

use anyhow::{Context as _, ensure};
use custom_resources::{Cluster, Topic};
use e2e::{Acknowledged, BROKERS, Place, Stage, topic, until, until_topic};
use futures_util::future::try_join_all;
use k8s_openapi::api::core::v1::{Node, PersistentVolumeClaim, Pod};
use kube::{Api, ResourceExt as _, api::ListParams};
use serde_json::{Value, json};

fn held(cluster: &Cluster) -> bool {
    let conditions = cluster.status.as_ref().map(|status| &status.conditions);
    let mut reconciled = conditions.into_iter().flatten().filter(|condition| condition.type_ == "Reconciled");
    reconciled.any(|condition| condition.reason == "ScaleDownHeld" && condition.message.contains("replicas, more than"))
}

const ZONE: &str = "topology.kubernetes.io/zone";

/// Brokers are of the rack that the label of their node says.
async fn have_racks_of_their_nodes(place: &Place, cluster: &Cluster) -> anyhow::Result<()> {
    let nodes: Api<Node> = Api::all(place.client.clone());
    for broker in cluster.status.iter().flat_map(|status| &status.brokers) {
        let node = broker.node.as_deref().context("the broker is on a node")?;
        let zone = nodes.get(node).await.context("find the node")?.labels().get(ZONE).cloned();
        ensure!(broker.rack == zone, "broker {} on {node} of zone {zone:?} is of rack {:?}", broker.id, broker.rack);
    }
    Ok(())
}

/// Brokers that were to go stay as they are, once there are to be as many as before: so slowly nothing had moved that clients write to.
async fn is_called_off(stage: &mut Stage) -> anyhow::Result<()> {
    let lives = try_join_all([3, 4].map(|broker| stage.life(broker))).await?;
    stage.change(json!({"rebalance": {"throttleBytesPerSecond": 1}})).await?;
    stage.scale(3).await?;
    let drains = |cluster: &Cluster| {
        let scaling = cluster.status.as_ref().and_then(|status| status.scaling.as_ref());
        scaling.is_some_and(|scaling| scaling.draining == [3, 4] && scaling.replicas_remaining > 0)
    };
    until(&stage.place, "events", "two brokers are drained", drains).await?;
    stage.load.more(20).await?;
    stage.scale(5).await?;
    stage.until_whole(5).await?;
    for life in lives {
        ensure!(life.goes_on().await?, "a broker that was to stay was restarted: {life:?}");
    }
    stage.change(json!({"rebalance": Value::Null})).await
}

pub(crate) async fn run(place: Place) -> anyhow::Result<Acknowledged> {
    let mut stage = Stage::begin(place.clone()).await?;
    stage.scale(5).await?;
    let cluster = stage.until_whole(5).await?;
    have_racks_of_their_nodes(&place, &cluster).await?;
    place.apply::<Topic>(&topic("wide", 12)).await?;
    until_topic(&place, "wide", 12).await?;
    stage.load.more(20).await?;

    is_called_off(&mut stage).await.context("scale down, and back")?;

    stage.scale(3).await?;
    stage.until_whole(3).await.context("scale down")?;
    let brokers = ListParams::default().labels(BROKERS);
    let pods = place.api::<Pod>().list(&brokers).await?.items.len();
    let volumes = place.api::<PersistentVolumeClaim>().list(&ListParams::default()).await?.items.len();
    ensure!((pods, volumes) == (3, 5), "three pods and all volumes are left, not {pods} and {volumes}");

    stage.scale(2).await?;
    until(&place, "events", "it is refused: topics have three replicas", held).await?;
    stage.load.more(20).await?;
    stage.scale(3).await?;
    stage.end().await
}
