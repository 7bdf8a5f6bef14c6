//! Transaction markers: the control records a coordinator writes into partitions.

use super::{BatchOptions, RecordData, build_batch};
use crate::wire::Reader;
use bytes::Bytes;
use model::{ProducerEpoch, ProducerId, Sequence, WallTime};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkerKind {
    Abort,
    Commit,
}

/// What a control record says. Types other than the two markers exist (KRaft's) and are kept as their number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ControlRecord {
    EndTransaction { kind: MarkerKind, coordinator_epoch: i32 },
    Other(i16),
}

impl ControlRecord {
    /// Key: version, type. Value: version, coordinator epoch. Later versions may append fields.
    pub fn read(key: Option<&[u8]>, value: Option<&[u8]>) -> Option<Self> {
        let mut key = Reader::new(key?);
        key.i16().ok().filter(|version| *version >= 0)?;
        let kind = match key.i16().ok()? {
            0 => MarkerKind::Abort,
            1 => MarkerKind::Commit,
            other => return Some(Self::Other(other)),
        };
        let mut value = Reader::new(value?);
        value.i16().ok().filter(|version| *version >= 0)?;
        Some(Self::EndTransaction { kind, coordinator_epoch: value.i32().ok()? })
    }
}

/// A batch with one marker, base offset 0, as a coordinator sends it to the leader of a partition.
pub fn control_batch(
    producer_id: ProducerId,
    producer_epoch: ProducerEpoch,
    timestamp: WallTime,
    kind: MarkerKind,
    coordinator_epoch: i32,
) -> Bytes {
    let options = BatchOptions {
        producer_id,
        producer_epoch,
        base_sequence: Sequence::NONE,
        transactional: true,
        control: true,
        ..BatchOptions::default()
    };
    let code: u8 = match kind {
        MarkerKind::Abort => 0,
        MarkerKind::Commit => 1,
    };
    let mut value = vec![0, 0];
    value.extend_from_slice(&coordinator_epoch.to_be_bytes());
    let record = RecordData { timestamp, key: Some(&[0, 0, 0, code]), value: Some(&value), ..RecordData::default() };
    build_batch(&options, &[record]).expect("a marker is a few bytes, uncompressed")
}
