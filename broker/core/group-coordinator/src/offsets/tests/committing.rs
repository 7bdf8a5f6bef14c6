use crate::{
    bench::{Bench, GROUP, SESSION_MS, commit, join, static_join},
    errors::{CommitRefusal, GroupError},
    group::GroupState,
    ids::{Generation, InstanceId},
    offsets::CommittedOffset,
    records::Record,
    reply::Reply,
    request::{CommitOffsets, DeleteOffsets, FetchOffsets, JoinGroup, Request, TopicToFetch},
};
use model::{GroupId, LeaderEpoch, Offset, PartitionIndex, ProducerId, TopicId, TopicName, WallTime};
use std::time::Duration;
use uuid::Uuid;

fn fetch_all(require_stable: bool) -> FetchOffsets {
    FetchOffsets { group: GroupId::from(GROUP), topics: None, require_stable }
}

#[test]
fn consumer_without_membership_commits_into_a_simple_group() {
    let mut bench = Bench::new();
    bench.commit(commit("", -1, &[("t", 0, 5)])).unwrap();
    assert_eq!(bench.offset("t", 0), 5);
    assert_eq!(bench.state(), GroupState::Empty);
    assert!(bench.coordinator.list()[0].protocol_type.is_empty());
    bench.restart();
    assert_eq!((bench.offset("t", 0), bench.state()), (5, GroupState::Empty));
}

#[test]
fn commit_for_an_unknown_group_with_a_generation_is_refused() {
    let mut bench = Bench::new();
    let request = commit("m", 3, &[("t", 0, 5)]);
    assert_eq!(bench.commit(request.clone()), Err(GroupError::GroupIdNotFound));
    let old = CommitOffsets { group_not_found_is_known: false, ..request };
    assert_eq!(bench.commit(old), Err(GroupError::IllegalGeneration));
    assert_eq!(bench.state(), GroupState::Dead);
}

#[test]
fn commit_into_a_group_with_members_needs_the_right_member_and_generation() {
    let mut bench = Bench::new();
    let joined = bench.stable_group(vec![join(""), static_join("", "i")]);
    let (dynamic, fixed) = (&joined[0].member, &joined[1].member);
    let with_instance =
        |member: &str| CommitOffsets { instance: Some(InstanceId::from("i")), ..commit(member, 1, &[("t", 0, 5)]) };
    let cases = [
        (commit("", -1, &[("t", 0, 5)]), Err(GroupError::UnknownMemberId)),
        (commit("x", 1, &[("t", 0, 5)]), Err(GroupError::UnknownMemberId)),
        (commit(dynamic, 0, &[("t", 0, 5)]), Err(GroupError::IllegalGeneration)),
        (commit(dynamic, 2, &[("t", 0, 5)]), Err(GroupError::IllegalGeneration)),
        (commit(dynamic, -1, &[("t", 0, 5)]), Err(GroupError::IllegalGeneration)),
        (with_instance(dynamic), Err(GroupError::FencedInstanceId)),
        (with_instance(fixed), Ok(())),
        (commit(dynamic, 1, &[("t", 0, 5)]), Ok(())),
    ];
    for (request, expected) in cases {
        assert_eq!(bench.commit(request.clone()), expected, "{request:?}");
    }
}

#[test]
fn commit_is_taken_while_members_rejoin_and_refused_while_they_wait_for_assignments() {
    let mut bench = Bench::new();
    let joined = bench.stable_group(vec![join(""), join("")]);
    let follower = joined[1].member.clone();
    let first = bench.send_join(join(&joined[0].member));
    assert_eq!(bench.state(), GroupState::PreparingRebalance);
    assert_eq!(bench.commit(commit(&follower, 1, &[("t", 0, 7)])), Ok(()), "in the revoke callback");
    let second = bench.send_join(join(&follower));
    assert_eq!((bench.joined(first).generation, bench.joined(second).generation), (Generation(2), Generation(2)));
    assert_eq!(bench.commit(commit(&follower, 2, &[("t", 0, 8)])), Err(GroupError::RebalanceInProgress));
    assert_eq!(bench.commit(commit(&follower, 1, &[("t", 0, 8)])), Err(GroupError::IllegalGeneration));
    assert_eq!(bench.offset("t", 0), 7);
}

