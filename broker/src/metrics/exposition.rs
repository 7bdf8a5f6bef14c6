//! Prometheus's text format, version 0.0.4.

use super::instruments::HistogramSnapshot;
use std::fmt::Write;

/// Those that the dashboards for Kafka show.
const QUANTILES: [(&str, f64); 6] =
    [("0.5", 0.5), ("0.75", 0.75), ("0.95", 0.95), ("0.98", 0.98), ("0.99", 0.99), ("0.999", 0.999)];

/// The type of a metric family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    Summary,
}

/// A page being written. Start a family, then add its samples.
#[derive(Debug)]
pub struct Exposition {
    page: String,
    family: String,
}

impl Exposition {
    pub(crate) fn new() -> Self {
        Self { page: String::with_capacity(16 << 10), family: String::new() }
    }

    /// Starts a family. Its samples follow before the next family starts.
    pub fn family(&mut self, name: &str, kind: Kind, help: &str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Summary => "summary",
        };
        self.page.push_str("# HELP ");
        self.page.push_str(name);
        self.page.push(' ');
        escape(&mut self.page, help, false);
        let _ = write!(self.page, "\n# TYPE {name} {kind}\n");
        self.family.clear();
        self.family.push_str(name);
    }

    pub fn sample(&mut self, labels: &[(&str, &str)], value: f64) {
        self.sample_with_suffix("", labels, value);
    }

    /// A family of one sample without labels.
    pub fn single(&mut self, name: &str, kind: Kind, help: &str, value: f64) {
        self.family(name, kind, help);
        self.sample(&[], value);
    }

    /// The quantiles, sum and count of what a histogram saw, each value times `unit`.
    pub(super) fn summary(&mut self, labels: &[(&str, &str)], seen: &HistogramSnapshot, unit: f64) {
        let mut with_quantile = labels.to_vec();
        for (text, share) in QUANTILES {
            with_quantile.truncate(labels.len());
            with_quantile.push(("quantile", text));
            self.sample(&with_quantile, seen.quantile(share) * unit);
        }
        self.sample_with_suffix("_sum", labels, seen.sum as f64 * unit);
        self.sample_with_suffix("_count", labels, seen.count as f64);
    }

    fn sample_with_suffix(&mut self, suffix: &str, labels: &[(&str, &str)], value: f64) {
        self.page.push_str(&self.family);
        self.page.push_str(suffix);
        for (index, (name, text)) in labels.iter().enumerate() {
            self.page.push(if index == 0 { '{' } else { ',' });
            self.page.push_str(name);
            self.page.push_str("=\"");
            escape(&mut self.page, text, true);
            self.page.push('"');
        }
        if !labels.is_empty() {
            self.page.push('}');
        }
        // Rust prints floats in full and without exponent, which the format allows.
        let _ = writeln!(self.page, " {value}");
    }

    pub(crate) fn finish(self) -> String {
        self.page
    }
}

fn escape(page: &mut String, text: &str, quotes: bool) {
    for character in text.chars() {
        match character {
            '\\' => page.push_str("\\\\"),
            '\n' => page.push_str("\\n"),
            '"' if quotes => page.push_str("\\\""),
            other => page.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_what_prometheus_reads() {
        let mut exposition = Exposition::new();
        exposition.family("a_total", Kind::Counter, "Of \\ and\nlines");
        exposition.sample(&[], 3.0);
        exposition.sample(&[("topic", "a\"b\\c\nd"), ("partition", "0")], 0.5);
        exposition.single("b", Kind::Gauge, "B", -1.0);
        let expected = "# HELP a_total Of \\\\ and\\nlines\n# TYPE a_total counter\na_total 3\n\
            a_total{topic=\"a\\\"b\\\\c\\nd\",partition=\"0\"} 0.5\n# HELP b B\n# TYPE b gauge\nb -1\n";
        assert_eq!(exposition.finish(), expected);
    }

    #[test]
    fn large_counters_are_written_in_full() {
        let mut exposition = Exposition::new();
        exposition.single("a", Kind::Counter, "A", 9_007_199_254_740_993_u64 as f64);
        assert!(exposition.finish().ends_with("a 9007199254740992\n"));
    }
}
