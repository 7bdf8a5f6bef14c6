//! Which bytes of a segment are known to be what was written.
//!
//! Why this is enough, and cheap: bytes this process wrote into the active segment are in the page cache it wrote them to, so
//! tail reads go straight to the socket. So are those of a segment that was sealed minutes ago, as long as they are in the
//! page cache at all: a reader that lags a little pays nothing either. Of anything older, or found on disk at start, a region
//! is trusted only after its checksums were computed, once per region and process: the first reader of old data pays one pass
//! (some 10 GB/s) and the copy through a buffer, every later one is served from the file. A bit that flips after that check is
//! caught by the consumer's own check, as with Kafka.
//!
//! The checksum of Kafka's batches leaves out base offset and leader epoch, which the leader writes last. A damaged offset is
//! found by its neighbours (offsets only rise); a damaged epoch is not found, and harms nobody who does not compare it.

use model::WallTime;

/// Ranges remembered per segment; more than this many gaps means random access, where another check costs little.
const MOST_RANGES: usize = 64;
/// What was written within this time and is cached was not read from the device meanwhile.
pub(crate) const LATELY_MS: i64 = 5 * 60_000;

#[derive(Debug, Clone)]
pub(crate) struct VerifiedRanges {
    /// Sorted, apart from each other.
    ranges: Vec<(u64, u64)>,
    /// Everything from here on was written by this process.
    trusted_from: u64,
    /// Of a segment sealed lately: everything from here on was written by this process, up to then.
    lately: Option<(u64, WallTime)>,
}

impl VerifiedRanges {
    /// Nothing below `size` is trusted; what is appended after it is.
    pub(crate) fn new(size: u64) -> Self {
        Self { ranges: Vec::new(), trusted_from: size, lately: None }
    }

    pub(crate) fn trust_from(&mut self, position: u64) {
        self.trusted_from = position;
    }

    /// Sealed: from now on only checks count, and for a while what is cached.
    pub(crate) fn seal(&mut self, now: WallTime) {
        self.lately = Some((self.trusted_from, now));
        self.trusted_from = u64::MAX;
    }

    /// Written by this process so lately that it is what was written, if it is cached.
    pub(crate) fn was_written_lately(&self, start: u64) -> bool {
        self.lately.is_some_and(|(from, _)| start >= from)
    }

    pub(crate) fn forget_older(&mut self, than: WallTime) {
        if self.lately.is_some_and(|(_, sealed)| sealed <= than) {
            self.lately = None;
        }
    }

    pub(crate) fn covers(&self, start: u64, end: u64) -> bool {
        let end = end.min(self.trusted_from);
        if start >= end {
            return true;
        }
        let after = self.ranges.partition_point(|range| range.0 <= start);
        after.checked_sub(1).is_some_and(|index| self.ranges[index].1 >= end)
    }

    /// Marks a range as checked.
    pub(crate) fn add(&mut self, start: u64, end: u64) {
        let first = self.ranges.partition_point(|range| range.1 < start);
        let after = self.ranges.partition_point(|range| range.0 <= end);
        let merged =
            self.ranges[first..after].iter().fold((start, end), |all, one| (all.0.min(one.0), all.1.max(one.1)));
        self.ranges.splice(first..after, [merged]);
        if self.ranges.len() > MOST_RANGES
            && let Some((shortest, _)) = self.ranges.iter().enumerate().min_by_key(|(_, range)| range.1 - range.0)
        {
            self.ranges.remove(shortest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_checked_and_own_bytes_are_trusted() {
        let mut ranges = VerifiedRanges::new(1000);
        assert!(!ranges.covers(0, 100));
        assert!(ranges.covers(1000, 5000), "written by this process");
        assert!(!ranges.covers(900, 1100));
        ranges.add(900, 1000);
        assert!(ranges.covers(900, 1100));
        ranges.add(0, 500);
        ranges.add(400, 950);
        assert!(ranges.covers(0, 1_000_000));
        ranges.seal(WallTime(7));
        assert!(ranges.covers(0, 1000));
        assert!(!ranges.covers(0, 1001), "sealed bytes are checked once");
        assert!(ranges.was_written_lately(1000) && !ranges.was_written_lately(999));
        ranges.forget_older(WallTime(6));
        assert!(ranges.was_written_lately(1000));
        ranges.forget_older(WallTime(7));
        assert!(!ranges.was_written_lately(1000));
    }

    #[test]
    fn random_access_keeps_memory_bounded() {
        let mut ranges = VerifiedRanges::new(u64::MAX);
        for i in 0..10_000u64 {
            ranges.add(i * 100, i * 100 + 10 + i % 7);
        }
        assert!(ranges.ranges.len() <= MOST_RANGES);
    }
}
