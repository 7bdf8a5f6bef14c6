//! Makes batches: for compaction, the coordinators, the command line and tests. Not used for what producers send.

use super::{
    Attributes, BatchError, BatchHeader, HEADER_SIZE, LOG_OVERHEAD, MAGIC, Record, TimestampType, patch::with_crc,
};
use crate::{
    compression::{Compression, compress},
    wire::{put_varint, put_varlong},
};
use bytes::Bytes;
use model::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, WallTime};

/// What a new batch says besides its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchOptions {
    pub base_offset: Offset,
    pub partition_leader_epoch: LeaderEpoch,
    pub compression: Compression,
    /// The codec's own default where `None`.
    pub compression_level: Option<i32>,
    pub timestamp_type: TimestampType,
    /// Stamps the batch where the timestamp type is `LogAppendTime`.
    pub log_append_time: WallTime,
    pub producer_id: ProducerId,
    pub producer_epoch: ProducerEpoch,
    pub base_sequence: Sequence,
    pub transactional: bool,
    pub control: bool,
    pub delete_horizon: Option<WallTime>,
}

impl Default for BatchOptions {
    fn default() -> Self {
        Self {
            base_offset: Offset::ZERO,
            partition_leader_epoch: LeaderEpoch::UNKNOWN,
            compression: Compression::None,
            compression_level: None,
            timestamp_type: TimestampType::CreateTime,
            log_append_time: WallTime::NONE,
            producer_id: ProducerId(-1),
            producer_epoch: ProducerEpoch(-1),
            base_sequence: Sequence::NONE,
            transactional: false,
            control: false,
            delete_horizon: None,
        }
    }
}

impl BatchOptions {
    /// All that `header` says, for a batch that replaces it.
    pub fn like(header: &BatchHeader) -> Result<Self, BatchError> {
        Ok(Self {
            base_offset: header.base_offset,
            partition_leader_epoch: header.partition_leader_epoch,
            compression: header.attributes.compression()?,
            compression_level: None,
            timestamp_type: header.attributes.timestamp_type(),
            log_append_time: header.max_timestamp,
            producer_id: header.producer_id,
            producer_epoch: header.producer_epoch,
            base_sequence: header.base_sequence,
            transactional: header.attributes.is_transactional(),
            control: header.attributes.is_control(),
            delete_horizon: header.delete_horizon(),
        })
    }

    fn attributes(&self) -> Attributes {
        Attributes::default()
            .with_compression(self.compression)
            .with_timestamp_type(self.timestamp_type)
            .with_transactional(self.transactional)
            .with_control(self.control)
            .with_delete_horizon(self.delete_horizon.is_some())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeaderData<'a> {
    pub key: &'a [u8],
    pub value: Option<&'a [u8]>,
}

/// A record to be written; its offset is the batch's next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RecordData<'a> {
    pub timestamp: WallTime,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    pub headers: &'a [HeaderData<'a>],
}

/// Collects records, then makes the batch.
#[derive(Debug)]
pub struct BatchBuilder {
    options: BatchOptions,
    records: Vec<u8>,
    scratch: Vec<u8>,
    count: i32,
    next_delta: i32,
    last_offset_delta: Option<i32>,
    base_timestamp: WallTime,
    max_timestamp: WallTime,
}

