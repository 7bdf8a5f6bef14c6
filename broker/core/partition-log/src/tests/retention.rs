//! What is deleted, and what is not.

use super::kit::*;
use crate::{LogConfig, Start, memory_disk::MemoryDisk};
use model::{Offset, WallTime};

/// Segments of two records each, one second apart, from time 0.
fn filled(disk: &MemoryDisk, config: LogConfig, count: i64) -> Log {
    let mut log = create(disk, LogConfig { segment_bytes: 1000, ..config });
    for number in 0..count {
        append(&mut log, &[at(number * 1000, &"x".repeat(300))]);
    }
    log
}

fn retained(log: &mut Log, now: i64, high_watermark: i64) -> (usize, i64) {
    let deleted = log.apply_retention(WallTime(now), Offset(high_watermark)).unwrap();
    (deleted.len(), log.log_start().0)
}

#[test]
fn segments_go_by_their_largest_timestamp() {
    let disk = MemoryDisk::new();
    let mut log = filled(&disk, LogConfig { retention_ms: 1000, ..LogConfig::default() }, 8);
    assert_eq!(retained(&mut log, 2000, 8), (0, 0), "newest record of the first segment is 1 s old");
    assert_eq!(retained(&mut log, 2001, 8), (1, 2));
    assert_eq!(retained(&mut log, 5001, 8), (1, 4));
    assert_eq!(retained(&mut log, 6001, 5), (0, 4), "not above the high watermark");
    assert_eq!(retained(&mut log, 6001, 6), (1, 6));
    assert_eq!(read_all(&log).len(), 2);
}

#[test]
fn an_expired_active_segment_rolls_first() {
    let disk = MemoryDisk::new();
    let mut log = filled(&disk, LogConfig { retention_ms: 1000, ..LogConfig::default() }, 3);
    assert_eq!(retained(&mut log, 1_000_000, 3), (2, 3));
    assert_eq!(log.log_end(), Offset(3));
    append(&mut log, &[plain("y")]);
    assert_eq!(read_all(&log), [(3, "y".to_owned())]);
    let (log, _) = reopen(&disk, LogConfig::default(), Start::Clean(&log.checkpoint()));
    assert_eq!((log.log_start(), log.log_end()), (Offset(3), Offset(4)));
}

#[test]
fn size_keeps_at_least_the_limit() {
    let disk = MemoryDisk::new();
    let mut log = filled(&disk, LogConfig { retention_bytes: 1500, retention_ms: -1, ..LogConfig::default() }, 8);
    let total = log.view().size_in_bytes();
    let segment = total / 4;
    let (deleted, _) = retained(&mut log, 0, 8);
    let left = log.view().size_in_bytes();
    assert_eq!(deleted as u64, (total - 1500) / segment);
    assert!(left >= 1500 && left < 1500 + segment);
}

#[test]
fn without_delete_only_what_lies_below_the_log_start_goes() {
    let disk = MemoryDisk::new();
    let compact = LogConfig {
        retention_ms: 0,
        retention_bytes: 0,
        cleanup_delete: false,
        cleanup_compact: true,
        ..LogConfig::default()
    };
    let mut log = filled(&disk, compact, 8);
    assert_eq!(retained(&mut log, 1_000_000, 8), (0, 0));
    assert!(log.delete_records(Offset(5)).unwrap());
    assert!(!log.delete_records(Offset(4)).unwrap());
    assert_eq!(retained(&mut log, 1_000_000, 8), (2, 5));
}

#[test]
fn deleted_files_keep_running_reads_and_then_go() {
    let disk = MemoryDisk::new();
    let mut log = filled(&disk, LogConfig { retention_ms: 0, ..LogConfig::default() }, 4);
    let deleted = log.apply_retention(WallTime(1_000_000), Offset(4)).unwrap();
    assert!(disk.paths().iter().any(|path| path.ends_with(".log.deleted")));
    for files in &deleted {
        files.remove_from(&disk).unwrap();
        files.remove_from(&disk).unwrap();
    }
    assert!(!disk.paths().iter().any(|path| path.ends_with(".deleted")));
}

#[test]
fn files_left_for_deletion_are_removed_at_the_next_start() {
    let disk = MemoryDisk::new();
    let mut log = filled(&disk, LogConfig { retention_ms: 0, ..LogConfig::default() }, 4);
    log.apply_retention(WallTime(1_000_000), Offset(4)).unwrap();
    let (_, _) = reopen(&disk, LogConfig::default(), Start::Clean(&log.checkpoint()));
    assert!(!disk.paths().iter().any(|path| path.ends_with(".deleted")));
}
