//! Which of several operators is at work. A Lease says who probably is: nothing rests on it but that two do not get into
//! each other's way. What one decides is fenced by the store and by controller epochs.
//!
//! | this operator | sees | does |
//! |---|---|---|
//! | waits | no lease, one that was released (its watch tells), or one unchanged for its duration | takes it |
//! | waits | one that was renewed, or deleted under its holder, who may live | waits on |
//! | holds | its own, or none: somebody deleted it | renews it, makes it again |
//! | holds | another's | ends |
//! | holds | could not renew for [`Timing::deadline`] | ends |
//!
//! Time is monotonic and the operator's own: of another's clock only that its stamp changed counts.

mod keeper;

pub use keeper::{LeaseKeeper, Lost};

use model::MonotonicTime;
use std::time::Duration;

/// How long a lease lasts, and when it is renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// Another one takes over when nothing was renewed for this long.
    pub duration: Duration,
    /// The holder gives up when it could not renew for this long: before another one takes over.
    pub deadline: Duration,
    pub renewal: Duration,
}

/// Two renewals at an API server that takes two seconds for each have to fit into the deadline: it is counted from when the one before
/// was sent.
impl Default for Timing {
    fn default() -> Self {
        Self {
            duration: Duration::from_secs(5),
            deadline: Duration::from_millis(4500),
            renewal: Duration::from_secs(1),
        }
    }
}

/// A lease as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Empty where it was released.
    pub holder: String,
    /// Another one after every renewal; empty once it was deleted.
    pub revision: String,
}

impl Seen {
    /// Whether it is worth a look before the next one is due: a holder that lives renews it every second.
    pub fn is_free(&self) -> bool {
        self.holder.is_empty()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Write oneself into it; `None`: make it.
    Take {
        replaces: Option<String>,
    },
    /// As the holder.
    Renew,
    Wait,
    /// Somebody else holds it.
    End,
}

/// What one operator knows of the lease.
#[derive(Debug)]
pub struct Candidate {
    identity: String,
    timing: Timing,
    holds: bool,
    /// The lease as it was seen last, and when it was first seen so.
    unchanged: Option<(Seen, MonotonicTime)>,
    renewed_at: MonotonicTime,
}

impl Candidate {
    pub fn new(identity: String, timing: Timing) -> Self {
        Self { identity, timing, holds: false, unchanged: None, renewed_at: MonotonicTime::ZERO }
    }

    pub fn holds(&self) -> bool {
        self.holds
    }

    /// What to do about the lease as it was read `now`.
    pub fn decide(&mut self, seen: Option<Seen>, now: MonotonicTime) -> Step {
        let before = self.unchanged.as_ref().map(|(before, _)| before);
        let seen = match (seen, before) {
            (Some(seen), _) => seen,
            (None, Some(before)) if !self.holds => Seen { revision: String::new(), ..before.clone() },
            (None, _) => return Step::Take { replaces: None },
        };
        let since = match self.unchanged.take() {
            Some((before, since)) if before == seen => since,
            _ => now,
        };
        self.unchanged = Some((seen.clone(), since));
        let is_free = seen.is_free();
        let replaces = (!seen.revision.is_empty()).then_some(seen.revision);
        match (self.holds, seen.holder == self.identity) {
            (true, true) => Step::Renew,
            (true, false) => Step::End,
            // A process of this name was here before: it is this one's to go on with.
            (false, true) => Step::Take { replaces },
            (false, false) if is_free || now.since(since) >= self.timing.duration => Step::Take { replaces },
            (false, false) => Step::Wait,
        }
    }

    /// The write that a step asked for succeeded; it began at `began`.
    pub fn written(&mut self, began: MonotonicTime) {
        (self.holds, self.renewed_at) = (true, began);
    }

    /// When the holder ends unless it renewed meanwhile.
    pub fn ends_at(&self) -> Option<MonotonicTime> {
        self.holds.then(|| self.renewed_at + self.timing.deadline)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: u64) -> MonotonicTime {
        MonotonicTime::from_start(Duration::from_millis(milliseconds))
    }

    fn lease(holder: &str, revision: &str) -> Option<Seen> {
        Some(Seen { holder: holder.to_owned(), revision: revision.to_owned() })
    }

    fn candidate() -> Candidate {
        Candidate::new("a".to_owned(), Timing::default())
    }

    fn take(replaces: &str) -> Step {
        Step::Take { replaces: Some(replaces.to_owned()) }
    }

    #[test]
    fn lease_that_nobody_holds_is_taken() {
        assert_eq!(candidate().decide(None, at(0)), Step::Take { replaces: None });
        assert_eq!(candidate().decide(lease("", "7"), at(0)), take("7"));
    }

    #[test]
    fn lease_of_another_is_taken_once_it_is_unchanged_for_its_duration() {
        let mut waiting = candidate();
        assert_eq!(waiting.decide(lease("b", "1"), at(100_000)), Step::Wait);
        assert_eq!(waiting.decide(lease("b", "1"), at(104_999)), Step::Wait);
        assert_eq!(waiting.decide(lease("b", "2"), at(105_000)), Step::Wait, "renewed");
        assert_eq!(waiting.decide(lease("b", "2"), at(109_999)), Step::Wait);
        assert_eq!(waiting.decide(lease("b", "2"), at(110_000)), take("2"));
    }

    #[test]
    fn lease_that_was_deleted_is_its_holders_for_as_long_as_one_that_is_not_renewed() {
        let mut waiting = candidate();
        assert_eq!(waiting.decide(lease("b", "1"), at(0)), Step::Wait);
        assert_eq!(waiting.decide(None, at(900)), Step::Wait, "it may have been renewed just before");
        assert_eq!(waiting.decide(None, at(5899)), Step::Wait);
        assert_eq!(waiting.decide(None, at(5900)), Step::Take { replaces: None });

        let mut waiting = candidate();
        waiting.decide(lease("b", "1"), at(0));
        waiting.decide(None, at(1000));
        assert_eq!(waiting.decide(lease("b", "2"), at(2000)), Step::Wait, "its holder made it again");
        assert_eq!(waiting.decide(lease("b", "2"), at(6999)), Step::Wait);
        assert_eq!(waiting.decide(lease("b", "2"), at(7000)), take("2"));

        let mut waiting = candidate();
        waiting.decide(lease("", "1"), at(0));
        assert_eq!(waiting.decide(None, at(1000)), Step::Take { replaces: None }, "nobody held it");
    }

    #[test]
    fn holder_makes_a_lease_again_that_was_deleted() {
        let mut holding = candidate();
        holding.decide(lease("", "1"), at(0));
        holding.written(at(0));
        assert_eq!(holding.decide(None, at(1000)), Step::Take { replaces: None });
    }

    #[test]
    fn holder_renews_and_ends_before_another_may_take_over() {
        let mut holding = candidate();
        holding.decide(None, at(0));
        assert_eq!(holding.ends_at(), None);
        holding.written(at(0));
        assert_eq!(holding.decide(lease("a", "1"), at(1000)), Step::Renew);
        // The write began when it was sent: another one counts from when it arrived, which is later.
        holding.written(at(1000));
        assert_eq!(holding.ends_at(), Some(at(5500)));
    }

    #[test]
    fn holder_that_finds_another_in_its_place_ends() {
        let mut holding = candidate();
        holding.written(at(0));
        assert_eq!(holding.decide(lease("b", "9"), at(1000)), Step::End);
    }
}
