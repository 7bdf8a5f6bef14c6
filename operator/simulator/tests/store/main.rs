//! Two operators that both decide for one cluster, over an API server that fails, with the store and the controllers that run.
//! Nothing but the store keeps them apart: there is no lease here. Each has a runtime of its own with a clock of its own; the
//! end of a runtime is a crash between any two awaits.
//!
//! The seed decides faults, delays and crashes. Branches of `select!` that are ready at once tokio chooses itself, so a seed that
//! fails may have to be run a few times.

#![expect(clippy::unwrap_used, reason = "helpers of a test end it by a panic, as the test itself does")]

mod api_server;

use api_server::{ApiServer, CLUSTER, NAMESPACE};
use control_plane::ControllerHandle;
use controller::{
    Leaving,
    requests::{CreateTopics, NewTopic, RegisterBroker},
};
use custom_resources::Cluster;
use model::{BrokerId, Incarnation, ProducerId, TopicId, TopicName};
use operator::{
    control_plane::Controllers,
    reconcilers::cluster::set_size::SetSize,
    valid_cluster::{ClusterKey, Defaults, ValidCluster},
};
use serde_json::json;
use simulator::random::Random;
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{runtime::Runtime, time::sleep};
use uuid::Uuid;

const SEEDS: u64 = 6;
const STEPS: u64 = 300;
/// Steps after the root was deleted.
const LOST_STEPS: u64 = 60;
/// Of a topic: a few of them outgrow the changes in the root, and shards are written.
const PARTITIONS: i32 = 60;

/// What an operator answered: it must stay true.
#[derive(Debug, Default)]
struct Answered {
    topics: BTreeSet<String>,
    blocks: BTreeSet<i64>,
    twice: Option<i64>,
}

struct Operator {
    runtime: Runtime,
    controllers: Controllers,
}

impl Operator {
    fn start(server: &ApiServer, cluster: &ValidCluster) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let entered = runtime.enter();
        let controllers = Controllers::new(server.client(), Vec::new(), Vec::new(), std::sync::Arc::default());
        drop(entered);
        runtime.block_on(controllers.ensure(cluster, "token", Leaving::NOBODY, SetSize::default()));
        Self { runtime, controllers }
    }

    fn pass(&self, ms: u64) {
        self.runtime.block_on(async { sleep(Duration::from_millis(ms)).await });
    }

    fn handle(&self, key: &ClusterKey) -> Option<ControllerHandle> {
        self.runtime.block_on(self.controllers.view(key)).and_then(|view| view.handle)
    }
}

fn cluster() -> ValidCluster {
    let cluster = json!({
        "apiVersion": "weir.dev/v1alpha1", "kind": "Cluster",
        "metadata": { "name": CLUSTER, "namespace": NAMESPACE, "uid": "6f0d0a1e-52d5-4c7e-9a51-7d7c7c2b3a10" },
        "spec": { "replicas": 3, "storage": { "size": "1Gi" } },
    });
    let cluster: Cluster = serde_json::from_value(cluster).unwrap();
    let defaults = Defaults { broker_image: "weir:0".to_owned(), control_plane: "weir-operator:9090".to_owned() };
    ValidCluster::new(&cluster, &defaults).unwrap()
}

async fn make_topic(handle: ControllerHandle, number: u64, answered: Arc<Mutex<Answered>>) {
    let broker = RegisterBroker {
        id: BrokerId(0),
        incarnation: Incarnation::default(),
        log_life: None,
        serves_at_once: true,
        rack: None,
        endpoints: Vec::new(),
        began_empty: false,
        follows: None,
    };
    let name = format!("topic-{number}");
    let topic = NewTopic {
        name: TopicName::from(&*name),
        id: TopicId(Uuid::from_u128(u128::from(number))),
        partitions: PARTITIONS,
        replication_factor: 1,
        assignments: Vec::new(),
        configs: Vec::new(),
    };
    let creating = async {
        handle.register_broker(broker).await?;
        handle.create_topics(CreateTopics { topics: vec![topic], validate_only: false }).await
    };
    if let Ok(results) = creating.await
        && results.iter().all(|(_, result)| result.is_ok())
    {
        answered.lock().unwrap().topics.insert(name);
    }
}

async fn take_ids(handle: ControllerHandle, answered: Arc<Mutex<Answered>>) {
    if let Ok(block) = handle.allocate_producer_ids(ProducerId(0)).await {
        let mut answered = answered.lock().unwrap();
        if !answered.blocks.insert(block.first.0) {
            answered.twice = Some(block.first.0);
        }
    }
}

fn check(server: &ApiServer, answered: &Mutex<Answered>) -> Result<(), String> {
    if let Some(broken) = server.broken() {
        return Err(broken);
    }
    let answered = answered.lock().unwrap();
    if let Some(first) = answered.twice {
        return Err(format!("producer ids from {first} on were given away twice"));
    }
    let Some(image) = server.image() else { return Ok(()) };
    if let Some(topic) = answered.topics.iter().find(|name| image.topic(name).is_none()) {
        return Err(format!("{topic} was answered, and is not committed"));
    }
    let highest = answered.blocks.last().copied().unwrap_or(-1);
    if image.next_producer_id.0 <= highest {
        return Err(format!("producer ids from {highest} on were answered, and are not committed"));
    }
    Ok(())
}

/// Topics and blocks of ids that were answered, and writes.
fn run(seed: u64) -> Result<(usize, usize, u64), String> {
    let mut random = Random::new(seed);
    let server = ApiServer::new(Random::new(random.draw()));
    let (cluster, answered) = (cluster(), Arc::new(Mutex::new(Answered::default())));
    let mut operators = [Operator::start(&server, &cluster), Operator::start(&server, &cluster)];
    let mut asked = 0;
    for step in 0..STEPS + LOST_STEPS {
        let which = usize::try_from(random.below(2)).unwrap();
        if random.once_in(25) {
            operators[which] = Operator::start(&server, &cluster);
        }
        let operator = &operators[which];
        if let Some(handle) = operator.handle(&cluster.key) {
            asked += 1;
            match random.below(3) {
                0 => drop(operator.runtime.spawn(make_topic(handle, asked, Arc::clone(&answered)))),
                1 => drop(operator.runtime.spawn(take_ids(handle, Arc::clone(&answered)))),
                _ => {}
            }
        }
        let longest = if random.once_in(8) { 8000 } else { 300 };
        operator.pass(1 + random.below(longest));
        if random.once_in(6) {
            server.do_late();
        }
        if server.image().is_some() {
            server.make_volumes();
        }
        if step == STEPS {
            server.lose_root();
        }
        check(&server, &answered)?;
    }
    let answered = answered.lock().unwrap();
    Ok((answered.topics.len(), answered.blocks.len(), server.writes()))
}

#[test]
fn what_was_answered_stays_true_and_no_cluster_begins_over_volumes() {
    let mut total = (0, 0, 0);
    for seed in 0..SEEDS {
        match run(seed) {
            Ok((topics, blocks, writes)) => total = (total.0 + topics, total.1 + blocks, total.2 + writes),
            Err(broken) => panic!("seed {seed}: {broken}"),
        }
    }
    assert!(total.0 > 30 && total.1 > 30, "too little is answered: {total:?}");
}
