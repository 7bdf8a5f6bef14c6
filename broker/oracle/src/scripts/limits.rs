//! Fetches at their limits, requests over several partitions, and the versions that the message library lacks.

use super::{
    RECORDED_AT, batch,
    consume::{fetching, filled, partition},
    make_topic,
    offsets::listing,
    produce::plain,
    sequenced, topic_name,
    uuid_of::Uuid,
};
use crate::session::Session;
use anyhow::Result;
use kafka_protocol::messages::{
    BrokerId, FetchRequest, ListOffsetsRequest, ProduceRequest,
    produce_request::{PartitionProduceData, TopicProduceData},
};
use model::WallTime;
use protocol::{
    compression::Compression,
    record_batch::{BatchOptions, RecordData, build_batch},
};

pub(super) fn fetch_limits(session: &mut Session) -> Result<()> {
    filled(session, "limited")?;
    let both = || fetching("limited", Uuid::nil(), vec![partition(1, 0), partition(0, 0)]);
    let small = |bytes| fetching("limited", Uuid::nil(), vec![partition(0, 0).with_partition_max_bytes(bytes)]);
    let cases: [(&str, FetchRequest); 10] = [
        ("of an empty and a filled partition", both()),
        ("of no bytes", both().with_max_bytes(0)),
        ("of negative bytes", both().with_max_bytes(-1)),
        ("of no bytes of the partition", small(0)),
        ("of one batch's bytes", small(100)),
        ("of more than there is", both().with_min_bytes(1 << 20)),
        ("without waiting", both().with_max_wait_ms(0).with_min_bytes(1 << 20)),
        ("with a negative wait", both().with_max_wait_ms(-1).with_min_bytes(1 << 20)),
        ("of a partition twice", fetching("limited", Uuid::nil(), vec![partition(0, 0), partition(0, 2)])),
        ("of a good and a bad partition", fetching("limited", Uuid::nil(), vec![partition(0, 0), partition(7, 0)])),
    ];
    for (what, request) in cases {
        session.ask(&format!("Fetch {what}"), 11, &request)?;
    }
    for replica in [-2, 5] {
        session.ask(&format!("Fetch of replica {replica}"), 11, &both().with_replica_id(BrokerId(replica)))?;
    }
    session.ask("Fetch of no topics", 11, &both().with_topics(vec![]))?;
    session.ask("Fetch of a topic without partitions", 11, &fetching("limited", Uuid::nil(), vec![]))?;
    Ok(())
}

pub(super) fn several_partitions(session: &mut Session) -> Result<()> {
    make_topic(session, "several", 3, &[])?;
    make_topic(session, "several-stamped", 1, &[("message.timestamp.type", "LogAppendTime")])?;
    let data =
        |index, values: &[&str]| PartitionProduceData::default().with_index(index).with_records(Some(plain(values)));
    let producing = |partitions: Vec<PartitionProduceData>| {
        let topic = TopicProduceData::default().with_name(topic_name("several")).with_partition_data(partitions);
        ProduceRequest::default().with_acks(-1).with_timeout_ms(5_000).with_topic_data(vec![topic])
    };
    for version in [3, 8, 12] {
        session.ask(
            "Produce to three",
            version,
            &producing(vec![data(2, &["a"]), data(0, &["b"]), data(1, &["c"])]),
        )?;
    }
    let corrupt = PartitionProduceData::default().with_index(1).with_records(Some(plain(&["x"]).slice(..40)));
    session.ask("Produce good and bad", 9, &producing(vec![data(0, &["a"]), corrupt, data(9, &["b"])]))?;
    session.ask("Produce nothing", 9, &producing(vec![]))?;
    session.ask("Produce no topics", 9, &ProduceRequest::default().with_acks(-1))?;
    session.ask("Produce without time", 9, &producing(vec![data(0, &["a"])]).with_timeout_ms(0))?;
    let together = fetching("several", Uuid::nil(), vec![partition(2, 0), partition(1, 0), partition(0, 1)]);
    session.ask("Fetch of three", 11, &together)?;
    session.ask("Fetch of three as far as one goes", 11, &together.with_max_bytes(10))?;
    Ok(())
}

/// Records whose times go up and down, in batches of every codec.
pub(super) fn times(session: &mut Session) -> Result<()> {
    make_topic(session, "times", 1, &[])?;
    let at = |offset: i64| WallTime(RECORDED_AT + offset);
    let batches = [
        (Compression::None, [10, 30, 20]),
        (Compression::Gzip, [5, 40, 40]),
        (Compression::Snappy, [7, 8, 9]),
        (Compression::Lz4, [50, 1, 60]),
        (Compression::Zstd, [60, 60, 2]),
    ];
    for (compression, times) in batches {
        let records = times.map(|time| RecordData { timestamp: at(time), value: Some(b"v"), ..RecordData::default() });
        let options = BatchOptions { compression, ..BatchOptions::default() };
        let data = PartitionProduceData::default().with_records(Some(build_batch(&options, &records)?));
        let topic = TopicProduceData::default().with_name(topic_name("times")).with_partition_data(vec![data]);
        let request = ProduceRequest::default().with_acks(-1).with_timeout_ms(5_000).with_topic_data(vec![topic]);
        session.ask(&format!("Produce {compression:?}"), 9, &request)?;
    }
    for time in [0, 1, 5, 6, 9, 20, 25, 31, 40, 41, 50, 51, 60, 61] {
        session.ask(&format!("ListOffsets at {time}"), 7, &listing("times", 0, RECORDED_AT + time))?;
    }
    session.ask("ListOffsets of the largest time", 7, &listing("times", 0, -3))?;
    Ok(())
}

/// Version 11 has the bytes of version 10 and one more special timestamp.
pub(super) fn list_offsets_11(session: &mut Session) -> Result<()> {
    filled(session, "listed-11")?;
    for timestamp in [-1, -2, -3, -4, -5, -6, -7, RECORDED_AT] {
        session.ask_as::<ListOffsetsRequest>(
            &format!("ListOffsets {timestamp}"),
            11,
            10,
            &listing("listed-11", 0, timestamp),
        )?;
    }
    session.ask("ListOffsets -6 at a version without it", 10, &listing("listed-11", 0, -6))?;
    let sent = batch(&["late"], &sequenced(90_000, 0, 6));
    let data = PartitionProduceData::default().with_records(Some(sent));
    let topic = TopicProduceData::default().with_name(topic_name("listed-11")).with_partition_data(vec![data]);
    session.ask("Produce on", 9, &ProduceRequest::default().with_acks(1).with_topic_data(vec![topic]))?;
    session.ask_as::<ListOffsetsRequest>("ListOffsets after it", 11, 10, &listing("listed-11", 0, -1))
}
