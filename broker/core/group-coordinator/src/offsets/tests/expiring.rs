use crate::{
    bench::{Bench, GROUP, commit, join},
    errors::GroupError,
    group::GroupState,
    ids::Generation,
    records::Record,
    reply::{Joined, Reply},
    request::{CommitOffsets, Event, JoinGroup, Request},
};
use model::{GroupId, PartitionIndex, ProducerId, TopicId, TopicName};
use std::time::Duration;
use uuid::Uuid;

const RETENTION: Duration = Duration::from_secs(7 * 24 * 60 * 60);
const MOMENT: Duration = Duration::from_millis(1);

fn expire(bench: &mut Bench) {
    bench.event(&Event::ExpireOffsets);
}

/// Lets a week pass while the members stay alive.
fn advance_alive(bench: &mut Bench, joined: &[Joined], by: Duration) {
    let mut left = by;
    while left > Duration::ZERO {
        let step = left.min(Duration::from_secs(1_000));
        bench.advance(step);
        left -= step;
        for member in joined {
            bench.heartbeat(&member.member, Generation(1)).unwrap();
        }
    }
}

fn patient_join() -> JoinGroup {
    JoinGroup { session_timeout_ms: 1_800_000, ..join("") }
}

#[test]
fn simple_group_loses_each_offset_a_retention_after_its_commit() {
    let mut bench = Bench::new();
    bench.commit(commit("", -1, &[("t", 0, 5)])).unwrap();
    bench.advance(Duration::from_secs(10));
    bench.commit(commit("", -1, &[("t", 1, 6)])).unwrap();
    bench.advance(RETENTION - Duration::from_secs(10) - MOMENT);
    expire(&mut bench);
    assert_eq!((bench.offset("t", 0), bench.offset("t", 1)), (5, 6));
    bench.advance(MOMENT);
    expire(&mut bench);
    assert_eq!((bench.offset("t", 0), bench.offset("t", 1)), (-1, 6));
    assert_eq!(bench.state(), GroupState::Empty);
    bench.advance(Duration::from_secs(10));
    expire(&mut bench);
    assert_eq!(bench.state(), GroupState::Dead, "the last offset takes the group with it");
    assert!(matches!(bench.log.last(), Some(Record::Group { value: None, .. })));
    bench.restart();
    assert_eq!(bench.state(), GroupState::Dead);
}

#[test]
fn empty_group_loses_its_offsets_a_retention_after_it_became_empty() {
    let mut bench = Bench::new();
    let joined = bench.stable_group(vec![patient_join()]);
    bench.commit(commit(&joined[0].member, 1, &[("t", 0, 5)])).unwrap();
    advance_alive(&mut bench, &joined, RETENTION);
    bench.leave(&joined[0].member).unwrap();
    bench.advance(RETENTION - MOMENT);
    expire(&mut bench);
    assert_eq!(bench.offset("t", 0), 5);
    bench.restart();
    bench.advance(MOMENT);
    expire(&mut bench);
    assert_eq!((bench.offset("t", 0), bench.state()), (-1, GroupState::Dead));
}

#[test]
fn live_group_loses_only_offsets_of_topics_it_no_longer_reads() {
    let mut bench = Bench::new();
    let joined = bench.stable_group(vec![patient_join()]);
    bench.commit(commit(&joined[0].member, 1, &[("t", 0, 5), ("former", 0, 6)])).unwrap();
    advance_alive(&mut bench, &joined, RETENTION);
    expire(&mut bench);
    assert_eq!((bench.offset("t", 0), bench.offset("former", 0)), (5, -1));
    assert_eq!(bench.state(), GroupState::Stable);
}

#[test]
fn nothing_expires_during_a_rebalance_nor_in_groups_of_unknown_type() {
    let mut bench = Bench::new();
    let connect = JoinGroup { protocol_type: "connect".into(), ..patient_join() };
    let joined = bench.stable_group(vec![connect.clone()]);
    bench.commit(commit(&joined[0].member, 1, &[("t", 0, 5)])).unwrap();
    advance_alive(&mut bench, &joined, RETENTION);
    expire(&mut bench);
    assert_eq!(bench.offset("t", 0), 5);

    let mut bench = Bench::new();
    let joined = bench.stable_group(vec![patient_join()]);
    bench.commit(commit(&joined[0].member, 1, &[("former", 0, 5)])).unwrap();
    advance_alive(&mut bench, &joined, RETENTION);
    bench.start_join(patient_join());
    assert_eq!(bench.state(), GroupState::PreparingRebalance);
    expire(&mut bench);
    assert_eq!(bench.offset("former", 0), 5);
}

