//! One consumer of many partitions, with an incremental session (KIP-227): after the first request only what moved is
//! said again.

use super::{CLIENT_ID, Due, set_correlation_id};
use crate::load::{Count, Dialogue};
use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use kafka_protocol::{
    messages::{
        FetchRequest, FetchResponse, TopicName,
        fetch_request::{FetchPartition, FetchTopic},
    },
    protocol::{Decodable, StrBytes},
};
use protocol::{
    frame::{FramePrefix, encode_request},
    record_batch::{BatchError, Batches},
};

const API_KEY: i16 = 1;
const VERSION: i16 = 12;
const MAX_PARTITION_BYTES: i32 = 1 << 20;
const MAX_BYTES: i32 = 50 << 20;
const MAX_WAIT_MS: i32 = 500;
/// Correlation id and the empty tags behind it.
const HEADER_SIZE: usize = 5;

pub(crate) struct FetchSession {
    topic: TopicName,
    session_id: i32,
    session_epoch: i32,
    /// By partition, where to read on.
    next: Vec<i64>,
    /// Partitions whose offset the broker does not know yet.
    moved: Vec<i32>,
    /// By partition and offset, when a record should have left.
    due: Due<(usize, i64)>,
    frame: Vec<u8>,
    frame_of: Option<i32>,
}

impl FetchSession {
    pub(crate) fn new(topic: &str, next: Vec<i64>, due: Due<(usize, i64)>) -> Result<Self> {
        let moved = (0..i32::try_from(next.len())?).collect();
        let topic = TopicName(StrBytes::from_string(topic.into()));
        Ok(Self { topic, session_id: 0, session_epoch: 0, next, moved, due, frame: Vec::new(), frame_of: None })
    }

    fn encode(&mut self) -> Vec<u8> {
        let partition = |index: i32| {
            FetchPartition::default()
                .with_partition(index)
                .with_fetch_offset(self.next[index as usize])
                .with_partition_max_bytes(MAX_PARTITION_BYTES)
        };
        let partitions: Vec<_> = self.moved.iter().copied().map(partition).collect();
        let topic = FetchTopic::default().with_topic(self.topic.clone()).with_partitions(partitions);
        let request = FetchRequest::default()
            .with_max_wait_ms(MAX_WAIT_MS)
            .with_min_bytes(1)
            .with_max_bytes(MAX_BYTES)
            .with_session_id(self.session_id)
            .with_session_epoch(self.session_epoch)
            .with_topics(if self.moved.is_empty() { Vec::new() } else { vec![topic] });
        let prefix = FramePrefix { api_key: API_KEY, api_version: VERSION, correlation_id: 0 };
        let frame = encode_request(prefix, Some(CLIENT_ID), &request).expect("a request of ours fits its version");
        self.moved.clear();
        frame.to_vec()
    }

    /// Moves behind the records of a partition; how many there were.
    fn advance(&mut self, index: i32, records: &[u8]) -> Result<u64> {
        let next = self.next.get_mut(usize::try_from(index)?).context("a partition that was not asked for")?;
        let before = *next;
        for batch in Batches::new(records) {
            match batch {
                Ok(batch) => *next = batch.header.next_offset().0,
                Err(BatchError::Truncated { .. }) => break,
                Err(error) => bail!("a fetched batch is not good: {error}"),
            }
        }
        if *next > before {
            self.moved.push(index);
        }
        Ok((*next - before).cast_unsigned())
    }
}

impl Dialogue for FetchSession {
    fn request(&mut self, correlation_id: i32) -> &[u8] {
        if self.frame_of != Some(correlation_id) {
            self.frame = self.encode();
            self.frame_of = Some(correlation_id);
            set_correlation_id(&mut self.frame, correlation_id);
        }
        &self.frame
    }

    fn answered(&mut self, _correlation_id: i32, answer: &[u8], now: u64) -> Result<Count> {
        let mut body = Bytes::copy_from_slice(answer.get(HEADER_SIZE..).context("a cut answer")?);
        let response = FetchResponse::decode(&mut body, VERSION).context("read a Fetch answer")?;
        ensure!(response.error_code == 0, "the broker refused a session with error {}", response.error_code);
        self.session_id = response.session_id;
        self.session_epoch += 1;
        let mut count = Count { bytes: answer.len() as u64, ..Count::default() };
        for partition in response.responses.iter().flat_map(|topic| &topic.partitions) {
            let (index, error) = (partition.partition_index, partition.error_code);
            ensure!(error == 0, "the broker refused partition {index} with error {error}");
            let records = self.advance(index, partition.records.as_deref().unwrap_or_default())?;
            count.records += records;
            if records > 0 {
                let index = index as usize;
                let late = now.saturating_sub((self.due)((index, self.next[index] - 1)));
                count.latency = count.latency.max(Some(late));
            }
        }
        Ok(count)
    }
}
