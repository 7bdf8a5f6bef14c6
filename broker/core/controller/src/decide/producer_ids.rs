//! Producer ids in blocks: one committed record serves a thousand producers.

use super::Draft;
use crate::{
    errors::ControllerError,
    record::MetadataRecord,
    requests::{PRODUCER_ID_BLOCK, ProducerIdBlock, Reply},
};
use model::ProducerId;

/// Ids below `least` came with records of another cluster.
pub(super) fn decide(draft: &mut Draft, least: ProducerId) -> Reply {
    let first = draft.image().next_producer_id.max(least);
    let Some(next) = first.0.checked_add(PRODUCER_ID_BLOCK) else {
        return Reply::Refused(ControllerError::ProducerIdsExhausted);
    };
    draft.add(MetadataRecord::ProducerIdsReserved { next: ProducerId(next) });
    Reply::ProducerIds(ProducerIdBlock { first, length: PRODUCER_ID_BLOCK })
}
