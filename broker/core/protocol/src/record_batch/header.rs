//! The 61 bytes before the records.

use super::BatchError;
use crate::compression::Compression;
use model::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, WallTime};

/// Bytes of a batch before its records.
pub const HEADER_SIZE: usize = 61;
/// Bytes before the part that the length field counts: base offset and the length field itself.
pub const LOG_OVERHEAD: usize = 12;
/// Where the length field is.
pub const LENGTH_START: usize = 8;
/// First byte under the checksum.
pub const CRC_START: usize = 21;
pub const MAGIC: i8 = 2;

const SMALLEST_LENGTH: i32 = (HEADER_SIZE - LOG_OVERHEAD) as i32;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampType {
    CreateTime,
    LogAppendTime,
}

/// Bits 0–2 codec, 3 timestamp type, 4 transactional, 5 control, 6 delete horizon (KIP-534).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Attributes(pub i16);

impl Attributes {
    const COMPRESSION: i16 = 0b0000_0111;
    const LOG_APPEND_TIME: i16 = 0b0000_1000;
    const TRANSACTIONAL: i16 = 0b0001_0000;
    const CONTROL: i16 = 0b0010_0000;
    const DELETE_HORIZON: i16 = 0b0100_0000;

    pub fn compression(self) -> Result<Compression, BatchError> {
        let id = self.0 & Self::COMPRESSION;
        Compression::from_id(id).ok_or(BatchError::UnknownCompression(id))
    }

    pub fn is_compressed(self) -> bool {
        self.0 & Self::COMPRESSION != 0
    }

    pub fn timestamp_type(self) -> TimestampType {
        if self.0 & Self::LOG_APPEND_TIME == 0 { TimestampType::CreateTime } else { TimestampType::LogAppendTime }
    }

    pub fn is_transactional(self) -> bool {
        self.0 & Self::TRANSACTIONAL != 0
    }

    /// A batch of markers, which clients never see and may not send.
    pub fn is_control(self) -> bool {
        self.0 & Self::CONTROL != 0
    }

    /// The base timestamp is not a timestamp but the time at which compaction may drop tombstones and markers.
    pub fn has_delete_horizon(self) -> bool {
        self.0 & Self::DELETE_HORIZON != 0
    }

    #[must_use]
    pub fn with_compression(self, compression: Compression) -> Self {
        Self(self.0 & !Self::COMPRESSION | compression.id())
    }

    #[must_use]
    pub fn with_timestamp_type(self, kind: TimestampType) -> Self {
        self.with(Self::LOG_APPEND_TIME, kind == TimestampType::LogAppendTime)
    }

    #[must_use]
    pub fn with_transactional(self, on: bool) -> Self {
        self.with(Self::TRANSACTIONAL, on)
    }

    #[must_use]
    pub fn with_control(self, on: bool) -> Self {
        self.with(Self::CONTROL, on)
    }

    #[must_use]
    pub fn with_delete_horizon(self, on: bool) -> Self {
        self.with(Self::DELETE_HORIZON, on)
    }

    fn with(self, bit: i16, on: bool) -> Self {
        if on { Self(self.0 | bit) } else { Self(self.0 & !bit) }
    }
}

/// Every field of the 61 bytes, as they are. Reading one checks that it can be a header, not that it tells the truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchHeader {
    pub base_offset: Offset,
    /// Bytes after the length field; see [`BatchHeader::size_in_bytes`].
    pub length: i32,
    pub partition_leader_epoch: LeaderEpoch,
    pub magic: i8,
    pub crc: u32,
    pub attributes: Attributes,
    pub last_offset_delta: i32,
    /// Of the first record, or the delete horizon ([`Attributes::has_delete_horizon`]).
    pub base_timestamp: WallTime,
    pub max_timestamp: WallTime,
    /// -1 without idempotence.
    pub producer_id: ProducerId,
    pub producer_epoch: ProducerEpoch,
    pub base_sequence: Sequence,
    pub record_count: i32,
}

impl BatchHeader {
    /// Reads the header at the start of `bytes`. The records need not be there.
    pub fn read(bytes: &[u8]) -> Result<Self, BatchError> {
        let Some(bytes) = bytes.first_chunk::<HEADER_SIZE>() else {
            return Err(Self::cut(bytes));
        };
        let header = Self::decode(bytes);
        // Magic first: a message set v0 or v1 has other fields after it.
        if header.magic != MAGIC {
            return Err(BatchError::Magic(header.magic));
        }
        if header.length < SMALLEST_LENGTH {
            return Err(BatchError::Length(header.length));
        }
        Ok(header)
    }

