//! Owns the results of measurements as they are kept in `benches/results`, a file for each. Never measures, and never keeps a
//! figure without the machine that it was measured on.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::report::{bytes, duration, per_second};

/// What the figures of a line are, and which of two is the better one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unit {
    /// Operations a second: the ratio is ours over theirs, the bar is the least.
    Rate,
    /// Seconds: the ratio is ours over theirs too, the bar is the most.
    Seconds,
    /// Bytes: as seconds.
    Bytes,
}

impl Unit {
    /// A figure as tables show it.
    #[must_use]
    pub fn text(self, figure: f64) -> String {
        match self {
            Self::Rate => per_second(figure),
            Self::Seconds => duration(Duration::from_secs_f64(figure.max(0.0))),
            Self::Bytes => bytes(figure),
        }
    }
}

/// Latencies in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is named after its share")]
pub struct Quantiles {
    pub p50: u64,
    pub p99: u64,
    pub p99_9: u64,
    pub p99_99: u64,
    /// The longest of all.
    pub longest: u64,
    /// How many there were.
    pub count: u64,
}

/// What was measured of one side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// Of the rounds.
    pub median: f64,
    /// A figure for each.
    pub rounds: Vec<f64>,
    /// Of all rounds together, if latencies were taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantiles: Option<Quantiles>,
    /// What else must be known of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// FerrumDB and something beside it, at one workload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// What was done.
    pub workload: String,
    /// What an answer meant; empty for reads.
    pub durability: String,
    /// Of both.
    pub unit: Unit,
    /// FerrumDB.
    pub ours: Figure,
    /// Whose the other figure is.
    pub peer: String,
    /// What stood beside it.
    pub theirs: Figure,
    /// What the ratio must reach, if anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bar: Option<f64>,
}

impl Line {
    /// Our figure over theirs.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        self.ours.median / self.theirs.median
    }

    /// Whether the ratio reaches the bar, if there is one.
    #[must_use]
    pub fn passes(&self) -> bool {
        match (self.bar, self.unit) {
            (None, _) => true,
            (Some(bar), Unit::Rate) => self.ratio() >= bar,
            (Some(bar), Unit::Seconds | Unit::Bytes) => self.ratio() <= bar,
        }
    }

    /// The bar and how it came out: empty without one.
    #[must_use]
    pub fn verdict(&self) -> [String; 2] {
        let Some(bar) = self.bar else { return Default::default() };
        let bound = if self.unit == Unit::Rate { "≥" } else { "≤" };
        [format!("{bound} {bar:.2}"), if self.passes() { "reached" } else { "**missed**" }.to_owned()]
    }

    /// The line as a table shows it.
    #[must_use]
    pub fn cells(&self) -> Vec<String> {
        let tail = |figure: &Figure| {
            figure.quantiles.map(|found| duration(Duration::from_nanos(found.p99_9))).unwrap_or_default()
        };
        let figure = |figure: &Figure| {
            let note = figure.note.as_ref().map(|note| format!(" ({note})")).unwrap_or_default();
            self.unit.text(figure.median) + &note
        };
        let [bar, verdict] = self.verdict();
        vec![
            self.workload.clone(),
            self.durability.clone(),
            figure(&self.ours),
            tail(&self.ours),
            self.peer.clone(),
            figure(&self.theirs),
            tail(&self.theirs),
            format!("{:.2}", self.ratio()),
            bar,
            verdict,
        ]
    }
}

/// The columns of [`Line::cells`].
pub const COLUMNS: [&str; 10] =
    ["workload", "durability", "FerrumDB", "p99.9", "beside it", "median", "p99.9", "ratio", "bar", ""];

/// Figures that grow with something: a column for each kind, a point for each size or time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// What the first column is.
    pub along: String,
    /// The other columns, each with its unit.
    pub columns: Vec<(String, Unit)>,
    /// The first column, and the others; nothing where nothing was measured.
    pub points: Vec<(f64, Vec<Option<f64>>)>,
}

