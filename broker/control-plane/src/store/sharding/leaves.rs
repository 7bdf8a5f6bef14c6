//! Which topics lie in which shard, and which shards a change touches.

use super::{
    SHARD_BYTES, SMALL_SHARD_BYTES, TARGET_SHARD_BYTES,
    format::{self, Damage, Entry, Head, Key, Part, Shard},
};
use crate::store::ShardName;
use controller::{ClusterImage, PartitionImage, Tombstone, TopicImage, TopicsImage};
use model::{MetadataVersion, TopicId};
use std::{collections::BTreeMap, iter, sync::Arc};

/// The shards of an image.
#[derive(Debug)]
pub(super) struct Divided {
    pub(super) entries: Vec<Entry>,
    /// Those of them that were not there before.
    pub(super) written: Vec<(ShardName, String)>,
}

/// A topic, live or deleted.
#[derive(Debug, Clone, Copy)]
struct Kept<'a> {
    topic: &'a Arc<TopicImage>,
    deleted_at: Option<MetadataVersion>,
}

type AllKept<'a> = BTreeMap<TopicId, Kept<'a>>;

/// One partition, the first one with its topic's head.
#[derive(Debug)]
struct Piece<'a> {
    key: Key,
    head: Option<Head>,
    /// `None` only in a topic without partitions.
    partition: Option<&'a PartitionImage>,
    bytes: usize,
}

/// What a shard holds, or is to hold.
#[derive(Debug)]
enum Leaf<'a> {
    Untouched(Entry),
    Rewritten { pieces: Vec<Piece<'a>>, bytes: usize },
}

/// The shards that hold `new`, most of them those that held `old`.
pub(super) fn divide(shards: &[Entry], old: &ClusterImage, new: &ClusterImage) -> Divided {
    let (old, kept) = (all_kept(old), all_kept(new));
    let touched = touched(shards, &old, &kept);
    let start = |index: usize| shards.get(index).map(Entry::start);
    let mut leaves: Vec<(Leaf<'_>, Option<Key>)> = Vec::new();
    for (index, is_touched) in touched.into_iter().enumerate() {
        let (from, to) = (start(index).filter(|_| index > 0), start(index + 1));
        let leaf = match shards.get(index) {
            Some(entry) if !is_touched => Leaf::Untouched(entry.clone()),
            _ => Leaf::rewritten(&kept, from, to),
        };
        match leaves.last_mut() {
            Some((before, from)) if before.joins(&leaf) => *before = Leaf::rewritten(&kept, *from, to),
            _ => leaves.push((leaf, from)),
        }
    }
    let mut divided = Divided { entries: Vec::new(), written: Vec::new() };
    for (leaf, ..) in leaves {
        divided.add(leaf, new.metadata_version);
    }
    divided
}

fn all_kept(image: &ClusterImage) -> AllKept<'_> {
    let live = image.topics.iter().map(|topic| (topic.id, Kept { topic, deleted_at: None }));
    let deleted = image.tombstones.iter();
    let deleted =
        deleted.map(|(id, tombstone)| (*id, Kept { topic: &tombstone.topic, deleted_at: Some(tombstone.deleted_at) }));
    live.chain(deleted).collect()
}

/// For each shard whether it holds something that is not the same; of no shards the one there will be.
fn touched(shards: &[Entry], old: &AllKept<'_>, new: &AllKept<'_>) -> Vec<bool> {
    let mut touched = vec![shards.is_empty(); shards.len().max(1)];
    let mut touch = |key: Key| {
        let index = shards.partition_point(|shard| shard.start() <= key).saturating_sub(1);
        touched[index] = true;
    };
    for (id, kept) in new {
        changed_keys(*id, old.get(id), Some(kept)).for_each(&mut touch);
    }
    for (id, kept) in old.iter().filter(|(id, _)| !new.contains_key(id)) {
        changed_keys(*id, Some(kept), None).for_each(&mut touch);
    }
    touched
}

fn changed_keys<'a>(
    topic: TopicId,
    old: Option<&'a Kept<'a>>,
    new: Option<&'a Kept<'a>>,
) -> impl Iterator<Item = Key> + 'a {
    let is_same = old.zip(new).is_some_and(|(old, new)| old.is_same(new));
    let head_changed = !is_same && old.map(Kept::head) != new.map(Kept::head);
    let partitions = |kept: Option<&'a Kept<'a>>| kept.map_or(&[][..], |kept| &kept.topic.partitions);
    let (old, new) = (partitions(old), partitions(new));
    let compared = if is_same { 0 } else { old.len().max(new.len()) };
    let changed = (0..compared).filter(move |index| old.get(*index) != new.get(*index)).map(number);
    iter::once(0).filter(move |_| head_changed).chain(changed).map(move |partition| Key { topic, partition })
}

fn number(index: usize) -> u32 {
    u32::try_from(index).expect("the index of a partition has 31 bits")
}

impl Kept<'_> {
    /// Cheap: parts that a change does not touch are shared.
    fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(self.topic, other.topic) && self.deleted_at == other.deleted_at
    }

    fn head(&self) -> Head {
        let TopicImage { id, name, configs, raised_to, partitions: _ } = &**self.topic;
        let (name, configs) = (name.clone(), configs.clone());
        let topic = TopicImage { id: *id, name, partitions: Vec::new(), configs, raised_to: *raised_to };
        Head { topic, deleted_at: self.deleted_at }
    }
}

