//! Owns how times become figures: medians over rounds, and latencies. Never prints.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::results::Quantiles;

/// The latencies of one kind of operation, in nanoseconds, to three digits.
#[derive(Clone, Debug)]
pub struct Latencies(Histogram<u64>);

impl Default for Latencies {
    fn default() -> Self {
        /// Nothing that is measured takes longer.
        const LONGEST_NS: u64 = 3_600_000_000_000;
        Self(Histogram::new_with_bounds(1, LONGEST_NS, 3).expect("the bounds are in order"))
    }
}

impl Latencies {
    /// Runs an operation and notes how long it took.
    pub fn time<T>(&mut self, operation: impl FnOnce() -> T) -> T {
        let begin = Instant::now();
        let result = operation();
        self.note(begin.elapsed());
        result
    }

    /// Notes one latency.
    pub fn note(&mut self, latency: Duration) {
        self.0.saturating_record(u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Takes over what another has noted.
    pub fn add(&mut self, other: &Self) {
        self.0.add(&other.0).expect("both have the same bounds");
    }

    /// The latency that this share of the operations did not exceed.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Duration {
        Duration::from_nanos(self.0.value_at_quantile(share))
    }

    /// Those that tables show.
    #[must_use]
    pub fn quantiles(&self) -> Quantiles {
        let nanos = |share| self.0.value_at_quantile(share);
        Quantiles {
            p50: nanos(0.5),
            p99: nanos(0.99),
            p99_9: nanos(0.999),
            p99_99: nanos(0.9999),
            longest: self.0.max(),
            count: self.0.len(),
        }
    }

    /// How many were noted.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len() as usize
    }

    /// The longest.
    #[must_use]
    pub fn longest(&self) -> Duration {
        Duration::from_nanos(self.0.max())
    }
}

/// How long something took.
pub fn time<T>(operation: impl FnOnce() -> T) -> (T, Duration) {
    let begin = Instant::now();
    let result = operation();
    (result, begin.elapsed())
}

/// Operations a second.
#[must_use]
pub fn rate(operations: usize, took: Duration) -> f64 {
    operations as f64 / took.as_secs_f64()
}

/// The middle value; the mean of the middle two.
///
/// # Panics
/// Without any value.
#[must_use]
pub fn median(values: &[f64]) -> f64 {
    assert!(!values.is_empty(), "a median needs a value");
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
    }

    #[test]
    fn quantiles_find_the_slow_ones() {
        let mut latencies = Latencies::default();
        (0..998).for_each(|_| latencies.note(Duration::from_micros(1)));
        (0..2).for_each(|_| latencies.note(Duration::from_millis(5)));
        assert!(latencies.quantile(0.5) < Duration::from_micros(2));
        assert!(latencies.quantile(0.999) > Duration::from_millis(4));
        assert!(latencies.longest() > Duration::from_millis(4));
    }
}
