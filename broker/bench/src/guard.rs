//! The short form for every change: CPU per unit of our broker divided by the floor's, measured side by side, against
//! the ratios that were committed. Time is never compared: it depends on who else is there.

use crate::{
    figures::{CPU_PER_RECORD, CPU_PER_REQUEST, Line},
    rows::{self, Case},
};
use anyhow::{Context, Result, ensure};
use std::{collections::BTreeMap, fs, path::Path};

/// What a ratio may rise by.
const ALLOWANCE: f64 = 0.10;

/// Requests, batches, and reading: the three paths whose cost is per unit.
const CASES: [&str; 4] = ["P5/16", "P1/16k", "P2/16k", "C0/1k"];

/// By case, ours to the floor's.
pub(crate) type Ratios = BTreeMap<String, f64>;

pub(crate) fn cases() -> Result<Vec<Case>> {
    rows::choose(rows::cases(), &CASES.map(str::to_owned))
}

pub(crate) fn ratios(lines: &[Line]) -> Ratios {
    let of_cpu = |line: &&Line| line.metric == CPU_PER_REQUEST || line.metric == CPU_PER_RECORD;
    let ratio = |line: &Line| Some((line.case.clone(), line.to_floor?));
    lines.iter().filter(of_cpu).filter_map(ratio).collect()
}

pub(crate) fn read(path: &Path) -> Result<Ratios> {
    let text = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("read {}", path.display()))
}

pub(crate) fn write(path: &Path, ratios: &Ratios) -> Result<()> {
    let rounded: Ratios = ratios.iter().map(|(case, ratio)| (case.clone(), (ratio * 100.0).round() / 100.0)).collect();
    fs::write(path, serde_json::to_string_pretty(&rounded)? + "\n").with_context(|| format!("write {}", path.display()))
}

/// Fails where a ratio rose beyond its allowance, or where one is missing on either side.
pub(crate) fn compare(measured: &Ratios, committed: &Ratios) -> Result<()> {
    let missing: Vec<_> = committed.keys().filter(|case| !measured.contains_key(*case)).cloned().collect();
    ensure!(missing.is_empty(), "not measured: {}", missing.join(", "));
    let mut risen = Vec::new();
    for (case, ratio) in measured {
        let limit = committed.get(case).with_context(|| format!("no ratio is committed for {case}"))?;
        if *ratio > limit * (1.0 + ALLOWANCE) {
            risen.push(format!("{case}: {ratio:.2} times the floor, {limit:.2} is committed"));
        }
    }
    ensure!(risen.is_empty(), "CPU per unit rose by more than {:.0} %\n{}", ALLOWANCE * 100.0, risen.join("\n"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ratios(ratios: &[(&str, f64)]) -> Ratios {
        ratios.iter().map(|(case, ratio)| ((*case).to_owned(), *ratio)).collect()
    }

    #[test]
    fn a_ratio_may_rise_by_a_tenth_and_no_more() {
        let committed = ratios(&[("P5/16", 1.2)]);
        assert!(compare(&ratios(&[("P5/16", 1.31)]), &committed).is_ok());
        let error = compare(&ratios(&[("P5/16", 1.33)]), &committed).unwrap_err().to_string();
        assert!(error.contains("P5/16: 1.33 times the floor, 1.20 is committed"), "{error}");
    }

    #[test]
    fn a_case_on_one_side_only_is_an_error() {
        assert!(compare(&ratios(&[]), &ratios(&[("P5/16", 1.2)])).is_err());
        assert!(compare(&ratios(&[("P5/16", 1.2)]), &ratios(&[])).is_err());
    }

    #[test]
    fn what_is_written_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("guard.json");
        write(&path, &ratios(&[("P5/16", 1.23456)])).unwrap();
        assert_eq!(read(&path).unwrap(), ratios(&[("P5/16", 1.23)]));
    }

    #[test]
    fn its_cases_exist() {
        assert_eq!(cases().unwrap().len(), CASES.len());
    }

    #[test]
    fn the_committed_ratios_are_of_its_cases() {
        let committed = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("guard.json")).unwrap();
        let mut cases: Vec<_> = CASES.to_vec();
        cases.sort_unstable();
        assert_eq!(committed.keys().map(String::as_str).collect::<Vec<_>>(), cases);
    }
}
