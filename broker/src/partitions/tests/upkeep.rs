use super::*;
use crate::api::fixture::{batch_with, second_broker::OTHER};
use futures_util::FutureExt as _;
use protocol::record_batch::BatchOptions;

/// Kafka allows no smaller segments.
const SEGMENT: &str = "1048576";

async fn fill(broker: &Fixture, topic: &str, batches: usize) {
    let value = "x".repeat(300_000);
    for _ in 0..batches {
        broker.append(topic, 0, &[&value]).await;
    }
}

#[tokio::test]
async fn retention_by_size_moves_the_log_start() {
    let broker = Fixture::start().await;
    broker.topic("orders", 1, &[("segment.bytes", SEGMENT), ("retention.bytes", SEGMENT)]).await;
    fill(&broker, "orders", 12).await;
    broker.broker().partitions.host.apply_retention().await;
    let offsets = broker.partition("orders", 0).offsets();
    assert!(offsets.log_start > model::Offset::ZERO);
    assert_eq!(offsets.log_end, model::Offset(12));
    let gone = broker.fetch_one("orders", 0, 0).await;
    assert_eq!(gone.error_code, Code::OffsetOutOfRange.code());
    assert_eq!(broker.fetch_one("orders", 0, offsets.log_start.0).await.error_code, 0);
}

/// It says so to its leader with a fetch, and without anything to fetch it would make none.
#[tokio::test]
async fn follower_whose_retention_moved_its_start_asks_anew() {
    let broker = Fixture::start().await;
    broker.topic("orders", 1, &[("segment.bytes", SEGMENT), ("retention.bytes", SEGMENT)]).await;
    fill(&broker, "orders", 12).await;
    let partition = broker.partition("orders", 0);
    let epoch = partition.leader_epoch().next();
    let followed = broker.led_by(OTHER, epoch, "orders", PartitionIndex(0));
    broker.learn(vec![broker.other_comes(None), followed]).await;
    let partitions = &broker.broker().partitions;
    partitions.moved().await;
    partitions.host.apply_retention().await;
    let moved: Vec<_> = partitions.moved().now_or_never().unwrap_or_default();
    assert!(moved.iter().any(|moved| Arc::ptr_eq(moved, &partition)));
    let Following::Asks(next) = partition.following().await else { panic!("it follows") };
    assert!(next.log_start > model::Offset::ZERO);
    partitions.host.apply_retention().await;
    assert!(partitions.moved().now_or_never().is_none(), "nothing has moved since");
}

#[tokio::test]
async fn retention_reaches_logs_that_nobody_opened() {
    let mut broker = Fixture::start().await;
    broker.topic("orders", 1, &[("segment.bytes", SEGMENT), ("retention.bytes", SEGMENT)]).await;
    fill(&broker, "orders", 12).await;
    broker.restart().await;
    assert!(broker.partition("orders", 0).view().is_none());
    broker.broker().partitions.host.apply_retention().await;
    assert!(broker.partition("orders", 0).offsets().log_start > model::Offset::ZERO);
}

const COMPACTED: [(&str, &str); 3] =
    [("cleanup.policy", "compact"), ("segment.bytes", SEGMENT), ("min.cleanable.dirty.ratio", "0.01")];

#[tokio::test]
async fn compaction_keeps_the_last_record_of_each_key_at_its_offset() {
    let broker = Fixture::start().await;
    broker.topic("table", 1, &COMPACTED).await;
    fill(&broker, "table", 12).await;
    let size = broker.partition("table", 0).size();
    broker.broker().partitions.host.clean(1 << 20).await;
    let partition = broker.partition("table", 0);
    assert!(partition.size() < size, "nothing was cleaned");
    assert_eq!(partition.offsets().log_end, model::Offset(12));
    let last = broker.fetch_one("table", 0, 11).await;
    assert_eq!(crate::api::fixture::values(&last).len(), 1);
}

