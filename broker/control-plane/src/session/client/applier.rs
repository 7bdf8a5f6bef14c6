//! Acts by what the controller sends, in its order, beside the heartbeats: ten thousand new partitions take their time.

use crate::host::{Published, Publisher};
use controller::{ClusterImage, ControllerError, MetadataChange, requests::Reply};
use model::{BrokerId, Incarnation};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};

/// Messages that wait to be acted by; then the session waits.
const QUEUE: usize = 64;

pub(super) enum Work {
    Snapshot(Vec<u8>),
    Changes(Vec<Vec<u8>>),
    /// After everything that was sent before it.
    Answer {
        reply_json: Vec<u8>,
        waiting: oneshot::Sender<Reply>,
    },
}

pub(super) struct Applier<P> {
    publisher: P,
    own: (BrokerId, Incarnation),
    image: Option<Arc<ClusterImage>>,
    work: mpsc::Receiver<Work>,
    applied: watch::Sender<u64>,
}

impl<P: Publisher> Applier<P> {
    pub(super) fn new(publisher: P, own: (BrokerId, Incarnation)) -> (Self, mpsc::Sender<Work>) {
        let (sender, work) = mpsc::channel(QUEUE);
        (Self { publisher, own, image: None, work, applied: watch::channel(0).0 }, sender)
    }

    /// The version acted by.
    pub(super) fn applied(&self) -> watch::Receiver<u64> {
        self.applied.subscribe()
    }

    /// Until the session's side ends. Metadata that cannot be read ends it too: acting by half of it would be worse.
    pub(super) async fn run(mut self) {
        while let Some(work) = self.work.recv().await {
            let taken = match work {
                Work::Snapshot(json) => self.snapshot(&json).await,
                Work::Changes(json) => self.changes(&json).await,
                Work::Answer { reply_json, waiting } => {
                    let reply = serde_json::from_slice(&reply_json)
                        .unwrap_or_else(|error| Reply::Refused(ControllerError::Malformed(error.to_string())));
                    // The caller may have gone with its connection.
                    let _ = waiting.send(reply);
                    Ok(())
                }
            };
            if let Err(error) = taken {
                tracing::error!(error, "metadata of the controller cannot be used");
                return;
            }
        }
    }

    async fn snapshot(&mut self, json: &[u8]) -> Result<(), String> {
        let image: ClusterImage = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        // A session that was opened again may repeat what is known.
        if self.image.as_ref().is_none_or(|known| known.metadata_version < image.metadata_version) {
            self.act_by(Arc::new(image), Vec::new()).await;
        }
        Ok(())
    }

    async fn changes(&mut self, json: &[Vec<u8>]) -> Result<(), String> {
        let mut image = self.image.as_deref().cloned().ok_or("changes before any image")?;
        let mut changes = Vec::with_capacity(json.len());
        for change in json {
            let change: MetadataChange = serde_json::from_slice(change).map_err(|error| error.to_string())?;
            image.apply(&change).map_err(|error| error.to_string())?;
            changes.push(change);
        }
        self.act_by(Arc::new(image), changes).await;
        Ok(())
    }

    async fn act_by(&mut self, image: Arc<ClusterImage>, changes: Vec<MetadataChange>) {
        self.image = Some(Arc::clone(&image));
        let (id, incarnation) = self.own;
        if image.brokers.get(&id).is_none_or(|registered| registered.incarnation != incarnation) {
            // What names this broker in another life is no role for this one: its log may be another too.
            tracing::warn!(version = %image.metadata_version, "metadata of another life of this broker passed over");
            return;
        }
        let version = image.metadata_version.0;
        self.publisher.publish(Published { image, changes }).await;
        self.applied.send_replace(version);
    }
}
