use super::*;
use crate::reconcilers::{cluster::testing::image, topic::valid_topic::tests::topic};
use kube::runtime::reflector;

fn key() -> ClusterKey {
    ClusterKey { namespace: "shop".to_owned(), name: "events".to_owned() }
}

/// Nobody else may.
fn own() -> Allowed {
    Allowed::by(&key(), &[])
}

fn two_topics() -> (ClusterImage, Vec<(TopicId, String)>) {
    let image = image(3, &[], &[&[(&[0], &[0])], &[(&[0], &[0])]]);
    let both = image.topics.iter().map(|topic| (topic.id, topic.name.to_string())).collect();
    (image, both)
}

#[test]
fn what_is_held_survives_the_operator_by_the_status() {
    let (image, both) = two_topics();
    let held = Held::new(vec![]);
    assert!(!held.any(&key()) && held.of(&key(), None, &own(), &image).report().is_none());
    held.hold(&key(), "6 of 6", [both[0].clone()]);
    held.hold(&key(), "others wait", [both[1].clone()]);
    let report = held.of(&key(), None, &own(), &image).report().unwrap();
    assert_eq!((report.topics, report.reason.as_str()), (2, "6 of 6"));

    let next = Held::new(vec![]);
    assert_eq!(next.of(&key(), Some(&report), &own(), &image).report(), Some(report.clone()));
    assert!(next.any(&key()) && next.is_held(&key(), both[0].0));
    let busy = Held::new(vec![]);
    busy.hold(&key(), "more", [both[0].clone()]);
    assert_eq!(
        busy.of(&key(), Some(&report), &own(), &image).topics.len(),
        2,
        "though another was held before it was asked"
    );
    next.decided(&key(), &next.of(&key(), None, &own(), &image).topics);
    assert_eq!(
        next.of(&key(), Some(&report), &own(), &image).report(),
        None,
        "what a person decided is not known again"
    );
}

#[test]
fn topic_is_held_until_it_is_gone_or_a_resource_has_it() {
    let (mut image, both) = two_topics();
    let there = image.topic_by_id(both[0].0).unwrap().clone();
    assert!(is_still_held(&image, there.id, &[], &own()));
    let named = ValidTopic { name: there.name.to_string(), ..topic("{}") };
    assert!(is_still_held(&image, there.id, std::slice::from_ref(&named), &own()), "it has not taken it over yet");
    let having = ValidTopic { known_id: Some(there.id), ..named };
    assert!(!is_still_held(&image, there.id, &[having], &own()));

    let held = Held::new(vec![reflector::store().0]);
    held.hold(&key(), "", both.clone());
    let left = image.topic_by_id(both[1].0).unwrap().clone();
    image.topics = Arc::new(vec![left].into());
    assert_eq!(held.of(&key(), None, &own(), &image).topics.into_keys().collect::<Vec<_>>(), [both[1].0]);
}

#[test]
fn status_names_as_many_as_it_has_room_for() {
    let id = |number: usize| TopicId(Uuid::from_u128(number as u128));
    let topics = (0..MOST_HELD_TOPICS + 7).map(|number| (id(number), "t".to_owned())).collect();
    let report = OfCluster { topics, ..OfCluster::default() }.report().unwrap();
    assert_eq!((report.topics, report.list.len()), (i32::try_from(MOST_HELD_TOPICS).unwrap() + 7, MOST_HELD_TOPICS));
    let longest = (0..MOST_HELD_TOPICS).map(|number| (id(number), "t".repeat(249))).collect();
    let report = OfCluster { topics: longest, ..OfCluster::default() }.report().unwrap();
    let bytes = serde_json::to_vec(&report).unwrap().len();
    assert!(report.list.len() > 200 && bytes < 66 << 10, "{} names in {bytes} bytes", report.list.len());
}

#[test]
fn topics_that_no_status_names_stay_and_it_is_said() {
    let (image, both) = two_topics();
    let list = vec![HeldTopic { id: both[0].0.0.to_string(), name: both[0].1.clone() }];
    let reported = HeldDeletions { reason: "8 of 8".to_owned(), topics: 8, list, ..HeldDeletions::default() };
    let report = Held::new(vec![]).of(&key(), Some(&reported), &own(), &image).report().unwrap();
    assert_eq!((report.topics, report.list.len()), (1, 1), "no other is deleted by a decision");
    assert!(report.reason.starts_with("8 of 8; 7 more were held"), "{}", report.reason);
    let next = Held::new(vec![]).of(&key(), Some(&report), &own(), &image).report();
    assert_eq!(next, Some(report), "and it is not said twice");
}

#[test]
fn digest_is_another_when_others_are_held() {
    let (image, both) = two_topics();
    let held = Held::new(vec![]);
    let digest = || held.of(&key(), None, &own(), &image).digest();
    held.hold(&key(), "", [both[0].clone()]);
    let first = digest();
    held.hold(&key(), "", [both[0].clone()]);
    assert_eq!((digest(), first.len()), (first.clone(), 16));
    held.hold(&key(), "", [both[1].clone()]);
    assert_ne!(digest(), first);
    held.decided(&key(), &[both[0].clone()].into());
    assert_eq!(held.of(&key(), None, &own(), &image).topics, [both[1].clone()].into(), "it came meanwhile");
}
