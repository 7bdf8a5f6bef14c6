//! Metadata as one root and shards: pure. From an image and a commit to the texts that have to be written, and back.
//!
//! ```text
//! text    = header line feed JSON
//! header  = "weir-metadata 1 root 57 0123456789abcdef"
//!            what          | |    |  CRC-64/NVME of the header up to here, and of the JSON
//!                     format |    version of the metadata
//!                            kind: root, shard
//!
//! root    = { "image": the image of version B without its topics,
//!             "shards": [ [topic id, partition, version, checksum, bytes], … ],
//!             "changes": [ of version B+1, … ] }
//! shard   = { "parts": [ part, … ] }
//! part    = { "id": topic id, "first": the index of the first partition here,
//!             "head": { "topic": the topic without its partitions, "deleted_at": the version, where it is deleted },
//!             "partitions": [ … ] }                "head" is in the part that begins with partition 0
//! ```
//!
//! Shards are the leaves of a tree whose only other node is the root. A shard holds the partitions from its key (topic id,
//! partition) up to the key of the next; one that outgrows its bound is divided, one that became small joins its neighbour,
//! and the others stay as they are. The image in the root, topics and changes have the form they have in the broker's file.
//! Fields that a program does not know are not kept: the feature levels say when they may be written.

mod format;
mod leaves;
#[cfg(test)]
mod tests;

pub use format::{Damage, version_of};

use super::{Commit, ShardName};
use controller::{ClusterImage, MetadataChange};
use format::{Entry, Root};
use model::MetadataVersion;
use std::sync::Arc;
use thiserror::Error;

/// No text is longer. Objects of etcd end at 1.5 MiB, and what is around the text needs room.
pub const OBJECT_BYTES_LIMIT: usize = 1 << 20;

/// A shard with more is divided. Writing 64 KiB takes an API server about as long as three times 4 KiB; a larger shard makes
/// every fold dearer, smaller ones make the loss of a broker dearer, which touches all of them.
const SHARD_BYTES: usize = 64 << 10;

/// What a division aims at, so that the next topic does not divide again.
const TARGET_SHARD_BYTES: usize = 48 << 10;

/// A shard with less joins its neighbour, where both fit the target.
const SMALL_SHARD_BYTES: usize = 16 << 10;

/// Changes that are kept in the root. They are written again with every commit, and read only by the next controller.
const CHANGES_BYTES: usize = 32 << 10;

/// One version of the metadata and how it lies in root and shards.
#[derive(Debug, Clone)]
pub struct Layout {
    /// What the image in the root and the shards add up to.
    base: Arc<ClusterImage>,
    shards: Vec<Entry>,
    changes: Vec<MetadataChange>,
    changes_bytes: usize,
    image: Arc<ClusterImage>,
}

/// What a commit takes.
#[derive(Debug, Clone)]
pub struct Plan {
    /// To be written first.
    pub shards: Vec<(ShardName, String)>,
    /// To be written once all shards are there.
    pub root: String,
    /// Named by the root before, and not any more.
    pub superseded: Vec<ShardName>,
    /// How it lies then.
    pub layout: Layout,
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the metadata has a part of {bytes} bytes, at most {OBJECT_BYTES_LIMIT} can be stored")]
pub struct TooLarge {
    bytes: usize,
}

/// A root whose shards are not read yet.
#[derive(Debug)]
pub struct Outline(Root);

impl Layout {
    /// The image in no shard yet, and what to write to have it in some.
    pub fn of(image: Arc<ClusterImage>) -> Result<Plan, TooLarge> {
        let nothing = Arc::new(ClusterImage::empty(image.cluster_id.clone()));
        let layout = Self {
            base: Arc::clone(&nothing),
            shards: Vec::new(),
            changes: Vec::new(),
            changes_bytes: 0,
            image: nothing,
        };
        layout.fold(image)
    }

    pub fn image(&self) -> &Arc<ClusterImage> {
        &self.image
    }

