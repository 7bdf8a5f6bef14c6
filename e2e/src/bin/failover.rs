//! How long clients, or decisions, wait when something fails or is replaced: `make bench-failover`. Prints a table, and writes every
//! value to the file that is its argument.
//!
//! A partition waits from the last record that it acknowledged before to the first one after. Its producer is librdkafka's,
//! idempotent, acks=all, and gives up a broker that is silent for a second. At the end what the cluster holds is compared with what
//! it was told, so a row stands for no lost and no refused record.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints a table, and how far it is")]

use anyhow::Context as _;
use custom_resources::{Cluster, Topic};
use e2e::{
    Acknowledged, AtWork, CLUSTER, LIMIT, Nodes, Place, Stage,
    distribution::{Distribution, HEAD},
    in_own_namespace, is_ready, is_topic_ready, is_true, leader_of_most, nodes, operator, pod_name, topic, until,
    until_gone, until_topic, until_whole,
};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Client, ResourceExt as _,
    api::DeleteParams,
    runtime::{WatchStreamExt as _, watcher},
};
use serde_json::json;
use std::{
    collections::BTreeSet,
    env,
    time::{Instant, SystemTime, UNIX_EPOCH},
};
use tokio::time::timeout;

const GIVES_UP_MS: u64 = 1000;
const MANY_TOPICS: usize = 1000;
/// With the one under load.
const CLUSTERS: usize = 10;
const MANY: &str = "one-of-many-";
/// Of requests to the API server.
const AT_ONCE: usize = 32;

/// Name, and what its values are.
const ROWS: [(&str, &str); 10] = [
    ("broker-killed", "kill -9 of the broker that leads most: longest wait of a partition"),
    ("node-silent", "the node of the broker that leads most is paused: longest wait of a partition"),
    ("operator-killed", "kill -9 of the operator at work: until the status names the next epoch"),
    ("operator-stopped", "SIGTERM of the operator at work: until the status names the next epoch"),
    ("operator-gone-writes", "the same two: longest wait of a partition"),
    ("roll", "three brokers are restarted for a changed configuration: longest wait of each partition"),
    ("topic", "a Topic is applied: until it is ready"),
    ("many-topics", "1,000 Topics are applied: until all are ready"),
    ("broker-killed-many", "as broker-killed, with 1,000 more topics of one partition"),
    ("pod-ready", "a broker's container starts on an empty volume: until its pod is ready"),
];

struct Bench {
    stage: Stage,
    nodes: Nodes,
    runs: u32,
    file: String,
    rows: Vec<Distribution>,
    /// Of the operator at work, where that was asked.
    operator_kib: Option<u64>,
}

impl Bench {
    fn client(&self) -> Client {
        self.stage.place.client.clone()
    }

    fn add(&mut self, name: &'static str, values: Vec<u64>) -> anyhow::Result<()> {
        let what = ROWS.iter().find(|(row, _)| *row == name).map_or("", |(_, what)| what);
        if let Some(row) = Distribution::of(name, what, values) {
            println!("{}", row.line());
            self.rows.push(row);
        }
        self.write()
    }

    fn write(&self) -> anyhow::Result<()> {
        let told = json!({ "runs": self.runs, "rows": self.rows, "operator_resident_kib": self.operator_kib });
        std::fs::write(&self.file, serde_json::to_string_pretty(&told)?).with_context(|| format!("write {}", self.file))
    }

    async fn broker_killed(&mut self, row: &'static str) -> anyhow::Result<()> {
        let mut values = Vec::new();
        for _ in 0..self.runs {
            let broker = leader_of_most(&mut self.stage, |_| true).await?;
            self.stage.load.mark().await?;
            self.stage.kill(broker).await?;
            self.stage.load.more(10).await?;
            values.push(self.stage.load.longest_gap().await?);
            // Another pod: one whose program ends often is started again later and later.
            self.stage.delete_pod(broker, &DeleteParams::default()).await?.is_over().await?;
            self.stage.until_whole(3).await?;
        }
        self.add(row, values)
    }

    async fn node_silent(&mut self) -> anyhow::Result<()> {
        let mut values = Vec::new();
        for _ in 0..self.runs {
            // An operator that falls silent with its node is another row's business.
            let at_work = AtWork::find(&self.client()).await?;
            let avoided = nodes::node_of(&at_work.place.api::<Pod>().get(&at_work.pod).await?)?;
            let mut at = Vec::new();
            for broker in 0..3 {
                at.push(nodes::node_of(&self.stage.place.api::<Pod>().get(&pod_name(broker)).await?)?);
            }
            let node = |broker: i32| usize::try_from(broker).ok().and_then(|broker| at.get(broker));
            let may_be = |broker| node(broker).is_some_and(|node| *node != avoided);
            let broker = leader_of_most(&mut self.stage, may_be).await?;
            let node = node(broker).context("the broker is on a node")?;
            self.stage.load.mark().await?;
            self.nodes.pause(node).await?;
            self.stage.load.more(10).await?;
            values.push(self.stage.load.longest_gap().await?);
            self.nodes.unpause(node).await?;
            self.stage.until_whole(3).await?;
        }
        self.add("node-silent", values)
    }

