use super::*;
use crate::{FollowerFetch, NotEnoughReplicas};
use model::BrokerEpoch;

const ME: BrokerId = BrokerId(1);
const OTHER: BrokerId = BrokerId(2);
const THIRD: BrokerId = BrokerId(3);
const NOW: MonotonicTime = MonotonicTime::ZERO;

fn fetch(broker: BrokerId, log_end: i64) -> FollowerFetch {
    FollowerFetch { broker, broker_epoch: BrokerEpoch(-1), log_end: Offset(log_end) }
}

fn reached(leader: &mut Leader, broker: BrokerId, log_end: i64) -> Option<Offset> {
    leader.follower_fetched(fetch(broker, log_end), NOW).unwrap()
}

fn assignment(epoch: i32, in_sync: &[BrokerId], min_in_sync: usize) -> Assignment {
    Assignment {
        leader: Some(ME),
        leader_epoch: LeaderEpoch(epoch),
        partition_epoch: PartitionEpoch(0),
        replicas: vec![ME, OTHER, THIRD],
        in_sync: in_sync.to_vec(),
        others_are_eligible: false,
        min_in_sync,
        recovering: false,
    }
}

fn ends(log_end: i64, high_watermark: i64) -> OwnEnds {
    OwnEnds::all_safe(Offset(log_end), Offset(high_watermark))
}

fn leading(in_sync: &[BrokerId], min_in_sync: usize, log_end: i64, high_watermark: i64) -> Replica {
    let mut replica = Replica::new(ME);
    replica.assign(assignment(5, in_sync, min_in_sync), ends(log_end, high_watermark), NOW);
    replica
}

#[test]
fn sole_replica_commits_what_it_holds() {
    let mut replica = Replica::new(ME);
    let alone = Assignment { replicas: vec![ME], ..assignment(0, &[ME], 1) };
    assert_eq!(replica.assign(alone, ends(10, 7), NOW), Some(Offset(10)));
    assert_eq!(replica.leader_mut().unwrap().log_end_moved(Offset(12), NOW), Some(Offset(12)));
    assert_eq!(replica.leader_mut().unwrap().log_end_moved(Offset(12), NOW), None);
}

/// With `flush.messages` records count once they are on the device, also those of the leadership before.
#[test]
fn new_leader_counts_what_is_safe_and_takes_nothing_back() {
    let alone = Assignment { replicas: vec![ME], ..assignment(0, &[ME], 1) };
    let mut replica = Replica::new(ME);
    assert_eq!(replica.assign(alone.clone(), OwnEnds { safe_end: Offset(8), ..ends(10, 7) }, NOW), Some(Offset(8)));
    let leader = replica.leader_mut().unwrap();
    assert!(!leader.high_watermark_is_known(), "the leader before may have told more");
    assert_eq!(leader.log_end_moved(Offset(10), NOW), Some(Offset(10)));
    let mut replica = Replica::new(ME);
    assert_eq!(replica.assign(alone, OwnEnds { safe_end: Offset(5), ..ends(10, 7) }, NOW), None);
    assert_eq!(replica.leader().unwrap().high_watermark(), Offset(7));
}

#[test]
fn leader_that_lost_records_serves_nobody_before_another_epoch() {
    for aside in [false, true] {
        let mut replica = leading(&[ME, OTHER], 1, 10, 4);
        assert!(!replica.log_opened(ends(10, 4), NOW), "nothing is lost");
        assert!(!aside || replica.step_aside());
        assert!(replica.log_opened(ends(9, 4), NOW));
        assert!(replica.is_replicated());
        let later = Assignment { partition_epoch: PartitionEpoch(1), ..assignment(5, &[ME], 1) };
        assert_eq!(replica.assign(later, ends(9, 4), NOW), None);
        assert_eq!(replica.leader().err(), Some(NotServed::NotLeader));
        assert!(!replica.log_opened(ends(8, 4), NOW), "said once");
        replica.assign(assignment(6, &[ME], 1), ends(8, 4), NOW);
        assert_eq!(replica.leader().map(Leader::high_watermark), Ok(Offset(8)));
    }
}

