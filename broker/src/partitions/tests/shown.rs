//! What the metrics tell of partitions, cleaned logs and producers.

use super::*;
use crate::api::fixture::batch_with;
use protocol::record_batch::BatchOptions;

const SEGMENT: &str = "1048576";
const COMPACTED: [(&str, &str); 3] =
    [("cleanup.policy", "compact"), ("segment.bytes", SEGMENT), ("min.cleanable.dirty.ratio", "0.5")];

/// Three segments that may be cleaned, and the active one.
async fn fill(broker: &Fixture, topic: &str) {
    let value = "x".repeat(300_000);
    for _ in 0..12 {
        broker.append(topic, 0, &[&value]).await;
    }
}

fn sample(broker: &Fixture, series: &str) -> f64 {
    let page = broker.broker().metrics.render();
    let line = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{series} is missing in {page}")).parse().unwrap()
}

fn uncleanable(broker: &Fixture) -> f64 {
    let folder = broker.folder.path().display();
    sample(broker, &format!("kafka_log_logcleanermanager_uncleanable_partitions_count{{logDirectory=\"{folder}\"}}"))
}

#[tokio::test]
async fn producers_are_counted_while_their_log_is_open() {
    let broker = Fixture::start().await;
    broker.topic("orders", 2, &[]).await;
    let of_producer = |id| {
        let options = BatchOptions {
            producer_id: model::ProducerId(id),
            producer_epoch: model::ProducerEpoch(0),
            base_sequence: model::Sequence(0),
            ..BatchOptions::default()
        };
        batch_with(&options, &["a"])
    };
    for (partition, id) in [(0, 7), (0, 8), (1, 7)] {
        assert_eq!(broker.produce("orders", partition, of_producer(id)).await.error_code, 0);
    }
    let count = || sample(&broker, "kafka_server_replicamanager_produceridcount");
    assert_eq!(count(), 3.0);
    broker.partition("orders", 0).last_use.store(0, Ordering::Relaxed);
    broker.broker().partitions.host.apply_retention().await;
    assert_eq!(count(), 1.0);
}

#[tokio::test]
async fn compaction_tells_what_it_found_and_did() {
    let broker = Fixture::start().await;
    broker.topic("table", 1, &COMPACTED).await;
    fill(&broker, "table").await;
    let host = &broker.broker().partitions.host;
    host.clean(1 << 20).await;
    assert_eq!(sample(&broker, "kafka_log_logcleanermanager_max_dirty_percent"), 100.0);
    let read = sample(&broker, "weir_log_cleaner_bytes_read_total");
    let written = sample(&broker, "weir_log_cleaner_bytes_written_total");
    assert!(read > 2_000_000.0 && written > 0.0 && written < read / 2.0, "{written} of {read}");
    let recopied = sample(&broker, "kafka_log_logcleaner_cleaner_recopy_percent");
    assert_eq!(recopied, (written * 100.0 / read).floor());
    assert!(sample(&broker, "kafka_log_logcleanermanager_time_since_last_run_ms") >= 0.0);
    host.clean(1 << 20).await;
    assert_eq!(sample(&broker, "kafka_log_logcleanermanager_max_dirty_percent"), 0.0, "all of it is clean");
    assert_eq!(sample(&broker, "weir_log_cleaner_runs_total"), 1.0);
}

#[tokio::test]
async fn a_log_that_is_not_dirty_enough_shows_how_dirty_it_is() {
    let broker = Fixture::start().await;
    broker.topic("table", 1, &[COMPACTED[0], COMPACTED[1], ("min.cleanable.dirty.ratio", "1")]).await;
    fill(&broker, "table").await;
    broker.broker().partitions.host.clean(1 << 20).await;
    assert_eq!(sample(&broker, "kafka_log_logcleanermanager_max_dirty_percent"), 100.0);
    assert_eq!(sample(&broker, "weir_log_cleaner_runs_total"), 0.0);
}

#[tokio::test]
async fn a_log_that_cannot_be_compacted_counts_until_it_can() {
    let broker = Fixture::start().await;
    broker.topic("table", 1, &COMPACTED).await;
    fill(&broker, "table").await;
    assert_eq!(uncleanable(&broker), 0.0);
    let damage = |path: &std::path::Path| {
        let mut bytes = std::fs::read(path).unwrap();
        bytes[1000] ^= 1;
        std::fs::write(path, bytes).unwrap();
    };
    damage(&broker.first_segment("table", 0));
    let host = &broker.broker().partitions.host;
    host.clean(1 << 20).await;
    assert_eq!(uncleanable(&broker), 1.0);
    damage(&broker.first_segment("table", 0));
    broker.partition("table", 0).next_cleaning.store(1, Ordering::Relaxed);
    host.clean(1 << 20).await;
    assert_eq!((uncleanable(&broker), sample(&broker, "weir_log_cleaner_runs_total")), (0.0, 1.0));
}
