//! Appends and what goes wrong with them.

use super::kit::*;
use crate::{AppendError, AppendOutcome, LogConfig, StorageError, memory_disk::MemoryDisk};
use model::{LeaderEpoch, Offset, WallTime};
use std::io;

#[test]
fn a_group_gets_consecutive_offsets_in_one_write() {
    let disk = MemoryDisk::new();
    let mut log = create(&disk, LogConfig::default());
    log.start_leader_epoch(EPOCH).unwrap();
    let before = disk.changes();
    let outcomes = append(&mut log, &[plain("a"), sequenced(7, 0, 0, 3), plain("b")]);
    assert_eq!(outcomes, [appended(0, 0), appended(1, 3), appended(4, 4)]);
    assert_eq!(disk.changes() - before, 1);
    assert_eq!(log.log_end(), Offset(5));
}

#[test]
fn batches_carry_the_leader_epoch_of_their_append() {
    let disk = MemoryDisk::new();
    let mut log = create(&disk, LogConfig::default());
    append(&mut log, &[plain("a")]);
    log.start_leader_epoch(LeaderEpoch(9)).unwrap();
    log.append_as_leader(&[plain("b")], LeaderEpoch(9), NOW).unwrap();
    let view = log.view();
    assert_eq!(view.epoch_for_offset(Offset(0)), Some(EPOCH));
    assert_eq!(view.epoch_end_offset(EPOCH), Some((EPOCH, Offset(1))));
    assert_eq!(view.epoch_end_offset(LeaderEpoch(9)), Some((LeaderEpoch(9), Offset(2))));
    let bytes = disk.content("orders-0/00000000000000000000.log").unwrap();
    let epochs: Vec<_> = protocol::record_batch::Batches::new(&bytes)
        .map(|batch| batch.unwrap().header.partition_leader_epoch)
        .collect();
    assert_eq!(epochs, [EPOCH, LeaderEpoch(9)]);
}

#[test]
fn a_full_segment_is_sealed_before_the_append() {
    let disk = MemoryDisk::new();
    let mut log = create(&disk, small());
    let value = "x".repeat(300);
    for _ in 0..7 {
        append(&mut log, &[plain(&value)]);
    }
    assert_eq!(log.view().segment_count(), 4, "two batches of 300 bytes fit into 1000");
    assert_eq!(log.view().active_base_offset(), Offset(6));
    for base in [0, 2, 4] {
        let length = disk.content(&format!("orders-0/{base:020}.log")).unwrap().len();
        assert!((600..=1000).contains(&length));
        assert!(disk.content(&format!("orders-0/{base:020}.timeindex")).is_some());
    }
    assert_eq!(read_all(&log).len(), 7);
}

#[test]
fn a_group_that_spans_a_roll_is_taken_in_parts() {
    let disk = MemoryDisk::new();
    let mut log = create(&disk, small());
    let value = "x".repeat(300);
    let group = vec![plain(&value); 5];
    assert_eq!(log.append_as_leader(&group, EPOCH, NOW).unwrap().len(), 2);
    assert_eq!(log.append_as_leader(&group[2..], EPOCH, NOW).unwrap().len(), 2);
    assert_eq!(log.append_as_leader(&group[4..], EPOCH, NOW).unwrap().len(), 1);
}

#[test]
fn an_old_segment_is_sealed_by_record_time() {
    let disk = MemoryDisk::new();
    let mut log = create(&disk, LogConfig { segment_ms: 1000, ..LogConfig::default() });
    append(&mut log, &[at(5000, "a"), at(6000, "b")]);
    assert_eq!(log.view().segment_count(), 1);
    append(&mut log, &[at(6001, "c")]);
    assert_eq!(log.view().segment_count(), 2);
}

#[test]
fn batches_that_are_too_large_are_refused_alone() {
    let disk = MemoryDisk::new();
    let mut log = create(&disk, LogConfig { max_message_bytes: 400, segment_bytes: 300, ..LogConfig::default() });
    let outcomes = append(&mut log, &[plain(&"x".repeat(400)), plain("a"), plain(&"x".repeat(280))]);
    assert_eq!(outcomes[0], AppendOutcome::Refused(AppendError::MessageTooLarge));
    assert_eq!(outcomes[1], appended(0, 0));
    assert_eq!(outcomes[2], AppendOutcome::Refused(AppendError::RecordListTooLarge));
}

#[test]
fn stamped_batches_report_their_time() {
    let disk = MemoryDisk::new();
    let mut log = create(&disk, LogConfig::default());
    let stamped = plain("a").with_log_append_time(WallTime(77));
    let outcome = append(&mut log, &[stamped])[0];
    let expected =
        AppendOutcome::Appended { base_offset: Offset(0), last_offset: Offset(0), log_append_time: WallTime(77) };
    assert_eq!(outcome, expected);
    assert_eq!(read_all(&log), numbered(&["a"]), "the checksum fits the stamp");
}

#[test]
fn a_full_disk_refuses_appends_keeps_reads_and_heals() {
    let disk = MemoryDisk::new();
    let mut log = create(&disk, LogConfig { preallocate: false, ..LogConfig::default() });
    append(&mut log, &[sequenced(1, 0, 0, 1)]);
    let used: u64 = disk.paths().iter().map(|path| disk.content(path).unwrap().len() as u64).sum();
    disk.set_capacity(Some(used + 30));
    let error = log.append_as_leader(&[sequenced(1, 0, 1, 1), plain("lost")], EPOCH, NOW).unwrap_err();
    assert!(error.is_full());
    assert_eq!(log.log_end(), Offset(1));
    assert_eq!(read_all(&log).len(), 1);
    disk.set_capacity(None);
    assert_eq!(append(&mut log, &[sequenced(1, 0, 1, 1)]), [appended(1, 1)], "the failed batch left no trace");
    assert_eq!(read_all(&log).len(), 2);
}