#[test]
fn sole_replica_that_lost_records_begins_anew_with_what_it_has() {
    let alone = Assignment { replicas: vec![ME], ..assignment(0, &[ME], 1) };
    let mut replica = Replica::new(ME);
    replica.assign(alone, ends(10, 10), NOW);
    assert!(!replica.log_opened(ends(8, 8), NOW));
    let leader = replica.leader_mut().unwrap();
    assert_eq!(leader.high_watermark(), Offset(8));
    assert_eq!(leader.log_end_moved(Offset(9), NOW), Some(Offset(9)));
}

#[test]
fn high_watermark_is_the_lowest_log_end_of_the_in_sync_set() {
    let mut replica = leading(&[ME, OTHER, THIRD], 2, 10, 4);
    let leader = replica.leader_mut().unwrap();
    assert_eq!(reached(leader, OTHER, 9), None, "the third has not told its log end");
    assert_eq!(reached(leader, THIRD, 8), Some(Offset(8)));
    assert_eq!(reached(leader, THIRD, 10), Some(Offset(9)));
    assert_eq!(leader.follower_fetched(fetch(BrokerId(9), 100), NOW), Err(NotServed::UnknownReplica));
    assert_eq!(leader.high_watermark(), Offset(9));
}

/// A member that the controller has in the ISR may be elected: what it lacks is not committed, whatever older metadata says.
#[test]
fn metadata_that_lags_behind_an_accepted_proposal_takes_no_member_back() {
    let mut replica = leading(&[ME, OTHER], 2, 10, 10);
    let leader = replica.leader_mut().unwrap();
    reached(leader, OTHER, 10);
    reached(leader, THIRD, 10);
    let joined = Assignment { partition_epoch: PartitionEpoch(1), ..assignment(5, &[ME, OTHER, THIRD], 2) };
    leader.proposal_accepted(joined, NOW);
    replica.assign(assignment(5, &[ME, OTHER], 1), ends(10, 10), NOW);
    let leader = replica.leader_mut().unwrap();
    assert_eq!(leader.log_end_moved(Offset(12), NOW), None);
    assert_eq!(reached(leader, OTHER, 12), None, "the third lacks it");
    assert_eq!(reached(leader, THIRD, 12), Some(Offset(12)));
}

#[test]
fn high_watermark_stands_still_below_the_minimum() {
    let mut replica = leading(&[ME], 2, 10, 4);
    let leader = replica.leader_mut().unwrap();
    assert_eq!(leader.log_end_moved(Offset(11), NOW), None);
    assert_eq!(leader.check_min_in_sync(), Err(NotEnoughReplicas { in_sync: 1, required: 2 }));
    reached(leader, OTHER, 11);
    let raised = replica.assign(assignment(5, &[ME, OTHER], 2), ends(11, 4), NOW);
    assert_eq!(raised, Some(Offset(11)));
}

#[test]
fn minimum_is_never_more_than_the_replicas_there_are() {
    let mut replica = Replica::new(ME);
    let alone = Assignment { replicas: vec![ME], ..assignment(0, &[ME], 3) };
    replica.assign(alone, ends(0, 0), NOW);
    assert_eq!(replica.leader().unwrap().check_min_in_sync(), Ok(()));
}

#[test]
fn new_leader_does_not_know_the_latest_offset_before_its_epoch_is_committed() {
    let mut replica = leading(&[ME, OTHER], 1, 10, 4);
    assert!(!replica.leader().unwrap().high_watermark_is_known());
    reached(replica.leader_mut().unwrap(), OTHER, 10);
    assert!(replica.leader().unwrap().high_watermark_is_known());
}

#[test]
fn new_leadership_forgets_what_followers_had() {
    let mut replica = leading(&[ME, OTHER], 1, 10, 4);
    reached(replica.leader_mut().unwrap(), OTHER, 9);
    replica.assign(assignment(6, &[ME, OTHER], 1), ends(10, 9), NOW);
    assert_eq!(replica.leader().unwrap().epoch_start(), Offset(10));
    assert_eq!(
        replica.leader_mut().unwrap().log_end_moved(Offset(20), NOW),
        None,
        "no follower fetched in this epoch yet"
    );
}

