mod mistakes;

use super::*;

/// As `make simulate` tells it.
fn told(seed: u64) -> String {
    let report = shrink::shrink(&Setup::of_seed(seed));
    report
        .map_or_else(|| format!("seed {seed} does not break again"), |report| format!("{report}\nthat was seed {seed}"))
}

#[test]
fn nothing_acknowledged_is_lost() {
    let (mut acknowledged, mut offset_commits, mut epochs, mut faults, mut generations) = (0, 0, 0, 0, 0);
    for seed in 0..100 {
        let outcome = run(Setup::of_seed(seed));
        assert!(outcome.broken.is_empty(), "{}", told(seed));
        acknowledged += outcome.acknowledged;
        offset_commits += outcome.offset_commits;
        epochs += outcome.leader_epochs.iter().sum::<i32>();
        faults += outcome.faults;
        generations += outcome.generation;
    }
    assert!(
        acknowledged > 10_000 && offset_commits > 1_000 && epochs > 1_000 && faults > 3_000 && generations > 500,
        "too little happened: {acknowledged} {offset_commits} {epochs} {faults} {generations}"
    );
}

#[test]
fn the_same_seed_is_the_same_trace() {
    for seed in [3, 17] {
        let told = || run(Setup { detail: Detail::Everything, ..Setup::of_seed(seed) });
        let (one, other) = (told(), told());
        assert!(one.trace.len() > 50_000, "{} lines", one.trace.len());
        let differs = one.trace.iter().zip(&other.trace).find(|(one, other)| one != other);
        assert_eq!(differs, None);
        assert_eq!(one, other);
        let untold = run(Setup::of_seed(seed));
        assert_eq!(Outcome { trace: Vec::new(), ..one }, untold, "telling of a run changes it");
    }
}

#[test]
fn a_broken_run_is_told_with_the_faults_that_matter() {
    use model::mistakes::{Mistake, make};
    make(Some(Mistake::AnswerBeforeStored));
    let breaks = |seed: &u64| !run(Setup::of_seed(*seed)).broken.is_empty();
    let seed = (0..50).find(breaks).expect("a mistake that is found");
    let report = shrink::shrink(&Setup::of_seed(seed)).expect("the same again");
    let told = told(seed);
    make(None);
    let names_all = report.plan.iter().all(|planned| told.contains(&planned.to_string()));
    assert!(names_all && told.contains(&report.broken[0]) && told.contains(&format!("seed {seed}")), "{told}");
    assert!(!report.broken.is_empty() && !report.story.is_empty());
    assert!(report.plan.len() <= 10, "{:#?}", report.plan);
}
