use super::{
    super::testing::{image, pod},
    *,
};
use crate::valid_cluster::tests::valid;
use controller::{ClusterImage, Tombstone};

const NOW: i64 = 1_000;

fn cluster(replicas: i32, when_scaled: &str) -> ValidCluster {
    valid(&format!("{{replicas: {replicas}, storage: {{size: 1Gi, retentionPolicy: {{whenScaled: {when_scaled}}}}}}}"))
}

fn claim(broker: i32, marked: Option<i64>) -> Arc<PersistentVolumeClaim> {
    let mark = marked.map(|second| format!("{UNUSED_ANNOTATION}: '{}'", Timestamp::from_second(second).unwrap()));
    let yaml = format!(
        "{{metadata: {{name: data-events-{broker}, uid: u{broker}, resourceVersion: '7', annotations: {{{}}}}}}}",
        mark.unwrap_or_default()
    );
    Arc::new(serde_yaml::from_str(&yaml).unwrap())
}

/// The marks of claims of brokers from 0, of a cluster that has `set` pods.
fn decide_of(
    cluster: &ValidCluster,
    set: i32,
    pods: i32,
    image: Option<&ClusterImage>,
    marks: &[Option<i64>],
) -> Unused {
    let claims: Vec<_> = (0..).zip(marks).map(|(broker, marked)| claim(broker, *marked)).collect();
    let pods: Vec<_> = (0..pods).map(|id| pod(id, "new", true)).collect();
    let wanted = cluster.spec.replicas;
    let seen = Seen {
        claims: &claims,
        pods: &pods,
        current: Some(set),
        replicas: wanted.max(set),
        leaving: Leaving { from: Some(BrokerId(wanted.min(set))) },
        image,
        now: Timestamp::from_second(NOW).unwrap(),
    };
    super::decide(cluster, seen)
}

fn ids(claims: &[Claim]) -> Vec<i32> {
    claims.iter().map(|claim| claim.broker.0).collect()
}

#[test]
fn volume_of_a_broker_that_is_no_more_is_marked_and_goes_after_a_while() {
    let (cluster, three) = (cluster(3, "Delete"), image(3, &[], &[&[(&[0, 1, 2], &[0, 1, 2])]]));
    let decide = |marked| decide_of(&cluster, 3, 3, Some(&three), &[None, None, None, marked]);
    let first = decide(None);
    assert_eq!((ids(&first.mark), first.delete.len(), first.is_pending), (vec![3], 0, true));
    let waiting = decide(Some(NOW - 29));
    assert_eq!(waiting, Unused { is_pending: true, ..Unused::default() });
    let due = decide(Some(NOW - 30));
    let looked_at = Claim {
        broker: BrokerId(3),
        name: "data-events-3".to_owned(),
        uid: Some("u3".to_owned()),
        revision: Some("7".to_owned()),
    };
    assert_eq!(due, Unused { delete: vec![looked_at], ..Unused::default() }, "and only as it was looked at");
}

#[test]
fn volume_that_counts_stays_and_its_mark_goes() {
    let topic: &[&[super::super::testing::Members<'_>]] = &[&[(&[0, 1, 2], &[0, 1, 2])]];
    let marks = [None, None, None, Some(0)];
    let (delete, three) = (cluster(3, "Delete"), image(3, &[], topic));
    let unmarks = |unused: Unused| {
        assert!(unused.delete.is_empty() && unused.mark.is_empty(), "{unused:?}");
        ids(&unused.unmark)
    };
    assert_eq!(unmarks(decide_of(&cluster(3, "Retain"), 3, 3, Some(&three), &marks)), [3]);
    assert_eq!(unmarks(decide_of(&cluster(4, "Delete"), 3, 3, Some(&three), &marks)), [3], "it is wanted again");
    assert_eq!(unmarks(decide_of(&cluster(4, "Delete"), 3, 3, None, &marks)), [3], "by the spec alone");
    assert_eq!(unmarks(decide_of(&delete, 4, 3, Some(&three), &marks)), [3], "the set has it");
    assert_eq!(unmarks(decide_of(&delete, 3, 4, Some(&three), &marks)), [3], "its pod is there");
    let registered = image(4, &[3], topic);
    assert_eq!(unmarks(decide_of(&delete, 3, 3, Some(&registered), &marks)), [3], "it is not forgotten");
    let held = image(3, &[], &[&[(&[0, 3], &[0])]]);
    assert_eq!(unmarks(decide_of(&delete, 3, 3, Some(&held), &marks)), [3], "a replica is there");
}

/// Until its deletion cannot be undone any more, a topic's records are where they were.
#[test]
fn volume_of_a_topic_that_can_be_brought_back_stays() {
    let mut image = image(3, &[], &[&[(&[3], &[3])]]);
    let topic = Arc::clone(image.topics.iter().next().unwrap());
    image.topics = Arc::default();
    let tombstone = Tombstone { topic: Arc::clone(&topic), deleted_at: image.metadata_version };
    image.tombstones = Arc::new([(topic.id, tombstone)].into());
    let marks = [None, None, None, Some(0)];
    let kept = decide_of(&cluster(3, "Delete"), 3, 3, Some(&image), &marks);
    assert_eq!((ids(&kept.unmark), kept.delete.len()), (vec![3], 0));
    image.tombstones = Arc::default();
    assert_eq!(ids(&decide_of(&cluster(3, "Delete"), 3, 3, Some(&image), &marks).delete), [3]);
}

/// `kubectl scale statefulset CLUSTER --replicas=0` while the Cluster is paused, for snapshots of its volumes.
#[test]
fn set_that_somebody_made_smaller_says_nothing_of_volumes() {
    let (cluster, image) = (cluster(3, "Delete"), image(3, &[0, 1, 2], &[]));
    assert_eq!(decide_of(&cluster, 0, 0, Some(&image), &[None; 3]), Unused::default());
}

#[test]
fn nothing_goes_while_nobody_decides() {
    assert_eq!(decide_of(&cluster(3, "Delete"), 3, 3, None, &[None, None, None, Some(0)]), Unused::default());
    let claims = [claim(3, Some(0))];
    let image = image(3, &[], &[]);
    let now = Timestamp::from_second(NOW).unwrap();
    let leaving = Leaving { from: Some(BrokerId(3)) };
    let seen = Seen { claims: &claims, pods: &[], current: None, replicas: 3, leaving, image: Some(&image), now };
    assert_eq!(super::decide(&cluster(3, "Delete"), seen), Unused::default(), "nor without a set");
}
