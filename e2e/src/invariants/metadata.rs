//! What the controller commits, version by version as a watch tells them.
//!
//! | of | never |
//! |---|---|
//! | the cluster | another id; an earlier version or controller epoch after a later one |
//! | a topic, later | fewer partitions |
//! | a partition | an ISR with others than its replicas; a leader outside of the ISR |
//! | a partition, later | an earlier leader epoch or partition epoch; another leader in the same leader epoch; another ISR in the same partition epoch |

use super::{Findings, of_load};
use crate::Place;
use control_plane::store::sharding::{Layout, Outline};
use controller::{ClusterImage, PartitionImage};
use custom_resources::{ClusterMetadata, ClusterMetadataShard, shard_object};
use futures_util::StreamExt as _;
use kube::runtime::{WatchStreamExt as _, watcher};
use std::sync::{Arc, atomic::Ordering};

pub(super) async fn watch(place: &Place, findings: &Findings) {
    let roots = watcher(place.api::<ClusterMetadata>(), of_load()).default_backoff().applied_objects();
    let mut roots = std::pin::pin!(roots);
    let mut known: Option<Layout> = None;
    while let Some(root) = roots.next().await {
        let Ok(root) = root else { continue };
        let text = root.spec.data;
        if findings.is_by_hand(&text) {
            continue;
        }
        match read(place, &text, known.as_ref()).await {
            Ok(Some(layout)) => {
                findings.versions.fetch_add(1, Ordering::Relaxed);
                for what in broken(known.as_ref().map(Layout::image), layout.image()) {
                    findings.note(format!("metadata of version {:?}: {what}", layout.image().metadata_version));
                }
                known = Some(layout);
            }
            // Another version took its place already.
            Ok(None) => {}
            Err(damage) => findings.note(damage),
        }
    }
}

/// `None` where a shard is not there to be read.
async fn read(place: &Place, root: &str, known: Option<&Layout>) -> Result<Option<Layout>, String> {
    let outline = Outline::parse(root).map_err(|damage| format!("the root: {damage}"))?;
    if let Some(known) = known.filter(|known| outline.has_the_shards_of(known)) {
        return outline.with_shards_of(known).map(Some).map_err(|damage| format!("changes in the root: {damage}"));
    }
    let mut texts = Vec::new();
    for name in outline.shard_names() {
        match place.api::<ClusterMetadataShard>().get_opt(&shard_object("events", name)).await {
            Ok(Some(shard)) => texts.push(shard.spec.data),
            Ok(None) | Err(_) => return Ok(None),
        }
    }
    outline.with_shards(&texts).map(Some).map_err(|damage| format!("the shards: {damage}"))
}

fn broken(before: Option<&Arc<ClusterImage>>, after: &ClusterImage) -> Vec<String> {
    let mut broken = Vec::new();
    if let Some(before) = before {
        if before.cluster_id != after.cluster_id {
            broken.push(format!("cluster {:?} after {:?}", after.cluster_id, before.cluster_id));
        }
        let at = |image: &ClusterImage| (image.metadata_version, image.controller_epoch);
        let (was, is) = (at(before), at(after));
        if is.0 < was.0 || is.1 < was.1 {
            broken.push(format!("version and controller epoch {is:?} after {was:?}"));
        }
    }
    for topic in after.topics.iter() {
        let was = before.and_then(|before| before.topics.get_by_id(topic.id));
        if was.is_some_and(|was| Arc::ptr_eq(was, topic)) {
            continue;
        }
        let (had, has) = (was.map_or(0, |was| was.partitions.len()), topic.partitions.len());
        if has < had {
            broken.push(format!("{}: {has} partitions after {had}", topic.name));
        }
        for (index, partition) in topic.partitions.iter().enumerate() {
            let was = was.and_then(|was| was.partitions.get(index));
            let found = [unsound(partition), was.and_then(|was| contradicted(was, partition))];
            broken.extend(found.into_iter().flatten().map(|what| format!("{}-{index}: {what}", topic.name)));
        }
    }
    broken
}

fn unsound(partition: &PartitionImage) -> Option<String> {
    let PartitionImage { replicas, isr, leader, .. } = partition;
    let strangers = isr.iter().any(|broker| !replicas.contains(broker));
    let leads_outside = leader.is_some_and(|leader| !isr.contains(&leader));
    (strangers || leads_outside).then(|| format!("leader {leader:?}, ISR {isr:?}, replicas {replicas:?}"))
}

fn contradicted(was: &PartitionImage, is: &PartitionImage) -> Option<String> {
    let went_back = is.leader_epoch < was.leader_epoch || is.partition_epoch < was.partition_epoch;
    let both_lead = was.leader.is_some() && is.leader.is_some() && was.leader != is.leader;
    let two_leaders = is.leader_epoch == was.leader_epoch && both_lead;
    let two_isrs = is.partition_epoch == was.partition_epoch && is.isr != was.isr;
    (went_back || two_leaders || two_isrs).then(|| format!("{is:?} after {was:?}"))
}

#[cfg(test)]
mod tests;
