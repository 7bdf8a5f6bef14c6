//! `.snapshot` files: the producers as they were at the offset in the file's name.
//!
//! ```text
//! ┌─────────┬───────────┬──────────┬ × n ─────────────────────────────────────────────────────────────┬ ours ──┐
//! │ version │ CRC-32C   │ number n │ producer id i64, epoch i16, last sequence i32, last offset i64,   │ see    │
//! │ i16 = 1 │ of all    │ i32      │ offset delta i32, timestamp i64, coordinator epoch i32,           │ below  │
//! │         │ after it  │          │ first offset of the open transaction i64 (-1 none)                │        │
//! └─────────┴───────────┴──────────┴───────────────────────────────────────────────────────────────────┴────────┘
//! ```
//! Kafka keeps one batch per producer, so a retry of an older one after a clean restart fails there. We keep all five: after
//! Kafka's entries, which is as far as Kafka reads, follow a tag and, per producer in the same order, a count byte and that
//! many earlier batches (oldest first): last sequence i32, last offset i64, offset delta i32, timestamp i64. The checksum
//! covers them. Big-endian.

use crate::producer_entry::{ProducerEntry, RememberedBatch};
use crate::producer_state::ProducerState;
use model::{Offset, ProducerEpoch, ProducerId, Sequence, WallTime};
use protocol::record_batch::crc32c;

const VERSION: i16 = 1;
const HEADER: usize = 6;
const ENTRY: usize = 46;
const TAG: [u8; 4] = *b"WEIR";
/// 64 MiB: a million producers.
pub(crate) const LARGEST: u64 = 64 << 20;

pub(crate) fn encode(state: &ProducerState) -> Vec<u8> {
    let producers = state.entries();
    let mut bytes = Vec::with_capacity(HEADER + 4 + producers.len() * (ENTRY + 1) + TAG.len());
    bytes.extend_from_slice(&VERSION.to_be_bytes());
    bytes.extend_from_slice(&[0; 4]);
    let count = i32::try_from(producers.len()).unwrap_or(i32::MAX);
    bytes.extend_from_slice(&count.to_be_bytes());
    for (id, entry) in producers {
        let last = entry.last_batch();
        bytes.extend_from_slice(&id.0.to_be_bytes());
        bytes.extend_from_slice(&entry.epoch.0.to_be_bytes());
        bytes.extend_from_slice(&entry.last_sequence().0.to_be_bytes());
        bytes.extend_from_slice(&last.map_or(-1, |batch| batch.last_offset.0).to_be_bytes());
        bytes.extend_from_slice(&last.map_or(0, |batch| batch.offset_delta).to_be_bytes());
        bytes.extend_from_slice(&entry.last_append.0.to_be_bytes());
        bytes.extend_from_slice(&entry.coordinator_epoch.to_be_bytes());
        bytes.extend_from_slice(&entry.transaction_first_offset.map_or(-1, |offset| offset.0).to_be_bytes());
    }
    bytes.extend_from_slice(&TAG);
    for (_, entry) in state.entries() {
        put_earlier(&mut bytes, entry);
    }
    let crc = crc32c(&bytes[HEADER..]);
    bytes[2..HEADER].copy_from_slice(&crc.to_be_bytes());
    bytes
}

fn put_earlier(bytes: &mut Vec<u8>, entry: &ProducerEntry) {
    let earlier = entry.batches().count().saturating_sub(1);
    bytes.push(u8::try_from(earlier).unwrap_or(0));
    for batch in entry.batches().take(earlier) {
        bytes.extend_from_slice(&batch.last_sequence.0.to_be_bytes());
        bytes.extend_from_slice(&batch.last_offset.0.to_be_bytes());
        bytes.extend_from_slice(&batch.offset_delta.to_be_bytes());
        bytes.extend_from_slice(&batch.timestamp.0.to_be_bytes());
    }
}

/// The state at `offset`; `None` for a damaged file or another version.
pub(crate) fn decode(bytes: &[u8], offset: Offset) -> Option<ProducerState> {
    let mut reader = Fields(bytes);
    if i16::from_be_bytes(reader.take()?) != VERSION {
        return None;
    }
    let crc = u32::from_be_bytes(reader.take()?);
    if crc32c(reader.0) != crc {
        return None;
    }
    let count = usize::try_from(i32::from_be_bytes(reader.take()?)).ok()?;
    if reader.0.len() / ENTRY < count {
        return None;
    }
    let mut entries = Vec::with_capacity(count);
    for _ in 0..count {
        entries.push(read_entry(&mut reader)?);
    }
    let ours = reader.take() == Some(TAG);
    let mut state = ProducerState::starting_at(offset);
    for (id, mut entry, last) in entries {
        if ours {
            for _ in 0..u8::from_be_bytes(reader.take()?) {
                entry.remember(read_batch(&mut reader)?);
            }
        }
        if let Some(last) = last {
            entry.remember(last);
        }
        state.load(id, entry);
    }
    Some(state)
}

fn read_entry(reader: &mut Fields<'_>) -> Option<(ProducerId, ProducerEntry, Option<RememberedBatch>)> {
    let id = ProducerId(i64::from_be_bytes(reader.take()?));
    let epoch = ProducerEpoch(i16::from_be_bytes(reader.take()?));
    let last_sequence = Sequence(i32::from_be_bytes(reader.take()?));
    let last_offset = Offset(i64::from_be_bytes(reader.take()?));
    let offset_delta = i32::from_be_bytes(reader.take()?);
    let timestamp = WallTime(i64::from_be_bytes(reader.take()?));
    let coordinator_epoch = i32::from_be_bytes(reader.take()?);
    let first = i64::from_be_bytes(reader.take()?);
    let entry = ProducerEntry {
        epoch,
        coordinator_epoch,
        last_append: timestamp,
        transaction_first_offset: (first >= 0).then_some(Offset(first)),
        ..ProducerEntry::default()
    };
    let last = RememberedBatch { last_sequence, last_offset, offset_delta: offset_delta.max(0), timestamp };
    Some((id, entry, (last_offset.0 >= 0).then_some(last)))
}

fn read_batch(reader: &mut Fields<'_>) -> Option<RememberedBatch> {
    Some(RememberedBatch {
        last_sequence: Sequence(i32::from_be_bytes(reader.take()?)),
        last_offset: Offset(i64::from_be_bytes(reader.take()?)),
        offset_delta: i32::from_be_bytes(reader.take()?).max(0),
        timestamp: WallTime(i64::from_be_bytes(reader.take()?)),
    })
}

struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*field)
    }
}
