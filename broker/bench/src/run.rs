//! One run: all systems side by side, each case over one after the other, passes with alternating order, the first pass
//! dropped, passes in which others were busy repeated.

use crate::{
    arguments::Place,
    figures::{Figures, Sample},
    measure::Window,
    rows::{Case, Subject},
    systems::{Kind, Program, Server},
};
use anyhow::{Context, Result};
use std::{
    cell::{Cell, RefCell},
    fs,
    io::Write,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

/// Tries of a pass until the least disturbed one counts.
const TRIES: usize = 3;
/// Ports from one system to the next; Kafka's controller is far above them.
const PORTS: u16 = 10;

/// What runs during a whole run.
pub(crate) struct Bench {
    subjects: Vec<Subject>,
    /// Kept for their end; the systems go down with the run.
    servers: Vec<Server>,
    data: PathBuf,
    quiet: f64,
}

/// A broker that somebody else runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Foreign {
    pub(crate) address: SocketAddr,
    pub(crate) pid: Option<u32>,
}

impl Bench {
    pub(crate) fn start(programs: &[Program], foreign: Option<Foreign>, place: &Place, window: Window) -> Result<Self> {
        let data = place.output.join("data");
        if data.exists() {
            fs::remove_dir_all(&data).context("remove the data of an earlier run")?;
        }
        fs::create_dir_all(&data).context("create the data folder")?;
        let data = data.canonicalize()?;
        let address = |n: usize| -> SocketAddr { (Ipv4Addr::LOCALHOST, place.port + PORTS * n as u16).into() };
        let (mut subjects, mut servers) = (Vec::new(), Vec::new());
        let subject = |n: usize, kind: Kind, address: SocketAddr, pid, program: Option<Program>| Subject {
            kind,
            address,
            pid,
            pids: Vec::new(),
            folder: program.is_some().then(|| data.join(kind.label())),
            program,
            spare_address: (Ipv4Addr::LOCALHOST, place.port + PORTS * n as u16 + 1).into(),
            spare_folder: data.join(format!("{}-spare", kind.label())),
            window,
            first: Cell::new(false),
            topics_made: Cell::new(0),
            kept: RefCell::new(None),
        };
        if let Some(foreign) = foreign {
            subjects.push(subject(0, Kind::Ours, foreign.address, foreign.pid, None));
        }
        for program in programs {
            let n = subjects.len();
            let server = Server::start(program, address(n), &data.join(program.kind().label()))?;
            subjects.push(subject(n, program.kind(), address(n), Some(server.pid()), Some(program.clone())));
            servers.push(server);
        }
        let pids: Vec<_> = subjects.iter().filter_map(|s| s.pid).chain([std::process::id()]).collect();
        subjects.iter_mut().for_each(|subject| subject.pids.clone_from(&pids));
        Ok(Self { subjects, servers, data, quiet: place.quiet })
    }

    /// Adds the samples that count, of one case after the other: after an error those of the cases before are there.
    pub(crate) fn run(&self, cases: &[Case], passes: usize, samples: &mut Vec<Sample>) -> Result<()> {
        for (number, case) in cases.iter().enumerate() {
            say(&format!("[{}/{}] {}: {}", number + 1, cases.len(), case.name, case.about));
            samples.extend(self.passes(case, passes)?);
        }
        Ok(())
    }

    fn passes(&self, case: &Case, passes: usize) -> Result<Vec<Sample>> {
        let mut samples = Vec::new();
        for pass in 0..=passes {
            let mut order: Vec<_> = self.subjects.iter().filter(|s| case.on.contains(&s.kind)).collect();
            if pass % 2 == 1 {
                order.reverse();
            }
            for subject in order {
                let sample = self.pass(case, subject, pass)?;
                // The first one meets memory that the host has not handed out yet and code that is cold.
                if pass > 0 {
                    samples.push(sample);
                }
            }
        }
        self.subjects.iter().for_each(|subject| drop(subject.kept.take()));
        Ok(samples)
    }

    fn pass(&self, case: &Case, subject: &Subject, pass: usize) -> Result<Sample> {
        subject.first.set(pass == 0);
        let measure = || (case.run)(subject).with_context(|| format!("{} of {}", case.name, subject.kind.label()));
        let tries = if pass == 0 { 1 } else { TRIES };
        let mut best = measure()?;
        for _ in 1..tries {
            if best.others <= self.quiet {
                break;
            }
            let again = measure()?;
            if again.others < best.others {
                best = again;
            }
        }
        let disturbed = best.others > self.quiet;
        say(&line(subject.kind, pass, &best, disturbed));
        Ok(Sample { case: case.name.clone(), kind: subject.kind, pass, figures: best, disturbed })
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // Gigabytes that nobody looks at; logs go with them only where the run ended well.
        if !std::thread::panicking() {
            self.servers.clear();
            let _ = fs::remove_dir_all(&self.data);
        }
    }
}

fn line(kind: Kind, pass: usize, figures: &Figures, disturbed: bool) -> String {
    let which = if pass == 0 { "first, dropped".to_owned() } else { format!("pass {pass}") };
    let values = figures.values.iter().map(|(m, value)| format!("{} {value:.*} {}", m.name, m.digits, m.unit));
    let values = values.collect::<Vec<_>>().join(", ");
    let busy = if disturbed { format!("  (others on {:.1} CPUs)", figures.others) } else { String::new() };
    format!("  {which:<14} {:<5} {values}{busy}", kind.label())
}

/// Progress goes where results do not.
pub(crate) fn say(text: &str) {
    // Nobody may be listening.
    let _ = writeln!(std::io::stderr(), "{text}");
}

#[cfg(test)]
mod tests;
