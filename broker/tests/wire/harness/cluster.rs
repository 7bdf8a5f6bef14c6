//! A controller and brokers in this process, on free ports of loopback, reached as their clients reach them.

use super::Client;
use broker::{Broker, RunningBroker, RunningController, config::BrokerConfig};
use kafka_protocol::messages::{
    CreateTopicsRequest, MetadataRequest, MetadataResponse, TopicName, create_topics_request::CreatableTopic,
};
use std::{collections::BTreeMap, future::Future, net::SocketAddr, path::Path, time::Duration};
use tempfile::TempDir;
use tokio::runtime::Handle;

pub struct TestCluster {
    controller: Option<RunningController>,
    pub controller_folder: TempDir,
    /// The same after each start of the controller.
    pub controller_address: SocketAddr,
    brokers: BTreeMap<i32, RunningBroker>,
    pub broker_folders: BTreeMap<i32, TempDir>,
    /// `weir.stop.linger.ms` of brokers that start from here on.
    pub linger_ms: &'static str,
}

impl TestCluster {
    /// With brokers 1 to `brokers`.
    pub async fn start(brokers: i32) -> Self {
        let controller_folder = TempDir::new().unwrap();
        let controller = controller(controller_folder.path(), "127.0.0.1:0", &[]).await;
        let mut cluster = Self {
            controller_address: controller.address(),
            controller: Some(controller),
            controller_folder,
            brokers: BTreeMap::new(),
            broker_folders: BTreeMap::new(),
            linger_ms: "300",
        };
        for id in 1..=brokers {
            cluster.broker_folders.insert(id, TempDir::new().unwrap());
            cluster.start_broker(id).await;
        }
        for id in 1..=brokers {
            cluster.until(id, "every broker is there", |told| told.brokers.len() == cluster.brokers.len()).await;
        }
        cluster
    }

    /// On its folder, once it serves.
    pub async fn start_broker(&mut self, id: i32) {
        let running = Broker::start(self.broker_config(id)).await.unwrap();
        self.brokers.insert(id, running);
    }

    pub fn broker_config(&self, id: i32) -> BrokerConfig {
        let (folder, controller) = (self.broker_folders[&id].path(), self.controller_address.to_string());
        broker_config_with(folder, id, &controller, &[("weir.stop.linger.ms", self.linger_ms)])
    }

    pub async fn stop_broker(&mut self, id: i32) {
        self.brokers.remove(&id).unwrap().stop().await.unwrap();
    }

    /// As if its process were killed, but for the lock of its folder.
    pub fn kill_broker(&mut self, id: i32) {
        drop(self.brokers.remove(&id).unwrap());
    }

    pub async fn stop_controller(&mut self) {
        self.controller.take().unwrap().stop().await.unwrap();
    }

    /// On its own folder, where it was.
    pub async fn start_controller(&mut self) {
        let address = self.controller_address.to_string();
        self.controller = Some(controller(self.controller_folder.path(), &address, &[]).await);
    }

    /// The first listener of a broker, or the one for other brokers.
    pub fn address(&self, id: i32, listener: usize) -> SocketAddr {
        self.brokers[&id].addresses()[listener].1
    }

    pub async fn client(&self, id: i32) -> Client {
        Client::connect(self.address(id, 0)).await
    }

    pub async fn metadata(&self, id: i32) -> MetadataResponse {
        self.client(id).await.call(12, &MetadataRequest::default().with_topics(None)).await
    }

    /// Asks the broker until its answer is as expected; one that never is fails the test.
    pub async fn until(&self, id: i32, what: &str, holds: impl Fn(&MetadataResponse) -> bool) -> MetadataResponse {
        let mut client = self.client(id).await;
        in_time(what, async {
            loop {
                let told = client.call(12, &MetadataRequest::default().with_topics(None)).await;
                if holds(&told) {
                    return told;
                }
                tokio::task::yield_now().await;
            }
        })
        .await
    }

    /// By way of one broker; returns once all brokers have it.
    pub async fn create_topic(&self, by: i32, name: &str, partitions: i32, replicas: i16) {
        let topic = CreatableTopic::default()
            .with_name(TopicName(name.to_owned().into()))
            .with_num_partitions(partitions)
            .with_replication_factor(replicas);
        let request = CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(30_000);
        let created = self.client(by).await.call(7, &request).await;
        assert_eq!(created.topics[0].error_code, 0, "{created:?}");
        for id in self.brokers.keys() {
            self.until(*id, "the topic is known", |told| topic_names(told).any(|known| known == name)).await;
        }
    }
}

pub async fn controller(folder: &Path, listen: &str, keys: &[(&str, &str)]) -> RunningController {
    let roles = [("process.roles", "controller"), ("weir.control.plane.listen", listen)];
    let config = BrokerConfig::for_tests_with(folder, &[&roles, keys].concat());
    RunningController::start_on(config, Handle::current()).await.unwrap()
}

pub fn broker_config(folder: &Path, id: i32, controller: &str) -> BrokerConfig {
    broker_config_with(folder, id, controller, &[])
}

fn broker_config_with(folder: &Path, id: i32, controller: &str, more: &[(&str, &str)]) -> BrokerConfig {
    let id = id.to_string();
    let keys = [
        ("process.roles", "broker"),
        ("node.id", &*id),
        ("weir.controller", controller),
        ("offsets.topic.replication.factor", "1"),
    ];
    BrokerConfig::for_tests_with(folder, &[&keys, more].concat())
}

pub async fn in_time<F: Future>(what: &str, future: F) -> F::Output {
    let waited = tokio::time::timeout(Duration::from_secs(60), future).await;
    waited.unwrap_or_else(|_| panic!("waited in vain until {what}"))
}

pub fn topic_names(told: &MetadataResponse) -> impl Iterator<Item = &str> {
    told.topics.iter().filter_map(|topic| topic.name.as_ref()).map(|name| name.as_str())
}

pub fn broker_ids(told: &MetadataResponse) -> Vec<i32> {
    told.brokers.iter().map(|broker| broker.node_id.0).collect()
}

/// Leader of each partition, in order.
pub fn leaders(told: &MetadataResponse, topic: &str) -> Vec<i32> {
    let found = told.topics.iter().find(|known| known.name.as_ref().is_some_and(|name| name.as_str() == topic));
    let mut partitions: Vec<_> = found.unwrap().partitions.iter().collect();
    partitions.sort_by_key(|partition| partition.partition_index);
    partitions.iter().map(|partition| partition.leader_id.0).collect()
}
