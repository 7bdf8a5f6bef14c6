//! What every place of small objects must do.

use crate::store::{CommitError, MetadataObjects, ShardName, sharding::OBJECT_BYTES_LIMIT};
use model::MetadataVersion;
use std::future::Future;

/// A place where the objects of one cluster are kept.
pub trait ObjectsStorage: Send {
    type Objects: MetadataObjects;

    /// A handle of another process on the same objects.
    fn open(&mut self) -> impl Future<Output = Self::Objects> + Send;
}

/// For a place with nothing in it. Afterwards it holds a root that is no metadata.
pub async fn check_objects(storage: &mut impl ObjectsStorage) {
    let (one, other) = (storage.open().await, storage.open().await);
    assert_eq!(one.read_root().await, Ok(None));
    assert_eq!(one.list_shards().await, Ok(Vec::new()));
    shards_stay_as_they_were_created(&one, &other).await;
    one_write_of_the_root_wins(&one, &other).await;
}

async fn shards_stay_as_they_were_created<O: MetadataObjects>(one: &O, other: &O) {
    let name = |version, checksum| ShardName { version: MetadataVersion(version), checksum };
    let (small, large) = (name(1, 0), name(u64::MAX, u64::MAX));
    assert_eq!(one.read_shard(small).await, Ok(None));
    assert_eq!(one.delete_shard(small).await, Ok(()), "what is not there is deleted");
    let text =
        "{\"quoted\": \"\u{1f30a}\"}\n\n\ttab \\ backslash 'single' # not a comment\n: - ? %\u{0}\u{7f}\u{2028} \n";
    let long = "0123456789abcde\n".repeat(OBJECT_BYTES_LIMIT / 16);
    one.create_shard(small, text).await.expect("a shard is created");
    one.create_shard(large, &long).await.expect("a shard of the largest size is created");
    one.create_shard(small, text).await.expect("creating it again is no failure");
    other.create_shard(small, text).await.expect("nor is it for another");
    assert_eq!(other.read_shard(small).await, Ok(Some(text.to_owned())), "byte for byte");
    assert!(other.read_shard(large).await == Ok(Some(long)), "to the largest size");
    let mut listed = other.list_shards().await.expect("shards are listed");
    listed.sort_unstable();
    assert_eq!(listed, [small, large]);
    for shard in listed {
        other.delete_shard(shard).await.expect("a shard is deleted");
        assert_eq!(one.read_shard(shard).await, Ok(None), "seen at once");
        one.delete_shard(shard).await.expect("deleting it again is no failure");
    }
    assert_eq!(one.list_shards().await, Ok(Vec::new()));
}

async fn one_write_of_the_root_wins<O: MetadataObjects>(one: &O, other: &O) {
    let first = one.write_root(None, "first").await.expect("there was none");
    assert_eq!(other.write_root(None, "another first").await, Err(CommitError::Conflict));
    let seen = other.read_root().await.expect("read").expect("there is one");
    assert_eq!((&seen.revision, &*seen.text), (&first, "first"));
    let second = one.write_root(Some(&first), "second").await.expect("nobody wrote since");
    assert_ne!(first, second, "every write is another revision");
    assert_eq!(other.write_root(Some(&first), "late").await, Err(CommitError::Conflict));
    let same = one.write_root(Some(&second), "second").await.expect("nobody wrote since");
    let seen = other.read_root().await.expect("read").expect("there is one");
    assert_eq!((seen.revision, &*seen.text), (same, "second"));
    let large = "0123456789abcde\n".repeat(OBJECT_BYTES_LIMIT / 16);
    let seen = other.read_root().await.expect("read").expect("there is one").revision;
    other.write_root(Some(&seen), &large).await.expect("a root of the largest size is written");
    assert!(one.read_root().await.expect("read").is_some_and(|root| root.text == large));
}
