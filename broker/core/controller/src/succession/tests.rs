use super::*;
use model::{LeaderEpoch, PartitionEpoch};

fn partition(replicas: &[i32], isr: &[i32], leader: Option<i32>) -> PartitionImage {
    let brokers = |ids: &[i32]| ids.iter().copied().map(BrokerId).collect::<Vec<_>>();
    PartitionImage {
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

/// Leader, ISR and what was added to leader epoch and partition epoch when broker 1 goes; `None` where nothing changes.
fn after_loss(before: &PartitionImage, usable: &[i32], keeps_last: bool) -> Option<(Option<i32>, Vec<i32>, i32, i32)> {
    before.without(BrokerId(1), |id| usable.contains(&id.0), keeps_last).map(|after| {
        let epochs = (after.leader_epoch.0 - 5, after.partition_epoch.0 - 9);
        (after.leader.map(|id| id.0), after.isr.iter().map(|id| id.0).collect(), epochs.0, epochs.1)
    })
}

#[test]
fn first_usable_replica_of_the_isr_succeeds_a_lost_leader() {
    let before = partition(&[1, 2, 3, 4], &[4, 1, 3], Some(1));
    assert_eq!(after_loss(&before, &[2, 3, 4], false), Some((Some(3), vec![4, 3], 1, 1)));
    assert_eq!(after_loss(&before, &[2, 4], false), Some((Some(4), vec![4, 3], 1, 1)));
}

#[test]
fn lost_follower_leaves_the_isr_and_the_leader_epoch_stays() {
    let before = partition(&[2, 1, 3], &[1, 2, 3], Some(2));
    assert_eq!(after_loss(&before, &[2, 3], false), Some((Some(2), vec![2, 3], 0, 1)));
}

#[test]
fn replica_outside_the_isr_is_no_loss() {
    assert_eq!(after_loss(&partition(&[2, 1], &[2], Some(2)), &[2], false), None);
}

#[test]
fn last_member_of_the_isr_stays_in_it_and_nobody_else_is_elected() {
    let before = partition(&[1, 2, 3], &[1], Some(1));
    assert_eq!(after_loss(&before, &[2, 3], false), Some((None, vec![1], 1, 1)));
    let leaderless = partition(&[1, 2, 3], &[1], None);
    assert_eq!(after_loss(&leaderless, &[2, 3], false), None);
}

#[test]
fn last_member_that_is_about_to_stop_leads_until_it_is_gone() {
    assert_eq!(after_loss(&partition(&[1, 2], &[1], Some(1)), &[2], true), None);
}