impl Series {
    /// With the points that were measured before, if they are of the same columns and not of the same sizes.
    fn with(mut self, before: Self) -> Self {
        if self.columns == before.columns {
            let is_new = |at: f64| self.points.iter().any(|(new, _)| *new == at);
            let old: Vec<_> = before.points.into_iter().filter(|(at, _)| !is_new(*at)).collect();
            self.points.extend(old);
            self.points.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        }
        self
    }
}

/// What one measurement has given, on one machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// The processors, the disk and the load before the run.
    pub machine: String,
    /// The build: versions and kind.
    pub build: String,
    /// Comparisons.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<Line>,
    /// Growth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series: Option<Series>,
}

impl Results {
    /// Reads what is kept under a name.
    ///
    /// # Errors
    /// What the system reports, and what cannot be understood.
    pub fn read(folder: &Path, name: &str) -> io::Result<Self> {
        Ok(serde_json::from_str(&fs::read_to_string(path(folder, name))?)?)
    }

    /// Keeps these. Lines of a workload that was measured before are replaced; the others stay, so that a long measurement can be
    /// made in parts.
    ///
    /// # Errors
    /// What the system reports.
    pub fn keep(mut self, folder: &Path, name: &str) -> io::Result<()> {
        if let Ok(before) = Self::read(folder, name) {
            let is_new = |line: &Line| self.lines.iter().any(|new| new.workload == line.workload);
            let mut lines: Vec<Line> = before.lines.into_iter().filter(|line| !is_new(line)).collect();
            lines.append(&mut self.lines);
            self.lines = lines;
            self.series = match (self.series, before.series) {
                (Some(new), Some(old)) => Some(new.with(old)),
                (new, old) => new.or(old),
            };
        }
        fs::create_dir_all(folder)?;
        fs::write(path(folder, name), serde_json::to_string_pretty(&self)? + "\n")
    }
}

fn path(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.json"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failure is what a test reports")]

    use super::*;

    fn line(workload: &str, unit: Unit, [ours, theirs]: [f64; 2], bar: f64) -> Line {
        let figure = |median| Figure { median, rounds: vec![median], quantiles: None, note: None };
        Line {
            workload: workload.to_owned(),
            durability: String::new(),
            unit,
            ours: figure(ours),
            peer: "peer".to_owned(),
            theirs: figure(theirs),
            bar: Some(bar),
        }
    }

    #[test]
    fn a_rate_must_be_high_and_a_time_low() {
        assert!(line("a", Unit::Rate, [3.0, 2.0], 1.5).passes());
        assert!(!line("a", Unit::Rate, [2.9, 2.0], 1.5).passes());
        assert!(line("a", Unit::Seconds, [3.0, 2.0], 1.5).passes());
        assert!(!line("a", Unit::Bytes, [3.1, 2.0], 1.5).passes());
    }

    #[test]
    fn a_larger_size_joins_those_that_were_measured_before() {
        let series = |points: &[(f64, f64)]| Series {
            along: "documents".to_owned(),
            columns: vec![("gets".to_owned(), Unit::Rate)],
            points: points.iter().map(|(at, rate)| (*at, vec![Some(*rate)])).collect(),
        };
        let joined = series(&[(10.0, 5.0), (1.0, 6.0)]).with(series(&[(1.0, 9.0), (2.0, 8.0)]));
        assert_eq!(joined, series(&[(1.0, 6.0), (2.0, 8.0), (10.0, 5.0)]));
    }

    #[test]
    fn a_later_part_replaces_its_own_lines_and_no_others() {
        let folder = tempfile::tempdir().unwrap();
        let results = |lines| Results { lines, ..Results::default() };
        let [one, two] = ["one", "two"].map(|name| line(name, Unit::Rate, [1.0, 1.0], 1.0));
        results(vec![one.clone(), two.clone()]).keep(folder.path(), "gets").unwrap();
        let newer = line("one", Unit::Rate, [2.0, 1.0], 1.0);
        results(vec![newer.clone()]).keep(folder.path(), "gets").unwrap();
        assert_eq!(Results::read(folder.path(), "gets").unwrap().lines, [two, newer]);
    }
}