impl<'a> Leaf<'a> {
    /// Everything from one key up to another; without them from the first, up to the last.
    fn rewritten(kept: &AllKept<'a>, from: Option<Key>, to: Option<Key>) -> Self {
        let from = from.unwrap_or(Key { topic: TopicId::ZERO, partition: 0 });
        let topics = kept.range(from.topic..).take_while(|(id, _)| to.is_none_or(|to| **id <= to.topic));
        let pieces: Vec<_> = topics
            .flat_map(|(id, kept)| {
                let topic = *id;
                let indexes = 0..kept.topic.partitions.len().max(1);
                indexes.map(move |index| (Key { topic, partition: number(index) }, *kept))
            })
            .filter(|(key, _)| *key >= from && to.is_none_or(|to| *key < to))
            .map(|(key, kept)| Piece::new(key, kept))
            .collect();
        let bytes = pieces.iter().map(|piece| piece.bytes).sum();
        Self::Rewritten { pieces, bytes }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Untouched(entry) => entry.bytes(),
            Self::Rewritten { bytes, .. } => *bytes,
        }
    }

    /// One of the two is written anyway and small, and together they are no large one.
    fn joins(&self, next: &Self) -> bool {
        let is_small = |leaf: &Self| matches!(leaf, Self::Rewritten { bytes, .. } if *bytes < SMALL_SHARD_BYTES);
        (is_small(self) || is_small(next)) && self.bytes() + next.bytes() <= TARGET_SHARD_BYTES
    }
}

impl<'a> Piece<'a> {
    fn new(key: Key, kept: Kept<'a>) -> Self {
        let head = (key.partition == 0).then(|| kept.head());
        let partition = kept.topic.partitions.get(key.partition as usize);
        // The comma between two, and what a part has around them.
        let bytes = partition.map_or(0, |partition| format::bytes_of(partition) + 1);
        let bytes = bytes + head.as_ref().map_or(0, |head| format::bytes_of(head) + 100);
        Self { key, head, partition, bytes }
    }
}

impl Divided {
    fn add(&mut self, leaf: Leaf<'_>, version: MetadataVersion) {
        let (pieces, bytes) = match leaf {
            Leaf::Untouched(entry) => return self.entries.push(entry),
            Leaf::Rewritten { pieces, bytes } => (pieces, bytes),
        };
        let shards = if bytes <= SHARD_BYTES { 1 } else { bytes.div_ceil(TARGET_SHARD_BYTES) };
        let share = bytes.div_ceil(shards);
        let mut shard = Vec::new();
        let mut filled = 0;
        for piece in pieces {
            // Where the end is nearest to the share; a piece larger than that is alone.
            if !shard.is_empty() && filled + piece.bytes / 2 > share {
                self.write(std::mem::take(&mut shard), version);
                filled = 0;
            }
            filled += piece.bytes;
            shard.push(piece);
        }
        self.write(shard, version);
    }

    fn write(&mut self, pieces: Vec<Piece<'_>>, version: MetadataVersion) {
        let Some(start) = pieces.first().map(|piece| piece.key) else {
            return;
        };
        let mut parts: Vec<Part<&PartitionImage>> = Vec::new();
        for piece in pieces {
            let Key { topic, partition } = piece.key;
            if parts.last().is_none_or(|part| part.id != topic) {
                parts.push(Part { id: topic, first: partition, head: piece.head, partitions: Vec::new() });
            }
            let part = parts.last_mut().expect("one was just added where there was none");
            part.partitions.extend(piece.partition);
        }
        let (name, text) = format::shard_text(&Shard { parts }, version);
        self.entries.push(Entry::new(start, name, text.len()));
        self.written.push((name, text));
    }
}

/// The image of the root with the topics of its shards.
pub(super) fn assemble(root: ClusterImage, shards: &[Entry], texts: &[String]) -> Result<ClusterImage, Damage> {
    if shards.len() != texts.len() {
        return Err(Damage(format!("{} shards are named, {} are there", shards.len(), texts.len())));
    }
    let mut topics: Vec<Head> = Vec::new();
    for (entry, text) in shards.iter().zip(texts) {
        let name = entry.name();
        let damaged = |why: &str| Damage(format!("shard {name}: {why}"));
        let Shard { parts } = format::parse_shard(name, text)?;
        let start = parts.first().map(|part| Key { topic: part.id, partition: part.first });
        if start != Some(entry.start()) {
            return Err(damaged("it does not begin where the root says"));
        }
        for part in parts {
            match part.head {
                Some(head) => {
                    let follows = topics.last().is_none_or(|last| last.topic.id < part.id);
                    if !follows || head.topic.id != part.id || part.first != 0 || !head.topic.partitions.is_empty() {
                        return Err(damaged("its topics are not in order"));
                    }
                    topics.push(head);
                }
                None => {
                    let last = topics.last().filter(|last| last.topic.id == part.id);
                    if last.is_none_or(|last| last.topic.partitions.len() != part.first as usize) {
                        return Err(damaged("partitions before its own are missing"));
                    }
                }
            }
            let topic = topics.last_mut().ok_or_else(|| damaged("it has partitions of no topic"))?;
            topic.topic.partitions.extend(part.partitions);
        }
    }
    let (live, deleted): (Vec<_>, Vec<_>) = topics.into_iter().partition(|head| head.deleted_at.is_none());
    let count = live.len();
    let topics = TopicsImage::from(live.into_iter().map(|head| Arc::new(head.topic)).collect::<Vec<_>>());
    if topics.len() != count {
        return Err(Damage("two topics have one name".to_owned()));
    }
    let tombstones = deleted.into_iter().filter_map(|Head { topic, deleted_at }| {
        deleted_at.map(|deleted_at| (topic.id, Tombstone { topic: Arc::new(topic), deleted_at }))
    });
    Ok(ClusterImage { topics: Arc::new(topics), tombstones: Arc::new(tombstones.collect()), ..root })
}
