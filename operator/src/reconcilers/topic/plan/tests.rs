use super::*;
use crate::reconcilers::{cluster::testing::image, topic::valid_topic::tests::topic};
use std::sync::Arc;

const ALL: &[i32] = &[0, 1, 2];

fn decide(topic: &ValidTopic, image: &ClusterImage) -> Decision {
    super::decide(topic, image, Leaving::NOBODY)
}

/// `topic-0` of an image, as its own.
fn owned(spec: &str, image: &ClusterImage) -> ValidTopic {
    let id = image.topic("topic-0").map(|topic| topic.id);
    ValidTopic { name: "topic-0".to_owned(), known_id: id, ..topic(spec) }
}

fn reason(decision: Decision) -> &'static str {
    match decision {
        Decision::Not { reason, .. } => reason,
        other => panic!("{other:?}"),
    }
}

fn step(decision: Decision) -> Step {
    match decision {
        Decision::Do(step) => step,
        other => panic!("{other:?}"),
    }
}

#[test]
fn topic_is_made_with_what_is_wanted_and_then_left_alone() {
    let empty = image(3, &[], &[]);
    let wanted = topic("{partitions: 6, config: {retention.ms: 60000}}");
    let Step::Create(new) = step(decide(&wanted, &empty)) else { panic!("is not made") };
    assert_eq!((&*new.name, new.partitions, new.replication_factor), ("orders", 6, -1));
    assert_eq!(new.configs, [("retention.ms".to_owned(), Some("60000".to_owned()))]);
    let there = image(3, &[], &[&[(ALL, ALL)]]);
    assert!(matches!(decide(&owned("{partitions: 1, replicas: 3}", &there), &there), Decision::Good));
    assert!(matches!(decide(&owned("{}", &there), &there), Decision::Good), "what is not said is as it is");
}

#[test]
fn topic_whose_creation_was_not_reported_is_known_again() {
    let mut there = image(3, &[], &[&[(ALL, ALL)]]);
    let own = ValidTopic { name: "topic-0".to_owned(), ..topic("{}") };
    let made = TopicImage { id: own.next_id(), ..TopicImage::clone(there.topic("topic-0").unwrap()) };
    there.topics = Arc::new(vec![Arc::new(made)].into());
    assert!(matches!(decide(&own, &there), Decision::Good));
}

#[test]
fn topic_of_somebody_else_is_taken_over_only_when_asked_for() {
    let there = image(3, &[], &[&[(ALL, ALL)]]);
    let mut stranger = ValidTopic { name: "topic-0".to_owned(), ..topic("{}") };
    assert_eq!(reason(decide(&stranger, &there)), reason::TOPIC_EXISTS);
    stranger.adopts = true;
    assert!(matches!(decide(&stranger, &there), Decision::Good));
}

#[test]
fn partitions_rise_and_never_fall() {
    let there = image(3, &[], &[&[(ALL, ALL), (ALL, ALL)]]);
    assert!(matches!(step(decide(&owned("{partitions: 5}", &there), &there)), Step::AddPartitions(5)));
    assert_eq!(reason(decide(&owned("{partitions: 1}", &there), &there)), reason::PARTITIONS_SHRINK);
}

#[test]
fn keys_that_the_resource_named_before_are_reset_and_those_of_others_stay() {
    let mut there = image(3, &[], &[&[(ALL, ALL)]]);
    let mut changed = TopicImage::clone(there.topic("topic-0").unwrap());
    for key in ["retention.ms", "max.message.bytes"] {
        changed.configs.insert(key.to_owned(), "1".to_owned());
    }
    there.topics = Arc::new(vec![Arc::new(changed)].into());
    let mut own = owned("{config: {segment.ms: 5}}", &there);
    own.known_keys = vec!["retention.ms".to_owned(), "segment.bytes".to_owned()];
    let Step::SetConfigs(configs) = step(decide(&own, &there)) else { panic!() };
    assert_eq!(configs, [("segment.ms".to_owned(), Some("5".to_owned())), ("retention.ms".to_owned(), None)]);
    let silent = owned("{}", &there);
    assert!(matches!(decide(&silent, &there), Decision::Good), "what others set is theirs");
}

