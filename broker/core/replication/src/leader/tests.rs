use super::*;

const ME: BrokerId = BrokerId(1);
const SECOND: BrokerId = BrokerId(2);
const THIRD: BrokerId = BrokerId(3);
const LAG: Duration = Duration::from_secs(30);

fn at(ms: u64) -> MonotonicTime {
    MonotonicTime::from_ms(ms)
}

fn assignment(partition_epoch: i32, in_sync: &[BrokerId]) -> Assignment {
    Assignment {
        leader: Some(ME),
        leader_epoch: LeaderEpoch(5),
        partition_epoch: PartitionEpoch(partition_epoch),
        replicas: vec![ME, SECOND, THIRD],
        in_sync: in_sync.to_vec(),
        others_are_eligible: false,
        min_in_sync: 1,
        recovering: false,
    }
}

/// Leads from offset 10 on, with everything committed up to 4.
fn leading(in_sync: &[BrokerId]) -> Leader {
    Leader::new(ME, assignment(0, in_sync), OwnEnds::all_safe(Offset(10), Offset(4)), at(0))
}

fn fetch(broker: BrokerId, broker_epoch: i64, log_end: i64) -> FollowerFetch {
    FollowerFetch { broker, broker_epoch: BrokerEpoch(broker_epoch), log_end: Offset(log_end) }
}

fn reached(leader: &mut Leader, broker: BrokerId, log_end: i64, ms: u64) -> Option<Offset> {
    leader.follower_fetched(fetch(broker, 7, log_end), at(ms)).unwrap()
}

/// The controller would refuse nobody.
fn anybody(_: BrokerId, _: BrokerEpoch) -> bool {
    true
}

fn members(proposal: Option<Proposal>) -> Vec<i32> {
    proposal.map(|proposal| proposal.in_sync.iter().map(|(id, _)| id.0).collect()).unwrap_or_default()
}

#[test]
fn follower_joins_once_it_has_what_is_committed_and_the_beginning_of_the_epoch() {
    let mut leader = leading(&[ME]);
    leader.log_end_moved(Offset(12), at(1));
    assert_eq!(leader.high_watermark(), Offset(12));
    for (log_end, expected) in [(9, vec![]), (11, vec![]), (12, vec![1, 2])] {
        reached(&mut leader, SECOND, log_end, 1);
        assert_eq!(members(leader.next_proposal(anybody, at(1))), expected, "at {log_end}");
    }
}

#[test]
fn follower_that_has_only_what_was_before_the_epoch_does_not_join() {
    // Nothing of this epoch is committed: the high watermark is below its beginning.
    let mut leader = leading(&[ME, SECOND]);
    reached(&mut leader, THIRD, 9, 1);
    assert_eq!(leader.next_proposal(anybody, at(1)), None);
    reached(&mut leader, THIRD, 10, 2);
    assert_eq!(members(leader.next_proposal(anybody, at(2))), [1, 2, 3]);
}

#[test]
fn member_that_is_to_join_counts_before_it_is_committed() {
    let mut leader = leading(&[ME]);
    reached(&mut leader, SECOND, 10, 1);
    assert!(leader.next_proposal(anybody, at(1)).is_some());
    assert_eq!(leader.log_end_moved(Offset(20), at(1)), None);
    assert_eq!(reached(&mut leader, SECOND, 15, 2), Some(Offset(15)));
}

#[test]
fn member_that_is_to_leave_counts_until_it_is_committed() {
    let mut leader = leading(&[ME, SECOND]);
    leader.check_lag(LAG, at(30_001));
    let proposal = leader.next_proposal(anybody, at(30_001));
    assert_eq!(members(proposal), [1]);
    assert_eq!(leader.log_end_moved(Offset(11), at(1)), None);
    let raised = leader.proposal_accepted(assignment(1, &[ME]), at(30_002));
    assert_eq!(raised, Some(Offset(11)));
}

#[test]
fn one_proposal_at_a_time() {
    let mut leader = leading(&[ME]);
    reached(&mut leader, SECOND, 10, 1);
    reached(&mut leader, THIRD, 10, 1);
    assert_eq!(members(leader.next_proposal(anybody, at(1))), [1, 2]);
    reached(&mut leader, THIRD, 10, 2);
    assert_eq!(leader.next_proposal(anybody, at(2)), None);
    leader.proposal_accepted(assignment(1, &[ME, SECOND]), at(3));
    reached(&mut leader, THIRD, 10, 4);
    assert_eq!(members(leader.next_proposal(anybody, at(4))), [1, 2, 3]);
}

