use super::*;
use model::{BrokerEpoch, Incarnation, LeaderEpoch, PartitionEpoch};

fn partition(replicas: &[i32], isr: &[i32], leader: Option<i32>) -> PartitionImage {
    let brokers = |ids: &[i32]| ids.iter().copied().map(BrokerId).collect::<Vec<_>>();
    PartitionImage {
        elr: Vec::new(),
        replicas: brokers(replicas),
        isr: brokers(isr),
        leader: leader.map(BrokerId),
        leader_epoch: LeaderEpoch(5),
        partition_epoch: PartitionEpoch(9),
        adding_replicas: Vec::new(),
        removing_replicas: Vec::new(),
        recovering: false,
    }
}

/// Rules in which only these brokers may lead, and nobody outside an ISR is eligible.
fn rules(usable: &[i32]) -> Rules {
    let broker = |id: &i32| BrokerRegistration {
        id: BrokerId(*id),
        epoch: BrokerEpoch(0),
        incarnation: Incarnation::default(),
        log_life: None,
        rack: None,
        endpoints: Vec::new(),
        fenced: false,
        in_controlled_shutdown: false,
    };
    let brokers = usable.iter().map(|id| (BrokerId(*id), broker(id))).collect();
    Rules { brokers: Arc::new(brokers), default_floor: None }
}

/// Leader, ISR and what was added to leader epoch and partition epoch when broker 1 goes; `None` where nothing changes.
fn after_loss(before: &PartitionImage, usable: &[i32], absence: Absence) -> Option<(Option<i32>, Vec<i32>, i32, i32)> {
    let rules = rules(usable);
    let rules = TopicRules { rules: &rules, floor: None };
    before.without(BrokerId(1), absence, &rules).map(|after| {
        let epochs = (after.leader_epoch.0 - 5, after.partition_epoch.0 - 9);
        (after.leader.map(|id| id.0), after.isr.iter().map(|id| id.0).collect(), epochs.0, epochs.1)
    })
}

#[test]
fn first_usable_replica_of_the_isr_succeeds_a_lost_leader() {
    let before = partition(&[1, 2, 3, 4], &[4, 1, 3], Some(1));
    assert_eq!(after_loss(&before, &[2, 3, 4], Absence::Gone), Some((Some(3), vec![4, 3], 1, 1)));
    assert_eq!(after_loss(&before, &[2, 4], Absence::Gone), Some((Some(4), vec![4, 3], 1, 1)));
}

#[test]
fn lost_follower_leaves_the_isr_and_the_leader_epoch_stays() {
    let before = partition(&[2, 1, 3], &[1, 2, 3], Some(2));
    assert_eq!(after_loss(&before, &[2, 3], Absence::Gone), Some((Some(2), vec![2, 3], 0, 1)));
}

#[test]
fn replica_outside_the_isr_is_no_loss() {
    assert_eq!(after_loss(&partition(&[2, 1], &[2], Some(2)), &[2], Absence::Gone), None);
}

#[test]
fn last_member_of_the_isr_stays_in_it_and_nobody_else_is_elected() {
    let before = partition(&[1, 2, 3], &[1], Some(1));
    assert_eq!(after_loss(&before, &[2, 3], Absence::Gone), Some((None, vec![1], 1, 1)));
    let leaderless = partition(&[1, 2, 3], &[1], None);
    assert_eq!(after_loss(&leaderless, &[2, 3], Absence::Gone), None);
}

#[test]
fn last_member_that_is_about_to_stop_leads_until_it_is_gone() {
    assert_eq!(after_loss(&partition(&[1, 2], &[1], Some(1)), &[2], Absence::Stopping), None);
}
