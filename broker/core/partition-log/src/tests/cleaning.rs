//! Compaction: what stays, where, and what a crash in the middle leaves.

use super::kit::*;
use crate::{Cleaned, LogConfig, PreparedBatch, Start, memory_disk::MemoryDisk};
use model::{Offset, ProducerEpoch, ProducerId, Sequence, WallTime};
use protocol::{
    compression::Compression,
    record_batch::{BatchOptions, Batches, MarkerKind, RecordData, build_batch},
};
use std::collections::BTreeMap;

fn compacted() -> LogConfig {
    LogConfig { segment_bytes: 1000, cleanup_compact: true, cleanup_delete: false, ..LogConfig::default() }
}

fn keyed_with(options: &BatchOptions, records: &[(&str, Option<&str>)]) -> PreparedBatch {
    let records: Vec<_> = records
        .iter()
        .map(|(key, value)| RecordData {
            timestamp: NOW,
            key: Some(key.as_bytes()),
            value: value.map(str::as_bytes),
            ..RecordData::default()
        })
        .collect();
    PreparedBatch::new(build_batch(options, &records).unwrap()).unwrap()
}

fn keyed(records: &[(&str, Option<&str>)]) -> PreparedBatch {
    keyed_with(&BatchOptions::default(), records)
}

fn producer_options(producer: i64, sequence: i32, transactional: bool) -> BatchOptions {
    BatchOptions {
        producer_id: ProducerId(producer),
        producer_epoch: ProducerEpoch(0),
        base_sequence: Sequence(sequence),
        transactional,
        ..BatchOptions::default()
    }
}

fn clean_at(log: &mut Log, now: WallTime, map_bytes: usize) -> bool {
    let Some(cleaned) = run(log, now, map_bytes) else { return false };
    for files in log.finish_cleaning(cleaned).unwrap() {
        files.remove_from(&log_disk(log)).unwrap();
    }
    true
}

fn run(log: &Log, now: WallTime, map_bytes: usize) -> Option<Cleaned<MemoryDisk>> {
    let mut job = log.cleaning_job(now, log.log_end(), map_bytes)?;
    let mut steps = 0;
    loop {
        if let Some(cleaned) = job.step(700).unwrap() {
            return Some(cleaned);
        }
        steps += 1;
        assert!(steps < 100_000, "a job ends");
    }
}

fn log_disk(log: &Log) -> MemoryDisk {
    log.view().disk.clone()
}

fn clean(log: &mut Log) -> bool {
    clean_at(log, NOW, 1 << 20)
}

type Kept = Vec<(i64, String, Option<String>)>;

/// Offset, key and value of everything in the log.
fn records(log: &Log) -> Kept {
    let disk = log_disk(log);
    let mut found = Vec::new();
    for segment in &log.view().segments {
        let bytes = disk.content(&format!("orders-0/{:020}.log", segment.base_offset.0)).unwrap();
        for batch in Batches::new(&bytes) {
            let batch = batch.unwrap();
            batch.check_crc().unwrap();
            if batch.header.attributes.is_control() {
                found.push((batch.header.base_offset.0, "marker".to_owned(), None));
                continue;
            }
            let mut scratch = Vec::new();
            for record in batch.records(&mut scratch, 1 << 20).unwrap() {
                let record = record.unwrap();
                let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                found.push((record.offset.0, text(record.key.unwrap_or_default()), record.value.map(text)));
            }
        }
    }
    found
}

fn headers(log: &Log) -> Vec<protocol::record_batch::BatchHeader> {
    let disk = log_disk(log);
    let files = log.view().segments.iter().map(|segment| format!("orders-0/{:020}.log", segment.base_offset.0));
    let bytes: Vec<u8> = files.flat_map(|file| disk.content(&file).unwrap()).collect();
    Batches::new(&bytes).map(|batch| batch.unwrap().header).collect()
}

/// Twelve values of one key, and segments enough to clean.
fn append_large(log: &mut crate::Log<MemoryDisk>) {
    for number in 0..12 {
        append(log, &[keyed(&[("a", Some(&format!("{number}{}", "x".repeat(200))))])]);
    }
}

