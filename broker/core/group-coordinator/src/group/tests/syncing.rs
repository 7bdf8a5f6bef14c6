use crate::{
    bench::{Bench, GROUP, REBALANCE_MS, SESSION_MS, join, sync},
    errors::GroupError,
    group::GroupState,
    ids::{Generation, MemberId},
    records::Record,
    reply::Reply,
    request::{Request, SyncGroup},
};
use bytes::Bytes;
use model::GroupId;
use std::time::Duration;

fn synced(bench: &mut Bench, to: crate::ReplyTo) -> Result<Bytes, GroupError> {
    match bench.answer(to) {
        Some(Reply::Sync(result)) => result.map(|synced| synced.assignment),
        other => panic!("expected a sync answer, got {other:?}"),
    }
}

#[test]
fn follower_waits_for_the_leaders_assignment() {
    let mut bench = Bench::new();
    let joined = bench.joined_group(vec![join(""), join("")]);
    let (leader, follower) = (&joined[0].member, &joined[1].member);
    let waiting = bench.send(Request::Sync(sync(follower, Generation(1), &[])));
    assert_eq!(bench.answer(waiting), None);
    let recorded = bench.log.len();
    let own = bench.sync(sync(leader, Generation(1), &[(leader, "L"), (follower, "F")])).unwrap();
    assert_eq!(own.assignment, "L");
    assert_eq!(own.protocol_name.as_deref(), Some("range"));
    assert_eq!(synced(&mut bench, waiting).unwrap(), "F");
    assert_eq!(bench.state(), GroupState::Stable);
    assert!(matches!(&bench.log[recorded..], [Record::Group { value: Some(group), .. }] if group.members.len() == 2));
}

#[test]
fn late_follower_gets_its_assignment_at_once() {
    let mut bench = Bench::new();
    let joined = bench.joined_group(vec![join(""), join("")]);
    let (leader, follower) = (&joined[0].member, &joined[1].member);
    bench.sync(sync(leader, Generation(1), &[(follower, "F")])).unwrap();
    assert_eq!(bench.sync(sync(follower, Generation(1), &[])).unwrap().assignment, "F");
    // Nobody is missing, so the sync phase ends without a rebalance.
    bench.advance(Duration::from_millis((SESSION_MS - 1).unsigned_abs().into()));
    assert_eq!(bench.state(), GroupState::Stable);
}

#[test]
fn member_the_leader_left_out_gets_an_empty_assignment() {
    let mut bench = Bench::new();
    let joined = bench.joined_group(vec![join(""), join("")]);
    bench.sync(sync(&joined[0].member, Generation(1), &[])).unwrap();
    assert!(bench.sync(sync(&joined[1].member, Generation(1), &[])).unwrap().assignment.is_empty());
}

#[test]
fn sync_is_refused_with_its_reason() {
    let mut bench = Bench::new();
    let joined = bench.joined_group(vec![join(""), join("")]);
    let request = sync(&joined[1].member, Generation(1), &[]);
    let cases = [
        (SyncGroup { group: GroupId::from(""), ..request.clone() }, GroupError::InvalidGroupId),
        (SyncGroup { group: GroupId::from("other"), ..request.clone() }, GroupError::UnknownMemberId),
        (SyncGroup { member: MemberId::from("x"), ..request.clone() }, GroupError::UnknownMemberId),
        (SyncGroup { generation: Generation(0), ..request.clone() }, GroupError::IllegalGeneration),
        (SyncGroup { generation: Generation(2), ..request.clone() }, GroupError::IllegalGeneration),
        (SyncGroup { protocol_type: Some("connect".into()), ..request.clone() }, GroupError::InconsistentGroupProtocol),
        (SyncGroup { protocol_name: Some("sticky".into()), ..request.clone() }, GroupError::InconsistentGroupProtocol),
    ];
    for (request, expected) in cases {
        assert_eq!(bench.sync(request.clone()), Err(expected), "{request:?}");
    }
}

#[test]
fn sync_with_the_right_protocol_is_taken() {
    let mut bench = Bench::new();
    let joined = bench.joined_group(vec![join("")]);
    let request = sync(&joined[0].member, Generation(1), &[]);
    let request = SyncGroup { protocol_type: Some("consumer".into()), protocol_name: Some("range".into()), ..request };
    assert!(bench.sync(request).is_ok());
}

