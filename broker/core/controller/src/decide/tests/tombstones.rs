//! Deletions that can be undone.

use super::*;
use model::LeaderEpoch;

const WINDOW: Duration = Duration::from_secs(600);

fn cluster() -> Cluster {
    let settings = Settings { deletion_undo_window: WINDOW, ..settings() };
    let mut cluster = Cluster::with(settings, 3);
    cluster.create(vec![configured("a", &[("retention.ms", "5000")]), topic("b.c", 2, 3)]);
    cluster
}

fn delete(cluster: &mut Cluster, name: &str) -> TopicId {
    let topics = vec![TopicReference::Name(name.into())];
    match cluster.ask(Request::DeleteTopics(DeleteTopics { topics })) {
        Reply::TopicsDeleted(mut results) => {
            let deleted = results.remove(0);
            deleted.result.unwrap();
            deleted.id
        }
        other => panic!("{other:?}"),
    }
}

fn restore(cluster: &mut Cluster, topic: TopicReference) -> Result<TopicId, TopicError> {
    match cluster.ask(Request::RestoreTopics(vec![topic])) {
        Reply::TopicsRestored(mut results) => results.remove(0).result,
        other => panic!("{other:?}"),
    }
}

fn named(name: &str) -> TopicReference {
    TopicReference::Name(name.into())
}

#[test]
fn deleted_topic_is_gone_at_once_and_its_records_after_the_window() {
    let mut cluster = cluster();
    let id = delete(&mut cluster, "a");
    assert!(cluster.image().topic("a").is_none() && cluster.image().topic_by_id(id).is_none());
    assert!(cluster.image().tombstones.contains_key(&id));
    cluster.pass(WINDOW - Duration::from_millis(1));
    assert!(cluster.image().tombstones.contains_key(&id));
    let deadline = cluster.controller.next_deadline(cluster.now);
    assert_eq!(deadline, cluster.now + Duration::from_millis(1));
    let late = cluster.controller.next_deadline(cluster.now + Duration::from_secs(1));
    assert_eq!(late, deadline, "it is still to come, not forgotten");
    cluster.pass(Duration::from_millis(1));
    assert!(cluster.image().tombstones.is_empty());
    assert_eq!(cluster.changes.last().unwrap().records, [MetadataRecord::TopicDeleted { id }]);
    assert_eq!(restore(&mut cluster, TopicReference::Id(id)), Err(TopicError::UnknownTopicId));
}

#[test]
fn id_of_a_topic_that_is_there_or_can_be_restored_is_given_to_no_other() {
    let mut cluster = cluster();
    let deleted = delete(&mut cluster, "a");
    let kept = cluster.image().topic("b.c").unwrap().id;
    for id in [deleted, kept] {
        for validate_only in [true, false] {
            let refused = cluster.create_or_check(vec![NewTopic { id, ..topic("a", 1, 1) }], validate_only).remove(0);
            assert!(matches!(refused, Err(TopicError::InvalidRequest(_))), "{refused:?}");
        }
    }
    assert_eq!(restore(&mut cluster, named("a")), Ok(deleted));
}

#[test]
fn without_a_window_a_deletion_is_final() {
    let mut cluster = Cluster::of(1);
    cluster.create(vec![topic("a", 1, 1)]);
    let id = delete(&mut cluster, "a");
    assert_eq!(cluster.changes.last().unwrap().records, [MetadataRecord::TopicDeleted { id }]);
    assert_eq!(restore(&mut cluster, named("a")), Err(TopicError::UnknownTopic));
}

#[test]
fn restored_topic_is_what_it_was_under_new_leader_epochs() {
    let mut cluster = cluster();
    let before = cluster.image().topic("a").unwrap().clone();
    delete(&mut cluster, "a");
    assert_eq!(restore(&mut cluster, named("a")), Ok(before.id));
    let after = cluster.image().topic("a").unwrap().clone();
    assert_eq!((after.id, &after.configs), (before.id, &before.configs));
    assert_eq!(after.partitions[0].leader_epoch, LeaderEpoch(1));
    assert!(after.partitions[0].same_but_epochs(&before.partitions[0]));
    assert_eq!(cluster.image().topics.partition_count(), 3);
    cluster.pass(WINDOW * 2);
    assert!(cluster.image().topic("a").is_some());
}

#[test]
fn name_of_a_deleted_topic_is_free_and_the_new_topic_another() {
    let mut cluster = cluster();
    let old = delete(&mut cluster, "a");
    let new = TopicId(uuid::Uuid::from_u128(99));
    cluster.create(vec![NewTopic { id: new, ..topic("a", 1, 1) }]).remove(0).unwrap();
    assert_eq!(restore(&mut cluster, named("a")), Err(TopicError::AlreadyExists("a".to_owned())));
    assert_eq!(delete(&mut cluster, "a"), new);
    assert_eq!(cluster.image().tombstones.len(), 2);
    assert_eq!(restore(&mut cluster, named("a")), Ok(new), "the one deleted last");
    delete(&mut cluster, "a");
    assert_eq!(restore(&mut cluster, TopicReference::Id(old)), Ok(old));
}

#[test]
fn restored_name_may_not_collide() {
    let mut cluster = cluster();
    delete(&mut cluster, "b.c");
    cluster.create(vec![topic("b_c", 1, 1)]).remove(0).unwrap();
    assert!(matches!(restore(&mut cluster, named("b.c")), Err(TopicError::Collides { .. })));
}

#[test]
fn loss_of_a_broker_meanwhile_is_there_after_the_undoing() {
    let mut cluster = cluster();
    let leader = cluster.image().partition(&partition("b.c", 0)).unwrap().leader.unwrap();
    delete(&mut cluster, "b.c");
    cluster.fence(leader.0);
    restore(&mut cluster, named("b.c")).unwrap();
    let state = cluster.image().partition(&partition("b.c", 0)).unwrap();
    assert!(state.leader.is_some_and(|now| now != leader) && !state.isr.contains(&leader), "{state:?}");
}

#[test]
fn window_begins_again_with_another_controller() {
    let mut cluster = cluster();
    delete(&mut cluster, "a");
    cluster.pass(WINDOW / 2);
    cluster.force(MetadataRecord::ProducerIdsReserved { next: model::ProducerId(1) });
    cluster.pass(WINDOW / 2);
    assert_eq!(cluster.image().tombstones.len(), 1);
    cluster.pass(WINDOW);
    assert!(cluster.image().tombstones.is_empty());
}
