//! A broker comes up.

use super::Draft;
use crate::{
    image::BrokerRegistration,
    record::MetadataRecord,
    requests::{RegisterBroker, Reply},
};
use model::BrokerEpoch;

/// One record whatever the broker holds: applying it starts a new leader epoch on every partition the broker leads,
/// because whoever led before the restart may have appended what this life has not seen.
pub(super) fn decide(draft: &mut Draft, request: &RegisterBroker) -> Reply {
    // As in Kafka, the position of the registration in the metadata is the broker's epoch: it only rises.
    let version = draft.image().metadata_version.next().0;
    let epoch = BrokerEpoch(i64::try_from(version).unwrap_or(i64::MAX));
    draft.add(MetadataRecord::BrokerRegistered(BrokerRegistration {
        id: request.id,
        epoch,
        rack: request.rack.clone(),
        endpoints: request.endpoints.clone(),
        fenced: false,
    }));
    Reply::BrokerRegistered(epoch)
}
