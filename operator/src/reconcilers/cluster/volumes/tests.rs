use super::{super::testing::pod, *};
use crate::{resources::stateful_set, valid_cluster::tests::valid};

fn cluster(size: &str) -> ValidCluster {
    valid(&format!("{{replicas: 2, storage: {{size: {size}}}}}"))
}

fn claim(broker: i32, asks: &str, has: &str, conditions: &str) -> Arc<PersistentVolumeClaim> {
    let yaml = format!(
        "{{metadata: {{name: data-events-{broker}}}, spec: {{storageClassName: fast, resources: {{requests: {{storage: {asks}}}}}}},
          status: {{capacity: {{storage: {has}}}, conditions: [{conditions}]}}}}"
    );
    Arc::new(serde_yaml::from_str(&yaml).unwrap())
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// With a set that was made for `before`.
fn decided(before: &str, wanted: &str, claims: &[Arc<PersistentVolumeClaim>], allows: Option<bool>) -> Volumes {
    let set = stateful_set::build(&cluster(before));
    let classes = allows.map(|allows| ("fast".to_owned(), allows)).into_iter().collect();
    let seen = Seen { claims, classes: &classes, now: at(1000) };
    let pods = [0, 1].map(|id| BrokerPod { created: Some(at(0)), ..pod(id, "new", true) });
    decide(&cluster(wanted), Some(&set), &pods, 2, seen)
}

#[test]
fn volumes_as_wanted_or_larger_are_left_alone() {
    let claims = [claim(0, "1Gi", "1Gi", ""), claim(1, "5Gi", "5Gi", "")];
    for wanted in ["1Gi", "1024Mi"] {
        let volumes = decided("1Gi", wanted, &claims, None);
        let template = Some(Quantity("1Gi".to_owned()));
        assert_eq!(volumes, Volumes { template, ..Volumes::default() }, "{wanted}");
    }
    assert!(classes_to_ask(&cluster("1Gi"), &claims).is_empty());
}

#[test]
fn claims_grow_first_and_the_set_is_made_again_once_they_ask_for_more() {
    let small = [claim(0, "1Gi", "1Gi", ""), claim(1, "2Gi", "2Gi", ""), claim(2, "1Gi", "1Gi", "")];
    assert_eq!(classes_to_ask(&cluster("2Gi"), &small), ["fast".to_owned()].into());
    let first = decided("1Gi", "2Gi", &small, Some(true));
    assert_eq!(first.grow, ["data-events-0"], "what a broker left behind stays as it is");
    assert!(!first.renew_set);
    assert_eq!(first.template, Some(Quantity("1Gi".to_owned())), "a template cannot be changed");
    let asked = [claim(1, "2Gi", "1Gi", ""), claim(0, "2Gi", "1Gi", "")];
    let then = decided("1Gi", "2Gi", &asked, None);
    assert!(then.grow.is_empty() && then.renew_set);
    assert_eq!(then.state, State::Growing("2 volumes have yet to become 2Gi: data-events-0, data-events-1".to_owned()));
    let last = decided("2Gi", "2Gi", &[claim(0, "2Gi", "2Gi", ""), claim(1, "2Gi", "2Gi", "")], None);
    assert!(!last.renew_set && last.state == State::Good);
}

#[test]
fn what_cannot_be_is_refused_with_the_reason_and_changes_nothing() {
    let claims = [claim(0, "1Gi", "1Gi", ""), claim(1, "1Gi", "1Gi", "")];
    let table = [
        ("2Gi", Some(false), "storage class fast does not allow volume expansion"),
        ("2Gi", None, "there is no storage class fast"),
        ("512Mi", Some(true), "storage.size is 512Mi, and was 1Gi: volumes cannot become smaller"),
    ];
    for (wanted, allows, reason) in table {
        let volumes = decided("1Gi", wanted, &claims, allows);
        let State::Refused(why) = &volumes.state else { panic!("{wanted} is not refused") };
        assert!(why.ends_with(reason), "{why}");
        assert!(volumes.grow.is_empty() && !volumes.renew_set);
        assert_eq!(volumes.template, Some(Quantity("1Gi".to_owned())));
    }
    let mut nobody = PersistentVolumeClaim::clone(&claims[0]);
    nobody.spec.as_mut().unwrap().storage_class_name = None;
    let volumes = decided("1Gi", "2Gi", &[Arc::new(nobody)], Some(true));
    assert!(matches!(volumes.state, State::Refused(why) if why.ends_with("of no storage class")));
}

#[test]
fn broker_restarts_only_for_a_file_system_that_does_not_grow_in_use() {
    let pending = |second: i64| {
        let since = at(second);
        format!("{{type: FileSystemResizePending, status: 'True', lastTransitionTime: '{since}'}}")
    };
    let restarts = |conditions: &str| {
        let claims = [claim(0, "2Gi", "1Gi", conditions), claim(1, "2Gi", "2Gi", "")];
        decided("2Gi", "2Gi", &claims, None).restart.into_iter().collect::<Vec<_>>()
    };
    assert!(restarts("{type: Resizing, status: 'True', lastTransitionTime: '1970-01-01T00:01:00Z'}").is_empty());
    assert!(restarts(&pending(900)).is_empty(), "it may grow yet");
    assert_eq!(restarts(&pending(800)), [BrokerId(0)]);
    assert!(restarts(&pending(-100)).is_empty(), "its pod started since, and once is enough");
}

#[test]
fn cluster_without_a_set_or_claims_has_nothing_to_grow() {
    let classes = BTreeMap::new();
    let seen = Seen { claims: &[], classes: &classes, now: at(0) };
    assert_eq!(decide(&cluster("2Gi"), None, &[], 2, seen), Volumes::default());
}
