use crate::api::{
    Response,
    fixture::{Fixture, batch, batch_with, produce_request, wire_name},
};
use kafka_protocol::{
    ResponseError as Code,
    messages::produce_request::{PartitionProduceData, TopicProduceData},
};
use model::{ProducerEpoch, ProducerId, Sequence};
use protocol::{
    compression::Compression,
    record_batch::{BatchHeader, BatchOptions, HEADER_SIZE, with_crc},
};

fn idempotent(sequence: i32) -> BatchOptions {
    BatchOptions {
        producer_id: ProducerId(7),
        producer_epoch: ProducerEpoch(0),
        base_sequence: Sequence(sequence),
        ..BatchOptions::default()
    }
}

#[tokio::test]
async fn records_get_consecutive_offsets_and_come_back() {
    let broker = Fixture::start().await;
    broker.topic("orders", 2, &[]).await;
    assert_eq!(broker.append("orders", 1, &["a", "b"]).await, 0);
    assert_eq!(broker.append("orders", 1, &["c"]).await, 2);
    assert_eq!(broker.values("orders", 1).await, ["a", "b", "c"]);
    assert!(broker.values("orders", 0).await.is_empty());
}

#[tokio::test]
async fn every_version_is_answered() {
    let broker = Fixture::start().await;
    let id = broker.topic("orders", 1, &[]).await;
    for version in 3..=13 {
        let mut request = produce_request(1, "orders", 0, batch(&["a"]));
        if version >= 13 {
            request.topic_data[0].name = wire_name("");
            request.topic_data[0].topic_id = id.0;
        }
        let response = broker.produce_request(version, &request).await;
        let result = &response.responses[0].partition_responses[0];
        assert_eq!((result.error_code, result.base_offset), (0, i64::from(version - 3)), "version {version}");
        assert_eq!(result.log_append_time_ms, -1);
    }
}

#[tokio::test]
async fn acks_0_is_silent_and_closes_on_error() {
    let broker = Fixture::start().await;
    broker.topic("orders", 1, &[]).await;
    let good = broker.produce_raw(9, &produce_request(0, "orders", 0, batch(&["a"]))).await;
    assert!(matches!(good, Response::None), "{good:?}");
    let bad = broker.produce_raw(9, &produce_request(0, "orders", 5, batch(&["a"]))).await;
    assert!(matches!(bad, Response::Close), "{bad:?}");
    assert_eq!(broker.values("orders", 0).await, ["a"]);
}

#[tokio::test]
async fn other_acks_are_refused_for_every_partition() {
    let broker = Fixture::start().await;
    broker.topic("orders", 1, &[]).await;
    let response = broker.produce_request(9, &produce_request(2, "orders", 0, batch(&["a"]))).await;
    assert_eq!(response.responses[0].partition_responses[0].error_code, Code::InvalidRequiredAcks.code());
    assert!(broker.values("orders", 0).await.is_empty());
}

#[tokio::test]
async fn good_partitions_succeed_beside_bad_ones() {
    let broker = Fixture::start().await;
    broker.topic("orders", 1, &[]).await;
    let mut request = produce_request(-1, "orders", 0, batch(&["a"]));
    let mut corrupt = batch(&["b"]).to_vec();
    *corrupt.last_mut().unwrap() ^= 1;
    let partition =
        |index, records: Vec<u8>| PartitionProduceData::default().with_index(index).with_records(Some(records.into()));
    request.topic_data[0].partition_data.push(partition(9, batch(&["c"]).to_vec()));
    request.topic_data.push(
        TopicProduceData::default()
            .with_name(wire_name("nowhere"))
            .with_partition_data(vec![partition(0, batch(&["d"]).to_vec())]),
    );
    let response = broker.produce_request(9, &request).await;
    let codes: Vec<i16> = response
        .responses
        .iter()
        .flat_map(|topic| &topic.partition_responses)
        .map(|partition| partition.error_code)
        .collect();
    let unknown = Code::UnknownTopicOrPartition.code();
    assert_eq!(codes, [0, unknown, unknown]);
    let damaged = broker.produce("orders", 0, corrupt.into()).await;
    assert_eq!(damaged.error_code, Code::CorruptMessage.code());
    assert_eq!(broker.values("orders", 0).await, ["a"]);
}

