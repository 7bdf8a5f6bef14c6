//! `make simulate SEEDS=N`: many runs of the cluster, on all CPUs, with what they did so far every few seconds.

use simulator::cluster_run::{Outcome, Setup, run, shrink::shrink, trace::Detail};
use std::{
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

/// A fifth of a run is what it allocates.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const USAGE: &str = "usage: simulator [SEEDS [FIRST]]
       simulator trace SEED

Runs SEEDS seeds (1000), beginning with FIRST (0), and ends with the first one that breaks a promise: made smaller, with its
story. The same seed is the same run. With 'trace' one seed tells each message.
";
const PROGRESS_EVERY: Duration = Duration::from_secs(5);

#[derive(Default)]
struct Totals {
    next: AtomicU64,
    done: AtomicU64,
    happenings: AtomicU64,
    faults: AtomicU64,
    acknowledged: AtomicU64,
    offset_commits: AtomicU64,
    generations: AtomicU64,
    is_broken: AtomicBool,
    broken: Mutex<Option<u64>>,
}

fn main() -> ExitCode {
    // A promise that is kept by a panic is told with its seed.
    panic::set_hook(Box::new(|_| {}));
    let arguments: Vec<_> = env::args().skip(1).collect();
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    let numbers: Vec<_> = words.iter().map_while(|word| word.parse::<u64>().ok()).collect();
    match (&words[..], &numbers[..]) {
        (["trace", seed], _) if seed.parse::<u64>().is_ok() => trace(seed.parse().unwrap_or_default()),
        ([], _) => run_all(1000, 0),
        ([_], [seeds]) => run_all(*seeds, 0),
        ([_, _], [seeds, first]) => run_all(*seeds, *first),
        _ => {
            say(&mut io::stderr(), USAGE);
            ExitCode::from(2)
        }
    }
}

fn trace(seed: u64) -> ExitCode {
    let outcome = run(Setup { detail: Detail::Everything, ..Setup::of_seed(seed) });
    let mut out = io::BufWriter::new(io::stdout());
    outcome.trace.iter().chain(&outcome.broken).for_each(|line| say(&mut out, &format!("{line}\n")));
    if outcome.broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run_all(seeds: u64, first: u64) -> ExitCode {
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
    match totals.broken.into_inner().unwrap_or_default() {
        None => ExitCode::SUCCESS,
        Some(seed) => {
            tell(seed);
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
        let outcome = run(Setup::of_seed(seed));
        let Outcome { happenings, faults, acknowledged, offset_commits, generation, broken, .. } = outcome;
        let counts = [
            (&totals.happenings, happenings),
            (&totals.faults, faults),
            (&totals.acknowledged, acknowledged as u64),
            (&totals.offset_commits, offset_commits),
            (&totals.generations, u64::from(generation.unsigned_abs())),
            (&totals.done, 1),
        ];
        for (total, more) in counts {
            total.fetch_add(more, Ordering::Relaxed);
        }
        if !broken.is_empty()
            && let Ok(mut first) = totals.broken.lock()
        {
            first.get_or_insert(seed);
            totals.is_broken.store(true, Ordering::Relaxed);
        }
    }
}

fn progress(totals: &Totals, seeds: u64, began: Instant) -> String {
    let of = |total: &AtomicU64| total.load(Ordering::Relaxed);
    let (seconds, done, happenings) = (began.elapsed().as_secs_f64(), of(&totals.done), of(&totals.happenings));
    format!(
        "{done} of {seeds} seeds in {seconds:.0} s ({:.1} a second), {happenings} events ({:.0} a second), {} faults, \
         {} records and {} commits of offsets acknowledged, {} generations",
        done as f64 / seconds,
        happenings as f64 / seconds,
        of(&totals.faults),
        of(&totals.acknowledged),
        of(&totals.offset_commits),
        of(&totals.generations),
    )
}

/// What the seed breaks, with as few faults as break it, and how it came to that.
fn tell(seed: u64) {
    let mut out = io::stderr();
    say(&mut out, &format!("seed {seed} breaks a promise; looking for the faults that matter\n"));
    let Some(report) = shrink(&Setup::of_seed(seed)) else {
        return say(&mut out, "it does not break again\n");
    };
    say(&mut out, &format!("{report}\nthat was seed {seed}\n"));
}

/// Nobody is left to be told when the output is closed.
fn say(to: &mut impl Write, text: &str) {
    let _ = to.write_all(text.as_bytes());
}
