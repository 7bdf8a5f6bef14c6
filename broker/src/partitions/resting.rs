//! Logs that no partition has now: where each lies, and how another log comes by its name.

use super::{Host, buried::parse, closed::Closed, opening::aside, partition::State, settings::log_config};
use controller::topic_config::{BrokerLayers, TopicConfig};
use model::TopicId;
use partition_log::Log;
use std::{collections::HashMap, io, sync::Arc};

/// What is known of logs that no partition has yet, or has any more, by the folder they are looked for in.
pub(super) type Resting = HashMap<String, (Closed, State)>;

/// A log that could not be moved to where it is looked for.
#[derive(Debug, Clone)]
pub(super) struct Unmoved {
    /// Its folder.
    pub(super) at: String,
    pub(super) log: Closed,
}

impl Closed {
    /// Its folder, if it is looked for in `folder`.
    pub(super) fn place<'a>(&'a self, folder: &'a str) -> &'a str {
        if let Self::Unmoved(unmoved) = self { &unmoved.at } else { folder }
    }

    pub(super) fn at_its_place(self, folder: String) -> (String, Self) {
        match self {
            Self::Unmoved(unmoved) => (unmoved.at, unmoved.log),
            log => (folder, log),
        }
    }
}

impl Host {
    pub(super) fn rest(&self, from: &str, to: String, (closed, state): (Closed, State), topic: TopicId) {
        let closed = closed.moved_to(&to);
        self.manifest.replace(from, closed.entry(), topic);
        self.resting.lock().insert(to, (closed, state));
    }

    /// The log could not be moved from `at`, and is looked for in `to`.
    pub(super) fn stays(&self, at: String, to: String, log: Closed) {
        let unmoved = Closed::Unmoved(Box::new(Unmoved { at, log }));
        self.resting.lock().insert(to, (unmoved, State::Recovering));
    }

    /// To where the topic is served, whatever is there now.
    pub(super) fn bring_back(&self, from: &str, to: &str, topic: TopicId) -> io::Result<()> {
        if let Some(found) = self.another_topic_in(from, topic) {
            return Err(io::Error::other(format!("the folder says that it is of topic {found}")));
        }
        if from == to {
            return Ok(());
        }
        if self.disk.path(to).exists() {
            if self.is_log_of(topic, to) {
                return Err(io::Error::new(io::ErrorKind::AlreadyExists, "the topic has another log there"));
            }
            self.make_way(to)?;
        }
        self.disk.rename_folder(from, to)
    }

    /// Frees the name of a folder that another topic is to have. What is there is kept: to be restored, where that is still
    /// possible, and otherwise for a person to decide about.
    pub(super) fn make_way(&self, folder: &str) -> io::Result<()> {
        let _nobody_else = self.freeing.lock();
        let stray = || aside(folder, self.clock.random_uuid(), "stray");
        let to = self.looked_for_in(folder).unwrap_or_else(stray);
        match self.disk.rename_folder(folder, &to) {
            // Its topic is gone for good meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            renamed => renamed?,
        }
        tracing::warn!(folder, moved_to = to, "folder of another topic in the way");
        self.manifest.remove(folder);
        self.forget_known(folder);
        let found = self.resting.lock().remove(&to);
        if let (Some(found), Some((topic, _))) = (found, parse(&to)) {
            self.rest(folder, to, found, topic);
        }
        Ok(())
    }

    /// Where the log of this folder should have been moved to.
    pub(super) fn looked_for_in(&self, folder: &str) -> Option<String> {
        let resting = self.resting.lock();
        let mut there = resting.iter().filter(|(to, (log, _))| log.place(to) == folder && *to != folder);
        there.next().map(|(to, _)| to.clone())
    }

    pub(super) fn is_log_of(&self, topic: TopicId, folder: &str) -> bool {
        partition_log::stored_topic_id(&self.disk, folder) == Some(topic.to_string())
    }

    /// The id, as text, of the topic that the folder says it is of, unless it is this one.
    pub(super) fn another_topic_in(&self, folder: &str, topic: TopicId) -> Option<String> {
        partition_log::stored_topic_id(&self.disk, folder).filter(|found| *found != topic.to_string())
    }