#[test]
fn retention_asked_for_by_an_old_client_is_its_own() {
    let mut bench = Bench::new();
    bench.commit(CommitOffsets { retention_ms: Some(60_000), ..commit("", -1, &[("t", 0, 5)]) }).unwrap();
    bench.commit(CommitOffsets { retention_ms: Some(-1), ..commit("", -1, &[("t", 1, 6)]) }).unwrap();
    bench.restart();
    bench.advance(Duration::from_secs(60) - MOMENT);
    expire(&mut bench);
    assert_eq!(bench.offset("t", 0), 5);
    bench.advance(MOMENT);
    expire(&mut bench);
    assert_eq!((bench.offset("t", 0), bench.offset("t", 1)), (-1, 6));
}

#[test]
fn offset_with_an_open_transaction_does_not_expire() {
    let mut bench = Bench::new();
    bench.commit(commit("", -1, &[("t", 0, 5)])).unwrap();
    let pending = bench.log.last().unwrap().clone();
    bench.coordinator.apply_in_transaction(ProducerId(1), &pending);
    bench.advance(RETENTION);
    expire(&mut bench);
    assert_eq!(bench.offset("t", 0), 5);
    bench.coordinator.apply_transaction_end(ProducerId(1), false);
    expire(&mut bench);
    assert_eq!(bench.offset("t", 0), -1);
}

#[test]
fn empty_group_without_offsets_goes_at_the_next_look() {
    let mut bench = Bench::new();
    let joined = bench.stable_group(vec![join("")]);
    bench.leave(&joined[0].member).unwrap();
    expire(&mut bench);
    assert_eq!(bench.state(), GroupState::Dead);
}

#[test]
fn group_that_handed_out_an_id_is_not_removed_under_its_newcomer() {
    let mut bench = Bench::new();
    let to = bench.send_join(join(""));
    let id = bench.join_refused(to).member;
    expire(&mut bench);
    let to = bench.send_join(join(&id));
    bench.advance(Duration::from_secs(3));
    assert_eq!(bench.joined(to).generation, Generation(1));
}

#[test]
fn deleted_topic_takes_its_offsets_along_and_leaves_the_group() {
    let mut bench = Bench::new();
    let deleted = |topic| (TopicName::from(topic), TopicId::ZERO);
    bench.commit(commit("", -1, &[("gone", 0, 5), ("gone", 1, 6), ("kept", 0, 7)])).unwrap();
    bench.event(&Event::TopicsDeleted(vec![deleted("gone"), deleted("other")]));
    assert_eq!((bench.offset("gone", 0), bench.offset("gone", 1), bench.offset("kept", 0)), (-1, -1, 7));
    assert_eq!(bench.coordinator.committed_topics().collect::<Vec<_>>(), [&deleted("kept")]);
    bench.event(&Event::TopicsDeleted(vec![deleted("kept")]));
    assert_eq!(bench.state(), GroupState::Empty);
    assert_eq!((bench.coordinator.committed_topics().count(), bench.coordinator.offset_count()), (0, 0));
    let partition = PartitionIndex(0);
    let tombstone =
        Record::Offset { group: GroupId::from(GROUP), topic: TopicName::from("kept"), partition, value: None };
    assert_eq!(bench.log.last(), Some(&tombstone));
}

#[test]
fn offsets_of_a_topics_next_life_outlive_the_former_one() {
    let mut bench = Bench::new();
    let mut request = commit("", -1, &[("t", 0, 5), ("t", 1, 6)]);
    let (former, next) = (TopicId(Uuid::from_u128(1)), TopicId(Uuid::from_u128(2)));
    request.partitions[0].topic_id = former;
    request.partitions[1].topic_id = next;
    bench.commit(request).unwrap();
    bench.event(&Event::TopicsDeleted(vec![(TopicName::from("t"), former)]));
    assert_eq!((bench.offset("t", 0), bench.offset("t", 1)), (-1, 6));
}

#[test]
fn only_empty_groups_are_deleted_and_with_all_their_offsets() {
    let mut bench = Bench::new();
    let delete = |bench: &mut Bench| bench.ask(Request::DeleteGroup(GroupId::from(GROUP)));
    assert_eq!(delete(&mut bench), Reply::DeleteGroup(Err(GroupError::GroupIdNotFound)));
    let joined = bench.stable_group(vec![join("")]);
    bench.commit(commit(&joined[0].member, 1, &[("t", 0, 5)])).unwrap();
    assert_eq!(delete(&mut bench), Reply::DeleteGroup(Err(GroupError::NonEmptyGroup)));
    bench.leave(&joined[0].member).unwrap();
    assert_eq!(delete(&mut bench), Reply::DeleteGroup(Ok(())));
    assert_eq!((bench.offset("t", 0), bench.state()), (-1, GroupState::Dead));
    bench.restart();
    assert_eq!(bench.state(), GroupState::Dead);
}
