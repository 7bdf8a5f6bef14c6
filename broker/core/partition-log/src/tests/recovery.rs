//! Opening after every kind of end.

use super::kit::*;
use crate::{Crash, LogConfig, ManifestEntry, OpenError, Start, flush_closed, memory_disk::MemoryDisk};
use model::{LeaderEpoch, Offset, TopicId};
use std::cell::Cell;

const LOG: &str = "orders-0/00000000000000000000.log";

fn three(disk: &MemoryDisk) -> (Log, Vec<usize>) {
    let mut log = create(disk, LogConfig::default());
    let mut ends = Vec::new();
    for value in ["aaaa", "bbbb", "cccc"] {
        append(&mut log, &[plain(value)]);
        ends.push(disk.content(LOG).unwrap().len());
    }
    (log, ends)
}

/// The kernel takes the pages of a failed sync for clean, and they can still be read.
#[test]
fn what_a_failed_sync_left_in_the_page_cache_is_written_anew() {
    let disk = MemoryDisk::new();
    let mut log = create(&disk, small());
    let value = "x".repeat(300);
    append(&mut log, &[plain("on the device")]);
    let plan = log.flush_plan();
    plan.run().unwrap();
    log.flushed(&plan);
    for _ in 0..5 {
        append(&mut log, &[plain(&value)]);
    }
    assert_eq!(log.view().segment_count(), 3);
    disk.fail_changes(Some(std::io::ErrorKind::Other));
    let plan = log.flush_plan();
    assert!(plan.segments.iter().all(|segment| segment.sync(&disk, FOLDER).is_err()));
    disk.fail_changes(None);
    let before = read_all(&log);
    let entry = log.checkpoint();
    let (mut log, _) = reopen(&disk, small(), Start::Unclean { entry: Some(&entry), crash: Crash::FailedSync });
    assert_eq!((read_all(&log), log.recovery_point()), (before.clone(), Offset(1)));
    let plan = log.flush_plan();
    plan.run().unwrap();
    log.flushed(&plan);
    assert_eq!(log.recovery_point(), Offset(6));
    let entry = log.checkpoint();
    for seed in 0..20 {
        let disk = disk.after_machine_loss(seed);
        let (log, _) = reopen(&disk, small(), Start::Unclean { entry: Some(&entry), crash: Crash::Machine });
        assert_eq!(read_all(&log), before, "seed {seed}");
    }
}

#[test]
fn a_clean_start_scans_nothing_and_goes_on() {
    let disk = MemoryDisk::new();
    let mut log = create(&disk, small());
    let value = "x".repeat(300);
    for _ in 0..5 {
        append(&mut log, &[plain(&value)]);
    }
    let entry = log.close().unwrap();
    assert!(entry.clean && !log.is_dirty());
    let (mut log, report) = reopen(&disk, small(), Start::Clean(&entry));
    assert_eq!((report.scanned_bytes, log.log_end()), (0, Offset(5)));
    assert_eq!(log.latest_epoch(), Some(EPOCH));
    append(&mut log, &[plain("y")]);
    assert_eq!(read_all(&log).len(), 6);
}

#[test]
fn an_idle_log_closes_without_writing_and_closes_leave_one_snapshot() {
    let disk = MemoryDisk::new();
    let (mut log, _) = three(&disk);
    let entry = log.close().unwrap();
    let (mut log, _) = reopen(&disk, LogConfig::default(), Start::Clean(&entry));
    log.start_leader_epoch(EPOCH.next()).unwrap();
    let before = disk.changes();
    let entry = log.close().unwrap();
    assert_eq!(disk.changes(), before, "10,000 idle partitions stop at once");
    let (mut log, report) = reopen(&disk, LogConfig::default(), Start::Clean(&entry));
    assert_eq!((report.scanned_bytes, log.latest_epoch()), (0, Some(EPOCH.next())));
    append(&mut log, &[plain("d")]);
    log.close().unwrap();
    let snapshots = disk.paths().into_iter().filter(|path| path.ends_with(".snapshot"));
    assert_eq!(snapshots.collect::<Vec<_>>(), ["orders-0/00000000000000000004.snapshot"]);
}

#[test]
fn a_flush_of_what_was_truncated_meanwhile_does_not_count() {
    let disk = MemoryDisk::new();
    let (mut log, _) = three(&disk);
    let plan = log.flush_plan();
    log.truncate_to(Offset(1), NOW).unwrap();
    append_values(&mut log, &["x", "y", "z"]);
    log.flushed(&plan);
    assert_eq!(log.recovery_point(), Offset(0));
}

