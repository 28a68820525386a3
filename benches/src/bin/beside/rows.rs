//! Owns one row of the result: two medians, their ratio, and the bar. Never measures.

use std::time::Duration;

use ferrumdb_benches::measure::{Latencies, median, rate};
use ferrumdb_benches::results::{Figure, Line};

pub(crate) use ferrumdb_benches::results::Unit;

/// One side of a row: a figure for each round, and latencies where they were taken.
#[derive(Clone, Debug, Default)]
pub(crate) struct Side {
    figures: Vec<f64>,
    latencies: Option<Latencies>,
    note: Option<String>,
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

    /// Notes a round by its figure alone.
    pub(crate) fn figure(&mut self, figure: f64) {
        self.figures.push(figure);
    }

    /// Says something beside the figure.
    pub(crate) fn note(&mut self, note: String) {
        self.note = Some(note);
    }

    /// A figure that was not measured, but promised.
    pub(crate) fn stated(figure: f64) -> Self {
        Self { figures: vec![figure], ..Self::default() }
    }

    fn line(&self) -> Figure {
        Figure {
            median: median(&self.figures),
            rounds: self.figures.clone(),
            quantiles: self.latencies.as_ref().map(Latencies::quantiles),
            note: self.note.clone(),
        }
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
        self.line().passes()
    }

    /// The row as it is printed and kept.
    pub(crate) fn line(&self) -> Line {
        Line {
            workload: self.workload.clone(),
            durability: self.durability.to_owned(),
            unit: self.unit,
            ours: self.ours.line(),
            peer: self.peer.to_owned(),
            theirs: self.theirs.line(),
            bar: self.bar,
        }
    }
}
