//! Batches taken and refused.

use super::{RECORDED_AT, batch, make_topic, offsets, sequenced, text, topic_id, topic_name, uuid_of::Uuid};
use crate::session::Session;
use anyhow::Result;
use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{
    InitProducerIdRequest, ProduceRequest, ProducerId as WireProducerId, TransactionalId,
    produce_request::{PartitionProduceData, TopicProduceData},
};
use model::{LeaderEpoch, Offset, WallTime};
use protocol::{
    compression::Compression,
    record_batch::{BatchOptions, HEADER_SIZE, MarkerKind, RecordData, build_batch, control_batch},
};

pub(super) fn producing(topic: &str, partition: i32, acks: i16, records: Option<Bytes>) -> ProduceRequest {
    let data = PartitionProduceData::default().with_index(partition).with_records(records);
    let topic = TopicProduceData::default().with_name(topic_name(topic)).with_partition_data(vec![data]);
    ProduceRequest::default().with_acks(acks).with_timeout_ms(5_000).with_topic_data(vec![topic])
}

pub(super) fn plain(values: &[&str]) -> Bytes {
    batch(values, &BatchOptions::default())
}

pub(super) fn accepted_batches(session: &mut Session) -> Result<()> {
    make_topic(session, "produced", 2, &[])?;
    make_topic(session, "produced-stamped", 1, &[("message.timestamp.type", "LogAppendTime")])?;
    session.ask_all("Produce", 3..=12, |_| producing("produced", 0, -1, Some(plain(&["a", "b", "c"]))))?;
    session.ask_all("Produce with acks 1", 3..=12, |_| producing("produced", 1, 1, Some(plain(&["a"]))))?;
    session.ask_all("Produce with the broker's time", 3..=12, |_| {
        producing("produced-stamped", 0, -1, Some(plain(&["a"])))
    })?;
    let id = topic_id(session, "produced")?;
    let by_id = |id| {
        let data = PartitionProduceData::default().with_index(0).with_records(Some(plain(&["by id"])));
        ProduceRequest::default()
            .with_acks(-1)
            .with_timeout_ms(5_000)
            .with_topic_data(vec![TopicProduceData::default().with_topic_id(id).with_partition_data(vec![data])])
    };
    session.ask("Produce by id", 13, &by_id(id))?;
    session.ask("Produce by unknown id", 13, &by_id(Uuid::from_u128(5)))?;
    for codec in [Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd] {
        let options = BatchOptions { compression: codec, ..BatchOptions::default() };
        session.ask(
            &format!("Produce {codec:?}"),
            9,
            &producing("produced", 0, -1, Some(batch(&["x", "y"], &options))),
        )?;
    }
    Ok(())
}

/// `batch` with one byte changed.
fn changed(batch: &Bytes, at: usize, byte: u8) -> Bytes {
    let mut batch = BytesMut::from(batch.as_ref());
    batch[at] = byte;
    batch.freeze()
}

pub(super) fn refused_batches(session: &mut Session) -> Result<()> {
    make_topic(session, "refusing", 1, &[])?;
    make_topic(session, "refusing-small", 1, &[("max.message.bytes", "100")])?;
    make_topic(session, "refusing-keyless", 1, &[("cleanup.policy", "compact")])?;
    make_topic(session, "refusing-old", 1, &[("message.timestamp.before.max.ms", "1000")])?;
    let good = plain(&["a"]);
    session.ask_all("Produce with acks 2", 3..=12, |_| producing("refusing", 0, 2, Some(good.clone())))?;
    session.ask_all("Produce to an unknown partition", 3..=12, |_| producing("refusing", 7, -1, Some(good.clone())))?;
    // Null records are not asked: Kafka leaves them without an answer.
    let cases = [
        ("empty records", Some(Bytes::new())),
        ("bad checksum", Some(changed(&good, HEADER_SIZE + 3, 0xee))),
        ("magic 1", Some(changed(&good, 16, 1))),
        ("magic 3", Some(changed(&good, 16, 3))),
        ("cut short", Some(good.slice(..good.len() - 1))),
        ("two batches", Some([good.clone(), good.clone()].concat().into())),
        (
            "control batch",
            Some(control_batch(
                model::ProducerId(1),
                model::ProducerEpoch(0),
                WallTime(RECORDED_AT),
                MarkerKind::Commit,
                0,
            )),
        ),
        ("base offset 5", Some(batch(&["a"], &BatchOptions { base_offset: Offset(5), ..BatchOptions::default() }))),
        ("producer without sequence", Some(batch(&["a"], &sequenced(1, 0, -1)))),
    ];
    for (why, records) in cases {
        session.ask(&format!("Produce refused: {why}"), 9, &producing("refusing", 0, -1, records))?;
    }
    session.ask_all("Produce above max.message.bytes", 3..=12, |_| {
        producing("refusing-small", 0, -1, Some(plain(&["x".repeat(200).as_str()])))
    })?;
    session.ask_all("Produce before the limit", 3..=12, |_| producing("refusing-old", 0, -1, Some(good.clone())))?;
    let keyless = build_batch(
        &BatchOptions::default(),
        &[RecordData { timestamp: WallTime(RECORDED_AT), value: Some(b"v"), ..RecordData::default() }],
    )?;
    session.ask_all("Produce without key, compacted", 3..=12, |_| {
        producing("refusing-keyless", 0, -1, Some(keyless.clone()))
    })?;
    let zstd = batch(&["a"], &BatchOptions { compression: Compression::Zstd, ..BatchOptions::default() });
    session.ask("Produce zstd below v7", 6, &producing("refusing", 0, -1, Some(zstd)))?;
    session.ask("Produce to an internal topic", 9, &producing("__consumer_offsets", 0, -1, Some(good)))?;
    Ok(())
}

