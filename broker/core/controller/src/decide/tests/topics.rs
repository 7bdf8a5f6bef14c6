use super::*;
use crate::DefaultReplication;
use model::{LeaderEpoch, PartitionEpoch};

#[test]
fn counts_of_minus_one_mean_the_defaults() {
    let mut cluster = Cluster::of(1);
    let created = cluster.create(vec![topic("a", -1, -1)]).remove(0).unwrap();
    assert_eq!((created.partitions, created.replication_factor), (3, 1));
    let partition = cluster.image().partition(&partition("a", 2)).unwrap().clone();
    assert_eq!((partition.leader, &partition.isr[..]), (Some(BrokerId(1)), &[BrokerId(1)][..]));
    assert_eq!((partition.leader_epoch, partition.partition_epoch), (LeaderEpoch(0), PartitionEpoch(0)));
}

#[test]
fn refusals_of_create_topics() {
    use TopicError::*;
    type Expected = fn(&TopicError) -> bool;
    let cases: Vec<(NewTopic, Expected)> = vec![
        (topic("", 1, 1), |e| matches!(e, InvalidName(_))),
        (topic("a b", 1, 1), |e| matches!(e, InvalidName(_))),
        (topic("..", 1, 1), |e| matches!(e, InvalidName(_))),
        (topic("__cluster_metadata", 1, 1), |e| matches!(e, InvalidRequest(_))),
        (topic("there", 1, 1), |e| matches!(e, AlreadyExists(_))),
        (topic("with_dot", 1, 1), |e| matches!(e, Collides { .. })),
        (topic("x", 0, 1), |e| matches!(e, InvalidPartitions(_))),
        (topic("x", -2, 1), |e| matches!(e, InvalidPartitions(_))),
        (topic("x", i32::MAX, 1), |e| matches!(e, InvalidPartitions(_))),
        (topic("x", 1, 0), |e| matches!(e, InvalidReplicationFactor(_))),
        (topic("x", 1, -2), |e| matches!(e, InvalidReplicationFactor(_))),
        (topic("x", 1, 3), |e| matches!(e, InvalidReplicationFactor(_))),
        (NewTopic { partitions: 1, ..assigned("x", &[(0, &[1])]) }, |e| matches!(e, InvalidRequest(_))),
        (NewTopic { replication_factor: 1, ..assigned("x", &[(0, &[1])]) }, |e| matches!(e, InvalidRequest(_))),
        (assigned("x", &[(0, &[1, 1])]), |e| matches!(e, InvalidReplicaAssignment(_))),
        (assigned("x", &[(0, &[9])]), |e| matches!(e, InvalidReplicaAssignment(_))),
        (assigned("x", &[(0, &[])]), |e| matches!(e, InvalidReplicaAssignment(_))),
        (assigned("x", &[(0, &[1]), (1, &[1, 2])]), |e| matches!(e, InvalidReplicaAssignment(_))),
        (assigned("x", &[(0, &[1]), (2, &[1])]), |e| matches!(e, InvalidReplicaAssignment(_))),
        (assigned("x", &[(1, &[1])]), |e| matches!(e, InvalidReplicaAssignment(_))),
        (assigned("x", &[(-1, &[1])]), |e| matches!(e, InvalidReplicaAssignment(_))),
        (assigned("x", &[(0, &[1]), (0, &[2])]), |e| matches!(e, InvalidReplicaAssignment(_))),
        (configured("x", &[("no.such.key", "1")]), |e| matches!(e, Config(crate::ConfigError::Invalid(_)))),
        (configured("x", &[("retention.ms", "soon")]), |e| matches!(e, Config(crate::ConfigError::Invalid(_)))),
        (NewTopic { configs: vec![("retention.ms".to_owned(), None)], ..topic("x", 1, 1) }, |e| {
            matches!(e, Config(crate::ConfigError::Invalid(_)))
        }),
    ];
    for (wanted, expected) in cases {
        let mut cluster = Cluster::of(2);
        cluster.create(vec![topic("there", 1, 1), topic("with.dot", 1, 1)]);
        let before = cluster.image().clone();
        let error = cluster.create(vec![wanted.clone()]).remove(0).unwrap_err();
        assert!(expected(&error), "{wanted:?}: {error:?}");
        assert_eq!(cluster.image(), &before, "a refused request changes nothing");
    }
}

