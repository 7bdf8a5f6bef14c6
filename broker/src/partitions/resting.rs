//! Logs that no partition has now: where each lies, and how another log comes by its name.

use super::{Host, buried::parse, closed::Closed, opening::aside, partition::State};
use model::TopicId;
use std::{collections::HashMap, io};

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
        let stray = || aside(folder, self.clock.random_uuid(), "stray");
        let to = self.looked_for_in(folder).unwrap_or_else(stray);
        self.disk.rename_folder(folder, &to)?;
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