#[test]
fn the_last_record_of_each_key_stays_at_its_offset() {
    for compression in [Compression::None, Compression::Zstd] {
        let disk = MemoryDisk::new();
        let mut log = create(&disk, compacted());
        let options = BatchOptions { compression, ..BatchOptions::default() };
        append(&mut log, &[keyed_with(&options, &[("a", Some("1")), ("b", Some("1")), ("c", Some("1"))])]);
        append(&mut log, &[keyed_with(&options, &[("a", Some("2"))])]);
        log.roll(NOW).unwrap();
        append(&mut log, &[keyed(&[("b", Some("active"))])]);
        assert!(clean(&mut log));
        let kept = records(&log);
        let expected = [(1, "b", Some("1")), (2, "c", Some("1")), (3, "a", Some("2")), (4, "b", Some("active"))];
        let expected: Kept =
            expected.iter().map(|(offset, key, value)| (*offset, (*key).into(), value.map(Into::into))).collect();
        assert_eq!(kept, expected, "the active segment is not touched, nor used");
        let header = headers(&log)[0];
        assert_eq!((header.base_offset, header.last_offset(), header.record_count), (Offset(0), Offset(2), 2));
        assert_eq!(header.attributes.compression().unwrap(), compression);
        assert!(!clean(&mut log), "nothing is dirty any more");
        assert_eq!(read_from(log.view(), 0, 1).len(), 4);
    }
}

#[test]
fn a_clean_log_is_the_same_to_who_keeps_the_last_value() {
    let disk = MemoryDisk::new();
    let mut log = create(&disk, compacted());
    let mut expected = BTreeMap::new();
    let mut draw = 12345u64;
    for number in 0..400 {
        draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let key = format!("key{}", (draw >> 33) % 23);
        let value = format!("value {number}");
        append(&mut log, &[keyed(&[(&key, Some(&value))])]);
        expected.insert(key, (number, value));
        if number % 90 == 89 {
            // Too little memory for all keys: several rounds get there.
            clean_at(&mut log, NOW, 24 * 12);
        }
    }
    while clean(&mut log) {}
    let kept = records(&log);
    assert!(kept.len() < 100, "{} records left", kept.len());
    assert!(kept.windows(2).all(|pair| pair[0].0 < pair[1].0), "order and offsets stay");
    let newest: BTreeMap<_, _> = kept.into_iter().map(|(offset, key, value)| (key, (offset, value.unwrap()))).collect();
    assert_eq!(newest, expected);
    let before = records(&log);
    let (log, _) = reopen(&disk.after_process_death(), compacted(), Start::Clean(&log.checkpoint()));
    assert_eq!(records(&log), before);
    assert_eq!(log.log_end(), Offset(400));
}

#[test]
fn tombstones_outlive_their_first_cleaning_by_the_retention() {
    let disk = MemoryDisk::new();
    let mut log =
        create(&disk, LogConfig { delete_retention_ms: 1000, min_cleanable_dirty_permille: 0, ..compacted() });
    append(&mut log, &[keyed(&[("a", Some("1"))]), keyed(&[("a", None)])]);
    log.roll(NOW).unwrap();
    assert!(clean(&mut log));
    assert_eq!(records(&log), [(1, "a".to_owned(), None)]);
    let header = headers(&log)[0];
    assert_eq!(header.delete_horizon(), Some(NOW.plus_ms(1000)));
    for (later, left) in [(999, 1), (1000, 0)] {
        append(&mut log, &[keyed(&[("x", Some("y"))])]);
        log.roll(NOW).unwrap();
        assert!(clean_at(&mut log, NOW.plus_ms(later), 1 << 20));
        let tombstones = records(&log).iter().filter(|(_, key, _)| key == "a").count();
        assert_eq!(tombstones, left, "after {later} ms");
    }
}

