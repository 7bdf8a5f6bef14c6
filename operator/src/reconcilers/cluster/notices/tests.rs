use super::{super::testing::pod, *};
use custom_resources::{
    cluster_status::ControllerStatus,
    conditions::{Finding, conditions},
    request::RequestStatus,
};
use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};

fn with(type_: &'static str, reason: &'static str) -> ClusterStatus {
    let finding = Finding::new(type_, reason == reason::AS_EXPECTED, reason, "why");
    let conditions = conditions(&[], vec![finding], None, Timestamp::UNIX_EPOCH);
    ClusterStatus { conditions, ..ClusterStatus::default() }
}

fn broker(id: i32, state: BrokerState) -> ClusterStatus {
    let broker = BrokerStatus {
        id,
        pod_name: format!("events-{id}"),
        node: None,
        rack: None,
        version: None,
        state,
        drained: false,
        fenced_by_hand: false,
    };
    ClusterStatus { brokers: vec![broker], ..ClusterStatus::default() }
}

fn told(before: &ClusterStatus, after: &ClusterStatus) -> Vec<&'static str> {
    let did = Did { namespace: "shop", ..Did::default() };
    notices(Some(before), after, did).into_iter().map(|notice| notice.reason).collect()
}

#[track_caller]
fn each_is_told<const N: usize>(table: [(ClusterStatus, ClusterStatus, &str); N]) {
    for (before, after, reason) in table {
        assert_eq!(told(&before, &after), [reason]);
    }
}

#[test]
fn nothing_is_told_of_what_is_as_before() {
    let mut status = broker(1, BrokerState::Fenced);
    for (type_, reason) in [(condition::READY, reason::RECOVERING), (condition::UP_TO_DATE, reason::ROLL_BLOCKED)] {
        status.conditions.extend(with(type_, reason).conditions);
    }
    assert!(told(&status, &status).is_empty());
    let other_words = with(condition::UP_TO_DATE, reason::ROLLING);
    let mut later = other_words.clone();
    "another broker is waited for".clone_into(&mut later.conditions[0].message);
    assert!(told(&other_words, &later).is_empty(), "a roll that goes on is one event");
}

#[test]
fn replicas_that_fall_behind_and_volumes_that_grow_are_told_with_their_end() {
    let replicas = |reason| with(condition::FULLY_REPLICATED, reason);
    let volumes = |reason| with(condition::RECONCILED, reason);
    let table = [
        (replicas(reason::AS_EXPECTED), replicas(reason::REPLICAS_OUT_OF_SYNC), "ReplicasOutOfSync"),
        (replicas(reason::REPLICAS_OUT_OF_SYNC), replicas(reason::AS_EXPECTED), "ReplicasInSync"),
        (volumes(reason::AS_EXPECTED), volumes(reason::VOLUMES_GROW), "VolumesGrow"),
        (volumes(reason::VOLUMES_GROW), volumes(reason::AS_EXPECTED), "VolumesExpanded"),
    ];
    each_is_told(table);
    assert!(told(&ClusterStatus::default(), &replicas(reason::REPLICAS_OUT_OF_SYNC)).is_empty(), "it is just made");
}

#[test]
fn rolls_are_told_from_their_start_to_their_end() {
    let at = |reason| with(condition::UP_TO_DATE, reason);
    let table = [
        (at(reason::AS_EXPECTED), at(reason::ROLLING), "RollStarted"),
        (at(reason::ROLLING), at(reason::ROLL_BLOCKED), "RollBlocked"),
        (at(reason::ROLL_BLOCKED), at(reason::ROLLING), "RollResumed"),
        (at(reason::ROLLING), at(reason::AS_EXPECTED), "RollCompleted"),
    ];
    each_is_told(table);
    assert!(told(&ClusterStatus::default(), &at(reason::AS_EXPECTED)).is_empty(), "a new cluster has rolled nothing");
}

#[test]
fn brokers_are_told_by_their_pods() {
    use BrokerState::{Fenced, Pending, Ready, ShuttingDown, Unschedulable};
    let table = [
        (Ready, Fenced, Some("BrokerFenced")),
        (ShuttingDown, Fenced, Some("BrokerStopped")),
        (Fenced, Ready, Some("BrokerReady")),
        (Pending, Ready, Some("BrokerReady")),
        (Pending, Unschedulable, Some("BrokerUnschedulable")),
        (Ready, ShuttingDown, None),
        (ShuttingDown, Ready, None),
    ];
    for (was, now, reason) in table {
        assert_eq!(told(&broker(1, was), &broker(1, now)), Vec::from_iter(reason), "{was:?} {now:?}");
    }
    let going = [BrokerPod { is_going: true, ..pod(1, "new", true) }];
    let did = Did { namespace: "shop", pods: &going, ..Did::default() };
    assert_eq!(notices(Some(&broker(1, Ready)), &broker(1, Fenced), did)[0].reason, "BrokerStopped", "its pod goes");
    let pods = [BrokerPod { unschedulable: Some("0/3 nodes".to_owned()), ..pod(1, "new", false) }];
    let did = Did { namespace: "shop", pods: &pods, ..Did::default() };
    let told = notices(Some(&broker(1, Pending)), &broker(1, Unschedulable), did).remove(0);
    assert!(told.is_warning && told.note.ends_with("0/3 nodes"), "{told:?}");
    let related = told.related.unwrap();
    assert_eq!((related.namespace.as_deref(), related.name.as_deref()), (Some("shop"), Some("events-1")));
}

