//! `make simulate SEEDS=N`: many runs of the cluster, on all CPUs, with what they did so far every few seconds.

use simulator::cluster_run::{Outcome, Setup, run};
use std::{
    cell::Cell,
    env,
    io::{self, Write},
    panic,
    process::ExitCode,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

const USAGE: &str = "usage: simulator [SEEDS [FIRST]]

Runs SEEDS seeds (1000), beginning with FIRST (0), and ends with the first one that breaks a promise.
The same seed is the same run: simulator 1 SEED repeats it.
";
const PROGRESS_EVERY: Duration = Duration::from_secs(5);

#[derive(Default)]
struct Totals {
    next: AtomicU64,
    done: AtomicU64,
    happenings: AtomicU64,
    acknowledged: AtomicU64,
    offset_commits: AtomicU64,
    is_broken: AtomicBool,
    broken: Mutex<Option<(u64, Vec<String>)>>,
}

thread_local! {
    /// What this thread runs, for the words of a panic.
    static SEED: Cell<u64> = const { Cell::new(0) };
}

fn main() -> ExitCode {
    let says_where = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        say(&mut io::stderr(), &format!("seed {}:\n", SEED.get()));
        says_where(panic);
    }));
    let mut arguments = env::args().skip(1).map(|argument| argument.parse::<u64>());
    let (seeds, first) = match (arguments.next(), arguments.next(), arguments.next()) {
        (None, ..) => (1000, 0),
        (Some(Ok(seeds)), None, _) => (seeds, 0),
        (Some(Ok(seeds)), Some(Ok(first)), None) => (seeds, first),
        _ => {
            say(&mut io::stderr(), USAGE);
            return ExitCode::from(2);
        }
    };
    let totals = Totals { next: AtomicU64::new(first), ..Totals::default() };
    let began = Instant::now();
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| work(&totals, first + seeds));
        }
        let mut said = began;
        while totals.done.load(Ordering::Relaxed) < seeds && !totals.is_broken.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(50));
            if said.elapsed() >= PROGRESS_EVERY {
                said = Instant::now();
                say(&mut io::stderr(), &format!("{}\n", progress(&totals, seeds, began)));
            }
        }
    });
    say(&mut io::stdout(), &format!("{}\n", progress(&totals, seeds, began)));
    let broken = totals.broken.into_inner().unwrap_or_default();
    match broken {
        None => ExitCode::SUCCESS,
        Some((seed, broken)) => {
            say(&mut io::stderr(), &format!("seed {seed}:\n  {}\n", broken.join("\n  ")));
            ExitCode::FAILURE
        }
    }
}

fn work(totals: &Totals, end: u64) {
    while !totals.is_broken.load(Ordering::Relaxed) {
        let seed = totals.next.fetch_add(1, Ordering::Relaxed);
        if seed >= end {
            return;
        }
        SEED.set(seed);
        let Outcome { happenings, acknowledged, offset_commits, broken, .. } = run(Setup::of_seed(seed));
        totals.happenings.fetch_add(happenings, Ordering::Relaxed);
        totals.acknowledged.fetch_add(acknowledged as u64, Ordering::Relaxed);
        totals.offset_commits.fetch_add(offset_commits, Ordering::Relaxed);
        totals.done.fetch_add(1, Ordering::Relaxed);
        if !broken.is_empty()
            && let Ok(mut first) = totals.broken.lock()
        {
            first.get_or_insert((seed, broken));
            totals.is_broken.store(true, Ordering::Relaxed);
        }
    }
}

fn progress(totals: &Totals, seeds: u64, began: Instant) -> String {
    let happenings = totals.happenings.load(Ordering::Relaxed);
    let seconds = began.elapsed().as_secs_f64();
    format!(
        "{} of {seeds} seeds in {seconds:.0} s, {happenings} events ({:.0} a second), {} records and {} commits of \
         offsets acknowledged",
        totals.done.load(Ordering::Relaxed),
        happenings as f64 / seconds,
        totals.acknowledged.load(Ordering::Relaxed),
        totals.offset_commits.load(Ordering::Relaxed),
    )
}

/// Nobody is left to be told when the output is closed.
fn say(to: &mut impl Write, text: &str) {
    let _ = to.write_all(text.as_bytes());
}
