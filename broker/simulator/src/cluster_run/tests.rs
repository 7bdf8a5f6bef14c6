mod mistakes;

use super::*;

#[test]
fn nothing_acknowledged_is_lost() {
    let (mut acknowledged, mut offset_commits, mut epochs, mut faults) = (0, 0, 0, 0);
    for seed in 0..100 {
        let outcome = run(Setup::of_seed(seed));
        assert!(outcome.broken.is_empty(), "seed {seed}: {:#?}", outcome.broken);
        acknowledged += outcome.acknowledged;
        offset_commits += outcome.offset_commits;
        epochs += outcome.leader_epochs.iter().sum::<i32>();
        faults += outcome.faults;
    }
    assert!(
        acknowledged > 10_000 && offset_commits > 1_000 && epochs > 1_000 && faults > 3_000,
        "too little happened: {acknowledged} {offset_commits} {epochs} {faults}"
    );
}

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in [3, 17] {
        assert_eq!(run(Setup::of_seed(seed)), run(Setup::of_seed(seed)));
    }
}
