//! Others lead what a broker leads: once, by hand. Where the preferred leader is to lead by itself again
//! ([`super::hand_back`]), it does at the next look.

use super::Draft;
use crate::{
    errors::HoldError,
    image::{ClusterImage, PartitionImage},
    record::MetadataRecord,
    requests::{MoveLeaders, MovedLeaders, Reply},
};
use model::BrokerId;

/// Elections of one commit. Each is a record of its own.
const MOST_AT_ONCE: usize = 1000;

pub(super) fn decide(draft: &mut Draft, request: &MoveLeaders) -> Reply {
    Reply::LeadersMoved(draft.attempt(request.validate_only, |draft| move_from(draft, request.from)))
}

fn move_from(draft: &mut Draft, from: BrokerId) -> Result<MovedLeaders, HoldError> {
    let image = draft.image();
    if !image.brokers.contains_key(&from) {
        return Err(HoldError::UnknownBroker(from.0));
    }
    let mut led = 0;
    let mut records = Vec::new();
    for topic in image.topics.iter() {
        for (partition, current) in topic.indexed_partitions().filter(|(_, one)| one.leader == Some(from)) {
            led += 1;
            if let Some(state) = led_by_another(image, current, from) {
                records.push(MetadataRecord::PartitionChanged { id: topic.id, partition, state });
            }
        }
    }
    let (could, staying) = (records.len(), led - records.len());
    records.truncate(MOST_AT_ONCE);
    let moved = records.len();
    records.into_iter().for_each(|record| draft.add(record));
    Ok(MovedLeaders { moved, staying, left: could - moved })
}

/// Only by a member of the ISR: nobody is to be cut off for a leader's move.
fn led_by_another(image: &ClusterImage, current: &PartitionImage, from: BrokerId) -> Option<PartitionImage> {
    let may = |id: &BrokerId| *id != from && current.isr.contains(id) && image.is_usable(*id);
    let leader = current.replicas.iter().copied().find(may)?;
    let mut state = current.clone();
    state.succeed(Some(leader), current.isr.clone());
    Some(state)
}
