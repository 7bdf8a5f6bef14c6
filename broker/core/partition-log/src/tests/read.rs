//! Reads: whole batches, limits, cursors, times, damage.

use super::kit::*;
use crate::{
    LogConfig, PreparedBatch, ReadError, ReadRange, Start, StorageError, disk::DiskFile, memory_disk::MemoryDisk,
};
use model::{Offset, WallTime};

fn range(from: i64, below: i64, max_bytes: u32) -> ReadRange {
    ReadRange { from: Offset(from), below: Offset(below), max_bytes, at_least_one: true }
}

fn filled(disk: &MemoryDisk, count: usize) -> Log {
    let mut log = create(disk, LogConfig { segment_bytes: 200_000, ..LogConfig::default() });
    for number in 0..count {
        append(&mut log, &[at(NOW.0 + number as i64, &format!("{number:0>200}"))]);
    }
    log
}

#[test]
fn every_offset_is_found_by_every_limit() {
    let disk = MemoryDisk::new();
    let log = filled(&disk, 2500);
    assert!(log.view().segment_count() >= 3);
    for from in (0..2500).step_by(97) {
        for max in [1, 300, 5000, 100_000, 10_000_000] {
            let all = read_from(log.view(), from, max);
            assert_eq!(all.len(), 2500 - from as usize, "from {from} max {max}");
            assert_eq!(all[0], (from, format!("{from:0>200}")));
        }
    }
}

#[test]
fn reading_on_by_cursor_near_the_end_touches_no_index() {
    let disk = MemoryDisk::new();
    let mut log = create(&disk, LogConfig::default());
    append_values(&mut log, &["a", "b"]);
    let plan = log.view().plan_read(range(0, 2, 1000), None).unwrap().unwrap();
    assert_eq!(plan.position + u64::from(plan.length), plan.next.position);
    append_values(&mut log, &["c"]);
    let next = log.view().plan_read(range(2, 3, 1000), Some(plan.next)).unwrap().unwrap();
    assert_eq!(next.position, plan.next.position);
    // A cursor of another place is no harm.
    let wrong = log.view().plan_read(range(1, 3, 1000), Some(plan.next)).unwrap().unwrap();
    assert!(wrong.position < next.position);
}

#[test]
fn offsets_inside_a_batch_get_the_whole_batch() {
    let disk = MemoryDisk::new();
    let mut log = create(&disk, LogConfig::default());
    append(&mut log, &[sequenced(1, 0, 0, 10), sequenced(1, 0, 10, 10)]);
    let plan = log.view().plan_read(range(15, 20, 1), None).unwrap().unwrap();
    let size = disk.content("orders-0/00000000000000000000.log").unwrap().len() as u64;
    assert_eq!(plan.position + u64::from(plan.length), size);
    assert!(plan.position > 0);
}

#[test]
fn nothing_at_or_above_the_bound_is_returned() {
    let disk = MemoryDisk::new();
    let log = filled(&disk, 100);
    for below in [1, 2, 50, 63, 64, 70, 99, 100] {
        let mut next = 0;
        while let Some(plan) = log.view().plan_read(range(next, below, 4000), None).unwrap() {
            next = plan.next.offset.0;
            assert!(next <= below);
        }
        assert_eq!(next, below);
    }
    let strict = ReadRange { at_least_one: false, ..range(0, 100, 10) };
    assert!(log.view().plan_read(strict, None).unwrap().is_none());
}

#[test]
fn offsets_outside_the_log_are_refused() {
    let disk = MemoryDisk::new();
    let mut log = filled(&disk, 10);
    log.delete_records(Offset(4)).unwrap();
    for from in [3, 11] {
        let error = log.view().plan_read(range(from, 10, 100), None).unwrap_err();
        assert!(matches!(error, ReadError::OffsetOutOfRange { start: Offset(4), end: Offset(10) }));
    }
    assert!(log.view().plan_read(range(10, 10, 100), None).unwrap().is_none());
    assert_eq!(read_all(&log)[0].0, 4);
}

#[test]
fn times_find_the_first_record_at_or_after_them() {
    let disk = MemoryDisk::new();
    let log = filled(&disk, 2500);
    for number in (0..2500).step_by(61) {
        let found = log.view().offset_for_timestamp(WallTime(NOW.0 + number), Offset(2500)).unwrap().unwrap();
        assert_eq!(
            (found.offset, found.timestamp, found.leader_epoch),
            (Offset(number), WallTime(NOW.0 + number), EPOCH)
        );
    }
    assert_eq!(log.view().offset_for_timestamp(WallTime(NOW.0 + 2500), Offset(2500)).unwrap(), None);
    assert_eq!(log.view().offset_for_timestamp(WallTime(NOW.0 + 20), Offset(20)).unwrap(), None, "above the bound");
    assert_eq!(log.view().max_timestamp(Offset(2500)).unwrap().unwrap().offset, Offset(2499));
}

#[test]
fn disordered_times_are_found_too() {
    let disk = MemoryDisk::new();
    let mut log = create(&disk, LogConfig::default());
    let times = [50, 10, 90, 20, 90, 30];
    for time in times {
        append(&mut log, &[at(time, "x")]);
    }
    for close in [false, true] {
        let find =
            |target| log.view().offset_for_timestamp(WallTime(target), Offset(6)).unwrap().map(|found| found.offset.0);
        assert_eq!([find(0), find(51), find(90), find(91)], [Some(0), Some(2), Some(2), None]);
        let max = log.view().max_timestamp(Offset(6)).unwrap().unwrap();
        assert_eq!((max.offset, max.timestamp), (Offset(2), WallTime(90)), "the first of the largest");
        if !close {
            log.roll(NOW).unwrap();
        }
    }
}

