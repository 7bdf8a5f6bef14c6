use crate::{
    bench::{Bench, GROUP, REBALANCE_MS, SESSION_MS, join, protocol},
    config::GroupConfig,
    decision::Decision,
    errors::GroupError,
    group::{
        ClassicGroup, GroupState,
        join::{MAX_PENDING_MEMBERS, NEW_MEMBER_JOIN_TIMEOUT},
    },
    ids::{Generation, MemberId},
    records::Record,
    request::JoinGroup,
};
use model::GroupId;
use std::time::Duration;

const DELAY: Duration = Duration::from_secs(3);

fn refusal_of(request: JoinGroup) -> GroupError {
    let mut bench = Bench::new();
    let to = bench.send_join(request);
    bench.join_refused(to).error
}

#[test]
fn malformed_join_is_refused_with_its_reason() {
    let cases = [
        (JoinGroup { group: GroupId::from(""), ..join("") }, GroupError::InvalidGroupId),
        (JoinGroup { session_timeout_ms: 5_999, ..join("") }, GroupError::InvalidSessionTimeout),
        (JoinGroup { session_timeout_ms: 1_800_001, ..join("") }, GroupError::InvalidSessionTimeout),
        (JoinGroup { session_timeout_ms: -1, ..join("") }, GroupError::InvalidSessionTimeout),
        (JoinGroup { protocol_type: "".into(), ..join("") }, GroupError::InconsistentGroupProtocol),
        (JoinGroup { protocols: Vec::new(), ..join("") }, GroupError::InconsistentGroupProtocol),
        (join("never-seen"), GroupError::UnknownMemberId),
    ];
    for (request, expected) in cases {
        assert_eq!(refusal_of(request.clone()), expected, "{request:?}");
    }
}

#[test]
fn refused_first_join_leaves_no_group() {
    let mut bench = Bench::new();
    bench.send_join(JoinGroup { protocols: Vec::new(), ..join("") });
    assert_eq!(bench.state(), GroupState::Dead);
    assert!(bench.log.is_empty());
}

#[test]
fn new_dynamic_member_first_gets_an_id() {
    let mut bench = Bench::new();
    let to = bench.send_join(join(""));
    let refusal = bench.join_refused(to);
    assert_eq!(refusal.error, GroupError::MemberIdRequired);
    assert!(refusal.member.starts_with("client-u"), "{}", refusal.member);
    // The group is recorded, so that the id is not forgotten with the coordinator.
    assert!(matches!(&bench.log[..], [Record::Group { value: Some(group), .. }] if group.members.is_empty()));
    assert_eq!(bench.state(), GroupState::Empty);
}

#[test]
fn id_that_is_never_used_is_forgotten_after_one_session_timeout() {
    let mut bench = Bench::new();
    let to = bench.send_join(join(""));
    let id = bench.join_refused(to).member;
    bench.advance(Duration::from_millis(SESSION_MS.unsigned_abs().into()));
    let to = bench.send_join(join(&id));
    assert_eq!(bench.join_refused(to).error, GroupError::UnknownMemberId);
}

#[test]
fn ids_that_nobody_uses_are_bounded() {
    let mut bench = Bench::new();
    let group = GroupId::from(GROUP);
    let mut crowded = ClassicGroup::new(group.clone(), bench.now().wall);
    crowded.pending_members = (0..MAX_PENDING_MEMBERS).map(|n| MemberId::from(format!("m{n}"))).collect();
    bench.accept(Decision { groups: vec![(group, Some(crowded))], ..Decision::default() });
    let to = bench.send_join(join(""));
    assert_eq!(bench.join_refused(to).error, GroupError::GroupMaxSizeReached);
    bench.leave(&MemberId::from("m7")).unwrap();
    let to = bench.send_join(join(""));
    assert_eq!(bench.join_refused(to).error, GroupError::MemberIdRequired);
}

#[test]
fn old_client_joins_without_the_id_handshake() {
    let mut bench = Bench::new();
    let to = bench.send_join(JoinGroup { requires_known_member_id: false, ..join("") });
    bench.advance(DELAY);
    assert_eq!(bench.joined(to).generation, Generation(1));
}

#[test]
fn first_rebalance_waits_and_every_new_member_extends_the_wait() {
    let mut bench = Bench::new();
    let (_, first) = bench.start_join(join(""));
    bench.advance(DELAY - Duration::from_millis(1));
    let (_, second) = bench.start_join(join(""));
    bench.advance(Duration::from_millis(1));
    assert_eq!(bench.state(), GroupState::PreparingRebalance, "the second member extends the wait");
    bench.advance(DELAY);
    assert_eq!(bench.state(), GroupState::CompletingRebalance);
    let (first, second) = (bench.joined(first), bench.joined(second));
    assert_eq!((first.generation, second.generation), (Generation(1), Generation(1)));
    assert_eq!(first.leader, first.member);
    assert_eq!(first.members.len(), 2, "the leader sees all");
    assert!(second.members.is_empty(), "a follower sees none");
    assert_eq!(second.protocol_name.as_deref(), Some("range"));
}

