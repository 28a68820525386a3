//! Owns the cutting of an input into the texts of its documents, from an array or from lines. Never judges a
//! document: the database does; and never holds more than one.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

/// The longest text of one document, whitespace included: room for the largest document, spelled generously.
const TEXT_BYTES_MAX: usize = 128 << 20;
const BUFFER_BYTES: usize = 256 << 10;

/// How documents follow one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Array,
    Lines,
}

/// Where a document stands in its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// From 1.
    line: u64,
    /// The number of an element, from 1.
    element: Option<u64>,
}

/// One document of the input.
#[derive(Debug)]
pub(super) struct Document<'a> {
    pub(super) text: &'a [u8],
    pub(super) place: Place,
}

/// Why there is no next document.
#[derive(Debug)]
pub(super) enum Error {
    Io(io::Error),
    Bad { place: Place, reason: String },
}

/// The documents of an input, one after the other.
pub(super) struct Documents<R> {
    input: BufReader<R>,
    format: Format,
    state: State,
    line: u64,
    element: u64,
    bytes_read: u64,
    text: Vec<u8>,
    text_bytes_max: usize,
}

/// How far an array was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Before,
    Within,
    Ended,
}

impl Format {
    /// What the ending of a file's name says.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        matches!(extension.as_str(), "ndjson" | "jsonl").then_some(Self::Lines)
    }
}

impl<R: Read> Documents<R> {
    /// Reads the beginning, which tells the format if nothing else does.
    pub(super) fn new(input: R, format: Option<Format>) -> io::Result<Self> {
        let mut documents = Self {
            input: BufReader::with_capacity(BUFFER_BYTES, input),
            format: Format::Lines,
            state: State::Before,
            line: 1,
            element: 0,
            bytes_read: 0,
            text: Vec::new(),
            text_bytes_max: TEXT_BYTES_MAX,
        };
        documents.skip_byte_order_mark()?;
        let first = documents.skip_whitespace()?;
        documents.format = format.unwrap_or(if first == Some(b'[') { Format::Array } else { Format::Lines });
        Ok(documents)
    }

