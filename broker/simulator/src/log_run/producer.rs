//! An idempotent producer as clients write them: at most five batches in flight, retried in order until acknowledged.

use bytes::Bytes;
use model::{Offset, ProducerEpoch, ProducerId, Sequence, WallTime};
use partition_log::PreparedBatch;
use protocol::record_batch::{BatchOptions, RecordData, build_batch};
use std::collections::VecDeque;

/// As many as the broker remembers.
const MOST_IN_FLIGHT: usize = 5;

#[derive(Debug, Default)]
pub(super) struct Producer {
    epoch: i16,
    next_sequence: i32,
    next_number: u64,
    /// First number, count, bytes.
    in_flight: VecDeque<(u64, u64, Bytes)>,
    /// Offset and number of each acknowledged record, in order.
    acknowledged: Vec<(Offset, u64)>,
    /// Numbers that may be in the log or not: sent, never acknowledged, given up at a loss of the machine.
    in_doubt: Vec<u64>,
}

pub(crate) fn number_of(key: Option<&[u8]>) -> u64 {
    let key: [u8; 8] = key.and_then(|key| key.try_into().ok()).expect("every record has a number as its key");
    u64::from_be_bytes(key)
}

impl Producer {
    pub(super) fn make_batch(&mut self, records: u64) {
        if self.in_flight.len() == MOST_IN_FLIGHT {
            return;
        }
        let options = BatchOptions {
            producer_id: ProducerId(1),
            producer_epoch: ProducerEpoch(self.epoch),
            base_sequence: Sequence(self.next_sequence),
            ..BatchOptions::default()
        };
        let keys: Vec<_> = (0..records).map(|index| (self.next_number + index).to_be_bytes()).collect();
        let records: Vec<_> = keys
            .iter()
            .map(|key| RecordData {
                timestamp: WallTime(1_700_000_000_000),
                key: Some(key),
                value: Some(&[7; 30]),
                ..RecordData::default()
            })
            .collect();
        let bytes = build_batch(&options, &records).expect("a small batch");
        let count = keys.len() as u64;
        self.in_flight.push_back((self.next_number, count, bytes));
        self.next_number += count;
        self.next_sequence += i32::try_from(count).expect("a few records");
    }

    pub(super) fn in_flight(&self) -> Vec<PreparedBatch> {
        let batches = self.in_flight.iter();
        batches.map(|(_, _, bytes)| PreparedBatch::new(bytes.clone()).expect("a batch just built")).collect()
    }

    /// The oldest batch in flight was appended there.
    pub(super) fn acknowledge(&mut self, base: Offset) {
        let (first, count, _) = self.in_flight.pop_front().expect("one outcome per batch");
        for index in 0..count {
            self.acknowledged.push((Offset(base.0 + index.cast_signed()), first + index));
        }
    }

    pub(super) fn acknowledged(&self) -> usize {
        self.acknowledged.len()
    }

    /// The machine lost the end of the log: what was acknowledged there is no longer promised.
    pub(super) fn forget_from(&mut self, end: Offset) {
        self.acknowledged.retain(|(offset, _)| *offset < end);
        self.in_doubt.extend(self.in_flight.iter().flat_map(|(first, count, _)| *first..first + count));
    }

    /// A new epoch begins at sequence 0; what was in flight is given up.
    pub(super) fn start_over(&mut self) {
        self.epoch += 1;
        self.next_sequence = 0;
        self.in_flight.clear();
    }

    /// `found`: offset and number of every record in the log.
    pub(super) fn check(&self, found: &[(Offset, u64)], seed: u64) {
        assert!(
            found.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 < pair[1].1),
            "seed {seed}: records are doubled or out of order"
        );
        let mut rest = found.iter();
        for acknowledged in &self.acknowledged {
            assert!(
                rest.any(|one| one == acknowledged),
                "seed {seed}: {acknowledged:?} was acknowledged and is not there"
            );
        }
        for (offset, number) in found {
            let known = self.acknowledged.binary_search(&(*offset, *number)).is_ok()
                || self.in_doubt.contains(number)
                || self.in_flight.iter().any(|(first, count, _)| (*first..first + count).contains(number));
            assert!(known, "seed {seed}: record {number} at {offset} came from nowhere");
        }
    }
}
