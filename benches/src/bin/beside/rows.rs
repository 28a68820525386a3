//! Owns one row of the result: two medians, their ratio, and the bar. Never measures.

use std::time::Duration;

use ferrumdb_benches::measure::{Latencies, median, rate};
use ferrumdb_benches::report::{duration, per_second};

/// What the figures of a row are, and which of two is the better one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Operations a second: the ratio is ours over theirs, the bar is the least.
    Rate,
    /// Seconds: the ratio is ours over theirs too, the bar is the most.
    Seconds,
}

/// One side of a row: a figure for each round, and latencies where they were taken.
#[derive(Clone, Debug, Default)]
pub(crate) struct Side {
    figures: Vec<f64>,
    latencies: Option<Latencies>,
}

impl Side {
    /// Notes a round in which so many operations took so long.
    pub(crate) fn rate(&mut self, operations: usize, took: Duration) {
        self.figures.push(rate(operations, took));
    }

    /// Notes a round that took so long as a whole.
    pub(crate) fn seconds(&mut self, took: Duration) {
        self.figures.push(took.as_secs_f64());
    }

    /// Adds latencies to those of earlier rounds.
    pub(crate) fn latencies(&mut self, latencies: &Latencies) {
        self.latencies.get_or_insert_default().add(latencies);
    }

    fn cells(&self, unit: Unit) -> [String; 2] {
        let figure = match unit {
            Unit::Rate => per_second(median(&self.figures)),
            Unit::Seconds => duration(Duration::from_secs_f64(median(&self.figures))),
        };
        let tail = self.latencies.as_ref().map(|latencies| duration(latencies.quantile(0.999)));
        [figure, tail.unwrap_or_default()]
    }
}

/// One row of the table.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) workload: String,
    pub(crate) durability: &'static str,
    pub(crate) peer: &'static str,
    pub(crate) unit: Unit,
    pub(crate) ours: Side,
    pub(crate) theirs: Side,
    /// Nothing for a row that only informs.
    pub(crate) bar: Option<f64>,
}

impl Row {
    /// Whether the ratio reaches the bar, if there is one.
    pub(crate) fn passes(&self) -> bool {
        let Some(bar) = self.bar else { return true };
        match self.unit {
            Unit::Rate => self.ratio() >= bar,
            Unit::Seconds => self.ratio() <= bar,
        }
    }

    /// The row as the table shows it.
    pub(crate) fn cells(&self) -> Vec<String> {
        let [ours, our_tail] = self.ours.cells(self.unit);
        let [theirs, their_tail] = self.theirs.cells(self.unit);
        let bound = if self.unit == Unit::Rate { "≥" } else { "≤" };
        let bar = self.bar.map(|bar| format!("{bound} {bar:.2}"));
        let verdict = match self.bar {
            None => "",
            Some(_) if self.passes() => "pass",
            Some(_) => "FAIL",
        };
        vec![
            self.workload.clone(),
            self.durability.to_owned(),
            ours,
            our_tail,
            self.peer.to_owned(),
            theirs,
            their_tail,
            format!("{:.2}", self.ratio()),
            bar.unwrap_or_default(),
            verdict.to_owned(),
        ]
    }

    fn ratio(&self) -> f64 {
        median(&self.ours.figures) / median(&self.theirs.figures)
    }
}
