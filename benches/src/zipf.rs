//! Owns the distributions of YCSB: a Zipfian one whose popular items lie anywhere, and one that favours the latest. Never reads a
//! clock or a system's random numbers.

use crate::workload::Numbers;

/// YCSB's constant: how much more popular the first is than the second, and so on.
const SKEW: f64 = 0.99;

/// Numbers below an end, of which few come often (Gray et al., "Quickly generating billion-record synthetic databases").
#[derive(Clone, Debug)]
pub struct Zipf {
    end: usize,
    sum: f64,
    alpha: f64,
    eta: f64,
}

impl Zipf {
    /// For the numbers below `end`.
    #[must_use]
    pub fn new(end: usize) -> Self {
        let harmonic = |end: usize| (1..=end).map(|rank| (rank as f64).powf(-SKEW)).sum::<f64>();
        let (sum, of_two) = (harmonic(end), harmonic(2));
        let eta = (1.0 - (2.0 / end as f64).powf(1.0 - SKEW)) / (1.0 - of_two / sum);
        Self { end, sum, alpha: 1.0 / (1.0 - SKEW), eta }
    }

    /// A rank: 0 comes most often.
    pub fn rank(&self, numbers: &mut Numbers) -> usize {
        let uniform = numbers.below(1 << 53) as f64 / (1_u64 << 53) as f64;
        let scaled = uniform * self.sum;
        if scaled < 1.0 {
            return 0;
        }
        if scaled < 1.0 + 0.5_f64.powf(SKEW) {
            return 1.min(self.end - 1);
        }
        let rank = self.end as f64 * (self.eta * uniform - self.eta + 1.0).powf(self.alpha);
        (rank as usize).min(self.end - 1)
    }

    /// A number whose popularity says nothing of its neighbours': the rank, scattered by a hash.
    pub fn scattered(&self, numbers: &mut Numbers) -> usize {
        Numbers::new(self.rank(numbers) as u64).below(self.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// For 1,000 items the first takes 1 in 7.73 (the sum of 1/rank^0.99), the first hundred together two thirds.
    #[test]
    fn the_ranks_come_as_often_as_the_distribution_says() {
        let (zipf, mut numbers) = (Zipf::new(1_000), Numbers::new(7));
        let mut counts = vec![0_usize; 1_000];
        (0..1_000_000).for_each(|_| counts[zipf.rank(&mut numbers)] += 1);
        let share = |count: usize| count as f64 / 1e6;
        let expected = |rank: usize| (rank as f64).powf(-SKEW) / zipf.sum;
        assert!((share(counts[0]) - expected(1)).abs() < 0.005, "{}", share(counts[0]));
        assert!((share(counts[1]) - expected(2)).abs() < 0.005, "{}", share(counts[1]));
        let hundred: f64 = (1..=100).map(expected).sum();
        assert!((share(counts[..100].iter().sum()) - hundred).abs() < 0.02);
        assert!(counts[999] > 0, "the last comes, too");
    }

    #[test]
    fn the_popular_ones_are_scattered() {
        let (zipf, mut numbers) = (Zipf::new(1_000), Numbers::new(7));
        let mut counts = vec![0_usize; 1_000];
        (0..100_000).for_each(|_| counts[zipf.scattered(&mut numbers)] += 1);
        let most = (0..1_000).max_by_key(|number| counts[*number]);
        assert_eq!(most, Some(Numbers::new(0).below(1_000)));
        assert!(counts.iter().filter(|count| **count > 0).count() > 500);
    }
}
