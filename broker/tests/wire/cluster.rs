//! Brokers of one cluster with their controller in another part of the process.

mod controllers;

use crate::harness::{
    TestBroker,
    cluster::{TestCluster, broker_config, broker_ids, in_time, leaders, topic_names},
};
use broker::{Broker, config::BrokerConfig};
use bytes::Bytes;
use kafka_protocol::messages::{
    BrokerId, DescribeClusterRequest, DescribeConfigsRequest, DescribeTopicPartitionsRequest, FetchRequest,
    FindCoordinatorRequest, InitProducerIdRequest, MetadataRequest, MetadataResponse, ProduceRequest, TopicName,
    UnregisterBrokerRequest,
    describe_configs_request::DescribeConfigsResource,
    describe_topic_partitions_request::TopicRequest,
    fetch_request::{FetchPartition, FetchTopic},
    produce_request::{PartitionProduceData, TopicProduceData},
};
use model::WallTime;
use protocol::record_batch::{BatchOptions, RecordData, build_batch};
use std::collections::BTreeSet;

const NOT_LEADER_OR_FOLLOWER: i16 = 6;
const LEADER_NOT_AVAILABLE: i16 = 5;
const INVALID_REQUEST: i16 = 42;
const BROKER_ID_NOT_REGISTERED: i16 = 102;
/// A source in DescribeConfigs.
const DEFAULT_CONFIG: i8 = 5;

fn wire_name(topic: &str) -> TopicName {
    TopicName(topic.to_owned().into())
}

fn batch(value: &str) -> Bytes {
    let record = RecordData { timestamp: WallTime(0), key: None, value: Some(value.as_bytes()), headers: &[] };
    build_batch(&BatchOptions::default(), &[record]).unwrap()
}

/// Error code of one record to one partition at a broker.
async fn produce(cluster: &TestCluster, at: i32, topic: &str, partition: i32, acks: i16) -> i16 {
    let response = cluster.client(at).await.call(9, &produce_request(topic, partition, acks)).await;
    response.responses[0].partition_responses[0].error_code
}

fn produce_request(topic: &str, partition: i32, acks: i16) -> ProduceRequest {
    let data = PartitionProduceData::default().with_index(partition).with_records(Some(batch("value")));
    let topic = TopicProduceData::default().with_name(wire_name(topic)).with_partition_data(vec![data]);
    ProduceRequest::default().with_acks(acks).with_timeout_ms(30_000).with_topic_data(vec![topic])
}

/// Error code and bytes of a partition from its beginning at a broker.
async fn fetch(cluster: &TestCluster, at: i32, topic: &str, partition: i32) -> (i16, usize) {
    let asked = FetchPartition::default().with_partition(partition).with_partition_max_bytes(1 << 20);
    let topic = FetchTopic::default().with_topic(wire_name(topic)).with_partitions(vec![asked]);
    let request = FetchRequest::default()
        .with_replica_id(BrokerId(-1))
        .with_max_bytes(1 << 20)
        .with_min_bytes(1)
        .with_max_wait_ms(30_000)
        .with_session_epoch(-1)
        .with_topics(vec![topic]);
    let response = cluster.client(at).await.call(12, &request).await;
    let found = &response.responses[0].partitions[0];
    (found.error_code, found.records.as_ref().map_or(0, Bytes::len))
}

#[tokio::test]
async fn a_topic_made_by_way_of_any_broker_is_spread_and_told_by_all_alike() {
    let cluster = TestCluster::start(3).await;
    for by in 1..=3 {
        cluster.create_topic(by, &format!("by-{by}"), 6, 1).await;
    }
    let first = cluster.metadata(1).await;
    assert_eq!(broker_ids(&first), [1, 2, 3]);
    for by in 1..=3 {
        let mut led = leaders(&first, &format!("by-{by}"));
        led.sort_unstable();
        assert_eq!(led, [1, 1, 2, 2, 3, 3]);
    }
    for id in 2..=3 {
        let told = cluster.metadata(id).await;
        assert_eq!((&told.cluster_id, &told.brokers, &told.topics), (&first.cluster_id, &first.brokers, &first.topics));
        assert_eq!(told.controller_id.0, id, "each passes on what is for the controller");
    }
}

