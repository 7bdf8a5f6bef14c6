//! Producer ids for idempotent producers, from blocks that the controller reserves.

use super::ControllerHandle;
use controller::ControllerError;
use model::ProducerId;
use std::sync::Arc;
use tokio::sync::Mutex;

/// Cheap to clone; all clones share one block. What is left of a block when the process ends is never used.
#[derive(Debug, Clone)]
pub(crate) struct ProducerIds {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    controller: ControllerHandle,
    /// Records that were imported name producers below this one.
    least: ProducerId,
    /// The next id, and the first that is not ours. Held while a new block is fetched, so one caller fetches for all.
    block: Mutex<(i64, i64)>,
}

impl ProducerIds {
    pub(crate) fn new(controller: ControllerHandle, least: ProducerId) -> Self {
        Self { shared: Arc::new(Shared { controller, least, block: Mutex::new((0, 0)) }) }
    }

    /// An id that no producer of this cluster has ever had, nor one of the records that were imported.
    pub(crate) async fn next(&self) -> Result<ProducerId, ControllerError> {
        let mut block = self.shared.block.lock().await;
        if block.0 == block.1 {
            let fresh = self.shared.controller.allocate_producer_ids(self.shared.least).await?;
            *block = (fresh.first.0, fresh.first.0 + fresh.length);
        }
        let id = ProducerId(block.0);
        block.0 += 1;
        Ok(id)
    }
}
