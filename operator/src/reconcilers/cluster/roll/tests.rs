use super::{
    super::testing::{image, pod},
    *,
};

const ALL: &[i32] = &[0, 1, 2];

fn decide_on(pods: &[BrokerPod], image: &ClusterImage) -> Roll {
    decide(UpdateType::RollingUpdate, "new", &BTreeSet::new(), pods, 3, Some(image))
}

fn restarted(roll: &Roll) -> Option<i32> {
    match roll {
        Roll::Restart { pod, .. } => Some(pod.broker.0),
        _ => None,
    }
}

fn reason(roll: Roll) -> String {
    match roll {
        Roll::Waiting { reason, .. } => reason,
        other => panic!("does not wait: {other:?}"),
    }
}

#[test]
fn brokers_restart_one_after_the_other_until_all_are_new() {
    let image = image(3, &[], &[&[(ALL, ALL), (ALL, ALL)]]);
    let mut pods = [pod(0, "old", true), pod(1, "old", true), pod(2, "old", true)];
    for id in 0..3 {
        assert_eq!(restarted(&decide_on(&pods, &image)), Some(id));
        pods[usize::try_from(id).unwrap()] = pod(id, "new", true);
    }
    assert_eq!(decide_on(&pods, &image), Roll::Done);
}

#[test]
fn next_broker_waits_until_the_one_before_is_back_in_every_isr() {
    let old = [pod(0, "new", true), pod(1, "old", true), pod(2, "old", true)];
    let behind = image(3, &[], &[&[(ALL, &[1, 2])]]);
    assert_eq!(reason(decide_on(&old, &behind)), "1 replicas to be in sync");
    let fenced = image(3, &[0], &[&[(ALL, &[1, 2])]]);
    assert_eq!(reason(decide_on(&old, &fenced)), "broker 0 to be let in by the controller");
    let mut going = old.clone();
    going[0].is_going = true;
    assert_eq!(reason(decide_on(&going, &behind)), "broker 0 to be back");
}

#[test]
fn next_broker_waits_until_clients_reach_the_one_before() {
    let image = image(3, &[], &[&[(ALL, ALL)]]);
    let mut pods = [pod(0, "new", true), pod(1, "old", true), pod(2, "old", true)];
    pods[0].is_settling = true;
    assert_eq!(reason(decide_on(&pods, &image)), "broker 0 to have been ready for minReadySeconds");
    pods[0].is_settling = false;
    assert_eq!(restarted(&decide_on(&pods, &image)), Some(1));
}

#[test]
fn pod_that_somebody_removed_at_once_is_waited_for_though_its_broker_seems_alive() {
    let image = image(3, &[], &[&[(ALL, ALL)]]);
    let pods = [pod(1, "old", true), pod(2, "old", true)];
    assert_eq!(reason(decide_on(&pods, &image)), "broker 0 to have a pod");
    let broken = [pod(1, "broken", false), pod(2, "old", true)];
    let fenced = super::super::testing::image(3, &[1], &[&[(ALL, &[0, 2])]]);
    assert_eq!(restarted(&decide_on(&broken, &fenced)), Some(1), "what serves nothing does not wait");
}

#[test]
fn broker_fenced_by_hand_holds_up_a_roll_and_is_named() {
    let mut image = image(3, &[1], &[&[(ALL, &[0, 2])]]);
    image.holds.insert(BrokerId(1), controller::Hold { fenced: true, drained: false });
    let pods = [pod(0, "old", true), pod(1, "new", true), pod(2, "old", true)];
    let told = reason(decide_on(&pods, &image));
    assert!(told.contains("kubectl weir unfence 1"), "{told}");
}

#[test]
fn roll_stops_at_the_first_broker_that_does_not_come_back() {
    let pods = [pod(0, "new", false), pod(1, "old", true), pod(2, "old", true)];
    let image = image(3, &[0], &[&[(ALL, &[1, 2])]]);
    assert_eq!(reason(decide_on(&pods, &image)), "broker 0 to be ready");
}

#[test]
fn mended_spec_gets_past_the_broken_broker() {
    let pods = [pod(0, "broken", false), pod(1, "old", true), pod(2, "old", true)];
    let image = image(3, &[0], &[&[(ALL, &[1, 2])]]);
    assert_eq!(restarted(&decide_on(&pods, &image)), Some(0));
}

#[test]
fn broker_that_still_leads_is_not_taken_for_a_broken_one() {
    let pods = [pod(0, "old", false), pod(1, "old", true), pod(2, "old", true)];
    let image = image(3, &[], &[&[(ALL, ALL)]]);
    assert_eq!(reason(decide_on(&pods, &image)), "broker 0 to be ready");
}

#[test]
fn partition_at_its_minimum_keeps_its_brokers() {
    // Two in sync of three replicas, the third on a broker that is not of the cluster any more.
    let image = image(3, &[], &[&[(&[0, 1, 7], &[0, 1])]]);
    let pods = [pod(0, "old", true), pod(1, "old", true), pod(2, "new", true)];
    let Roll::Waiting { reason, is_blocked, .. } = decide_on(&pods, &image) else { panic!("goes on") };
    assert!(is_blocked && reason.starts_with("partition topic-0-0"), "{reason}");
    let other = [pod(0, "old", true), pod(1, "old", true), pod(2, "old", true)];
    assert_eq!(restarted(&decide_on(&other, &image)), Some(2), "one that the partition does not need goes first");
}

#[test]
fn topics_that_cannot_lose_a_replica_do_not_stop_a_roll() {
    let pods = [pod(0, "old", true), pod(1, "new", true), pod(2, "new", true)];
    for replicas in [&[0][..], &[0, 1]] {
        assert_eq!(restarted(&decide_on(&pods, &image(3, &[], &[&[(replicas, replicas)]]))), Some(0), "{replicas:?}");
    }
}

#[test]
fn nothing_restarts_without_a_controller_or_against_the_strategy() {
    let pods = [pod(0, "old", true)];
    let waits = decide(UpdateType::RollingUpdate, "new", &BTreeSet::new(), &pods, 1, None);
    assert_eq!(reason(waits), "the controller of the cluster to decide");
    let left = decide(UpdateType::OnDelete, "new", &BTreeSet::new(), &pods, 1, Some(&image(1, &[], &[])));
    assert_eq!(left, Roll::LeftToOthers { outdated: 1 });
}

#[test]
fn broker_restarts_for_another_reason_by_the_same_rules() {
    let pods = [pod(0, "new", true), pod(1, "new", true), pod(2, "new", true)];
    let restart = BTreeSet::from([BrokerId(1)]);
    let roll = |image: &ClusterImage| decide(UpdateType::RollingUpdate, "new", &restart, &pods, 3, Some(image));
    assert_eq!(restarted(&roll(&image(3, &[], &[&[(ALL, ALL)]]))), Some(1));
    assert_eq!(reason(roll(&image(3, &[], &[&[(ALL, &[1, 2])]]))), "1 replicas to be in sync");
}

#[test]
fn partition_that_nobody_leads_is_not_waited_for() {
    // Broker 3 is lost, and was the last in sync of the second.
    let lost = image(4, &[3], &[&[(ALL, ALL), (&[0, 1, 3], &[3])]]);
    let pods = [pod(0, "old", true), pod(1, "old", true), pod(2, "old", true)];
    assert_eq!(restarted(&decide_on(&pods, &lost)), Some(0));
    let led = image(4, &[3], &[&[(ALL, ALL), (&[0, 1, 3], &[0, 3])]]);
    assert_eq!(reason(decide_on(&pods, &led)), "1 replicas to be in sync");
}