#[tokio::test]
async fn duplicate_is_success_with_the_first_offset() {
    let broker = Fixture::start().await;
    broker.topic("orders", 1, &[]).await;
    broker.append("orders", 0, &["before"]).await;
    for sequence in 0..5 {
        let result = broker.produce("orders", 0, batch_with(&idempotent(sequence), &["x"])).await;
        assert_eq!((result.error_code, result.base_offset), (0, i64::from(sequence) + 1));
    }
    let again = broker.produce("orders", 0, batch_with(&idempotent(0), &["x"])).await;
    assert_eq!((again.error_code, again.base_offset), (0, 1));
    let gap = broker.produce("orders", 0, batch_with(&idempotent(7), &["x"])).await;
    assert_eq!(gap.error_code, Code::OutOfOrderSequenceNumber.code());
    assert_eq!(broker.values("orders", 0).await.len(), 6);
}

#[tokio::test]
async fn duplicate_is_known_after_a_restart() {
    let mut broker = Fixture::start().await;
    broker.topic("orders", 1, &[]).await;
    broker.produce("orders", 0, batch_with(&idempotent(0), &["x"])).await;
    broker.restart().await;
    let again = broker.produce("orders", 0, batch_with(&idempotent(0), &["x"])).await;
    assert_eq!((again.error_code, again.base_offset), (0, 0));
    assert_eq!(broker.values("orders", 0).await, ["x"]);
}

#[tokio::test]
async fn record_without_key_is_named_on_a_compacted_topic() {
    let broker = Fixture::start().await;
    broker.topic("table", 1, &[("cleanup.policy", "compact")]).await;
    let keyless = protocol::record_batch::RecordData {
        timestamp: model::WallTime(1),
        key: None,
        value: Some(b"v"),
        headers: &[],
    };
    let records = protocol::record_batch::build_batch(&BatchOptions::default(), &[keyless]).unwrap();
    let result = broker.produce("table", 0, records).await;
    assert_eq!(result.error_code, Code::InvalidRecord.code());
    assert_eq!(result.record_errors[0].batch_index, 0);
    assert!(result.error_message.is_some());
}

#[tokio::test]
async fn too_large_a_batch_is_refused() {
    let broker = Fixture::start().await;
    broker.topic("small", 1, &[("max.message.bytes", "200")]).await;
    let long = "x".repeat(300);
    assert_eq!(broker.produce("small", 0, batch(&[&long])).await.error_code, Code::MessageTooLarge.code());
    assert_eq!(broker.append("small", 0, &["fits"]).await, 0);
}

/// Four good records in a batch that says five.
fn miscounted(compression: Compression) -> bytes::Bytes {
    let batch = batch_with(&BatchOptions { compression, ..BatchOptions::default() }, &["a", "b", "c", "d"]);
    let header = BatchHeader::read(&batch).unwrap();
    let header = BatchHeader { record_count: 5, last_offset_delta: 4, ..header };
    [&with_crc(&header, &batch[HEADER_SIZE..]).encode()[..], &batch[HEADER_SIZE..]].concat().into()
}

#[tokio::test]
async fn lie_inside_a_compressed_batch_is_refused() {
    let broker = Fixture::start().await;
    broker.topic("orders", 1, &[]).await;
    for codec in Compression::ALL {
        assert_eq!(broker.produce("orders", 0, miscounted(codec)).await.error_code, Code::InvalidRecord.code());
    }
    assert_eq!(broker.append("orders", 0, &["first"]).await, 0);
}

#[tokio::test]
async fn checksum_is_enough_where_the_broker_is_told_so() {
    let broker = Fixture::start_with(&[("weir.compressed.batch.validation", "checksum")]).await;
    broker.topic("orders", 1, &[]).await;
    broker.topic("table", 1, &[("cleanup.policy", "compact")]).await;
    assert_eq!(broker.produce("orders", 0, miscounted(Compression::Zstd)).await.error_code, 0);
    for (topic, codec) in [("orders", Compression::None), ("table", Compression::Zstd)] {
        let result = broker.produce(topic, 0, miscounted(codec)).await;
        assert_eq!(result.error_code, Code::InvalidRecord.code(), "{topic}");
    }
}

