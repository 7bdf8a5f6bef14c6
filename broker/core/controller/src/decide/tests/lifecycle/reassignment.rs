//! Moving replicas while brokers come and go.

use super::*;
use crate::ReassignmentError;

impl Live {
    /// `None`: cancels what runs.
    pub(super) fn reassign(&mut self, target: Option<&[i32]>) -> Result<(), ReassignmentError> {
        let target = target.map(|ids| ids.iter().copied().map(BrokerId).collect());
        let partitions = vec![(partition("a", 0), target)];
        let request = ReassignPartitions { partitions, allow_replication_factor_change: true };
        match self.ask(Request::ReassignPartitions(request)) {
            Reply::PartitionsReassigned(mut results) => results.remove(0).1,
            other => panic!("{other:?}"),
        }
    }

    fn in_sync(&mut self, by: i32, isr: &[i32]) {
        let proposal = self.proposal(isr);
        self.propose(by, proposal).unwrap();
    }

    /// 3 moves to 4, which is in sync already; 2 is not, so the move has not ended. 1 leads.
    fn half_moved() -> Self {
        let mut live = Self::careful();
        live.come_up(4);
        live.in_sync(1, &[1, 3]);
        assert_eq!(live.reassign(Some(&[1, 2, 4])), Ok(()));
        live.in_sync(1, &[1, 3, 4]);
        live.in_sync(1, &[1, 4]);
        live
    }

    fn assert_refused(&mut self, target: Option<&[i32]>) {
        let before = self.state();
        let answer = self.reassign(target);
        assert!(matches!(answer, Err(ReassignmentError::InvalidAssignment(_))), "{target:?}: {answer:?}");
        assert_eq!(self.state(), before);
    }
}

#[test]
fn reassignment_ends_when_every_target_is_in_sync() {
    let mut live = Live::start();
    live.come_up(4);
    assert_eq!(live.reassign(Some(&[4, 3, 2])), Ok(()));
    assert_eq!(live.state().replicas, [4, 3, 2, 1].map(BrokerId));
    assert_eq!(live.led(), (Some(1), vec![1, 2, 3], 0));
    let joined = live.proposal(&[1, 2, 3, 4]);
    assert_eq!(live.propose(1, joined), Err(IsrError::NewLeaderElected));
    let after = live.state();
    assert_eq!(after.replicas, [4, 3, 2].map(BrokerId));
    assert_eq!(live.led(), (Some(4), vec![2, 3, 4], 1));
    assert!(!after.is_being_reassigned());
}

#[test]
fn partitions_added_during_a_move_have_as_many_replicas_as_the_topic_is_to_have() {
    let mut live = Live::start();
    live.come_up(4);
    assert_eq!(live.reassign(Some(&[4, 3, 2])), Ok(()));
    let more = MorePartitions { name: "a".into(), count: 2, assignments: None };
    live.ask(Request::CreatePartitions(CreatePartitions { topics: vec![more], validate_only: false }));
    let topic = live.controller.committed().topic("a").unwrap();
    let replicas: Vec<_> = topic.partitions.iter().map(|one| one.replicas.len()).collect();
    assert_eq!(replicas, [4, 3]);
}

#[test]
fn member_may_not_leave_with_a_reassignment_when_too_few_stay_in_sync() {
    let mut live = Live::half_moved();
    live.assert_refused(None);
    live.assert_refused(Some(&[1, 2, 3]));
    live.in_sync(1, &[1, 4, 3]);
    assert_eq!(live.reassign(None), Ok(()), "1 and 3 are enough");
    assert_eq!(live.led(), (Some(1), vec![1, 3], 1));
}

#[test]
fn eligible_replica_may_not_leave_with_a_reassignment() {
    let mut live = Live::half_moved();
    live.lose(4);
    assert_eq!((live.led(), live.eligible()), ((Some(1), vec![1], 0), vec![4]));
    live.assert_refused(None);
    live.assert_refused(Some(&[1, 2, 3]));
    live.assert_refused(Some(&[1]));
    assert_eq!(live.reassign(Some(&[1, 3, 4])), Ok(()), "4 stays");
    live.in_sync(1, &[1, 2]);
    assert_eq!(live.eligible(), [0; 0], "two are enough");
    assert_eq!(live.reassign(Some(&[1, 2, 3])), Ok(()), "it is needed no more");
}
