//! Disks that tear writes, fill up, are slow, or flip bits.

use super::super::World;
use partition_log::{Crash, memory_disk::MemoryDisk};
use protocol::record_batch::Batches;

/// Offset, length, leader epoch and magic of a batch, which Kafka's checksum does not cover.
const UNCHECKED: u64 = 17;

impl World {
    /// The process dies in the middle of one of the next changes of its disk: between any two of them, or within a write.
    pub(super) fn tear_a_write(&mut self, broker: i32) {
        let (next, seed) = (self.fate.below(40), self.fate.draw());
        let Some(remains) = self.remains.get_mut(&broker).filter(|_| self.brokers.contains_key(&broker)) else {
            return;
        };
        remains.disk.crash_at(remains.disk.changes() + next, seed);
        remains.is_doomed = true;
    }

    pub(super) fn fill_a_disk(&mut self, broker: i32) {
        let free = self.fate.below(2000);
        if let Some(remains) = self.remains.get_mut(&broker) {
            remains.fill(free);
        }
    }

    pub(super) fn slow_a_disk(&mut self, broker: i32) {
        let slow_by_ms = 1 + self.fate.below(300);
        if let Some(remains) = self.remains.get_mut(&broker) {
            remains.slow_by_ms = slow_by_ms;
        }
    }

    /// While the process is away a bit of a committed batch is flipped: of what the checksum covers, and not of the last batch,
    /// which cannot be told from a torn write. Nobody may ever see it; everything else is served until somebody replaces the
    /// disk.
    pub(super) fn flip_bits(&mut self, broker: i32) {
        let (place, file, batch, byte, bit) =
            (self.fate.draw(), self.fate.draw(), self.fate.draw(), self.fate.draw(), self.fate.below(8));
        let Some(node) = self.brokers.get(&broker).filter(|_| self.may_lose(broker)) else { return };
        let committed: Vec<_> = node.partitions.iter().map(|(place, one)| (*place, one.log.high_watermark())).collect();
        self.crash_broker(broker, Crash::Process);
        let (Some((place, committed)), Some(remains)) = (pick(&committed, place), self.remains.get_mut(&broker)) else {
            return;
        };
        let folder = format!("{place}/");
        let is_log = |path: &String| path.starts_with(&folder) && path.ends_with(".log");
        let logs: Vec<_> = remains.disk.paths().into_iter().filter(is_log).collect();
        let Some(path) = pick(&logs, file) else { return };
        let content = remains.disk.content(path).unwrap_or_default();
        let batches = Batches::new(&content).map_while(Result::ok).scan(0, |end, batch| {
            let start = *end;
            *end += batch.bytes().len() as u64;
            Some((start, *end, batch.header.next_offset()))
        });
        let mut batches: Vec<_> = batches.collect();
        batches.pop();
        batches.retain(|(_, _, next)| next <= committed);
        let Some((start, end, _)) = pick(&batches, batch) else { return };
        remains.disk.flip_bits(path, start + UNCHECKED + byte % (end - start - UNCHECKED), 1 << bit);
        remains.damaged.insert(*place);
        self.trace.story(self.network.now, format_args!("broker {broker}: a bit of {path} at {start} to {end}"));
    }

    /// A damaged disk gives way to an empty one, once others have everything.
    pub(in super::super) fn replace_damaged_disks(&mut self) {
        for broker in 1..=self.setup.brokers {
            if self.remains.get(&broker).is_some_and(|remains| !remains.damaged.is_empty()) && self.may_replace(broker)
            {
                self.crash_broker(broker, Crash::Machine);
                if let Some(remains) = self.remains.get_mut(&broker) {
                    remains.disk = MemoryDisk::new();
                    remains.entries.clear();
                    remains.damaged.clear();
                    remains.is_new = true;
                }
                self.trace.story(self.network.now, format_args!("broker {broker} has a new disk"));
            }
        }
    }
}

fn pick<T>(all: &[T], draw: u64) -> Option<&T> {
    let index = usize::try_from(draw.checked_rem(all.len() as u64)?).ok()?;
    all.get(index)
}
