//! The timers of one coordinator, ordered by when they are due.

use group_coordinator::{Timer, TimerChange};
use model::MonotonicTime;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Default)]
pub(super) struct Timers {
    by_name: BTreeMap<Timer, MonotonicTime>,
    by_time: BTreeSet<(MonotonicTime, Timer)>,
}

impl Timers {
    pub(super) fn change(&mut self, change: TimerChange, now: MonotonicTime) {
        match change {
            TimerChange::Arm { timer, after } => self.arm(timer, now + after),
            TimerChange::Cancel(timer) => self.cancel(timer),
        }
    }

    pub(super) fn arm(&mut self, timer: Timer, at: MonotonicTime) {
        if let Some(before) = self.by_name.insert(timer.clone(), at) {
            let replaced = (before, timer);
            self.by_time.remove(&replaced);
            self.by_time.insert((at, replaced.1));
        } else {
            self.by_time.insert((at, timer));
        }
    }

    fn cancel(&mut self, timer: Timer) {
        if let Some(at) = self.by_name.remove(&timer) {
            self.by_time.remove(&(at, timer));
        }
    }

    pub(super) fn next(&self) -> Option<MonotonicTime> {
        self.by_time.first().map(|(at, _)| *at)
    }

    pub(super) fn take_due(&mut self, now: MonotonicTime) -> Option<Timer> {
        if self.next()? > now {
            return None;
        }
        let (_, timer) = self.by_time.pop_first()?;
        self.by_name.remove(&timer);
        Some(timer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::GroupId;
    use std::time::Duration;

    fn timer(group: &str) -> Timer {
        Timer::JoinPhase { group: GroupId::from(group) }
    }

    #[test]
    fn timers_come_when_due_and_only_once() {
        let mut timers = Timers::default();
        let at = MonotonicTime::from_ms;
        for (name, ms) in [("a", 30), ("b", 10), ("c", 20)] {
            timers.change(TimerChange::Arm { timer: timer(name), after: Duration::from_millis(ms) }, at(0));
        }
        timers.change(TimerChange::Arm { timer: timer("b"), after: Duration::from_millis(40) }, at(0));
        timers.change(TimerChange::Cancel(timer("c")), at(0));
        assert_eq!(timers.next(), Some(at(30)));
        assert_eq!(timers.take_due(at(29)), None);
        assert_eq!(timers.take_due(at(40)), Some(timer("a")));
        assert_eq!(timers.take_due(at(40)), Some(timer("b")));
        assert_eq!((timers.take_due(at(99)), timers.next()), (None, None));
    }
}