#[test]
fn first_wait_never_exceeds_the_rebalance_timeout() {
    let mut bench = Bench::new();
    let request = JoinGroup { rebalance_timeout_ms: 7_000, ..join("") };
    let (_, first) = bench.start_join(request.clone());
    for _ in 0..6 {
        bench.start_join(request.clone());
        bench.advance(Duration::from_millis(1_200));
    }
    assert_eq!(bench.joined(first).generation, Generation(1));
}

#[test]
fn without_a_delay_the_first_member_starts_at_once() {
    let mut bench =
        Bench::with_config(GroupConfig { initial_rebalance_delay: Duration::ZERO, ..GroupConfig::default() });
    let (_, first) = bench.start_join(join(""));
    bench.advance(Duration::ZERO);
    assert_eq!(bench.joined(first).members.len(), 1);
}

#[test]
fn member_with_foreign_protocols_is_refused() {
    let mut bench = Bench::new();
    bench.stable_group(vec![join("")]);
    for request in [
        JoinGroup { protocol_type: "connect".into(), ..join("") },
        JoinGroup { protocols: vec![protocol("sticky", "t")], ..join("") },
    ] {
        let to = bench.send_join(request);
        assert_eq!(bench.join_refused(to).error, GroupError::InconsistentGroupProtocol);
    }
    assert_eq!(bench.state(), GroupState::Stable);
}

#[test]
fn protocol_is_the_most_wanted_among_those_all_support() {
    let mut bench = Bench::new();
    let member =
        |names: &[&str]| JoinGroup { protocols: names.iter().map(|name| protocol(name, "t")).collect(), ..join("") };
    let joined = bench.joined_group(vec![member(&["c", "a", "b"]), member(&["b", "a"]), member(&["b", "a"])]);
    assert_eq!(joined[0].protocol_name.as_deref(), Some("b"), "c is not known to all, b has two votes");
}

#[test]
fn rejoin_of_a_stable_follower_with_the_same_metadata_starts_no_generation() {
    let mut bench = Bench::new();
    let joined = bench.stable_group(vec![join(""), join("")]);
    let to = bench.send_join(join(&joined[1].member));
    let again = bench.joined(to);
    assert_eq!(again.generation, Generation(1));
    assert_eq!(bench.state(), GroupState::Stable);
}

#[test]
fn rejoin_of_a_stable_follower_with_other_metadata_starts_a_rebalance() {
    let mut bench = Bench::new();
    let joined = bench.stable_group(vec![join(""), join("")]);
    bench.send_join(JoinGroup { protocols: vec![protocol("range", "other")], ..join(&joined[1].member) });
    assert_eq!(bench.state(), GroupState::PreparingRebalance);
}

#[test]
fn rejoin_of_the_stable_leader_starts_a_rebalance() {
    let mut bench = Bench::new();
    let joined = bench.stable_group(vec![join(""), join("")]);
    let leader = bench.send_join(join(&joined[0].member));
    assert_eq!(bench.state(), GroupState::PreparingRebalance);
    let follower = bench.send_join(join(&joined[1].member));
    assert_eq!(bench.joined(leader).generation, Generation(2));
    assert_eq!(bench.joined(follower).generation, Generation(2));
}

#[test]
fn rejoin_while_the_assignment_is_awaited_gives_the_same_generation_again() {
    let mut bench = Bench::new();
    let joined = bench.joined_group(vec![join(""), join("")]);
    for (member, listed) in [(&joined[0], 2), (&joined[1], 0)] {
        let to = bench.send_join(join(&member.member));
        let again = bench.joined(to);
        assert_eq!((again.generation, again.members.len()), (Generation(1), listed));
    }
    bench.send_join(JoinGroup { protocols: vec![protocol("range", "other")], ..join(&joined[1].member) });
    assert_eq!(bench.state(), GroupState::PreparingRebalance);
}

#[test]
fn join_phase_ends_as_soon_as_all_members_are_back() {
    let mut bench = Bench::new();
    let joined = bench.stable_group(vec![join(""), join("")]);
    let (_, newcomer) = bench.start_join(join(""));
    assert_eq!(bench.state(), GroupState::PreparingRebalance);
    let first = bench.send_join(join(&joined[0].member));
    assert_eq!(bench.state(), GroupState::PreparingRebalance);
    let second = bench.send_join(join(&joined[1].member));
    for to in [newcomer, first, second] {
        assert_eq!(bench.joined(to).generation, Generation(2));
    }
}

