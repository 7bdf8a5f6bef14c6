//! A load tool of others, run to its end against a system.

use crate::{
    figures::{CPU_PER_RECORD, Figures, RECORDS},
    machine::Work,
    process::{CpuTime, children_time},
    rows::Subject,
};
use anyhow::{Context, Result, bail};
use std::{
    fs::{self, File},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Many times what any of them needs.
const LIMIT: Duration = Duration::from_secs(180);
const LOOK: Duration = Duration::from_millis(5);
/// Lines of its output that are shown when it failed.
const LAST_WORDS: usize = 10;

/// What was seen while it ran.
#[derive(Debug)]
pub(crate) struct Ran {
    /// What it said, errors included.
    pub(crate) output: String,
    pub(crate) succeeded: bool,
    /// Of the system, where its process is known.
    pub(crate) cpu: Option<Duration>,
    /// CPUs that others kept busy.
    pub(crate) others: f64,
}

/// Whether it did its work is for the caller to see in what it said.
pub(crate) fn run(mut command: Command, subject: &Subject) -> Result<Ran> {
    fs::create_dir_all(&subject.spare_folder).context("create a folder for the output of a client")?;
    let said = subject.spare_folder.join("client.log");
    let log = File::create(&said).context("create a file for the output of a client")?;
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    let cpu = || subject.pid.map(CpuTime::of).transpose();
    let (work, own_children, cpu_before) = (Work::now(&subject.pids)?, children_time()?, cpu()?);
    let began = Instant::now();
    let mut child = command.spawn().with_context(|| format!("start {}", command.get_program().display()))?;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if began.elapsed() > LIMIT {
            child.kill()?;
            child.wait()?;
            bail!("the client does not end, see {}", said.display());
        }
        thread::sleep(LOOK);
    };
    let (took, cpu_after) = (began.elapsed(), cpu()?);
    let others = Work::now(&subject.pids)?.of_others_since(&work);
    let own_children = children_time()?.saturating_sub(own_children);
    let output = fs::read_to_string(&said).context("read the output of a client")?;
    Ok(Ran {
        output,
        succeeded: status.success(),
        cpu: cpu_after.zip(cpu_before).map(|(after, before)| after.since(&before)),
        others: (others - own_children.div_duration_f64(took)).max(0.0),
    })
}

impl Ran {
    /// `per_second` is the rate as the tool measured it.
    pub(crate) fn figures(&self, records: u64, per_second: f64) -> Figures {
        let mut figures = Figures { others: self.others, ..Figures::default() };
        figures.add(CPU_PER_RECORD, self.cpu.map(|cpu| cpu.as_secs_f64() * 1e6 / records as f64));
        figures.add(RECORDS, per_second);
        figures
    }

    /// For a reader who wants to know why a figure is missing.
    pub(crate) fn last_words(&self) -> String {
        let lines: Vec<_> = self.output.lines().rev().take(LAST_WORDS).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}
