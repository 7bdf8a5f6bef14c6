//! Acts by what the controller sends, in its order, beside the heartbeats: ten thousand new partitions take their time.
//!
//! | metadata arrives | and can be read | and cannot |
//! |---|---|---|
//! | usually | acted by | nothing more is taken from this session, which ends; the next one begins with an image |
//! | after some that could not | an image is acted by; changes and answers before it belong to the session that ended | an image: the broker fails |

use crate::host::{Published, Publisher};
use controller::{
    ClusterImage, ControllerError, MetadataChange,
    obeying::{PassedOver, check_metadata},
    requests::Reply,
};
use model::{BrokerId, Incarnation, MetadataVersion};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};

/// Messages that wait to be acted by; then the session waits.
const QUEUE: usize = 64;

/// A broker that acts by what it is sent.
pub trait Obeys: Publisher {
    /// It cannot any more: neither some metadata nor the image in its place can be read. Whoever led on by what was known
    /// before would hear of nothing that is decided since.
    fn fail(&mut self, why: String);
}

/// Metadata that cannot be read.
#[derive(Debug, Clone)]
pub(super) struct Unreadable {
    pub(super) reason: String,
    /// Nor was it the first.
    pub(super) is_last: bool,
}

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
    /// What the next changes follow. `None`: only an image is of use.
    image: Option<Arc<ClusterImage>>,
    /// Of what was acted by.
    newest: MetadataVersion,
    work: mpsc::Receiver<Work>,
    applied: watch::Sender<u64>,
    unreadable: watch::Sender<Option<Unreadable>>,
}

impl<P: Obeys> Applier<P> {
    pub(super) fn new(publisher: P, own: (BrokerId, Incarnation)) -> (Self, mpsc::Sender<Work>) {
        let (sender, work) = mpsc::channel(QUEUE);
        let (applied, unreadable) = (watch::Sender::new(0), watch::Sender::new(None));
        (Self { publisher, own, image: None, newest: MetadataVersion(0), work, applied, unreadable }, sender)
    }

    /// The version acted by.
    pub(super) fn applied(&self) -> watch::Receiver<u64> {
        self.applied.subscribe()
    }

    /// Why a session is of no use any more.
    pub(super) fn unreadable(&self) -> watch::Receiver<Option<Unreadable>> {
        self.unreadable.subscribe()
    }

    /// Until the session's side ends, or nothing can be read any more.
    pub(super) async fn run(mut self) {
        let mut waits_for_image = false;
        while let Some(work) = self.work.recv().await {
            let is_image = matches!(work, Work::Snapshot(_));
            let taken = match work {
                Work::Snapshot(json) => self.snapshot(&json).await,
                Work::Changes(_) if waits_for_image => continue,
                Work::Changes(json) => self.changes(&json).await,
                // What it rests on is not acted by.
                Work::Answer { waiting, .. } if waits_for_image => {
                    let _ = waiting.send(Reply::Refused(ControllerError::Disconnected));
                    continue;
                }
                Work::Answer { reply_json, waiting } => {
                    let reply = serde_json::from_slice(&reply_json)
                        .unwrap_or_else(|error| Reply::Refused(ControllerError::Malformed(error.to_string())));
                    // The caller may have gone with its connection.
                    let _ = waiting.send(reply);
                    continue;
                }
            };
            let Err(reason) = taken else {
                waits_for_image = false;
                continue;
            };
            let is_last = waits_for_image && is_image;
            tracing::error!(reason, is_last, "metadata of the controller cannot be read");
            (self.image, waits_for_image) = (None, true);
            self.unreadable.send_replace(Some(Unreadable { reason: reason.clone(), is_last }));
            if is_last {
                self.publisher.fail(format!(
                    "the metadata that the controller sends cannot be read, not even as a whole: {reason}; is the controller of a later version than this broker?"
                ));
                return;
            }
        }
    }

    async fn snapshot(&mut self, json: &[u8]) -> Result<(), String> {
        let image: ClusterImage = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        self.act_by(Arc::new(image), Vec::new()).await;
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
        match check_metadata(&image, self.own, self.newest) {
            Ok(()) => {}
            Err(PassedOver::Known) => return,
            Err(PassedOver::AnotherLife) => {
                let version = image.metadata_version;
                tracing::warn!(%version, "metadata of another life of this broker passed over");
                return;
            }
        }
        self.newest = image.metadata_version;
        self.publisher.publish(Published { image, changes }).await;
        self.applied.send_replace(self.newest.0);
    }
}
