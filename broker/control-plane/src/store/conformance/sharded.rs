//! What root and shards must survive, over objects of any kind.

use super::{
    ObjectsStorage, Storage, check, check_shared,
    failing::{Calls, Failing},
    story,
};
use crate::store::{
    CommitError, LoadError, MetadataObjects, MetadataStore, ShardName, ShardedStore,
    sharding::{Layout, Outline},
};
use controller::ClusterImage;
use model::ClusterId;
use std::sync::{Arc, atomic::Ordering::SeqCst};

/// Commits of one run: enough for some folds.
const COMMITS: usize = 16;

struct OverObjects<'a, S>(&'a mut S);

impl<S: ObjectsStorage> Storage for OverObjects<'_, S> {
    type Store = ShardedStore<S::Objects>;

    async fn open(&mut self) -> Self::Store {
        ShardedStore::new(self.0.open().await)
    }
}

/// For a place with nothing in it.
pub async fn check_sharded(storage: &mut impl ObjectsStorage) {
    nothing_is_not_an_empty_cluster(storage).await;
    check(&mut OverObjects(storage)).await;
    check_shared(&mut OverObjects(storage)).await;
    begin_small(storage).await;
    whoever_dies_leaves_what_was_committed(storage).await;
    what_counts_no_more_is_deleted(storage).await;
    the_loss_of_a_broker_is_one_small_write(storage).await;
    a_late_deletion_takes_nothing_that_counts(storage).await;
    an_older_root_is_seen(storage).await;
    damage_is_seen_and_mended(storage).await;
    one_of_two_who_mend_wins(storage).await;
}

async fn nothing_is_not_an_empty_cluster(storage: &mut impl ObjectsStorage) {
    let mut store = ShardedStore::new(storage.open().await);
    assert_eq!(store.load().await, Err(LoadError::Missing));
    let nothing = store.seen().borrow().revision.clone();
    assert_eq!(nothing, None);
    let id = ClusterId::from("a-cluster");
    store.create(id.clone()).await.expect("a new cluster");
    let mut late = ShardedStore::new(storage.open().await);
    let rebuilt = late.rebuild(&ClusterImage::empty(id.clone()), nothing.as_ref()).await;
    assert_eq!(rebuilt, Err(CommitError::Conflict), "what was not there is there by now");
    assert_eq!(store.create(id.clone()).await, Err(CommitError::Conflict), "there is one already");
    assert_eq!(*store.load().await.expect("load"), ClusterImage::empty(id));
}

/// Without the many configs of the checks before, which would be written with every root that follows.
async fn begin_small(storage: &mut impl ObjectsStorage) {
    let mut store = ShardedStore::new(storage.open().await);
    let image = store.load().await.expect("load");
    let small = ClusterImage { broker_configs: Arc::default(), ..ClusterImage::clone(&image) };
    rebuild(&mut store, &small).await;
}

/// Over the root that it has seen.
async fn rebuild<O: MetadataObjects>(store: &mut ShardedStore<O>, image: &ClusterImage) -> Arc<ClusterImage> {
    let seen = store.seen().borrow().revision.clone();
    store.rebuild(image, seen.as_ref()).await.expect("written anew")
}

/// Whichever call is the last of a controller: what it was told is committed is there, and at most what it was not told yet.
async fn whoever_dies_leaves_what_was_committed(storage: &mut impl ObjectsStorage) {
    for loses_answer in [false, true] {
        for call in 1.. {
            let calls = Calls::failing_from(call, loses_answer);
            let objects = Failing { objects: storage.open().await, calls: Arc::clone(&calls) };
            let mut store = ShardedStore::new(objects);
            let mut image = store.load().await.expect("load");
            let mut begun = Arc::clone(&image);
            for _ in 0..COMMITS {
                let commit = story::next(&image);
                begun = Arc::clone(&commit.image);
                match store.commit(commit).await {
                    Ok(()) => image = Arc::clone(&begun),
                    Err(CommitError::Failed(_)) => break,
                    Err(CommitError::Conflict) => panic!("nobody else writes"),
                }
            }
            let mut next = ShardedStore::new(storage.open().await);
            let found = next.load().await.expect("what is there is whole");
            assert!(found == image || found == begun, "call {call}: {} is neither", found.metadata_version);
            if !calls.has_failed() {
                assert!(calls.creations.load(SeqCst) > 0 && calls.deletions.load(SeqCst) > 0, "shards took part");
                break;
            }
        }
    }
}

