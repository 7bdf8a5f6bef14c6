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
    /// The next id, and the first that is not ours. Held while a new block is fetched, so one caller fetches for all.
    block: Mutex<(i64, i64)>,
}

impl ProducerIds {
    pub(crate) fn new(controller: ControllerHandle) -> Self {
        Self { shared: Arc::new(Shared { controller, block: Mutex::new((0, 0)) }) }
    }

    /// An id that no producer of this cluster has ever had.
    pub(crate) async fn next(&self) -> Result<ProducerId, ControllerError> {
        let mut block = self.shared.block.lock().await;
        if block.0 == block.1 {
            let fresh = self.shared.controller.allocate_producer_ids().await?;
            *block = (fresh.first.0, fresh.first.0 + fresh.length);
        }
        let id = ProducerId(block.0);
        block.0 += 1;
        Ok(id)
    }
}
