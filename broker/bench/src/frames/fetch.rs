//! Reading one partition from an offset on, each request where the answer before it ended.

use super::{CLIENT_ID, Due, set_correlation_id};
use crate::load::{Count, Dialogue};
use anyhow::{Context, Result, bail, ensure};
use kafka_protocol::{
    messages::{
        FetchRequest, TopicName,
        fetch_request::{FetchPartition, FetchTopic},
    },
    protocol::StrBytes,
};
use protocol::{
    frame::{FramePrefix, encode_request},
    record_batch::{BatchError, Batches},
    wire::{Reader, WireError},
};

const API_KEY: i16 = 1;
/// The newest that names topics.
const VERSION: i16 = 12;
/// Of a response and of a partition: what consumers ask for by default.
pub(crate) const MAX_PARTITION_BYTES: i32 = 1 << 20;
const MAX_BYTES: i32 = 50 << 20;
const MAX_WAIT_MS: i32 = 500;
/// Found again in the encoded request to learn where the offset is.
const MARKER: i64 = 0x5765_6972_4265_6e63;

/// What happens at the end of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AtEnd {
    /// Begin anew, which keeps a reader of a finished log busy.
    StartAgain,
    /// Wait for more.
    Wait,
}

pub(crate) struct Fetching {
    frame: Vec<u8>,
    offset_position: usize,
    first: i64,
    next: i64,
    at_end: AtEnd,
    due: Option<Due<i64>>,
}

impl Fetching {
    pub(crate) fn new(topic: &str, partition: i32, first: i64, at_end: AtEnd, due: Option<Due<i64>>) -> Result<Self> {
        let wanted = FetchPartition::default()
            .with_partition(partition)
            .with_fetch_offset(MARKER)
            .with_partition_max_bytes(MAX_PARTITION_BYTES);
        let topic = FetchTopic::default()
            .with_topic(TopicName(StrBytes::from_string(topic.into())))
            .with_partitions(vec![wanted]);
        let request = FetchRequest::default()
            .with_max_wait_ms(MAX_WAIT_MS)
            .with_min_bytes(1)
            .with_max_bytes(MAX_BYTES)
            .with_session_epoch(-1)
            .with_topics(vec![topic]);
        let prefix = FramePrefix { api_key: API_KEY, api_version: VERSION, correlation_id: 0 };
        let mut frame = encode_request(prefix, Some(CLIENT_ID), &request)?.to_vec();
        let marker = MARKER.to_be_bytes();
        let offset_position = frame.windows(8).position(|w| w == marker).context("find the offset of a request")?;
        frame[offset_position..offset_position + 8].copy_from_slice(&first.to_be_bytes());
        Ok(Self { frame, offset_position, first, next: first, at_end, due })
    }
}

impl Dialogue for Fetching {
    fn request(&mut self, correlation_id: i32) -> &[u8] {
        set_correlation_id(&mut self.frame, correlation_id);
        self.frame[self.offset_position..self.offset_position + 8].copy_from_slice(&self.next.to_be_bytes());
        &self.frame
    }

    fn answered(&mut self, correlation_id: i32, answer: &[u8], now: u64) -> Result<Count> {
        let answer = FetchAnswer::read(answer).context("read a Fetch answer")?;
        ensure!(answer.correlation_id == correlation_id, "the answer to another request came");
        ensure!(answer.error == 0, "the broker refused a fetch of offset {} with error {}", self.next, answer.error);
        let before = self.next;
        for batch in Batches::new(answer.records) {
            match batch {
                Ok(batch) => self.next = batch.header.next_offset().0,
                // The cut batch at the end; the next fetch begins with it.
                Err(BatchError::Truncated { .. }) => break,
                Err(error) => bail!("a fetched batch is not good: {error}"),
            }
        }
        let records = (self.next - before).cast_unsigned();
        let latency = match &self.due {
            Some(due) if records > 0 => Some(now.saturating_sub(due(self.next - 1))),
            _ => None,
        };
        if self.at_end == AtEnd::StartAgain && self.next >= answer.high_watermark {
            self.next = self.first;
        }
        Ok(Count { records, bytes: answer.records.len() as u64, latency })
    }
}

struct FetchAnswer<'a> {
    correlation_id: i32,
    error: i16,
    high_watermark: i64,
    records: &'a [u8],
}

impl<'a> FetchAnswer<'a> {
    fn read(answer: &'a [u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(answer);
        let correlation_id = reader.i32()?;
        reader.skip_tags(true)?;
        reader.skip(4)?;
        let error = reader.i16()?;
        reader.skip(4)?;
        if error != 0 || reader.array_count(true)?.unwrap_or(0) == 0 {
            return Ok(Self { correlation_id, error, high_watermark: i64::MAX, records: &[] });
        }
        reader.nullable_text(true)?;
        reader.array_count(true)?;
        reader.skip(4)?;
        let error = reader.i16()?;
        let high_watermark = reader.i64()?;
        reader.skip(16)?;
        for _ in 0..reader.array_count(true)?.unwrap_or(0) {
            reader.skip(16)?;
            reader.skip_tags(true)?;
        }
        reader.skip(4)?;
        let records = reader.nullable_bytes(true)?.unwrap_or_default();
        Ok(Self { correlation_id, error, high_watermark, records })
    }
}