/// Without acks there is no answer; what came of the request is seen by the next.
pub(super) fn unacknowledged(session: &mut Session) -> Result<()> {
    make_topic(session, "unacknowledged", 1, &[])?;
    session.start(9, &producing("unacknowledged", 0, 0, Some(plain(&["a", "b"]))))?;
    session.ask("ListOffsets after acks 0", 7, &offsets::listing("unacknowledged", 0, -1))?;
    session.ask(
        "Produce with acks 0 to an unknown partition",
        9,
        &producing("unacknowledged", 7, 0, Some(plain(&["a"]))),
    )?;
    session.ask("ListOffsets after that", 7, &offsets::listing("unacknowledged", 0, -1))?;
    Ok(())
}

/// What the broker writes over what the producer sent.
pub(super) fn stored_batches(session: &mut Session) -> Result<()> {
    make_topic(session, "stored-batches", 1, &[])?;
    let sent = batch(&["a", "b"], &BatchOptions { partition_leader_epoch: LeaderEpoch(50), ..sequenced(4_000, 3, 0) });
    session.ask("Produce with a leader epoch", 9, &producing("stored-batches", 0, -1, Some(sent)))?;
    for codec in [Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd] {
        let sent = batch(&["x", "y"], &BatchOptions { compression: codec, ..BatchOptions::default() });
        session.call(9, &producing("stored-batches", 0, -1, Some(sent)))?;
    }
    session.ask("Fetch what is stored", 11, &super::consume::whole_topic("stored-batches"))?;
    Ok(())
}

pub(super) fn idempotence(session: &mut Session) -> Result<()> {
    make_topic(session, "sequenced", 2, &[])?;
    let send = |epoch, sequence, values: &[&str]| {
        producing("sequenced", 0, -1, Some(batch(values, &sequenced(77_000, epoch, sequence))))
    };
    session.ask("first batch of an unknown producer", 9, &send(0, 10, &["a", "b"]))?;
    session.ask("the same again", 9, &send(0, 10, &["a", "b"]))?;
    session.ask("a gap", 9, &send(0, 20, &["c"]))?;
    for (at, sequence) in (12..18).enumerate() {
        session.ask(&format!("batch {at} in order"), 9, &send(0, sequence, &["x"]))?;
    }
    session.ask("duplicate of the fifth last", 9, &send(0, 13, &["x"]))?;
    session.ask("duplicate of the sixth last", 9, &send(0, 12, &["x"]))?;
    session.ask("new epoch not from 0", 9, &send(1, 18, &["y"]))?;
    session.ask("new epoch from 0", 9, &send(1, 0, &["y"]))?;
    session.ask("old epoch", 9, &send(0, 18, &["z"]))?;
    let wrapping =
        |sequence, values: &[&str]| producing("sequenced", 1, -1, Some(batch(values, &sequenced(78_000, 0, sequence))));
    session.ask("up to the largest sequence", 9, &wrapping(i32::MAX - 1, &["a", "b", "c"]))?;
    session.ask("that again", 9, &wrapping(i32::MAX - 1, &["a", "b", "c"]))?;
    session.ask("after the wrap", 9, &wrapping(1, &["d"]))?;
    Ok(())
}

pub(super) fn producer_ids(session: &mut Session) -> Result<()> {
    let request = || InitProducerIdRequest::default().with_transaction_timeout_ms(60_000).with_transactional_id(None);
    // Kafka fetches its first block of ids when it is asked for the first.
    while session.call(4, &request())?.is_some_and(|answer| answer.error_code == 14) {}
    session.ask_all("InitProducerId", 0..=5, |_| request())?;
    session.ask(
        "InitProducerId with an empty transactional id",
        4,
        &request().with_transactional_id(Some(TransactionalId(text("")))),
    )?;
    session.ask("InitProducerId with an id but no epoch", 4, &request().with_producer_id(WireProducerId(5)))?;
    session.ask(
        "InitProducerId with id and epoch",
        4,
        &request().with_producer_id(WireProducerId(5)).with_producer_epoch(1),
    )?;
    Ok(())
}
