use crate::{
    bench::{Bench, GROUP, SESSION_MS, join, protocol, static_join, sync},
    errors::GroupError,
    group::GroupState,
    ids::{Generation, InstanceId, MemberId},
    records::Record,
    reply::Reply,
    request::{Heartbeat, JoinGroup, LeaveGroup, LeavingMember, Request, SyncGroup},
};
use model::GroupId;
use std::time::Duration;

const SESSION: Duration = Duration::from_millis(SESSION_MS.unsigned_abs() as u64);

fn heartbeat(bench: &mut Bench, member: &MemberId, instance: &str) -> Result<(), GroupError> {
    let instance = Some(InstanceId::from(instance));
    let request =
        Heartbeat { group: GroupId::from(GROUP), generation: Generation(1), member: member.clone(), instance };
    match bench.ask(Request::Heartbeat(request)) {
        Reply::Heartbeat(result) => result,
        other => panic!("{other:?}"),
    }
}

#[test]
fn static_member_needs_no_id_handshake() {
    let mut bench = Bench::new();
    let joined = bench.stable_group(vec![static_join("", "i1")]);
    assert!(joined[0].member.starts_with("i1-"), "{}", joined[0].member);
    assert_eq!(joined[0].members[0].instance, Some(InstanceId::from("i1")));
}

#[test]
fn returning_static_follower_takes_its_place_without_a_rebalance() {
    let mut bench = Bench::new();
    let joined = bench.stable_group(vec![static_join("", "i1"), static_join("", "i2")]);
    let old = &joined[1].member;
    let recorded = bench.log.len();
    let to = bench.send_join(static_join("", "i2"));
    let back = bench.joined(to);
    assert_eq!((back.generation, bench.state()), (Generation(1), GroupState::Stable));
    assert_ne!(&back.member, old);
    assert!(!back.skip_assignment);
    assert_eq!(back.leader, joined[0].member);
    // The new id is in the log before it is answered.
    let Some(Record::Group { value: Some(group), .. }) = bench.log.get(recorded) else { panic!("recorded") };
    assert!(group.members.iter().any(|member| member.member == back.member));
    // The assignment is the former one.
    let request = SyncGroup { instance: Some(InstanceId::from("i2")), ..sync(&back.member, Generation(1), &[]) };
    assert_eq!(bench.sync(request).unwrap().assignment, old.as_bytes());
    // The former id is fenced.
    assert_eq!(heartbeat(&mut bench, old, "i2"), Err(GroupError::FencedInstanceId));
    assert_eq!(heartbeat(&mut bench, &back.member, "i2"), Ok(()));
    bench.restart();
    assert_eq!(heartbeat(&mut bench, &back.member, "i2"), Ok(()));
}

#[test]
fn returning_static_leader_is_told_to_skip_assigning() {
    let mut bench = Bench::new();
    bench.stable_group(vec![static_join("", "i1"), static_join("", "i2")]);
    let to = bench.send_join(static_join("", "i1"));
    let back = bench.joined(to);
    assert!(back.skip_assignment);
    assert_eq!((&back.leader, back.members.len()), (&back.member, 2));
}

#[test]
fn returning_static_leader_that_cannot_be_told_sees_its_former_id_lead() {
    let mut bench = Bench::new();
    let joined = bench.stable_group(vec![static_join("", "i1"), static_join("", "i2")]);
    let to = bench.send_join(JoinGroup { supports_skipping_assignment: false, ..static_join("", "i1") });
    let back = bench.joined(to);
    assert_eq!((&back.leader, back.skip_assignment, back.members.len()), (&joined[0].member, false, 0));
}

#[test]
fn returning_static_member_with_another_protocol_choice_starts_a_rebalance() {
    let mut bench = Bench::new();
    let both = vec![protocol("a", "t"), protocol("b", "t")];
    let member = |instance| JoinGroup { protocols: both.clone(), ..static_join("", instance) };
    let joined = bench.stable_group(vec![member("i1")]);
    assert_eq!(joined[0].protocol_name.as_deref(), Some("a"));
    let to = bench.send_join(JoinGroup { protocols: vec![protocol("b", "t")], ..static_join("", "i1") });
    assert_eq!(bench.joined(to).generation, Generation(2));
}

#[test]
fn returning_static_member_during_the_sync_phase_starts_another_rebalance() {
    let mut bench = Bench::new();
    let joined = bench.joined_group(vec![static_join("", "i1"), static_join("", "i2")]);
    let instance = Some(InstanceId::from("i2"));
    let waiting = bench.send(Request::Sync(SyncGroup { instance, ..sync(&joined[1].member, Generation(1), &[]) }));
    let back = bench.send_join(static_join("", "i2"));
    assert_eq!(bench.answer(waiting), Some(Reply::Sync(Err(GroupError::FencedInstanceId))));
    assert_eq!(bench.state(), GroupState::PreparingRebalance);
    bench.send_join(static_join(&joined[0].member, "i1"));
    assert_eq!(bench.joined(back).generation, Generation(2));
}

