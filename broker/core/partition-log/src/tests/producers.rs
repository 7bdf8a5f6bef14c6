//! Idempotent and transactional producers (KIP-98).

use super::kit::*;
use crate::{AbortedTransaction, AppendError::*, AppendOutcome, LogConfig, Start, memory_disk::MemoryDisk};
use model::{Offset, ProducerId, WallTime};
use protocol::record_batch::MarkerKind::{Abort, Commit};

fn duplicate(base: i64, last: i64) -> AppendOutcome {
    AppendOutcome::Duplicate { base_offset: Offset(base), last_offset: Offset(last), timestamp: NOW }
}

/// Epoch, first sequence, count.
type Batch = (i16, i32, usize);

#[test]
fn sequences_are_checked() {
    let max = i32::MAX;
    // What was appended before, the batch (epoch, sequence, count), the outcome.
    let table: &[(&[Batch], Batch, AppendOutcome)] = &[
        (&[], (0, 0, 1), appended(0, 0)),
        (&[], (0, 55, 1), appended(0, 0)),
        (&[(0, 0, 3)], (0, 3, 2), appended(3, 4)),
        (&[(0, 0, 3)], (0, 0, 3), duplicate(0, 2)),
        (&[(0, 0, 3)], (0, 4, 1), AppendOutcome::Refused(OutOfOrderSequence)),
        (&[(0, 0, 3)], (0, 0, 2), AppendOutcome::Refused(OutOfOrderSequence)),
        (&[(0, 0, 1), (0, 1, 1), (0, 2, 1), (0, 3, 1), (0, 4, 1)], (0, 0, 1), duplicate(0, 0)),
        (&[(0, 0, 1), (0, 1, 1), (0, 2, 1), (0, 3, 1), (0, 4, 1), (0, 5, 1)], (0, 1, 1), duplicate(1, 1)),
        (
            &[(0, 0, 1), (0, 1, 1), (0, 2, 1), (0, 3, 1), (0, 4, 1), (0, 5, 1)],
            (0, 0, 1),
            AppendOutcome::Refused(OutOfOrderSequence),
        ),
        (&[(3, 0, 1)], (2, 1, 1), AppendOutcome::Refused(InvalidProducerEpoch)),
        (&[(3, 0, 1)], (4, 0, 1), appended(1, 1)),
        (&[(3, 0, 1)], (4, 1, 1), AppendOutcome::Refused(OutOfOrderSequence)),
        (&[(0, max, 1)], (0, 0, 1), appended(1, 1)),
        (&[(0, max - 1, 4)], (0, 2, 1), appended(4, 4)),
        (&[(0, max - 1, 4)], (0, max - 1, 4), duplicate(0, 3)),
    ];
    for (before, (epoch, sequence, count), expected) in table {
        let disk = MemoryDisk::new();
        let mut log = create(&disk, LogConfig::default());
        for (epoch, sequence, count) in *before {
            append(&mut log, &[sequenced(9, *epoch, *sequence, *count)]);
        }
        let case = format!("{before:?} then {epoch} {sequence} {count}");
        assert_eq!(append(&mut log, &[sequenced(9, *epoch, *sequence, *count)])[0], *expected, "{case}");
        if let AppendOutcome::Appended { .. } = expected {
            continue;
        }
        // The same in one group with what went before.
        let disk = MemoryDisk::new();
        let mut log = create(&disk, LogConfig::default());
        let mut group: Vec<_> = before.iter().map(|(e, s, c)| sequenced(9, *e, *s, *c)).collect();
        group.push(sequenced(9, *epoch, *sequence, *count));
        assert_eq!(append(&mut log, &group).last(), Some(expected), "one group: {case}");
    }
}

#[test]
fn all_five_batches_are_remembered_over_every_kind_of_restart() {
    for clean in [false, true] {
        let disk = MemoryDisk::new();
        let mut log = create(&disk, LogConfig::default());
        append(&mut log, &[sequenced(1, 0, 0, 2), sequenced(1, 0, 2, 1)]);
        log.roll(NOW).unwrap();
        append(&mut log, &[sequenced(1, 0, 3, 1), sequenced(1, 0, 4, 1), sequenced(1, 0, 5, 1)]);
        let entry = if clean { log.close().unwrap() } else { log.checkpoint() };
        let disk = disk.after_process_death();
        let (mut log, report) = reopen(&disk, LogConfig::default(), Start::Clean(&entry));
        assert_eq!(report.scanned_bytes == 0, clean);
        let outcomes = append(&mut log, &[sequenced(1, 0, 0, 2), sequenced(1, 0, 5, 1), sequenced(1, 0, 6, 1)]);
        assert_eq!(outcomes, [duplicate(0, 1), duplicate(5, 5), appended(6, 6)], "clean: {clean}");
    }
}

