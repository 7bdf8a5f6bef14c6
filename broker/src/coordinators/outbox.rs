//! Answers that wait until what they rest on is committed.

use group_coordinator::{GroupError, Reply, RequestKind};
use model::{MonotonicTime, Offset};
use std::{collections::VecDeque, fmt};
use tokio::sync::oneshot;

/// One answer on its way out.
pub(super) enum Answer {
    Reply { reply: Reply, kind: RequestKind, to: oneshot::Sender<Reply> },
    Read(Box<dyn FnOnce() + Send>),
}

impl Answer {
    /// Whoever asked may have gone; then the answer is of no use to anybody.
    fn send(self) {
        match self {
            Self::Reply { reply, to, .. } => drop(to.send(reply)),
            Self::Read(deliver) => deliver(),
        }
    }

    /// What it rests on may become committed all the same. A read has no answer then, which says as much.
    pub(super) fn refuse(self, error: GroupError) {
        if let Self::Reply { kind, to, .. } = self {
            to.send(kind.refused(error)).ok();
        }
    }
}

struct Held {
    /// Goes out once the high watermark has reached this.
    until: Offset,
    deadline: MonotonicTime,
    answer: Answer,
}

/// First in, first out: an answer never rests on less than the one before it.
#[derive(Default)]
pub(super) struct Outbox {
    held: VecDeque<Held>,
}

impl Outbox {
    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    pub(super) fn put(&mut self, answer: Answer, until: Offset, committed: Offset, deadline: MonotonicTime) {
        if self.held.is_empty() && until <= committed {
            answer.send();
        } else {
            self.held.push_back(Held { until, deadline, answer });
        }
    }

    pub(super) fn send_committed(&mut self, committed: Offset) {
        while self.held.front().is_some_and(|held| held.until <= committed) {
            self.held.pop_front().into_iter().for_each(|held| held.answer.send());
        }
    }

    pub(super) fn next_deadline(&self) -> Option<MonotonicTime> {
        self.held.front().map(|held| held.deadline)
    }

    pub(super) fn give_up_overdue(&mut self, now: MonotonicTime) {
        while self.held.front().is_some_and(|held| held.deadline <= now) {
            let refuse = |held: Held| held.answer.refuse(GroupError::CoordinatorNotAvailable);
            self.held.pop_front().into_iter().for_each(refuse);
        }
    }

    /// Another coordinates by now: what was appended here may be cut off again.
    pub(super) fn refuse_all(&mut self) {
        self.held.drain(..).for_each(|held| held.answer.refuse(GroupError::NotCoordinator));
    }
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox").field("held", &self.held.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heartbeat() -> (Answer, oneshot::Receiver<Reply>) {
        let (to, receiver) = oneshot::channel();
        (Answer::Reply { reply: Reply::Heartbeat(Ok(())), kind: RequestKind::Heartbeat, to }, receiver)
    }

    #[test]
    fn answers_leave_in_order_once_committed() {
        let mut outbox = Outbox::default();
        let deadline = MonotonicTime::from_ms(5_000);
        let (first, mut at_first) = heartbeat();
        let (second, mut at_second) = heartbeat();
        outbox.put(first, Offset(10), Offset(9), deadline);
        outbox.put(second, Offset(10), Offset(10), deadline);
        assert!(at_first.try_recv().is_err() && at_second.try_recv().is_err());
        outbox.send_committed(Offset(10));
        assert_eq!(at_first.try_recv(), Ok(Reply::Heartbeat(Ok(()))));
        assert_eq!(at_second.try_recv(), Ok(Reply::Heartbeat(Ok(()))));
    }

    #[test]
    fn answer_that_is_never_committed_becomes_a_retriable_refusal() {
        let mut outbox = Outbox::default();
        let (answer, mut receiver) = heartbeat();
        outbox.put(answer, Offset(10), Offset(9), MonotonicTime::from_ms(5_000));
        outbox.give_up_overdue(MonotonicTime::from_ms(4_999));
        assert!(receiver.try_recv().is_err());
        outbox.give_up_overdue(MonotonicTime::from_ms(5_000));
        assert_eq!(receiver.try_recv(), Ok(Reply::Heartbeat(Err(GroupError::CoordinatorNotAvailable))));
        assert!(outbox.is_empty());
    }
}
