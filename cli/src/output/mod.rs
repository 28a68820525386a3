//! Owns what people and programs read: answers on standard output, one-line messages on standard error. Never lets a
//! stored text control a terminal.

mod json;

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, BufWriter, IsTerminal, Stdout, Write};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};

use self::json::Layout;

/// Answers are gathered up to this size before they are written.
const BUFFER_BYTES: usize = 64 << 10;

/// Standard output: pretty and coloured on a terminal, plain and compact elsewhere.
pub(crate) struct Output {
    stream: BufWriter<AutoStream<Stdout>>,
    layout: Layout,
}

impl Output {
    /// Writes to standard output, as the terminal and the environment wish.
    pub(crate) fn standard() -> Self {
        let stdout = io::stdout();
        let coloured = AutoStream::choice(&stdout) != ColorChoice::Never;
        let layout = Layout { pretty: stdout.is_terminal(), coloured };
        // Without colours there is nothing to strip, and texts pass as they are.
        let stream = if coloured { AutoStream::always(stdout) } else { AutoStream::always_ansi(stdout) };
        Self { stream: BufWriter::with_capacity(BUFFER_BYTES, stream), layout }
    }

    /// Whether colours are wished for.
    pub(crate) fn is_coloured(&self) -> bool {
        self.layout.coloured
    }

    /// Whether somebody sits in front of it.
    pub(crate) fn is_terminal(&self) -> bool {
        self.layout.pretty
    }

    /// One line of plain text.
    pub(crate) fn line(&mut self, text: &str) -> io::Result<()> {
        self.stream.write_all(text.as_bytes())?;
        self.stream.write_all(b"\n")
    }

    /// One line of text, in which something stored may stand.
    pub(crate) fn text(&mut self, text: &str) -> io::Result<()> {
        self.line(&one_line(text))
    }

    /// A stored document, by its text.
    pub(crate) fn document(&mut self, text: &str) -> io::Result<()> {
        json::write(&mut self.stream, text, self.layout)?;
        self.stream.write_all(b"\n")
    }

    /// A key, as it can be typed.
    pub(crate) fn key(&mut self, key: &str) -> io::Result<()> {
        self.line(&typed(key))
    }

    /// Whether answers wait for [`flush`](Self::flush).
    pub(crate) fn has_unwritten(&self) -> bool {
        !self.stream.buffer().is_empty()
    }

    /// Makes visible what was written.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// Prints an error, in one line.
pub(crate) fn error(text: &str) {
    message("error", AnsiColor::Red.on_default().bold(), text);
}

/// Prints a warning, in one line.
pub(crate) fn warning(text: &str) {
    message("warning", AnsiColor::Yellow.on_default().bold(), text);
}

/// Prints a line on standard error.
pub(crate) fn note(text: &str) {
    // Nobody can be told that standard error is gone.
    let _ = writeln!(anstream::stderr(), "{}", one_line(text));
}

fn message(word: &str, style: Style, text: &str) {
    let _ = writeln!(anstream::stderr(), "{style}{word}:{style:#} {}", one_line(text));
}

/// The text with its control characters spelled out.
fn one_line(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().fold(String::with_capacity(text.len() + 8), |mut line, character| {
        match character {
            '\n' => line.push_str("\\n"),
            _ if character.is_control() => {
                let _ = write!(line, "\\u{:04x}", u32::from(character));
            }
            _ => line.push(character),
        }
        line
    }))
}

/// The key as the prompt reads it: quoted where it would not be one word otherwise.
pub(crate) fn typed(key: &str) -> Cow<'_, str> {
    let is_word = |character: char| !character.is_whitespace() && !character.is_control();
    if !key.is_empty() && !key.starts_with('"') && key.chars().all(is_word) {
        return Cow::Borrowed(key);
    }
    let quoted = serde_json::to_string(key).expect("every text is a JSON string");
    Cow::Owned(one_line(&quoted).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_shown_as_it_can_be_typed() {
        assert_eq!(typed("user:1"), "user:1");
        assert_eq!(typed(""), r#""""#);
        assert_eq!(typed("two words"), r#""two words""#);
        assert_eq!(typed("\"quoted"), r#""\"quoted""#);
        assert_eq!(typed("a\nb\u{9b}c\u{1b}"), r#""a\nb\u009bc\u001b""#);
        assert_eq!(typed("schön"), "schön");
    }

    #[test]
    fn a_message_is_one_line_whatever_it_quotes() {
        assert_eq!(one_line("could not open a\nb\u{1b}[2J"), r"could not open a\nb\u001b[2J");
    }
}
