use crate::{
    bench::{Bench, GROUP, SESSION_MS, join},
    errors::GroupError,
    group::GroupState,
    ids::{Generation, InstanceId, MemberId},
    records::Record,
    reply::Reply,
    request::{Heartbeat, LeaveGroup, LeavingMember, Request},
};
use model::GroupId;
use std::time::Duration;

const SESSION: Duration = Duration::from_millis(SESSION_MS.unsigned_abs() as u64);

#[test]
fn heartbeat_is_refused_with_its_reason() {
    let mut bench = Bench::new();
    let joined = bench.stable_group(vec![join("")]);
    let right = Heartbeat {
        group: GroupId::from(GROUP),
        generation: Generation(1),
        member: joined[0].member.clone(),
        instance: None,
    };
    let cases = [
        (right.clone(), Ok(())),
        (Heartbeat { group: GroupId::from(""), ..right.clone() }, Err(GroupError::InvalidGroupId)),
        (Heartbeat { group: GroupId::from("x"), ..right.clone() }, Err(GroupError::UnknownMemberId)),
        (Heartbeat { member: MemberId::from("x"), ..right.clone() }, Err(GroupError::UnknownMemberId)),
        (Heartbeat { generation: Generation(0), ..right.clone() }, Err(GroupError::IllegalGeneration)),
        (Heartbeat { instance: Some(InstanceId::from("i")), ..right.clone() }, Err(GroupError::UnknownMemberId)),
    ];
    for (request, expected) in cases {
        assert_eq!(bench.ask(Request::Heartbeat(request.clone())), Reply::Heartbeat(expected), "{request:?}");
    }
}

#[test]
fn heartbeat_keeps_the_session_in_every_phase() {
    let mut bench = Bench::new();
    let joined = bench.joined_group(vec![join(""), join("")]);
    let ids: Vec<_> = joined.iter().map(|member| member.member.clone()).collect();
    // CompletingRebalance.
    for _ in 0..3 {
        bench.advance(SESSION / 2);
        ids.iter().for_each(|id| assert_eq!(bench.heartbeat(id, Generation(1)), Ok(())));
    }
    bench.assign(&joined);
    // Stable.
    for _ in 0..3 {
        bench.advance(SESSION / 2);
        ids.iter().for_each(|id| assert_eq!(bench.heartbeat(id, Generation(1)), Ok(())));
    }
    // PreparingRebalance: told to rejoin, and still alive.
    bench.send_join(join(&ids[0]));
    for _ in 0..3 {
        bench.advance(SESSION / 2);
        assert_eq!(bench.heartbeat(&ids[1], Generation(1)), Err(GroupError::RebalanceInProgress));
    }
    assert_eq!(bench.state(), GroupState::PreparingRebalance);
}

#[test]
fn silent_member_is_removed_after_its_session_timeout() {
    let mut bench = Bench::new();
    let joined = bench.stable_group(vec![join(""), join("")]);
    bench.advance(SESSION - Duration::from_millis(1));
    assert_eq!(bench.heartbeat(&joined[0].member, Generation(1)), Ok(()));
    bench.advance(Duration::from_millis(1));
    assert_eq!(bench.state(), GroupState::PreparingRebalance);
    assert_eq!(bench.heartbeat(&joined[1].member, Generation(1)), Err(GroupError::UnknownMemberId));
    let to = bench.send_join(join(&joined[0].member));
    assert_eq!(bench.joined(to).members.len(), 1);
}

#[test]
fn group_whose_last_member_goes_silent_is_recorded_empty() {
    let mut bench = Bench::new();
    bench.stable_group(vec![join("")]);
    bench.advance(SESSION);
    assert_eq!(bench.state(), GroupState::Empty);
    let Some(Record::Group { value: Some(group), .. }) = bench.log.last() else { panic!("recorded") };
    assert_eq!((group.generation, group.members.len()), (Generation(2), 0));
    assert_eq!((&*group.protocol_type, group.protocol.clone(), group.leader.clone()), ("consumer", None, None));
}