#[test]
fn one_request_gives_one_answer_for_each_name_and_good_ones_succeed() {
    let mut cluster = Cluster::of(1);
    let results =
        cluster.create(vec![topic("twice", 1, 1), topic("good", 1, 1), topic("bad name", 1, 1), topic("twice", 2, 1)]);
    assert_eq!(results.len(), 3);
    assert!(matches!(results[0], Err(TopicError::InvalidRequest(_))));
    assert!(results[1].is_ok() && results[2].is_err());
    assert_eq!(cluster.image().topics.len(), 1);
}

#[test]
fn names_that_collide_within_one_request_are_not_both_created() {
    let mut cluster = Cluster::of(1);
    let results = cluster.create(vec![topic("q.b", 1, 1), topic("q_b", 1, 1)]);
    assert!(results[0].is_ok());
    assert!(matches!(results[1], Err(TopicError::Collides { .. })));
}

#[test]
fn a_name_is_free_again_once_its_topic_is_deleted() {
    let mut cluster = Cluster::of(1);
    let first = cluster.create(vec![topic("a.b", 1, 1)]).remove(0).unwrap();
    delete(&mut cluster, vec![TopicReference::Name("a.b".into())]);
    let again = NewTopic { id: TopicId(uuid::Uuid::from_u128(77)), ..topic("a_b", 1, 1) };
    let second = cluster.create(vec![again]).remove(0).unwrap();
    assert_ne!(first.id, second.id);
    assert!(cluster.image().topic_by_id(first.id).is_none());
}

#[test]
fn validate_only_checks_everything_and_changes_nothing() {
    let mut cluster = Cluster::of(1);
    let before = cluster.image().metadata_version;
    let results = cluster.create_or_check(vec![topic("a", 2, 1), topic("b", 1, 9), topic("a.b", 1, 1)], true);
    assert_eq!(results[0].as_ref().unwrap().partitions, 2);
    assert!(matches!(results[1], Err(TopicError::InvalidReplicationFactor(_))));
    assert!(cluster.image().topics.is_empty());
    assert_eq!(cluster.image().metadata_version, before);
}

#[test]
fn replicas_are_spread_over_brokers_and_fenced_ones_get_none() {
    let mut cluster = Cluster::of(4);
    cluster.fence(3);
    cluster.create(vec![topic("a", 6, 2)]).remove(0).unwrap();
    let mut leads = std::collections::BTreeMap::<BrokerId, usize>::new();
    for partition in &cluster.image().topic("a").unwrap().partitions {
        assert_ne!(partition.replicas[0], partition.replicas[1]);
        assert!(!partition.replicas.contains(&BrokerId(3)));
        *leads.entry(partition.leader.unwrap()).or_default() += 1;
    }
    assert_eq!(leads.into_values().collect::<Vec<_>>(), [2, 2, 2]);
}

#[test]
fn a_broker_that_is_down_takes_replicas_where_the_others_are_too_few() {
    let mut cluster = Cluster::of(4);
    cluster.fence(3);
    cluster.create(vec![topic("a", 6, 4)]).remove(0).unwrap();
    for partition in &cluster.image().topic("a").unwrap().partitions {
        assert_eq!((partition.replicas.len(), partition.replicas[3]), (4, BrokerId(3)));
        assert_eq!(
            (partition.isr.as_slice(), partition.leader),
            (&partition.replicas[..3], Some(partition.replicas[0]))
        );
    }
    let refused = |cluster: &mut Cluster, replicas| {
        matches!(cluster.create(vec![topic("b", 1, replicas)]).remove(0), Err(TopicError::InvalidReplicationFactor(_)))
    };
    assert!(refused(&mut cluster, 5), "there are four brokers");
    for id in [1, 2, 4] {
        cluster.fence(id);
    }
    assert!(refused(&mut cluster, 1), "nobody could lead");
}

