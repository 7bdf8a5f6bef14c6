//! How many resources of a cluster may go with their topics in a while. A mistake of many at once is more likely than the
//! wish.
//!
//! ```text
//! go, if   g + r ≤ max(5, (g + r + left) / 10)
//!
//! g those that go now      r those that went within the last minute      left resources of the cluster that are left
//! ```

use std::{collections::VecDeque, time::Duration};
use tokio::time::Instant;

/// Deletions of this time count together, so that a script that deletes one after the other is stopped, too.
pub(super) const WINDOW: Duration = Duration::from_secs(60);

/// Of one cluster.
#[derive(Debug, Default)]
pub(super) struct Guard {
    /// When topics went, and how many.
    went: VecDeque<(Instant, usize)>,
}

impl Guard {
    /// Whether `going` resources may take their topics along. Those that may count as gone.
    pub(super) fn lets_go(&mut self, going: usize, left: usize, now: Instant) -> Result<(), String> {
        while self.went.front().is_some_and(|(at, _)| now.duration_since(*at) >= WINDOW) {
            self.went.pop_front();
        }
        let before: usize = self.went.iter().map(|(_, count)| count).sum();
        let all = going + before;
        let most = ((all + left) / 10).max(5);
        if all > most {
            return Err(format!("{all} of {} Topic resources were deleted within a minute, {most} may be", all + left));
        }
        self.went.push_back((now, going));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_may_go_at_once_and_a_tenth_of_many() {
        let now = Instant::now();
        for (going, left, may) in
            [(5, 0, true), (6, 0, false), (5, 54, true), (6, 48, false), (20, 180, true), (21, 179, false)]
        {
            assert_eq!(Guard::default().lets_go(going, left, now).is_ok(), may, "{going} of {}", going + left);
        }
    }

    #[test]
    fn one_after_the_other_are_many_too_and_a_minute_later_they_are_not() {
        let (mut guard, start) = (Guard::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        for (second, left) in (0..5).zip((5..10).rev()) {
            assert!(guard.lets_go(1, left, at(second)).is_ok());
        }
        let refusal = guard.lets_go(1, 4, at(5)).unwrap_err();
        assert_eq!(refusal, "6 of 10 Topic resources were deleted within a minute, 5 may be");
        assert!(guard.lets_go(1, 4, at(60)).is_ok(), "the first of them was a minute ago");
    }
}