    /// The right error for fewer bytes than a header: what is there may already be wrong.
    fn cut(bytes: &[u8]) -> BatchError {
        if let Some(&magic) = bytes.get(16)
            && magic.cast_signed() != MAGIC
        {
            return BatchError::Magic(magic.cast_signed());
        }
        BatchError::Truncated { needed: HEADER_SIZE, available: bytes.len() }
    }

    fn decode(bytes: &[u8; HEADER_SIZE]) -> Self {
        fn at<const N: usize>(bytes: &[u8; HEADER_SIZE], start: usize) -> [u8; N] {
            bytes[start..start + N].try_into().expect("N bytes inside the header")
        }
        Self {
            base_offset: Offset(i64::from_be_bytes(at(bytes, 0))),
            length: i32::from_be_bytes(at(bytes, LENGTH_START)),
            partition_leader_epoch: LeaderEpoch(i32::from_be_bytes(at(bytes, 12))),
            magic: i8::from_be_bytes(at(bytes, 16)),
            crc: u32::from_be_bytes(at(bytes, 17)),
            attributes: Attributes(i16::from_be_bytes(at(bytes, CRC_START))),
            last_offset_delta: i32::from_be_bytes(at(bytes, 23)),
            base_timestamp: WallTime(i64::from_be_bytes(at(bytes, 27))),
            max_timestamp: WallTime(i64::from_be_bytes(at(bytes, 35))),
            producer_id: ProducerId(i64::from_be_bytes(at(bytes, 43))),
            producer_epoch: ProducerEpoch(i16::from_be_bytes(at(bytes, 51))),
            base_sequence: Sequence(i32::from_be_bytes(at(bytes, 53))),
            record_count: i32::from_be_bytes(at(bytes, 57)),
        }
    }

    /// The 61 bytes of this header, checksum as stored in it.
    pub fn encode(&self) -> [u8; HEADER_SIZE] {
        let mut bytes = [0; HEADER_SIZE];
        bytes[0..8].copy_from_slice(&self.base_offset.0.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.length.to_be_bytes());
        bytes[12..16].copy_from_slice(&self.partition_leader_epoch.0.to_be_bytes());
        bytes[16] = self.magic.cast_unsigned();
        bytes[17..21].copy_from_slice(&self.crc.to_be_bytes());
        bytes[21..23].copy_from_slice(&self.attributes.0.to_be_bytes());
        bytes[23..27].copy_from_slice(&self.last_offset_delta.to_be_bytes());
        bytes[27..35].copy_from_slice(&self.base_timestamp.0.to_be_bytes());
        bytes[35..43].copy_from_slice(&self.max_timestamp.0.to_be_bytes());
        bytes[43..51].copy_from_slice(&self.producer_id.0.to_be_bytes());
        bytes[51..53].copy_from_slice(&self.producer_epoch.0.to_be_bytes());
        bytes[53..57].copy_from_slice(&self.base_sequence.0.to_be_bytes());
        bytes[57..61].copy_from_slice(&self.record_count.to_be_bytes());
        bytes
    }

    /// The whole batch, header included.
    pub fn size_in_bytes(&self) -> usize {
        LOG_OVERHEAD + usize::try_from(self.length).unwrap_or(0)
    }

    pub fn last_offset(&self) -> Offset {
        Offset(self.base_offset.0.saturating_add(i64::from(self.last_offset_delta)))
    }

    /// The offset of whatever follows this batch.
    pub fn next_offset(&self) -> Offset {
        Offset(self.last_offset().0.saturating_add(1))
    }

    pub fn has_producer_id(&self) -> bool {
        self.producer_id.0 > -1
    }

    /// Of the last record; -1 where the batch has no sequences.
    pub fn last_sequence(&self) -> Sequence {
        if self.base_sequence.0 < 0 || self.last_offset_delta < 0 {
            return Sequence::NONE;
        }
        self.base_sequence.plus(self.last_offset_delta)
    }

    /// When compaction may drop the tombstones and markers of this batch, where that is decided.
    pub fn delete_horizon(&self) -> Option<WallTime> {
        self.attributes.has_delete_horizon().then_some(self.base_timestamp)
    }
}