#[test]
fn a_flush_syncs_the_folder_only_after_its_names_changed() {
    let disk = MemoryDisk::new();
    let (mut log, _) = three(&disk);
    let flush = |log: &mut Log| {
        append_values(log, &["more"]);
        let before = disk.syncs();
        let plan = log.flush_plan();
        plan.run().unwrap();
        log.flushed(&plan);
        disk.syncs() - before
    };
    assert_eq!((flush(&mut log), flush(&mut log)), (2, 1));
    log.start_leader_epoch(EPOCH.next()).unwrap();
    assert_eq!((flush(&mut log), flush(&mut log)), (2, 1));
    log.roll(NOW).unwrap();
    assert_eq!((flush(&mut log), flush(&mut log)), (2, 1));
}

#[test]
fn an_empty_segment_left_by_a_failed_roll_hides_nothing() {
    let disk = MemoryDisk::new();
    let (log, _) = three(&disk);
    let entry = log.checkpoint();
    disk.put("orders-0/00000000000000000001.log", Vec::new());
    let (mut log, _) = reopen(&disk, LogConfig::default(), Start::Clean(&entry));
    assert_eq!((log.log_end(), log.view().segment_count()), (Offset(3), 1));
    append_values(&mut log, &["dddd"]);
    log.roll(NOW).unwrap();
    let (log, _) = reopen(&disk, LogConfig::default(), Start::Clean(&log.checkpoint()));
    assert_eq!((log.log_end(), log.view().segment_count()), (Offset(4), 2), "an empty segment that counts");
    assert_eq!(read_all(&log), numbered(&["aaaa", "bbbb", "cccc", "dddd"]));
}

#[test]
fn a_tail_torn_at_any_byte_is_cut_to_the_last_whole_batch() {
    let disk = MemoryDisk::new();
    let (log, ends) = three(&disk);
    let entry = log.checkpoint();
    let whole = disk.content(LOG).unwrap();
    for cut in 0..whole.len() {
        let disk = disk.after_process_death();
        disk.put(LOG, whole[..cut].to_vec());
        let (mut log, report) = reopen(&disk, LogConfig::default(), Start::Clean(&entry));
        let kept = ends.iter().filter(|end| **end <= cut).count();
        assert_eq!(log.log_end(), Offset(kept as i64), "cut at {cut}");
        let good = ends[..kept].last().copied().unwrap_or(0);
        assert_eq!(report.truncated_bytes, (cut - good) as u64);
        append(&mut log, &[plain("next")]);
        assert_eq!(read_all(&log).len(), kept + 1);
    }
}

#[test]
fn zeros_or_garbage_after_the_last_batch_are_cut() {
    let disk = MemoryDisk::new();
    let (log, ends) = three(&disk);
    let entry = log.checkpoint();
    for garbage in [vec![0; 5000], vec![0xff; 5000], (0..5000u32).map(|i| (i * 7) as u8).collect()] {
        let disk = disk.after_process_death();
        disk.put(LOG, [disk.content(LOG).unwrap(), garbage].concat());
        let (log, report) = reopen(&disk, LogConfig::default(), Start::Clean(&entry));
        assert_eq!((log.log_end(), report.truncated_bytes), (Offset(3), 5000));
        assert_eq!(disk.content(LOG).unwrap().len(), ends[2]);
    }
}

#[test]
fn damage_before_good_batches_is_reported_and_drops_nothing_else() {
    let disk = MemoryDisk::new();
    let (log, ends) = three(&disk);
    let entry = log.checkpoint();
    for position in ends[0] + 12..ends[1] {
        let disk = disk.after_process_death();
        disk.flip_bits(LOG, position as u64, 0x20);
        let opened = Log::open(disk.clone(), FOLDER, TOPIC, LogConfig::default(), Start::Clean(&entry), NOW);
        let (log, report) = opened.unwrap();
        if report.corrupt.is_empty() {
            // Leader epoch: not under the checksum.
            assert!((ends[0] + 12..ends[0] + 16).contains(&position), "byte {position}");
            continue;
        }
        assert_eq!(report.corrupt[0].position, ends[0] as u64);
        assert_eq!(log.log_end(), Offset(3));
        assert_eq!(read_from(log.view(), 2, 1000), [(2, "cccc".to_owned())]);
    }
}

#[test]
fn a_damaged_offset_is_found_by_its_neighbours() {
    let disk = MemoryDisk::new();
    let (log, ends) = three(&disk);
    let entry = log.checkpoint();
    for (position, bits) in [(7, 4), (6, 1), (7, 1), (0, 0x80)] {
        let disk = disk.after_process_death();
        disk.flip_bits(LOG, ends[0] as u64 + position, bits);
        let (log, report) = reopen(&disk, LogConfig::default(), Start::Clean(&entry));
        assert_eq!(report.corrupt.len(), 1, "byte {position}");
        assert_eq!(report.corrupt[0].position, ends[0] as u64);
        assert_eq!(log.log_end(), Offset(3));
    }
}

