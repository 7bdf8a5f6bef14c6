//! Logs of deleted topics whose deletion can be undone (`image.tombstones`): out of the way, so that the name is free, and kept.
//!
//! ```text
//! <topic>-<partition>                  a log that is served
//! <topic id>-<partition>-tombstone     the same log while its topic is a tombstone; the id in hexadecimal
//! ```
//!
//! | the metadata says | the log is |
//! |---|---|
//! | the topic is a tombstone now | closed, renamed, and in the manifest under its new name |
//! | the topic is there again | renamed back before it is served |
//! | the topic is gone for good | removed |
//!
//! A broker that was away finds at its start which of these it missed.

use super::{
    Host, Partitions,
    manifest_file::Known,
    opening::Closed,
    partition::{Partition, State},
    queue::Need,
    writer::{LogState, Writer},
};
use controller::{ClusterImage, TopicImage};
use futures_util::future::join_all;
use model::{BrokerId, PartitionIndex, TopicId, TopicPartition};
use partition_log::Crash;
use std::{collections::HashMap, sync::Arc, time::Duration};

const SUFFIX: &str = "-tombstone";

/// What is known of logs that no partition has yet, or has any more, by folder.
pub(super) type Resting = HashMap<String, (Closed, State)>;

/// A log on its way to another folder.
#[derive(Debug)]
struct Move {
    from: String,
    to: String,
    found: (Closed, State),
    /// Whose it has to be.
    topic: TopicId,
}

impl Partitions {
    /// Before anything else of the image is applied: names have to be free, and logs where they are looked for.
    pub(super) async fn follow_tombstones(&self, before: &ClusterImage, after: &ClusterImage) {
        let at_start = self.host.known.lock().as_ref().map(|known| missed(known, after, self.host.me));
        if let Some((stays, moves, doomed)) = at_start {
            self.host.resting.lock().extend(stays);
            self.carry_out(moves).await;
            self.give_up(doomed);
        }
        if Arc::ptr_eq(&before.tombstones, &after.tombstones) {
            return;
        }
        let (mut moves, mut doomed) = (Vec::new(), Vec::new());
        for (id, tombstone) in before.tombstones.iter().filter(|(id, _)| !after.tombstones.contains_key(id)) {
            for index in held_of(&tombstone.topic, self.host.me) {
                let from = resting_folder(*id, index);
                let Some(found) = self.host.resting.lock().remove(&from) else { continue };
                match after.topic_by_id(*id) {
                    Some(topic) => moves.push(Move { from, to: folder(topic, index), found, topic: *id }),
                    None => doomed.push(from),
                }
            }
        }
        self.carry_out(moves).await;
        self.give_up(doomed);
    }

    /// Takes partitions of a topic that became a tombstone out of service.
    pub(super) async fn bury(&self, partitions: Vec<Arc<Partition>>) {
        let buried = partitions.into_iter().map(|partition| async move {
            partition.exclusive(Need::Device, Partition::bury).await.flatten();
        });
        join_all(buried).await;
    }

    async fn carry_out(&self, moves: Vec<Move>) {
        if moves.is_empty() {
            return;
        }
        let host = Arc::clone(&self.host);
        let run = self.host.pool.run(move || moves.into_iter().for_each(|one| host.carry_out(one)));
        run.await.unwrap_or_default();
    }

    fn give_up(&self, folders: Vec<String>) {
        for folder in &folders {
            tracing::info!(%folder, "topic is deleted for good");
            self.host.manifest.remove(folder);
        }
        self.host.remove_folders_after(folders, Duration::ZERO);
    }
}

impl Host {
    fn carry_out(&self, Move { from, to, found, topic }: Move) {
        // A topic of the same name may have been made since.
        if partition_log::stored_topic_id(&self.disk, &from) != Some(topic.to_string()) {
            return;
        }
        if let Err(error) = self.disk.rename_folder(&from, &to) {
            tracing::error!(%from, %to, %error, "log of a deleted or restored topic cannot be moved");
            return;
        }
        if let Some(known) = &mut *self.known.lock() {
            known.forget(&from);
        }
        self.rest(&from, to, found);
    }

    fn rest(&self, from: &str, to: String, (closed, state): (Closed, State)) {
        let closed = closed.moved_to(&to);
        self.manifest.replace(from, closed.entry());
        self.resting.lock().insert(to, (closed, state));
    }
}

impl Partition {
    /// Fails everything that waits, and moves the log to where it can be restored from.
    fn bury(self: &Arc<Self>, writer: &mut Writer) -> Option<()> {
        let state = self.state();
        self.close_log(writer);
        let found = match &writer.log {
            LogState::Closed(closed) => (closed.clone(), state),
            // It could not be closed: what of it is on the disk shows when it is opened again.
            LogState::Open(_) => (Closed::Unclean(None, Crash::Process), State::Recovering),
        };
        let from = self.folder();
        self.host.manifest.remove(&from);
        let to = self.retire(writer, resting_folder(self.topic().id(), self.id.partition))?;
        let found =
            if found.1 == State::Failed { (Closed::Unclean(None, Crash::Process), State::Recovering) } else { found };
        self.host.rest(&from, to, found);
        Some(())
    }
}

/// What a start has to make up for: logs that stay where they are, those that move, those that go.
fn missed(known: &Known, image: &ClusterImage, me: BrokerId) -> (Resting, Vec<Move>, Vec<String>) {
    let (mut stays, mut moves, mut doomed) = (Resting::new(), Vec::new(), Vec::new());
    for from in known.folders() {
        let Some((id, index)) = parse(from) else { continue };
        let is_held = |topic: &TopicImage| held_of(topic, me).any(|held| held == index);
        let found = known.state_of(from);
        if image.tombstones.get(&id).is_some_and(|tombstone| is_held(&tombstone.topic)) {
            stays.insert(from.clone(), found);
        } else if let Some(topic) = image.topic_by_id(id).filter(|topic| is_held(topic)) {
            moves.push(Move { from: from.clone(), to: folder(topic, index), found, topic: id });
        } else {
            doomed.push(from.clone());
        }
    }
    for (id, tombstone) in image.tombstones.iter() {
        for index in held_of(&tombstone.topic, me) {
            let from = folder(&tombstone.topic, index);
            if known.has_folder(&from) && !known.has_folder(&resting_folder(*id, index)) {
                let found = known.state_of(&from);
                moves.push(Move { from, to: resting_folder(*id, index), found, topic: *id });
            }
        }
    }
    (stays, moves, doomed)
}

fn held_of(topic: &TopicImage, me: BrokerId) -> impl Iterator<Item = PartitionIndex> + '_ {
    let held = topic.indexed_partitions().filter(move |(_, partition)| partition.replicas.contains(&me));
    held.map(|(index, _)| index)
}

fn folder(topic: &TopicImage, index: PartitionIndex) -> String {
    TopicPartition { topic: topic.name.clone(), partition: index }.to_string()
}

fn resting_folder(id: TopicId, index: PartitionIndex) -> String {
    format!("{:032x}-{}{SUFFIX}", id.0.as_u128(), index.0)
}

fn parse(folder: &str) -> Option<(TopicId, PartitionIndex)> {
    let (id, index) = folder.strip_suffix(SUFFIX)?.split_once('-')?;
    let id = TopicId(uuid::Uuid::from_u128(u128::from_str_radix(id, 16).ok()?));
    let index = PartitionIndex(index.parse().ok()?);
    (resting_folder(id, index) == folder).then_some((id, index))
}