#[test]
fn second_instance_of_a_waiting_static_member_fences_the_first() {
    let mut bench = Bench::new();
    let first = bench.send_join(static_join("", "i1"));
    let second = bench.send_join(static_join("", "i1"));
    assert_eq!(bench.join_refused(first).error, GroupError::FencedInstanceId);
    bench.advance(Duration::from_secs(3));
    assert_eq!(bench.joined(second).members.len(), 1);
}

#[test]
fn join_with_a_fenced_id_is_refused() {
    let mut bench = Bench::new();
    let joined = bench.stable_group(vec![static_join("", "i1")]);
    bench.send_join(static_join("", "i1"));
    let to = bench.send_join(static_join(&joined[0].member, "i1"));
    assert_eq!(bench.join_refused(to).error, GroupError::FencedInstanceId);
    let to = bench.send_join(static_join("x", "other"));
    assert_eq!(bench.join_refused(to).error, GroupError::UnknownMemberId);
}

#[test]
fn absent_static_member_stays_through_a_join_phase_until_its_session_ends() {
    let mut bench = Bench::new();
    let long = JoinGroup { session_timeout_ms: 200_000, ..static_join("", "i1") };
    let joined = bench.stable_group(vec![long, join("")]);
    let to = bench.send_join(JoinGroup { protocols: vec![protocol("range", "u")], ..join(&joined[1].member) });
    bench.advance(Duration::from_secs(60));
    let next = bench.joined(to);
    assert_eq!(next.leader, joined[1].member, "leadership goes to one who is there");
    assert_eq!(next.members.len(), 2, "the static member keeps its place");
}

#[test]
fn join_phase_goes_on_while_only_absent_static_members_are_left() {
    let mut bench = Bench::new();
    let long = |instance| JoinGroup { session_timeout_ms: 200_000, ..static_join("", instance) };
    let joined = bench.stable_group(vec![long("i1"), join("")]);
    bench.leave(&joined[1].member).unwrap();
    bench.advance(Duration::from_secs(130));
    assert_eq!(bench.state(), GroupState::PreparingRebalance, "waits again and again");
    bench.advance(Duration::from_secs(100));
    assert_eq!(bench.state(), GroupState::Empty, "until the session ends");
}

#[test]
fn static_member_can_be_removed_by_its_instance_id_alone() {
    let mut bench = Bench::new();
    let joined = bench.stable_group(vec![static_join("", "i1"), static_join("", "i2")]);
    let leaving = |member: &str, instance: &str| LeavingMember {
        member: MemberId::from(member),
        instance: Some(InstanceId::from(instance)),
        reason: None,
    };
    let members = vec![leaving("", "i1"), leaving("", "i9"), leaving("x", "i2"), leaving(&joined[1].member, "i2")];
    let Reply::Leave(Ok(left)) = bench.ask(Request::Leave(LeaveGroup { group: GroupId::from(GROUP), members })) else {
        panic!("answered per member")
    };
    let results: Vec<_> = left.iter().map(|member| member.result).collect();
    let (unknown, fenced) = (Err(GroupError::UnknownMemberId), Err(GroupError::FencedInstanceId));
    assert_eq!(results, [Ok(()), unknown, fenced, Ok(())]);
    assert_eq!(bench.state(), GroupState::Empty);
}

#[test]
fn replacement_that_already_synced_is_not_waited_for_again() {
    let mut bench = Bench::new();
    let joined = bench.joined_group(vec![static_join("", "i1"), static_join("", "i2")]);
    let instance = |name: &str| Some(InstanceId::from(name));
    let request = SyncGroup { instance: instance("i1"), ..sync(&joined[0].member, Generation(1), &[]) };
    bench.sync(request).unwrap();
    // The second never synced under its first id, but does under its next.
    let to = bench.send_join(static_join("", "i2"));
    let back = bench.joined(to);
    let request = SyncGroup { instance: instance("i2"), ..sync(&back.member, Generation(1), &[]) };
    bench.sync(request).unwrap();
    for _ in 0..20 {
        bench.advance(SESSION / 2);
        assert_eq!(heartbeat(&mut bench, &joined[0].member, "i1"), Ok(()));
        assert_eq!(heartbeat(&mut bench, &back.member, "i2"), Ok(()));
    }
    assert_eq!(bench.state(), GroupState::Stable);
}
