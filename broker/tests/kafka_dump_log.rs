//! Our files read by Apache Kafka's own `kafka-dump-log`, and Kafka's files read by us.

#![expect(clippy::unwrap_used, reason = "helpers of a test end it by a panic, as the test itself does")]

#[path = "kafka_dump_log/directory.rs"]
mod directory;
#[path = "kafka_dump_log/kafka.rs"]
mod kafka;

use directory::Directory;
use model::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, TopicId, WallTime};
use partition_log::{Crash, DiskFile, Log, LogConfig, LogView, PreparedBatch, ReadRange, Start};
use protocol::{
    compression::Compression,
    record_batch::{BatchOptions, Batches, MarkerKind, RecordData, build_batch, control_batch},
};
use std::path::Path;

const DUMP: &str = "org.apache.kafka.tools.DumpLogSegments";
const NOW: WallTime = WallTime(1_700_000_000_000);
const TOPIC: TopicId = TopicId(uuid::Uuid::from_u128(0x1234_5678_9abc_def0_1122_3344_5566_7788));
const CODECS: [Compression; 5] =
    [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];

fn batch(options: &BatchOptions, first: i64, count: i64, key: impl Fn(i64) -> String) -> PreparedBatch {
    let texts: Vec<_> =
        (first..first + count).map(|number| (key(number), format!("value {number} {}", "x".repeat(60)))).collect();
    let records: Vec<_> = texts
        .iter()
        .enumerate()
        .map(|(index, (key, value))| RecordData {
            // Times go back and forth a little.
            timestamp: NOW.plus_ms(first * 10 + (index as i64 * 7) % 23),
            key: Some(key.as_bytes()),
            value: Some(value.as_bytes()),
            ..RecordData::default()
        })
        .collect();
    PreparedBatch::new(build_batch(options, &records).unwrap()).unwrap()
}

fn append(log: &mut Log<Directory>, batches: &[PreparedBatch]) {
    let mut done = 0;
    while done < batches.len() {
        done += log.append_as_leader(&batches[done..], LeaderEpoch(4), NOW).unwrap().len();
    }
}

fn create(root: &Path, folder: &str, config: LogConfig) -> Log<Directory> {
    let mut log = Log::open(Directory::new(root), folder, TOPIC, config, Start::New, NOW).unwrap().0;
    log.start_leader_epoch(LeaderEpoch(4)).unwrap();
    log
}

fn of_producer(producer: i64, sequence: i32, transactional: bool) -> BatchOptions {
    BatchOptions {
        producer_id: ProducerId(producer),
        producer_epoch: ProducerEpoch(1),
        base_sequence: Sequence(sequence),
        transactional,
        ..BatchOptions::default()
    }
}

fn marker(producer: i64, kind: MarkerKind) -> PreparedBatch {
    PreparedBatch::new(control_batch(ProducerId(producer), ProducerEpoch(1), NOW, kind, 2)).unwrap()
}

/// Every kind of batch there is, over several segments.
fn write_everything(log: &mut Log<Directory>) {
    for round in 0..60i64 {
        for (index, compression) in CODECS.into_iter().enumerate() {
            let options = BatchOptions { compression, ..BatchOptions::default() };
            let first = round * 100 + index as i64 * 10;
            append(log, &[batch(&options, first, 10, |number| format!("key {number}"))]);
        }
        let sequence = i32::try_from(round * 3).unwrap();
        append(log, &[batch(&of_producer(1000, sequence, false), round, 3, |number| format!("key {number}"))]);
        append(log, &[batch(&of_producer(2000, sequence, true), round, 3, |number| format!("key {number}"))]);
        let stamped = batch(&BatchOptions::default(), round, 2, |number| format!("key {number}"));
        append(log, &[stamped.with_log_append_time(NOW.plus_ms(round * 1000))]);
        append(log, &[marker(2000, if round % 2 == 0 { MarkerKind::Abort } else { MarkerKind::Commit })]);
    }
}

