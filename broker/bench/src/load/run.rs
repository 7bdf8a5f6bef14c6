//! The loop of a load.

use super::{HEED, Pace, Plan, Shared, connection::Connection, pace::Schedule};
use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use mio::{Events, Interest, Poll, Token, unix::SourceFd};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use std::{
    os::fd::{AsRawFd, OwnedFd},
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

const TIMER: Token = Token(usize::MAX);

pub(super) struct Run {
    poll: Poll,
    connections: Vec<Connection>,
    shared: Arc<Shared>,
    pace: Pace,
    epoch: Instant,
    /// Milliseconds of the poll are too coarse for a schedule.
    timer: OwnedFd,
    latency: Option<Histogram<u64>>,
}

impl Run {
    pub(super) fn connect(plan: Plan, shared: Arc<Shared>) -> Result<Self> {
        let poll = Poll::new()?;
        let mut connections = Vec::with_capacity(plan.dialogues.len());
        for (index, dialogue) in plan.dialogues.into_iter().enumerate() {
            let mut connection = Connection::open(plan.address, dialogue, plan.depth)?;
            let interest = Interest::READABLE | Interest::WRITABLE;
            poll.registry().register(&mut connection.stream, Token(index), interest)?;
            connections.push(connection);
        }
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK).context("make a timer")?;
        poll.registry().register(&mut SourceFd(&timer.as_raw_fd()), TIMER, Interest::READABLE)?;
        let latency = plan.latency.then(super::histogram);
        Ok(Self { poll, connections, shared, pace: plan.pace, epoch: plan.epoch, timer, latency })
    }

    pub(super) fn until_stopped(mut self) -> Result<()> {
        let epoch = self.epoch;
        let clock = || u64::try_from(epoch.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let mut schedule = match self.pace {
            Pace::Closed => None,
            Pace::Open { per_second, first_ns } => Some((Schedule::new(per_second, first_ns), 0)),
        };
        let mut events = Events::with_capacity(1024);
        for connection in &mut self.connections {
            refill(connection, self.pace, clock())?;
        }
        while !self.shared.stop.load(Ordering::Relaxed) {
            if let Some((schedule, next)) = &mut schedule {
                self.send_due(schedule, next, clock())?;
            }
            if let Err(error) = self.poll.poll(&mut events, Some(HEED))
                && error.kind() != std::io::ErrorKind::Interrupted
            {
                return Err(error).context("wait for answers");
            }
            for event in &events {
                let Some(connection) = self.connections.get_mut(event.token().0) else { continue };
                if event.is_readable() {
                    self.shared.take(connection, clock, &mut self.latency)?;
                }
                refill(connection, self.pace, clock())?;
            }
        }
        if let Some(latency) = self.latency {
            *self.shared.latency.lock() = latency;
        }
        Ok(())
    }

    fn send_due(&mut self, schedule: &mut Schedule, next: &mut usize, now: u64) -> Result<()> {
        let connections = self.connections.len();
        while let Some(due) = schedule.due(now) {
            let connection = &mut self.connections[*next];
            *next = (*next + 1) % connections;
            connection.waiting.push_back(due);
            connection.send()?;
        }
        // Zero would switch the timer off.
        let wait = schedule.next().saturating_sub(now).max(1);
        let seconds = i64::try_from(wait / 1_000_000_000).unwrap_or(i64::MAX);
        let it_value = Timespec { tv_sec: seconds, tv_nsec: (wait % 1_000_000_000) as i64 };
        let it_interval = Timespec { tv_sec: 0, tv_nsec: 0 };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &Itimerspec { it_interval, it_value })
            .context("set the timer")?;
        Ok(())
    }
}

impl Shared {
    fn take(
        &self,
        connection: &mut Connection,
        clock: impl Fn() -> u64,
        latency: &mut Option<Histogram<u64>>,
    ) -> Result<()> {
        let recording = self.recording.load(Ordering::Relaxed);
        let (mut answers, mut records, mut bytes) = (0, 0, 0);
        connection.receive(clock, |answer, now| {
            answers += 1;
            records += answer.count.records;
            bytes += answer.count.bytes;
            if let (true, Some(latency)) = (recording, latency.as_mut()) {
                let took = answer.count.latency.unwrap_or_else(|| now.saturating_sub(answer.due));
                latency.saturating_record(took);
            }
        })?;
        self.answers.fetch_add(answers, Ordering::Relaxed);
        self.records.fetch_add(records, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    }
}

fn refill(connection: &mut Connection, pace: Pace, now: u64) -> Result<()> {
    if pace == Pace::Closed {
        let missing = connection.room().saturating_sub(connection.waiting.len());
        connection.waiting.extend(std::iter::repeat_n(now, missing));
    }
    connection.send()
}