    pub(super) fn forget_known(&self, folder: &str) {
        if let Some(known) = &mut *self.known.lock() {
            known.forget(folder);
        }
    }
}

/// Nobody opens these logs, so what they lack is made up for here: a doubt that outlived the boot would be forgotten, and records
/// that never came to the device would make one.
impl Host {
    pub(super) fn rest_in_doubt(&self) -> bool {
        self.resting.lock().values().any(|(log, _)| log.is_in_doubt())
    }

    /// Doubts of this boot stay: after a failed sync the page cache may show what the device does not have.
    pub(super) fn settle_resting_later(self: &Arc<Self>) {
        let host = Arc::clone(self);
        let settling = self.runtime.spawn(async move {
            host.settle_resting(|log| log.unflushed().is_some()).await;
        });
        let mut tasks = self.tasks.lock();
        tasks.retain(|task| !task.is_finished());
        tasks.push(settling);
    }

    /// One after the other, so that whoever is to restore or remove one waits for one at most. Those that could not be moved
    /// stay as they are.
    pub(super) async fn settle_resting(self: &Arc<Self>, wants: fn(&Closed) -> bool) {
        let lie_there = |log: &Closed| !matches!(log, Closed::Unmoved(_)) && wants(log);
        let folders = self.resting_folders(lie_there);
        for folder in folders {
            let _stays_there = self.moving.lock().await;
            let found = self.resting.lock().get(&folder).cloned();
            if let Some((log, state)) = found.filter(|(log, _)| lie_there(log)) {
                let host = Arc::clone(self);
                self.pool.run(move || host.settle(folder, log, state)).await;
            }
        }
    }

    fn resting_folders(&self, of: impl Fn(&Closed) -> bool) -> Vec<String> {
        let resting = self.resting.lock();
        resting.iter().filter(|(_, (log, _))| of(log)).map(|(folder, _)| folder.clone()).collect()
    }

    fn settle(&self, folder: String, mut log: Closed, mut state: State) {
        let Some((topic, _)) = parse(&folder) else { return };
        if log.is_in_doubt() {
            match self.recover(&folder, &log, topic) {
                Ok(Some(recovered)) => (log, state) = (recovered, State::Serving),
                Ok(None) => return,
                Err(error) => {
                    self.metrics.log().storage_errors.add(1);
                    return tracing::error!(%folder, %error, "log of a deleted topic cannot be recovered");
                }
            }
        }
        if let Some(entry) = log.unflushed() {
            match partition_log::flush_closed(&self.disk, entry) {
                Ok(()) => log.flushed(),
                Err(error) => {
                    self.metrics.log().storage_errors.add(1);
                    tracing::error!(%folder, %error, "log of a deleted topic cannot be flushed");
                    self.end_log_life();
                    (log, state) = (log.in_doubt(), State::Recovering);
                }
            }
        }
        self.disk.close_files(&folder);
        self.rest(&folder, folder.clone(), (log, state), topic);
    }

    /// `None` if the topic is gone for good.
    fn recover(&self, folder: &str, log: &Closed, topic: TopicId) -> anyhow::Result<Option<Closed>> {
        let Some(settings) = self.settings_of_tombstone(topic) else { return Ok(None) };
        let config = log_config(&settings, self.log_settings, 0);
        let (mut log, report) = Log::open(self.disk.clone(), folder, topic, config, log.start(), self.clock.wall())?;
        let entry = log.close();
        tracing::info!(%folder, report.scanned_bytes, report.truncated_bytes, "log of a deleted topic recovered");
        Ok(Some(Closed::Clean(Box::new(entry?))))
    }

    fn settings_of_tombstone(&self, topic: TopicId) -> Option<TopicConfig> {
        let (tombstones, brokers) = (self.tombstones.load(), self.broker_configs.load());
        let layers = BrokerLayers::new(&brokers, self.me, &self.static_configs, self.default_configs);
        Some(TopicConfig::resolve(&tombstones.get(&topic)?.topic.configs, &layers))
    }
}
