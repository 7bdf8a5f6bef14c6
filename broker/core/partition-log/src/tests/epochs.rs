//! What the leader-epoch file survives, and what is found again without it.

use super::kit::*;
use crate::{Crash, LogConfig, Start, epoch_cache::EpochStart, memory_disk::MemoryDisk};
use model::{LeaderEpoch, Offset};

const FILE: &str = "orders-0/leader-epoch-checkpoint";

fn append_in(log: &mut Log, epoch: i32, count: usize) {
    log.start_leader_epoch(LeaderEpoch(epoch)).unwrap();
    for _ in 0..count {
        let outcomes = log.append_as_leader(&[plain(&"x".repeat(150))], LeaderEpoch(epoch), NOW).unwrap();
        assert_eq!(outcomes.len(), 1);
    }
}

fn starts(log: &Log) -> Vec<(i32, i64)> {
    log.view().epochs.entries().iter().map(|EpochStart { epoch, start }| (epoch.0, start.0)).collect()
}

#[test]
fn an_epoch_begins_without_waiting_for_the_device() {
    let disk = MemoryDisk::new();
    let mut log = create(&disk, LogConfig::default());
    append_in(&mut log, 1, 1);
    let entry = log.close().unwrap();
    let (mut log, _) = reopen(&disk, LogConfig::default(), Start::Clean(&entry));
    append_in(&mut log, 2, 1);
    assert_eq!(disk.syncs(), 0);
    assert_eq!(disk.content(FILE).unwrap(), b"0\n2\n1 0\n2 1\n");
}

#[test]
fn the_first_epoch_writes_the_first_file() {
    let disk = MemoryDisk::new();
    let mut log = create(&disk, LogConfig::default());
    assert_eq!(disk.content(FILE), None);
    log.start_leader_epoch(LeaderEpoch(4)).unwrap();
    assert_eq!(disk.content(FILE).unwrap(), b"0\n1\n4 0\n");
}

#[test]
fn every_record_is_found_in_its_epoch_after_the_loss_of_the_machine() {
    for seed in 0..300 {
        let disk = MemoryDisk::new();
        let mut log = create(&disk, small());
        let mut epochs = Vec::new();
        let mut entry = log.checkpoint();
        for epoch in 1..8 {
            // Two digits and more, so that a torn number is still one.
            append_in(&mut log, epoch * 11, 6);
            epochs.resize(usize::try_from(log.log_end().0).unwrap(), LeaderEpoch(epoch * 11));
            if (seed + epoch) % 3 == 0 {
                let plan = log.flush_plan();
                plan.run().unwrap();
                log.flushed(&plan);
                entry = log.checkpoint();
            }
        }
        let disk = disk.after_machine_loss(u64::try_from(seed).unwrap());
        let start = Start::Unclean { entry: Some(&entry), crash: Crash::Machine };
        let (mut log, _) = reopen(&disk, small(), start);
        for offset in 0..log.log_end().0 {
            let wanted = epochs[usize::try_from(offset).unwrap()];
            assert_eq!(log.view().epoch_for_offset(Offset(offset)), Some(wanted), "seed {seed}, offset {offset}");
        }
        let end = log.log_end();
        append_in(&mut log, 99, 1);
        assert_eq!(log.view().epoch_for_offset(end), Some(LeaderEpoch(99)), "seed {seed}");
    }
}

#[test]
fn a_lost_empty_or_torn_file_is_rebuilt_even_after_a_clean_stop() {
    let disk = MemoryDisk::new();
    let mut log = create(&disk, small());
    append_in(&mut log, 3, 10);
    append_in(&mut log, 12, 10);
    let entry = log.close().unwrap();
    let whole = disk.content(FILE).unwrap();
    assert_eq!(whole, b"0\n2\n3 0\n12 10\n");
    let mut found: Vec<_> = (0..whole.len()).map(|cut| Some(whole[..cut].to_vec())).collect();
    found.extend([None, Some(vec![0; whole.len()])]);
    for found in found {
        let disk = disk.after_process_death();
        crate::Disk::remove(&disk, FILE).unwrap();
        if let Some(found) = &found {
            disk.put(FILE, found.clone());
        }
        let (log, report) = reopen(&disk, small(), Start::Clean(&entry));
        assert_eq!((starts(&log), report.scanned_bytes), (vec![(3, 0), (12, 10)], 0), "{found:?}");
        assert_eq!(disk.content(FILE).unwrap(), whole, "written again");
    }
}
