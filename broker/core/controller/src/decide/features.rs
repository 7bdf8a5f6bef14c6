//! Raising and lowering feature levels (KIP-584, UpdateFeatures).

use super::Draft;
use crate::{
    errors::FeatureError,
    features::{self, FeatureDefinition},
    image::{PartitionImage, Tombstone, TopicImage},
    record::MetadataRecord,
    requests::{FeatureUpdate, Reply, UpdateFeatures},
    succession::Rules,
};
use std::collections::BTreeMap;

/// A cluster that nobody has used yet begins with everything this version can.
pub(super) fn begin(draft: &mut Draft) {
    let highest = features::definitions().iter().map(|one| (one.name, one.highest));
    highest.for_each(|(name, level)| draft.add(MetadataRecord::FeatureLevelSet { name: name.to_owned(), level }));
}

/// As in Kafka since version 1 of the request: one that is refused refuses all.
pub(super) fn decide(draft: &mut Draft, request: &UpdateFeatures) -> Reply {
    let mut times_named = BTreeMap::<&str, usize>::new();
    for update in &request.updates {
        *times_named.entry(&update.name).or_default() += 1;
    }
    let check = |update: &FeatureUpdate| {
        if times_named.get(update.name.as_str()).is_some_and(|times| *times > 1) {
            return Err(FeatureError::InvalidUpdate("the feature is named more than once".to_owned()));
        }
        check(draft, update)
    };
    let results: Vec<_> = request.updates.iter().map(|update| (update.name.clone(), check(update))).collect();
    if !request.validate_only && results.iter().all(|(_, result)| result.is_ok()) {
        for update in &request.updates {
            if draft.image().feature_level(&update.name) != update.level {
                draft.add(MetadataRecord::FeatureLevelSet { name: update.name.clone(), level: update.level });
            }
        }
        forget_eligible_leaders(draft);
    }
    Reply::FeaturesUpdated(results)
}

/// Without the feature nobody outside an ISR is eligible.
fn forget_eligible_leaders(draft: &mut Draft) {
    if Rules::of(draft.image()).remember() {
        return;
    }
    let of_topic = |topic: &TopicImage| {
        let eligible = topic.indexed_partitions().filter(|(_, one)| !one.elr.is_empty());
        let record = |(partition, one): (_, &PartitionImage)| {
            let mut state = PartitionImage { elr: Vec::new(), ..one.clone() };
            state.succeed(one.leader, one.isr.clone());
            MetadataRecord::PartitionChanged { id: topic.id, partition, state }
        };
        eligible.map(record).collect::<Vec<_>>()
    };
    let records: Vec<_> = draft.image().topics.iter().flat_map(|topic| of_topic(topic)).collect();
    records.into_iter().for_each(|record| draft.add(record));
}

fn check(draft: &Draft, update: &FeatureUpdate) -> Result<(), FeatureError> {
    let Some(FeatureDefinition { lowest, highest, .. }) = features::definition(&update.name) else {
        return Err(FeatureError::InvalidUpdate(format!("the feature {} is not known", update.name)));
    };
    if !(*lowest..=*highest).contains(&update.level) {
        return Err(FeatureError::InvalidUpdate(format!(
            "level {} of {} is not supported, only {lowest} to {highest} are",
            update.level, update.name
        )));
    }
    let current = draft.image().feature_level(&update.name);
    if update.level < current && !update.allow_downgrade {
        return Err(FeatureError::DowngradeNotAllowed { name: update.name.clone(), current });
    }
    // What a program does not know it does not keep.
    if update.name == features::BROKER_HOLDS && update.level == 0 && !draft.image().holds.is_empty() {
        let held = "brokers are fenced or drained by hand: let them again first";
        return Err(FeatureError::InvalidUpdate(held.to_owned()));
    }
    let has_eligible = |tombstone: &Tombstone| tombstone.topic.partitions.iter().any(|one| !one.elr.is_empty());
    if update.name == features::ELIGIBLE_LEADER_REPLICAS
        && update.level == 0
        && draft.image().tombstones.values().any(has_eligible)
    {
        let deleted =
            "topics that were deleted, and that may be restored, have eligible replicas: wait until they are gone";
        return Err(FeatureError::InvalidUpdate(deleted.to_owned()));
    }
    if update.level > current && update.allow_downgrade {
        return Err(FeatureError::InvalidUpdate(format!(
            "{} is at level {current}, and a downgrade does not raise it",
            update.name
        )));
    }
    Ok(())
}
