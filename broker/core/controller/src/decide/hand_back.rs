//! Preferred leaders lead again (`auto.leader.rebalance.enable`): a broker that was away gets back what is its own. Not while
//! its disk is about full: it would lead until the first append that finds no room, and end again. Not right after it came, either.

use super::{Context, Draft};
use crate::{BrokerCondition, HandBack, image::PartitionImage, record::MetadataRecord};
use model::{BrokerId, PartitionIndex, TopicId};
use std::collections::BTreeMap;

/// Elections of one commit: more follow with the next look.
const MOST_AT_ONCE: usize = 1000;

/// Free bytes with which a broker is given leadership, or a tenth of a small volume.
const ROOM_TO_LEAD: u64 = 64 << 20;

fn has_room_to_lead(condition: &BrokerCondition) -> bool {
    let enough = condition.total_bytes.map_or(ROOM_TO_LEAD, |total| ROOM_TO_LEAD.min(total / 10));
    condition.free_bytes.is_none_or(|free| free >= enough)
}

/// For every broker of whose preferred partitions more than so many percent are led by others.
pub(super) fn decide(draft: &mut Draft, context: &Context<'_>, settings: HandBack) {
    let image = draft.image();
    let mut preferring = BTreeMap::<BrokerId, usize>::new();
    let mut astray = BTreeMap::<BrokerId, Vec<(TopicId, PartitionIndex)>>::new();
    for topic in image.topics.iter() {
        for (index, partition) in topic.indexed_partitions() {
            let Some(preferred) = partition.replicas.first().copied() else { continue };
            *preferring.entry(preferred).or_default() += 1;
            if partition.leader != Some(preferred) {
                astray.entry(preferred).or_default().push((topic.id, index));
            }
        }
    }
    let has_room = |broker: &BrokerId| {
        let epoch = image.brokers.get(broker).map(|registered| registered.epoch);
        let told = epoch.and_then(|epoch| context.sessions.condition(*broker, epoch));
        told.is_none_or(|(_, condition)| has_room_to_lead(&condition))
    };
    let is_here = |broker: &BrokerId| {
        image.is_usable(*broker) && context.sessions.is_here_for(*broker, settings.min_here, context.now)
    };
    let most = |broker: &BrokerId| preferring[broker] * settings.percentage as usize;
    let beyond = |(broker, astray): &(&BrokerId, &Vec<_>)| {
        is_here(broker) && has_room(broker) && astray.len() * 100 > most(broker)
    };
    let chosen: Vec<_> = astray.iter().filter(beyond).flat_map(|(_, partitions)| partitions).copied().collect();
    let mut elected = 0;
    for (id, partition) in chosen {
        let current = draft.image().topic_by_id(id).and_then(|topic| topic.partition(partition));
        if let Some(state) = current.and_then(led_by_preferred) {
            draft.add(MetadataRecord::PartitionChanged { id, partition, state });
            elected += 1;
        }
        if elected == MOST_AT_ONCE {
            break;
        }
    }
    draft.close_change();
}

fn led_by_preferred(current: &PartitionImage) -> Option<PartitionImage> {
    let preferred = current.replicas.first().filter(|id| current.isr.contains(id))?;
    let mut state = current.clone();
    state.succeed(Some(*preferred), current.isr.clone());
    Some(state)
}
