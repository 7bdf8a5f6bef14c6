use super::{
    super::testing::{Members, image},
    *,
};
use std::sync::Arc;

const MOVES_AT_ONCE: usize = 20;

pub(super) fn spec(replicas: i32) -> Wanted {
    Wanted {
        replicas,
        leaving: Leaving { from: Some(BrokerId(replicas)) },
        on_scale_up: OnScaleUp::Move,
        moves_at_once: MOVES_AT_ONCE,
        filling: Vec::new(),
        draining: Vec::new(),
    }
}

fn decide(replicas: i32, current: Option<i32>, image: Option<&ClusterImage>) -> Scale {
    super::decide(&spec(replicas), current, image)
}

fn numbers(scale: &Scale) -> Vec<Vec<i32>> {
    scale.moves.iter().map(|(_, replicas)| replicas.iter().map(|id| id.0).collect()).collect()
}

fn onto(scale: &Scale) -> &[i32] {
    scale.progress.as_ref().map_or(&[], |progress| &progress.onto)
}

#[test]
fn more_brokers_are_reported_as_new_before_they_are_there() {
    let first = decide(5, Some(3), None);
    assert_eq!((first.replicas, onto(&first)), (3, &[3, 4][..]));
    let reported = Wanted { filling: vec![3, 4], ..spec(5) };
    let then = super::decide(&reported, Some(3), None);
    assert_eq!((then.replicas, then.held.as_ref(), onto(&then)), (5, None, &[3, 4][..]));
    assert_eq!(decide(3, None, None), Scale { replicas: 3, ..Scale::default() }, "all of a new cluster are new");
    let left = super::decide(&Wanted { on_scale_up: OnScaleUp::Leave, ..spec(5) }, Some(3), None);
    assert_eq!(left, Scale { replicas: 5, ..Scale::default() });
}

/// A set that was scaled up a moment ago, as it was seen before.
#[test]
fn pod_with_a_replica_stays_whatever_was_seen_of_the_set() {
    let image = image(4, &[], &[&[(&[0, 3], &[0, 3])]]);
    let first = super::decide(&Wanted { filling: vec![3], ..spec(5) }, Some(3), Some(&image));
    assert_eq!((first.replicas, onto(&first)), (4, &[3, 4][..]));
    assert_eq!(decide(3, Some(3), Some(&image)).replicas, 4, "it is to be emptied first");
}

#[test]
fn brokers_that_were_added_get_their_share_and_then_are_new_no_more() {
    // Broker 3 shares a rack with broker 0.
    let before = image(4, &[], &[&[(&[0, 1], &[0, 1]), (&[0, 1], &[0, 1]), (&[0, 1], &[0, 1]), (&[0, 1], &[0, 1])]]);
    let reported = Wanted { filling: vec![3], ..spec(4) };
    let scale = super::decide(&reported, Some(4), Some(&before));
    assert_eq!(numbers(&scale), [[3, 1], [3, 1]]);
    let told = ScalingStatus { onto: vec![3], draining: vec![], replicas_remaining: 2 };
    assert_eq!(scale.progress, Some(told));
    let none = super::decide(&Wanted { moves_at_once: 0, ..reported.clone() }, Some(4), Some(&before));
    assert!(none.moves.is_empty() && none.progress.is_some());
    let after = image(4, &[], &[&[(&[3, 1], &[3, 1]), (&[3, 1], &[3, 1]), (&[0, 1], &[0, 1]), (&[0, 1], &[0, 1])]]);
    assert_eq!(super::decide(&reported, Some(4), Some(&after)), Scale { replicas: 4, ..Scale::default() });
    assert!(decide(4, Some(4), Some(&before)).moves.is_empty(), "without a scale up nothing moves");
}

