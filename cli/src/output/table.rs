//! Owns how rows look as a table: columns as wide as they need to be, within the terminal. Never keeps more than a page of rows.

use std::io;

use anstyle::Style;
use console::{measure_text_width, truncate_str};

use super::Output;
use super::rows::Cell;

/// So many rows are looked at for the widths of the columns; those behind them keep to these.
const PAGE_ROWS: usize = 500;
/// A column that is not the last is no wider on a terminal.
const COLUMN_WIDTH_MAX: usize = 40;
/// What stands between columns.
const GAP: usize = 2;

/// A table that is being written.
pub(super) struct Table {
    columns: Vec<Column>,
    page: Vec<Vec<String>>,
    /// The width of the terminal, if it is one.
    width: Option<usize>,
    is_begun: bool,
}

struct Column {
    name: &'static str,
    width: usize,
    is_numeric: bool,
}

impl Table {
    pub(super) fn new(columns: &[&'static str], terminal: bool) -> Self {
        let column = |name: &&'static str| Column { name, width: name.len(), is_numeric: true };
        let size = console::Term::stdout().size_checked();
        let width = terminal.then(|| size.map_or(80, |(_, columns)| usize::from(columns)));
        Self { columns: columns.iter().map(column).collect(), page: Vec::new(), width, is_begun: false }
    }

    pub(super) fn push(&mut self, output: &mut Output, cells: &[Cell<'_>]) -> io::Result<()> {
        if !self.is_begun {
            for (column, cell) in self.columns.iter_mut().zip(cells) {
                column.is_numeric &= cell.is_numeric() || matches!(cell, Cell::Nothing);
            }
        }
        self.page.push(cells.iter().map(Cell::as_shown).collect());
        if self.page.len() == PAGE_ROWS { self.settle(output) } else { Ok(()) }
    }

    /// Writes the rows that were kept back.
    pub(super) fn settle(&mut self, output: &mut Output) -> io::Result<()> {
        let page = std::mem::take(&mut self.page);
        if !self.is_begun && !page.is_empty() {
            self.is_begun = true;
            self.measure(&page);
            let names: Vec<_> = self.columns.iter().map(|column| column.name.to_owned()).collect();
            let head = self.line(&names);
            let style = if output.is_coloured() { Style::new().bold() } else { Style::new() };
            output.line(&format!("{style}{head}{style:#}"))?;
        }
        page.iter().try_for_each(|row| output.line(&self.line(row)))
    }

    fn measure(&mut self, page: &[Vec<String>]) {
        for row in page {
            for (column, text) in self.columns.iter_mut().zip(row) {
                column.width = column.width.max(measure_text_width(text));
            }
        }
        let Some(width) = self.width else { return };
        let Some((last, others)) = self.columns.split_last_mut() else { return };
        let mut left = width;
        for column in others {
            column.width = column.width.min(COLUMN_WIDTH_MAX);
            left = left.saturating_sub(column.width + GAP);
        }
        last.width = last.width.min(left.max(last.name.len()));
    }

    fn line(&self, texts: &[String]) -> String {
        let mut line = String::new();
        for (column, text) in self.columns.iter().zip(texts) {
            let text = match self.width {
                Some(_) => truncate_str(text, column.width, "…"),
                None => text.into(),
            };
            let padding = " ".repeat(column.width.saturating_sub(measure_text_width(&text)));
            match column.is_numeric {
                true => line.push_str(&(padding + &text)),
                false => line.push_str(&(text.into_owned() + &padding)),
            }
            line.push_str("  ");
        }
        line.truncate(line.trim_end().len());
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(width: Option<usize>, rows: &[&[Cell<'_>]]) -> Vec<String> {
        let mut table = Table::new(&["key", "size", "value"], false);
        table.width = width;
        for row in rows {
            for (column, cell) in table.columns.iter_mut().zip(*row) {
                column.is_numeric &= cell.is_numeric();
            }
        }
        let page: Vec<Vec<String>> =
            rows.iter().map(|row| row.iter().map(Cell::as_shown).collect()).collect();
        table.measure(&page);
        page.iter().map(|row| table.line(row)).collect()
    }

    #[test]
    fn columns_are_as_wide_as_they_are_seen() {
        let lines = table(
            None,
            &[
                &[Cell::Text("日本"), Cell::Number(7), Cell::Json("1")],
                &[Cell::Text("abc\n"), Cell::Number(1234), Cell::Json("[2]")],
            ],
        );
        assert_eq!(lines, ["日本      7  1", "abc\\n  1234  [2]"]);
    }

    #[test]
    fn a_terminal_gets_no_more_than_fits_into_its_lines() {
        let long = "x".repeat(200);
        let lines = table(Some(60), &[&[Cell::Text(&long), Cell::Number(1), Cell::Json(&long)]]);
        assert_eq!(measure_text_width(&lines[0]), 60, "{}", lines[0]);
        assert!(lines[0].ends_with('…') && lines[0].contains("…     1  x"), "{}", lines[0]);
    }
}