#[test]
fn sync_during_a_join_phase_is_told_to_rejoin() {
    let mut bench = Bench::new();
    let joined = bench.stable_group(vec![join(""), join("")]);
    bench.send_join(join(&joined[0].member));
    let result = bench.sync(sync(&joined[1].member, Generation(1), &[]));
    assert_eq!(result, Err(GroupError::RebalanceInProgress));
}

#[test]
fn waiting_follower_is_told_to_rejoin_when_another_rebalance_starts() {
    let mut bench = Bench::new();
    let joined = bench.joined_group(vec![join(""), join("")]);
    let waiting = bench.send(Request::Sync(sync(&joined[1].member, Generation(1), &[])));
    bench.start_join(join(""));
    assert_eq!(synced(&mut bench, waiting), Err(GroupError::RebalanceInProgress));
    assert_eq!(bench.state(), GroupState::PreparingRebalance);
}

#[test]
fn members_that_do_not_sync_in_time_are_removed() {
    let mut bench = Bench::new();
    let joined = bench.joined_group(vec![join(""), join("")]);
    let (leader, follower) = (&joined[0].member, &joined[1].member);
    bench.sync(sync(leader, Generation(1), &[])).unwrap();
    for _ in 0..REBALANCE_MS / 5_000 {
        for member in [leader, follower] {
            assert_eq!(bench.heartbeat(member, Generation(1)), Ok(()));
        }
        bench.advance(Duration::from_secs(5));
    }
    assert_eq!(bench.state(), GroupState::PreparingRebalance);
    assert_eq!(bench.heartbeat(follower, Generation(1)), Err(GroupError::UnknownMemberId));
    assert_eq!(bench.heartbeat(leader, Generation(1)), Err(GroupError::RebalanceInProgress));
}

#[test]
fn leader_that_never_assigns_loses_its_place() {
    let mut bench = Bench::new();
    let joined = bench.joined_group(vec![join(""), join("")]);
    let waiting = bench.send(Request::Sync(sync(&joined[1].member, Generation(1), &[])));
    bench.advance(Duration::from_millis(SESSION_MS.unsigned_abs().into()));
    assert_eq!(synced(&mut bench, waiting), Err(GroupError::RebalanceInProgress));
    let to = bench.send_join(join(&joined[1].member));
    assert_eq!(bench.joined(to).leader, joined[1].member);
}

#[test]
fn parked_requests_stand_for_heartbeats() {
    let mut bench = Bench::new();
    let joined = bench.joined_group(vec![join(""), join("")]);
    let (leader, follower) = (&joined[0].member, &joined[1].member);
    let waiting = bench.send(Request::Sync(sync(follower, Generation(1), &[])));
    for _ in 0..5 {
        bench.advance(Duration::from_secs(9));
        assert_eq!(bench.heartbeat(leader, Generation(1)), Ok(()));
    }
    bench.sync(sync(leader, Generation(1), &[(follower, "F")])).unwrap();
    assert_eq!(synced(&mut bench, waiting).unwrap(), "F");
    // From here the session counts again.
    bench.advance(Duration::from_millis(SESSION_MS.unsigned_abs().into()));
    assert_ne!(bench.state(), GroupState::Stable);
}

#[test]
fn describe_shows_metadata_and_assignments_of_stable_groups_only() {
    let mut bench = Bench::new();
    let joined = bench.joined_group(vec![join(""), join("")]);
    let group = GroupId::from(GROUP);
    let described = bench.coordinator.describe(&group).unwrap();
    assert_eq!(described.state, GroupState::CompletingRebalance);
    assert!(described.protocol_name.is_empty());
    assert!(described.members.iter().all(|member| member.metadata.is_empty() && member.assignment.is_empty()));
    bench.assign(&joined);
    let described = bench.coordinator.describe(&group).unwrap();
    assert_eq!(&*described.protocol_name, "range");
    assert!(described.members.iter().all(|member| member.assignment == member.member.as_bytes()));
    assert_eq!(&*described.members[0].client_host, "/127.0.0.1");
    assert_eq!(bench.coordinator.describe(&GroupId::from("x")), Err(GroupError::GroupIdNotFound));
}
