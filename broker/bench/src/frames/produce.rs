//! One Produce request, again and again.

use super::{CLIENT_ID, set_correlation_id};
use crate::{
    admin::Admin,
    load::{Count, Dialogue},
};
use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use kafka_protocol::{
    messages::{
        ProduceRequest, TopicName,
        produce_request::{PartitionProduceData, TopicProduceData},
    },
    protocol::StrBytes,
};
use protocol::{
    frame::{FramePrefix, encode_request},
    wire::{Reader, WireError},
};
use std::ops::Range;

const API_KEY: i16 = 0;
/// The newest that names topics, so that the request needs no metadata first.
const VERSION: i16 = 12;
const TIMEOUT_MS: i32 = 30_000;

/// A request with one batch, size first.
pub(crate) fn produce_frame(topic: &str, partition: i32, acks: i16, batch: &Bytes) -> Result<Vec<u8>> {
    let request = request(topic, partition..partition + 1, acks, batch);
    let prefix = FramePrefix { api_key: API_KEY, api_version: VERSION, correlation_id: 0 };
    Ok(encode_request(prefix, Some(CLIENT_ID), &request)?.to_vec())
}

fn request(topic: &str, partitions: Range<i32>, acks: i16, batch: &Bytes) -> ProduceRequest {
    let data =
        partitions.map(|index| PartitionProduceData::default().with_index(index).with_records(Some(batch.clone())));
    let topic = TopicProduceData::default()
        .with_name(TopicName(StrBytes::from_string(topic.into())))
        .with_partition_data(data.collect());
    ProduceRequest::default().with_acks(acks).with_timeout_ms(TIMEOUT_MS).with_topic_data(vec![topic])
}

/// Puts one batch into every partition.
pub(crate) fn produce_to_all(admin: &mut Admin, topic: &str, partitions: i32, batch: &Bytes) -> Result<()> {
    let answer = admin.call(VERSION, &request(topic, 0..partitions, -1, batch))?;
    let refused = answer.responses.iter().flat_map(|topic| &topic.partition_responses).find(|p| p.error_code != 0);
    if let Some(refused) = refused {
        bail!("partition {} refused a batch with error {}", refused.index, refused.error_code);
    }
    Ok(())
}

/// Stands for the partition until it is found in an encoded request.
const MARKER: i32 = 0x5765_6972;

/// Sends the same batch, to one partition or to several in turn.
pub(crate) struct Producing {
    frame: Vec<u8>,
    per_answer: Count,
    turn: Option<Turn>,
}

struct Turn {
    partitions: i32,
    /// Where the partition is in the frame.
    position: usize,
}

impl Producing {
    pub(crate) fn new(frame: Vec<u8>, records: u64, bytes: u64) -> Self {
        Self { frame, per_answer: Count { records, bytes, latency: None }, turn: None }
    }

    /// Request `n` goes to partition `n % partitions`.
    pub(crate) fn in_turn(topic: &str, partitions: i32, acks: i16, batch: &Bytes, bytes: u64) -> Result<Self> {
        let frame = produce_frame(topic, MARKER, acks, batch)?;
        let marker = MARKER.to_be_bytes();
        let position = frame.windows(4).position(|w| w == marker).context("find the partition of a request")?;
        Ok(Self { turn: Some(Turn { partitions, position }), ..Self::new(frame, 1, bytes) })
    }
}

impl Dialogue for Producing {
    fn request(&mut self, correlation_id: i32) -> &[u8] {
        set_correlation_id(&mut self.frame, correlation_id);
        if let Some(turn) = &self.turn {
            let partition = correlation_id.rem_euclid(turn.partitions);
            self.frame[turn.position..turn.position + 4].copy_from_slice(&partition.to_be_bytes());
        }
        &self.frame
    }

    fn answered(&mut self, correlation_id: i32, answer: &[u8], _now: u64) -> Result<Count> {
        let (id, error) = read(answer).context("read a Produce answer")?;
        ensure!(id == correlation_id, "the answer to request {id} came instead of {correlation_id}'s");
        ensure!(error == 0, "the broker refused a batch with error {error}");
        Ok(self.per_answer)
    }
}

/// Correlation id and error of the one partition.
fn read(answer: &[u8]) -> Result<(i32, i16), WireError> {
    let mut reader = Reader::new(answer);
    let id = reader.i32()?;
    reader.skip_tags(true)?;
    reader.array_count(true)?;
    reader.nullable_text(true)?;
    reader.array_count(true)?;
    reader.skip(4)?;
    Ok((id, reader.i16()?))
}
