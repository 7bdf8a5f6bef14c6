//! What a producer was told, and when.

use super::PARTITIONS;
use anyhow::{Result, ensure};
use parking_lot::Mutex;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

const LOOK: Duration = Duration::from_millis(10);

/// When each partition's writes were acknowledged.
#[derive(Debug, Default)]
pub(super) struct Acknowledged {
    partitions: Mutex<BTreeMap<i32, Gaps>>,
    failed: AtomicU64,
}

#[derive(Debug)]
struct Gaps {
    last: Instant,
    longest: Duration,
    since_begin: u64,
}

impl Acknowledged {
    pub(super) fn note(&self, partition: i32) {
        let now = Instant::now();
        let mut partitions = self.partitions.lock();
        let gaps = partitions.entry(partition).or_insert(Gaps { last: now, longest: Duration::ZERO, since_begin: 0 });
        gaps.longest = gaps.longest.max(now - gaps.last);
        gaps.last = now;
        gaps.since_begin += 1;
    }

    /// The client gave a record up.
    pub(super) fn note_failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// Gaps count from now on.
    pub(super) fn begin(&self) {
        let now = Instant::now();
        for gaps in self.partitions.lock().values_mut() {
            *gaps = Gaps { last: now, longest: Duration::ZERO, since_begin: 0 };
        }
    }

    pub(super) fn all_written_to(&self, patience: Duration) -> Result<()> {
        let began = Instant::now();
        loop {
            let partitions = self.partitions.lock();
            let written = partitions.values().filter(|gaps| gaps.since_begin > 0).count();
            if written == PARTITIONS as usize {
                return Ok(());
            }
            drop(partitions);
            ensure!(began.elapsed() < patience, "only {written} of {PARTITIONS} partitions are written to");
            thread::sleep(LOOK);
        }
    }

    /// Of these partitions, and of the others.
    pub(super) fn longest_gaps(&self, its: &BTreeSet<i32>) -> (Option<Duration>, Option<Duration>) {
        let partitions = self.partitions.lock();
        let longest = |of_its: bool| {
            let chosen = partitions.iter().filter(|(partition, _)| its.contains(partition) == of_its);
            chosen.map(|(_, gaps)| gaps.longest).max()
        };
        (longest(true), longest(false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_those_since_the_beginning_by_who_led() {
        let acknowledged = Acknowledged::default();
        (0..PARTITIONS).for_each(|partition| acknowledged.note(partition));
        acknowledged.begin();
        assert!(acknowledged.all_written_to(Duration::ZERO).is_err());
        (0..PARTITIONS).for_each(|partition| acknowledged.note(partition));
        acknowledged.all_written_to(Duration::ZERO).unwrap();
        let (its, others) = acknowledged.longest_gaps(&[0].into());
        assert!(its.unwrap() < Duration::from_secs(10) && others.is_some());
    }
}