#[test]
fn lost_answer_repeats_the_same_proposal() {
    let mut leader = leading(&[ME]);
    reached(&mut leader, SECOND, 10, 1);
    let first = leader.next_proposal(anybody, at(1));
    leader.proposal_lost();
    assert_eq!(leader.next_proposal(anybody, at(2)), first);
}

#[test]
fn member_whose_joining_may_be_committed_goes_on_counting_until_the_metadata_comes() {
    let mut leader = leading(&[ME]);
    reached(&mut leader, SECOND, 10, 1);
    leader.next_proposal(anybody, at(1)).unwrap();
    leader.proposal_lost();
    leader.next_proposal(anybody, at(2)).unwrap();
    // The first attempt was committed; the second finds another state.
    leader.proposal_refused(PartitionEpoch(0), ProposalRefused::Outdated, at(3));
    assert_eq!(leader.log_end_moved(Offset(20), at(1)), None);
    assert_eq!(leader.next_proposal(anybody, at(60_000)), None, "the state it would start from is not the current one");
    leader.update(assignment(1, &[ME, SECOND]), at(60_001));
    assert_eq!(leader.high_watermark(), Offset(10));
}

#[test]
fn refused_member_counts_until_no_copy_of_the_proposal_can_be_committed() {
    let mut leader = leading(&[ME]);
    reached(&mut leader, SECOND, 10, 1);
    leader.next_proposal(anybody, at(1)).unwrap();
    leader.proposal_refused(PartitionEpoch(0), ProposalRefused::NotNow, at(2));
    assert_eq!(members(leader.next_proposal(anybody, at(2))), [1], "the ISR as it is, confirmed at once");
    assert_eq!(leader.log_end_moved(Offset(20), at(3)), None);
    leader.proposal_refused(PartitionEpoch(0), ProposalRefused::NotNow, at(4));
    assert_eq!(leader.next_proposal(anybody, at(5)), None, "not again and again");
    assert_eq!(members(leader.next_proposal(anybody, at(504))), [1]);
    assert_eq!(leader.proposal_accepted(assignment(1, &[ME]), at(505)), Some(Offset(20)));
}

#[test]
fn refused_member_may_ask_again_after_a_while_though_it_has_nothing_new_to_say() {
    let mut leader = leading(&[ME]);
    reached(&mut leader, SECOND, 10, 1);
    leader.next_proposal(anybody, at(1)).unwrap();
    leader.proposal_refused(PartitionEpoch(0), ProposalRefused::NotNow, at(2));
    leader.next_proposal(anybody, at(2)).unwrap();
    leader.proposal_accepted(assignment(1, &[ME]), at(3));
    assert_eq!(leader.next_proposal(anybody, at(501)), None);
    assert_eq!(members(leader.next_proposal(anybody, at(502))), [1, 2]);
}

#[test]
fn follower_that_is_fenced_or_about_to_stop_is_not_proposed_and_does_not_count() {
    let mut leader = leading(&[ME]);
    reached(&mut leader, SECOND, 10, 1);
    assert_eq!(leader.next_proposal(|_, _| false, at(1)), None);
    assert_eq!(leader.log_end_moved(Offset(20), at(2)), Some(Offset(20)));
    reached(&mut leader, SECOND, 20, 3);
    let in_that_life = |broker, epoch| (broker, epoch) == (SECOND, BrokerEpoch(7));
    assert_eq!(members(leader.next_proposal(in_that_life, at(4))), [1, 2]);
}

#[test]
fn late_refusal_of_an_older_proposal_says_nothing() {
    let mut leader = leading(&[ME]);
    reached(&mut leader, SECOND, 10, 1);
    leader.next_proposal(anybody, at(1)).unwrap();
    leader.proposal_accepted(assignment(1, &[ME, SECOND]), at(2));
    reached(&mut leader, THIRD, 10, 3);
    let proposal = leader.next_proposal(anybody, at(3)).unwrap();
    leader.proposal_refused(PartitionEpoch(0), ProposalRefused::Outdated, at(4));
    leader.proposal_lost();
    assert_eq!(leader.next_proposal(anybody, at(5)), Some(proposal));
}

#[test]
fn follower_that_keeps_up_one_fetch_behind_stays() {
    let mut leader = leading(&[ME, SECOND]);
    for second in 1..=60 {
        leader.log_end_moved(Offset(10 + second * 100), at(u64::try_from(second).unwrap() * 1000));
        let has = 10 + (second - 1) * 100;
        reached(&mut leader, SECOND, has, u64::try_from(second).unwrap() * 1000);
        leader.check_lag(LAG, at(u64::try_from(second).unwrap() * 1000));
    }
    assert_eq!(leader.next_proposal(anybody, at(60_000)), None);
}

