//! Owns what people and programs read: answers on standard output, one-line messages on standard error. Never lets a
//! stored text control a terminal.

mod json;
pub(crate) mod report;
mod rows;
mod table;
mod text;

use std::fmt;
use std::io::{self, BufWriter, IsTerminal, Stdout, Write};

use anstream::{AutoStream, ColorChoice};
use clap::ValueEnum;

use self::json::Layout;
pub(crate) use self::rows::{Cell, Plain, Rows};
pub(crate) use self::text::{error, note, tell_as_json, typed, warning};

/// Answers are gathered up to this size before they are written.
const BUFFER_BYTES: usize = 64 << 10;

/// How answers look, where somebody has said so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// Columns for people
    Table,
    /// One JSON value: an array where there are several
    Json,
    /// A JSON object a line
    Ndjson,
    /// Comma-separated values, with a line of names
    Csv,
    /// The bare values, with tabs between them; strings without quotes
    Raw,
}

impl fmt::Display for Mode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value().expect("no mode is left out");
        formatter.write_str(value.get_name())
    }
}

/// Standard output: laid out and coloured on a terminal, plain and compact elsewhere, unless a mode says otherwise.
pub(crate) struct Output {
    stream: BufWriter<AutoStream<Stdout>>,
    mode: Option<Mode>,
    terminal: bool,
    coloured: bool,
}

impl Output {
    /// Writes to standard output, as the terminal and the environment wish.
    pub(crate) fn standard(mode: Option<Mode>) -> Self {
        let stdout = io::stdout();
        let terminal = stdout.is_terminal();
        let coloured = AutoStream::choice(&stdout) != ColorChoice::Never;
        // Without colours there is nothing to strip, and texts pass as they are.
        let stream = if coloured { AutoStream::always(stdout) } else { AutoStream::always_ansi(stdout) };
        Self { stream: BufWriter::with_capacity(BUFFER_BYTES, stream), mode, terminal, coloured }
    }

    /// How answers are to look, if that was said.
    pub(crate) fn mode(&self) -> Option<Mode> {
        self.mode
    }

    /// From now on, answers look like this.
    pub(crate) fn set_mode(&mut self, mode: Option<Mode>) {
        self.mode = mode;
    }

    /// Whether colours are wished for.
    pub(crate) fn is_coloured(&self) -> bool {
        self.coloured
    }

    /// Whether somebody sits in front of it.
    pub(crate) fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// One line of plain text.
    pub(crate) fn line(&mut self, text: &str) -> io::Result<()> {
        self.stream.write_all(text.as_bytes())?;
        self.stream.write_all(b"\n")
    }

    /// One line of text, in which something stored may stand.
    pub(crate) fn text(&mut self, text: &str) -> io::Result<()> {
        self.line(&text::one_line(text))
    }

    /// A stored document, by its text.
    pub(crate) fn document(&mut self, text: &str) -> io::Result<()> {
        match self.mode {
            Some(Mode::Raw) => self.bare(&text::bare(text))?,
            Some(Mode::Ndjson | Mode::Csv) => self.json(text, false)?,
            Some(Mode::Json | Mode::Table) | None => self.json(text, self.terminal)?,
        }
        self.stream.write_all(b"\n")
    }

    /// Rows of these columns. Where no mode was said, they look `plain`.
    pub(crate) fn rows(&mut self, columns: &'static [&'static str], plain: Plain) -> Rows<'_> {
        Rows::new(self, columns, plain)
    }

    /// Keys, or other names, one by one.
    pub(crate) fn names(&mut self, column: &'static [&'static str]) -> Rows<'_> {
        self.rows(column, Plain::Typed)
    }

    /// Whether answers wait for [`flush`](Self::flush).
    pub(crate) fn has_unwritten(&self) -> bool {
        !self.stream.buffer().is_empty()
    }

    /// Makes visible what was written.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }

    /// A JSON text, without a line end.
    fn json(&mut self, text: &str, pretty: bool) -> io::Result<()> {
        let layout = Layout { pretty, coloured: self.coloured, tame: self.terminal };
        json::write(&mut self.stream, text, layout)
    }

    /// A text as it is; on a terminal, what could control that is spelled out.
    fn bare(&mut self, text: &str) -> io::Result<()> {
        match self.terminal {
            true => self.stream.write_all(text::tamed(text).as_bytes()),
            false => self.stream.write_all(text.as_bytes()),
        }
    }
}