#[tokio::test]
async fn compaction_reaches_logs_that_nobody_opened() {
    let mut broker = Fixture::start().await;
    broker.topic("table", 1, &COMPACTED).await;
    fill(&broker, "table", 12).await;
    let size = broker.partition("table", 0).size();
    broker.restart().await;
    let partition = broker.partition("table", 0);
    assert!(partition.view().is_none());
    broker.broker().partitions.host.apply_retention().await;
    broker.broker().partitions.host.clean(1 << 20).await;
    assert!(partition.size() < size, "nothing was cleaned");
    partition.last_use.store(0, Ordering::Relaxed);
    broker.broker().partitions.host.apply_retention().await;
    assert!(partition.view().is_none(), "nothing is left to do");
}

#[tokio::test]
async fn damaged_log_is_not_cleaned_again_at_once() {
    let broker = Fixture::start().await;
    broker.topic("table", 1, &COMPACTED).await;
    fill(&broker, "table", 12).await;
    let mut bytes = std::fs::read(broker.first_segment("table", 0)).unwrap();
    bytes[1000] ^= 1;
    std::fs::write(broker.first_segment("table", 0), bytes).unwrap();
    let (host, failures) = (&broker.broker().partitions.host, &broker.broker().metrics.log().cleaner.failures);
    host.clean(1 << 20).await;
    assert_eq!(failures.get(), 1);
    host.clean(1 << 20).await;
    assert_eq!(failures.get(), 1, "not before ten minutes have passed");
    broker.partition("table", 0).next_cleaning.store(0, Ordering::Relaxed);
    host.clean(1 << 20).await;
    assert_eq!(failures.get(), 2);
}

#[tokio::test]
async fn dirtiest_log_is_cleaned_first() {
    let broker = Fixture::start().await;
    broker.topic("a-little", 1, &COMPACTED).await;
    broker.topic("b-much", 1, &COMPACTED).await;
    let host = Arc::clone(&broker.broker().partitions.host);
    fill(&broker, "a-little", 12).await;
    host.clean(1 << 20).await;
    fill(&broker, "a-little", 4).await;
    fill(&broker, "b-much", 12).await;
    let order: Vec<_> = host.dirtiest_first().await.iter().map(|partition| partition.id().topic.to_string()).collect();
    assert_eq!(order, ["b-much", "a-little"]);
}

#[tokio::test]
async fn idle_log_is_closed_and_opens_again() {
    let broker = Fixture::start().await;
    broker.topic("orders", 1, &[]).await;
    broker.append("orders", 0, &["a"]).await;
    let partition = broker.partition("orders", 0);
    partition.last_use.store(0, Ordering::Relaxed);
    broker.broker().partitions.host.apply_retention().await;
    assert!(partition.view().is_none());
    assert_eq!(broker.values("orders", 0).await, ["a"]);
    assert_eq!(broker.append("orders", 0, &["b"]).await, 1);
}

#[tokio::test]
async fn flush_ms_flushes_without_being_asked_again() {
    let broker = Fixture::start().await;
    broker.topic("orders", 1, &[("flush.ms", "20")]).await;
    broker.append("orders", 0, &["a"]).await;
    while broker.broker().metrics.log().flush_time_us.snapshot().count == 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn producer_that_was_expired_may_begin_anywhere() {
    let broker = Fixture::start_with(&[("producer.id.expiration.ms", "1")]).await;
    broker.topic("orders", 1, &[]).await;
    let options = |sequence| BatchOptions {
        producer_id: model::ProducerId(7),
        producer_epoch: model::ProducerEpoch(0),
        base_sequence: model::Sequence(sequence),
        ..BatchOptions::default()
    };
    assert_eq!(broker.produce("orders", 0, batch_with(&options(0), &["a"])).await.error_code, 0);
    let (clock, appended) = (broker.broker().clock, broker.broker().clock.wall());
    while clock.wall() <= appended.plus_ms(1) {
        tokio::task::yield_now().await;
    }
    broker.broker().partitions.host.expire_producers().await;
    assert_eq!(broker.produce("orders", 0, batch_with(&options(9), &["b"])).await.error_code, 0);
}