#[tokio::test]
async fn a_topic_without_a_factor_is_on_three_brokers_of_which_two_must_be_in_sync() {
    let cluster = TestCluster::start(4).await;
    cluster.create_topic(2, "orders", 4, -1).await;
    let told = cluster.metadata(3).await;
    for partition in &told.topics[0].partitions {
        assert_eq!((partition.replica_nodes.len(), partition.isr_nodes.len()), (3, 3));
    }
    cluster.create_topic(2, "alone", 1, 1).await;
    let leader = leaders(&cluster.metadata(1).await, "alone")[0];
    assert_eq!(produce(&cluster, leader, "alone", 0, -1).await, 0, "all of its one replica are in sync");
    let resource = DescribeConfigsResource::default().with_resource_type(2).with_resource_name("orders".into());
    let request = DescribeConfigsRequest::default().with_resources(vec![resource]);
    for id in 1..=4 {
        let answer = cluster.client(id).await.call(4, &request).await;
        let configs = &answer.results[0].configs;
        let in_sync = configs.iter().find(|config| config.name.as_str() == "min.insync.replicas").unwrap();
        assert_eq!((in_sync.value.as_deref(), in_sync.config_source), (Some("2"), DEFAULT_CONFIG));
    }
}

#[tokio::test]
async fn a_broker_that_is_gone_for_good_is_forgotten_by_all() {
    let mut cluster = TestCluster::start(3).await;
    cluster.create_topic(1, "orders", 1, 2).await;
    let held: Vec<i32> =
        cluster.metadata(1).await.topics[0].partitions[0].replica_nodes.iter().map(|id| id.0).collect();
    let without = (1..=3).find(|id| !held.contains(id)).unwrap();
    let unregister = |id: i32| UnregisterBrokerRequest::default().with_broker_id(BrokerId(id));
    let mut by = cluster.client(held[0]).await;
    for id in 1..=3 {
        assert_eq!(by.call(0, &unregister(id)).await.error_code, INVALID_REQUEST, "it lives");
    }
    cluster.stop_broker(without).await;
    cluster.until(held[0], "it is gone", |told| told.brokers.len() == 2).await;
    assert_eq!(by.call(0, &unregister(without)).await.error_code, 0);
    let everybody = DescribeClusterRequest::default().with_endpoint_type(1).with_include_fenced_brokers(true);
    for id in held {
        let mut client = cluster.client(id).await;
        assert_eq!(client.call(0, &unregister(without)).await.error_code, BROKER_ID_NOT_REGISTERED);
        in_time("the broker is forgotten", async {
            while client.call(2, &everybody).await.brokers.iter().any(|broker| broker.broker_id.0 == without) {}
        })
        .await;
    }
}

#[tokio::test]
async fn a_replica_that_left_too_few_in_sync_is_told_to_be_eligible() {
    let mut cluster = TestCluster::start(3).await;
    cluster.create_topic(1, "orders", 1, 3).await;
    cluster.stop_broker(3).await;
    let in_sync =
        |told: &MetadataResponse| told.topics[0].partitions[0].isr_nodes.iter().map(|id| id.0).collect::<Vec<_>>();
    cluster.until(1, "two are in sync", |told| in_sync(told).len() == 2).await;
    let topic = TopicRequest::default().with_name(wire_name("orders"));
    let request = DescribeTopicPartitionsRequest::default().with_topics(vec![topic]).with_response_partition_limit(10);
    let mut client = cluster.client(1).await;
    let told = client.call(0, &request).await.topics.remove(0).partitions.remove(0);
    assert_eq!(told.eligible_leader_replicas, Some(vec![]), "two are enough");
    cluster.stop_broker(2).await;
    cluster.until(1, "one is in sync", |told| in_sync(told) == [1]).await;
    let told = client.call(0, &request).await.topics.remove(0).partitions.remove(0);
    assert_eq!(told.eligible_leader_replicas, Some(vec![BrokerId(2)]));
    assert_eq!(told.last_known_elr, Some(vec![]));
}

