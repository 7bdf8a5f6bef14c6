//! Where a figure was taken, and who else was busy there meanwhile.

use crate::process::CpuTime;
use anyhow::{Context, Result};
use rustix::{
    fs::{Advice, fadvise},
    net::sockopt::tcp_congestion,
};
use serde::Serialize;
use std::{
    fs,
    io::Write,
    net::{TcpListener, TcpStream},
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

const TICK: Duration = Duration::from_millis(10);

/// What a reader needs to judge the figures of a run.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Environment {
    pub(crate) kernel: String,
    pub(crate) processor: String,
    pub(crate) cpus: usize,
    pub(crate) memory_mib: u64,
    /// Of a fresh connection over loopback, at both ends.
    pub(crate) congestion_control: [String; 2],
    pub(crate) file_system: String,
    pub(crate) commit: String,
    pub(crate) load_at_start: String,
}

impl Environment {
    pub(crate) fn here(project: &Path, data: &Path) -> Result<Self> {
        let read = |path: &str| fs::read_to_string(path).with_context(|| format!("read {path}"));
        let value = |text: &str, key: &str| {
            let line = text.lines().find(|line| line.starts_with(key))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let memory = value(&read("/proc/meminfo")?, "MemTotal").unwrap_or_default();
        let memory_kib = memory.split(' ').next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0);
        Ok(Self {
            kernel: read("/proc/sys/kernel/osrelease")?.trim().to_owned(),
            processor: value(&read("/proc/cpuinfo")?, "model name").unwrap_or_else(|| "not said".into()),
            cpus: std::thread::available_parallelism()?.get(),
            memory_mib: memory_kib >> 10,
            congestion_control: congestion_control()?,
            file_system: output("df", &["--output=fstype", &data.to_string_lossy()])
                .lines()
                .last()
                .unwrap_or_default()
                .into(),
            commit: output("git", &["-C", &project.to_string_lossy(), "describe", "--always", "--dirty"]),
            load_at_start: read("/proc/loadavg")?.trim().to_owned(),
        })
    }
}

fn congestion_control() -> Result<[String; 2]> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let client = TcpStream::connect(listener.local_addr()?)?;
    let (server, _) = listener.accept()?;
    Ok([tcp_congestion(&client)?, tcp_congestion(&server)?])
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().ok().filter(|output| output.status.success());
    output.map_or_else(|| "unknown".into(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Makes the system hold `bytes` of memory that was just in use, in a file that is gone afterwards. A host hands memory
/// out lazily and takes back what is free, so that a page cache that grows may meet pages ten times as dear.
pub(crate) fn warm_memory(folder: &Path, bytes: u64) -> Result<()> {
    const PIECE: usize = 1 << 20;
    fs::create_dir_all(folder)?;
    let path = folder.join("ballast");
    let mut file = fs::File::create(&path).context("create a file to warm memory")?;
    let piece = vec![0; PIECE];
    (0..bytes / PIECE as u64).try_for_each(|_| file.write_all(&piece)).context("warm memory")?;
    fs::remove_file(path).context("remove the file that warmed memory")
}

/// Lets the page cache forget what the files of `folder` hold, once it is on the device.
pub(crate) fn forget_cached(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("list {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            forget_cached(&path)?;
            continue;
        }
        // A file may go while the folder is read.
        let Ok(file) = fs::File::open(&path) else { continue };
        file.sync_data().context("write a file back")?;
        fadvise(&file, 0, None, Advice::DontNeed).context("drop a file from the page cache")?;
    }
    Ok(())
}

/// The machine's work at one moment: all of it, and what is ours.
#[derive(Debug)]
pub(crate) struct Work {
    at: Instant,
    /// Programs inside this machine.
    programs: Duration,
    /// Taken by the host for its other guests.
    stolen: Duration,
    ours: Vec<(u32, CpuTime)>,
}

impl Work {
    /// `pids` are those of the run, this one's among them.
    pub(crate) fn now(pids: &[u32]) -> Result<Self> {
        let stat = fs::read_to_string("/proc/stat").context("read /proc/stat")?;
        let (programs, stolen) = processors(&stat).context("read /proc/stat")?;
        let ours = pids.iter().map(|pid| Ok((*pid, CpuTime::of(*pid)?))).collect::<Result<_>>()?;
        Ok(Self { at: Instant::now(), programs, stolen, ours })
    }

    /// How many CPUs others kept busy since `earlier`: other programs here and other guests of the host.
    pub(crate) fn of_others_since(&self, earlier: &Self) -> f64 {
        let ours: Duration = self
            .ours
            .iter()
            .zip(&earlier.ours)
            .filter(|((pid, _), (before, _))| pid == before)
            .map(|((_, now), (_, before))| now.since(before))
            .sum();
        let others = (self.programs - earlier.programs).saturating_sub(ours) + (self.stolen - earlier.stolen);
        others.as_secs_f64() / (self.at - earlier.at).as_secs_f64()
    }
}

/// Time in programs (user, nice, system) and time stolen, all CPUs together.
fn processors(stat: &str) -> Option<(Duration, Duration)> {
    let mut fields = stat.lines().next()?.strip_prefix("cpu ")?.split_whitespace().map(str::parse::<u32>);
    let mut next = || fields.next()?.ok();
    let programs = next()?.wrapping_add(next()?).wrapping_add(next()?);
    let (_idle, _iowait, _irq, _softirq, stolen) = (next()?, next()?, next()?, next()?, next()?);
    Some((TICK * programs, TICK * stolen))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_of_programs_and_stolen_time_are_told_apart_from_waiting() {
        let stat = "cpu  100 20 30 4000 500 6 7 80 9 10\ncpu0 1 2 3\n";
        assert_eq!(processors(stat), Some((Duration::from_millis(1_500), Duration::from_millis(800))));
    }

    #[test]
    fn own_work_is_not_that_of_others() {
        let at = Instant::now();
        let work = |seconds, programs, stolen, ours| Work {
            at: at + Duration::from_secs(seconds),
            programs: Duration::from_secs(programs),
            stolen: Duration::from_secs(stolen),
            ours: vec![(7, CpuTime::of_one_thread(Duration::from_secs(ours)))],
        };
        let others = work(10, 8, 1, 5).of_others_since(&work(0, 2, 0, 1));
        assert!((others - 0.3).abs() < 1e-9, "{others}");
    }

    #[test]
    fn the_environment_names_the_machine() {
        let here = Environment::here(Path::new("."), Path::new(".")).unwrap();
        assert!(here.cpus > 0 && here.memory_mib > 0);
        assert_eq!(here.congestion_control[0], here.congestion_control[1]);
    }
}
