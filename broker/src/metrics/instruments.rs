//! The three kinds of instrument. All are plain atomics: one relaxed add per observation, no lock, no look-up.

use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
};

/// Only goes up.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    pub fn increment(&self) {
        self.add(1);
    }

    pub fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Goes both ways.
#[derive(Debug, Default)]
pub struct Gauge(AtomicI64);

impl Gauge {
    pub fn add(&self, amount: i64) {
        self.0.fetch_add(amount, Relaxed);
    }

    pub fn increment(&self) {
        self.add(1);
    }

    pub fn decrement(&self) {
        self.add(-1);
    }

    pub fn set(&self, value: i64) {
        self.0.store(value, Relaxed);
    }

    pub fn get(&self) -> i64 {
        self.0.load(Relaxed)
    }
}

/// Something that a gauge counts as long as this is kept.
#[derive(Debug)]
pub(crate) struct Counted(Arc<Gauge>);

impl Counted {
    pub(crate) fn by(gauge: &Arc<Gauge>) -> Self {
        gauge.increment();
        Self(Arc::clone(gauge))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.decrement();
    }
}

/// Each power of two is cut in four, so a quantile is at most an eighth off.
const SUB_BUCKET_BITS: u32 = 2;
const SUB_BUCKETS: u64 = 1 << SUB_BUCKET_BITS;
/// Values at or above 2^40 share the last bucket: in microseconds that is twelve days.
const MAX_BITS: u32 = 40;
const BUCKETS: usize = ((MAX_BITS - SUB_BUCKET_BITS + 1) as usize) << SUB_BUCKET_BITS;

/// A distribution over logarithmic buckets.
#[derive(Debug)]
pub struct Histogram {
    buckets: Box<[AtomicU64; BUCKETS]>,
    sum: AtomicU64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: Box::new([const { AtomicU64::new(0) }; BUCKETS]), sum: AtomicU64::new(0) }
    }
}

impl Histogram {
    pub fn observe(&self, value: u64) {
        self.buckets[bucket_of(value)].fetch_add(1, Relaxed);
        self.sum.fetch_add(value, Relaxed);
    }

    /// What was counted so far; later observations do not change it.
    pub fn snapshot(&self) -> HistogramSnapshot {
        let counts: Vec<u64> = self.buckets.iter().map(|bucket| bucket.load(Relaxed)).collect();
        HistogramSnapshot { count: counts.iter().sum(), sum: self.sum.load(Relaxed), counts }
    }
}

/// A still picture of a [`Histogram`].
#[derive(Debug)]
pub struct HistogramSnapshot {
    counts: Vec<u64>,
    pub count: u64,
    pub sum: u64,
}

impl HistogramSnapshot {
    /// With observations of 0 added, so that there are this many in all.
    pub(super) fn with_zeros_up_to(mut self, count: u64) -> Self {
        let zeros = count.saturating_sub(self.count);
        self.counts[0] += zeros;
        self.count += zeros;
        self
    }

    /// The value at or below which this share of the observations lies; 0 when there are none.
    pub fn quantile(&self, share: f64) -> f64 {
        let rank = (share * self.count as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if *count > 0 && seen >= rank {
                return middle_of(bucket);
            }
        }
        0.0
    }
}

fn bucket_of(value: u64) -> usize {
    let value = value.min((1 << MAX_BITS) - 1);
    if value < SUB_BUCKETS {
        return value as usize;
    }
    let bits = 63 - value.leading_zeros();
    let group = bits - SUB_BUCKET_BITS + 1;
    let within = (value >> (bits - SUB_BUCKET_BITS)) & (SUB_BUCKETS - 1);
    ((u64::from(group) << SUB_BUCKET_BITS) + within) as usize
}

fn middle_of(bucket: usize) -> f64 {
    let bucket = bucket as u64;
    if bucket < SUB_BUCKETS {
        return bucket as f64;
    }
    let shift = (bucket >> SUB_BUCKET_BITS) - 1;
    let low = (SUB_BUCKETS + (bucket & (SUB_BUCKETS - 1))) << shift;
    low as f64 + ((1u64 << shift) - 1) as f64 / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_falls_into_a_bucket_whose_middle_is_an_eighth_away_at_most() {
        for value in (0..4096).chain((12..40).map(|bit| (1 << bit) + 12_345 % (1 << bit))) {
            let middle = middle_of(bucket_of(value));
            assert!((middle - value as f64).abs() <= value as f64 / 8.0, "{value} became {middle}");
        }
    }

    #[test]
    fn huge_values_share_the_last_bucket() {
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles_of_a_uniform_distribution() {
        let histogram = Histogram::default();
        (1..=1000).for_each(|value| histogram.observe(value));
        let snapshot = histogram.snapshot();
        assert_eq!((snapshot.count, snapshot.sum), (1000, 500_500));
        for (share, expected) in [(0.5, 500.0), (0.99, 990.0), (1.0, 1000.0)] {
            let found = snapshot.quantile(share);
            assert!((found - expected).abs() <= expected / 8.0, "{share}: {found}");
        }
    }

    #[test]
    fn an_empty_histogram_has_quantile_zero() {
        assert_eq!(Histogram::default().snapshot().quantile(0.99), 0.0);
    }
}