/// Dumps every file of a folder; panics on any complaint. The dump of the records.
fn dump(folder: &Path) -> String {
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| {
        let kind = file.extension().and_then(|kind| kind.to_str()).unwrap_or_default();
        ["log", "index", "timeindex", "snapshot", "txnindex"].contains(&kind)
    });
    files.sort();
    let list = files.iter().map(|file| file.to_str().unwrap()).collect::<Vec<_>>().join(",");
    let output = kafka::run(DUMP, &["--deep-iteration", "--print-data-log", "--files", &list]);
    for complaint in [
        "ismatch",
        "isvalid: false",
        "out of order",
        "not found",
        "Exception",
        "orrupt",
        "truncated",
        "is not a valid",
        "bytes remain",
    ] {
        assert!(!output.contains(complaint), "'{complaint}' in the dump of {folder:?}");
    }
    for file in &files {
        assert!(output.contains(file.to_str().unwrap()), "{file:?} was dumped");
    }
    output
}

fn offsets(dump: &str) -> Vec<i64> {
    let records = dump.lines().filter_map(|line| line.trim_start().strip_prefix("| offset: "));
    let mut offsets: Vec<i64> = records.map(|rest| rest.split(' ').next().unwrap().parse().unwrap()).collect();
    offsets.sort_unstable();
    offsets
}

/// Everything a consumer of the log would see, markers left out: offset, key, value.
fn read(view: &LogView<Directory>) -> Vec<(i64, Vec<u8>, Vec<u8>)> {
    let mut found = Vec::new();
    let (mut from, mut cursor) = (view.log_start(), None);
    let below = view.log_end();
    while let Some(mut plan) =
        view.plan_read(ReadRange { from, below, max_bytes: 100_000, at_least_one: true }, cursor).unwrap()
    {
        let mut bytes = vec![0; plan.length as usize];
        assert_eq!(plan.file.read_at(plan.position, &mut bytes).unwrap(), bytes.len());
        plan.verify(&bytes).unwrap();
        for batch in Batches::new(&bytes) {
            let batch = batch.unwrap();
            from = batch.header.next_offset();
            if batch.header.attributes.is_control() {
                continue;
            }
            let mut scratch = Vec::new();
            for record in batch.records(&mut scratch, 1 << 24).unwrap() {
                let record = record.unwrap();
                let bytes = |field: Option<&[u8]>| field.unwrap_or_default().to_vec();
                found.push((record.offset.0, bytes(record.key), bytes(record.value)));
            }
        }
        cursor = Some(plan.next);
    }
    found
}

#[test]
fn kafka_reads_our_files() {
    kafka::fetch();
    let root = tempfile::tempdir().unwrap();
    let config = LogConfig { segment_bytes: 40_000, ..LogConfig::default() };
    let mut log = create(root.path(), "plain-0", config.clone());
    write_everything(&mut log);
    assert!(log.view().segment_count() > 3);
    let entry = log.close().unwrap();
    let closed = dump(&root.path().join("plain-0"));
    assert_eq!(offsets(&closed), (0..log.log_end().0).collect::<Vec<_>>());
    assert!(closed.contains("producerId: 1000 producerEpoch: 1 coordinatorEpoch: -1"), "a snapshot");
    assert!(closed.contains("endTxnMarker: ABORT coordinatorEpoch: 2"), "markers");
    assert!(closed.contains("version: 0 producerId: 2000 firstOffset: "), "the transaction index");
    // Appended to again and killed: the index files of the active segment are those of the close.
    let disk = Directory::new(root.path());
    let (mut log, _) = Log::open(disk.clone(), "plain-0", TOPIC, config.clone(), Start::Clean(&entry), NOW).unwrap();
    append(&mut log, &[batch(&of_producer(1000, 180, false), 0, 3, |number| format!("key {number}"))]);
    let entry = log.checkpoint();
    drop(log);
    assert_eq!(offsets(&dump(&root.path().join("plain-0"))).len() as i64, entry.log_end.0);
    let (mut log, report) = Log::open(disk, "plain-0", TOPIC, config, Start::Clean(&entry), NOW).unwrap();
    assert!(report.scanned_bytes > 0 && report.truncated_bytes == 0);
    log.close().unwrap();
    dump(&root.path().join("plain-0"));
}

