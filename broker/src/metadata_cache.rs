//! The newest committed metadata as this broker knows it. Readers take a snapshot and never wait.

mod aside;

use arc_swap::ArcSwap;
use controller::ClusterImage;
use model::{BrokerId, ClusterId, PartitionIndex, TopicId};
use parking_lot::Mutex;
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{sync::watch, time::Instant};

/// How long a reader that wants the newest image waits while one is made ready. Past that the one before is good enough.
const PATIENCE_FOR_COMING: Duration = Duration::from_millis(100);

/// The same after a leader was lost from sight. The controller gives a broken session 200 ms to come back, and where it stores in
/// Kubernetes it may take half a second more; a client that is told too early asks again after a second.
const PATIENCE_FOR_SUCCESSOR: Duration = Duration::from_secs(1);

/// Longer than any client takes to look for the new leaders of what a lost broker led.
const REMEMBERED_FOR: Duration = Duration::from_secs(5);

/// Cheap to clone; all clones show the same image.
///
/// An image appears here after its change is committed and after [`crate::partitions::Partitions::apply`] has made the
/// partitions ready, so whatever a client learns from it is served.
#[derive(Debug, Clone)]
pub(crate) struct MetadataCache {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    known: Mutex<Known>,
    current: ArcSwap<ClusterImage>,
    changes: watch::Sender<Arc<ClusterImage>>,
    /// Another image is committed and not yet shown.
    is_coming: AtomicBool,
    /// Brokers that were fenced lately, and when that was seen.
    lately_fenced: Mutex<BTreeMap<BrokerId, Instant>>,
    /// Leaders whose connection broke, and when: most likely an image follows in which others lead.
    lost_from_sight: Mutex<BTreeMap<BrokerId, Instant>>,
}

/// What is shown follows from it, as does the standing.
#[derive(Debug)]
struct Known {
    /// As the controller has it.
    committed: Arc<ClusterImage>,
    me: BrokerId,
    /// What this broker stepped aside from.
    left: Vec<(TopicId, PartitionIndex)>,
    standing: Standing,
}

/// What a broker is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Serves,
    /// It stepped aside from something, and leads what nobody else can.
    ServesTheRest,
    ServesNothing,
}