#[test]
fn producers_expire_by_the_time_of_their_last_append() {
    let disk = MemoryDisk::new();
    let mut log = create(&disk, LogConfig { producer_id_expiration_ms: 1000, ..LogConfig::default() });
    append(&mut log, &[sequenced(1, 0, 0, 1)]);
    let late = WallTime(NOW.0 + 1000);
    let outcome = log.append_as_leader(&[sequenced(1, 0, 77, 1)], EPOCH, late).unwrap();
    assert_eq!(outcome, [appended(1, 1)], "an expired producer is an unknown one");
    log.expire_producers(WallTime(late.0 + 999));
    assert_eq!(log.producers().len(), 1);
    log.expire_producers(WallTime(late.0 + 1000));
    assert_eq!(log.producers().len(), 0);
}

#[test]
fn an_open_transaction_bounds_the_last_stable_offset_until_its_marker_is_committed() {
    let disk = MemoryDisk::new();
    let mut log = create(&disk, LogConfig::default());
    append(&mut log, &[plain("a"), transactional(1, 0, 0, 2), plain("b")]);
    assert_eq!(log.first_unstable_offset(), Some(Offset(1)));
    log.high_watermark_advanced(Offset(4));
    assert_eq!(log.first_unstable_offset(), Some(Offset(1)));
    append(&mut log, &[marker(1, 0, Commit, 5)]);
    assert_eq!(log.first_unstable_offset(), Some(Offset(1)), "the marker is not committed yet");
    log.high_watermark_advanced(Offset(5));
    assert_eq!(log.first_unstable_offset(), None);
    assert_eq!(log.view().aborted_transactions(Offset(0), Offset(5)).unwrap(), []);
}

#[test]
fn aborted_transactions_are_listed_where_they_overlap() {
    let disk = MemoryDisk::new();
    let mut log = create(&disk, LogConfig::default());
    append(&mut log, &[transactional(1, 0, 0, 2), transactional(2, 0, 0, 2)]);
    append(&mut log, &[marker(2, 0, Abort, 0)]);
    log.roll(NOW).unwrap();
    append(&mut log, &[plain("x"), marker(1, 0, Abort, 0), marker(3, 0, Abort, 0)]);
    let aborted =
        |producer, first| AbortedTransaction { producer_id: ProducerId(producer), first_offset: Offset(first) };
    for restart in [false, true] {
        if restart {
            log = reopen(&disk, LogConfig::default(), Start::Clean(&log.checkpoint())).0;
        }
        let list = |from, below| log.view().aborted_transactions(Offset(from), Offset(below)).unwrap();
        assert_eq!(list(0, 8), [aborted(1, 0), aborted(2, 2)], "a marker alone aborts nothing");
        assert_eq!(list(0, 2), [aborted(1, 0)]);
        assert_eq!(list(5, 8), [aborted(1, 0)]);
        assert_eq!(list(7, 8), []);
    }
}

#[test]
fn markers_and_transactions_are_fenced() {
    let disk = MemoryDisk::new();
    let mut log = create(&disk, LogConfig::default());
    append(&mut log, &[transactional(1, 2, 0, 1)]);
    let outcomes = append(&mut log, &[sequenced(1, 2, 1, 1), marker(1, 1, Commit, 5), marker(1, 2, Commit, 5)]);
    assert_eq!(outcomes[0], AppendOutcome::Refused(InvalidTransactionState));
    assert_eq!(outcomes[1], AppendOutcome::Refused(InvalidProducerEpoch));
    assert_eq!(outcomes[2], appended(1, 1));
    append(&mut log, &[transactional(1, 2, 1, 1)]);
    let outcome = append(&mut log, &[marker(1, 2, Commit, 4)])[0];
    assert_eq!(outcome, AppendOutcome::Refused(TransactionCoordinatorFenced));
}

#[test]
fn truncation_forgets_what_it_removes() {
    let disk = MemoryDisk::new();
    let mut log = create(&disk, LogConfig::default());
    append(&mut log, &[sequenced(1, 0, 0, 1), sequenced(1, 0, 1, 1), transactional(2, 0, 0, 1)]);
    log.roll(NOW).unwrap();
    append(&mut log, &[sequenced(1, 0, 2, 1), marker(2, 0, Abort, 0)]);
    log.truncate_to(Offset(1), NOW).unwrap();
    assert_eq!(log.log_end(), Offset(1));
    assert_eq!(log.first_unstable_offset(), None);
    assert_eq!(log.view().aborted_transactions(Offset(0), Offset(9)).unwrap(), []);
    assert_eq!(append(&mut log, &[sequenced(1, 0, 1, 1), sequenced(1, 0, 0, 1)]), [appended(1, 1), duplicate(0, 0)]);
    log.truncate_fully_and_start_at(Offset(50)).unwrap();
    assert_eq!((log.log_start(), log.log_end()), (Offset(50), Offset(50)));
    assert_eq!(append(&mut log, &[sequenced(1, 0, 9, 1)]), [appended(50, 50)]);
    let (log, _) = reopen(&disk, LogConfig::default(), Start::Clean(&log.checkpoint()));
    assert_eq!(read_all(&log).len(), 1);
}
