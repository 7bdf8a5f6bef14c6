//! A broker comes back with another disk, on which there is nothing.

use super::*;
use crate::ReassignmentError;

impl Live {
    fn come_up_empty(&mut self, id: i32) {
        let life = u128::from(self.requests) + 1000;
        self.come_up_as(RegisterBroker { began_empty: true, ..self.registration(id, life) });
    }

    fn come_up_with_another_disk(&mut self, id: i32) {
        self.losses[usize::try_from(id).unwrap()] += 1;
        self.come_up_empty(id);
        assert!(!self.fenced(id));
    }

    fn replicas(&self) -> Vec<i32> {
        self.state().replicas.iter().map(|id| id.0).collect()
    }
}

#[test]
fn last_replica_with_another_disk_does_not_lead_before_a_person_decides() {
    let mut live = Live::without_the_last();
    assert_eq!(live.led(), (None, vec![1], 1));
    live.come_up_with_another_disk(1);
    assert_eq!(live.led(), (None, vec![], 1));
    live.pass(10 * TIMEOUT_MS);
    live.kill(1);
    live.pass(10 * TIMEOUT_MS);
    live.come_up(1);
    assert_eq!(live.led(), (None, vec![], 1), "what is gone does not come back with the next start");
    assert_eq!(live.replicas(), [2, 3, 1], "the others may have something");
    live.elect_uncleanly();
    assert_eq!(live.led(), (Some(2), vec![2], 2));
}

#[test]
fn lost_partition_is_led_by_whoever_is_there_once_a_person_wants_it() {
    let mut live = Live::without_the_last();
    live.come_up_with_another_disk(1);
    for id in [2, 3] {
        live.kill(id);
    }
    live.pass(10 * TIMEOUT_MS);
    live.elect_uncleanly();
    assert_eq!(live.led(), (Some(1), vec![1], 2));
}

/// As it moves from 1 to 4, which has nearly everything.
#[test]
fn replica_that_is_being_added_is_elected_before_the_one_with_another_disk() {
    let mut live = Live::start();
    live.come_up(4);
    assert_eq!(live.reassign(Some(&[1])), Ok(()));
    assert_eq!(live.reassign(Some(&[4])), Ok(()));
    assert_eq!((live.replicas(), live.led().1), (vec![4, 1], vec![1]));
    live.kill(1);
    live.pass(1000);
    live.come_up_with_another_disk(1);
    live.elect_uncleanly();
    assert_eq!(live.led().0, Some(4));
}

#[test]
fn replicas_of_a_lost_partition_stay_where_they_are() {
    let mut live = Live::without_the_last();
    live.come_up_with_another_disk(1);
    let reassigned = live.reassign(Some(&[2, 3]));
    assert!(matches!(&reassigned, Err(ReassignmentError::InvalidAssignment(why)) if why.contains("uncleanly")));
}

#[test]
fn empty_disk_on_which_no_life_can_be_written_counts_as_another_one() {
    let mut live = Live::without_the_last();
    let unknown = |live: &Live, life| RegisterBroker { log_life: None, ..live.registration(1, life) };
    let with_its_disk = unknown(&live, 98);
    live.ask(Request::RegisterBroker(with_its_disk));
    live.pass(10 * TIMEOUT_MS);
    let empty = RegisterBroker { began_empty: true, ..unknown(&live, 99) };
    live.ask(Request::RegisterBroker(empty));
    assert_eq!(live.led().1, Vec::<i32>::new());
}

#[test]
fn life_that_is_known_leads_again_whatever_it_began_with() {
    let mut live = Live::without_the_last();
    live.come_up_empty(1);
    assert_eq!(live.led(), (Some(1), vec![1], 2));
}

#[test]
fn another_disk_under_one_of_several_in_sync_costs_nothing() {
    let mut live = Live::start();
    live.kill(1);
    live.pass(1000);
    live.come_up_with_another_disk(1);
    assert_eq!(live.led(), (Some(2), vec![2, 3], 1));
    assert_eq!(live.replicas(), [1, 2, 3]);
}