impl MetadataCache {
    /// Shows a cluster without brokers and topics until the first [`MetadataCache::publish`].
    pub(crate) fn new(cluster_id: ClusterId) -> Self {
        let empty = Arc::new(ClusterImage::empty(cluster_id));
        let changes = watch::Sender::new(Arc::clone(&empty));
        let shared = Shared {
            known: Mutex::new(Known {
                committed: Arc::clone(&empty),
                me: BrokerId(-1),
                left: Vec::new(),
                standing: Standing::Serves,
            }),
            current: ArcSwap::new(empty),
            changes,
            is_coming: AtomicBool::new(false),
            lately_fenced: Mutex::default(),
            lost_from_sight: Mutex::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// What requests are answered by.
    pub(crate) fn current(&self) -> Arc<ClusterImage> {
        self.shared.current.load_full()
    }

    /// What the controller said last; the next image follows this one.
    pub(crate) fn committed(&self) -> Arc<ClusterImage> {
        Arc::clone(&self.shared.known.lock().committed)
    }

    /// Nobody leads what this broker stepped aside from: clients that know no other broker would be sent back here for ever. A
    /// broker that leads nothing else is as if it were fenced, which is what the others say of it. It ends with an empty `left`.
    pub(crate) fn step_aside(&self, me: BrokerId, left: Vec<(TopicId, PartitionIndex)>) {
        let mut known = self.shared.known.lock();
        if known.left != left || known.me != me {
            (known.me, known.left) = (me, left);
            self.show(&mut known);
        }
    }

    /// It is to send clients to others, which it can do only once they ask.
    pub(crate) fn standing(&self) -> Standing {
        self.shared.known.lock().standing
    }

    /// The same, or the next one where that is about to be shown: a client that lost its leader asks in that very moment, and may
    /// not ask again for a second.
    pub(crate) async fn newest(&self) -> Arc<ClusterImage> {
        let mut changes = self.subscribe();
        let Some(deadline) = self.awaited_until() else { return self.current() };
        // The sender lives as long as this; whichever image is there by then is the answer.
        while self.awaited_until().is_some() && tokio::time::timeout_at(deadline, changes.changed()).await.is_ok() {}
        self.current()
    }

    /// How long another image is worth waiting for.
    fn awaited_until(&self) -> Option<Instant> {
        let coming = self.shared.is_coming.load(Ordering::Acquire).then(|| Instant::now() + PATIENCE_FOR_COMING);
        let lost = self.shared.lost_from_sight.lock().values().max().map(|lost_at| *lost_at + PATIENCE_FOR_SUCCESSOR);
        coming.max(lost.filter(|deadline| *deadline > Instant::now()))
    }

    /// The connection to a leader that this broker follows broke.
    pub(crate) fn lost_sight_of(&self, leader: BrokerId) {
        if self.current().is_usable(leader) {
            self.shared.lost_from_sight.lock().insert(leader, Instant::now());
        }
    }

    /// It is there after all.
    pub(crate) fn regained_sight_of(&self, leader: BrokerId) {
        self.shared.lost_from_sight.lock().remove(&leader);
    }

    /// Whether the broker was fenced in the last seconds.
    pub(crate) fn was_fenced_lately(&self, broker: BrokerId) -> bool {
        let lately = self.shared.lately_fenced.lock();
        lately.get(&broker).is_some_and(|at| at.elapsed() < REMEMBERED_FOR)
    }

    /// Sees every newest image, not every image: several changes may have come between two looks.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Arc<ClusterImage>> {
        self.shared.changes.subscribe()
    }

    /// An image is about to be made ready and published. Only the host of the control plane calls this.
    pub(crate) fn announce(&self) {
        self.shared.is_coming.store(true, Ordering::Release);
    }

    /// Only the host of the control plane calls this.
    pub(crate) fn publish(&self, image: Arc<ClusterImage>) {
        self.remember_fenced(&image);
        self.shared.lost_from_sight.lock().retain(|leader, _| image.is_usable(*leader));
        self.shared.is_coming.store(false, Ordering::Release);
        let mut known = self.shared.known.lock();
        known.committed = image;
        self.show(&mut known);
    }

    /// One after another, as the lock is held.
    fn show(&self, known: &mut Known) {
        let image = if known.left.is_empty() {
            known.standing = Standing::Serves;
            Arc::clone(&known.committed)
        } else {
            let (image, leads_others) = aside::without(&known.committed, known.me, &known.left);
            known.standing = if leads_others { Standing::ServesTheRest } else { Standing::ServesNothing };
            Arc::new(image)
        };
        self.shared.current.store(Arc::clone(&image));
        self.shared.changes.send_replace(image);
    }

    fn remember_fenced(&self, next: &ClusterImage) {
        let now = Instant::now();
        let before = self.committed();
        let mut lately = self.shared.lately_fenced.lock();
        lately.retain(|_, at| now - *at < REMEMBERED_FOR);
        let served = |id| before.brokers.get(id).is_some_and(|broker| !broker.fenced);
        let fenced = next.brokers.values().filter(|broker| broker.fenced && served(&broker.id));
        lately.extend(fenced.map(|broker| (broker.id, now)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use controller::image::BrokerRegistration;
    use futures_util::FutureExt as _;
    use model::{BrokerEpoch, Incarnation, MetadataVersion};

    const LOST: BrokerId = BrokerId(2);

    fn image(version: u64, fenced: bool) -> Arc<ClusterImage> {
        let mut image = ClusterImage::empty(ClusterId::from("c"));
        image.metadata_version = MetadataVersion(version);
        let broker = BrokerRegistration {
            id: LOST,
            epoch: BrokerEpoch(1),
            incarnation: Incarnation(uuid::Uuid::from_u128(1)),
            log_life: None,
            rack: None,
            endpoints: Vec::new(),
            fenced,
            in_controlled_shutdown: false,
        };
        Arc::make_mut(&mut image.brokers).insert(LOST, broker);
        Arc::new(image)
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_while_an_image_is_made_ready_gets_it() {
        let cache = MetadataCache::new(ClusterId::from("c"));
        cache.publish(image(1, false));
        assert_eq!(cache.newest().now_or_never().map(|image| image.metadata_version.0), Some(1));
        cache.announce();
        let mut asking = Box::pin(cache.newest());
        assert!(futures_util::poll!(&mut asking).is_pending());
        cache.publish(image(2, false));
        assert_eq!(asking.await.metadata_version.0, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_long_for_an_image_that_does_not_become_ready() {
        let cache = MetadataCache::new(ClusterId::from("c"));
        cache.publish(image(1, false));
        cache.announce();
        let began = Instant::now();
        assert_eq!(cache.newest().await.metadata_version.0, 1);
        assert_eq!(began.elapsed(), PATIENCE_FOR_COMING);
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_after_a_leader_was_lost_from_sight_gets_the_image_without_it() {
        let cache = MetadataCache::new(ClusterId::from("c"));
        cache.publish(image(1, false));
        cache.lost_sight_of(LOST);
        let mut asking = Box::pin(cache.newest());
        assert!(futures_util::poll!(&mut asking).is_pending());
        cache.publish(image(2, false));
        assert!(futures_util::poll!(&mut asking).is_pending(), "this one is about something else");
        cache.publish(image(3, true));
        assert_eq!(asking.await.metadata_version.0, 3);
        cache.lost_sight_of(LOST);
        assert!(cache.newest().now_or_never().is_some(), "nothing more is to come");
    }

    #[tokio::test(start_paused = true)]
    async fn leader_that_only_its_connection_was_lost_to_holds_nobody_up_for_long() {
        let cache = MetadataCache::new(ClusterId::from("c"));
        cache.publish(image(1, false));
        cache.lost_sight_of(LOST);
        let began = Instant::now();
        assert_eq!(cache.newest().await.metadata_version.0, 1);
        assert_eq!(began.elapsed(), PATIENCE_FOR_SUCCESSOR);
        assert!(cache.newest().now_or_never().is_some());
        cache.lost_sight_of(LOST);
        cache.regained_sight_of(LOST);
        assert!(cache.newest().now_or_never().is_some(), "its connection is there again");
    }

    #[tokio::test(start_paused = true)]
    async fn broker_is_remembered_for_a_while_after_it_was_fenced() {
        let cache = MetadataCache::new(ClusterId::from("c"));
        cache.publish(image(1, true));
        assert!(!cache.was_fenced_lately(LOST), "it never served");
        cache.publish(image(2, false));
        cache.publish(image(3, true));
        assert!(cache.was_fenced_lately(LOST));
        tokio::time::advance(REMEMBERED_FOR).await;
        assert!(!cache.was_fenced_lately(LOST));
    }
}