#[tokio::test]
async fn batch_that_unpacks_to_much_is_taken_and_one_without_bounds_is_refused() {
    let broker = Fixture::start().await;
    broker.topic("orders", 1, &[]).await;
    let zeros = |mib: usize, compression| {
        let value = "0".repeat(mib << 20);
        batch_with(&BatchOptions { compression, ..BatchOptions::default() }, &[&value])
    };
    for codec in [Compression::Gzip, Compression::Lz4, Compression::Zstd] {
        assert_eq!(broker.produce("orders", 0, zeros(3, codec)).await.error_code, 0, "{codec:?}");
    }
    let bomb = broker.produce("orders", 0, zeros(65, Compression::Zstd)).await;
    assert_eq!(bomb.error_code, Code::MessageTooLarge.code());
    assert_eq!(broker.append("orders", 0, &["after"]).await, 3);
}

#[tokio::test]
async fn broker_stamps_records_where_the_topic_says_so() {
    let broker = Fixture::start().await;
    broker.topic("stamped", 1, &[("message.timestamp.type", "LogAppendTime")]).await;
    let before = broker.broker().clock.wall();
    let result = broker.produce("stamped", 0, batch(&["a"])).await;
    assert!(result.log_append_time_ms >= before.as_ms());
}

#[tokio::test]
async fn zstd_needs_version_7() {
    let broker = Fixture::start().await;
    broker.topic("orders", 1, &[]).await;
    let zstd = batch_with(&BatchOptions { compression: Compression::Zstd, ..BatchOptions::default() }, &["a"]);
    let code = async |version| {
        let response = broker.produce_request(version, &produce_request(1, "orders", 0, zstd.clone())).await;
        response.responses[0].partition_responses[0].error_code
    };
    assert_eq!(code(6).await, Code::UnsupportedCompressionType.code());
    assert_eq!(code(7).await, 0);
}

#[tokio::test]
async fn clients_may_not_write_internal_topics() {
    let broker = Fixture::start().await;
    broker.topic("__consumer_offsets", 1, &[]).await;
    let result = broker.produce("__consumer_offsets", 0, batch(&["a"])).await;
    assert_eq!(result.error_code, Code::InvalidTopicException.code());
}

#[tokio::test]
async fn producer_that_allows_no_time_is_told_what_became_of_its_batch() {
    let broker = Fixture::start().await;
    broker.topic("orders", 1, &[]).await;
    let request = produce_request(-1, "orders", 0, batch(&["a"])).with_timeout_ms(0);
    let response = broker.produce_request(9, &request).await;
    let result = &response.responses[0].partition_responses[0];
    assert_eq!((result.error_code, result.base_offset), (0, 0));
}

#[tokio::test]
async fn refusal_tells_where_the_log_starts_once_the_log_was_asked() {
    let broker = Fixture::start().await;
    broker.topic("orders", 1, &[]).await;
    broker.produce("orders", 0, batch_with(&idempotent(0), &["a"])).await;
    let gap = broker.produce("orders", 0, batch_with(&idempotent(9), &["b"])).await;
    assert_eq!((gap.error_code, gap.log_start_offset), (Code::OutOfOrderSequenceNumber.code(), 0));
    let cut = broker.produce("orders", 0, batch(&["c"]).slice(..30)).await;
    assert_eq!((cut.error_code, cut.log_start_offset), (Code::InvalidRecord.code(), -1));
}

#[tokio::test]
async fn one_transactional_batch_refuses_the_whole_request() {
    let broker = Fixture::start().await;
    broker.topic("orders", 2, &[]).await;
    let options = BatchOptions { transactional: true, ..idempotent(0) };
    let mut request = produce_request(-1, "orders", 0, batch(&["a"]));
    let transactional = PartitionProduceData::default().with_index(1).with_records(Some(batch_with(&options, &["b"])));
    request.topic_data[0].partition_data.push(transactional);
    let response = broker.produce_request(9, &request).await;
    let codes: Vec<i16> = response.responses[0].partition_responses.iter().map(|one| one.error_code).collect();
    assert_eq!(codes, [Code::TransactionalIdAuthorizationFailed.code(); 2]);
    assert!(broker.values("orders", 0).await.is_empty());
}

