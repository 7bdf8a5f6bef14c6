//! What is left of a run: one table, one file with everything, and plots.

pub(crate) mod plot;
mod table;

pub(crate) use table::table;

use crate::{
    figures::{Line, Sample},
    machine::Environment,
};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Writes environment, summary and raw samples.
pub(crate) fn write(folder: &Path, environment: &Environment, lines: &[Line], samples: &[Sample]) -> Result<PathBuf> {
    let path = folder.join("results.json");
    let raw: Vec<_> = samples.iter().map(raw).collect();
    let content = json!({ "environment": environment, "lines": lines, "samples": raw });
    fs::create_dir_all(folder).context("create the folder of the results")?;
    fs::write(&path, serde_json::to_vec_pretty(&content)?).context("write the results")?;
    Ok(path)
}

fn raw(sample: &Sample) -> Value {
    let values = sample.figures.values.iter().map(|(metric, value)| (metric.name.to_owned(), json!(value)));
    json!({
        "case": sample.case,
        "system": sample.kind,
        "pass": sample.pass,
        "figures": values.collect::<serde_json::Map<_, _>>(),
        "others_cpus": sample.figures.others,
        "disturbed": sample.disturbed,
    })
}