#[test]
fn follower_that_fetches_and_falls_behind_leaves() {
    let mut leader = leading(&[ME, SECOND]);
    for second in 1..=31 {
        leader.log_end_moved(Offset(10 + second * 100), at(1));
        reached(&mut leader, SECOND, 10 + second, u64::try_from(second).unwrap() * 1000);
    }
    leader.check_lag(LAG, at(31_000));
    assert_eq!(members(leader.next_proposal(anybody, at(31_000))), [1]);
}

/// Nothing can be committed meanwhile, so that it lacks nothing that is.
#[test]
fn member_that_left_because_it_lagged_is_asked_back_only_once_it_fetches_again() {
    let mut leader = leading(&[ME, SECOND]);
    reached(&mut leader, SECOND, 10, 1);
    leader.log_end_moved(Offset(20), at(2));
    leader.check_lag(LAG, at(40_000));
    assert_eq!(members(leader.next_proposal(anybody, at(40_000))), [1]);
    let too_few = Assignment { min_in_sync: 2, ..assignment(1, &[ME]) };
    leader.proposal_accepted(too_few, at(40_001));
    assert_eq!(leader.next_proposal(anybody, at(80_000)), None);
    reached(&mut leader, SECOND, 10, 80_001);
    assert_eq!(members(leader.next_proposal(anybody, at(80_001))), [1, 2]);
}

/// The controller fenced it, and may hear it again before it can fetch again.
#[test]
fn member_that_the_controller_removed_is_to_say_again_what_it_has() {
    let mut leader = leading(&[ME, SECOND]);
    reached(&mut leader, SECOND, 10, 1);
    assert!(!leader.takes_word_again());
    leader.update(Assignment { min_in_sync: 2, ..assignment(1, &[ME]) }, at(5000));
    assert!(leader.takes_word_again() && !leader.takes_word_again());
    assert_eq!(leader.next_proposal(anybody, at(6000)), None);
    reached(&mut leader, SECOND, 10, 6001);
    assert_eq!(members(leader.next_proposal(anybody, at(6001))), [1, 2]);
}

#[test]
fn follower_that_had_everything_while_nothing_happened_gets_its_time_from_the_next_append_on() {
    let mut leader = leading(&[ME, SECOND]);
    reached(&mut leader, SECOND, 10, 1);
    leader.log_end_moved(Offset(11), at(3_600_000));
    leader.check_lag(LAG, at(3_630_000));
    assert_eq!(leader.next_proposal(anybody, at(3_630_000)), None);
    leader.check_lag(LAG, at(3_630_001));
    assert_eq!(members(leader.next_proposal(anybody, at(3_630_001))), [1]);
}

#[test]
fn deleted_records_are_gone_once_every_replica_that_counts_begins_after_them() {
    let mut leader = leading(&[ME, SECOND, THIRD]);
    let lowest = |leader: &Leader| leader.lowest_log_start(Offset(7), |id| id != THIRD);
    assert_eq!(lowest(&leader), Offset(0));
    assert!(leader.follower_starts_at(SECOND, Offset(5)));
    assert!(!leader.follower_starts_at(SECOND, Offset(5)));
    assert_eq!(lowest(&leader), Offset(5));
    leader.follower_starts_at(SECOND, Offset(7));
    assert_eq!(lowest(&leader), Offset(7));
}

#[test]
fn later_life_of_a_follower_starts_from_nothing() {
    let mut leader = leading(&[ME, SECOND]);
    assert_eq!(reached(&mut leader, SECOND, 10, 1), Some(Offset(10)));
    leader.log_end_moved(Offset(20), at(1));
    leader.follower_fetched(fetch(SECOND, 8, 3), at(2)).unwrap();
    assert_eq!(leader.follower_fetched(fetch(SECOND, 7, 20), at(3)), Err(NotServed::StaleBrokerEpoch));
    assert_eq!(leader.high_watermark(), Offset(10));
}

#[test]
fn proposal_made_again_names_the_life_that_caught_up() {
    let mut leader = leading(&[ME]);
    reached(&mut leader, SECOND, 10, 1);
    let proposal = leader.next_proposal(anybody, at(1)).unwrap();
    leader.follower_fetched(fetch(SECOND, 8, 0), at(2)).unwrap();
    leader.proposal_lost();
    assert_eq!(leader.next_proposal(anybody, at(2)), Some(proposal));
}

