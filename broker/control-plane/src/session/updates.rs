//! What the sessions send of the metadata: the image, and the changes of late, so that a broker that is nearly up to date
//! gets those only.

use super::newest::NewestSessions;
use crate::{
    host::{Published, Publisher},
    wire::{Changes, Snapshot, controller_message::Kind},
};
use controller::{ClusterImage, MetadataChange, rebuild::Reign};
use model::{BrokerId, ControllerEpoch, MetadataVersion, ReignId};
use std::{collections::VecDeque, sync::Arc};
use tokio::{sync::watch, time::Instant};

/// Changes kept for brokers that lag; one that lags more gets the image.
const RECENT_CHANGES: usize = 1024;

/// The publisher of a controller that brokers come to. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Updates {
    reign: ReignId,
    newest: Arc<NewestSessions>,
    sender: watch::Sender<State>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct State {
    /// `None` before the first commit of this controller.
    pub(super) image: Option<Arc<ClusterImage>>,
    pub(super) is_closed: bool,
    /// What the store held before it.
    found: Option<MetadataVersion>,
    recent: VecDeque<Arc<MetadataChange>>,
}

impl Updates {
    #[expect(clippy::new_without_default, reason = "the channel is what it is about")]
    pub fn new() -> Self {
        let (reign, sender) = (ReignId(uuid::Uuid::new_v4()), watch::channel(State::default()).0);
        Self { reign, newest: Arc::default(), sender }
    }

    /// The controller has stopped: its sessions end, so that brokers look for another.
    pub fn close(&self) {
        self.sender.send_modify(|state| state.is_closed = true);
    }

    /// Brokers whose session is open.
    pub fn sessions(&self) -> usize {
        self.newest.open()
    }

    /// When the broker was heard last, or its session ended; `None`: it never came, or said farewell.
    pub fn silent_since(&self, broker: BrokerId) -> Option<Instant> {
        self.newest.silent_since(broker)
    }

    /// Of the broker's program, as it said when it came last; `None`: it never came here, or does not say.
    pub fn software_version(&self, broker: BrokerId) -> Option<String> {
        self.newest.software_version(broker)
    }

    pub(super) fn newest(&self) -> &NewestSessions {
        &self.newest
    }

    pub(super) fn reign_id(&self) -> ReignId {
        self.reign
    }

    /// Of this controller, once it has committed anything.
    pub(super) fn controller_epoch(&self) -> Option<ControllerEpoch> {
        self.sender.borrow().image.as_ref().map(|image| image.controller_epoch)
    }

    /// What was committed last.
    pub(super) fn image(&self) -> Option<Arc<ClusterImage>> {
        self.sender.borrow().image.clone()
    }

    /// What this controller has committed so far, if anything.
    pub fn reign(&self) -> Option<Reign> {
        let state = self.sender.borrow();
        let (image, found) = state.image.as_ref().zip(state.found)?;
        Some(Reign { id: self.reign, epoch: image.controller_epoch, found, newest: image.metadata_version })
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<State> {
        self.sender.subscribe()
    }
}

impl Publisher for Updates {
    async fn publish(&mut self, published: Published) {
        self.sender.send_modify(|state| state.take(published));
    }
}

impl State {
    fn take(&mut self, Published { image, changes }: Published) {
        let known = self.image.as_ref().map(|image| image.metadata_version);
        if known.is_none() {
            let first = changes.first().map_or(image.metadata_version, |first| first.version);
            self.found = Some(MetadataVersion(first.0.saturating_sub(1)));
        }
        let follows = changes.first().is_some_and(|first| known.is_some_and(|known| known.next() == first.version));
        if !follows {
            self.recent.clear();
        }
        self.recent.extend(changes.into_iter().map(Arc::new));
        let surplus = self.recent.len().saturating_sub(RECENT_CHANGES);
        self.recent.drain(..surplus);
        self.image = Some(image);
    }

    /// What brings a broker from `version` to the newest, if it is not there.
    pub(super) fn since(&self, version: Option<MetadataVersion>) -> Result<Option<Kind>, serde_json::Error> {
        let Some(image) = &self.image else { return Ok(None) };
        if version.is_some_and(|version| version >= image.metadata_version) {
            return Ok(None);
        }
        let follows = |version: MetadataVersion| {
            let first = self.recent.iter().position(|change| change.version == version.next())?;
            Some(self.recent.range(first..))
        };
        match version.and_then(follows) {
            Some(changes) => {
                let change_json = changes.map(serde_json::to_vec).collect::<Result<_, _>>()?;
                Ok(Some(Kind::Changes(Changes { change_json })))
            }
            None => Ok(Some(Kind::Snapshot(Snapshot { image_json: serde_json::to_vec(&**image)? }))),
        }
    }
}