#[test]
fn a_flipped_bit_is_never_served_as_good() {
    let disk = MemoryDisk::new();
    let mut log = filled(&disk, 100);
    let entry = log.close().unwrap();
    disk.flip_bits("orders-0/00000000000000000000.log", 5 * 270 + 100, 4);
    let (log, _) = reopen(&disk, LogConfig::default(), Start::Clean(&entry));
    let mut plan = log.view().plan_read(range(0, 100, 100_000), None).unwrap().unwrap();
    assert!(plan.needs_verification());
    let mut bytes = vec![0; plan.length as usize];
    plan.file.read_at(plan.position, &mut bytes).unwrap();
    plan.verify(&bytes).unwrap();
    assert_eq!(plan.next.offset, Offset(5), "what lies before the damage is served");
    let again = log.view().plan_read(range(0, 5, 100_000), None).unwrap().unwrap();
    assert!(!again.needs_verification(), "checked once");
    let mut bad = log.view().plan_read(range(5, 100, 100_000), Some(plan.next)).unwrap().unwrap();
    assert!(bad.needs_verification());
    let mut bytes = vec![0; bad.length as usize];
    bad.file.read_at(bad.position, &mut bytes).unwrap();
    let corrupt = bad.verify(&bytes).unwrap_err();
    assert_eq!(corrupt.position, plan.next.position);
    assert_eq!(read_from(log.view(), 6, 100_000).len(), 94, "what lies behind it, too");
}

#[test]
fn a_damaged_length_is_an_error_not_a_wrong_batch() {
    let disk = MemoryDisk::new();
    let mut log = filled(&disk, 100);
    let entry = log.close().unwrap();
    let position = log.view().plan_read(range(50, 51, 1), None).unwrap().unwrap().position;
    disk.flip_bits("orders-0/00000000000000000000.log", position + 8, 0x40);
    let (log, _) = reopen(&disk, LogConfig::default(), Start::Clean(&entry));
    let error = log.view().plan_read(range(50, 100, 1000), None).unwrap_err();
    assert!(matches!(error, ReadError::Storage(StorageError::Corrupt(_))));
}

#[test]
fn a_damaged_last_offset_is_an_error_not_the_end_of_the_log_or_a_gap() {
    let disk = MemoryDisk::new();
    let mut log = create(&disk, LogConfig::default());
    for _ in 0..20 {
        let batch = PreparedBatch::new(values(NOW.0, &["a", "b", "c"])).unwrap();
        log.append_as_leader([&batch], EPOCH, NOW).unwrap();
    }
    let entry = log.close().unwrap();
    let position = log.view().plan_read(range(30, 33, 1), None).unwrap().unwrap().position;
    let path = "orders-0/00000000000000000000.log";
    let read = |from| {
        let (log, _) = reopen(&disk, LogConfig::default(), Start::Clean(&entry));
        match log.view().plan_read(range(from, 60, 1000), None) {
            Err(ReadError::Storage(StorageError::Corrupt(corrupt))) => Err(corrupt.position),
            plan => Ok(plan.unwrap().unwrap().position),
        }
    };
    // 2 becomes 0x4000_0002: the batch claims to end far behind the log.
    disk.flip_bits(path, position + 23, 0x40);
    assert_eq!(read(30), Err(position));
    assert_eq!(read(32), Err(position));
    assert!(read(33).is_ok_and(|next| next > position), "what lies behind it is served");
    // 2 becomes 0: the batch hides its last two records.
    disk.flip_bits(path, position + 23, 0x40);
    disk.flip_bits(path, position + 26, 2);
    assert_eq!(read(31), Err(position), "a reader does not skip records unseen");
    assert!(read(33).is_ok_and(|next| next > position));
}

#[test]
fn own_bytes_are_served_unchecked_until_their_segment_is_sealed() {
    let disk = MemoryDisk::new();
    let mut log = create(&disk, LogConfig::default());
    append_values(&mut log, &["a"]);
    let plan = log.view().plan_read(range(0, 1, 1000), None).unwrap().unwrap();
    assert!(!plan.needs_verification());
    log.roll(NOW).unwrap();
    let plan = log.view().plan_read(range(0, 1, 1000), None).unwrap().unwrap();
    assert!(plan.needs_verification());
}

#[test]
fn readers_of_an_older_view_finish_after_a_deletion() {
    let disk = MemoryDisk::new();
    let mut log = filled(&disk, 2500);
    let old = log.view().clone();
    log.delete_records(Offset(1500)).unwrap();
    let deleted = log.apply_retention(NOW, Offset(2500)).unwrap();
    assert!(!deleted.is_empty());
    for files in deleted {
        files.remove_from(&disk).unwrap();
    }
    assert_eq!(read_from(&old, 0, 5000).len(), 2500);
    assert_eq!(read_all(&log).len(), 1000);
}

#[test]
fn a_truncated_segment_shows_as_an_outdated_view() {
    let disk = MemoryDisk::new();
    let mut log = filled(&disk, 100);
    let old = log.view().clone();
    log.truncate_to(Offset(50), NOW).unwrap();
    assert!(matches!(old.plan_read(range(0, 100, 1000), None), Err(ReadError::Outdated)));
    assert_eq!(read_all(&log).len(), 50);
}

#[test]
fn sealed_indexes_that_lie_only_cost_time() {
    let disk = MemoryDisk::new();
    let log = filled(&disk, 1500);
    let path = "orders-0/00000000000000000000.index";
    let entries = disk.content(path).unwrap().len();
    assert!(entries > 8);
    for position in 0..entries as u64 {
        disk.flip_bits(path, position, 0xff);
    }
    assert_eq!(read_from(log.view(), 300, 5000).len(), 1200);
}