#[test]
fn what_may_not_be_cleaned_is_not() {
    let config = LogConfig { min_compaction_lag_ms: 1000, ..compacted() };
    let disk = MemoryDisk::new();
    let mut log = create(&disk, config);
    append(&mut log, &[keyed(&[("a", Some("1"))]), keyed(&[("a", Some("2"))])]);
    assert!(!clean_at(&mut log, NOW.plus_ms(5000), 1 << 20), "the active segment");
    log.roll(NOW).unwrap();
    assert!(!clean_at(&mut log, NOW.plus_ms(999), 1 << 20), "too young");
    assert!(log.cleaning_job(NOW.plus_ms(1000), Offset(1), 1 << 20).is_none(), "above the high watermark");
    assert!(clean_at(&mut log, NOW.plus_ms(1000), 1 << 20));
    append(&mut log, &[keyed_with(&producer_options(1, 0, true), &[("t", Some("1"))])]);
    append(&mut log, &[keyed(&[("a", Some("3"))])]);
    log.roll(NOW).unwrap();
    assert!(!clean_at(&mut log, NOW.plus_ms(5000), 1 << 20), "a transaction is open");
}

#[test]
fn a_little_dirt_waits_for_the_ratio_or_the_lag() {
    let disk = MemoryDisk::new();
    let config = LogConfig { max_compaction_lag_ms: 60_000, segment_bytes: 4000, ..compacted() };
    let mut log = create(&disk, config);
    for key in 0..20 {
        append(&mut log, &[keyed(&[(&format!("key{key}"), Some(&"x".repeat(100)))])]);
    }
    log.roll(NOW).unwrap();
    assert!(clean(&mut log));
    append(&mut log, &[keyed(&[("key1", Some("new"))])]);
    log.roll(NOW).unwrap();
    assert!(!clean_at(&mut log, NOW.plus_ms(60_000), 1 << 20));
    assert!(clean_at(&mut log, NOW.plus_ms(60_001), 1 << 20));
}

#[test]
fn the_last_batch_of_a_live_producer_stays_as_an_empty_one() {
    let disk = MemoryDisk::new();
    let mut log = create(&disk, compacted());
    append(&mut log, &[keyed_with(&producer_options(1, 0, false), &[("a", Some("1"))])]);
    append(&mut log, &[keyed_with(&producer_options(1, 1, false), &[("a", Some("2")), ("b", Some("2"))])]);
    append(&mut log, &[keyed(&[("a", Some("3")), ("b", Some("3"))])]);
    log.roll(NOW).unwrap();
    assert!(clean(&mut log));
    let left = headers(&log);
    assert_eq!(left.len(), 2);
    assert_eq!((left[0].record_count, left[0].base_sequence, left[0].last_sequence()), (0, Sequence(1), Sequence(2)));
    // Without any snapshot the state comes from that batch.
    for path in disk.paths().iter().filter(|path| path.ends_with(".snapshot")) {
        crate::Disk::remove(&disk, path).unwrap();
    }
    let (mut log, _) = reopen(&disk, compacted(), Start::Clean(&log.checkpoint()));
    let next = keyed_with(&producer_options(1, 3, false), &[("c", Some("1"))]);
    let gap = keyed_with(&producer_options(1, 9, false), &[("c", Some("1"))]);
    let outcomes = append(&mut log, &[next, gap]);
    assert_eq!(outcomes[0], appended(5, 5));
    assert!(matches!(outcomes[1], crate::AppendOutcome::Refused(_)));
}

#[test]
fn aborted_records_go_first_and_their_marker_after_the_horizon() {
    let disk = MemoryDisk::new();
    let config = LogConfig { delete_retention_ms: 1000, min_cleanable_dirty_permille: 0, ..compacted() };
    let mut log = create(&disk, config);
    append(&mut log, &[keyed(&[("a", Some("old"))])]);
    append(&mut log, &[keyed_with(&producer_options(1, 0, true), &[("a", Some("aborted"))])]);
    append(&mut log, &[marker(1, 0, MarkerKind::Abort, 0)]);
    append(&mut log, &[keyed_with(&producer_options(1, 1, true), &[("b", Some("kept"))])]);
    append(&mut log, &[marker(1, 0, MarkerKind::Commit, 0)]);
    let mut markers = Vec::new();
    for round in 0..4 {
        append(&mut log, &[keyed(&[("x", Some("y"))])]);
        log.roll(NOW).unwrap();
        log.high_watermark_advanced(log.log_end());
        assert!(clean_at(&mut log, NOW.plus_ms(round * 1000), 1 << 20));
        let kept = records(&log);
        assert!(kept.contains(&(0, "a".into(), Some("old".into()))), "an aborted record supersedes nothing");
        assert!(!kept.iter().any(|(_, _, value)| value.as_deref() == Some("aborted")));
        assert!(kept.contains(&(3, "b".into(), Some("kept".into()))));
        markers.push(kept.iter().filter(|(_, key, _)| key == "marker").map(|(offset, ..)| *offset).collect::<Vec<_>>());
    }
    assert_eq!(markers[0], [2, 4], "its records were there in this round");
    assert_eq!(markers[1], [2, 4], "the horizon is set");
    assert_eq!(markers[2], [4], "passed; the commit marker stays with its record");
}