#[test]
fn commit_counts_as_a_heartbeat() {
    let mut bench = Bench::new();
    let joined = bench.stable_group(vec![join("")]);
    for offset in 0..5 {
        bench.advance(Duration::from_millis(u64::from(SESSION_MS.unsigned_abs()) - 1));
        bench.commit(commit(&joined[0].member, 1, &[("t", 0, offset)])).unwrap();
    }
    assert_eq!(bench.state(), GroupState::Stable);
}

#[test]
fn metadata_and_leader_epoch_come_back_as_committed() {
    let mut bench = Bench::new();
    bench.commit(commit("", -1, &[("t", 0, 5)])).unwrap();
    let topics = bench.coordinator.fetch_offsets(&fetch_all(true));
    let offset = &topics[0].partitions[0];
    assert_eq!((offset.offset, offset.leader_epoch, &*offset.metadata), (Offset(5), LeaderEpoch(4), "note"));
}

#[test]
fn long_metadata_is_refused_for_its_partition_only() {
    let mut bench = Bench::new();
    let mut request = commit("", -1, &[("t", 0, 5), ("t", 1, 6)]);
    request.partitions[0].metadata = "m".repeat(4_097).into();
    request.partitions[1].metadata = "m".repeat(4_096).into();
    let reply = bench.ask(Request::CommitOffsets(request));
    assert_eq!(reply, Reply::CommitOffsets(Ok(vec![Err(CommitRefusal::OffsetMetadataTooLarge), Ok(())])));
    assert_eq!((bench.offset("t", 0), bench.offset("t", 1)), (-1, 6));
}

#[test]
fn what_was_never_committed_is_minus_one_without_error() {
    let bench = Bench::new();
    let request = FetchOffsets {
        topics: Some(vec![TopicToFetch {
            topic: TopicName::from("t"),
            topic_id: None,
            partitions: vec![PartitionIndex(0), PartitionIndex(3)],
        }]),
        ..fetch_all(false)
    };
    let topics = bench.coordinator.fetch_offsets(&request);
    assert!(topics[0].partitions.iter().all(|offset| offset.offset == Offset::NONE && offset.error.is_none()));
    assert!(bench.coordinator.fetch_offsets(&fetch_all(false)).is_empty());
}

#[test]
fn offsets_of_a_topics_former_life_are_not_those_of_the_next() {
    let mut bench = Bench::new();
    let (former, next) = (TopicId(Uuid::from_u128(1)), TopicId(Uuid::from_u128(2)));
    let mut request = commit("", -1, &[("t", 0, 5), ("t", 1, 6), ("t", 2, 7)]);
    request.partitions[0].topic_id = former;
    request.partitions[1].topic_id = next;
    bench.commit(request).unwrap();
    let fetched = |topic_id| {
        let partitions = (0..3).map(PartitionIndex).collect();
        let topics = Some(vec![TopicToFetch { topic: TopicName::from("t"), topic_id, partitions }]);
        let topics = bench.coordinator.fetch_offsets(&FetchOffsets { topics, ..fetch_all(false) });
        topics[0].partitions.iter().map(|offset| (offset.offset.0, offset.error)).collect::<Vec<_>>()
    };
    assert_eq!(fetched(Some(next)), [(-1, None), (6, None), (7, None)], "the last was committed without an id");
    assert_eq!(fetched(None), [(5, None), (6, None), (7, None)]);
}

#[test]
fn all_topics_of_a_group_are_listed_on_request() {
    let mut bench = Bench::new();
    bench.commit(commit("", -1, &[("b", 1, 1), ("a", 0, 2), ("b", 0, 3)])).unwrap();
    let topics = bench.coordinator.fetch_offsets(&fetch_all(false));
    let flat: Vec<_> = topics
        .iter()
        .flat_map(|topic| {
            topic.partitions.iter().map(|offset| (topic.topic.as_str(), offset.partition.0, offset.offset.0))
        })
        .collect();
    assert_eq!(flat, [("a", 0, 2), ("b", 0, 3), ("b", 1, 1)]);
}

