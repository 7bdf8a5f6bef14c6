//! When a connection has waited long enough. One timer per connection, moved only when it has to fire earlier.

use super::{super::PARKED_GRACE, End};
use crate::config::NetworkConfig;
use std::{
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    task::coop::unconstrained,
    time::{Instant, Sleep, sleep_until},
};

/// While memory for large frames is scarce, a frame must come at this rate after a first grace period: a client that
/// holds memory without filling it would stop all others.
const SLOWEST_BYTES_PER_SECOND: u64 = 64 << 10;
const SLOWEST_GRACE: Duration = Duration::from_secs(10);
/// Memory may become scarce while a client that holds a frame is silent, so such a connection looks again this often.
const SCARCITY_CHECK: Duration = Duration::from_secs(1);
/// Stands for "never".
const FAR: Duration = Duration::from_secs(86_400);

pub(super) struct Timing {
    max_idle: Option<Duration>,
    /// A frame once begun has to go on: a client that gives up on requests after `request.timeout.ms` is gone by then.
    stall_limit: Duration,
    last_activity: Instant,
    /// Nothing was worked on since `last_activity`.
    is_current: bool,
    frame_began: Instant,
    stop_at: Option<Instant>,
    timer: Pin<Box<Sleep>>,
    is_armed: bool,
}

/// What the connection is doing, as far as the clock cares.
pub(super) struct State {
    /// Requests are in progress, or wait for memory: however long that takes is not the client's doing.
    pub(super) is_busy: bool,
    pub(super) is_parked: bool,
    pub(super) is_inside_frame: bool,
    /// A frame that came in part holds memory of its own.
    pub(super) is_holding_frame: bool,
    /// The length of a frame that holds memory others wait for.
    pub(super) contended_frame: Option<usize>,
}

impl Timing {
    pub(super) fn new(network: &NetworkConfig) -> Self {
        let now = Instant::now();
        let max_idle = network.max_idle_ms.map(|ms| Duration::from_millis(ms).min(FAR));
        Self {
            max_idle,
            stall_limit: Duration::from_millis(network.request_timeout_ms.into()),
            last_activity: now,
            is_current: false,
            frame_began: now,
            stop_at: None,
            timer: Box::pin(sleep_until(now + max_idle.unwrap_or(FAR))),
            is_armed: false,
        }
    }

    /// The task has its turn: an unknown time has passed.
    pub(super) fn wakes(&mut self) {
        self.is_current = false;
    }

    /// Bytes moved.
    pub(super) fn active(&mut self) {
        self.last_activity = Instant::now();
        self.is_current = true;
    }

    /// A request begins; returns when. The first one after a read began with it: reading the clock costs what a hundred
    /// instructions do.
    pub(super) fn request_begins(&mut self) -> Instant {
        if !std::mem::take(&mut self.is_current) {
            self.last_activity = Instant::now();
        }
        self.last_activity
    }

    pub(super) fn last_activity(&self) -> Instant {
        self.last_activity
    }

    pub(super) fn frame_begins(&mut self) {
        self.frame_began = Instant::now();
    }

    pub(super) fn server_stops(&mut self) {
        self.stop_at = Some(Instant::now() + PARKED_GRACE);
    }

    pub(super) fn poll(&mut self, state: &State, context: &mut Context<'_>) -> Result<(), End> {
        let Some((deadline, end)) = self.deadline(state) else { return Ok(()) };
        let wake = if state.is_holding_frame { deadline.min(Instant::now() + SCARCITY_CHECK) } else { deadline };
        if wake < self.timer.deadline() {
            self.timer.as_mut().reset(wake);
            self.is_armed = false;
        }
        while !self.is_armed || self.timer.is_elapsed() {
            self.is_armed = true;
            if self.poll_timer(context).is_pending() {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(end);
            }
            self.timer.as_mut().reset(wake);
            self.is_armed = false;
        }
        Ok(())
    }

    /// Outside the task's budget of operations: a connection that has spent it must still learn that its time is up, and
    /// that the timer is set.
    fn poll_timer(&mut self, context: &mut Context<'_>) -> Poll<()> {
        pin!(unconstrained(self.timer.as_mut())).poll(context)
    }

    /// `None` while nothing has to end. A timer that was set before then fires for nothing.
    fn deadline(&self, state: &State) -> Option<(Instant, End)> {
        if let Some(stop_at) = self.stop_at
            && state.is_parked
        {
            return Some((stop_at, End::Stopped));
        }
        if state.is_busy {
            return None;
        }
        if state.is_inside_frame {
            let stalled = self.last_activity + self.stall_limit;
            let too_slow = state.contended_frame.map(|length| {
                self.frame_began + SLOWEST_GRACE + Duration::from_secs(length as u64 / SLOWEST_BYTES_PER_SECOND)
            });
            return Some((too_slow.map_or(stalled, |limit| limit.min(stalled)), End::Stalled));
        }
        self.max_idle.map(|idle| (self.last_activity + idle, End::Idle))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::BrokerConfig;
    use std::{future::poll_fn, path::Path, sync::mpsc, thread};
    use tokio::task::coop::{consume_budget, has_budget_remaining};

    const IDLE: State = State {
        is_busy: false,
        is_parked: false,
        is_inside_frame: false,
        is_holding_frame: false,
        contended_frame: None,
    };

    /// As on a pass that comes after many reads in one turn.
    async fn poll_without_budget(timing: &mut Timing) -> Result<(), End> {
        poll_fn(|context| {
            while has_budget_remaining() {
                let _ = pin!(consume_budget()).poll(context);
            }
            Poll::Ready(timing.poll(&IDLE, context))
        })
        .await
    }

    /// On a thread of its own, because a loop that never ends cannot be stopped from inside.
    fn in_paused_time<R: Send + 'static>(test: impl AsyncFnOnce(Timing) -> R + Send + 'static) -> R {
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
            let network = BrokerConfig::for_tests(Path::new("unused")).network;
            sender.send(runtime.unwrap().block_on(async { test(Timing::new(&network)).await })).unwrap();
        });
        receiver.recv_timeout(Duration::from_secs(60)).expect("the timer is looked at for ever")
    }

    #[test]
    fn a_busy_connection_outlives_its_first_deadline() {
        let result = in_paused_time(async |mut timing| {
            let idle = timing.max_idle.unwrap();
            poll_fn(|context| Poll::Ready(timing.poll(&IDLE, context))).await?;
            tokio::time::advance(idle / 2).await;
            timing.active();
            tokio::time::advance(idle / 2 + Duration::from_secs(1)).await;
            poll_without_budget(&mut timing).await
        });
        result.unwrap();
    }

    #[test]
    fn an_idle_connection_is_woken_to_end() {
        let (woken_after, idle) = in_paused_time(async |mut timing| {
            let start = Instant::now();
            poll_without_budget(&mut timing).await.unwrap();
            let end = poll_fn(|context| timing.poll(&IDLE, context).err().map_or(Poll::Pending, Poll::Ready)).await;
            assert!(matches!(end, End::Idle), "{end}");
            (start.elapsed(), timing.max_idle.unwrap())
        });
        assert!(woken_after >= idle && woken_after < idle + Duration::from_secs(1), "{woken_after:?}");
    }
}
