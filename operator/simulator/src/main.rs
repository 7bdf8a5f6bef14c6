//! `operator-simulator [SEEDS [FIRST]]`: many runs, and the story of the first that breaks a promise.

use operator_simulator::cluster_run::run;
use std::{
    env,
    io::{self, Write},
    process::ExitCode,
};

fn main() -> ExitCode {
    let numbers: Vec<u64> = env::args().skip(1).map_while(|word| word.parse().ok()).collect();
    let (seeds, first) = (numbers.first().copied().unwrap_or(1000), numbers.get(1).copied().unwrap_or(0));
    let mut out = io::stdout();
    let (mut restarts, mut writes, mut faults, mut volumes) = (0, 0, 0, 0);
    for seed in first..first + seeds {
        // Every second one with resources of topics.
        let one = run(seed, seed % 2 == 0);
        (restarts, writes) = (restarts + one.restarts, writes + one.writes);
        (faults, volumes) = (faults + one.faults, volumes + one.volumes);
        if let Some(broken) = one.broken {
            for line in one.story {
                say(&mut out, &line);
            }
            say(&mut out, &format!("seed {seed}: {broken}"));
            return ExitCode::FAILURE;
        }
    }
    say(
        &mut out,
        &format!(
            "{seeds} seeds: {restarts} restarts by rolls, {writes} writes, {volumes} volumes deleted, {faults} faults"
        ),
    );
    ExitCode::SUCCESS
}

/// Nobody is left to be told when the output is closed.
fn say(out: &mut impl Write, line: &str) {
    let _ = writeln!(out, "{line}");
}
