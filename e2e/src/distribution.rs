//! Figures of many runs.

use serde::Serialize;

/// One thing that was measured, in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Distribution {
    pub name: &'static str,
    pub what: &'static str,
    pub p50_ms: u64,
    pub p99_ms: u64,
    pub max_ms: u64,
    /// In the order in which they were measured.
    pub values_ms: Vec<u64>,
}

impl Distribution {
    /// `None` of nothing.
    pub fn of(name: &'static str, what: &'static str, values_ms: Vec<u64>) -> Option<Self> {
        let mut sorted = values_ms.clone();
        sorted.sort_unstable();
        let max_ms = *sorted.last()?;
        let percentile = |percent: usize| sorted[(sorted.len() * percent).div_ceil(100) - 1];
        Some(Self { name, what, p50_ms: percentile(50), p99_ms: percentile(99), max_ms, values_ms })
    }

    /// A line of a table.
    pub fn line(&self) -> String {
        let Self { name, what, p50_ms, p99_ms, max_ms, values_ms } = self;
        format!("| {name} | {what} | {} | {p50_ms} | {p99_ms} | {max_ms} |", values_ms.len())
    }
}

/// Above the lines.
pub const HEAD: &str = "| row | what | values | p50 ms | p99 ms | max ms |\n|---|---|---|---|---|---|";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let measured = Distribution::of("n", "w", (1..=200).rev().collect()).unwrap();
        assert_eq!((measured.p50_ms, measured.p99_ms, measured.max_ms), (100, 198, 200));
        let one = Distribution::of("n", "w", vec![7]).unwrap();
        assert_eq!((one.p50_ms, one.p99_ms, one.max_ms), (7, 7, 7));
        assert_eq!(Distribution::of("n", "w", Vec::new()), None);
    }
}