/// Of shards only those are there that this root or the one of the fold before names.
async fn what_counts_no_more_is_deleted(storage: &mut impl ObjectsStorage) {
    let calls = Calls::failing_from(0, false);
    let objects = storage.open().await;
    let mut store = ShardedStore::new(Failing { objects: storage.open().await, calls: Arc::clone(&calls) });
    let mut image = store.load().await.expect("load");
    for round in 0..6 {
        // What is written for nothing is deleted too.
        calls.roots_to_fail.store(usize::from(round == 2), SeqCst);
        let failed = story::large(&image);
        if round == 2 {
            assert!(matches!(store.commit(failed).await, Err(CommitError::Failed(_))));
            let commit = story::next(&image);
            image = Arc::clone(&commit.image);
            store.commit(commit).await.expect("what failed did not happen");
        }
        let mut counts: Vec<_> = root(&objects).await.shard_names().collect();
        let commit = story::large(&image);
        image = Arc::clone(&commit.image);
        store.commit(commit).await.expect("a commit at the version of the store");
        counts.extend(root(&objects).await.shard_names());
        let there = objects.list_shards().await.expect("list");
        let superseded = there.iter().filter(|shard| !counts.contains(shard)).count();
        assert!(round == 0 || superseded == 0, "round {round}: {superseded} shards count no more");
    }
    assert_eq!(calls.lists.load(SeqCst), 2, "once, and once after the failure");
}

async fn root<O: MetadataObjects>(objects: &O) -> Outline {
    let root = objects.read_root().await.expect("read").expect("there is a root");
    Outline::parse(&root.text).expect("a whole root")
}

async fn the_loss_of_a_broker_is_one_small_write(storage: &mut impl ObjectsStorage) {
    let calls = Calls::failing_from(0, false);
    let mut store = ShardedStore::new(Failing { objects: storage.open().await, calls: Arc::clone(&calls) });
    let mut image = store.load().await.expect("load");
    // Until a fold has made room for what follows.
    while calls.creations.load(SeqCst) == 0 {
        let commit = story::next(&image);
        image = Arc::clone(&commit.image);
        store.commit(commit).await.expect("a commit at the version of the store");
    }
    let (creations, roots) = (calls.creations.load(SeqCst), calls.roots.load(SeqCst));
    let commit = story::loss_of_a_broker(&image);
    let in_sync = |image: &ClusterImage| {
        image
            .topics
            .iter()
            .flat_map(|topic| &topic.partitions)
            .map(|partition| partition.isr.clone())
            .collect::<Vec<_>>()
    };
    assert_ne!(in_sync(&image), in_sync(&commit.image), "it was in sync");
    let after = Arc::clone(&commit.image);
    store.commit(commit).await.expect("a commit at the version of the store");
    assert_eq!((calls.creations.load(SeqCst), calls.roots.load(SeqCst)), (creations, roots + 1));
    let mut next = ShardedStore::new(storage.open().await);
    assert_eq!(*next.load().await.expect("load"), *after, "what follows for partitions is derived");
}

/// One controller sleeps with shards to delete, another goes on.
async fn a_late_deletion_takes_nothing_that_counts(storage: &mut impl ObjectsStorage) {
    let mut sleeper = ShardedStore::new(storage.open().await);
    let late = sleeper.load().await.expect("load");
    let mut other = ShardedStore::new(storage.open().await);
    other.load().await.expect("load");
    let image = live(&mut other, Arc::clone(&late)).await;
    // Before it writes it looks for what it may delete, and finds the other one's shards.
    assert_eq!(sleeper.commit(story::large(&late)).await, Err(CommitError::Conflict));
    let mut next = ShardedStore::new(storage.open().await);
    assert_eq!(*next.load().await.expect("whole"), *image);
    assert_eq!(sleeper.load().await.expect("load"), image, "after a conflict the other one's commits are loaded");
    let commit = story::large(&image);
    let after = Arc::clone(&commit.image);
    sleeper.commit(commit).await.expect("decided again on what is there");
    assert_eq!(other.commit(story::large(&image)).await, Err(CommitError::Conflict));
    assert_eq!(*next.load().await.expect("whole"), *after);
}

/// Some commits, folds among them.
async fn live(store: &mut impl MetadataStore, mut image: Arc<ClusterImage>) -> Arc<ClusterImage> {
    for _ in 0..COMMITS {
        let commit = story::next(&image);
        image = Arc::clone(&commit.image);
        store.commit(commit).await.expect("a commit at the version of the store");
    }
    image
}

