//! What every [`MetadataStore`] must do, as checks that each implementation's tests run. They panic where it does not.
//!
//! A place of small objects is checked by [`check_objects`] and then by [`check_sharded`], which includes all others.

mod failing;
mod memory;
mod objects;
mod sharded;
mod story;

pub use memory::{InMemory, MemoryObjects};
pub use objects::{ObjectsStorage, check_objects};
pub use sharded::check_sharded;

use super::{Commit, CommitError, MetadataStore};
use controller::{ClusterImage, ConfigChange, MetadataChange, MetadataRecord};
use model::{ControllerEpoch, MetadataVersion, ProducerId};
use std::{future::Future, sync::Arc};

/// A place where a store keeps what it holds.
pub trait Storage: Send {
    type Store: MetadataStore;

    /// Opens it, as the next process would.
    fn open(&mut self) -> impl Future<Output = Self::Store> + Send;
}

/// A commit of `changes` changes on top of an image.
fn commit_on(image: &ClusterImage, changes: i64) -> Commit {
    let expected = image.metadata_version;
    let mut after = image.clone();
    let changes = (1..=changes).map(|step| {
        let next = ProducerId(after.next_producer_id.0 + step);
        let value = Some(format!("{step}, \"quoted\" and long: {}", "x".repeat(1000)));
        let config = ConfigChange { name: format!("key.{step}"), value };
        let records = vec![
            MetadataRecord::ProducerIdsReserved { next },
            MetadataRecord::BrokerConfigChanged { broker: None, changes: vec![config] },
        ];
        let change = MetadataChange { version: after.metadata_version.next(), records };
        after.apply(&change).expect("a change of this version");
        change
    });
    let changes = changes.collect();
    Commit { expected, changes, image: Arc::new(after) }
}

/// For a store with nothing in it yet.
pub async fn check(storage: &mut impl Storage) {
    let mut store = storage.open().await;
    let empty = store.load().await.expect("an empty store is loaded");
    assert_eq!(empty.metadata_version, MetadataVersion(0));
    let mut image = empty;
    for changes in [1, 3, 200] {
        let commit = commit_on(&image, changes);
        image = Arc::clone(&commit.image);
        store.commit(commit).await.expect("a commit at the version of the store");
        assert_eq!(*store.load().await.expect("load"), *image, "loaded is what was committed");
        store = {
            drop(store);
            storage.open().await
        };
        assert_eq!(*store.load().await.expect("load"), *image, "it outlives the process");
    }
    stale_commits_change_nothing(&mut store, &image).await;
    take_over_is_stored(&mut store, &image).await;
}

async fn stale_commits_change_nothing(store: &mut impl MetadataStore, image: &ClusterImage) {
    let mut stale = commit_on(image, 1);
    stale.expected = MetadataVersion(image.metadata_version.0 - 1);
    assert_eq!(store.commit(stale).await, Err(CommitError::Conflict));
    let mut ahead = commit_on(image, 1);
    ahead.expected = image.metadata_version.next();
    assert_eq!(store.commit(ahead).await, Err(CommitError::Conflict));
    assert_eq!(*store.load().await.expect("load"), *image, "a conflict changes nothing");
}

async fn take_over_is_stored(store: &mut impl MetadataStore, image: &ClusterImage) {
    let epoch = ControllerEpoch(image.controller_epoch.0 + 1);
    let records = vec![MetadataRecord::ControllerEpochRaised(epoch)];
    let change = MetadataChange { version: image.metadata_version.next(), records };
    let mut after = image.clone();
    after.apply(&change).expect("a change of this version");
    let commit = Commit { expected: image.metadata_version, changes: vec![change], image: Arc::new(after) };
    store.commit(commit).await.expect("a commit at the version of the store");
    assert_eq!(store.load().await.expect("load").controller_epoch, epoch);
}

/// For a store that two processes may have open: of two commits at one version one wins, and the other learns of it.
pub async fn check_shared(storage: &mut impl Storage) {
    let (mut one, mut other) = (storage.open().await, storage.open().await);
    let image = one.load().await.expect("load");
    other.load().await.expect("load");
    let (first, second) = (commit_on(&image, 1), commit_on(&image, 2));
    let won = Arc::clone(&first.image);
    one.commit(first).await.expect("the first at this version");
    assert_eq!(other.commit(second).await, Err(CommitError::Conflict));
    let seen = other.load().await.expect("load");
    assert_eq!(*seen, *won, "after a conflict the other one's commit is loaded");
    let third = commit_on(&seen, 1);
    other.commit(third).await.expect("decided again on what is there");
}