fn delete(bench: &mut Bench, topics: &[&str]) -> Result<Vec<Result<(), GroupError>>, GroupError> {
    let partitions = topics.iter().map(|topic| (TopicName::from(*topic), PartitionIndex(0))).collect();
    match bench.ask(Request::DeleteOffsets(DeleteOffsets { group: GroupId::from(GROUP), partitions })) {
        Reply::DeleteOffsets(result) => result,
        other => panic!("{other:?}"),
    }
}

#[test]
fn offsets_are_deleted_except_for_topics_in_use() {
    let mut bench = Bench::new();
    let joined = bench.stable_group(vec![join("")]);
    bench.commit(commit(&joined[0].member, 1, &[("t", 0, 5), ("u", 0, 6)])).unwrap();
    let results = delete(&mut bench, &["t", "u", "never"]).unwrap();
    assert_eq!(results, [Err(GroupError::GroupSubscribedToTopic), Ok(()), Ok(())]);
    assert_eq!((bench.offset("t", 0), bench.offset("u", 0)), (5, -1));
    bench.restart();
    assert_eq!((bench.offset("t", 0), bench.offset("u", 0)), (5, -1));
}

#[test]
fn offsets_of_groups_nobody_understands_are_not_deleted_while_they_have_members() {
    let mut bench = Bench::new();
    assert_eq!(delete(&mut bench, &["t"]), Err(GroupError::GroupIdNotFound));
    let connect = JoinGroup { protocol_type: "connect".into(), ..join("") };
    let joined = bench.stable_group(vec![connect]);
    assert_eq!(delete(&mut bench, &["t"]), Err(GroupError::NonEmptyGroup));
    bench.leave(&joined[0].member).unwrap();
    assert_eq!(delete(&mut bench, &["t"]), Ok(vec![Ok(())]));
}

#[test]
fn consumers_whose_subscription_does_not_parse_count_as_subscribed_to_everything() {
    let mut bench = Bench::new();
    let mut broken = join("");
    broken.protocols[0].metadata = bytes::Bytes::from_static(b"\0");
    bench.stable_group(vec![broken]);
    assert_eq!(delete(&mut bench, &["t"]), Ok(vec![Err(GroupError::GroupSubscribedToTopic)]));
}

fn pending(offset: i64) -> Record {
    let value = CommittedOffset {
        offset: Offset(offset),
        leader_epoch: LeaderEpoch::UNKNOWN,
        metadata: "".into(),
        commit_timestamp: WallTime(0),
        expire_timestamp: None,
        topic_id: TopicId::ZERO,
    };
    let (group, topic) = (GroupId::from(GROUP), TopicName::from("t"));
    Record::Offset { group, topic, partition: PartitionIndex(0), value: Some(value) }
}

#[test]
fn transactional_commit_is_invisible_until_its_marker() {
    let mut bench = Bench::new();
    bench.commit(commit("", -1, &[("t", 0, 5)])).unwrap();
    bench.coordinator.apply_in_transaction(ProducerId(1), &pending(50));
    bench.coordinator.apply_in_transaction(ProducerId(2), &pending(60));
    assert_eq!(bench.offset("t", 0), 5);
    let stable = &bench.coordinator.fetch_offsets(&fetch_all(true))[0].partitions[0];
    assert_eq!((stable.offset, stable.error), (Offset::NONE, Some(GroupError::UnstableOffsetCommit)));
    bench.coordinator.apply_transaction_end(ProducerId(2), false);
    bench.coordinator.apply_transaction_end(ProducerId(1), true);
    assert_eq!(bench.offset("t", 0), 50);
    assert_eq!(bench.coordinator.fetch_offsets(&fetch_all(true))[0].partitions[0].error, None);
}

#[test]
fn later_plain_commit_outlives_the_transaction_it_overtook() {
    let mut bench = Bench::new();
    bench.coordinator.apply_in_transaction(ProducerId(1), &pending(50));
    bench.commit(commit("", -1, &[("t", 0, 70)])).unwrap();
    bench.coordinator.apply_transaction_end(ProducerId(1), true);
    assert_eq!(bench.offset("t", 0), 70);
}
