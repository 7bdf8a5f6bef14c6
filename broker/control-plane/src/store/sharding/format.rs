//! The texts.

use crate::store::ShardName;
use controller::{ClusterImage, MetadataChange, PartitionImage, TopicImage};
use crc_fast::{CrcAlgorithm::Crc64Nvme, Digest};
use model::{MetadataVersion, TopicId};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::sync::Arc;
use thiserror::Error;

/// The format this program writes, and the newest it reads.
const FORMAT: u32 = 1;
const MAGIC: &str = "weir-metadata";

/// A text that is not what was written, or that this program cannot read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct Damage(pub String);

/// Where a partition stands among all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) topic: TopicId,
    pub(super) partition: u32,
}

/// A shard, in the root's list of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry(TopicId, u32, MetadataVersion, #[serde(with = "hexadecimal")] u64, usize);

/// A root as it was read.
#[derive(Debug)]
pub(super) struct Root {
    pub(super) version: MetadataVersion,
    pub(super) image: ClusterImage,
    pub(super) shards: Vec<Entry>,
    pub(super) changes: Vec<MetadataChange>,
}

#[derive(Debug, Serialize, Deserialize)]
struct RootBody<I, S, C> {
    image: I,
    shards: S,
    changes: C,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Shard<P> {
    pub(super) parts: Vec<Part<P>>,
}

/// Partitions of one topic that follow each other.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Part<P> {
    pub(super) id: TopicId,
    pub(super) first: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) head: Option<Head>,
    pub(super) partitions: Vec<P>,
}

/// What a topic is besides its partitions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    pub(super) topic: TopicImage,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) deleted_at: Option<MetadataVersion>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Root,
    Shard,
}

impl Entry {
    pub(super) fn new(start: Key, name: ShardName, bytes: usize) -> Self {
        Self(start.topic, start.partition, name.version, name.checksum, bytes)
    }

    pub(super) fn start(&self) -> Key {
        Key { topic: self.0, partition: self.1 }
    }

    pub(super) fn name(&self) -> ShardName {
        ShardName { version: self.2, checksum: self.3 }
    }

    pub(super) fn bytes(&self) -> usize {
        self.4
    }
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Shard => "shard",
        }
    }
}

/// The length of a value as JSON.
pub(super) fn bytes_of(value: &impl Serialize) -> usize {
    json(value).len()
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("metadata has no map with keys that are no text, and no serializer of its own")
}

pub(super) fn root_text(
    base: &ClusterImage,
    shards: &[Entry],
    changes: &[MetadataChange],
    version: MetadataVersion,
) -> String {
    let image = ClusterImage { topics: Arc::default(), tombstones: Arc::default(), ..base.clone() };
    sealed(Kind::Root, version, &json(&RootBody { image, shards, changes })).0
}

pub(super) fn parse_root(text: &str) -> Result<Root, Damage> {
    let (version, _, body) = unseal(Kind::Root, text)?;
    let RootBody { image, shards, changes }: RootBody<ClusterImage, Vec<Entry>, Vec<MetadataChange>> =
        parse("the root", body)?;
    let last = changes.last().map_or(image.metadata_version, |change| change.version);
    if last != version || !image.topics.is_empty() || !image.tombstones.is_empty() {
        return Err(Damage("the header of the root does not fit its content".to_owned()));
    }
    Ok(Root { version, image, shards, changes })
}

/// The version in the header of a text, where that much is whole.
pub fn version_of(root: &str) -> Option<MetadataVersion> {
    unseal(Kind::Root, root).ok().map(|(version, ..)| version)
}

pub(super) fn shard_text(shard: &Shard<&PartitionImage>, version: MetadataVersion) -> (ShardName, String) {
    let (text, checksum) = sealed(Kind::Shard, version, &json(shard));
    (ShardName { version, checksum }, text)
}

pub(super) fn parse_shard(name: ShardName, text: &str) -> Result<Shard<PartitionImage>, Damage> {
    let what = format!("shard {name}");
    let (version, checksum, body) =
        unseal(Kind::Shard, text).map_err(|Damage(why)| Damage(format!("{what}: {why}")))?;
    if (ShardName { version, checksum }) != name {
        return Err(Damage(format!("{what} holds what belongs to another name")));
    }
    parse(&what, body)
}

fn parse<T: DeserializeOwned>(what: &str, body: &str) -> Result<T, Damage> {
    serde_json::from_str(body).map_err(|error| Damage(format!("{what} cannot be read: {error}")))
}

fn sealed(kind: Kind, version: MetadataVersion, body: &str) -> (String, u64) {
    let head = format!("{MAGIC} {FORMAT} {} {}", kind.name(), version.0);
    let checksum = checksum(&head, body);
    (format!("{head} {checksum:016x}\n{body}"), checksum)
}

fn unseal(kind: Kind, text: &str) -> Result<(MetadataVersion, u64, &str), Damage> {
    let damaged = |why: &str| Damage(format!("{why} (a {} of format {FORMAT} was expected)", kind.name()));
    let (line, body) = text.split_once('\n').ok_or_else(|| damaged("it has no header"))?;
    let (head, written) = line.rsplit_once(' ').ok_or_else(|| damaged("its header is cut short"))?;
    let written = u64::from_str_radix(written, 16).map_err(|_| damaged("its header is damaged"))?;
    let mut words = head.split(' ');
    let mut word = || words.next().unwrap_or_default();
    let (magic, format, found, version) = (word(), word(), word(), word());
    if magic != MAGIC {
        return Err(damaged("it is no metadata of Weir"));
    }
    if let Ok(format) = format.parse::<u32>()
        && format > FORMAT
    {
        return Err(Damage(format!(
            "it has format {format}, this program reads formats up to {FORMAT}: a newer Weir wrote it"
        )));
    }
    if checksum(head, body) != written {
        return Err(damaged("its checksum does not fit"));
    }
    if found != kind.name() {
        return Err(damaged("it is of another kind"));
    }
    let version = version.parse().map_err(|_| damaged("its version is no number"))?;
    Ok((MetadataVersion(version), written, body))
}

fn checksum(head: &str, body: &str) -> u64 {
    let mut digest = Digest::new(Crc64Nvme);
    digest.update(head.as_bytes());
    digest.update(body.as_bytes());
    digest.finalize()
}

/// JSON has no numbers of 64 bits that every reader keeps.
mod hexadecimal {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(value: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{value:016x}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        u64::from_str_radix(&text, 16).map_err(D::Error::custom)
    }
}
