//! Every decoder of this crate, and the codec behind the guard, against frames nobody should send.
//!
//! Runs on stable in `cargo test`, by seed: `WEIR_FUZZ_FRAMES` says how many frames (the default takes seconds),
//! `WEIR_FUZZ_SEED` where to begin. A finding prints the seed of its frame; running that seed with one frame repeats it.
//!
//! What counts as a finding: a panic, more memory than the guard promised, or two readers of the same bytes that
//! disagree.

mod bomb;
mod budget;
mod by_hand;
mod mutate;
mod targets;

use protocol::samples::Source;
use std::env;
use targets::{Counts, Targets};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const DEFAULT_FRAMES: u64 = 60_000;

#[expect(clippy::disallowed_methods, reason = "how long to run is asked of the environment, as cargo tests must")]
fn setting(name: &str, default: u64) -> u64 {
    match env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|error| panic!("{name}={text}: {error}")),
        Err(_) => default,
    }
}

/// Names the frame at hand if it brings the run down.
struct Witness(u64);

impl Drop for Witness {
    #[expect(clippy::print_stderr, reason = "the seed is what a person needs to repeat a finding")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("finding: repeat with WEIR_FUZZ_SEED={} WEIR_FUZZ_FRAMES=1", self.0);
        }
    }
}

#[test]
fn no_frame_panics_or_costs_more_than_the_guard_promised() {
    let frames = setting("WEIR_FUZZ_FRAMES", DEFAULT_FRAMES);
    let first_seed = setting("WEIR_FUZZ_SEED", 0);
    let targets = Targets::new();
    let mut counts = Counts::default();
    for seed in first_seed..first_seed.saturating_add(frames) {
        let witness = Witness(seed);
        targets.run(&mut Source::new(seed), &mut counts);
        drop(witness);
    }
    println!("{frames} frames: {counts:#?}");
    if frames >= 10_000 {
        assert!(counts.decoded * 20 > counts.requests, "too few frames reach the codec: {counts:?}");
        assert!(counts.refused * 20 > counts.requests, "too few frames are refused: {counts:?}");
        assert!(counts.batches_accepted > 0 && counts.batches_refused > 0, "{counts:?}");
    }
}
