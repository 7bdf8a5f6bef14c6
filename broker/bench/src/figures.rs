//! What is measured: metrics, figures and the samples of a run.

use crate::systems::Kind;
use hdrhistogram::Histogram;
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Metric {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    /// Digits after the point.
    #[serde(skip)]
    pub(crate) digits: usize,
}

const fn metric(name: &'static str, unit: &'static str, digits: usize) -> Metric {
    Metric { name, unit, digits }
}

pub(crate) const CPU_PER_REQUEST: Metric = metric("CPU per request", "µs", 2);
pub(crate) const CPU_PER_RECORD: Metric = metric("CPU per record", "µs", 3);
pub(crate) const REQUESTS: Metric = metric("requests", "1/s", 0);
pub(crate) const RECORDS: Metric = metric("records", "1/s", 0);
pub(crate) const THROUGHPUT: Metric = metric("throughput", "MB/s", 1);
pub(crate) const BACKFILL: Metric = metric("reader beside", "MB/s", 1);
pub(crate) const RESIDENT: Metric = metric("resident memory", "MiB", 1);
pub(crate) const DESCRIPTORS: Metric = metric("descriptors", "", 0);
pub(crate) const CPU_SHARE: Metric = metric("CPU of one core", "%", 2);
pub(crate) const NEW_LEADERS: Metric = metric("new leaders known", "ms", 0);
pub(crate) const GAP_OF_ITS: Metric = metric("write gap, its partitions", "ms", 0);
pub(crate) const GAP_OF_OTHERS: Metric = metric("write gap, the others", "ms", 0);
pub(crate) const BACK_IN_SYNC: Metric = metric("in sync after restart", "ms", 0);
pub(crate) const STOP_GAP: Metric = metric("write gap, clean stop", "ms", 0);
pub(crate) const MOST_NEW_LEADERS: Metric = metric("new leaders known, slowest kill", "ms", 0);
pub(crate) const MOST_GAP_OF_ITS: Metric = metric("write gap, its partitions, slowest kill", "ms", 0);
pub(crate) const FAILED: Metric = metric("records that failed", "", 0);
pub(crate) const MADE: Metric = metric("10,000 partitions made", "ms", 0);
pub(crate) const CONTROLLER_RESIDENT: Metric = metric("controller's resident memory", "MiB", 1);
pub(crate) const CONTROLLER_BACK: Metric = metric("controller decides again after kill -9", "ms", 0);
pub(crate) const CPU_PER_GB: Metric = metric("CPU per GB", "s", 2);
pub(crate) const CATCH_UP: Metric = metric("catching up", "MB/s", 0);
pub(crate) const P99_BEFORE: Metric = metric("latency p99, all in sync", "ms", 3);
pub(crate) const START: Metric = metric("start to first answer", "ms", 1);
pub(crate) const START_CPU: Metric = metric("CPU of the start", "ms", 0);
const LATENCIES: [(Metric, f64); 4] = [
    (metric("latency p50", "ms", 3), 0.5),
    (metric("latency p99", "ms", 3), 0.99),
    (metric("latency p99.9", "ms", 3), 0.999),
    (metric("latency p99.99", "ms", 3), 0.9999),
];

/// What one pass of a case over one system gave.
#[derive(Debug, Clone, Default)]
pub(crate) struct Figures {
    pub(crate) values: Vec<(Metric, f64)>,
    /// CPUs that others kept busy meanwhile.
    pub(crate) others: f64,
}

impl Figures {
    pub(crate) fn add(&mut self, metric: Metric, value: impl Into<Option<f64>>) {
        self.values.extend(value.into().map(|value| (metric, value)));
    }

    pub(crate) fn add_latency(&mut self, latency: &Histogram<u64>) {
        if !latency.is_empty() {
            let ms = |quantile| latency.value_at_quantile(quantile) as f64 / 1e6;
            self.values.extend(LATENCIES.map(|(metric, quantile)| (metric, ms(quantile))));
        }
    }
}

/// The figures of one pass that counts.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    pub(crate) case: String,
    pub(crate) kind: Kind,
    pub(crate) pass: usize,
    pub(crate) figures: Figures,
    /// Others were busy in every try of this pass.
    pub(crate) disturbed: bool,
}

