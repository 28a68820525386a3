//! Owns how a document looks. It works on the stored text, so every number keeps its spelling. Never parses a value.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

const FIELD: Style = AnsiColor::Blue.on_default().bold();
const STRING: Style = AnsiColor::Green.on_default();
const NUMBER: Style = AnsiColor::Cyan.on_default();
const WORD: Style = AnsiColor::Yellow.on_default();

/// How documents are laid out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    pub(super) pretty: bool,
    pub(super) coloured: bool,
    /// Whether control characters are escaped that JSON allows in a string; some terminals obey them.
    pub(super) tame: bool,
}

/// Writes a stored document: a valid JSON text without whitespace between its tokens.
///
/// It goes out piece by piece, since indentation can make a text many times as long.
pub(super) fn write(out: &mut impl Write, text: &str, layout: Layout) -> io::Result<()> {
    if !layout.pretty && !layout.coloured && !layout.tame {
        return out.write_all(text.as_bytes());
    }
    Printer { out, layout, depth: 0 }.print(text)
}

struct Printer<'a, W> {
    out: &'a mut W,
    layout: Layout,
    depth: usize,
}

impl<W: Write> Printer<'_, W> {
    fn print(&mut self, text: &str) -> io::Result<()> {
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            let end = token_end(bytes, at);
            let token = &text[at..end];
            let next = bytes.get(end);
            match bytes[at] {
                b'{' | b'[' => self.open(token, matches!(next, Some(b'}' | b']')))?,
                b'}' | b']' => self.close(token, matches!(bytes[at - 1], b'{' | b'['))?,
                b',' => {
                    self.out.write_all(b",")?;
                    self.new_line()?;
                }
                b':' => self.out.write_all(if self.layout.pretty { b": " } else { b":" })?,
                b'"' => self.styled(token, if next == Some(&b':') { FIELD } else { STRING })?,
                b't' | b'f' | b'n' => self.styled(token, WORD)?,
                _ => self.styled(token, NUMBER)?,
            }
            at = end;
        }
        Ok(())
    }

    fn open(&mut self, token: &str, empty: bool) -> io::Result<()> {
        self.out.write_all(token.as_bytes())?;
        self.depth += 1;
        if empty { Ok(()) } else { self.new_line() }
    }

    fn close(&mut self, token: &str, empty: bool) -> io::Result<()> {
        self.depth = self.depth.saturating_sub(1);
        if !empty {
            self.new_line()?;
        }
        self.out.write_all(token.as_bytes())
    }

    fn new_line(&mut self) -> io::Result<()> {
        if !self.layout.pretty {
            return Ok(());
        }
        self.out.write_all(b"\n")?;
        (0..self.depth).try_for_each(|_| self.out.write_all(b"  "))
    }

    fn styled(&mut self, token: &str, style: Style) -> io::Result<()> {
        if self.layout.coloured {
            write!(self.out, "{style}")?;
        }
        self.tame(token)?;
        if self.layout.coloured {
            write!(self.out, "{style:#}")?;
        }
        Ok(())
    }

    fn tame(&mut self, token: &str) -> io::Result<()> {
        let mut rest = token;
        if !self.layout.tame {
            return self.out.write_all(token.as_bytes());
        }
        while let Some((at, control)) = rest.char_indices().find(|(_, character)| character.is_control()) {
            write!(self.out, "{}\\u{:04x}", &rest[..at], u32::from(control))?;
            rest = &rest[at + control.len_utf8()..];
        }
        self.out.write_all(rest.as_bytes())
    }
}

fn token_end(bytes: &[u8], start: usize) -> usize {
    let rest = &bytes[start..];
    let len = match rest[0] {
        b'"' => string_len(rest),
        b'{' | b'}' | b'[' | b']' | b',' | b':' => 1,
        _ => rest.iter().position(|byte| matches!(byte, b',' | b'}' | b']' | b':')).unwrap_or(rest.len()),
    };
    start + len
}

fn string_len(bytes: &[u8]) -> usize {
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail this way")]

    use super::*;

    fn shown(text: &str, pretty: bool, coloured: bool) -> String {
        let mut out = Vec::new();
        write(&mut out, text, Layout { pretty, coloured, tame: true }).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn pretty_text_keeps_the_spelling_of_numbers() {
        let text = r#"{"a":[1.50,-0,1E+2,18446744073709551615],"b":{},"c":[],"d":{"e":null,"f":"x,{\"}"}}"#;
        let pretty = "{\n  \"a\": [\n    1.50,\n    -0,\n    1E+2,\n    18446744073709551615\n  ],\n  \"b\": {},\n  \
                      \"c\": [],\n  \"d\": {\n    \"e\": null,\n    \"f\": \"x,{\\\"}\"\n  }\n}";
        assert_eq!(shown(text, true, false), pretty);
        assert_eq!(shown(text, false, false), text);
    }

    #[test]
    fn colours_change_nothing_but_the_colour() {
        let text = r#"{"a":[1.50,true,"s"],"b":{}}"#;
        let coloured = shown(text, true, true);
        assert!(coloured.contains("\u{1b}["), "{coloured:?}");
        assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), shown(text, true, false));
    }

    #[test]
    fn a_stored_text_cannot_control_a_terminal() {
        assert_eq!(shown("\"a\u{9b}2J\u{7f}\"", true, false), r#""a\u009b2J\u007f""#);
    }
}
