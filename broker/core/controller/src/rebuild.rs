//! Metadata made anew from what brokers know, after the store lost it or went back.
//!
//! Brokers act only by what was committed, so nothing that anybody relies on is newer than the newest that a broker has. Two
//! things stand in the way of simply taking that:
//!
//! - **A controller that decided over a store that went back.** It gave versions, leader epochs and producer ids a second
//!   time, to brokers that did not know better. What its [`Reign`] made is never taken. Of the rest the highest version is
//!   the newest, whatever the epochs say: in one history a later controller has later versions, and where it has not it is
//!   the one that began with less.
//! - **Copies lag.** What was decided after the last one was written is known to nobody here.
//!
//! So what must not be given twice goes on above all that any broker knows of, by a margin: leader and partition epochs
//! ([`EPOCHS_SKIPPED`]), producer ids ([`PRODUCER_IDS_SKIPPED`]), versions and the controller's epoch, which that of the next
//! controller follows. A topic, or a partition, that only a disproved reign knows is kept: that its records go is for a person
//! to say.

#[cfg(test)]
mod tests;

use crate::{
    image::{ClusterImage, TopicImage, TopicsImage},
    requests::PRODUCER_ID_BLOCK,
};
use model::{BrokerId, ControllerEpoch, LeaderEpoch, MetadataVersion, PartitionEpoch, ProducerId, ReignId, TopicId};
use std::{cmp::Reverse, collections::BTreeMap, sync::Arc};

/// A copy is five seconds old at most: no partition changes its leader or its ISR so often in that time.
pub const EPOCHS_SKIPPED: i32 = 1_000;

/// A million blocks. So many are not handed out between two backups of a store, and of 2^63 ids it is nothing.
pub const PRODUCER_IDS_SKIPPED: i64 = 1_000_000 * PRODUCER_ID_BLOCK;

/// What each broker knows.
pub type Offers = BTreeMap<BrokerId, Offer>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    pub broker: BrokerId,
    /// The highest controller epoch that it obeyed: the next controller's has to be above it.
    pub obeyed: ControllerEpoch,
    /// Who had it; `None` where the broker does not know.
    pub reign: Option<ReignId>,
    /// `None`: it never acted by any metadata, or lost its disk.
    pub image: Option<ClusterImage>,
}

/// What one controller committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reign {
    pub id: ReignId,
    pub epoch: ControllerEpoch,
    /// The version before its first commit.
    pub found: MetadataVersion,
    /// The version after its last.
    pub newest: MetadataVersion,
}

impl Reign {
    /// Not by the epoch alone: a controller that began with less may have the number of one before it.
    fn made(&self, offer: &Offer, image: &ClusterImage) -> bool {
        let version = image.metadata_version;
        let is_by_version = || self.found < version && version <= self.newest;
        let named = offer.reign.filter(|_| offer.obeyed == image.controller_epoch);
        image.controller_epoch == self.epoch && named.map_or_else(is_by_version, |id| id == self.id)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebuilt {
    /// Whose metadata it is in the main.
    pub from: BrokerId,
    /// As if committed last by a controller above all that were obeyed.
    pub image: ClusterImage,
}

/// From all that brokers know. `disproved` is the reign that one of them proved to have begun with less than there was.
/// `None` where nobody knows anything that can be believed.
pub fn rebuild(offers: &Offers, disproved: Option<Reign>) -> Option<Rebuilt> {
    let (believed, mut not_believed): (Vec<_>, Vec<_>) = offers
        .values()
        .filter_map(|offer| Some((offer, offer.image.as_ref()?)))
        .partition(|(offer, image)| disproved.is_none_or(|reign| !reign.made(offer, image)));
    let newest = |(_, image): &&(&Offer, &ClusterImage)| (image.metadata_version, image.controller_epoch);
    let (source, newest) = *believed.iter().max_by_key(newest)?;
    let mut image = newest.clone();
    not_believed.sort_by_key(|(_, image)| Reverse(image.metadata_version));
    for (_, other) in &not_believed {
        keep_topics_of(&mut image, other);
    }
    let all: Vec<_> = believed.iter().chain(&not_believed).map(|(_, known)| *known).collect();
    skip_what_may_be_given(&mut image, &all);
    for offer in offers.values() {
        image.controller_epoch = image.controller_epoch.max(offer.obeyed);
    }
    Some(Rebuilt { from: source.broker, image })
}

/// What a controller begins with that has nothing but one broker's copy.
pub fn begin_with_copy(copy: &ClusterImage) -> ClusterImage {
    let mut image = copy.clone();
    skip_what_may_be_given(&mut image, &[copy]);
    // Nobody says which were obeyed since.
    image.controller_epoch = ControllerEpoch(copy.controller_epoch.0.saturating_add(EPOCHS_SKIPPED.into()));
    image.metadata_version = copy.metadata_version.next();
    image
}

/// Those that are not there, and whose names nobody has by now; of the others what was added to them.
fn keep_topics_of(image: &mut ClusterImage, other: &ClusterImage) {
    for topic in other.topics.iter() {
        let is_known = topic_of(image, topic.id).is_some();
        if let Some(known) = image.topic_by_id(topic.id)
            && let Some(added) = topic.partitions.get(known.partitions.len()..).filter(|added| !added.is_empty())
        {
            Arc::make_mut(&mut image.topics).update(topic.id, |known| known.partitions.extend_from_slice(added));
            continue;
        }
        let has_name =
            |topics: &TopicsImage| topics.get(&topic.name).is_some() || topics.colliding_with(&topic.name).is_some();
        if !is_known && !has_name(&image.topics) {
            Arc::make_mut(&mut image.topics).insert(Arc::clone(topic));
        }
    }
}

fn skip_what_may_be_given(image: &mut ClusterImage, all: &[&ClusterImage]) {
    for known in all {
        image.controller_epoch = image.controller_epoch.max(known.controller_epoch);
        image.metadata_version = image.metadata_version.max(known.metadata_version);
        image.next_producer_id = image.next_producer_id.max(known.next_producer_id);
    }
    image.next_producer_id = ProducerId(image.next_producer_id.0.saturating_add(PRODUCER_IDS_SKIPPED));
    for topic in Arc::make_mut(&mut image.topics).iter_mut() {
        skip_epochs(topic, all);
    }
    for tombstone in Arc::make_mut(&mut image.tombstones).values_mut() {
        skip_epochs(&mut tombstone.topic, all);
    }
}

fn skip_epochs(topic: &mut Arc<TopicImage>, all: &[&ClusterImage]) {
    let known: Vec<_> = all.iter().filter_map(|image| topic_of(image, topic.id)).collect();
    for (index, partition) in Arc::make_mut(topic).partitions.iter_mut().enumerate() {
        for other in known.iter().filter_map(|topic| topic.partitions.get(index)) {
            partition.leader_epoch = partition.leader_epoch.max(other.leader_epoch);
            partition.partition_epoch = partition.partition_epoch.max(other.partition_epoch);
        }
        let skip = |epoch: i32| epoch.saturating_add(EPOCHS_SKIPPED);
        partition.leader_epoch = LeaderEpoch(skip(partition.leader_epoch.0));
        partition.partition_epoch = PartitionEpoch(skip(partition.partition_epoch.0));
    }
}

fn topic_of(image: &ClusterImage, id: TopicId) -> Option<&TopicImage> {
    let deleted = || image.tombstones.get(&id).map(|tombstone| &tombstone.topic);
    image.topic_by_id(id).or_else(deleted).map(|topic| &**topic)
}