    async fn operator_gone(&mut self) -> anyhow::Result<()> {
        let mut writes = Vec::new();
        for (row, signal) in [("operator-killed", "KILL"), ("operator-stopped", "TERM")] {
            let mut values = Vec::new();
            for _ in 0..self.runs {
                let (at_work, epoch) = (AtWork::find(&self.client()).await?, self.stage.epoch().await?);
                let pods = at_work.place.api::<Pod>();
                let uid = pods.get(&at_work.pod).await.context("find the operator")?.uid().unwrap_or_default();
                self.stage.load.mark().await?;
                let began = at_work.signal(signal).await?;
                self.stage.until_taken_over(epoch).await?;
                values.push(now_ms()?.saturating_sub(began));
                self.stage.load.more(10).await?;
                writes.push(self.stage.load.longest_gap().await?);
                pods.delete(&at_work.pod, &DeleteParams::default()).await.context("replace the operator's pod")?;
                until_gone::<Pod>(&at_work.place, &at_work.pod, &uid).await?;
                operator::until_ready(&self.client(), 2).await?;
                self.stage.until_whole(3).await?;
            }
            self.add(row, values)?;
        }
        self.add("operator-gone-writes", writes)
    }

    async fn roll(&mut self) -> anyhow::Result<()> {
        let mut values = Vec::new();
        for run in 0..self.runs {
            self.stage.load.mark().await?;
            self.stage.change(json!({"config": {"log.retention.hours": 1000 + run}})).await?;
            self.stage.until_whole(3).await?;
            self.stage.load.more(10).await?;
            values.extend(self.stage.load.gaps().await?.into_values().flatten());
        }
        self.add("roll", values)
    }

    async fn pod_ready(&mut self) -> anyhow::Result<()> {
        let mut values = Vec::new();
        for _ in 0..self.runs {
            // A scaled-up broker whose volume is deleted when it goes: each is new.
            self.stage.scale(4).await?;
            values.push(starts_within(&self.stage.place, &pod_name(3)).await?);
            self.stage.until_whole(4).await?;
            self.stage.scale(3).await?;
            self.stage.until_whole(3).await?;
            self.stage.forget_volume(3).await?;
        }
        self.add("pod-ready", values)
    }

    async fn operator_memory(&mut self) -> anyhow::Result<()> {
        let place = self.stage.place.clone();
        for number in 1..CLUSTERS {
            place.apply::<Cluster>(&small_cluster(number)).await?;
        }
        for number in 1..CLUSTERS {
            let is_ready =
                |cluster: &Cluster| cluster.status.as_ref().is_some_and(|status| is_true(&status.conditions, "Ready"));
            until(&place, &format!("small-{number}"), "the cluster is ready", is_ready).await?;
        }
        let at_work = AtWork::find(&self.client()).await?;
        let kib = nodes::resident_kib(&at_work.place, &at_work.pod, "weir-operator").await?;
        println!("operator-memory: {kib} KiB resident with {CLUSTERS} clusters and {MANY_TOPICS} topics");
        self.operator_kib = Some(kib);
        self.write()
    }

    async fn topic(&mut self) -> anyhow::Result<()> {
        let mut values = Vec::new();
        for run in 0..self.runs {
            values.push(make_topic(&self.stage.place, &format!("single-{run}")).await?);
        }
        self.add("topic", values)
    }

    /// Beside the load; and, for the row, in clusters of their own before: a thousand topics that are deleted at once are held.
    async fn many_topics(&mut self, is_row: bool) -> anyhow::Result<()> {
        let mut values = Vec::new();
        let before = if is_row { self.runs.saturating_sub(1) } else { 0 };
        for run in 1..=before {
            let ms = in_own_namespace(&self.client(), "many", many_topics_of_a_new_cluster).await?;
            eprintln!("many-topics, {run} of {}: {ms} ms", self.runs);
            values.push(ms);
        }
        values.push(many_topics_ms(&self.stage.place).await?);
        self.add("many-topics", values)
    }
}

async fn many_topics_of_a_new_cluster(place: Place) -> anyhow::Result<u64> {
    place.apply::<Cluster>(CLUSTER).await?;
    until_whole(&place, 3).await?;
    many_topics_ms(&place).await
}

