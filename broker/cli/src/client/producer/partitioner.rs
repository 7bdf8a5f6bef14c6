//! Which partition a record without key goes to. Those with a key go where `protocol::hashes` says, as Java's do.

use std::hash::{BuildHasher, Hasher, RandomState};

/// For records without key: stays with one partition until a batch's worth of bytes went there, then picks another
/// (KIP-794), so that batches fill up and partitions still get equal shares.
#[derive(Debug)]
pub(crate) struct StickyPartition {
    current: Option<i32>,
    bytes_on_it: usize,
    bytes_per_turn: usize,
}

impl StickyPartition {
    pub(crate) fn new(bytes_per_turn: usize) -> Self {
        Self { current: None, bytes_on_it: 0, bytes_per_turn }
    }

    /// One of `available` (not empty) for a record of `size` bytes.
    pub(crate) fn choose(&mut self, available: &[i32], size: usize) -> i32 {
        let stay = self.current.filter(|current| available.contains(current) && self.bytes_on_it < self.bytes_per_turn);
        let partition = stay.unwrap_or_else(|| {
            self.bytes_on_it = 0;
            self.pick(available)
        });
        self.current = Some(partition);
        self.bytes_on_it += size;
        partition
    }

    fn pick(&self, available: &[i32]) -> i32 {
        let others: Vec<i32> = available.iter().copied().filter(|partition| Some(*partition) != self.current).collect();
        let among = if others.is_empty() { available } else { &others };
        among[(random() % among.len() as u64) as usize]
    }
}

/// The keys of a fresh hasher are random; good enough to spread records.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::hashes::partition_for_key;
    use std::collections::BTreeSet;

    #[test]
    fn keys_go_where_java_puts_them() {
        // Utils.toPositive(Utils.murmur2(key)) % 7, printed by Kafka 4.3.0.
        for (text, partition) in [("", 2), ("a", 5), ("ab", 0), ("abc", 4), ("21", 3), ("foobar", 0), ("ключ", 4)] {
            assert_eq!(partition_for_key(text.as_bytes(), 7), partition, "{text}");
        }
    }

    #[test]
    fn records_without_key_stay_until_a_batch_is_full() {
        let mut sticky = StickyPartition::new(100);
        let available = [0, 1, 2];
        let first = sticky.choose(&available, 60);
        assert_eq!(sticky.choose(&available, 60), first);
        assert_ne!(sticky.choose(&available, 60), first, "a full turn moves on");
    }

    #[test]
    fn every_partition_gets_its_turn() {
        let mut sticky = StickyPartition::new(1);
        let seen: BTreeSet<i32> = (0..200).map(|_| sticky.choose(&[0, 1, 2], 1)).collect();
        assert_eq!(seen, BTreeSet::from([0, 1, 2]));
    }

    #[test]
    fn a_partition_that_went_away_is_left() {
        let mut sticky = StickyPartition::new(1000);
        sticky.choose(&[5], 1);
        assert_eq!(sticky.choose(&[6], 1), 6);
    }
}