#[test]
fn kafka_reads_what_our_compaction_leaves() {
    kafka::fetch();
    let root = tempfile::tempdir().unwrap();
    let config =
        LogConfig { segment_bytes: 15_000, cleanup_compact: true, cleanup_delete: false, ..LogConfig::default() };
    let mut log = create(root.path(), "compacted-0", config);
    let mut later = NOW;
    for round in 0..4i64 {
        for number in 0..40 {
            let options = BatchOptions { compression: CODECS[(number % 5) as usize], ..BatchOptions::default() };
            append(
                &mut log,
                &[batch(&options, round * 400 + number * 10, 10, |number| format!("key {}", number % 77))],
            );
        }
        let gone = RecordData { timestamp: NOW, key: Some(b"key 5"), value: None, ..RecordData::default() };
        append(&mut log, &[PreparedBatch::new(build_batch(&BatchOptions::default(), &[gone]).unwrap()).unwrap()]);
        let sequence = i32::try_from(round * 3).unwrap();
        append(&mut log, &[batch(&of_producer(9, sequence, true), round, 3, |number| format!("key {number}"))]);
        append(&mut log, &[marker(9, if round % 2 == 0 { MarkerKind::Abort } else { MarkerKind::Commit })]);
        log.roll(NOW).unwrap();
        later = later.plus_ms(50_000_000);
        log.high_watermark_advanced(log.log_end());
        while let Some(mut job) = log.cleaning_job(later, log.log_end(), 1 << 20) {
            let cleaned = loop {
                if let Some(cleaned) = job.step(100_000).unwrap() {
                    break cleaned;
                }
            };
            for files in log.finish_cleaning(cleaned).unwrap() {
                files.remove_from(&Directory::new(root.path())).unwrap();
            }
        }
    }
    let seen = read(log.view());
    assert!((70..200).contains(&seen.len()), "{} records left", seen.len());
    log.close().unwrap();
    let dumped = dump(&root.path().join("compacted-0"));
    assert!(dumped.contains("deleteHorizonMs: OptionalLong["), "a tombstone waits for its horizon");
    let found = offsets(&dumped);
    assert!(seen.iter().all(|(offset, ..)| found.binary_search(offset).is_ok()));
}

#[test]
fn we_read_kafkas_files() {
    kafka::fetch();
    let root = tempfile::tempdir().unwrap();
    let node = kafka::Node::start(root.path(), 21200);
    let topic = ["--create", "--topic", "plain", "--partitions", "1", "--config", "segment.bytes=1048576"];
    kafka::run(
        "org.apache.kafka.tools.TopicCommand",
        &[&["--bootstrap-server", &node.address], topic.as_slice()].concat(),
    );
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let bootstrap = format!("bootstrap.servers={}", node.address);
        let compression = format!("compression.type={codec}");
        kafka::run(
            "org.apache.kafka.tools.ProducerPerformance",
            &[
                "--topic",
                "plain",
                "--num-records",
                "4000",
                "--record-size",
                "400",
                "--throughput",
                "-1",
                "--producer-props",
                &bootstrap,
                &compression,
            ],
        );
    }
    let data = node.data.clone();
    node.stop();
    let folder = data.join("plain-0");
    let metadata = std::fs::read_to_string(folder.join("partition.metadata")).unwrap();
    let kafkas = dump(&folder);
    let expected = offsets(&kafkas);
    assert_eq!(expected.len(), 20_000);
    let topic_id = topic_id_of(&metadata);
    let disk = Directory::new(&data);
    let start = Start::Unclean { entry: None, crash: Crash::Machine };
    let (mut log, report) = Log::open(disk, "plain-0", topic_id, LogConfig::default(), start, NOW).unwrap();
    assert!(report.truncated_bytes == 0 && report.corrupt.is_empty());
    let seen = read(log.view());
    assert_eq!(seen.iter().map(|(offset, ..)| *offset).collect::<Vec<_>>(), expected);
    for (_, _, value) in seen.iter().step_by(997) {
        assert!(kafkas.contains(std::str::from_utf8(value).unwrap()));
    }
    assert_eq!(log.producers().len(), 5, "each producer was idempotent");
    assert_eq!(log.log_end(), Offset(20_000));
    append(&mut log, &[batch(&BatchOptions::default(), 0, 5, |number| format!("key {number}"))]);
    log.close().unwrap();
    assert_eq!(offsets(&dump(&folder)).len(), 20_005);
}

/// Kafka's 22 characters as an id.
fn topic_id_of(metadata: &str) -> TopicId {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let text = metadata.lines().find_map(|line| line.strip_prefix("topic_id: ")).unwrap().trim();
    let mut digits = text.bytes().map(|byte| ALPHABET.iter().position(|digit| *digit == byte).unwrap() as u128);
    // 22 digits of 6 bits; the last four bits are padding.
    let (first, last) = (digits.clone().take(21).fold(0u128, |id, digit| id << 6 | digit), digits.next_back().unwrap());
    TopicId(uuid::Uuid::from_u128(first << 2 | last >> 4))
}
