//! How long a deletion can be undone. A window begins when this controller first sees the tombstone: after a take-over it
//! begins again, so that records are kept too long rather than too short.

use crate::image::ClusterImage;
use model::{MonotonicTime, TopicId};
use std::{collections::BTreeMap, time::Duration};

#[derive(Debug, Default)]
pub(crate) struct UndoWindows {
    began: BTreeMap<TopicId, MonotonicTime>,
}

impl UndoWindows {
    /// The tombstones whose time is over.
    pub(crate) fn ended(&mut self, image: &ClusterImage, window: Duration, now: MonotonicTime) -> Vec<TopicId> {
        if image.tombstones.is_empty() && self.began.is_empty() {
            return Vec::new();
        }
        self.began.retain(|id, _| image.tombstones.contains_key(id));
        for id in image.tombstones.keys() {
            self.began.entry(*id).or_insert(now);
        }
        self.began.iter().filter(|(_, began)| **began + window <= now).map(|(id, _)| *id).collect()
    }

    pub(crate) fn next_deadline(&self, window: Duration) -> Option<MonotonicTime> {
        self.began.values().map(|began| *began + window).min()
    }
}
