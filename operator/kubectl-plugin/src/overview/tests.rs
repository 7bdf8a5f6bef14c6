use super::*;
use crate::testing::{healthy_cluster, image};

const WELL: &[(&[i32], &[i32])] = &[(&[0, 1, 2], &[0, 1, 2]), (&[1, 2, 0], &[1, 2, 0])];

fn with_condition(type_: &str, status: &str, reason: &str) -> Cluster {
    let mut cluster = healthy_cluster();
    let known = cluster.status.as_mut().unwrap().conditions.iter_mut().find(|known| known.type_ == type_).unwrap();
    (known.status, known.reason, known.message) = (status.to_owned(), reason.to_owned(), "because".to_owned());
    cluster
}

#[test]
fn cluster_of_which_nothing_is_wrong_is_healthy() {
    let image = image(3, &[], &[WELL]);
    let overview = Overview::new(&healthy_cluster(), Ok(&image), OperatorSeen::Ready);
    assert_eq!((overview.problems, overview.notes), (vec![], vec![]));
    assert!(overview.healthy);
    assert_eq!(overview.partitions, Some(Counts { topics: 1, total: 2, ..Counts::default() }));
    let broker = &overview.brokers[1];
    assert_eq!((broker.leaders, broker.preferred, broker.replicas, broker.out_of_sync), (1, 1, 2, 0));
    assert_eq!(
        (broker.epoch, broker.rack.as_deref(), broker.pod.as_deref()),
        (Some(2), Some("zone-1"), Some("events-1"))
    );
}

#[test]
fn each_thing_that_is_wrong_makes_it_unhealthy() {
    let well = image(3, &[], &[WELL]);
    let fenced = image(3, &[2], &[WELL]);
    let behind = image(3, &[], &[&[(&[0, 1, 2], &[0, 1])]]);
    let offline = image(3, &[2], &[&[(&[2], &[2])]]);
    let two = image(2, &[], &[]);
    let mut of_four = healthy_cluster();
    of_four.spec.replicas = 4;
    let mut silent = healthy_cluster();
    silent.status = None;
    let ready = OperatorSeen::Ready;
    let table = [
        (healthy_cluster(), Ok(&fenced), &ready, "broker 2 is Fenced"),
        (healthy_cluster(), Ok(&behind), &ready, "1 partitions have a replica that is not in sync"),
        (healthy_cluster(), Ok(&offline), &ready, "1 partitions have no leader"),
        (healthy_cluster(), Ok(&offline), &ready, "1 partitions have fewer replicas in sync than acks=all needs"),
        (healthy_cluster(), Err("a checksum is wrong"), &ready, "the metadata cannot be read: a checksum is wrong"),
        (healthy_cluster(), Ok(&well), &OperatorSeen::NotReady, "operator weir-operator-0 is not ready"),
        (silent, Ok(&two), &OperatorSeen::NotNamed, "nothing is reported about the cluster yet"),
        (of_four, Ok(&well), &ready, "there is nothing of brokers 3"),
        (with_condition("Ready", "False", "NoController"), Ok(&well), &ready, "Ready is False, NoController: because"),
        (
            with_condition("UpToDate", "False", "RollBlocked"),
            Ok(&well),
            &ready,
            "UpToDate is False, RollBlocked: because",
        ),
        (
            with_condition("Available", "Unknown", "Unknown"),
            Ok(&well),
            &ready,
            "Available is Unknown, Unknown: because",
        ),
    ];
    for (cluster, image, operator, problem) in table {
        let overview = Overview::new(&cluster, image, operator.clone());
        assert!(!overview.healthy, "{problem}");
        assert!(overview.problems.iter().any(|told| told == problem), "{problem}: {:?}", overview.problems);
    }
}

#[test]
fn operator_that_is_gone_is_a_problem_and_one_nobody_may_look_for_is_not() {
    let image = image(3, &[], &[WELL]);
    let with = |operator| Overview::new(&healthy_cluster(), Ok(&image), operator);
    assert!(with(OperatorSeen::Gone).problems[0].contains("nothing is elected"));
    let unknown = with(OperatorSeen::Unknown("forbidden".to_owned()));
    assert!(unknown.healthy && unknown.notes[0].contains("forbidden"));
}