async fn many_topics_ms(place: &Place) -> anyhow::Result<u64> {
    let began = Instant::now();
    let applying = stream::iter(0..MANY_TOPICS).map(|number| {
        let place = place.clone();
        async move { place.apply::<Topic>(&topic(&format!("{MANY}{number}"), 1)).await.map(drop) }
    });
    let applied = applying.buffer_unordered(AT_ONCE).try_collect::<()>();
    tokio::try_join!(applied, many_are_ready(place))?;
    Ok(elapsed_ms(began))
}

async fn many_are_ready(place: &Place) -> anyhow::Result<()> {
    let topics = watcher(place.api::<Topic>(), watcher::Config::default()).default_backoff().applied_objects();
    let mut topics = std::pin::pin!(topics);
    let mut ready = BTreeSet::new();
    let waiting = async {
        while ready.len() < MANY_TOPICS {
            let topic = topics.next().await.context("the watch ended")?.context("watch topics")?;
            if topic.name_any().starts_with(MANY) && is_topic_ready(&topic) {
                ready.insert(topic.name_any());
            }
        }
        anyhow::Ok(())
    };
    let ended = timeout(LIMIT, waiting).await;
    ended.with_context(|| format!("{} of {MANY_TOPICS} topics are ready", ready.len()))?
}

fn small_cluster(number: usize) -> String {
    format!(
        "{{apiVersion: weir.dev/v1alpha1, kind: Cluster, metadata: {{name: small-{number}}}, spec: {{replicas: 1, storage: {{size: 1Gi}}}}}}"
    )
}

/// How long the pod's container runs before the pod is ready, as a watch sees it.
async fn starts_within(place: &Place, pod: &str) -> anyhow::Result<u64> {
    let runs = |pod: &Pod| {
        let containers = pod.status.as_ref().and_then(|status| status.container_statuses.as_ref());
        containers
            .into_iter()
            .flatten()
            .any(|container| container.state.as_ref().is_some_and(|state| state.running.is_some()))
    };
    until(place, pod, "its container runs", runs).await?;
    let began = Instant::now();
    until(place, pod, "it is ready", is_ready).await?;
    Ok(elapsed_ms(began))
}

async fn make_topic(place: &Place, name: &str) -> anyhow::Result<u64> {
    let began = Instant::now();
    place.apply::<Topic>(&topic(name, 1)).await?;
    until_topic(place, name, 1).await?;
    Ok(elapsed_ms(began))
}

fn elapsed_ms(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// By the clock of the nodes, which is this machine's.
fn now_ms() -> anyhow::Result<u64> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock is before 1970")?;
    u64::try_from(since.as_millis()).context("the clock is far ahead")
}

async fn bench(place: Place, nodes: Nodes, file: String) -> anyhow::Result<Acknowledged> {
    let runs = env::var("RUNS").ok().map_or(Ok(30), |runs| runs.parse()).context("RUNS is a number")?;
    let wanted = env::var("ROWS").unwrap_or_default();
    let is_wanted = |row: &str| wanted.is_empty() || wanted.split(',').any(|name| name == row);
    let stage = Stage::begin_with(place, &["librdkafka"], GIVES_UP_MS).await?;
    let mut bench = Bench { stage, nodes, runs, file, rows: Vec::new(), operator_kib: None };
    println!("{HEAD}");
    if is_wanted("broker-killed") {
        bench.broker_killed("broker-killed").await?;
    }
    if is_wanted("node-silent") {
        bench.node_silent().await?;
    }
    if is_wanted("operator-killed") || is_wanted("operator-stopped") {
        bench.operator_gone().await?;
    }
    if is_wanted("roll") {
        bench.roll().await?;
    }
    if is_wanted("topic") {
        bench.topic().await?;
    }
    if is_wanted("pod-ready") {
        bench.pod_ready().await?;
    }
    if ["many-topics", "broker-killed-many", "operator-memory"].iter().any(|row| is_wanted(row)) {
        bench.many_topics(is_wanted("many-topics")).await?;
    }
    if is_wanted("broker-killed-many") {
        bench.broker_killed("broker-killed-many").await?;
    }
    if is_wanted("operator-memory") {
        bench.operator_memory().await?;
    }
    bench.stage.end().await
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let file = env::args().nth(1).context("failover FILE")?;
    let client = Client::try_default().await.context("find the API server")?;
    let nodes = Nodes::find(&client).await?.context("the nodes are no containers of this machine")?;
    let measured = in_own_namespace(&client, "failover", |place| bench(place, nodes.clone(), file.clone())).await;
    nodes.mend().await?;
    let acknowledged = measured?;
    println!("{acknowledged:?} records were acknowledged, and none is missing; every value is in {file}");
    Ok(())
}