/// One metric of one case over all passes.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Line {
    pub(crate) case: String,
    pub(crate) metric: Metric,
    pub(crate) by_system: BTreeMap<Kind, Spread>,
    /// Median over the passes of ours divided by the other, pass by pass.
    pub(crate) to_floor: Option<f64>,
    pub(crate) to_kafka: Option<f64>,
    /// Share of the passes in which others were busy.
    pub(crate) disturbed: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Spread {
    pub(crate) fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (least, most) = (*sorted.first()?, *sorted.last()?);
        let middle = sorted.len() / 2;
        let median =
            if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) };
        Some(Self { median, least, most })
    }

    /// Half of the range, relative to the median.
    pub(crate) fn relative(&self) -> f64 {
        if self.median == 0.0 { 0.0 } else { (self.most - self.least) / 2.0 / self.median }
    }
}

/// The lines of a run, in the order in which cases and metrics came.
pub(crate) fn lines(samples: &[Sample]) -> Vec<Line> {
    let mut keys: Vec<(&str, Metric)> = Vec::new();
    for sample in samples {
        for (metric, _) in &sample.figures.values {
            if !keys.contains(&(&sample.case, *metric)) {
                keys.push((&sample.case, *metric));
            }
        }
    }
    keys.into_iter().map(|(case, metric)| line(samples, case, metric)).collect()
}

fn line(samples: &[Sample], case: &str, metric: Metric) -> Line {
    let of_case: Vec<_> = samples.iter().filter(|sample| sample.case == case).collect();
    let values = |kind| {
        let of_kind = of_case.iter().filter(move |sample| sample.kind == kind);
        let value = move |sample: &&&Sample| sample.figures.values.iter().find(|(m, _)| *m == metric).map(|(_, v)| *v);
        of_kind.filter_map(move |sample| Some((sample.pass, value(&sample)?))).collect::<BTreeMap<_, _>>()
    };
    let ours = values(Kind::Ours);
    let ratio = |other: Kind| {
        let other = values(other);
        let ratios = ours.iter().filter_map(|(pass, value)| Some(value / other.get(pass)?));
        let ratios: Vec<_> = ratios.filter(|ratio| ratio.is_finite()).collect();
        Spread::of(&ratios).map(|spread| spread.median)
    };
    let spread = |kind| Some((kind, Spread::of(&values(kind).into_values().collect::<Vec<_>>())?));
    Line {
        case: case.to_owned(),
        metric,
        by_system: Kind::ALL.into_iter().filter_map(spread).collect(),
        to_floor: ratio(Kind::Floor),
        to_kafka: ratio(Kind::Kafka),
        disturbed: of_case.iter().filter(|sample| sample.disturbed).count() as f64 / of_case.len().max(1) as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(kind: Kind, pass: usize, cpu: f64) -> Sample {
        let mut figures = Figures::default();
        figures.add(CPU_PER_REQUEST, cpu);
        Sample { case: "P5/16".into(), kind, pass, figures, disturbed: pass == 3 }
    }

    #[test]
    fn ratios_compare_passes_of_the_same_number_and_not_medians() {
        // The machine became slower from pass to pass; within a pass ours is always twice the floor.
        let passes = [(1, 2.0), (2, 10.0), (3, 4.0)];
        let samples: Vec<_> = passes
            .into_iter()
            .flat_map(|(pass, floor)| [sample(Kind::Ours, pass, 2.0 * floor), sample(Kind::Floor, pass, floor)])
            .collect();
        let lines = lines(&samples);
        assert_eq!(lines.len(), 1);
        assert_eq!((lines[0].to_floor, lines[0].to_kafka), (Some(2.0), None));
        assert_eq!(lines[0].by_system[&Kind::Ours], Spread { median: 8.0, least: 4.0, most: 20.0 });
        assert!((lines[0].disturbed - 1.0 / 3.0).abs() < 1e-9);
    }

    #[test]
    fn a_pass_that_one_system_lacks_is_left_out_of_the_ratio() {
        let samples = [sample(Kind::Ours, 1, 6.0), sample(Kind::Ours, 2, 9.0), sample(Kind::Kafka, 2, 90.0)];
        assert_eq!(lines(&samples)[0].to_kafka, Some(0.1));
    }

    #[test]
    fn spread_of_an_even_count_lies_between_the_two_in_the_middle() {
        let spread = Spread::of(&[4.0, 1.0, 3.0, 2.0]).unwrap();
        assert_eq!(spread, Spread { median: 2.5, least: 1.0, most: 4.0 });
        assert!((spread.relative() - 0.6).abs() < 1e-9);
        assert_eq!(Spread::of(&[]), None);
    }
}