    pub fn names(&self, shard: ShardName) -> bool {
        self.shards.iter().any(|entry| entry.name() == shard)
    }

    pub fn shard_names(&self) -> impl Iterator<Item = ShardName> {
        self.shards.iter().map(Entry::name)
    }

    /// The commit has to be one on top of this version.
    pub fn plan(&self, commit: &Commit) -> Result<Plan, TooLarge> {
        debug_assert_eq!(commit.expected, self.image.metadata_version, "commits follow each other");
        let bytes: usize = commit.changes.iter().map(format::bytes_of).sum();
        if self.changes_bytes + bytes > CHANGES_BYTES {
            return self.fold(Arc::clone(&commit.image));
        }
        let mut layout = self.clone();
        layout.changes.extend(commit.changes.iter().cloned());
        layout.changes_bytes += bytes;
        layout.image = Arc::clone(&commit.image);
        Plan { shards: Vec::new(), root: layout.root(), superseded: Vec::new(), layout }.checked()
    }

    /// The image in shards, none of the changes in the root.
    fn fold(&self, image: Arc<ClusterImage>) -> Result<Plan, TooLarge> {
        let divided = leaves::divide(&self.shards, &self.base, &image);
        let layout =
            Self { base: Arc::clone(&image), shards: divided.entries, changes: Vec::new(), changes_bytes: 0, image };
        let superseded = self.shard_names().filter(|name| !layout.names(*name)).collect();
        Plan { shards: divided.written, root: layout.root(), superseded, layout }.checked()
    }

    fn root(&self) -> String {
        format::root_text(&self.base, &self.shards, &self.changes, self.image.metadata_version)
    }
}

impl Plan {
    fn checked(self) -> Result<Self, TooLarge> {
        let texts = self.shards.iter().map(|(_, text)| text).chain([&self.root]);
        match texts.map(String::len).max() {
            Some(bytes) if bytes > OBJECT_BYTES_LIMIT => Err(TooLarge { bytes }),
            _ => Ok(self),
        }
    }
}

impl Outline {
    pub fn parse(text: &str) -> Result<Self, Damage> {
        format::parse_root(text).map(Self)
    }

    pub fn version(&self) -> MetadataVersion {
        self.0.version
    }

    /// The shards that make it whole, in the order in which [`Outline::with_shards`] wants them.
    pub fn shard_names(&self) -> impl Iterator<Item = ShardName> {
        self.0.shards.iter().map(Entry::name)
    }

    pub fn with_shards(self, texts: &[String]) -> Result<Layout, Damage> {
        let Root { image, shards, changes, .. } = self.0;
        let base = leaves::assemble(image, &shards, texts)?;
        Layout::replay(Arc::new(base), shards, changes)
    }

    /// The same without reading shards, where all of them are those of a layout that is at hand.
    pub fn with_shards_of(self, known: &Layout) -> Result<Layout, Damage> {
        let Root { mut image, shards, changes, .. } = self.0;
        debug_assert!(known.shards == shards, "the shards of the layout are those of the root");
        image.topics = Arc::clone(&known.base.topics);
        image.tombstones = Arc::clone(&known.base.tombstones);
        Layout::replay(Arc::new(image), shards, changes)
    }

    pub fn has_the_shards_of(&self, known: &Layout) -> bool {
        self.0.shards == known.shards
    }
}

impl Layout {
    fn replay(base: Arc<ClusterImage>, shards: Vec<Entry>, changes: Vec<MetadataChange>) -> Result<Self, Damage> {
        let mut image = ClusterImage::clone(&base);
        for change in &changes {
            image.apply(change).map_err(|error| Damage(format!("a change in the root does not fit: {error}")))?;
        }
        let changes_bytes = changes.iter().map(format::bytes_of).sum();
        Ok(Self { base, shards, changes, changes_bytes, image: Arc::new(image) })
    }
}