#[test]
fn restarts_on_their_way_and_a_pause_are_noted_only() {
    let image = image(3, &[], &[WELL]);
    for (type_, reason) in
        [("UpToDate", "Rolling"), ("UpToDate", "PodsOutdated"), ("Reconciled", "Paused"), ("Reconciled", "Draining")]
    {
        let overview = Overview::new(&with_condition(type_, "False", reason), Ok(&image), OperatorSeen::Ready);
        assert!(overview.healthy, "{reason}: {:?}", overview.problems);
        assert_eq!(overview.notes, [format!("{type_} is False, {reason}: because")]);
    }
}

#[test]
fn what_was_done_by_hand_is_told_with_how_it_ends() {
    let mut image = image(4, &[3], &[WELL]);
    image.holds.insert(model::BrokerId(3), controller::Hold { fenced: true, drained: false });
    image.holds.insert(model::BrokerId(1), controller::Hold { fenced: false, drained: true });
    let overview = Overview::new(&healthy_cluster(), Ok(&image), OperatorSeen::Ready);
    assert_eq!(overview.problems, ["broker 3 is Fenced, by hand: kubectl weir unfence 3 lets it in again"]);
    assert_eq!(overview.notes, ["broker 1 is drained by hand, 2 replicas are left"]);
}

#[test]
fn condition_about_partitions_counts_only_without_metadata() {
    let image = image(3, &[], &[WELL]);
    for (type_, reason) in
        [("Ready", "PartitionsOffline"), ("Available", "BelowMinISR"), ("FullyReplicated", "ReplicasOutOfSync")]
    {
        let cluster = with_condition(type_, "False", reason);
        let with_metadata = Overview::new(&cluster, Ok(&image), OperatorSeen::Ready);
        assert!(with_metadata.healthy, "{reason}: {:?}", with_metadata.problems);
        let without = Overview::new(&cluster, Err("gone"), OperatorSeen::Ready);
        assert!(without.problems.contains(&format!("{type_} is False, {reason}: because")), "{:?}", without.problems);
    }
}

#[test]
fn worst_partitions_are_named_first_and_not_all_of_them() {
    let behind: Vec<(&[i32], &[i32])> = vec![(&[0, 1], &[0]); 30];
    let image = image(3, &[2], &[&behind, &[(&[2], &[2])]]);
    let overview = Overview::new(&healthy_cluster(), Ok(&image), OperatorSeen::Ready);
    assert_eq!(overview.unhealthy_partitions.len(), PARTITIONS_NAMED);
    assert_eq!(overview.unhealthy_partitions[0].topic, "topic-1");
}

#[test]
fn lag_is_asked_of_brokers_that_are_behind_and_told_where_it_is_known() {
    let image = image(3, &[], &[&[(&[0, 1, 2], &[0])]]);
    let overview = Overview::new(&healthy_cluster(), Ok(&image), OperatorSeen::Ready);
    assert_eq!(overview.behind(), [(1, "events-1".to_owned()), (2, "events-2".to_owned())]);
    let told = overview.with_lags(Lags::from([(1, Ok(500)), (2, Err("it does not answer".to_owned()))]));
    assert_eq!(told.brokers.iter().map(|broker| broker.lag).collect::<Vec<_>>(), [None, Some(500), None]);
    assert_eq!(told.notes, ["the lag of broker 2 is not known: it does not answer"]);
}

#[test]
fn page_says_first_what_is_wrong() {
    let image = image(3, &[2], &[&[(&[2], &[2]), (&[0, 1], &[0, 1])]]);
    let overview = Overview::new(&healthy_cluster(), Ok(&image), OperatorSeen::Ready);
    let expected = "\
Cluster data/events: NOT HEALTHY
  ! 1 partitions have no leader
  ! 1 partitions have fewer replicas in sync than acks=all needs
  ! broker 2 is Fenced

Cluster id        test
Controller        weir-operator-0, epoch 4
Metadata version  77
Up to date        3 of 3 brokers
Partitions        2 of 1 topics; 1 offline, 1 under min ISR, 0 under-replicated, 0 reassigning

BROKER   STATE    LEADS   PREFERRED   REPLICAS   OUT-OF-SYNC   LAG   EPOCH   RACK     POD        NODE
0        Ready    1       1           1          0             -     1       zone-0   events-0   node-a
1        Ready    0       0           1          0             -     2       zone-1   events-1   node-a
2        Fenced   0       1           1          0             -     3       zone-2   events-2   node-a

TOPIC     PARTITION   STATE
topic-0   0           Offline,UnderMinISR
";
    assert_eq!(overview.text(), expected);
}
