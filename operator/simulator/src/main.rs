//! `operator-simulator [SEEDS [FIRST]]`: many runs, and the story of the first that breaks a promise.

use operator_simulator::cluster_run::{Outcome, run};
use std::{
    env,
    io::{self, Write},
    process::ExitCode,
};

fn main() -> ExitCode {
    let numbers: Vec<u64> = env::args().skip(1).map_while(|word| word.parse().ok()).collect();
    let (seeds, first) = (numbers.first().copied().unwrap_or(1000), numbers.get(1).copied().unwrap_or(0));
    let mut out = io::stdout();
    let (mut restarts, mut writes, mut faults) = (0, 0, 0);
    for seed in first..first + seeds {
        let Outcome { restarts: more_restarts, writes: more_writes, faults: more_faults, broken, story } = run(seed);
        (restarts, writes, faults) = (restarts + more_restarts, writes + more_writes, faults + more_faults);
        if let Some(broken) = broken {
            for line in story {
                say(&mut out, &line);
            }
            say(&mut out, &format!("seed {seed}: {broken}"));
            return ExitCode::FAILURE;
        }
    }
    say(&mut out, &format!("{seeds} seeds: {restarts} restarts by rolls, {writes} writes, {faults} faults"));
    ExitCode::SUCCESS
}

/// Nobody is left to be told when the output is closed.
fn say(out: &mut impl Write, line: &str) {
    let _ = writeln!(out, "{line}");
}
