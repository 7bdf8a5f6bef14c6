//! Clients ask whichever broker they are connected to for what is where, as long as the connection lasts. So a broker that stepped
//! aside ends it.

use super::RequestContext;
use crate::metadata_cache::Standing;
use std::sync::atomic::Ordering;

/// The connection ends after the answer if the broker leads anything else, and without one if not: kafkajs would take "nobody
/// leads" and "not available" for a reason to ask the same broker again, and nobody else.
pub(super) fn without_an_answer(context: &RequestContext) -> bool {
    match context.broker.metadata.standing() {
        Standing::Serves => false,
        Standing::ServesTheRest => {
            context.is_sent_away.store(true, Ordering::Relaxed);
            false
        }
        Standing::ServesNothing => true,
    }
}