/// A backup was restored, or etcd was: the root of before is there again.
async fn an_older_root_is_seen(storage: &mut impl ObjectsStorage) {
    let objects = storage.open().await;
    let before = objects.read_root().await.expect("read").expect("there is a root");
    let mut store = ShardedStore::new(storage.open().await);
    let image = store.load().await.expect("load");
    let image = live(&mut store, image).await;
    let newest = objects.read_root().await.expect("read").expect("there is a root").revision;
    objects.write_root(Some(&newest), &before.text).await.expect("written over");
    assert_eq!(store.commit(story::next(&image)).await, Err(CommitError::Conflict), "not what was committed last");
    match store.load().await {
        // Never taken for the newest: brokers know a later version.
        Ok(found) => assert!(found.metadata_version < image.metadata_version),
        Err(error) => assert!(matches!(error, LoadError::Damaged(_)), "{error}"),
    }
    let rebuilt = rebuild(&mut store, &image).await;
    assert!(rebuilt.metadata_version > image.metadata_version);
    let mut next = ShardedStore::new(storage.open().await);
    assert_eq!(*next.load().await.expect("whole"), *rebuilt);
    let same = ClusterImage { metadata_version: image.metadata_version, ..ClusterImage::clone(&rebuilt) };
    assert_eq!(same, *image, "nothing but the version is another");
}

async fn damage_is_seen_and_mended(storage: &mut impl ObjectsStorage) {
    let objects = storage.open().await;
    let mut store = ShardedStore::new(storage.open().await);
    let mut image = store.load().await.expect("load");
    let named: Vec<ShardName> = root(&objects).await.shard_names().collect();
    let (first, last) = (named[0], named[named.len() - 1]);
    let whole = objects.read_shard(first).await.expect("read").expect("it is there");
    let other = objects.read_shard(last).await.expect("read").expect("it is there");
    let middle = whole.len() / 2;
    let flipped = format!(
        "{}{}{}",
        &whole[..middle],
        if whole[middle..].starts_with('1') { '2' } else { '1' },
        &whole[middle + 1..]
    );
    for damaged in [None, Some(""), Some("{}"), Some(&whole[..middle]), Some(&flipped), Some(&other)] {
        objects.delete_shard(first).await.expect("delete");
        if let Some(text) = damaged {
            objects.create_shard(first, text).await.expect("create");
        }
        let mut next = ShardedStore::new(storage.open().await);
        let error = next.load().await.expect_err("a shard is not what was written");
        assert!(matches!(&error, LoadError::Damaged(why) if why.contains(&first.to_string())), "{error}");
    }
    // Who has read it before goes on.
    image = live(&mut store, image).await;
    image = rebuild(&mut store, &image).await;
    let revision = objects.read_root().await.expect("read").expect("there is a root").revision;
    objects.write_root(Some(&revision), "no root at all").await.expect("written over");
    let mut next = ShardedStore::new(storage.open().await);
    assert!(matches!(next.load().await, Err(LoadError::Damaged(_))));
    let rebuilt = rebuild(&mut next, &image).await;
    assert_eq!(*store.load().await.expect("whole"), *rebuilt);
    let layout = Layout::of(rebuilt).expect("small parts");
    assert!(layout.shards.iter().all(|(_, text)| text.len() <= 80 << 10), "shards are small");
}

/// Both find the root damaged; one sleeps until the other one has mended it and decided on.
async fn one_of_two_who_mend_wins(storage: &mut impl ObjectsStorage) {
    let objects = storage.open().await;
    let (mut sleeper, mut other) = (ShardedStore::new(storage.open().await), ShardedStore::new(storage.open().await));
    let image = other.load().await.expect("load");
    let whole = other.seen().borrow().revision.clone();
    objects.write_root(whole.as_ref(), "no root at all").await.expect("written over");
    assert!(matches!(sleeper.load().await, Err(LoadError::Damaged(_))));
    assert!(matches!(other.load().await, Err(LoadError::Damaged(_))));
    let found = sleeper.seen().borrow().clone();
    let mended = rebuild(&mut other, &image).await;
    let image = live(&mut other, mended).await;
    assert_eq!(sleeper.rebuild(&image, found.revision.as_ref()).await, Err(CommitError::Conflict));
    let mut next = ShardedStore::new(storage.open().await);
    assert_eq!(*next.load().await.expect("whole"), *image, "what the other one decided stands");
    other.commit(story::next(&image)).await.expect("and it goes on");
}
