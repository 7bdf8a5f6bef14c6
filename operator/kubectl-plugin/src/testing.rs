//! Clusters for the tables of tests.

use crate::metadata::{StoredMetadata, assemble};
use control_plane::store::{ShardName, sharding::Layout};
use controller::{BrokerRegistration, ClusterImage, PartitionImage, TopicImage};
use custom_resources::{
    Cluster, ClusterMetadata, ClusterMetadataShard, ClusterMetadataShardSpec, ClusterMetadataSpec, shard_object,
};
use model::{
    BrokerEpoch, BrokerId, ClusterId, ControllerEpoch, Incarnation, LeaderEpoch, MetadataVersion, PartitionEpoch,
    TopicId, TopicName,
};
use serde_json::json;
use std::{collections::BTreeMap, sync::Arc};
use uuid::Uuid;

fn ids(ids: &[i32]) -> Vec<BrokerId> {
    ids.iter().copied().map(BrokerId).collect()
}

/// Replicas and ISR of a partition.
pub(crate) type Members<'a> = (&'a [i32], &'a [i32]);

/// A cluster of `brokers` brokers, of which `fenced` are, and one topic per list: replicas and ISR of its partitions. In-sync
/// minimum is 2.
pub(crate) fn image(brokers: i32, fenced: &[i32], topics: &[&[Members<'_>]]) -> ClusterImage {
    let mut image = ClusterImage::empty(ClusterId::from("test"));
    image.controller_epoch = ControllerEpoch(4);
    image.metadata_version = MetadataVersion(77);
    let registration = |id: i32| BrokerRegistration {
        id: BrokerId(id),
        epoch: BrokerEpoch(i64::from(id) + 1),
        incarnation: Incarnation::default(),
        log_life: None,
        rack: Some(format!("zone-{id}")),
        endpoints: Vec::new(),
        fenced: fenced.contains(&id),
        in_controlled_shutdown: false,
    };
    image.brokers = Arc::new((0..brokers).map(|id| (BrokerId(id), registration(id))).collect());
    image.default_min_insync_replicas = 2;
    let topic = |(number, partitions): (usize, &&[Members<'_>])| {
        let partition = |(replicas, isr): &Members<'_>| PartitionImage {
            replicas: ids(replicas),
            isr: ids(isr),
            elr: Vec::new(),
            leader: ids(isr).into_iter().find(|id| image.is_usable(*id)),
            leader_epoch: LeaderEpoch(3),
            partition_epoch: PartitionEpoch(5),
            adding_replicas: Vec::new(),
            removing_replicas: Vec::new(),
            recovering: false,
        };
        Arc::new(TopicImage {
            id: TopicId(Uuid::from_u128(number as u128 + 1)),
            name: TopicName::from(format!("topic-{number}")),
            partitions: partitions.iter().map(partition).collect(),
            configs: [].into(),
            raised_to: 0,
        })
    };
    let topics: Vec<_> = topics.iter().enumerate().map(topic).collect();
    image.topics = Arc::new(topics.into());
    image
}

/// As the operator reports it when all is well.
pub(crate) fn healthy_cluster() -> Cluster {
    let condition = |type_: &str| {
        json!({ "type": type_, "status": "True", "reason": "AsExpected", "message": "",
                "observedGeneration": 2, "lastTransitionTime": "2026-01-01T00:00:00Z" })
    };
    let conditions = ["Ready", "Available", "FullyReplicated", "UpToDate", "Reconciled"].map(condition);
    let broker = |id: i32| json!({ "id": id, "podName": format!("events-{id}"), "node": "node-a", "state": "Ready" });
    let cluster = json!({
        "apiVersion": "weir.dev/v1alpha1", "kind": "Cluster",
        "metadata": { "name": "events", "namespace": "data", "generation": 2, "uid": "3c1e" },
        "spec": { "replicas": 3, "storage": { "size": "1Gi" } },
        "status": {
            "observedGeneration": 2, "conditions": conditions, "clusterId": "test",
            "replicas": 3, "readyReplicas": 3, "updatedReplicas": 3,
            "controller": { "holder": "weir-operator-0", "epoch": 4 },
            "brokers": [broker(0), broker(1), broker(2)],
        },
    });
    serde_json::from_value(cluster).unwrap()
}

/// As the operator keeps it.
pub(crate) fn stored(cluster: &str, image: ClusterImage) -> StoredMetadata {
    let plan = Layout::of(Arc::new(image)).unwrap();
    let shard = |(name, data): &(ShardName, String)| {
        ClusterMetadataShard::new(&shard_object(cluster, name), ClusterMetadataShardSpec { data: data.clone() })
    };
    let by_name: BTreeMap<_, _> = plan.shards.iter().map(|written| (written.0, shard(written))).collect();
    let mut root = ClusterMetadata::new(cluster, ClusterMetadataSpec { data: plan.root });
    root.metadata.resource_version = Some("12".to_owned());
    let shards = plan.layout.shard_names().map(|name| by_name[&name].clone()).collect();
    assemble(root, shards).unwrap()
}