#[test]
fn join_phase_waits_for_an_id_that_was_handed_out() {
    let mut bench = Bench::new();
    let joined = bench.stable_group(vec![join("")]);
    let to = bench.send_join(join(""));
    let pending = bench.join_refused(to).member;
    let leader = bench.send_join(join(&joined[0].member));
    assert_eq!(bench.state(), GroupState::PreparingRebalance);
    let newcomer = bench.send_join(join(&pending));
    assert_eq!(bench.joined(leader).members.len(), 2);
    assert_eq!(bench.joined(newcomer).generation, Generation(2));
}

#[test]
fn join_phase_lasts_the_largest_rebalance_timeout_and_drops_who_is_absent() {
    let mut bench = Bench::new();
    let slow = JoinGroup { rebalance_timeout_ms: 300_000, session_timeout_ms: 1_000_000, ..join("") };
    let joined = bench.stable_group(vec![join(""), slow.clone()]);
    let leader = bench.send_join(join(&joined[0].member));
    bench.advance(Duration::from_millis(299_999));
    assert_eq!(bench.state(), GroupState::PreparingRebalance);
    bench.advance(Duration::from_millis(1));
    assert_eq!(bench.joined(leader).members.len(), 1);
    let to = bench.send_join(JoinGroup { member: joined[1].member.clone(), ..slow });
    assert_eq!(bench.join_refused(to).error, GroupError::UnknownMemberId);
}

#[test]
fn absent_leader_is_replaced_by_one_who_joined() {
    let mut bench = Bench::new();
    let joined = bench.stable_group(vec![join(""), join("")]);
    let (newcomer_id, newcomer) = bench.start_join(join(""));
    let follower = bench.send_join(join(&joined[1].member));
    bench.advance(Duration::from_millis(REBALANCE_MS.unsigned_abs().into()));
    let (newcomer, follower) = (bench.joined(newcomer), bench.joined(follower));
    assert_eq!(newcomer.leader, follower.leader);
    assert!([&newcomer_id, &joined[1].member].contains(&&newcomer.leader));
    assert_eq!(newcomer.members.len() + follower.members.len(), 2);
}

#[test]
fn new_member_that_waits_in_a_join_phase_has_five_minutes() {
    let mut bench = Bench::new();
    let slow = JoinGroup { rebalance_timeout_ms: 1_000_000, session_timeout_ms: 1_700_000, ..join("") };
    bench.stable_group(vec![slow]);
    let (_, newcomer) = bench.start_join(join(""));
    bench.advance(NEW_MEMBER_JOIN_TIMEOUT - Duration::from_millis(1));
    assert_eq!(bench.answer(newcomer), None);
    bench.advance(Duration::from_millis(1));
    let refusal = bench.join_refused(newcomer);
    assert_eq!((refusal.error, refusal.member), (GroupError::UnknownMemberId, MemberId::unknown()));
}

#[test]
fn full_group_takes_no_more_members() {
    let mut bench = Bench::with_config(GroupConfig { max_group_size: 2, ..GroupConfig::default() });
    let joined = bench.stable_group(vec![join(""), join("")]);
    let to = bench.send_join(join(""));
    let refusal = bench.join_refused(to);
    assert_eq!((refusal.error, refusal.member), (GroupError::GroupMaxSizeReached, MemberId::unknown()));
    // Those who are in stay in.
    let to = bench.send_join(join(&joined[1].member));
    assert_eq!(bench.joined(to).generation, Generation(1));
}

#[test]
fn group_above_a_lowered_limit_sheds_the_last_to_rejoin() {
    let mut bench = Bench::new();
    let joined = bench.stable_group(vec![join(""), join(""), join("")]);
    bench.config.max_group_size = 2;
    bench.restart();
    assert_eq!(bench.state(), GroupState::PreparingRebalance);
    let kept: Vec<_> = joined[..2].iter().map(|member| bench.send_join(join(&member.member))).collect();
    let to = bench.send_join(join(&joined[2].member));
    assert_eq!(bench.join_refused(to).error, GroupError::GroupMaxSizeReached);
    bench.advance(Duration::from_millis(REBALANCE_MS.unsigned_abs().into()));
    for to in kept {
        assert_eq!(bench.joined(to).generation, Generation(2));
    }
}

#[test]
fn second_join_of_a_waiting_member_takes_the_place_of_the_first() {
    let mut bench = Bench::new();
    let (id, first) = bench.start_join(join(""));
    let second = bench.send_join(join(&id));
    assert_eq!(bench.join_refused(first).error, GroupError::RebalanceInProgress);
    bench.advance(DELAY);
    assert_eq!(bench.joined(second).generation, Generation(1));
}

#[test]
fn decision_that_is_not_accepted_changes_nothing() {
    let mut bench = Bench::new();
    let joined = bench.stable_group(vec![join(""), join("")]);
    let request = crate::Request::Join(join(&joined[0].member));
    let dropped = bench.coordinator.decide(crate::ReplyTo(u64::MAX), request, bench.now());
    drop(dropped);
    assert_eq!(bench.state(), GroupState::Stable);
    assert_eq!(bench.heartbeat(&joined[1].member, Generation(1)), Ok(()));
}