#[test]
fn neighbours_become_one_segment() {
    let disk = MemoryDisk::new();
    let mut log = create(&disk, compacted());
    for _ in 0..30 {
        append(&mut log, &[keyed(&[("a", Some(&"x".repeat(200)))])]);
    }
    assert!(clean(&mut log));
    let sparse = log.view().segment_count();
    assert!(sparse > 5, "sizes before the cleaning decide");
    for _ in 0..3 {
        append(&mut log, &[keyed(&[("a", Some(&"x".repeat(900)))])]);
    }
    assert!(clean(&mut log));
    assert!(log.view().segment_count() <= 5, "{} left of {sparse}", log.view().segment_count());
    assert_eq!(read_all(&log).last().unwrap().0, 32);
    let (log, _) = reopen(&disk, compacted(), Start::Clean(&log.checkpoint()));
    assert_eq!(read_all(&log).last().unwrap().0, 32);
}

#[test]
fn work_on_segments_that_are_gone_is_thrown_away() {
    let disk = MemoryDisk::new();
    let mut log = create(&disk, compacted());
    append_large(&mut log);
    let cleaned = run(&log, NOW, 1 << 20).unwrap();
    log.truncate_to(Offset(2), NOW).unwrap();
    log.finish_cleaning(cleaned).unwrap();
    assert_eq!(log.log_end(), Offset(2));
    assert_eq!(read_all(&log).len(), 2);
    assert!(!disk.paths().iter().any(|path| path.ends_with(".cleaned")));
}

/// The segments of a log that is opened anew are numbered as before, and its folder is tidied.
#[test]
fn work_on_a_log_that_was_opened_anew_is_thrown_away() {
    let disk = MemoryDisk::new();
    let mut log = create(&disk, compacted());
    append_large(&mut log);
    let before = records(&log);
    let cleaned = run(&log, NOW, 1 << 20).unwrap();
    let entry = log.checkpoint();
    let start = Start::Unclean { entry: Some(&entry), crash: crate::Crash::Process };
    let (mut log, _) = reopen(&disk, compacted(), start);
    assert_eq!(log.finish_cleaning(cleaned).unwrap(), []);
    assert_eq!(records(&log), before);
    assert!(!disk.paths().iter().any(|path| path.ends_with(".deleted") || path.ends_with(".cleaned")));
    assert!(clean(&mut log), "it is still dirty");
    assert_eq!(records(&log).last(), before.last());
}

#[test]
fn segments_stay_where_what_is_to_replace_them_is_gone() {
    let disk = MemoryDisk::new();
    let mut log = create(&disk, compacted());
    append_large(&mut log);
    let before = records(&log);
    let cleaned = run(&log, NOW, 1 << 20).unwrap();
    for path in disk.paths().iter().filter(|path| path.ends_with(".log.cleaned")) {
        crate::Disk::remove(&disk, path).unwrap();
    }
    assert!(log.finish_cleaning(cleaned).is_err());
    assert_eq!(records(&log), before);
    let entry = log.checkpoint();
    let start = Start::Unclean { entry: Some(&entry), crash: crate::Crash::Process };
    assert_eq!(records(&reopen(&disk, compacted(), start).0), before);
}