impl BatchBuilder {
    pub fn new(options: BatchOptions) -> Self {
        Self {
            options,
            records: Vec::new(),
            scratch: Vec::new(),
            count: 0,
            next_delta: 0,
            last_offset_delta: None,
            base_timestamp: options.delete_horizon.unwrap_or(WallTime::NONE),
            max_timestamp: WallTime::NONE,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub fn record_count(&self) -> i32 {
        self.count
    }

    /// Size of the batch if it were made now and not compressed.
    pub fn uncompressed_size(&self) -> usize {
        HEADER_SIZE + self.records.len()
    }

    /// Adds a record at the next offset.
    pub fn push(&mut self, record: &RecordData<'_>) {
        let headers = record.headers.iter().map(|header| (header.key, header.value));
        self.add(self.next_delta, record.timestamp, record.key, record.value, headers);
    }

    /// Adds a record of another batch at the next offset of this one.
    pub fn push_copy(&mut self, record: &Record<'_>) {
        self.copy(self.next_delta, record);
    }

    /// Adds a record of another batch at the offset it has there, as compaction must. It must not lie below the base
    /// offset of this batch nor below the record before it.
    pub fn retain(&mut self, record: &Record<'_>) {
        let delta = record.offset.0 - self.options.base_offset.0;
        let delta = i32::try_from(delta).expect("records retained in a batch lie within its offsets");
        self.copy(delta, record);
    }

    fn copy(&mut self, delta: i32, record: &Record<'_>) {
        let headers = record.headers.clone().map(|header| (header.key, header.value));
        self.add(delta, record.timestamp, record.key, record.value, headers);
    }

    /// Says which offset the batch ends with when it is not its last record's: a compacted batch keeps its range.
    pub fn set_last_offset(&mut self, last: Offset) {
        let delta = i32::try_from(last.0 - self.options.base_offset.0).expect("a batch spans less than 2^31 offsets");
        self.last_offset_delta = Some(delta);
    }

    fn add<'r>(
        &mut self,
        delta: i32,
        timestamp: WallTime,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: impl ExactSizeIterator<Item = (&'r [u8], Option<&'r [u8]>)>,
    ) {
        if self.count == 0 && self.options.delete_horizon.is_none() {
            self.base_timestamp = timestamp;
        }
        self.max_timestamp = self.max_timestamp.max(timestamp);
        let fields = &mut self.scratch;
        fields.clear();
        fields.push(0);
        put_varlong(fields, timestamp.0.wrapping_sub(self.base_timestamp.0));
        put_varint(fields, delta);
        put_nullable(fields, key);
        put_nullable(fields, value);
        put_varint(fields, length(headers.len()));
        for (key, value) in headers {
            put_nullable(fields, Some(key));
            put_nullable(fields, value);
        }
        put_varint(&mut self.records, length(fields.len()));
        self.records.extend_from_slice(fields);
        self.count += 1;
        self.next_delta = delta + 1;
    }

    /// The batch. Without records it still holds the producer's state ([`empty_batch`]).
    pub fn build(self) -> Result<Bytes, BatchError> {
        let stamped = self.options.timestamp_type == TimestampType::LogAppendTime;
        let header = BatchHeader {
            base_offset: self.options.base_offset,
            length: 0,
            partition_leader_epoch: self.options.partition_leader_epoch,
            magic: MAGIC,
            crc: 0,
            attributes: self.options.attributes(),
            last_offset_delta: self.last_offset_delta.unwrap_or(self.next_delta - 1),
            base_timestamp: self.base_timestamp,
            max_timestamp: if stamped { self.options.log_append_time } else { self.max_timestamp },
            producer_id: self.options.producer_id,
            producer_epoch: self.options.producer_epoch,
            base_sequence: self.options.base_sequence,
            record_count: self.count,
        };
        let mut batch = vec![0; HEADER_SIZE];
        compress(self.options.compression, self.options.compression_level, &self.records, &mut batch)?;
        Ok(sealed(header, batch))
    }
}

/// Fills in length, checksum and header in front of the records that `batch` holds after 61 free bytes.
pub(crate) fn sealed(header: BatchHeader, mut batch: Vec<u8>) -> Bytes {
    let header = with_crc(&BatchHeader { length: length(batch.len() - LOG_OVERHEAD), ..header }, &batch[HEADER_SIZE..]);
    batch[..HEADER_SIZE].copy_from_slice(&header.encode());
    Bytes::from(batch)
}

/// One batch with `records` at consecutive offsets.
pub fn build_batch(options: &BatchOptions, records: &[RecordData<'_>]) -> Result<Bytes, BatchError> {
    let mut builder = BatchBuilder::new(*options);
    for record in records {
        builder.push(record);
    }
    builder.build()
}

/// What compaction leaves of a batch whose records are all gone but whose producer state must stay: the header alone,
/// with its offsets, sequences and max timestamp.
pub fn empty_batch(header: &BatchHeader) -> Bytes {
    let attributes = header.attributes.with_compression(Compression::None).with_delete_horizon(false);
    let empty = BatchHeader { attributes, base_timestamp: header.max_timestamp, record_count: 0, ..*header };
    sealed(empty, vec![0; HEADER_SIZE])
}

fn put_nullable(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        None => put_varint(out, -1),
        Some(bytes) => {
            put_varint(out, length(bytes.len()));
            out.extend_from_slice(bytes);
        }
    }
}

fn length(length: usize) -> i32 {
    i32::try_from(length).expect("batches we make stay far below 2 GiB")
}
