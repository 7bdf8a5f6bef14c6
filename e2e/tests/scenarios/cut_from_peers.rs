//! A broker is cut off from its peers alone, and the operator hears all: it cannot have anything acknowledged by all that are in sync,
//! and says so to those who ask, until it is reached again. Nobody takes its partitions from it, for it is alive.

use anyhow::Context as _;
use custom_resources::{Topic, cluster::ports};
use e2e::{
    Acknowledged, BOOTSTRAP, Nodes, Place, Stage, attempted, lacks_replicas, leader_of_most, nodes, pod_name, topic,
    until, until_so, until_topic,
};
use futures_util::future::join_all;

/// Of this topic each broker leads one partition.
const ASKED: &str = "asked";
const PARTITIONS: i32 = 3;
/// Kafka's word for what is refused below `min.insync.replicas`.
const REFUSAL: &str = "rejected since there are fewer in-sync replicas than required";

async fn cut(stage: &mut Stage) -> anyhow::Result<i32> {
    let broker = leader_of_most(stage, |_| true).await?;
    nodes::cut(&stage.place, &pod_name(broker), &[ports::REPLICATION]).await?;
    until(&stage.place, "events", "replicas are out of sync", lacks_replicas).await?;
    Ok(broker)
}

async fn mend(stage: &mut Stage, nodes: &Nodes, broker: i32) -> anyhow::Result<()> {
    nodes.mend_links().await?;
    stage.load.more(20).await.with_context(|| format!("broker {broker} is reached again"))?;
    stage.until_whole(3).await.map(drop)
}

pub(crate) async fn cut_leader(stage: &mut Stage, nodes: &Nodes) -> anyhow::Result<()> {
    let broker = cut(stage).await?;
    mend(stage, nodes, broker).await
}

/// Whether the partition's leader refuses a record; `None` if it says neither yes nor why not.
async fn refuses(place: &Place, partition: i32) -> Option<bool> {
    let (asked, patience) =
        (format!("--partition={partition}"), ["-X", "delivery.timeout.ms=5000", "-X", "request.timeout.ms=2000"]);
    let arguments = [&["produce", ASKED, "record", &asked, "--bootstrap-server", BOOTSTRAP][..], &patience].concat();
    let (is_done, told) = attempted(place, &arguments).await.ok()?;
    (is_done || told.contains(REFUSAL)).then_some(!is_done)
}

async fn one_refuses(place: &Place) -> bool {
    let mut answers = join_all((0..PARTITIONS).map(|partition| refuses(place, partition))).await;
    answers.sort();
    answers == [Some(false), Some(false), Some(true)]
}

pub(crate) async fn run(place: Place, nodes: Nodes) -> anyhow::Result<Acknowledged> {
    let mut stage = Stage::begin(place.clone()).await?;
    place.apply::<Topic>(&topic(ASKED, PARTITIONS)).await?;
    until_topic(&place, ASKED, PARTITIONS).await?;
    let broker = cut(&mut stage).await?;
    until_so("its leader refuses what too few would have, and only it", || one_refuses(&place)).await?;
    mend(&mut stage, &nodes, broker).await?;
    stage.end().await
}