#[test]
fn a_crash_at_any_step_leaves_the_old_log_or_the_new_one() {
    let build = || {
        let disk = MemoryDisk::new();
        let mut log = create(&disk, compacted());
        for number in 0..40 {
            append(&mut log, &[keyed(&[(&format!("key{}", number % 5), Some(&format!("{number:0>100}")))])]);
        }
        append(&mut log, &[sequenced(7, 0, 0, 1)]);
        (disk, log)
    };
    let newest = |log: &Log| -> BTreeMap<String, (i64, Option<String>)> {
        records(log).into_iter().map(|(offset, key, value)| (key, (offset, value))).collect()
    };
    let (disk, mut log) = build();
    let expected = newest(&log);
    let start = disk.changes();
    assert!(clean(&mut log));
    let steps = disk.changes() - start;
    assert!(steps > 20);
    for step in 0..steps {
        for machine in [false, true] {
            let (disk, mut log) = build();
            let plan = log.flush_plan();
            plan.run().unwrap();
            log.flushed(&plan);
            let entry = log.checkpoint();
            disk.crash_at(disk.changes() + step, step);
            let mut job = log.cleaning_job(NOW, log.log_end(), 1 << 20).unwrap();
            let finished = loop {
                match job.step(1 << 30) {
                    Ok(Some(cleaned)) => break Some(cleaned),
                    Ok(None) => {}
                    Err(_) => break None,
                }
            };
            if let Some(cleaned) = finished
                && let Ok(deleted) = log.finish_cleaning(cleaned)
            {
                deleted.iter().for_each(|files| files.remove_from(&disk).unwrap_or(()));
            }
            let (disk, crash) = if machine {
                (disk.after_machine_loss(step), crate::Crash::Machine)
            } else {
                (disk.after_process_death(), crate::Crash::Process)
            };
            let (mut log, _) = reopen(&disk, compacted(), Start::Unclean { entry: Some(&entry), crash });
            assert_eq!(newest(&log), expected, "step {step} machine {machine}");
            assert_eq!(log.log_end(), Offset(41));
            append(&mut log, &[sequenced(7, 0, 1, 1)]);
            log.roll(NOW).unwrap();
            clean(&mut log);
            let rest = disk.paths().into_iter().filter(|path| path.ends_with(".swap") || path.ends_with(".cleaned"));
            assert_eq!(rest.count(), 0);
        }
    }
}

#[test]
fn readers_of_an_older_view_finish_after_a_swap() {
    let disk = MemoryDisk::new();
    let mut log = create(&disk, compacted());
    for number in 0..30 {
        append(&mut log, &[keyed(&[("a", Some(&format!("{number}{}", "x".repeat(100))))])]);
    }
    let old = log.view().clone();
    assert!(clean(&mut log));
    assert_eq!(
        read_from(&old, 0, 500).iter().map(|(offset, _)| *offset).collect::<Vec<_>>(),
        (0..30).collect::<Vec<_>>()
    );
    assert!(read_all(&log).len() < 10);
}

#[test]
fn a_segment_without_records_still_ages_and_hides_no_time() {
    let disk = MemoryDisk::new();
    let mut log = create(&disk, LogConfig { cleanup_delete: true, retention_ms: 1000, ..compacted() });
    let large = "x".repeat(600);
    append(&mut log, &[keyed(&[("a", Some(&large))])]);
    log.roll(NOW).unwrap();
    append(&mut log, &[keyed(&[("a", Some(&large))])]);
    log.roll(NOW).unwrap();
    let options = BatchOptions::default();
    let older =
        RecordData { timestamp: NOW.minus_ms(500), key: Some(b"b"), value: Some(b"3"), ..RecordData::default() };
    append(&mut log, &[PreparedBatch::new(build_batch(&options, &[older]).unwrap()).unwrap()]);
    log.roll(NOW).unwrap();
    assert!(clean(&mut log));
    assert_eq!(headers(&log)[0].record_count, 0);
    assert_eq!(log.view().max_timestamp(Offset(3)).unwrap().unwrap().offset, Offset(1));
    let (mut log, _) = reopen(&disk, log.config().clone(), Start::Clean(&log.checkpoint()));
    assert_eq!(log.view().max_timestamp(Offset(3)).unwrap().unwrap().offset, Offset(1));
    log.apply_retention(NOW.plus_ms(1001), Offset(3)).unwrap();
    assert_eq!((log.log_start(), log.view().segment_count()), (Offset(3), 1));
}
