//! Answers that wait until what they rest on is committed.
//!
//! | the leadership in which it was given | what it rests on | the answer |
//! |---|---|---|
//! | lasts | is committed | leaves |
//! | lasts | is not, until its deadline | is refused: COORDINATOR_NOT_AVAILABLE, though it may become committed all the same |
//! | is over | may be cut off again | is refused: NOT_COORDINATOR |

use crate::errors::GroupError;
use model::{
    MonotonicTime, Offset,
    mistakes::{Mistake, is_made},
};
use std::collections::VecDeque;

/// First in, first out: an answer never rests on less than the one before it.
#[derive(Debug)]
pub struct Outbox<A> {
    held: VecDeque<Held<A>>,
}

#[derive(Debug)]
struct Held<A> {
    /// Leaves once the high watermark has reached this.
    rests_on: Offset,
    deadline: MonotonicTime,
    answer: A,
}

/// What becomes of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaving<A> {
    Answered(A),
    Refused(A, GroupError),
}

impl<A> Default for Outbox<A> {
    fn default() -> Self {
        Self { held: VecDeque::new() }
    }
}

impl<A> Outbox<A> {
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    pub fn put(&mut self, answer: A, rests_on: Offset, deadline: MonotonicTime) {
        self.held.push_back(Held { rests_on, deadline, answer });
    }

    /// The next that waits no longer; the host asks until there is none. `committed` is the high watermark of the leadership in
    /// which the answers were given, `None` once that is over.
    pub fn take_due(&mut self, committed: Option<Offset>, now: MonotonicTime) -> Option<Leaving<A>> {
        let Held { rests_on, deadline, .. } = self.held.front()?;
        let refusal = match committed {
            None => Some(GroupError::NotCoordinator),
            Some(committed) if *rests_on <= committed || is_made(Mistake::AnswerBeforeStored) => None,
            Some(_) if *deadline <= now => Some(GroupError::CoordinatorNotAvailable),
            Some(_) => return None,
        };
        let answer = self.held.pop_front()?.answer;
        Some(match refusal {
            Some(error) => Leaving::Refused(answer, error),
            None => Leaving::Answered(answer),
        })
    }

    pub fn next_deadline(&self) -> Option<MonotonicTime> {
        self.held.front().map(|held| held.deadline)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEADLINE: MonotonicTime = MonotonicTime::from_ms(5_000);
    const BEFORE: MonotonicTime = MonotonicTime::from_ms(4_999);

    fn holding(answers: &[(&'static str, i64)]) -> Outbox<&'static str> {
        let mut outbox = Outbox::default();
        answers.iter().for_each(|(answer, rests_on)| outbox.put(*answer, Offset(*rests_on), DEADLINE));
        outbox
    }

    fn due(
        outbox: &mut Outbox<&'static str>,
        committed: Option<i64>,
        now: MonotonicTime,
    ) -> Vec<Leaving<&'static str>> {
        std::iter::from_fn(|| outbox.take_due(committed.map(Offset), now)).collect()
    }

    #[test]
    fn answers_leave_in_order_once_committed() {
        let mut outbox = holding(&[("first", 10), ("second", 10), ("third", 11)]);
        assert_eq!(due(&mut outbox, Some(9), BEFORE), []);
        assert_eq!(due(&mut outbox, Some(10), BEFORE), [Leaving::Answered("first"), Leaving::Answered("second")]);
        assert!(!outbox.is_empty());
        assert_eq!(due(&mut outbox, Some(11), BEFORE), [Leaving::Answered("third")]);
        assert!(outbox.is_empty());
    }

    #[test]
    fn answer_that_is_never_committed_becomes_a_retriable_refusal() {
        let mut outbox = holding(&[("late", 10)]);
        assert_eq!(outbox.next_deadline(), Some(DEADLINE));
        assert_eq!(due(&mut outbox, Some(9), BEFORE), []);
        let refused = Leaving::Refused("late", GroupError::CoordinatorNotAvailable);
        assert_eq!(due(&mut outbox, Some(9), DEADLINE), [refused]);
    }

    #[test]
    fn nothing_is_answered_after_the_end_of_the_leadership() {
        let mut outbox = holding(&[("committed", 9), ("not yet", 10)]);
        let refused = |answer| Leaving::Refused(answer, GroupError::NotCoordinator);
        assert_eq!(due(&mut outbox, None, BEFORE), [refused("committed"), refused("not yet")]);
    }
}