#[test]
fn restart_of_a_broker_is_told_when_it_is_done() {
    let roll = Roll::Restart { pod: pod(2, "old", true), outdated: 1 };
    let did = Did { namespace: "shop", roll: Some(&roll), ..Did::default() };
    let status = ClusterStatus::default();
    assert_eq!(notices(Some(&status), &status, did)[0].reason, "BrokerRestarting");
}

#[test]
fn what_a_person_is_to_know_is_a_warning() {
    let at = |type_, reason| with(type_, reason);
    let good = at(condition::RECONCILED, reason::AS_EXPECTED);
    assert_eq!(told(&good, &at(condition::RECONCILED, reason::INVALID_SPEC)), ["InvalidSpec"]);
    assert_eq!(told(&at(condition::RECONCILED, reason::PAUSED), &good), ["Resumed"]);
    let lost = at(condition::READY, reason::RECOVERING);
    assert_eq!(told(&at(condition::READY, reason::AS_EXPECTED), &lost), ["MetadataLost"]);
    assert_eq!(told(&lost, &at(condition::READY, reason::WAITING_FOR_BROKERS)), ["MetadataRebuilt"]);
    assert!(told(&lost, &at(condition::READY, reason::NO_CONTROLLER)).is_empty());
    let (none, held) = (ClusterStatus::default(), at(condition::DELETION_HELD, reason::NOT_CONFIRMED));
    assert_eq!(told(&none, &held), ["DeletionHeld"]);
    assert_eq!(told(&held, &none), ["DeletionDecided"]);
}

#[test]
fn disks_and_commits_are_told_when_they_fail_and_when_they_are_well_again() {
    let table = [
        (condition::STORAGE_HEALTHY, reason::DISK_NEARLY_FULL, "DiskNearlyFull", "DiskHasRoom"),
        (condition::METADATA_PERSISTED, reason::COMMIT_FAILED, "MetadataCommitFailed", "MetadataCommitted"),
    ];
    for (type_, bad, failed, mended) in table {
        let (well, ill) = (with(type_, reason::AS_EXPECTED), with(type_, bad));
        assert_eq!(told(&well, &ill), [failed]);
        assert_eq!(told(&ill, &well), [mended]);
        assert!(told(&with(type_, reason::UNKNOWN), &well).is_empty(), "an operator took over");
    }
}

#[test]
fn failover_is_told_once_and_what_has_no_leader_is_a_warning() {
    let at = |second, offline| {
        let at = Time(Timestamp::from_second(second).unwrap());
        let last_failover = Some(FailoverStatus { broker: 1, at, duration_ms: 220, moved: 34, offline });
        ClusterStatus { last_failover, ..ClusterStatus::default() }
    };
    assert_eq!(told(&at(1, 0), &at(2, 0)), ["LeadersMoved"]);
    assert!(told(&at(2, 0), &at(2, 0)).is_empty());
    let notice = notices(None, &at(1, 2), Did::default()).remove(0);
    assert_eq!((notice.reason, notice.is_warning), ("LeaderElectionFailed", true));
    assert!(notice.note.contains("220 ms") && notice.note.contains("nobody 2"), "{}", notice.note);
}

#[test]
fn take_over_and_answers_are_told_once() {
    let at = |epoch| ClusterStatus {
        controller: Some(ControllerStatus { holder: "operator-a".to_owned(), epoch }),
        ..ClusterStatus::default()
    };
    assert_eq!(told(&at(1), &at(2)), ["ControllerChanged"]);
    assert!(told(&ClusterStatus::default(), &at(1)).is_empty());
    let answer = |outcome| ClusterStatus {
        request: Some(RequestStatus { id: "a".to_owned(), outcome, message: String::new() }),
        ..ClusterStatus::default()
    };
    assert_eq!(told(&at(1), &answer(RequestOutcome::Done)), ["RequestDone"]);
    assert_eq!(told(&at(1), &answer(RequestOutcome::Refused)), ["RequestRefused"]);
    assert!(told(&answer(RequestOutcome::Done), &answer(RequestOutcome::Done)).is_empty());
}
