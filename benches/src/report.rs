//! Owns how results are printed: tables in Markdown, with durations and rates in readable units. Never computes one.

use std::time::Duration;

/// A table that is printed when it is complete.
#[derive(Debug)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these columns and no rows.
    #[must_use]
    pub fn new(columns: &[&str]) -> Self {
        Self { rows: vec![columns.iter().map(|&column| column.to_owned()).collect()] }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The table as text, its columns aligned.
    #[must_use]
    pub fn text(&self) -> String {
        let columns = self.rows[0].len();
        let cell = |row: &'_ Vec<String>, column: usize| row.get(column).cloned().unwrap_or_default();
        let width = |column| self.rows.iter().map(|row| cell(row, column).chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for (index, row) in self.rows.iter().enumerate() {
            for (column, &width) in widths.iter().enumerate() {
                text += &format!("| {:width$} ", cell(row, column));
            }
            text += "|\n";
            if index == 0 {
                widths.iter().for_each(|width| text += &format!("|{}", "-".repeat(width + 2)));
                text += "|\n";
            }
        }
        text
    }
}

/// Operations a second, to three digits.
#[must_use]
pub fn per_second(rate: f64) -> String {
    match rate {
        rate if rate >= 1e6 => format!("{:.2} M/s", rate / 1e6),
        rate if rate >= 1e5 => format!("{:.0} k/s", rate / 1e3),
        rate if rate >= 1e3 => format!("{:.1} k/s", rate / 1e3),
        rate => format!("{rate:.0} /s"),
    }
}

/// Bytes, to three digits.
#[must_use]
pub fn bytes(bytes: f64) -> String {
    match bytes {
        bytes if bytes >= f64::from(1 << 30) => format!("{:.2} GiB", bytes / f64::from(1 << 30)),
        bytes if bytes >= f64::from(1 << 20) => format!("{:.0} MiB", bytes / f64::from(1 << 20)),
        bytes if bytes >= 10_240.0 => format!("{:.0} KiB", bytes / 1024.0),
        bytes => format!("{bytes:.0} B"),
    }
}

/// A duration, to three digits.
#[must_use]
pub fn duration(duration: Duration) -> String {
    let nanoseconds = duration.as_nanos() as f64;
    let (value, unit) = match nanoseconds {
        value if value < 1e3 => (value, "ns"),
        value if value < 1e6 => (value / 1e3, "µs"),
        value if value < 1e9 => (value / 1e6, "ms"),
        value => (value / 1e9, "s"),
    };
    match value {
        value if value >= 100.0 || unit == "ns" => format!("{value:.0} {unit}"),
        value if value >= 10.0 => format!("{value:.1} {unit}"),
        value => format!("{value:.2} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_keep_three_digits() {
        assert_eq!(per_second(2_561_000.0), "2.56 M/s");
        assert_eq!(per_second(351_400.0), "351 k/s");
        assert_eq!(per_second(6_712.0), "6.7 k/s");
        assert_eq!(duration(Duration::from_nanos(187)), "187 ns");
        assert_eq!(duration(Duration::from_nanos(187_400)), "187 µs");
        assert_eq!(duration(Duration::from_micros(4_120)), "4.12 ms");
    }

    #[test]
    fn columns_are_aligned() {
        let mut table = Table::new(&["a", "long"]);
        table.row(["µ".to_owned(), "x".to_owned()]);
        assert_eq!(table.text(), "| a | long |\n|---|------|\n| µ | x    |\n");
    }
}
