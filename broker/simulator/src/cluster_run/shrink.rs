//! A run that breaks a promise, made smaller: the same seed with as few faults as still break one.

use super::{Setup, plan::Planned, run, trace::Detail};
use std::fmt;

/// Runs at most: each costs as long as the first one did.
const MOST_RUNS: usize = 300;

/// A broken promise, and the way to it.
#[derive(Debug)]
pub struct Report {
    pub broken: Vec<String>,
    /// The faults that are left.
    pub plan: Vec<Planned>,
    pub story: Vec<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "the story, with the faults that are left:")?;
        self.story.iter().try_for_each(|line| writeln!(f, "{line}"))?;
        writeln!(f, "the faults that are left:")?;
        self.plan.iter().try_for_each(|planned| writeln!(f, "  {planned}"))?;
        write!(f, "what is broken:\n  {}", self.broken.join("\n  "))
    }
}

/// `None`: the run breaks nothing.
pub fn shrink(setup: &Setup) -> Option<Report> {
    let with = |plan: &[Planned], detail| Setup { plan: plan.to_vec(), detail, ..setup.clone() };
    let mut plan = setup.plan.clone();
    let mut broken = run(setup.clone()).broken;
    if broken.is_empty() {
        return None;
    }
    let (mut runs, mut chunk) = (0, plan.len().div_ceil(2));
    while chunk > 0 && runs < MOST_RUNS {
        let (mut at, mut is_smaller) = (0, false);
        while at < plan.len() && runs < MOST_RUNS {
            let mut without = plan.clone();
            without.drain(at..(at + chunk).min(plan.len()));
            runs += 1;
            let outcome = run(with(&without, Detail::Nothing));
            if outcome.broken.is_empty() {
                at += chunk;
            } else {
                (plan, broken, is_smaller) = (without, outcome.broken, true);
            }
        }
        chunk = match chunk {
            1 if is_smaller => 1,
            _ => chunk / 2,
        };
    }
    let story = run(with(&plan, Detail::Story)).trace;
    Some(Report { broken, plan, story })
}