#[tokio::test]
async fn records_are_taken_and_given_by_leaders_alone() {
    let cluster = TestCluster::start(3).await;
    cluster.create_topic(1, "orders", 3, 1).await;
    let told = cluster.metadata(1).await;
    for (partition, leader) in (0..).zip(leaders(&told, "orders")) {
        assert_eq!(produce(&cluster, leader, "orders", partition, -1).await, 0);
        let (code, bytes) = fetch(&cluster, leader, "orders", partition).await;
        assert!(code == 0 && bytes > 0, "{code} {bytes}");
        for other in (1..=3).filter(|id| *id != leader) {
            assert_eq!(produce(&cluster, other, "orders", partition, -1).await, NOT_LEADER_OR_FOLLOWER);
            assert_eq!(fetch(&cluster, other, "orders", partition).await, (NOT_LEADER_OR_FOLLOWER, 0));
        }
    }
}

#[tokio::test]
async fn clients_are_told_addresses_of_the_listener_they_came_in_by() {
    let cluster = TestCluster::start(2).await;
    for listener in 0..2 {
        let mut client = crate::harness::Client::connect(cluster.address(1, listener)).await;
        let told = client.call(12, &MetadataRequest::default()).await;
        for broker in told.brokers {
            let port = cluster.address(broker.node_id.0, listener).port();
            assert_eq!((broker.host.as_str(), broker.port), ("127.0.0.1", i32::from(port)));
        }
    }
}

#[tokio::test]
async fn a_broker_that_stops_and_one_that_is_killed_are_gone_from_metadata() {
    let mut cluster = TestCluster::start(3).await;
    cluster.create_topic(1, "orders", 3, 1).await;
    cluster.stop_broker(3).await;
    let told = cluster.until(1, "broker 3 is gone", |told| broker_ids(told) == [1, 2]).await;
    let partitions = &told.topics[0].partitions;
    let without: Vec<_> = partitions.iter().filter(|partition| partition.leader_id.0 == -1).collect();
    assert_eq!(without.len(), 1);
    assert_eq!(without[0].error_code, LEADER_NOT_AVAILABLE);
    cluster.kill_broker(2);
    cluster.until(1, "broker 2 is gone", |told| broker_ids(told) == [1]).await;
    cluster.start_broker(3).await;
    let told = cluster.until(1, "broker 3 is back", |told| broker_ids(told) == [1, 3]).await;
    assert_eq!(leaders(&told, "orders").iter().filter(|leader| **leader == 3).count(), 1, "it leads what it has");
}

#[tokio::test]
async fn a_broker_that_stops_tells_its_clients_who_leads_before_it_leaves_them() {
    let mut cluster = TestCluster::start(2).await;
    cluster.linger_ms = "60000";
    cluster.broker_folders.insert(3, tempfile::TempDir::new().unwrap());
    cluster.start_broker(3).await;
    cluster.until(3, "every broker is there", |told| told.brokers.len() == 3).await;
    cluster.create_topic(1, "orders", 3, 3).await;
    let led = leaders(&cluster.metadata(1).await, "orders");
    let partition = (0..).zip(led).find(|(_, leader)| *leader == 3).map(|(partition, _)| partition).unwrap();
    let (mut client, mut other) = (cluster.client(3).await, cluster.client(1).await);
    let request = produce_request("orders", partition, 1);
    let before = client.call(9, &request).await;
    assert_eq!(before.responses[0].partition_responses[0].error_code, 0);
    let telling = async {
        let all = MetadataRequest::default().with_topics(None);
        in_time("others lead", async {
            while leaders(&other.call(12, &all).await, "orders").contains(&3) {
                tokio::task::yield_now().await;
            }
        })
        .await;
        let after = client.call(9, &request).await;
        assert_eq!(after.responses[0].partition_responses[0].error_code, NOT_LEADER_OR_FOLLOWER);
        drop(client);
    };
    // It ends with its last client.
    in_time("the broker stops", async { tokio::join!(cluster.stop_broker(3), telling) }).await;
}

