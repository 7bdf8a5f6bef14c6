//! Work on partitions with other replicas that waits for the disk while clients or followers wait for it, and for how long it does at least.
//! Whoever does the work pays for two counts, and for no look at a clock. A partition without another replica has nobody else to lead it,
//! and counts for nothing.

use model::MonotonicTime;
use parking_lot::Mutex;
use std::{
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

/// A write to the page cache takes microseconds, with a new segment some more; one that takes this long has met a disk that takes none.
const APPEND_LIMIT: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct DiskWork {
    pub(super) appends: Underway,
    /// Those without which nothing is acknowledged.
    pub(super) syncs: Arc<Underway>,
}

impl DiskWork {
    /// Others had better lead. A sync may take as long as a follower may lag (`lag_max`), for a device with much to write is slow
    /// and works.
    pub(super) fn stands_still(&self, now: MonotonicTime, lag_max: Duration) -> bool {
        // Both are looked at: an age counts from the look before.
        let (append, sync) = (self.appends.oldest(now), self.syncs.oldest(now));
        append >= APPEND_LIMIT || sync >= lag_max
    }
}

/// Pieces of work of one kind. Those that were there at the last turn are counted apart from those that came since.
#[derive(Debug, Default)]
pub(super) struct Underway {
    /// Where new ones are counted: 0 or 1.
    turn: AtomicUsize,
    counts: [AtomicU64; 2],
    turned: Mutex<MonotonicTime>,
}

/// Under way until it is dropped. `U`: how it holds what counts it.
#[derive(Debug)]
pub(super) struct Piece<U: Deref<Target = Underway>> {
    of: U,
    turn: usize,
}

impl<U: Deref<Target = Underway>> Piece<U> {
    /// One that begins in the moment of a turn may count as older than it is, by as long as it takes to come from here to there.
    fn begin(of: U) -> Self {
        let turn = of.turn.load(Ordering::Relaxed);
        of.counts[turn].fetch_add(1, Ordering::Relaxed);
        Self { of, turn }
    }
}

impl<U: Deref<Target = Underway>> Drop for Piece<U> {
    fn drop(&mut self) {
        self.of.counts[self.turn].fetch_sub(1, Ordering::Relaxed);
    }
}

impl Underway {
    pub(super) fn begin(&self) -> Piece<&Self> {
        Piece::begin(self)
    }

    /// For whoever keeps it.
    pub(super) fn begin_kept(self: &Arc<Self>) -> Piece<Arc<Self>> {
        Piece::begin(Arc::clone(self))
    }

    /// For how long the oldest has been under way, as far as these looks tell: it counts from the first that found it.
    fn oldest(&self, now: MonotonicTime) -> Duration {
        let mut turned = self.turned.lock();
        let old = 1 - self.turn.load(Ordering::Relaxed);
        if self.counts[old].load(Ordering::Relaxed) > 0 {
            return now.since(*turned);
        }
        self.turn.store(old, Ordering::Relaxed);
        *turned = now;
        Duration::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAG_MAX: Duration = Duration::from_secs(30);

    fn stand_still(work: &DiskWork, looks_ms: impl IntoIterator<Item = u64>) -> Vec<bool> {
        let at = |ms| work.stands_still(MonotonicTime::from_ms(ms), LAG_MAX);
        looks_ms.into_iter().map(at).collect()
    }

    #[test]
    fn append_that_never_ends_stops_the_disk_a_second_after_it_was_found() {
        let work = DiskWork::default();
        assert_eq!(stand_still(&work, [0, 700]), [false, false]);
        let stuck = work.appends.begin();
        assert_eq!(stand_still(&work, [1400, 2100, 2399, 2400, 9000]), [false, false, false, true, true]);
        drop(stuck);
        assert_eq!(stand_still(&work, [9700, 10_400]), [false, false]);
    }

    #[test]
    fn many_that_come_and_go_are_a_disk_that_works() {
        let work = DiskWork::default();
        let mut last = work.appends.begin();
        for ms in (0..20_000).step_by(700) {
            // There is always one, and never one for long.
            let next = work.appends.begin();
            drop(std::mem::replace(&mut last, next));
            assert_eq!(stand_still(&work, [ms]), [false]);
        }
    }

    #[test]
    fn others_that_end_do_not_hide_the_one_that_does_not() {
        let work = DiskWork::default();
        let _stuck = work.appends.begin();
        let found: Vec<_> = (0..10)
            .map(|look| {
                drop(work.appends.begin());
                work.stands_still(MonotonicTime::from_ms(look * 500), LAG_MAX)
            })
            .collect();
        assert_eq!(found, [false, false, true, true, true, true, true, true, true, true]);
    }

    #[test]
    fn sync_may_take_as_long_as_a_follower_may_lag() {
        let work = DiskWork::default();
        let slow = work.syncs.begin_kept();
        assert_eq!(stand_still(&work, [1000, 2000, 30_999, 31_000]), [false, false, false, true]);
        drop(slow);
        assert_eq!(stand_still(&work, [31_500]), [false]);
    }
}