#[test]
fn damage_that_hides_good_batches_stops_the_open() {
    let disk = MemoryDisk::new();
    let (log, ends) = three(&disk);
    disk.flip_bits(LOG, ends[0] as u64 + 9, 1);
    let start = Start::Unclean { entry: Some(&log.checkpoint()), crash: Crash::Process };
    let error = Log::open(disk.clone(), FOLDER, TOPIC, LogConfig::default(), start, NOW).unwrap_err();
    let OpenError::Damaged { damage, good_again, .. } = error else { panic!("{error}") };
    assert_eq!((damage.position, good_again), (ends[0] as u64, ends[1] as u64));
    let start = Start::Unclean { entry: None, crash: Crash::Machine };
    let (log, report) = reopen(&disk, LogConfig::default(), start);
    assert_eq!(log.log_end(), Offset(1), "nothing of it was flushed");
    assert!(report.truncated_bytes > 0);
}

#[test]
fn missing_small_files_are_made_again() {
    let disk = MemoryDisk::new();
    let mut log = create(&disk, small());
    for number in 0..6 {
        append(&mut log, &[sequenced(1, 0, number, 1), plain(&"x".repeat(300))]);
    }
    let before = read_all(&log);
    let entry = log.checkpoint();
    for path in disk.paths().iter().filter(|path| !path.ends_with(".log")) {
        disk.put(path, Vec::new());
        crate::Disk::remove(&disk, path).unwrap();
    }
    let (mut log, report) = reopen(&disk, small(), Start::Clean(&entry));
    assert!(report.rebuilt_indexes > 0);
    assert_eq!(read_all(&log), before);
    assert_eq!(log.latest_epoch(), Some(EPOCH));
    let outcome = append(&mut log, &[sequenced(1, 0, 6, 1)]);
    assert_eq!(outcome, [appended(12, 12)], "the sequence is known from the batches");
}

#[test]
fn the_log_of_another_topic_is_refused() {
    let disk = MemoryDisk::new();
    drop(create(&disk, LogConfig::default()));
    let other = TopicId(uuid_of(7));
    let error = Log::open(disk, FOLDER, other, LogConfig::default(), Start::New, NOW).unwrap_err();
    assert!(matches!(error, OpenError::ForeignTopic { .. }));
}

fn uuid_of(number: u128) -> uuid::Uuid {
    uuid::Uuid::from_u128(number)
}

#[test]
fn the_log_start_survives_by_the_manifest() {
    let disk = MemoryDisk::new();
    let mut log = create(&disk, small());
    let value = "x".repeat(300);
    for _ in 0..5 {
        append(&mut log, &[plain(&value)]);
    }
    log.delete_records(Offset(3)).unwrap();
    let entry = log.checkpoint();
    let (log, _) = reopen(&disk.after_process_death(), small(), Start::Clean(&entry));
    assert_eq!((log.log_start(), log.log_end()), (Offset(3), Offset(5)));
    assert_eq!(read_all(&log).len(), 2);
    assert_eq!(log.view().epoch_end_offset(LeaderEpoch(0)), Some((LeaderEpoch(0), Offset(3))));
}

#[test]
fn only_unflushed_records_go_with_the_machine() {
    for seed in 0..200 {
        let disk = MemoryDisk::new();
        let mut log = create(&disk, small());
        let value = "x".repeat(150);
        let mut flushed = 0;
        let mut entry = log.checkpoint();
        for number in 0..20 {
            append(&mut log, &[plain(&value), sequenced(5, 0, number, 1)]);
            if number % 7 == 3 {
                let plan = log.flush_plan();
                plan.run().unwrap();
                log.flushed(&plan);
                flushed = log.log_end().0;
                entry = log.checkpoint();
            }
        }
        let disk = disk.after_machine_loss(seed);
        let start = Start::Unclean { entry: Some(&entry), crash: Crash::Machine };
        let (mut log, _) = reopen(&disk, small(), start);
        assert!(log.log_end().0 >= flushed, "seed {seed}: {} of {flushed}", log.log_end());
        let records = read_all(&log);
        assert_eq!(records.len() as i64, log.log_end().0, "seed {seed}");
        append(&mut log, &[plain("on")]);
    }
}