#[tokio::test]
async fn others_lead_before_a_broker_stops() {
    let mut cluster = TestCluster::start(3).await;
    cluster.create_topic(1, "orders", 4, 3).await;
    let led = leaders(&cluster.metadata(1).await, "orders");
    for (partition, leader) in (0..).zip(led) {
        assert_eq!(produce(&cluster, leader, "orders", partition, -1).await, 0);
    }
    cluster.stop_broker(2).await;
    let led = leaders(&cluster.metadata(1).await, "orders");
    assert!(led.iter().all(|leader| [1, 3].contains(leader)), "known before the stop was over: {led:?}");
    for (partition, leader) in (0..).zip(led) {
        let (code, bytes) = fetch(&cluster, leader, "orders", partition).await;
        assert!(code == 0 && bytes > 0, "{code} {bytes}");
    }
}

#[tokio::test]
async fn producer_ids_of_different_brokers_differ() {
    let cluster = TestCluster::start(3).await;
    let mut ids = BTreeSet::new();
    for id in 1..=3 {
        let mut client = cluster.client(id).await;
        for _ in 0..2 {
            let request =
                InitProducerIdRequest::default().with_transactional_id(None).with_transaction_timeout_ms(1000);
            let response = client.call(2, &request).await;
            assert_eq!(response.error_code, 0);
            assert!(ids.insert(response.producer_id.0), "{ids:?}");
        }
    }
}

#[tokio::test]
async fn every_broker_names_the_same_coordinator() {
    let cluster = TestCluster::start(3).await;
    let request = FindCoordinatorRequest::default().with_key("group".to_owned().into());
    let mut named = BTreeSet::new();
    for id in 1..=3 {
        let mut client = cluster.client(id).await;
        let found = in_time("a coordinator is named", async {
            loop {
                let found = client.call(2, &request).await;
                // COORDINATOR_NOT_AVAILABLE: the client asks again.
                if found.error_code != 15 {
                    return found;
                }
            }
        });
        let found = found.await;
        assert_eq!(found.error_code, 0, "{found:?}");
        named.insert((found.node_id.0, found.port));
    }
    assert_eq!(named.len(), 1, "{named:?}");
}

#[tokio::test]
async fn a_folder_of_another_cluster_is_refused() {
    let (folder, _) = TestBroker::start().await.stop().await;
    let cluster = TestCluster::start(1).await;
    let config = broker_config(folder.path(), 1, &cluster.controller_address.to_string());
    let error = format!("{:#}", Broker::start(config).await.unwrap_err());
    assert!(error.contains("belongs to cluster") && error.contains("the controller at 127.0.0.1:"), "{error}");
    assert!(error.contains("another folder with --data-dir"), "{error}");
}

#[tokio::test]
async fn a_process_with_both_roles_takes_other_brokers() {
    let (folder, other_folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let keys = [("weir.control.plane.listen", "127.0.0.1:0"), ("default.replication.factor", "1")];
    let both = Broker::start(BrokerConfig::for_tests_with(folder.path(), &keys)).await.unwrap();
    let controller = both.control_plane_address().unwrap().to_string();
    let other = Broker::start(broker_config(other_folder.path(), 2, &controller)).await.unwrap();
    let mut client = crate::harness::Client::connect(other.addresses()[0].1).await;
    let told = client.call(12, &MetadataRequest::default().with_topics(None)).await;
    assert_eq!(broker_ids(&told), [1, 2]);
    assert_eq!(topic_names(&told).count(), 0);
    other.stop().await.unwrap();
    both.stop().await.unwrap();
}
