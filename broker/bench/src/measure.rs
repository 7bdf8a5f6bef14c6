//! One window of time over a running load.

use crate::{
    load::{Load, Progress},
    machine::Work,
    process::CpuTime,
};
use anyhow::{Result, bail, ensure};
use std::{
    thread,
    time::{Duration, Instant},
};

/// How often the window looks whether it is over.
const LOOK: Duration = Duration::from_millis(10);

/// How long a load is looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    /// Before it counts: connections open, code and files become warm.
    pub(crate) warm: Duration,
    pub(crate) length: Duration,
    /// Ends the window early, so that what a pass writes stays in the page cache.
    pub(crate) most_bytes: u64,
}

/// What happened in a window.
#[derive(Debug, Clone)]
pub(crate) struct Observed {
    pub(crate) time: Duration,
    pub(crate) progress: Vec<Progress>,
    /// Of the system, where its process is known.
    pub(crate) cpu: Option<Duration>,
    /// CPUs that others kept busy.
    pub(crate) others: f64,
}

impl Observed {
    pub(crate) fn total(&self) -> Progress {
        self.progress.iter().fold(Progress::default(), |sum, one| Progress {
            answers: sum.answers + one.answers,
            records: sum.records + one.records,
            bytes: sum.bytes + one.bytes,
        })
    }

    pub(crate) fn per_second(&self, count: u64) -> f64 {
        count as f64 / self.time.as_secs_f64()
    }

    /// Microseconds of the system's CPU for each of `count`.
    pub(crate) fn cpu_us_per(&self, count: u64) -> Option<f64> {
        (count > 0).then(|| self.cpu.map(|cpu| cpu.as_secs_f64() * 1e6 / count as f64))?
    }
}

/// Watches `loads` for a window; `system` are the processes that are measured, none where they are not known, `pids` all
/// of this run.
pub(crate) fn observe(loads: &[&Load], system: &[u32], pids: &[u32], window: Window) -> Result<Observed> {
    let warm_until = Instant::now() + window.warm;
    while Instant::now() < warm_until {
        thread::sleep(LOOK.min(warm_until.saturating_duration_since(Instant::now())));
        ensure!(loads.iter().all(|load| load.runs()), "a load ended while it warmed up");
    }
    let cpu = || system.iter().map(|pid| CpuTime::of(*pid)).collect::<Result<Vec<_>>>();
    let progress = || loads.iter().map(|load| load.progress()).collect::<Vec<_>>();
    let work = Work::now(pids)?;
    loads.iter().for_each(|load| load.record(true));
    let (began, cpu_before, before) = (Instant::now(), cpu()?, progress());
    loop {
        let left = window.length.saturating_sub(began.elapsed());
        let bytes: u64 = progress().iter().zip(&before).map(|(now, before)| now.bytes - before.bytes).sum();
        if left.is_zero() || bytes >= window.most_bytes {
            break;
        }
        thread::sleep(LOOK.min(left));
        if !loads.iter().all(|load| load.runs()) {
            bail!("a load ended before its time");
        }
    }
    let (time, cpu_after, after) = (began.elapsed(), cpu()?, progress());
    loads.iter().for_each(|load| load.record(false));
    let difference = after.iter().zip(&before).map(|(after, before)| Progress {
        answers: after.answers - before.answers,
        records: after.records - before.records,
        bytes: after.bytes - before.bytes,
    });
    Ok(Observed {
        time,
        progress: difference.collect(),
        cpu: (!system.is_empty())
            .then(|| cpu_after.iter().zip(&cpu_before).map(|(after, before)| after.since(before)).sum()),
        others: Work::now(pids)?.of_others_since(&work),
    })
}