#[test]
fn removed_segments_do_not_come_back_among_later_batches_when_the_machine_is_lost() {
    for seed in 0..100 {
        let disk = MemoryDisk::new();
        let mut log = create(&disk, small());
        append_values(&mut log, &[&*"o".repeat(300); 12]);
        let plan = log.flush_plan();
        plan.run().unwrap();
        log.flushed(&plan);
        log.truncate_to(Offset(4), NOW).unwrap();
        let entry = log.checkpoint();
        for _ in 0..8 {
            log.append_as_leader(&[plain(&"n".repeat(300))], EPOCH.next(), NOW).unwrap();
        }
        let disk = disk.after_machine_loss(seed);
        let start = Start::Unclean { entry: Some(&entry), crash: Crash::Machine };
        let (log, _) = reopen(&disk, small(), start);
        let later: Vec<_> = read_all(&log).into_iter().filter(|(offset, _)| *offset >= 4).collect();
        assert!(later.iter().all(|(_, value)| value.starts_with('n')), "seed {seed}: {later:?}");
    }
}

#[test]
fn a_recovery_that_dies_on_the_way_leaves_no_gap() {
    let disk = MemoryDisk::new();
    let mut log = create(&disk, small());
    let entry = log.checkpoint();
    while log.log_end() < Offset(40) {
        append_values(&mut log, &["a value of some length, so that segments are soon full"]);
    }
    let segments = disk.paths().iter().filter(|path| path.ends_with(".log")).count();
    assert!(segments >= 3);
    // The machine tore a write in the first segment; those after it reached the disk.
    disk.flip_bits("orders-0/00000000000000000000.log", 300, 1);
    for entry in [None, Some(&entry)] {
        let start = || Start::Unclean { entry, crash: Crash::Machine };
        let mut deaths = 0;
        loop {
            let dying = disk.after_process_death();
            dying.crash_at(deaths, deaths * 7);
            let survives = Log::open(dying.clone(), FOLDER, TOPIC, small(), start(), NOW).is_ok();
            let (log, _) = reopen(&dying.after_process_death(), small(), start());
            assert_eq!(log.log_start(), Offset(0));
            assert_eq!(read_all(&log).len() as i64, log.log_end().0, "after a death at change {deaths}");
            assert!(log.log_end() < Offset(10), "{} is behind the tear", log.log_end());
            if survives && !dying.is_crashed() {
                break;
            }
            deaths += 1;
        }
        assert!(deaths > 4, "{deaths}");
    }
}

#[test]
fn a_closed_log_that_is_flushed_outlives_the_machine() {
    for seed in 0..50 {
        let disk = MemoryDisk::new();
        let mut log = create(&disk, small());
        let value = "x".repeat(300);
        for count in 0..8 {
            append(&mut log, &[plain(&value)]);
            if count == 1 {
                let plan = log.flush_plan();
                plan.run().unwrap();
                log.flushed(&plan);
            }
        }
        let mut entry = log.close().unwrap();
        assert_eq!(entry.recovery_point, Offset(2));
        flush_closed(&disk, &entry).unwrap();
        entry.recovery_point = entry.log_end;
        let disk = disk.after_machine_loss(seed);
        let (log, _) = reopen(&disk, small(), Start::Unclean { entry: Some(&entry), crash: Crash::Machine });
        assert_eq!((log.log_end(), read_all(&log).len()), (Offset(8), 8), "seed {seed}");
    }
}

#[test]
fn of_a_closed_log_only_what_is_not_on_the_device_is_synced() {
    let disk = MemoryDisk::new();
    let mut log = create(&disk, small());
    let value = "x".repeat(300);
    for _ in 0..8 {
        append(&mut log, &[plain(&value)]);
    }
    let entry = log.close().unwrap();
    let syncs_from = |recovery_point| {
        let before = disk.syncs();
        flush_closed(&disk, &ManifestEntry { recovery_point: Offset(recovery_point), ..entry.clone() }).unwrap();
        disk.syncs() - before
    };
    assert_eq!((syncs_from(0), syncs_from(7)), (5, 2), "segments of two records each, and the folder");
}

#[test]
fn a_recovery_that_is_given_up_changes_nothing() {
    let disk = MemoryDisk::new();
    let mut log = create(&disk, small());
    let value = "x".repeat(300);
    for _ in 0..8 {
        append(&mut log, &[plain(&value)]);
    }
    let start = || Start::Unclean { entry: None, crash: Crash::Machine };
    for batches in 0..8_usize {
        let before = disk.content(LOG);
        let left = Cell::new(batches);
        let given_up = || left.replace(left.get().saturating_sub(1)) == 0;
        let opened = crate::Log::open_unless(&given_up, disk.clone(), FOLDER, TOPIC, small(), start(), NOW);
        assert!(matches!(opened, Err(OpenError::GivenUp { .. })), "{opened:?}");
        assert_eq!(disk.content(LOG), before);
    }
    assert_eq!(read_all(&reopen(&disk, small(), start()).0).len(), 8);
}