#[tokio::test]
async fn transactional_batches_are_refused() {
    let broker = Fixture::start().await;
    broker.topic("orders", 1, &[]).await;
    let options = BatchOptions { transactional: true, ..idempotent(0) };
    let result = broker.produce("orders", 0, batch_with(&options, &["a"])).await;
    assert_eq!(result.error_code, Code::TransactionalIdAuthorizationFailed.code());
    assert_eq!(result.log_start_offset, -1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_producers_keep_their_own_order() {
    let broker = std::sync::Arc::new(Fixture::start().await);
    broker.topic("orders", 1, &[]).await;
    let producers = (0..8).map(|producer| {
        let broker = std::sync::Arc::clone(&broker);
        tokio::spawn(async move {
            for count in 0..50 {
                broker.append("orders", 0, &[&format!("{producer}:{count}")]).await;
            }
        })
    });
    futures_util::future::try_join_all(producers).await.unwrap();
    let values = broker.values("orders", 0).await;
    assert_eq!(values.len(), 400);
    for producer in 0..8 {
        let mine = format!("{producer}:");
        let counts: Vec<usize> = values.iter().filter_map(|value| value.strip_prefix(&mine)?.parse().ok()).collect();
        assert_eq!(counts, (0..50).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn flushed_topic_answers_once_its_records_are_on_the_device() {
    let broker = Fixture::start().await;
    broker.topic("durable", 1, &[("flush.messages", "1")]).await;
    broker.append("durable", 0, &["a"]).await;
    let flushes = broker.broker().metrics.log().flush_time_us.snapshot().count;
    assert!(flushes >= 1, "no flush before the answer");
    assert_eq!(broker.values("durable", 0).await, ["a"]);
}

/// acks, and whether the broker may create.
async fn produce_to_unknown(acks: i16, creates: &str) -> Fixture {
    let broker = Fixture::start_with(&[("auto.create.topics.enable", creates)]).await;
    let mut request = produce_request(acks, "new", 0, batch(&["lost"]));
    for name in ["new", "bad name", "__consumer_offsets"] {
        let data = TopicProduceData::default().with_name(wire_name(name)).with_partition_data(vec![
            PartitionProduceData::default().with_index(0).with_records(Some(batch(&["lost"]))),
        ]);
        request.topic_data.push(data);
    }
    let response = broker.produce_request(9, &request).await;
    let codes: Vec<i16> = response.responses.iter().map(|topic| topic.partition_responses[0].error_code).collect();
    let expected = if acks == 1 { Code::UnknownTopicOrPartition } else { Code::InvalidRequiredAcks };
    assert_eq!(codes, [expected.code(); 4]);
    broker
}

#[tokio::test]
async fn unknown_topic_is_refused_and_there_when_the_producer_comes_again() {
    let broker = produce_to_unknown(1, "true").await;
    assert_eq!(broker.broker().metadata.current().topics.len(), 1, "neither a bad name nor an internal topic");
    assert_eq!(broker.append("new", 0, &["a"]).await, 0);
}

#[tokio::test]
async fn produce_creates_nothing_where_the_broker_says_no_or_the_request_is_bad() {
    for (acks, creates) in [(1, "false"), (5, "true")] {
        let broker = produce_to_unknown(acks, creates).await;
        assert!(broker.broker().metadata.current().topics.is_empty());
    }
}

#[tokio::test]
async fn sixth_batch_back_is_no_duplicate_any_more() {
    let broker = Fixture::start().await;
    broker.topic("orders", 1, &[]).await;
    for sequence in 0..6 {
        assert_eq!(broker.produce("orders", 0, batch_with(&idempotent(sequence), &["a"])).await.error_code, 0);
    }
    let fifth = broker.produce("orders", 0, batch_with(&idempotent(1), &["a"])).await;
    assert_eq!((fifth.error_code, fifth.base_offset), (0, 1));
    let sixth = broker.produce("orders", 0, batch_with(&idempotent(0), &["a"])).await;
    assert_eq!(sixth.error_code, Code::OutOfOrderSequenceNumber.code());
    assert_eq!(broker.values("orders", 0).await.len(), 6);
}

#[tokio::test]
async fn one_replica_satisfies_any_minimum_that_it_can() {
    let broker = Fixture::start().await;
    broker.topic("orders", 1, &[("min.insync.replicas", "2")]).await;
    assert_eq!(broker.append("orders", 0, &["a"]).await, 0);
    assert_eq!(broker.values("orders", 0).await, ["a"]);
}
