//! Many topics that are made at once are made together. Each commit writes an object of Kubernetes that is larger than a topic,
//! and what comes while one is on its way goes into the next one. Resources that are applied one after the other come just too
//! slowly for that: so while there are many each waits for the next beat, and all of them ask the controller in that moment.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::time::{Instant, sleep_until};

/// Of a bound of half a second from a resource to its topic.
const BEAT: Duration = Duration::from_millis(100);

/// So many changes within a beat are many. A person who applies a few waits for nothing.
const MANY: usize = 4;

#[derive(Debug)]
pub(super) struct Pace {
    started: Instant,
    recent: Mutex<Recent>,
}

#[derive(Debug, Default)]
struct Recent {
    beat: u32,
    now: usize,
    before: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Self { started: Instant::now(), recent: Mutex::default() }
    }
}

impl Pace {
    /// Returns at once while there is little to do, else with the next beat.
    pub(super) async fn keep(&self) {
        if let Some(beat) = self.next_beat(Instant::now()) {
            sleep_until(beat).await;
        }
    }

    fn next_beat(&self, now: Instant) -> Option<Instant> {
        let beat = now.duration_since(self.started).as_millis() / BEAT.as_millis();
        // 13 years of beats.
        let beat = u32::try_from(beat).unwrap_or(u32::MAX);
        let many = self.recent.lock().unwrap_or_else(PoisonError::into_inner).count(beat) >= MANY;
        many.then(|| self.started + BEAT * beat.saturating_add(1))
    }
}

impl Recent {
    /// Counts one more, and says how many there were in this beat or the one before.
    fn count(&mut self, beat: u32) -> usize {
        if beat != self.beat {
            self.before = if beat == self.beat.saturating_add(1) { self.now } else { 0 };
            (self.beat, self.now) = (beat, 0);
        }
        self.now += 1;
        self.now.max(self.before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::future::join_all;
    use std::collections::BTreeSet;

    /// When changes that come at these milliseconds are asked for.
    async fn asked(pace: &Pace, at: impl IntoIterator<Item = u64>) -> Vec<u64> {
        let start = pace.started;
        let one = |at: u64| async move {
            sleep_until(start + Duration::from_millis(at)).await;
            pace.keep().await;
            u64::try_from(start.elapsed().as_millis()).unwrap()
        };
        join_all(at.into_iter().map(one)).await
    }

    #[tokio::test(start_paused = true)]
    async fn few_changes_wait_for_nothing() {
        assert_eq!(asked(&Pace::default(), [5, 6, 7, 150, 290]).await, [5, 6, 7, 150, 290]);
    }

    #[tokio::test(start_paused = true)]
    async fn many_changes_are_asked_for_together() {
        // Fifty a second, one after the other.
        let asked = asked(&Pace::default(), (0..100).map(|number| number * 20)).await;
        let moments: BTreeSet<_> = asked.iter().collect();
        assert!(moments.len() <= 25, "{moments:?}");
        assert!(asked.iter().zip(0..).all(|(asked, number)| *asked <= number * 20 + 100), "{asked:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_after_a_pause_is_few_again() {
        assert_eq!(asked(&Pace::default(), [1, 2, 3, 4, 5, 500]).await, [1, 2, 3, 100, 100, 500]);
    }
}