#[test]
fn fewer_replicas_leave_the_leader_and_more_go_to_other_racks() {
    let there = image(4, &[], &[&[(&[0, 1, 2], &[2, 1])]]);
    let moves = |replicas: i16, image: &ClusterImage| match step(decide(
        &owned(&format!("{{replicas: {replicas}}}"), image),
        image,
    )) {
        Step::Reassign(moves) => {
            moves.into_iter().map(|(_, ids)| ids.iter().map(|id| id.0).collect::<Vec<_>>()).collect::<Vec<_>>()
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(moves(1, &there), [[2]]);
    assert_eq!(moves(2, &there), [[1, 2]], "0 is not in sync");
    // Brokers 0 and 3 share a rack.
    let two = image(4, &[], &[&[(&[0, 1], &[0, 1])]]);
    assert_eq!(moves(3, &two), [[0, 1, 2]]);
    assert_eq!(reason(decide(&owned("{replicas: 5}", &two), &two)), reason::NOT_ENOUGH_BROKERS);
}

#[test]
fn brokers_that_leave_are_given_nothing() {
    let four = image(4, &[], &[&[(&[0, 1], &[0, 1])]]);
    let leaving = Leaving { from: Some(model::BrokerId(3)) };
    let Step::Reassign(moves) = step(super::decide(&owned("{replicas: 3}", &four), &four, leaving)) else { panic!() };
    assert_eq!(moves[0].1, [0, 1, 2].map(model::BrokerId));
    assert_eq!(reason(super::decide(&owned("{replicas: 4}", &four), &four, leaving)), reason::NOT_ENOUGH_BROKERS);
    let new = ValidTopic { name: "topic-1".to_owned(), ..topic("{replicas: 4}") };
    assert_eq!(reason(super::decide(&new, &four, leaving)), reason::NOT_ENOUGH_BROKERS);
}

#[test]
fn topic_whose_replicas_change_places_is_as_wanted() {
    let mut moving = image(4, &[], &[&[(&[3, 1, 2, 0], ALL), (ALL, ALL)]]);
    let mut topic = TopicImage::clone(moving.topic("topic-0").unwrap());
    topic.partitions[0].adding_replicas = vec![model::BrokerId(3)];
    topic.partitions[0].removing_replicas = vec![model::BrokerId(0)];
    moving.topics = Arc::new(vec![Arc::new(topic.clone())].into());
    for spec in ["{replicas: 3}", "{}"] {
        assert!(matches!(decide(&owned(spec, &moving), &moving), Decision::Good), "{spec}");
    }
    topic.partitions[0].removing_replicas.clear();
    moving.topics = Arc::new(vec![Arc::new(topic)].into());
    assert_eq!(reason(decide(&owned("{replicas: 4}", &moving), &moving)), reason::REASSIGNING, "it is not there yet");
    assert_eq!(reason(decide(&owned("{replicas: 3}", &moving), &moving)), reason::REASSIGNING, "nor is it right");
}

#[test]
fn paused_topic_is_left_as_it_is() {
    let there = image(3, &[], &[&[(ALL, ALL)]]);
    assert_eq!(reason(decide(&owned("{paused: true, partitions: 9}", &there), &there)), reason::PAUSED);
    assert_eq!(reason(decide(&topic("{paused: true}"), &there)), reason::PAUSED);
}

#[test]
fn topic_that_a_client_deleted_comes_back_with_its_records() {
    let mut gone = image(3, &[], &[&[(ALL, ALL)]]);
    let own = owned("{}", &gone);
    let topic = Arc::clone(gone.topic("topic-0").unwrap());
    let tombstone = controller::Tombstone { topic: Arc::clone(&topic), deleted_at: gone.metadata_version };
    gone.topics = Arc::default();
    gone.tombstones = Arc::new([(topic.id, tombstone)].into());
    assert!(matches!(step(decide(&own, &gone)), Step::Restore(id) if id == topic.id));
    gone.tombstones = Arc::default();
    let Step::Create(new) = step(decide(&own, &gone)) else { panic!("is not made anew") };
    assert_ne!(new.id, topic.id, "an id is used once");
}

/// Nobody noted its creation in the status, which is lost, or was not written yet.
#[test]
fn topic_that_the_status_does_not_know_is_restored_and_not_made_again() {
    let mut gone = image(3, &[], &[&[(ALL, ALL)]]);
    let own = ValidTopic { known_id: None, ..owned("{}", &gone) };
    let mut topic = TopicImage::clone(gone.topic("topic-0").unwrap());
    topic.id = own.next_id();
    let id = topic.id;
    let tombstone = controller::Tombstone { topic: Arc::new(topic), deleted_at: gone.metadata_version };
    gone.topics = Arc::default();
    gone.tombstones = Arc::new([(id, tombstone)].into());
    assert!(matches!(step(decide(&own, &gone)), Step::Restore(restored) if restored == id));
}

#[test]
fn partitions_without_a_leader_are_told_and_whether_their_records_are_lost() {
    let message = |partitions: &[(&[i32], &[i32])]| {
        let there = image(3, &[2], &[partitions]);
        match decide(&owned("{}", &there), &there) {
            Decision::Not { reason, message } => (reason, message),
            other => panic!("{other:?}"),
        }
    };
    let (why, told) = message(&[(&[2], &[2]), (ALL, ALL)]);
    assert_eq!((why, &*told), (reason::PARTITIONS_OFFLINE, "1 partitions without a leader"));
    let (why, told) = message(&[(&[2], &[2]), (&[0, 2], &[])]);
    assert_eq!(why, reason::PARTITIONS_OFFLINE);
    assert!(told.starts_with("2 partitions without a leader, 1 of them because the disk"), "{told}");
}