#[test]
fn stale_assignment_changes_nothing() {
    let mut replica = leading(&[ME], 1, 0, 0);
    let stale = Assignment { leader: Some(OTHER), ..assignment(4, &[OTHER], 1) };
    replica.assign(stale, ends(0, 0), NOW);
    assert!(replica.leader().is_ok());
}

#[test]
fn follower_serves_nobody() {
    let mut replica = leading(&[ME], 1, 0, 0);
    replica.assign(Assignment { leader: Some(OTHER), ..assignment(6, &[OTHER], 1) }, ends(0, 0), NOW);
    assert_eq!(replica.leader().unwrap_err(), NotServed::NotLeader);
    assert_eq!(replica.leader_epoch(), LeaderEpoch(6));
}

#[test]
fn requests_of_another_leader_epoch_are_refused() {
    let check = |requested, leads| check_epoch(LeaderEpoch(requested), LeaderEpoch(5), leads);
    assert_eq!(check(-1, true), Ok(()));
    assert_eq!(check(5, true), Ok(()));
    assert_eq!(check(4, true), Err(NotServed::FencedEpoch));
    assert_eq!(check(6, true), Err(NotServed::UnknownEpoch));
    assert_eq!(check(4, false), Err(NotServed::FencedEpoch));
    assert_eq!(check(5, false), Err(NotServed::NotLeader));
}

#[test]
fn leader_that_stepped_aside_serves_again_once_it_is_assigned() {
    let mut replica = Replica::new(ME);
    replica.assign(assignment(5, &[ME, OTHER], 1), ends(10, 4), NOW);
    assert!(replica.step_aside());
    assert_eq!(replica.leader().unwrap_err(), NotServed::NotLeader);
    assert!(replica.is_replicated());
    replica.assign(assignment(5, &[ME, OTHER], 1), ends(10, 4), NOW);
    assert_eq!(replica.leader().unwrap().high_watermark(), Offset(4));
}

/// A follower says what it has once. The controller may have committed a joining whose answer was lost.
#[test]
fn leader_that_stepped_aside_knows_afterwards_what_followers_told_and_what_it_proposed() {
    let mut replica = leading(&[ME, THIRD], 1, 10, 10);
    let fetch = FollowerFetch { broker: OTHER, broker_epoch: BrokerEpoch(7), log_end: Offset(10) };
    let leader = replica.leader_mut().unwrap();
    leader.follower_fetched(fetch, NOW).unwrap();
    let proposal = leader.next_proposal(|_, _| true, NOW).unwrap();
    assert!(replica.step_aside());
    replica.assign(assignment(5, &[ME, THIRD], 1), ends(10, 10), NOW);
    let leader = replica.leader_mut().unwrap();
    assert_eq!(leader.next_proposal(|_, _| true, NOW), Some(proposal), "as long as nobody said what became of it");
    assert_eq!(leader.log_end_moved(Offset(11), NOW), None);
    assert_eq!(reached(leader, THIRD, 11), None, "the member that may have joined counts");
}

#[test]
fn later_leadership_of_one_that_stepped_aside_begins_from_nothing() {
    let mut replica = leading(&[ME, OTHER], 1, 10, 4);
    let fetch = FollowerFetch { broker: OTHER, broker_epoch: BrokerEpoch(7), log_end: Offset(10) };
    replica.leader_mut().unwrap().follower_fetched(fetch, NOW).unwrap();
    assert!(replica.step_aside());
    replica.assign(assignment(6, &[ME, OTHER], 1), ends(10, 10), NOW);
    assert_eq!(replica.leader_mut().unwrap().log_end_moved(Offset(11), NOW), None);
}

#[test]
fn only_a_leader_that_others_may_replace_steps_aside() {
    let mut alone = leading(&[ME], 1, 10, 10);
    assert!(!alone.step_aside());
    assert!(alone.leader().is_ok(), "nobody else has what it has");
    let mut follower = Replica::new(ME);
    follower.assign(Assignment { leader: Some(OTHER), ..assignment(5, &[ME, OTHER], 1) }, ends(10, 4), NOW);
    assert!(!follower.step_aside());
    assert!(follower.follower_mut().is_some());
}