#[test]
fn follower_that_does_not_tell_its_life_does_not_join() {
    let mut leader = leading(&[ME]);
    leader.follower_fetched(fetch(SECOND, -1, 10), at(1)).unwrap();
    assert_eq!(leader.next_proposal(anybody, at(1)), None);
    reached(&mut leader, SECOND, 10, 2);
    assert_eq!(members(leader.next_proposal(anybody, at(2))), [1, 2]);
}

#[test]
fn proposal_names_the_life_in_which_each_member_fetched() {
    let mut leader = leading(&[ME]);
    reached(&mut leader, SECOND, 10, 1);
    let proposal = leader.next_proposal(anybody, at(1)).unwrap();
    assert_eq!(proposal.in_sync, [(ME, BrokerEpoch(-1)), (SECOND, BrokerEpoch(7))]);
}

#[test]
fn uncleanly_elected_leader_says_that_it_recovered_before_anybody_joins() {
    let recovering = Assignment { recovering: true, ..assignment(0, &[ME]) };
    let mut leader = Leader::new(ME, recovering, OwnEnds::all_safe(Offset(10), Offset(4)), at(0));
    reached(&mut leader, SECOND, 10, 1);
    let proposal = leader.next_proposal(anybody, at(1)).unwrap();
    assert!(proposal.recovered && proposal.in_sync.len() == 1);
    leader.proposal_accepted(assignment(1, &[ME]), at(2));
    reached(&mut leader, SECOND, 10, 3);
    assert_eq!(members(leader.next_proposal(anybody, at(3))), [1, 2]);
}

#[test]
fn nothing_is_committed_while_others_are_eligible() {
    let mut leader = leading(&[ME]);
    let alone = Assignment { others_are_eligible: true, ..assignment(1, &[ME]) };
    leader.update(alone, at(1));
    assert_eq!(leader.log_end_moved(Offset(20), at(1)), None, "whatever this broker takes for enough");
    assert_eq!(leader.update(assignment(2, &[ME]), at(2)), Some(Offset(20)));
}

#[test]
fn answer_to_an_older_proposal_changes_nothing() {
    let mut leader = leading(&[ME, SECOND]);
    leader.update(assignment(3, &[ME, SECOND]), at(1));
    assert_eq!(leader.proposal_accepted(assignment(2, &[ME]), at(2)), None);
    assert_eq!(leader.assignment().in_sync, [ME, SECOND]);
}

#[test]
fn leader_with_enough_members_asks_once_that_others_be_eligible_no_more() {
    let mut leader = leading(&[ME]);
    let counted_on = |partition_epoch, min_in_sync| Assignment {
        min_in_sync,
        others_are_eligible: true,
        ..assignment(partition_epoch, &[ME])
    };
    leader.update(counted_on(1, 2), at(1));
    assert_eq!(leader.next_proposal(anybody, at(1)), None, "too few are in sync");
    leader.update(counted_on(1, 1), at(2));
    assert_eq!(leader.log_end_moved(Offset(11), at(2)), None, "nothing is committed yet");
    assert_eq!(members(leader.next_proposal(anybody, at(2))), [1]);
    assert_eq!(leader.proposal_accepted(assignment(2, &[ME]), at(3)), Some(Offset(11)));
    assert_eq!(leader.next_proposal(anybody, at(3)), None);
}

#[test]
fn leader_takes_no_for_an_answer_of_a_controller_that_asks_for_more_members() {
    let mut leader = leading(&[ME]);
    let counted_on = |partition_epoch| Assignment { others_are_eligible: true, ..assignment(partition_epoch, &[ME]) };
    leader.update(counted_on(1), at(1));
    assert_eq!(members(leader.next_proposal(anybody, at(1))), [1]);
    leader.proposal_lost();
    assert_eq!(members(leader.next_proposal(anybody, at(1))), [1], "nobody knows what became of it");
    leader.proposal_accepted(counted_on(2), at(2));
    assert_eq!(leader.next_proposal(anybody, at(5_001)), None);
    assert_eq!(members(leader.next_proposal(anybody, at(5_002))), [1], "a person may have lowered its minimum by now");
}

#[test]
fn leader_asks_at_once_again_where_another_member_left_meanwhile() {
    let mut leader = leading(&[ME, SECOND, THIRD]);
    let without = |partition_epoch, in_sync: &[BrokerId]| Assignment {
        others_are_eligible: true,
        ..assignment(partition_epoch, in_sync)
    };
    leader.update(without(1, &[ME, SECOND]), at(1));
    let first = leader.next_proposal(anybody, at(1)).unwrap();
    leader.update(without(2, &[ME]), at(2));
    leader.proposal_refused(first.partition_epoch, ProposalRefused::Outdated, at(2));
    assert_eq!(members(leader.next_proposal(anybody, at(2))), [1], "that was no answer");
}