#[test]
fn without_a_factor_a_topic_has_what_is_set_or_what_there_are_brokers_for() {
    let created = |default_replication, brokers: i32, down: i32| {
        let mut cluster = Cluster::with(Settings { default_replication, ..settings() }, brokers);
        (1..=down).for_each(|id| cluster.fence(id));
        cluster.create(vec![topic("a", 1, -1)]).remove(0).map(|created| created.replication_factor)
    };
    for (brokers, down, replicas) in [(1, 0, 1), (2, 0, 2), (3, 0, 3), (3, 1, 3), (5, 0, 3)] {
        assert_eq!(created(DefaultReplication::AtMost(3), brokers, down), Ok(replicas), "{brokers} brokers");
    }
    assert_eq!(created(DefaultReplication::Exactly(2), 3, 0), Ok(2));
    let refused = created(DefaultReplication::Exactly(2), 1, 0);
    assert!(matches!(refused, Err(TopicError::InvalidReplicationFactor(_))));
}

#[test]
fn partitions_grow_and_never_shrink() {
    let mut cluster = Cluster::of(2);
    cluster.create(vec![assigned("a", &[(0, &[1, 2]), (1, &[2, 1])])]).remove(0).unwrap();
    let ask = |cluster: &mut Cluster, count: i32, assignments: Option<&[&[i32]]>| {
        let broker_ids = |ids: &&[i32]| ids.iter().copied().map(BrokerId).collect();
        let assignments = assignments.map(|all| all.iter().map(broker_ids).collect());
        let topics = vec![MorePartitions { name: "a".into(), count, assignments }];
        match cluster.ask(Request::CreatePartitions(CreatePartitions { topics, validate_only: false })) {
            Reply::PartitionsCreated(mut results) => results.remove(0).1,
            other => panic!("{other:?}"),
        }
    };
    for count in [2, 1, 0, -1, i32::MAX] {
        assert!(matches!(ask(&mut cluster, count, None), Err(TopicError::InvalidPartitions(_))), "{count}");
    }
    for bad in [&[&[1, 2][..], &[1, 2]][..], &[], &[&[1]], &[&[1, 1]], &[&[1, 9]]] {
        assert!(matches!(ask(&mut cluster, 3, Some(bad)), Err(TopicError::InvalidReplicaAssignment(_))), "{bad:?}");
    }
    let before = cluster.image().topic("a").unwrap().partitions.clone();
    assert_eq!(ask(&mut cluster, 3, Some(&[&[2, 1]])), Ok(()));
    assert_eq!(ask(&mut cluster, 5, None), Ok(()));
    let after = &cluster.image().topic("a").unwrap().partitions;
    assert_eq!((&after[..2], after.len()), (&before[..], 5), "what was there stays as it was");
    assert_eq!(after[2].leader, Some(BrokerId(2)));
    assert!(after.iter().all(|partition| partition.replicas.len() == 2));
}

#[test]
fn more_partitions_of_an_unknown_topic_are_refused_and_a_doubled_name_is_answered_once() {
    let mut cluster = Cluster::of(1);
    cluster.create(vec![topic("a", 1, 1)]);
    let more = |name: &str, count| MorePartitions { name: name.into(), count, assignments: None };
    let topics = vec![more("missing", 2), more("a", 2), more("a", 3)];
    let reply = cluster.ask(Request::CreatePartitions(CreatePartitions { topics, validate_only: false }));
    let Reply::PartitionsCreated(results) = reply else { panic!("{reply:?}") };
    assert_eq!(results.len(), 2);
    assert_eq!(results[0].1, Err(TopicError::UnknownTopic));
    assert!(matches!(results[1].1, Err(TopicError::InvalidRequest(_))));
}

fn delete(cluster: &mut Cluster, topics: Vec<TopicReference>) -> Vec<DeletedTopic> {
    match cluster.ask(Request::DeleteTopics(DeleteTopics { topics })) {
        Reply::TopicsDeleted(results) => results,
        other => panic!("{other:?}"),
    }
}

