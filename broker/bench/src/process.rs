//! What a process costs, as the kernel accounts it.

use anyhow::{Context, Result};
use std::{collections::BTreeMap, fs, path::Path, time::Duration};

/// The kernel reports process times in hundredths of a second to programs, whatever it counts in.
const TICK: Duration = Duration::from_millis(10);

/// CPU time of a process so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CpuTime {
    /// By thread, in nanoseconds: precise, but a thread that ends takes its figure along.
    threads: BTreeMap<u32, u64>,
    /// User and system time of the whole process, ended threads included.
    process: Duration,
}

impl CpuTime {
    pub(crate) fn of(pid: u32) -> Result<Self> {
        let folder = format!("/proc/{pid}");
        let folder = Path::new(&folder);
        let mut threads = BTreeMap::new();
        for entry in fs::read_dir(folder.join("task")).with_context(|| format!("list the threads of {pid}"))? {
            let Ok(thread) = entry?.file_name().to_string_lossy().parse() else { continue };
            // A thread may end between the listing and the reading.
            if let Ok(text) = fs::read_to_string(folder.join(format!("task/{thread}/schedstat"))) {
                threads.insert(thread, first_number(&text).context("read the run time of a thread")?);
            }
        }
        let stat = fs::read_to_string(folder.join("stat")).with_context(|| format!("read the CPU time of {pid}"))?;
        Ok(Self { threads, process: process_time(&stat).context("read the CPU time of a process")? })
    }

    #[cfg(test)]
    pub(crate) fn of_one_thread(time: Duration) -> Self {
        let nanoseconds = u64::try_from(time.as_nanos()).expect("a test takes no centuries");
        Self { threads: [(1, nanoseconds)].into(), process: time }
    }

    /// All of it.
    pub(crate) fn total(&self) -> Duration {
        self.process.max(Duration::from_nanos(self.threads.values().sum()))
    }

    /// What was used since `earlier`.
    pub(crate) fn since(&self, earlier: &Self) -> Duration {
        let ended = earlier.threads.keys().any(|thread| !self.threads.contains_key(thread));
        if ended {
            return self.process.saturating_sub(earlier.process);
        }
        let used = self.threads.iter().map(|(thread, time)| time - earlier.threads.get(thread).unwrap_or(&0).min(time));
        Duration::from_nanos(used.sum())
    }
}

/// CPU time of the children of this process that have ended.
pub(crate) fn children_time() -> Result<Duration> {
    let stat = fs::read_to_string("/proc/self/stat").context("read the CPU time of children")?;
    time_at(&stat, 13).context("read the CPU time of children")
}

fn first_number(text: &str) -> Option<u64> {
    text.split_whitespace().next()?.parse().ok()
}

fn process_time(stat: &str) -> Option<Duration> {
    time_at(stat, 11)
}

/// User and system time in two fields, counted from behind the name, which may hold anything.
fn time_at(stat: &str, field: usize) -> Option<Duration> {
    let fields: Vec<_> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = fields.get(field)?.parse::<u32>().ok()? + fields.get(field + 1)?.parse::<u32>().ok()?;
    Some(TICK * ticks)
}

/// KiB of memory resident now.
pub(crate) fn resident_kib(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).with_context(|| format!("read memory of {pid}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("find the resident memory")?;
    first_number(line).context("read the resident memory")
}

/// Descriptors that are open now.
pub(crate) fn descriptors(pid: u32) -> Result<usize> {
    let folder = format!("/proc/{pid}/fd");
    Ok(fs::read_dir(folder).with_context(|| format!("list the descriptors of {pid}"))?.count())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(threads: &[(u32, u64)], process_ms: u64) -> CpuTime {
        CpuTime { threads: threads.iter().copied().collect(), process: Duration::from_millis(process_ms) }
    }

    #[test]
    fn threads_that_live_are_summed_and_new_ones_count_whole() {
        let used = time(&[(1, 700), (2, 50), (3, 9)], 0).since(&time(&[(1, 500), (2, 50)], 0));
        assert_eq!(used, Duration::from_nanos(209));
    }

    #[test]
    fn an_ended_thread_leaves_the_figure_to_the_process() {
        let used = time(&[(1, 700)], 50).since(&time(&[(1, 500), (2, 400)], 20));
        assert_eq!(used, Duration::from_millis(30));
    }

    #[test]
    fn the_name_of_a_process_may_hold_spaces_and_brackets() {
        let stat = "42 (a) b (c) S 1 1 1 0 -1 4194304 100 0 0 0 37 5 0 0 20 0 3 0 1 1 1";
        assert_eq!(process_time(stat), Some(Duration::from_millis(420)));
        assert_eq!(time_at(stat, 13), Some(Duration::ZERO));
    }

    #[test]
    fn own_time_and_memory_are_there() {
        let pid = std::process::id();
        let before = CpuTime::of(pid).unwrap();
        let mut sum = 0_u64;
        while CpuTime::of(pid).unwrap().since(&before) == Duration::ZERO {
            sum = (0..100_000).fold(sum, |sum, n| std::hint::black_box(sum ^ n));
        }
        assert!(resident_kib(pid).unwrap() > 100);
    }
}
