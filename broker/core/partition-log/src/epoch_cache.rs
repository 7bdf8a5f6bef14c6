//! Which leader epoch began at which offset (KIP-101, KIP-279), and its file `leader-epoch-checkpoint`.
//!
//! ```text
//! 0            format
//! 2            number of lines
//! 0 0          epoch, first offset
//! 3 118
//! ```

use crate::{Disk, disk::read_whole, names};
use model::{LeaderEpoch, Offset};
use std::{fmt::Write as _, io};

/// 700,000 epochs.
const MAX_BYTES: u64 = 16 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpochStart {
    pub epoch: LeaderEpoch,
    pub start: Offset,
}

/// Rises strictly in both columns.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EpochCache {
    entries: Vec<EpochStart>,
}

/// The newest epoch that the folder of a log says began there, [`LeaderEpoch::UNKNOWN`] for none; `None` where it cannot be read.
pub fn stored_latest_epoch(disk: &impl Disk, folder: &str) -> Option<LeaderEpoch> {
    match read_whole(disk, &path(folder), MAX_BYTES) {
        Ok(text) => Some(EpochCache::decode(&text)?.latest().unwrap_or(LeaderEpoch::UNKNOWN)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Some(LeaderEpoch::UNKNOWN),
        Err(_) => None,
    }
}

fn path(folder: &str) -> String {
    format!("{folder}/{}", names::LEADER_EPOCHS)
}

impl EpochCache {
    /// `None` if the file is not there or damaged: the cache is then rebuilt from the batches, which all carry their epoch.
    pub(crate) fn read(disk: &impl Disk, folder: &str) -> Option<Self> {
        Self::decode(&read_whole(disk, &path(folder), MAX_BYTES).ok()?)
    }

    pub fn entries(&self) -> &[EpochStart] {
        &self.entries
    }

    pub fn latest(&self) -> Option<LeaderEpoch> {
        self.entries.last().map(|entry| entry.epoch)
    }

    /// An epoch begins at `start`. What it contradicts goes: entries of this or later epochs, and those that would begin at or
    /// after it. True if anything changed.
    pub(crate) fn assign(&mut self, epoch: LeaderEpoch, start: Offset) -> bool {
        if epoch.0 < 0 || self.latest() == Some(epoch) {
            return false;
        }
        while self.entries.last().is_some_and(|last| last.epoch >= epoch || last.start >= start) {
            self.entries.pop();
        }
        self.entries.push(EpochStart { epoch, start });
        true
    }

    /// Forgets epochs that begin at or after the new log end.
    pub(crate) fn truncate_from_end(&mut self, end: Offset) -> bool {
        let before = self.entries.len();
        self.entries.retain(|entry| entry.start < end);
        before != self.entries.len()
    }

    /// Forgets epochs that ended at or before the new log start; the one that holds it now begins there.
    pub(crate) fn truncate_from_start(&mut self, start: Offset) -> bool {
        let ended = self.entries.partition_point(|entry| entry.start <= start).saturating_sub(1);
        self.entries.drain(..ended);
        match self.entries.first_mut() {
            Some(first) if first.start < start => {
                first.start = start;
                true
            }
            _ => ended > 0,
        }
    }

    /// The largest epoch at or below the asked one, and where it ended. `None` for an epoch that is unknown here.
    pub fn end_offset(&self, asked: LeaderEpoch, log_end: Offset) -> Option<(LeaderEpoch, Offset)> {
        let latest = self.latest()?;
        if asked.0 < 0 || asked > latest {
            return None;
        }
        if asked == latest {
            return Some((latest, log_end));
        }
        let after = self.entries.partition_point(|entry| entry.epoch <= asked);
        let end = self.entries[after].start;
        // Below the first entry: the asked epoch lies before the log start; it ends where the first one begins.
        Some(after.checked_sub(1).map_or((asked, end), |index| (self.entries[index].epoch, end)))
    }

    pub fn epoch_for(&self, offset: Offset) -> Option<LeaderEpoch> {
        let after = self.entries.partition_point(|entry| entry.start <= offset);
        after.checked_sub(1).map(|index| self.entries[index].epoch)
    }

    pub(crate) fn encode(&self) -> String {
        let mut text = format!("0\n{}\n", self.entries.len());
        for entry in &self.entries {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{} {}", entry.epoch, entry.start);
        }
        text
    }

    /// `None` for a damaged file. Every line ends, so no part of a file passes for the whole.
    pub(crate) fn decode(text: &[u8]) -> Option<Self> {
        let mut lines = std::str::from_utf8(text).ok()?.strip_suffix('\n')?.lines();
        if lines.next()?.trim() != "0" {
            return None;
        }
        let count: usize = lines.next()?.trim().parse().ok()?;
        let mut cache = Self::default();
        for line in lines.by_ref().take(count) {
            let (epoch, start) = line.split_once(' ')?;
            cache.assign(LeaderEpoch(epoch.parse().ok()?), Offset(start.trim().parse().ok()?));
        }
        (cache.entries.len() == count).then_some(cache)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(entries: &[(i32, i64)]) -> EpochCache {
        let mut cache = EpochCache::default();
        for (epoch, start) in entries {
            cache.assign(LeaderEpoch(*epoch), Offset(*start));
        }
        cache
    }

    #[test]
    fn asked_epoch_ends_where_the_next_begins() {
        let cache = cache(&[(2, 10), (4, 30), (7, 50)]);
        let end = |epoch| cache.end_offset(LeaderEpoch(epoch), Offset(99)).map(|(epoch, offset)| (epoch.0, offset.0));
        assert_eq!(end(2), Some((2, 30)));
        assert_eq!(end(3), Some((2, 30)), "the largest epoch at or below");
        assert_eq!(end(7), Some((7, 99)), "the current epoch ends at the log end");
        assert_eq!(end(8), None);
        assert_eq!(end(-1), None);
        assert_eq!(end(1), Some((1, 10)), "before the first entry");
    }

    #[test]
    fn epochs_and_offsets_rise_together() {
        let mut epochs = cache(&[(1, 0), (2, 10)]);
        assert!(epochs.assign(LeaderEpoch(3), Offset(10)), "epoch 2 wrote nothing");
        assert_eq!(epochs.entries(), cache(&[(1, 0), (3, 10)]).entries());
        assert!(!epochs.assign(LeaderEpoch(3), Offset(12)));
    }

    #[test]
    fn both_ends_are_trimmed() {
        let mut epochs = cache(&[(1, 0), (2, 10), (3, 20)]);
        assert!(epochs.truncate_from_end(Offset(20)));
        assert_eq!(epochs.entries(), cache(&[(1, 0), (2, 10)]).entries());
        assert!(epochs.truncate_from_start(Offset(12)));
        assert_eq!(epochs.entries(), cache(&[(2, 12)]).entries());
    }

    #[test]
    fn file_is_kafkas_and_reads_back() {
        let epochs = cache(&[(0, 0), (3, 118)]);
        assert_eq!(epochs.encode(), "0\n2\n0 0\n3 118\n");
        assert_eq!(EpochCache::decode(epochs.encode().as_bytes()), Some(epochs.clone()));
        assert_eq!(EpochCache::decode(b"1\n0\n"), None, "another format");
        for cut in 0..epochs.encode().len() {
            assert_eq!(EpochCache::decode(&epochs.encode().as_bytes()[..cut]), None, "cut at {cut}");
        }
    }
}
