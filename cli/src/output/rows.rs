//! Owns answers of several rows, in every mode: they go out as they come, however many they are. Never decides which
//! columns there are.

use std::borrow::Cow;
use std::io;

use ferrumdb::Timestamp;

use super::table::Table;
use super::text::{bare, one_line, typed};
use super::{Mode, Output};
use crate::time;

/// What a column holds in one row.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cell<'a> {
    /// There is nothing to say: JSON leaves the column out.
    Nothing,
    Number(u64),
    Real(f64),
    /// Milliseconds since 1970; people are shown a date.
    Time(u64),
    Text(&'a str),
    /// A JSON text.
    Json(&'a str),
}

/// How rows look where no mode was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plain {
    /// As a table on a terminal, as a JSON object a line elsewhere.
    Table,
    /// The first column, as it can be typed.
    Typed,
}

/// An answer that is being written.
pub(crate) struct Rows<'o> {
    output: &'o mut Output,
    columns: &'static [&'static str],
    form: Form,
    written: u64,
}

enum Form {
    Table(Table),
    Array,
    Lines,
    Csv,
    Raw,
    Typed,
}

impl<'o> Rows<'o> {
    pub(super) fn new(output: &'o mut Output, columns: &'static [&'static str], plain: Plain) -> Self {
        let form = match (output.mode, plain) {
            (None, Plain::Typed) => Form::Typed,
            (None, Plain::Table) if !output.terminal => Form::Lines,
            (Some(Mode::Table), _) | (None, Plain::Table) => {
                Form::Table(Table::new(columns, output.terminal))
            }
            (Some(Mode::Json), _) => Form::Array,
            (Some(Mode::Ndjson), _) => Form::Lines,
            (Some(Mode::Csv), _) => Form::Csv,
            (Some(Mode::Raw), _) => Form::Raw,
        };
        Self { output, columns, form, written: 0 }
    }

    /// Adds a row, which has a cell for each column.
    pub(crate) fn push(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        debug_assert_eq!(cells.len(), self.columns.len());
        let output = &mut *self.output;
        match &mut self.form {
            Form::Table(table) => table.push(output, cells)?,
            Form::Array => {
                output.bare(if self.written == 0 { "[\n" } else { ",\n" })?;
                output.json(&object(self.columns, cells), false)?;
            }
            Form::Lines => {
                output.json(&object(self.columns, cells), false)?;
                output.bare("\n")?;
            }
            Form::Csv => {
                if self.written == 0 {
                    output.bare(&csv(self.columns.iter().map(|name| Cow::Borrowed(*name)))?)?;
                }
                output.bare(&csv(cells.iter().map(Cell::as_text))?)?;
            }
            Form::Raw => {
                let texts: Vec<_> = cells.iter().map(Cell::as_bare).collect();
                output.bare(&(texts.join("\t") + "\n"))?;
            }
            Form::Typed => output.line(&typed(&cells[0].as_text()))?,
        }
        self.written += 1;
        Ok(())
    }

    /// Shows all rows that were added, for whoever waits for the next ones.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        if let Form::Table(table) = &mut self.form {
            table.settle(self.output)?;
        }
        self.output.flush()
    }

    /// Ends the answer.
    pub(crate) fn finish(self) -> io::Result<()> {
        let Self { output, columns, form, written } = self;
        match form {
            Form::Table(mut table) => table.settle(output),
            Form::Array => output.bare(if written == 0 { "[]\n" } else { "\n]\n" }),
            Form::Csv if written == 0 => output.bare(&csv(columns.iter().map(|name| Cow::Borrowed(*name)))?),
            Form::Lines | Form::Csv | Form::Raw | Form::Typed => Ok(()),
        }
    }
}

impl<'a> Cell<'a> {
    /// A time, if there is one.
    pub(crate) fn time(time: Option<Timestamp>) -> Self {
        time.map_or(Self::Nothing, |time| Self::Time(time.0))
    }

    /// A number, if there is one.
    pub(crate) fn number(number: Option<u64>) -> Self {
        number.map_or(Self::Nothing, Self::Number)
    }

    /// A text, if there is one.
    pub(crate) fn text(text: Option<&'a str>) -> Self {
        text.map_or(Self::Nothing, Self::Text)
    }

    /// A JSON text, if there is one.
    pub(crate) fn json(text: Option<&'a str>) -> Self {
        text.map_or(Self::Nothing, Self::Json)
    }

    pub(super) fn as_text(&self) -> Cow<'a, str> {
        match *self {
            Self::Nothing => Cow::Borrowed(""),
            Self::Number(number) | Self::Time(number) => Cow::Owned(number.to_string()),
            Self::Real(number) => Cow::Owned(number.to_string()),
            Self::Text(text) | Self::Json(text) => Cow::Borrowed(text),
        }
    }

    fn as_bare(&self) -> Cow<'a, str> {
        match *self {
            Self::Json(text) => bare(text),
            other => other.as_text(),
        }
    }

    fn as_json(&self) -> Cow<'a, str> {
        match *self {
            Self::Text(text) => Cow::Owned(quoted(text)),
            other => other.as_text(),
        }
    }

    pub(super) fn is_numeric(&self) -> bool {
        matches!(self, Self::Number(_) | Self::Real(_))
    }

    /// For a table: in one line.
    pub(super) fn as_shown(&self) -> String {
        match *self {
            Self::Time(milliseconds) => time::shown(milliseconds),
            other => one_line(&other.as_text()).into_owned(),
        }
    }
}

/// A row as a JSON object, without the columns that have nothing to say.
pub(super) fn object(columns: &[&str], cells: &[Cell<'_>]) -> String {
    let mut text = "{".to_owned();
    for (name, cell) in columns.iter().zip(cells) {
        if matches!(cell, Cell::Nothing) {
            continue;
        }
        if text.len() > 1 {
            text.push(',');
        }
        text.push_str(&quoted(name));
        text.push(':');
        text.push_str(&cell.as_json());
    }
    text + "}"
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("every text is a JSON string")
}

/// A line of comma-separated values.
pub(super) fn csv<'t>(texts: impl Iterator<Item = Cow<'t, str>>) -> io::Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(texts.map(|text| text.as_bytes().to_vec()))?;
    let line = writer.into_inner().map_err(|error| io::Error::other(error.to_string()))?;
    Ok(String::from_utf8(line).expect("the values are texts"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail this way")]

    use super::*;

    #[test]
    fn a_column_without_anything_is_left_out_of_an_object() {
        let cells = [Cell::Text("a\"b"), Cell::Nothing, Cell::Json("[1.50]"), Cell::Time(7)];
        assert_eq!(object(&["key", "ttl", "value", "at"], &cells), r#"{"key":"a\"b","value":[1.50],"at":7}"#);
        assert_eq!(object(&["key"], &[Cell::Nothing]), "{}");
    }

    #[test]
    fn what_would_end_a_value_is_quoted() {
        let line = |texts: &[&'static str]| csv(texts.iter().map(|text| Cow::Borrowed(*text))).unwrap();
        assert_eq!(line(&["a", "b c", ""]), "a,b c,\n");
        assert_eq!(line(&["a,b", "say \"x\"", "two\nlines"]), "\"a,b\",\"say \"\"x\"\"\",\"two\nlines\"\n");
    }
}
