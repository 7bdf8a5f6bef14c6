//! Cuts that the disk does not follow at once.

use super::kit::*;
use crate::{AppendOutcome, Crash, Start, StorageError, memory_disk::MemoryDisk};
use model::{LeaderEpoch, Offset};
use protocol::record_batch::Batches;
use std::io::ErrorKind;

const PRODUCER: i64 = 7;

/// Four segments and four epochs, with records of one producer in order.
fn full(disk: &MemoryDisk) -> Log {
    let mut log = create(disk, small());
    for sequence in 0..40 {
        if sequence % 10 == 0 {
            log.start_leader_epoch(LeaderEpoch(sequence)).unwrap();
        }
        let epoch = log.latest_epoch().unwrap();
        log.append_as_leader(&[sequenced(PRODUCER, 0, sequence, 1)], epoch, NOW).unwrap();
    }
    let segments = disk.paths().iter().filter(|path| path.ends_with(".log")).count();
    assert!(segments >= 4, "{segments}");
    log
}

fn opened_after_process_death(disk: &MemoryDisk, log: &Log) -> (MemoryDisk, Log) {
    let (disk, entry) = (disk.after_process_death(), log.checkpoint());
    disk.fail_changes(None);
    let (log, _) = reopen(&disk, small(), Start::Unclean { entry: Some(&entry), crash: Crash::Process });
    (disk, log)
}

/// Cuts with the first, second, third … change of the disk refused, as long as that makes a difference.
fn refused_at_each_change(cut: impl Fn(&mut Log) -> Result<(), StorageError>, check: impl Fn(MemoryDisk, Log)) {
    for change in 0.. {
        let disk = MemoryDisk::new();
        let mut log = full(&disk);
        disk.fail_at(disk.changes() + change, ErrorKind::StorageFull);
        match cut(&mut log) {
            Ok(()) => {
                assert!(change >= 2, "only {change} changes to refuse");
                return;
            }
            Err(_) => check(disk, log),
        }
    }
}

#[test]
fn a_cut_that_the_disk_refuses_half_way_leaves_the_log_as_it_is_to_be() {
    for to in [5, 10, 14, 39] {
        let kept = read_all(&full(&MemoryDisk::new()))[..to as usize].to_vec();
        let cut = |log: &mut Log| log.truncate_to(Offset(to), NOW);
        let check = |disk: MemoryDisk, mut log: Log| {
            assert_eq!(read_all(&log), kept);
            assert!(log.view().epochs.entries().iter().all(|epoch| epoch.start < Offset(to)));
            let overruled = sequenced(PRODUCER, 0, i32::try_from(to).unwrap(), 1);
            disk.fail_changes(Some(ErrorKind::StorageFull));
            assert!(log.append_as_leader(std::slice::from_ref(&overruled), LeaderEpoch(50), NOW).is_err());
            assert!(log.start_leader_epoch(LeaderEpoch(50)).is_err());
            let (_, restarted) = opened_after_process_death(&disk, &log);
            let found = read_all(&restarted);
            assert_eq!(found[..kept.len()], kept);
            assert!(found.iter().enumerate().all(|(at, (offset, _))| at as i64 == *offset), "{found:?}");

            disk.fail_changes(None);
            let outcome = log.append_as_leader(&[overruled], LeaderEpoch(50), NOW).unwrap()[0];
            assert_eq!(outcome, appended(to, to), "what was cut off is no duplicate");
            let (_, restarted) = opened_after_process_death(&disk, &log);
            assert_eq!(read_all(&restarted), read_all(&log));
            assert_eq!(restarted.log_end(), Offset(to + 1));
            assert_eq!(restarted.view().epochs, log.view().epochs);
        };
        refused_at_each_change(cut, check);
    }
}