#[test]
fn a_log_that_found_the_disk_full_leaves_room_for_others_once_there_is_some() {
    let disk = MemoryDisk::new();
    let mut log = create(&disk, LogConfig { preallocate: true, ..LogConfig::default() });
    append(&mut log, &[plain("a")]);
    let used = disk.used();
    disk.set_capacity(Some(used));
    let large = "b".repeat(100_000);
    for _ in 0..20 {
        assert!(log.append_as_leader(&[plain(&large)], EPOCH, NOW).is_err_and(|error| error.is_full()));
    }
    disk.set_capacity(Some(used + (64 << 20)));
    append(&mut log, &[plain(&large)]);
    assert!(disk.used() < used + (1 << 20), "{} more bytes are taken for one batch", disk.used() - used);
}

#[test]
fn remains_that_cannot_be_cut_off_block_appends_until_they_can() {
    let disk = MemoryDisk::new();
    let mut log = create(&disk, LogConfig::default());
    append(&mut log, &[plain("a")]);
    disk.fail_changes(Some(io::ErrorKind::Other));
    assert!(log.append_as_leader(&[plain("b")], EPOCH, NOW).is_err());
    let error = log.append_as_leader(&[plain("b")], EPOCH, NOW).unwrap_err();
    assert!(matches!(error, StorageError::Poisoned { .. }));
    disk.fail_changes(None);
    append(&mut log, &[plain("b")]);
    assert_eq!(read_all(&log), numbered(&["a", "b"]));
}

#[test]
fn follower_takes_batches_with_gaps_as_they_are() {
    let leader_disk = MemoryDisk::new();
    let mut leader = create(&leader_disk, LogConfig::default());
    append_values(&mut leader, &["a", "b", "c"]);
    let bytes = leader_disk.content("orders-0/00000000000000000000.log").unwrap();
    let size = bytes.len() / 3;
    let disk = MemoryDisk::new();
    let mut follower = create(&disk, LogConfig::default());
    let with_gap = [bytes[..size].to_vec(), bytes[2 * size..].to_vec()].concat();
    follower.append_as_follower(&[with_gap.into()], NOW).unwrap();
    assert_eq!(read_all(&follower), [(0, "a".to_owned()), (2, "c".to_owned())]);
    assert_eq!(follower.latest_epoch(), Some(EPOCH));
    let before = disk.changes();
    append_values(&mut leader, &["d", "e"]);
    let more = leader_disk.content("orders-0/00000000000000000000.log").unwrap()[3 * size..].to_vec();
    follower.append_as_follower(&[more[..size].to_vec().into(), more[size..].to_vec().into()], NOW).unwrap();
    assert_eq!(disk.changes() - before, 1, "one write for all batches of a fetch");
    assert_eq!(read_all(&follower).last(), Some(&(4, "e".to_owned())));
    let again = follower.append_as_follower(&[bytes[..size].to_vec().into()], NOW);
    assert!(matches!(again, Err(StorageError::UnexpectedOffset { .. })));
}

/// Records were deleted up to the middle of a batch (DeleteRecords), and a follower that has nothing begins there.
#[test]
fn follower_begins_within_a_batch_and_keeps_its_log_start() {
    let leader_disk = MemoryDisk::new();
    let mut leader = create(&leader_disk, LogConfig::default());
    append(&mut leader, &[sequenced(7, 0, 0, 4), plain("a")]);
    let bytes = leader_disk.content("orders-0/00000000000000000000.log").unwrap();
    let disk = MemoryDisk::new();
    let mut follower = create(&disk, LogConfig::default());
    follower.truncate_fully_and_start_at(Offset(2)).unwrap();
    follower.append_as_follower(&[bytes.clone().into()], NOW).unwrap();
    assert_eq!(
        (follower.log_start(), follower.log_end(), follower.high_watermark()),
        (Offset(2), Offset(5), Offset(2))
    );
    let found: Vec<_> = read_all(&follower).into_iter().map(|(offset, _)| offset).collect();
    assert_eq!(found, [2, 3, 4]);
    assert_eq!(follower.view().epoch_for_offset(Offset(2)), Some(EPOCH));
    let entry = follower.close().unwrap();
    let (again, _) = reopen(&disk, LogConfig::default(), crate::Start::Clean(&entry));
    assert_eq!((again.log_start(), again.log_end()), (Offset(2), Offset(5)));
}

#[test]
fn follower_that_has_records_takes_no_batch_that_overlaps_them() {
    let leader_disk = MemoryDisk::new();
    let mut leader = create(&leader_disk, LogConfig::default());
    append(&mut leader, &[sequenced(7, 0, 0, 4)]);
    let bytes = leader_disk.content("orders-0/00000000000000000000.log").unwrap();
    let mut follower = create(&MemoryDisk::new(), LogConfig::default());
    append_values(&mut follower, &["x", "y"]);
    let overlapping = follower.append_as_follower(&[bytes.clone().into()], NOW);
    assert!(matches!(overlapping, Err(StorageError::UnexpectedOffset { .. })));
    let mut beyond = create(&MemoryDisk::new(), LogConfig::default());
    beyond.truncate_fully_and_start_at(Offset(4)).unwrap();
    let before = beyond.append_as_follower(&[bytes.into()], NOW);
    assert!(matches!(before, Err(StorageError::UnexpectedOffset { .. })), "all of it lies before the log");
    assert_eq!((beyond.log_start(), beyond.log_end()), (Offset(4), Offset(4)));
}
