//! What is in a log, as the invariants compare it.

use super::place::Place;
use crate::log_run::number_of;
use bytes::Bytes;
use group_coordinator::records::{Decoded, Record, decode};
use model::Offset;
use partition_log::{DiskFile as _, LogView, ReadRange, memory_disk::MemoryDisk};
use protocol::record_batch::Batches;

const MAX_BYTES: u32 = 600;

/// `None`: the disk is dead, or what it holds is damaged.
pub(super) fn read(view: &LogView<MemoryDisk>, from: Offset, below: Offset) -> Option<Bytes> {
    let range = ReadRange { from, below, max_bytes: MAX_BYTES, at_least_one: true };
    let Some(mut plan) = view.plan_read(range, None).ok()? else { return Some(Bytes::new()) };
    let mut bytes = vec![0; plan.length as usize];
    let read = plan.file.read_at(plan.position, &mut bytes).ok()?;
    assert_eq!(read, bytes.len(), "a short read");
    plan.verify(&bytes).ok()?;
    // Good batches before a damaged one.
    bytes.truncate(plan.length as usize);
    Some(bytes.into())
}

/// Offset and number of every record in a range; `None` where that cannot be read.
pub(super) fn records_of(
    place: Place,
    view: &LogView<MemoryDisk>,
    from: Offset,
    below: Offset,
) -> Option<Vec<(Offset, u64)>> {
    let (mut next, mut found) = (from, Vec::new());
    while next < below {
        let bytes = read(view, next, below)?;
        if bytes.is_empty() {
            break;
        }
        for (offset, number) in numbers_in(place, &bytes) {
            if offset >= from {
                found.push((offset, number));
            }
            next = next.max(offset.next());
        }
    }
    Some(found)
}

/// The same where some of it is damaged, without that.
pub(super) fn readable_records_of(
    place: Place,
    view: &LogView<MemoryDisk>,
    from: Offset,
    below: Offset,
) -> Vec<(Offset, u64)> {
    let (mut next, mut found) = (from, Vec::new());
    while next < below {
        let Some(bytes) = read(view, next, below) else {
            next = next.next();
            continue;
        };
        let records = numbers_in(place, &bytes);
        let Some((last, _)) = records.last() else { break };
        next = last.next();
        found.extend(records.into_iter().filter(|(offset, _)| *offset >= from));
    }
    found
}

/// What the coordinator wrote into a range, but for what is damaged.
pub(super) fn group_records_of(view: &LogView<MemoryDisk>, from: Offset, below: Offset) -> Vec<(Offset, Record)> {
    let (mut next, mut found) = (from, Vec::new());
    while next < below {
        let Some(bytes) = read(view, next, below) else {
            next = next.next();
            continue;
        };
        if bytes.is_empty() {
            break;
        }
        for batch in Batches::new(&bytes) {
            let batch = batch.expect("whole batches");
            next = batch.header.next_offset();
            let mut scratch = Vec::new();
            for record in batch.records(&mut scratch, 1 << 20).expect("not compressed") {
                let record = record.expect("well formed");
                if let Ok(Decoded::Record(decoded)) = decode(record.key, record.value)
                    && record.offset >= from
                {
                    found.push((record.offset, decoded));
                }
            }
        }
    }
    found
}

/// What tells records apart: the number of the producer, or what a coordinator wrote.
pub(super) fn numbers_in(place: Place, bytes: &Bytes) -> Vec<(Offset, u64)> {
    let mut found = Vec::new();
    for batch in Batches::new(bytes) {
        let batch = batch.expect("whole batches");
        let mut scratch = Vec::new();
        for record in batch.records(&mut scratch, 1 << 20).expect("not compressed") {
            let record = record.expect("well formed");
            let number = match place {
                Place::Data(_) => number_of(record.key),
                Place::Offsets => fingerprint(record.key, record.value),
            };
            found.push((record.offset, number));
        }
    }
    found
}

/// FNV-1a.
fn fingerprint(key: Option<&[u8]>, value: Option<&[u8]>) -> u64 {
    let bytes = key.into_iter().chain(value).flatten();
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