#[test]
fn a_new_beginning_that_the_disk_refuses_half_way_has_begun() {
    for start in [0, 20, 500] {
        let cut = |log: &mut Log| log.truncate_fully_and_start_at(Offset(start));
        let check = |disk: MemoryDisk, mut log: Log| {
            assert_eq!((log.log_start(), log.log_end(), log.latest_epoch()), (Offset(start), Offset(start), None));
            let batch = sequenced(PRODUCER, 0, 33, 1);
            disk.fail_changes(Some(ErrorKind::StorageFull));
            assert!(log.append_as_leader(std::slice::from_ref(&batch), LeaderEpoch(50), NOW).is_err());
            opened_after_process_death(&disk, &log);

            disk.fail_changes(None);
            let outcomes = log.append_as_leader(std::slice::from_ref(&batch), LeaderEpoch(50), NOW).unwrap();
            assert_eq!(outcomes, [appended(start, start)]);
            let (_, mut restarted) = opened_after_process_death(&disk, &log);
            assert_eq!((restarted.log_start(), restarted.log_end()), (Offset(start), Offset(start + 1)));
            assert_eq!(restarted.view().epochs, log.view().epochs);
            let again = restarted.append_as_leader(&[batch], LeaderEpoch(50), NOW).unwrap()[0];
            assert!(matches!(again, AppendOutcome::Duplicate { .. }), "{again:?}");
        };
        refused_at_each_change(cut, check);
    }
}

#[test]
fn a_cut_behind_an_unfinished_one_does_both() {
    let disk = MemoryDisk::new();
    let mut log = full(&disk);
    disk.fail_changes(Some(ErrorKind::StorageFull));
    log.truncate_to(Offset(35), NOW).unwrap_err();
    log.truncate_to(Offset(12), NOW).unwrap_err();
    assert_eq!(log.log_end(), Offset(12));
    disk.fail_changes(None);
    log.truncate_to(Offset(12), NOW).unwrap();
    log.append_as_leader(&[sequenced(PRODUCER, 0, 12, 1)], LeaderEpoch(50), NOW).unwrap();
    let (_, restarted) = opened_after_process_death(&disk, &log);
    assert_eq!(read_all(&restarted), read_all(&log));
    assert_eq!(restarted.view().epochs, log.view().epochs);

    disk.fail_changes(Some(ErrorKind::StorageFull));
    log.truncate_to(Offset(5), NOW).unwrap_err();
    log.truncate_fully_and_start_at(Offset(100)).unwrap_err();
    disk.fail_changes(None);
    log.close().unwrap();
    assert_eq!(disk.paths().iter().filter(|path| path.ends_with(".log")).count(), 1);
    assert_eq!(log.log_end(), Offset(100));
}

/// Of the batch with this offset, in the first segment: it says that it ends far behind where it does.
fn damage_last_offset_of(disk: &MemoryDisk, offset: usize) {
    const LAST_OFFSET_DELTA: u64 = 23;
    let path = "orders-0/00000000000000000000.log";
    let content = disk.content(path).unwrap();
    let sizes = Batches::new(&content).take(offset).map(|batch| batch.unwrap().bytes().len() as u64);
    disk.flip_bits(path, sizes.sum::<u64>() + LAST_OFFSET_DELTA, 0x40);
}

#[test]
fn a_damaged_header_does_not_have_the_log_cut_elsewhere() {
    for damaged in [2, 4] {
        let disk = MemoryDisk::new();
        let mut log = full(&disk);
        damage_last_offset_of(&disk, damaged);
        let refused = log.truncate_to(Offset(5), NOW);
        assert!(matches!(refused, Err(StorageError::Corrupt(_))), "{damaged}: {refused:?}");
        assert_eq!((log.log_start(), log.log_end()), (Offset(0), Offset(40)));
    }
    let disk = MemoryDisk::new();
    let mut log = full(&disk);
    damage_last_offset_of(&disk, 5);
    log.truncate_to(Offset(5), NOW).unwrap();
    assert_eq!((log.log_end(), read_all(&log).len()), (Offset(5), 5), "the damage is cut off");
}
