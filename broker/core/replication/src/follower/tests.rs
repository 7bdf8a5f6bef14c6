use super::*;

/// Epochs with their first offsets, and the end.
struct Log(Vec<(i32, i64)>, i64);

impl OwnLog for Log {
    fn log_start(&self) -> Offset {
        Offset(2)
    }
    fn log_end(&self) -> Offset {
        Offset(self.1)
    }
    fn high_watermark(&self) -> Offset {
        Offset(3)
    }
    fn latest_epoch(&self) -> Option<LeaderEpoch> {
        self.0.last().map(|(epoch, _)| LeaderEpoch(*epoch))
    }
    fn end_of_epoch(&self, epoch: LeaderEpoch) -> Option<(LeaderEpoch, Offset)> {
        let index = self.0.iter().rposition(|(known, _)| *known <= epoch.0)?;
        let end = self.0.get(index + 1).map_or(self.1, |(_, start)| *start);
        Some((LeaderEpoch(self.0[index].0), Offset(end)))
    }
}

const LEADER: BrokerId = BrokerId(9);

fn at(ms: u64) -> MonotonicTime {
    MonotonicTime::from_ms(ms)
}

/// Offsets 2 to 19 in epochs 1, 3 and 6.
fn log() -> Log {
    Log(vec![(1, 2), (3, 8), (6, 15)], 20)
}

fn answered(log: &Log, answer: FetchAnswer) -> Vec<FollowerStep> {
    let mut follower = Follower::new(LEADER, LeaderEpoch(7));
    let asked = follower.next_fetch(log, at(0)).unwrap();
    follower.answered(asked, answer, log, at(1))
}

#[test]
fn asks_from_its_end_and_says_which_epoch_it_ends_with() {
    let follower = Follower::new(LEADER, LeaderEpoch(7));
    let asked = follower.next_fetch(&log(), at(0)).unwrap();
    assert_eq!((asked.offset, asked.last_fetched_epoch, asked.log_start), (Offset(20), LeaderEpoch(6), Offset(2)));
    let empty = follower.next_fetch(&Log(Vec::new(), 2), at(0)).unwrap();
    assert_eq!(empty.last_fetched_epoch, LeaderEpoch::UNKNOWN);
}

#[test]
fn records_are_appended_before_the_high_watermark_moves() {
    let answer = FetchAnswer::Records { high_watermark: Offset(25), log_start: Offset(5) };
    let expected = [
        FollowerStep::Append,
        FollowerStep::AdvanceHighWatermark(Offset(25)),
        FollowerStep::AdvanceLogStart(Offset(5)),
    ];
    assert_eq!(answered(&log(), answer), expected);
}

#[test]
fn truncates_by_epochs() {
    let cases = [
        // The leader ended our last epoch before we did.
        (6, 17, 17),
        // It ended an epoch that we ended earlier.
        (3, 18, 15),
        (3, 12, 12),
        // It knows an epoch we lack: back to the end of the one before, and ask again.
        (5, 18, 15),
        (2, 9, 8),
        // It shares nothing we know of.
        (0, 2, 2),
        // It claims more than we have.
        (6, 90, 20),
    ];
    for (epoch, end, expected) in cases {
        let answer = FetchAnswer::Diverging { epoch: LeaderEpoch(epoch), end: Offset(end) };
        assert_eq!(answered(&log(), answer), [FollowerStep::TruncateTo(Offset(expected))], "epoch {epoch} to {end}");
    }
}

#[test]
fn log_that_the_leader_left_behind_starts_anew() {
    let answer = FetchAnswer::OutOfRange { log_start: Offset(100) };
    assert_eq!(answered(&log(), answer), [FollowerStep::RestartAt(Offset(100))]);
    assert_eq!(answered(&log(), FetchAnswer::OutOfRange { log_start: Offset(4) }), []);
}

#[test]
fn answer_to_what_no_longer_holds_is_dropped() {
    let mut follower = Follower::new(LEADER, LeaderEpoch(7));
    let asked = follower.next_fetch(&log(), at(0)).unwrap();
    let answer = FetchAnswer::Diverging { epoch: LeaderEpoch(1), end: Offset(3) };
    let longer = Log(log().0, 21);
    assert_eq!(follower.answered(asked, answer, &longer, at(1)), []);
    let mut of_next_epoch = Follower::new(LEADER, LeaderEpoch(8));
    assert_eq!(of_next_epoch.answered(asked, answer, &log(), at(1)), []);
}

/// Seed 302053: it was told to cut back its log, fetched as many records of the leader as it had lost, and the same words came
/// once more.
#[test]
fn log_that_was_cut_back_and_grew_as_long_again_is_another() {
    let mut follower = Follower::new(LEADER, LeaderEpoch(7));
    let asked = follower.next_fetch(&log(), at(0)).unwrap();
    let answer = FetchAnswer::Diverging { epoch: LeaderEpoch(6), end: Offset(18) };
    assert_eq!(follower.answered(asked, answer, &log(), at(1)), [FollowerStep::TruncateTo(Offset(18))]);
    let grown = Log(vec![(1, 2), (3, 8), (6, 15), (7, 18)], 20);
    assert_eq!(follower.answered(asked, answer, &grown, at(2)), []);
}

#[test]
fn fenced_follower_waits_for_metadata() {
    let mut follower = Follower::new(LEADER, LeaderEpoch(7));
    let asked = follower.next_fetch(&log(), at(0)).unwrap();
    assert_eq!(follower.answered(asked, FetchAnswer::FencedEpoch, &log(), at(1)), []);
    assert_eq!((follower.next_fetch(&log(), at(60_000)), follower.next_attempt()), (None, None));
    follower.met_metadata();
    assert!(follower.next_fetch(&log(), at(60_000)).is_some());
}

#[test]
fn leader_that_is_not_ready_is_asked_again_later() {
    let mut follower = Follower::new(LEADER, LeaderEpoch(7));
    let asked = follower.next_fetch(&log(), at(0)).unwrap();
    assert_eq!(follower.answered(asked, FetchAnswer::NotNow, &log(), at(1)), []);
    assert_eq!(follower.next_fetch(&log(), at(100)), None);
    assert_eq!(follower.next_attempt(), Some(at(101)));
    assert!(follower.next_fetch(&log(), at(101)).is_some());
}