#[test]
fn scaling_back_calls_back_what_is_on_its_way() {
    let mut image = image(4, &[], &[&[(&[0, 1], &[0, 1]), (&[0, 1], &[0, 1])]]);
    let mut topic = controller::TopicImage::clone(image.topic("topic-0").unwrap());
    topic.partitions[1].replicas = [3, 1, 0].map(BrokerId).into();
    topic.partitions[1].adding_replicas = vec![BrokerId(3)];
    topic.partitions[1].removing_replicas = vec![BrokerId(0)];
    image.topics = Arc::new(vec![Arc::new(topic)].into());
    let back = super::decide(&Wanted { filling: vec![3], ..spec(3) }, Some(4), Some(&image));
    assert_eq!(back.cancels, [TopicPartition::new("topic-0", 1)]);
    assert_eq!((back.replicas, onto(&back), back.moves.len()), (4, &[][..], 0));
    let on = super::decide(&Wanted { filling: vec![3], ..spec(4) }, Some(4), Some(&image));
    assert!(on.cancels.is_empty());
}

#[test]
fn drain_that_is_called_off_calls_back_what_is_on_its_way() {
    let ended = image(5, &[], &[&[(&[3, 1], &[3, 1]), (&[4, 1], &[4, 1])]]);
    let mut image = image(5, &[], &[&[(&[3, 1], &[3, 1]), (&[4, 1], &[4, 1]), (&[0, 1], &[0, 1])]]);
    let mut topic = controller::TopicImage::clone(image.topic("topic-0").unwrap());
    for (index, leaving) in [(0, 3), (1, 4)] {
        topic.partitions[index].replicas.push(BrokerId(2));
        topic.partitions[index].adding_replicas = vec![BrokerId(2)];
        topic.partitions[index].removing_replicas = vec![BrokerId(leaving)];
    }
    image.topics = Arc::new(vec![Arc::new(topic)].into());
    let was_to_go = |replicas| Wanted { draining: vec![3, 4], ..spec(replicas) };

    let back = super::decide(&was_to_go(5), Some(5), Some(&image));
    assert_eq!(back.cancels, [TopicPartition::new("topic-0", 0), TopicPartition::new("topic-0", 1)]);
    let told = ScalingStatus { draining: vec![3, 4], replicas_remaining: 2, ..ScalingStatus::default() };
    assert_eq!((back.replicas, back.progress), (5, Some(told)));
    assert!(decide(5, Some(5), Some(&image)).cancels.is_empty(), "people move replicas, too");

    let blind = super::decide(&was_to_go(5), Some(5), None);
    let kept = ScalingStatus { draining: vec![3, 4], ..ScalingStatus::default() };
    assert_eq!((blind.cancels.len(), blind.progress), (0, Some(kept)), "it is to be known when the controller decides");

    let one = super::decide(&was_to_go(4), Some(5), Some(&image));
    assert_eq!(one.cancels, [TopicPartition::new("topic-0", 0)], "broker 4 is still to go");
    assert_eq!(one.progress.map(|progress| progress.draining), Some(vec![3, 4]));

    assert_eq!(super::decide(&was_to_go(5), Some(5), Some(&ended)), Scale { replicas: 5, ..Scale::default() });
}

#[test]
fn broker_goes_once_nothing_is_on_it() {
    let full = image(4, &[], &[&[(&[3, 0, 1], &[3, 0, 1]), (&[0, 1, 2], &[0, 1, 2])]]);
    let scale = decide(3, Some(4), Some(&full));
    assert_eq!(scale.replicas, 4);
    assert_eq!(scale.held.as_deref(), Some("1 replicas to move off the brokers that are to go"));
    assert_eq!(scale.progress, Some(ScalingStatus { onto: vec![], draining: vec![3], replicas_remaining: 1 }));
    assert_eq!(numbers(&scale), [[2, 0, 1]]);
    let empty = image(4, &[], &[&[(&[2, 0, 1], &[2, 0, 1])]]);
    assert_eq!(decide(3, Some(4), Some(&empty)), Scale { replicas: 3, ..Scale::default() });
}

#[test]
fn replicas_move_to_racks_that_a_partition_lacks() {
    // Brokers 0 and 3 are in zone-0, 1 and 4 in zone-1, 2 in zone-2; broker 4 is to go.
    let image = image(5, &[], &[&[(&[4, 0], &[4, 0]), (&[2, 1], &[2, 1]), (&[2, 1], &[2, 1])]]);
    assert_eq!(numbers(&decide(4, Some(5), Some(&image))), [[1, 0]], "not to 3, which has fewer: it is in zone-0");
}

