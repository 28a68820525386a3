//! Owns which numbers are kept, and how a number of Rust is spelled. Never rounds one silently.

use serde_json::Number;
use serde_json::ser::{CompactFormatter, Formatter};

/// A number as it stands in a text: its bytes, and whether it has a fraction or an exponent.
#[derive(Clone, Copy, Debug)]
pub(super) struct NumberToken {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) float: bool,
}

/// Where the number that begins at `start` ends.
///
/// # Errors
/// The place and the reason, when the grammar of JSON has no such number, or it cannot be kept exactly.
#[inline]
pub(super) fn scan(text: &str, start: usize) -> Result<NumberToken, (usize, &'static str)> {
    let bytes = text.as_bytes();
    let mut at = start + usize::from(bytes.get(start) == Some(&b'-'));
    let digits = at;
    at = digits_end(bytes, at);
    match at - digits {
        0 => return Err((at, "a number needs a digit here")),
        1 => {}
        _ if bytes[digits] == b'0' => return Err((digits, "a number begins with a zero that is not needed")),
        _ => {}
    }
    let whole_len = at - digits;
    let mut float = false;
    if bytes.get(at) == Some(&b'.') {
        float = true;
        at = some_digits(bytes, at + 1)?;
    }
    let exponent = matches!(bytes.get(at), Some(b'e' | b'E'));
    if exponent {
        float = true;
        at += 1 + usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        at = some_digits(bytes, at)?;
    }
    let token = NumberToken { start, end: at, float };
    // Eighteen digits always fit an integer, and 308 always a float: most numbers need no second look.
    let surely_fits = if float { !exponent && whole_len <= 308 } else { whole_len <= 18 };
    if surely_fits || fits(text, token) {
        return Ok(token);
    }
    let reason = if float {
        "this number is too large for a 64-bit float"
    } else {
        "this integer is outside -9223372036854775808..=18446744073709551615"
    };
    Err((start, reason))
}

#[inline]
fn digits_end(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(u8::is_ascii_digit) {
        at += 1;
    }
    at
}

#[inline]
fn some_digits(bytes: &[u8], at: usize) -> Result<usize, (usize, &'static str)> {
    let end = digits_end(bytes, at);
    if end == at { Err((at, "a number needs a digit here")) } else { Ok(end) }
}

#[cold]
fn fits(text: &str, token: NumberToken) -> bool {
    value(text, token).is_some()
}

/// The number as a value; `None` when it cannot be kept.
pub(super) fn value(text: &str, token: NumberToken) -> Option<Number> {
    let spelled = &text[token.start..token.end];
    // A negative zero exists only as a float.
    if token.float || spelled == "-0" {
        return Number::from_f64(spelled.parse().ok()?);
    }
    if spelled.starts_with('-') {
        return spelled.parse::<i64>().ok().map(Number::from);
    }
    spelled.parse::<u64>().ok().map(Number::from)
}

/// Room for the longest number of 64 bits, and a way to spell one there.
pub(super) struct Spelled {
    bytes: [u8; 40],
    len: usize,
}

impl Spelled {
    #[inline]
    pub(super) fn signed(number: i64) -> Self {
        Self::with(|formatter, rest| formatter.write_i64(rest, number))
    }

    #[inline]
    pub(super) fn unsigned(number: u64) -> Self {
        Self::with(|formatter, rest| formatter.write_u64(rest, number))
    }

    /// The shortest spelling that reads back as this finite number.
    #[inline]
    pub(super) fn double(number: f64) -> Self {
        Self::with(|formatter, rest| formatter.write_f64(rest, number))
    }

    /// The shortest spelling that reads back as this finite number of 32 bits.
    #[inline]
    pub(super) fn single(number: f32) -> Self {
        Self::with(|formatter, rest| formatter.write_f32(rest, number))
    }

    /// The spelling in ASCII, with zeros behind it, and its length.
    #[inline]
    pub(super) fn bytes(&self) -> (&[u8; 40], usize) {
        (&self.bytes, self.len)
    }

    #[inline]
    fn with(write: impl FnOnce(&mut CompactFormatter, &mut &mut [u8]) -> std::io::Result<()>) -> Self {
        let mut bytes = [0; 40];
        let mut rest = &mut bytes[..];
        write(&mut CompactFormatter, &mut rest).expect("40 bytes hold every number of 64 bits");
        let len = 40 - rest.len();
        Self { bytes, len }
    }
}