#[test]
fn leaving_member_starts_a_rebalance_of_the_others() {
    let mut bench = Bench::new();
    let joined = bench.stable_group(vec![join(""), join("")]);
    assert_eq!(bench.leave(&joined[0].member), Ok(()));
    assert_eq!(bench.state(), GroupState::PreparingRebalance);
    assert_eq!(bench.leave(&joined[0].member), Err(GroupError::UnknownMemberId));
    let to = bench.send_join(join(&joined[1].member));
    let rejoined = bench.joined(to);
    assert_eq!((rejoined.generation, &rejoined.leader), (Generation(2), &joined[1].member));
}

#[test]
fn last_member_that_leaves_empties_the_group_at_once() {
    let mut bench = Bench::new();
    let joined = bench.stable_group(vec![join("")]);
    assert_eq!(bench.leave(&joined[0].member), Ok(()));
    assert_eq!(bench.state(), GroupState::Empty);
    assert!(bench.timers.is_empty(), "nothing left to wait for: {:?}", bench.timers);
}

#[test]
fn member_that_leaves_while_it_waits_lets_the_others_go_on() {
    let mut bench = Bench::new();
    let joined = bench.stable_group(vec![join(""), join("")]);
    let leader = bench.send_join(join(&joined[0].member));
    assert_eq!(bench.leave(&joined[1].member), Ok(()));
    assert_eq!(bench.joined(leader).members.len(), 1);
}

#[test]
fn unused_id_that_leaves_disturbs_nobody() {
    let mut bench = Bench::new();
    let joined = bench.stable_group(vec![join("")]);
    let to = bench.send_join(join(""));
    let pending = bench.join_refused(to).member;
    assert_eq!(bench.leave(&pending), Ok(()));
    assert_eq!(bench.state(), GroupState::Stable);
    assert_eq!(bench.heartbeat(&joined[0].member, Generation(1)), Ok(()));
}

#[test]
fn several_members_leave_in_one_request_each_with_its_result() {
    let mut bench = Bench::new();
    let joined = bench.stable_group(vec![join(""), join(""), join("")]);
    let leaving = |member: &str| LeavingMember { member: MemberId::from(member), instance: None, reason: None };
    let members = vec![leaving(&joined[0].member), leaving("x"), leaving(""), leaving(&joined[1].member)];
    let Reply::Leave(Ok(left)) = bench.ask(Request::Leave(LeaveGroup { group: GroupId::from(GROUP), members })) else {
        panic!("answered per member")
    };
    let unknown = Err(GroupError::UnknownMemberId);
    let results: Vec<_> = left.iter().map(|member| member.result).collect();
    assert_eq!(results, [Ok(()), unknown, unknown, Ok(())]);
    assert_eq!(bench.state(), GroupState::PreparingRebalance);
}

#[test]
fn leave_of_an_unknown_group_is_refused_whole() {
    let mut bench = Bench::new();
    assert_eq!(bench.leave(&MemberId::from("x")), Err(GroupError::UnknownMemberId));
    let empty = LeaveGroup { group: GroupId::from(""), members: Vec::new() };
    assert_eq!(bench.ask(Request::Leave(empty)), Reply::Leave(Err(GroupError::InvalidGroupId)));
}

#[test]
fn restarted_coordinator_gives_members_a_whole_session_to_be_heard() {
    let mut bench = Bench::new();
    let joined = bench.stable_group(vec![join(""), join("")]);
    bench.advance(SESSION - Duration::from_millis(1));
    bench.restart();
    assert_eq!(bench.state(), GroupState::Stable);
    bench.advance(SESSION - Duration::from_millis(1));
    assert_eq!(bench.heartbeat(&joined[0].member, Generation(1)), Ok(()));
    let again = bench.sync(crate::bench::sync(&joined[1].member, Generation(1), &[])).unwrap();
    assert_eq!(again.assignment, joined[1].member.as_bytes());
    bench.advance(Duration::from_millis(1));
    assert_eq!(bench.heartbeat(&joined[1].member, Generation(1)), Err(GroupError::UnknownMemberId));
}
