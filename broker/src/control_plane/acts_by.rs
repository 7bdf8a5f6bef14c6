//! What a broker does with committed metadata, wherever it comes from.

use super::{epoch_file::EpochFile, kept_metadata::KeptMetadata};
use crate::{metadata_cache::MetadataCache, partitions::Partitions, running::Failure};
use ::control_plane::{Published, Publisher, session::Obeys};
use model::ControllerEpoch;

/// Brings committed images to this broker's own partitions, then to whoever asks for metadata.
#[derive(Debug)]
pub(crate) struct OwnBroker {
    pub(crate) metadata: MetadataCache,
    pub(crate) partitions: Partitions,
}

impl Publisher for OwnBroker {
    async fn publish(&mut self, Published { image, .. }: Published) {
        self.metadata.announce();
        let before = self.metadata.committed();
        self.partitions.apply(&before, &image).await;
        self.metadata.publish(image);
    }
}

/// Notes the epoch of a controller before it is obeyed, so that after a restart no older one is.
#[derive(Debug)]
pub(super) struct Obeying {
    /// There between writes.
    pub(super) epoch: Option<EpochFile>,
    /// A process that is the controller has the metadata itself.
    pub(super) kept: Option<KeptMetadata>,
    pub(super) broker: OwnBroker,
    pub(super) failure: Failure,
}

impl Obeying {
    async fn note(&mut self, epoch: ControllerEpoch) {
        let mut file = self.epoch.take().expect("writes come one after another");
        if epoch > file.highest() {
            let write = tokio::task::spawn_blocking(move || file.raise_to(epoch).map(|()| file));
            match write.await.expect("a write to a file does not panic") {
                Ok(written) => file = written,
                Err(error) => {
                    tracing::error!(%error, epoch = epoch.0, "controller epoch cannot be written");
                    self.failure.tell(format!("the data folder cannot be written to: {error}"));
                    // The process ends; until then it goes on as before.
                    std::future::pending::<()>().await;
                    return;
                }
            }
        }
        self.epoch = Some(file);
    }
}

impl Publisher for Obeying {
    async fn publish(&mut self, published: Published) {
        self.note(published.image.controller_epoch).await;
        match &self.kept {
            Some(kept) if !kept.keep_change(&published).await => {
                tokio::join!(kept.keep(published.clone()), self.broker.publish(published));
            }
            _ => self.broker.publish(published).await,
        }
    }
}

impl Obeys for Obeying {
    fn fail(&mut self, why: String) {
        self.failure.tell(why);
    }
}
