//! Controllers that come and go, and which of them a broker obeys.

use super::*;
use crate::harness::cluster::controller;
use std::{fs, path::Path, time::Duration};

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[tokio::test]
async fn without_a_controller_clients_are_served_and_with_it_everything_is_there_again() {
    let mut cluster = TestCluster::start(2).await;
    cluster.create_topic(1, "before", 2, 1).await;
    let before = cluster.metadata(1).await;
    cluster.stop_controller().await;
    for (partition, leader) in (0..).zip(leaders(&before, "before")) {
        assert_eq!(produce(&cluster, leader, "before", partition, -1).await, 0);
        assert_eq!(fetch(&cluster, leader, "before", partition).await.0, 0);
    }
    assert_eq!(cluster.metadata(2).await.topics, before.topics);
    cluster.start_controller().await;
    cluster.create_topic(2, "after", 2, 1).await;
    for id in 1..=2 {
        let told = cluster.metadata(id).await;
        let kept = told.topics.iter().find(|topic| topic.topic_id == before.topics[0].topic_id).unwrap();
        assert_eq!(leaders(&told, "before"), leaders(&before, "before"));
        assert_eq!(kept.name, before.topics[0].name);
    }
}

#[tokio::test]
async fn a_broker_obeys_no_controller_older_than_one_it_obeyed_before_its_restart() {
    let mut cluster = TestCluster::start(1).await;
    cluster.create_topic(1, "orders", 1, 1).await;
    cluster.stop_controller().await;
    let old = tempfile::tempdir().unwrap();
    copy_folder(cluster.controller_folder.path(), old.path());
    for newer in ["second", "third"] {
        cluster.start_controller().await;
        cluster.create_topic(1, newer, 1, 1).await;
        if newer == "second" {
            cluster.stop_controller().await;
        }
    }
    cluster.stop_broker(1).await;
    cluster.stop_controller().await;
    let address = cluster.controller_address.to_string();
    let stale = controller(old.path(), &address, &[]).await;
    let obeys = tokio::time::timeout(Duration::from_secs(1), Broker::start(cluster.broker_config(1)));
    assert!(obeys.await.is_err(), "it waits for the controller that it knows of");
    stale.stop().await.unwrap();
    cluster.start_controller().await;
    in_time("the newer controller is obeyed", cluster.start_broker(1)).await;
    assert_eq!(topic_names(&cluster.metadata(1).await).collect::<Vec<_>>(), ["orders", "second", "third"]);
}

#[tokio::test]
async fn a_controller_starts_from_the_copy_that_a_broker_keeps() {
    let mut cluster = TestCluster::start(1).await;
    cluster.create_topic(1, "orders", 3, 1).await;
    let before = cluster.metadata(1).await;
    cluster.stop_broker(1).await;
    cluster.stop_controller().await;
    let folder = tempfile::tempdir().unwrap();
    copy_folder(&cluster.broker_folders[&1].path().join("metadata-copy"), &folder.path().join("metadata"));
    fs::copy(cluster.broker_folders[&1].path().join("weir.json"), folder.path().join("weir.json")).unwrap();
    let address = cluster.controller_address.to_string();
    let again = controller(folder.path(), &address, &[]).await;
    cluster.start_broker(1).await;
    let after = cluster.metadata(1).await;
    assert_eq!(after.cluster_id, before.cluster_id);
    assert_eq!(after.topics[0].topic_id, before.topics[0].topic_id);
    assert_eq!(leaders(&after, "orders"), [1, 1, 1]);
    again.stop().await.unwrap();
}
