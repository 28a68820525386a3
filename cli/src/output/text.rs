//! Owns texts for people: messages in one line, keys as they can be typed, strings without what controls a terminal. Never
//! decides which text is shown.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};

use anstyle::{AnsiColor, Style};
use ferrumdb::ErrorKind;
use serde_json::json;

use crate::exit::Status;

/// Whether errors are told as JSON.
static AS_JSON: AtomicBool = AtomicBool::new(false);

/// From now on, errors and warnings are told as a JSON object in a line.
pub(crate) fn tell_as_json() {
    AS_JSON.store(true, Ordering::Relaxed);
}

/// Prints an error, in one line.
pub(crate) fn error(text: &str, status: Status, kind: Option<ErrorKind>) {
    if !AS_JSON.load(Ordering::Relaxed) {
        return message("error", AnsiColor::Red.on_default().bold(), text);
    }
    let kind = kind.map(|kind| format!("{kind:?}"));
    note(&json!({"error": text, "status": status as u8, "kind": kind}).to_string());
}

/// Prints a warning, in one line.
pub(crate) fn warning(text: &str) {
    if AS_JSON.load(Ordering::Relaxed) {
        return note(&json!({ "warning": text }).to_string());
    }
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
pub(super) fn one_line(text: &str) -> Cow<'_, str> {
    spelled_out(text, char::is_control)
}

/// The same, but for line ends and tabs.
pub(super) fn tamed(text: &str) -> Cow<'_, str> {
    spelled_out(text, |character| character.is_control() && !matches!(character, '\n' | '\t'))
}

fn spelled_out(text: &str, is_meant: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_meant) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().fold(String::with_capacity(text.len() + 8), |mut line, character| {
        match character {
            '\n' if is_meant('\n') => line.push_str("\\n"),
            _ if is_meant(character) => {
                let _ = write!(line, "\\u{:04x}", u32::from(character));
            }
            _ => line.push(character),
        }
        line
    }))
}

/// What a JSON string says, without its quotes; any other JSON text as it is.
pub(super) fn bare(json: &str) -> Cow<'_, str> {
    let string = json.starts_with('"').then(|| serde_json::from_str(json).ok()).flatten();
    string.map_or(Cow::Borrowed(json), Cow::Owned)
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

    #[test]
    fn a_bare_string_has_neither_quotes_nor_power_over_a_terminal() {
        assert_eq!(bare(r#""two\nlines\u001b[2J""#), "two\nlines\u{1b}[2J");
        assert_eq!(tamed("two\nlines\t\u{1b}[2J"), "two\nlines\t\\u001b[2J");
        assert_eq!((bare("1.50"), bare(r#"["a"]"#)), ("1.50".into(), r#"["a"]"#.into()));
    }
}
