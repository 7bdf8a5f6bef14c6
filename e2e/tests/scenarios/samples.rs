//! The samples are applied as they are: a cluster and its topic serve, and one for production is what it says, though this
//! Kubernetes has no nodes for it.

use anyhow::{Context as _, ensure};
use custom_resources::{Cluster, Topic};
use e2e::{Acknowledged, BOOTSTRAP, Place, consume, produce, until, until_found, until_topic, until_whole};
use k8s_openapi::api::{apps::v1::StatefulSet, core::v1::Service};

const MINIMAL: &str = include_str!("../../../crds/samples/minimal.yaml");
const PRODUCTION: &str = include_str!("../../../crds/samples/production.yaml");
const TOPIC: &str = include_str!("../../../crds/samples/topic.yaml");

async fn serve(place: &Place) -> anyhow::Result<()> {
    place.apply::<Cluster>(MINIMAL).await?;
    place.apply::<Topic>(TOPIC).await?;
    until_whole(place, 3).await?;
    until_topic(place, "payments", 6).await?;
    until_found(place, BOOTSTRAP, "payments").await?;
    produce(place, BOOTSTRAP, "payments", &["paid".to_owned()]).await?;
    let read = consume(place, BOOTSTRAP, "payments").await?;
    ensure!(read.iter().any(|line| line == "paid"), "these were read: {read:?}");
    Ok(())
}

async fn is_as_said(place: &Place) -> anyhow::Result<()> {
    place.apply::<Cluster>(PRODUCTION).await?;
    let has_all = |set: &StatefulSet| set.spec.as_ref().is_some_and(|spec| spec.replicas == Some(6));
    let set = until(place, "orders", "its set has six brokers", has_all).await?;
    let pod = set.spec.and_then(|spec| spec.template.spec).context("the set has pods")?;
    let wanted = pod.node_selector.is_some_and(|labels| labels.get("workload").is_some_and(|has| has == "streaming"));
    ensure!(wanted, "its pods go to any node");
    let has_port = |service: &Service| {
        let mut ports = service.spec.iter().flat_map(|spec| spec.ports.iter().flatten());
        ports.any(|port| port.node_port == Some(32092))
    };
    until(place, "orders-external-bootstrap", "it has the port that was chosen", has_port).await.map(drop)
}

pub(crate) async fn run(place: Place) -> anyhow::Result<Acknowledged> {
    serve(&place).await.context("the smallest cluster and a topic")?;
    is_as_said(&place).await.context("the cluster for production")?;
    Ok(Acknowledged::new())
}
