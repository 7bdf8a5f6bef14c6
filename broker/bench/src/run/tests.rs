use super::*;
use crate::figures::CPU_PER_REQUEST;
use anyhow::bail;
use std::{collections::VecDeque, rc::Rc, time::Duration};

fn subject(kind: Kind) -> Subject {
    let nowhere = (Ipv4Addr::LOCALHOST, 0).into();
    let window = Window { warm: Duration::ZERO, length: Duration::ZERO, most_bytes: 0 };
    Subject {
        kind,
        address: nowhere,
        pid: None,
        pids: Vec::new(),
        program: None,
        folder: None,
        spare_address: nowhere,
        spare_folder: PathBuf::new(),
        window,
        first: Cell::new(false),
        topics_made: Cell::new(0),
        kept: RefCell::new(None),
    }
}

fn bench(kinds: &[Kind]) -> Bench {
    let data = std::env::temp_dir().join("weir-bench-of-nothing");
    Bench { subjects: kinds.iter().copied().map(subject).collect(), servers: Vec::new(), data, quiet: 0.2 }
}

fn run(kinds: &[Kind], case: Case, passes: usize) -> Vec<Sample> {
    let mut samples = Vec::new();
    bench(kinds).run(&[case], passes, &mut samples).unwrap();
    samples
}

/// A case that notes who was measured and meets others as busy as the list says, then nobody.
fn case(on: &'static [Kind], others: &[f64], seen: &Rc<RefCell<Vec<(Kind, bool)>>>) -> Case {
    let (others, seen) = (RefCell::new(others.iter().copied().collect::<VecDeque<_>>()), Rc::clone(seen));
    Case::new("T/1", "a test", on, move |subject: &Subject| {
        seen.borrow_mut().push((subject.kind, subject.first.get()));
        let others = others.borrow_mut().pop_front().unwrap_or(0.0);
        let mut figures = Figures { others, ..Figures::default() };
        figures.add(CPU_PER_REQUEST, seen.borrow().len() as f64);
        Ok(figures)
    })
}

#[test]
fn the_first_pass_is_dropped_and_the_order_turns_round() {
    let seen = Rc::default();
    let samples = run(&Kind::ALL, case(&[Kind::Ours, Kind::Floor], &[], &seen), 2);
    let order: Vec<_> = seen.borrow().iter().map(|(kind, first)| (*kind, *first)).collect();
    let [ours, floor] = [Kind::Ours, Kind::Floor];
    let expected = [(ours, true), (floor, true), (floor, false), (ours, false), (ours, false), (floor, false)];
    assert_eq!(order, expected);
    let passes: Vec<_> = samples.iter().map(|sample| (sample.pass, sample.kind)).collect();
    assert_eq!(passes, [(1, floor), (1, ours), (2, ours), (2, floor)]);
}

#[test]
fn a_disturbed_pass_is_repeated_until_it_is_quiet() {
    let seen = Rc::default();
    // Nothing repeats the first, which is dropped anyway.
    let samples = run(&[Kind::Ours], case(&[Kind::Ours], &[9.0, 0.5, 0.1], &seen), 1);
    assert_eq!(seen.borrow().len(), 3);
    assert_eq!((samples[0].figures.values[0].1, samples[0].disturbed), (3.0, false));
}

#[test]
fn of_passes_that_stay_disturbed_the_quietest_counts_and_says_so() {
    let seen = Rc::default();
    let samples = run(&[Kind::Ours], case(&[Kind::Ours], &[0.0, 0.9, 0.4, 0.7, 0.0], &seen), 1);
    assert_eq!(seen.borrow().len(), 1 + TRIES);
    assert_eq!((samples[0].figures.values[0].1, samples[0].disturbed), (3.0, true));
}

#[test]
fn a_measurement_that_fails_ends_the_run_with_its_name_and_keeps_the_cases_before() {
    let seen = Rc::default();
    let calls = Cell::new(0);
    let failing = Case::new("T/2", "a test", &[Kind::Ours], move |_: &Subject| {
        calls.set(calls.get() + 1);
        if calls.get() > 2 { bail!("refused") } else { Ok(Figures::default()) }
    });
    let cases = [case(&[Kind::Ours], &[], &seen), failing, case(&[Kind::Ours], &[], &seen)];
    let mut samples = Vec::new();
    let error = bench(&[Kind::Ours]).run(&cases, 2, &mut samples).unwrap_err();
    assert_eq!(format!("{error:#}"), "T/2 of ours: refused");
    let kept: Vec<_> = samples.iter().map(|sample| (sample.case.as_str(), sample.pass)).collect();
    assert_eq!(kept, [("T/1", 1), ("T/1", 2)]);
    assert_eq!(seen.borrow().len(), 3, "nothing runs after it");
}