    /// How much of the input has been consumed.
    pub(super) fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    /// The next document; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Document<'_>>, Error> {
        self.text.clear();
        let place = match self.format {
            Format::Lines => self.next_line()?,
            Format::Array => self.next_element()?,
        };
        Ok(place.map(|place| Document { text: self.text.trim_ascii(), place }))
    }

    fn next_line(&mut self) -> Result<Option<Place>, Error> {
        loop {
            let place = Place { line: self.line, element: None };
            let bytes = fill(&mut self.input)?;
            if bytes.is_empty() {
                return Ok((!self.text.trim_ascii().is_empty()).then_some(place));
            }
            let newline = bytes.iter().position(|byte| *byte == b'\n');
            let end = newline.unwrap_or(bytes.len());
            take(&mut self.text, &bytes[..end], self.text_bytes_max, place)?;
            self.consume(end + usize::from(newline.is_some()));
            if newline.is_none() {
                continue;
            }
            self.line += 1;
            if !self.text.trim_ascii().is_empty() {
                return Ok(Some(place));
            }
            self.text.clear();
        }
    }

    fn next_element(&mut self) -> Result<Option<Place>, Error> {
        let next = self.skip_whitespace()?;
        match (self.state, next) {
            (State::Ended, None) => return Ok(None),
            (State::Ended, Some(_)) => {
                let reason =
                    "there is more behind the end of the array; if each line is a document, use --lines";
                return Err(self.bad(reason));
            }
            (State::Before, _) => {
                self.consume(1);
                self.state = State::Within;
                if self.skip_whitespace()? == Some(b']') {
                    self.consume(1);
                    self.state = State::Ended;
                    return self.next_element();
                }
            }
            (State::Within, _) => {}
        }
        self.element += 1;
        self.skip_whitespace()?;
        let place = self.place();
        let end = self.scan_element(place)?;
        if self.text.trim_ascii().is_empty() {
            let reason = if end == b']' {
                "a document is missing behind the comma"
            } else {
                "a document is missing before the comma"
            };
            return Err(Error::Bad { place, reason: reason.to_owned() });
        }
        if end == b']' {
            self.state = State::Ended;
        }
        Ok(Some(place))
    }

    /// Takes everything up to the comma or the bracket that ends the element, and returns that.
    fn scan_element(&mut self, place: Place) -> Result<u8, Error> {
        let mut scanner = Scanner::default();
        loop {
            let bytes = fill(&mut self.input)?;
            if bytes.is_empty() {
                let reason = "the input ends within the array; its closing bracket is missing".to_owned();
                return Err(Error::Bad { place, reason });
            }
            let found = scanner.find_end(bytes);
            let end = found.unwrap_or(bytes.len());
            take(&mut self.text, &bytes[..end], self.text_bytes_max, place)?;
            let byte = bytes.get(end).copied();
            self.consume(end + usize::from(found.is_some()));
            self.line += std::mem::take(&mut scanner.newlines);
            if let (Some(_), Some(byte)) = (found, byte) {
                return Ok(byte);
            }
        }
    }

    /// Consumes whitespace, and shows the byte behind it.
    fn skip_whitespace(&mut self) -> io::Result<Option<u8>> {
        loop {
            let bytes = fill(&mut self.input)?;
            if bytes.is_empty() {
                return Ok(None);
            }
            let len = bytes.iter().position(|byte| !is_whitespace(*byte)).unwrap_or(bytes.len());
            let newlines = bytes[..len].iter().filter(|byte| **byte == b'\n').count();
            let next = bytes.get(len).copied();
            self.line += newlines as u64;
            self.consume(len);
            if next.is_some() {
                return Ok(next);
            }
        }
    }

    fn skip_byte_order_mark(&mut self) -> io::Result<()> {
        for byte in b"\xEF\xBB\xBF" {
            if fill(&mut self.input)?.first() != Some(byte) {
                break;
            }
            self.consume(1);
        }
        Ok(())
    }

    fn consume(&mut self, bytes: usize) {
        self.input.consume(bytes);
        self.bytes_read += bytes as u64;
    }

    fn place(&self) -> Place {
        let element = (self.format == Format::Array && self.state == State::Within).then_some(self.element);
        Place { line: self.line, element }
    }

    fn bad(&self, reason: &str) -> Error {
        Error::Bad { place: self.place(), reason: reason.to_owned() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.element {
            Some(element) => write!(formatter, "line {} (element {element})", self.line),
            None => write!(formatter, "line {}", self.line),
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Finds the end of an element, over several pieces of it. Which bracket closes which is the database's to check.
#[derive(Debug, Default)]
struct Scanner {
    depth: usize,
    in_string: bool,
    escaped: bool,
    newlines: u64,
}

impl Scanner {
    fn find_end(&mut self, bytes: &[u8]) -> Option<usize> {
        for (at, byte) in bytes.iter().enumerate() {
            match byte {
                b'\n' => self.newlines += 1,
                _ if self.escaped => self.escaped = false,
                b'\\' if self.in_string => self.escaped = true,
                b'"' => self.in_string = !self.in_string,
                _ if self.in_string => {}
                b'[' | b'{' => self.depth += 1,
                b',' | b']' if self.depth == 0 => return Some(at),
                b']' | b'}' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
        None
    }
}

fn fill<R: Read>(input: &mut BufReader<R>) -> io::Result<&[u8]> {
    while let Err(error) = input.fill_buf() {
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    // What was read is in the buffer now, so this does not read again; an end stays an end.
    Ok(input.buffer())
}

fn take(text: &mut Vec<u8>, bytes: &[u8], max: usize, place: Place) -> Result<(), Error> {
    if text.len() + bytes.len() > max {
        let reason = format!("the document is longer than {max} bytes; split it");
        return Err(Error::Bad { place, reason });
    }
    text.extend_from_slice(bytes);
    Ok(())
}

fn is_whitespace(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

#[cfg(test)]
mod tests;
