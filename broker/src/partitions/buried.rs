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
//! A broker that was away finds at its start which of these it missed. What is in the way of a log that comes back is moved
//! aside (`…-stray`). A log that could not be moved back is tried again whenever it is to be opened, and until then its
//! partition fails: an empty one in its place would have followers drop what they have.
//!
//! One that could not be moved away stays known where it lies: there it is found when its topic is restored, and it is moved
//! when another topic needs the name, which fails until it can be moved.

use super::{
    Host, Partitions,
    closed::Closed,
    manifest_file::Known,
    opening::{Retired, aside},
    partition::{Partition, State},
    queue::Need,
    resting::Resting,
    writer::{LogState, Writer},
};
use controller::{ClusterImage, TopicImage};
use futures_util::future::join_all;
use model::{BrokerId, PartitionIndex, TopicId, TopicPartition};
use partition_log::{Crash, OpenError};
use std::{sync::Arc, time::Duration};

const SUFFIX: &str = "-tombstone";

/// A log on its way to another folder.
#[derive(Debug)]
struct Move {
    from: String,
    to: String,
    found: (Closed, State),
    /// Whose it has to be.
    topic: TopicId,
    comes_back: bool,
}

impl Partitions {
    /// Before anything else of the image is applied: names have to be free, and logs where they are looked for.
    pub(super) async fn follow_tombstones(&self, before: &ClusterImage, after: &ClusterImage) {
        let at_start = self.host.known.lock().as_ref().map(|known| missed(known, after, self.host.me));
        if let Some((stays, moves, doomed)) = at_start {
            self.host.resting.lock().extend(stays);
            self.carry_out(moves).await;
            self.give_up(doomed).await;
        }
        if Arc::ptr_eq(&before.tombstones, &after.tombstones) {
            return;
        }
        let _none_is_looked_into = self.host.moving.lock().await;
        let (mut moves, mut doomed) = (Vec::new(), Vec::new());
        for (id, tombstone) in before.tombstones.iter().filter(|(id, _)| !after.tombstones.contains_key(id)) {
            for index in held_of(&tombstone.topic, self.host.me) {
                let from = resting_folder(*id, index);
                let Some(found) = self.host.resting.lock().remove(&from) else { continue };
                match after.topic_by_id(*id) {
                    Some(topic) => {
                        moves.push(Move { from, to: folder(topic, index), found, topic: *id, comes_back: true })
                    }
                    None => doomed.push((found.0.place(&from).to_owned(), *id)),
                }
            }
        }
        self.carry_out(moves).await;
        self.give_up(doomed).await;
        self.host.settle_resting_later();
    }