#[test]
fn fewer_brokers_than_replicas_is_refused_with_the_topic() {
    let image = image(4, &[], &[&[(&[0, 1, 2], &[0, 1, 2])]]);
    let scale = decide(2, Some(4), Some(&image));
    assert!(scale.moves.is_empty() && scale.replicas == 4 && scale.progress.is_none());
    assert_eq!(scale.held.as_deref(), Some("topic topic-0 has 3 replicas, more than the 2 brokers that would be left"));
    assert_eq!(decide(2, Some(4), None).replicas, 4, "nor is it known without a controller");
}

#[test]
fn few_partitions_move_at_once() {
    let partitions: Vec<(&[i32], &[i32])> = vec![(&[3, 0, 1], &[3, 0, 1]); 50];
    let mut image = image(4, &[], &[&partitions]);
    assert_eq!(decide(3, Some(4), Some(&image)).moves.len(), MOVES_AT_ONCE);
    let mut topic = controller::TopicImage::clone(image.topic("topic-0").unwrap());
    for partition in &mut topic.partitions[..15] {
        partition.adding_replicas = vec![BrokerId(2)];
        partition.replicas.push(BrokerId(2));
    }
    image.topics = Arc::new(vec![Arc::new(topic)].into());
    let scale = decide(3, Some(4), Some(&image));
    assert_eq!(scale.moves.len(), MOVES_AT_ONCE - 15);
    assert!(scale.cancels.is_empty(), "they lead to brokers that stay");
}

#[test]
fn broker_that_went_is_forgotten_once_it_holds_nothing() {
    let gone = image(4, &[3], &[&[(&[0, 1, 2], &[0, 1, 2])]]);
    assert_eq!(decide(3, Some(3), Some(&gone)).forgotten, [BrokerId(3)]);
    assert!(decide(4, Some(4), Some(&gone)).forgotten.is_empty(), "it is only down");
    let holding = image(4, &[3], &[&[(&[0, 1, 3], &[0, 1])]]);
    let scale = decide(3, Some(3), Some(&holding));
    assert!(scale.forgotten.is_empty());
    assert_eq!(numbers(&scale), [[0, 1, 2]], "what was placed there in the last moment moves all the same");
}

/// Broker 4 is lost with its disk, and whatever had its only replica there.
#[test]
fn partitions_without_a_leader_do_not_hold_up_the_others() {
    let lost: Vec<Members<'_>> = vec![(&[4], &[4]); MOVES_AT_ONCE];
    let mut image = image(5, &[4], &[&lost, &[(&[4, 0, 1], &[0, 1]), (&[0, 1, 2], &[0, 1, 2])]]);
    let scale = decide(4, Some(5), Some(&image));
    assert_eq!(scale.moves.len(), 1, "they stay, and the one that is led moves");
    assert_eq!(scale.moves[0].0, TopicPartition::new("topic-1", 0));
    assert_eq!(scale.replicas, 5);
    let held = scale.held.unwrap();
    assert!(held.starts_with("21 replicas to move off the brokers that are to go; 20 partitions without"), "{held}");
    assert!(held.ends_with("topic-0-0, topic-0-1, topic-0-2 and 17 more"), "{held}");

    // Moves of theirs that somebody began, or that were under way when the broker was lost, end never.
    let mut topic = controller::TopicImage::clone(image.topic("topic-0").unwrap());
    for partition in &mut topic.partitions {
        partition.replicas = [3, 4].map(BrokerId).into();
        (partition.adding_replicas, partition.removing_replicas) = (vec![BrokerId(3)], vec![BrokerId(4)]);
    }
    image.topics = Arc::new(vec![Arc::new(topic), Arc::clone(image.topic("topic-1").unwrap())].into());
    assert_eq!(decide(4, Some(5), Some(&image)).moves.len(), 1);
    let filled = super::decide(&Wanted { filling: vec![3], ..spec(5) }, Some(5), Some(&image));
    assert_eq!((filled.progress, filled.moves), (None, vec![]), "broker 3 waits for none of them, and has its share");
}
