//! Partitions that go while a sync of theirs runs.

use super::*;
use crate::api::fixture::until;
use futures_util::FutureExt as _;
use gate::Gate;
use losses::{give_log_life, has_log_life};
use model::Offset;
use roles::{ME, OTHER, assign, assignment};
use undone::{UNDO, restore};

/// A leader with a follower that has a record to sync, and syncs that do not get on: for want of a thread, or on the device.
struct Syncing {
    broker: Fixture,
    id: TopicId,
    partition: Arc<Partition>,
    gate: Option<Arc<Gate>>,
}

impl Syncing {
    async fn begun(keys: &[(&str, &str)], on_the_device: bool) -> Self {
        let broker = Fixture::start_with(keys).await;
        let id = broker.topic("durable", 1, &[("flush.messages", "1")]).await;
        broker.append("durable", 0, &["first"]).await;
        let partition = broker.partition("durable", 0);
        assign(&partition, assignment(ME, partition.leader_epoch().0 + 1, &[ME, OTHER])).await;
        give_log_life(&broker);
        let host = Arc::clone(&broker.broker().partitions.host);
        let gate = (!on_the_device).then(|| Gate::before(&host.syncs, disk_pool::MAX_SYNC_THREADS));
        if on_the_device {
            host.disk.syncs.hang_next();
        }
        let prepared = partition_log::PreparedBatch::new(batch(&["second"])).unwrap();
        let appending = Arc::clone(&partition);
        tokio::spawn(async move { appending.append_and_wait(prepared, RequiredAcks::Leader).await });
        until("it is appended", || partition.offsets().log_end == Offset(2)).await;
        until("it is synced", || !on_the_device || host.disk.syncs.one_hangs()).await;
        Self { broker, id, partition, gate }
    }

    /// Lets the syncs run, and waits for what they say of the partition.
    async fn ends(&self, fail: bool) {
        self.broker.broker().partitions.host.disk.syncs.go_on(fail);
        if let Some(gate) = &self.gate {
            gate.open();
        }
        Arc::clone(&self.partition).flush().await;
    }

    /// Otherwise the broker would stop, and others with it that sync the same topic.
    fn is_taken_for_no_failure(&self) {
        let errors = self.broker.broker().metrics.log().storage_errors.get();
        assert_eq!(errors, 0, "nothing failed");
        assert!(has_log_life(&self.broker), "nothing that counts was lost");
        assert_eq!(self.broker.running().failed().now_or_never(), None);
        assert_eq!(self.partition.state(), State::Deleted);
    }
}

#[tokio::test]
async fn sync_of_a_deleted_topic_ends_unheard() {
    for on_the_device in [false, true] {
        let syncing = Syncing::begun(&[], on_the_device).await;
        syncing.broker.delete_topic(syncing.id).await;
        syncing.ends(false).await;
        syncing.is_taken_for_no_failure();
    }
}

#[tokio::test]
async fn sync_of_a_topic_that_was_buried_and_restored_says_nothing_of_it() {
    for on_the_device in [false, true] {
        let syncing = Syncing::begun(UNDO, on_the_device).await;
        syncing.broker.delete_topic(syncing.id).await;
        assert_eq!(restore(&syncing.broker, syncing.id).await, Ok(syncing.id));
        let restored = syncing.broker.partition("durable", 0);
        syncing.ends(false).await;
        syncing.is_taken_for_no_failure();
        assert!(restored.ensure_open().await);
        until("its own sync has ended", || restored.offsets().high_watermark == Offset(2)).await;
        assert_eq!(syncing.broker.values("durable", 0).await, ["first", "second"]);
    }
}

/// Whoever restores it would take what the page cache has for what the device has.
#[tokio::test]
async fn log_that_is_buried_while_the_device_fails_is_checked_when_it_comes_back() {
    let syncing = Syncing::begun(UNDO, true).await;
    let partitions = &syncing.broker.broker().partitions;
    syncing.broker.delete_topic(syncing.id).await;
    let rests_in_doubt = partitions.host.resting.lock().values().all(|(log, state)| {
        matches!(log, Closed::Unclean(Some(_), partition_log::Crash::FailedSync)) && *state == State::Recovering
    });
    assert!(rests_in_doubt);
    syncing.ends(true).await;
    partitions.host.disk.syncs.go_on(false);
    assert!(!has_log_life(&syncing.broker), "what was lost may be of a log that comes back");
    assert_eq!(syncing.broker.running().failed().now_or_never(), None, "nobody leads with it");
    assert_eq!(restore(&syncing.broker, syncing.id).await, Ok(syncing.id));
    let restored = syncing.broker.partition("durable", 0);
    assert!(restored.ensure_open().await);
    assert_eq!(restored.offsets().log_end, Offset(2));
}