    /// Takes partitions of a topic that became a tombstone out of service.
    pub(super) async fn bury(&self, partitions: Vec<Arc<Partition>>) {
        partitions.iter().for_each(Partition::give_up_recovery);
        let buried = partitions.into_iter().map(|partition| async move {
            partition.exclusive(Need::Device, Partition::bury).await;
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

    /// Logs, by the folders where they lie, of topics that are gone.
    async fn give_up(&self, places: Vec<(String, TopicId)>) {
        if places.is_empty() {
            return;
        }
        for (place, _) in &places {
            tracing::info!(folder = %place, "topic is deleted for good");
            self.host.manifest.remove(place);
        }
        let host = Arc::clone(&self.host);
        let out_of_the_way =
            move || places.into_iter().filter_map(|(place, topic)| host.free_name(place, topic)).collect();
        let doomed = self.host.pool.run(out_of_the_way).await.unwrap_or_default();
        self.host.remove_folders_after(doomed, Duration::ZERO);
    }
}

impl Host {
    fn carry_out(&self, Move { from, to, found: (log, state), topic, comes_back }: Move) {
        let (from, log) = log.at_its_place(from);
        let moved = if comes_back {
            self.bring_back(&from, &to, topic)
        } else if self.is_log_of(topic, &from) {
            self.disk.rename_folder(&from, &to)
        } else {
            // A topic of the same name may have been made since.
            return;
        };
        match moved {
            Ok(()) => {
                self.forget_known(&from);
                self.rest(&from, to, (log, state), topic);
            }
            Err(error) => {
                tracing::error!(%from, %to, %error, "log of a deleted or restored topic cannot be moved");
                if !comes_back || !self.is_log_of(topic, &to) {
                    self.stays(from, to, log);
                }
            }
        }
    }

    /// What is removed bit by bit must not have a name that others may get meanwhile. `None` if it keeps such a name, or others
    /// have the name by now.
    pub(super) fn free_name(&self, place: String, topic: TopicId) -> Option<String> {
        if parse(&place).is_some() {
            return Some(place);
        }
        let _nobody_else = self.freeing.lock();
        if !self.is_log_of(topic, &place) {
            tracing::warn!(folder = %place, %topic, "log of a deleted topic is not where it lay, nothing is removed");
            return None;
        }
        let doomed = aside(&place, self.clock.random_uuid(), "delete");
        match self.disk.rename_folder(&place, &doomed) {
            Ok(()) => Some(doomed),
            Err(error) => {
                tracing::warn!(folder = %place, %error, "log of a deleted topic stays on disk");
                None
            }
        }
    }
}

impl Partition {
    /// Fails everything that waits, and moves the log to where it can be restored from.
    fn bury(self: &Arc<Self>, writer: &mut Writer) {
        let state = self.state();
        self.close_log(writer);
        let (mut log, mut state) = match &writer.log {
            LogState::Closed(closed) if state == State::Serving => (closed.clone(), state),
            LogState::Closed(closed) => (closed.clone().distrusted(), State::Recovering),
            // It could not be closed: what of it is on the disk shows when it is opened again.
            LogState::Open(log) => {
                (Closed::Unclean(Some(Box::new(log.checkpoint())), Crash::Process), State::Recovering)
            }
        };
        if writer.flush.runs() {
            // If it fails nobody here hears of it, and the kernel tells of it but once.
            (log, state) = (log.in_doubt(), State::Recovering);
        }
        let (topic, to) = (self.topic().id(), resting_folder(self.topic().id(), self.id.partition));
        match self.retire(writer, &to) {
            Retired::Nothing => {}
            Retired::Stays(at) => {
                let (at, log) = log.at_its_place(at);
                self.host.manifest.replace(&at, log.entry(), topic);
                self.host.stays(at, to, log);
            }
            Retired::Moved(from) => self.host.rest(&from, to, (log, state), topic),
        }
    }

    /// Before the log is opened, if it could not be moved earlier.
    pub(super) fn move_back(&self, writer: &mut Writer) -> Result<(), OpenError> {
        let LogState::Closed(Closed::Unmoved(unmoved)) = &writer.log else { return Ok(()) };
        let folder = self.folder();
        let moved = self.host.bring_back(&unmoved.at, &folder, self.topic().id());
        moved.map_err(|source| OpenError::Io { folder: folder.clone(), action: "move the log back", source })?;
        let closed = unmoved.log.clone().moved_to(&folder);
        self.host.manifest.replace(&unmoved.at, closed.entry(), self.topic().id());
        writer.log = LogState::Closed(closed);
        Ok(())
    }
}

/// What a start has to make up for: logs that stay where they are, those that move, those that go.
fn missed(known: &Known, image: &ClusterImage, me: BrokerId) -> (Resting, Vec<Move>, Vec<(String, TopicId)>) {
    let (mut stays, mut back, mut doomed) = (Resting::new(), Vec::new(), Vec::new());
    for from in known.folders() {
        let Some((id, index)) = parse(from) else { continue };
        let is_held = |topic: &TopicImage| held_of(topic, me).any(|held| held == index);
        let found = known.state_of(from, id);
        if image.tombstones.get(&id).is_some_and(|tombstone| is_held(&tombstone.topic)) {
            stays.insert(from.clone(), found);
        } else if let Some(topic) = image.topic_by_id(id).filter(|topic| is_held(topic)) {
            let to = folder(topic, index);
            back.push(Move { from: from.clone(), to, found, topic: id, comes_back: true });
        } else {
            doomed.push((from.clone(), id));
        }
    }
    // These first: they free names that the others need.
    let mut moves = Vec::new();
    for (id, tombstone) in image.tombstones.iter() {
        for index in held_of(&tombstone.topic, me) {
            let from = folder(&tombstone.topic, index);
            if known.has_folder(&from) && !known.has_folder(&resting_folder(*id, index)) {
                let found = known.state_of(&from, *id);
                moves.push(Move { from, to: resting_folder(*id, index), found, topic: *id, comes_back: false });
            }
        }
    }
    moves.extend(back);
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

pub(super) fn parse(folder: &str) -> Option<(TopicId, PartitionIndex)> {
    let (id, index) = folder.strip_suffix(SUFFIX)?.split_once('-')?;
    let id = TopicId(uuid::Uuid::from_u128(u128::from_str_radix(id, 16).ok()?));
    let index = PartitionIndex(index.parse().ok()?);
    (resting_folder(id, index) == folder).then_some((id, index))
}
