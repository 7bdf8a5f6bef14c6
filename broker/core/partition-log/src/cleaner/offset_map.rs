//! Last offset of each key, in bounded memory.
//!
//! Keys are kept as 128-bit hashes, as Kafka does (MD5 there): exact keys would make memory depend on what users write, and a
//! collision among a billion keys has a chance below 10⁻²⁰. The hash only lives as long as one job.

use model::Offset;
use std::hash::{DefaultHasher, Hasher};

/// Bytes of a slot.
const SLOT: usize = 24;
/// Slots in use at most, in tenths: beyond it probing gets slow.
const LOAD_TENTHS: usize = 9;
const FIRST_SLOTS: usize = 1024;

#[derive(Debug, Clone, Copy)]
struct Slot {
    hash: [u64; 2],
    /// -1: free.
    offset: i64,
}

const FREE: Slot = Slot { hash: [0; 2], offset: -1 };

#[derive(Debug)]
pub(super) struct OffsetMap {
    slots: Vec<Slot>,
    used: usize,
    most_slots: usize,
}

fn hash(key: &[u8]) -> [u64; 2] {
    let half = |salt: u64| {
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(salt);
        hasher.write(key);
        hasher.finish()
    };
    [half(0x5745_4952), half(0x4c4f_4721)]
}

impl OffsetMap {
    /// At most `bytes` of memory, but always room for a few keys.
    pub(super) fn new(bytes: usize) -> Self {
        Self { slots: Vec::new(), used: 0, most_slots: (bytes / SLOT).max(16) }
    }

    /// Whether this many more keys may be put in.
    pub(super) fn has_room_for(&self, keys: usize) -> bool {
        self.used + keys <= self.most_slots * LOAD_TENTHS / 10
    }

    pub(super) fn used_percent(&self) -> u64 {
        self.used as u64 * 100 / self.most_slots as u64
    }

    pub(super) fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// Offsets come in rising order: the newest wins.
    pub(super) fn put(&mut self, key: &[u8], offset: Offset) {
        if (self.used + 1) * 10 > self.slots.len() * LOAD_TENTHS {
            self.grow();
        }
        let hash = hash(key);
        let index = self.find(hash);
        if self.slots[index].offset < 0 {
            self.used += 1;
        }
        self.slots[index] = Slot { hash, offset: offset.0 };
    }

    pub(super) fn get(&self, key: &[u8]) -> Option<Offset> {
        if self.slots.is_empty() {
            return None;
        }
        let slot = self.slots[self.find(hash(key))];
        (slot.offset >= 0).then_some(Offset(slot.offset))
    }

    /// The slot of this hash, or the free one where it belongs. There is always a free one.
    fn find(&self, hash: [u64; 2]) -> usize {
        let length = self.slots.len() as u64;
        let mut index = usize::try_from(hash[0] % length).expect("below the number of slots");
        while self.slots[index].offset >= 0 && self.slots[index].hash != hash {
            index = (index + 1) % self.slots.len();
        }
        index
    }

    fn grow(&mut self) {
        let length = self.slots.len();
        // One batch may exceed the bound (see the job); a table that is full would never end a search.
        let larger = match length < self.most_slots {
            true => (length * 2).max(FIRST_SLOTS).min(self.most_slots),
            false => length + FIRST_SLOTS,
        };
        let old = std::mem::replace(&mut self.slots, vec![FREE; larger]);
        for slot in old.into_iter().filter(|slot| slot.offset >= 0) {
            let index = self.find(slot.hash);
            self.slots[index] = slot;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_its_newest_offset() {
        let mut map = OffsetMap::new(1 << 20);
        for offset in 0..20_000i64 {
            map.put(format!("key {}", offset % 7000).as_bytes(), Offset(offset));
        }
        for key in 0..7000i64 {
            let newest = if key < 6000 { key + 14_000 } else { key + 7000 };
            assert_eq!(map.get(format!("key {key}").as_bytes()), Some(Offset(newest)));
        }
        assert_eq!(map.get(b"other"), None);
        assert_eq!(map.used, 7000);
    }

    #[test]
    fn memory_stays_within_the_bound() {
        let mut map = OffsetMap::new(24 * 5000);
        let mut count = 0u32;
        while map.has_room_for(1) {
            map.put(&count.to_be_bytes(), Offset(0));
            count += 1;
        }
        assert_eq!(count, 4500);
        assert!(map.slots.len() <= 5000);
    }
}