#[test]
fn topics_are_deleted_by_name_or_id_and_each_gets_an_answer() {
    let mut cluster = Cluster::of(1);
    let ids: Vec<TopicId> =
        cluster.create(vec![topic("a", 1, 1), topic("b", 1, 1)]).into_iter().map(|r| r.unwrap().id).collect();
    let unknown = TopicId(uuid::Uuid::from_u128(5));
    let results = delete(
        &mut cluster,
        vec![
            TopicReference::Name("a".into()),
            TopicReference::Id(ids[1]),
            TopicReference::Name("missing".into()),
            TopicReference::Id(unknown),
        ],
    );
    assert_eq!(results[0], DeletedTopic { name: Some("a".into()), id: ids[0], result: Ok(()) });
    assert_eq!(results[1], DeletedTopic { name: Some("b".into()), id: ids[1], result: Ok(()) });
    assert_eq!(results[2].result, Err(TopicError::UnknownTopic));
    assert_eq!(results[3], DeletedTopic { name: None, id: unknown, result: Err(TopicError::UnknownTopicId) });
    assert!(cluster.image().topics.is_empty() && cluster.image().topics.partition_count() == 0);
}

#[test]
fn a_topic_named_twice_is_not_deleted() {
    let name = || TopicReference::Name("a".into());
    let mut cluster = Cluster::of(1);
    let id = cluster.create(vec![topic("a", 1, 1)]).remove(0).unwrap().id;
    for request in [
        vec![name(), name()],
        vec![TopicReference::Id(id), TopicReference::Id(id)],
        vec![name(), TopicReference::Id(id)],
    ] {
        let results = delete(&mut cluster, request.clone());
        assert_eq!(results.len(), 1, "{request:?}");
        assert!(matches!(results[0].result, Err(TopicError::InvalidRequest(_))), "{request:?}");
        assert!(cluster.image().topic("a").is_some());
    }
}

#[test]
fn deletion_can_be_switched_off() {
    let mut cluster = Cluster::with(Settings { delete_topic_enable: false, ..settings() }, 1);
    cluster.create(vec![topic("a", 1, 1)]);
    let results = delete(&mut cluster, vec![TopicReference::Name("a".into()), TopicReference::Name("b".into())]);
    assert_eq!(results[0].result, Err(TopicError::DeletionDisabled));
    assert_eq!(results[1].result, Err(TopicError::UnknownTopic));
}

#[test]
fn a_broker_that_comes_up_again_leads_under_a_new_epoch_by_one_record() {
    let mut cluster = Cluster::of(1);
    cluster.create(vec![topic("a", 3, 1), topic("b", 2, 1)]);
    let first_epoch = cluster.image().brokers[&BrokerId(1)].epoch;
    let second_epoch = cluster.register(1);
    assert!(second_epoch > first_epoch);
    assert_eq!(cluster.changes.last().unwrap().records.len(), 1);
    for topic in cluster.image().topics.iter() {
        for partition in &topic.partitions {
            assert_eq!((partition.leader_epoch, partition.partition_epoch), (LeaderEpoch(1), PartitionEpoch(1)));
            assert_eq!(partition.isr, [BrokerId(1)]);
        }
    }
}

#[test]
fn producer_id_blocks_follow_one_another_and_end() {
    let mut cluster = Cluster::of(1);
    let mut block = |least| match cluster.ask(Request::AllocateProducerIds(model::ProducerId(least))) {
        Reply::ProducerIds(block) => block,
        other => panic!("{other:?}"),
    };
    let (first, second) = (block(0), block(0));
    assert_eq!((first.first.0, first.length, second.first.0), (0, PRODUCER_ID_BLOCK, PRODUCER_ID_BLOCK));
    assert_eq!([block(5_000), block(5_000), block(70)].map(|block| block.first.0), [5_000, 6_000, 7_000]);
    let last = model::ProducerId(i64::MAX - 1);
    cluster.force(MetadataRecord::ProducerIdsReserved { next: last });
    let reply = cluster.ask(Request::AllocateProducerIds(model::ProducerId(0)));
    assert!(matches!(reply, Reply::Refused(crate::ControllerError::ProducerIdsExhausted)));
    assert_eq!(cluster.image().next_producer_id, last);
}
