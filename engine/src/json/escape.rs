//! Owns the spelling of strings: which bytes need an escape, and which escape is the kept one. Never sees quotes or
//! anything beyond one string.

use std::borrow::Cow;

const ONES: u64 = u64::from_le_bytes([0x01; 8]);
const HIGHS: u64 = u64::from_le_bytes([0x80; 8]);

/// Where the run of plain bytes that begins at `at` ends: before a quote, a backslash, a control byte, or at the end.
#[inline]
pub(super) fn plain_end(bytes: &[u8], mut at: usize) -> usize {
    while let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let marks = marks(u64::from_le_bytes(*chunk));
        if marks != 0 {
            return at + (marks.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    // The zeros behind the last byte are control bytes, so that one of them ends the run.
    if at < bytes.len() { at + (marks(last_word(bytes, at)).trailing_zeros() / 8) as usize } else { at }
}

/// Copies `bytes` to the beginning of `room`, and says whether all of them are plain. What is copied twice, so that only
/// whole words are, is the same both times.
#[inline]
pub(super) fn copy_plain(bytes: &[u8], room: &mut [u8]) -> bool {
    let room = &mut room[..bytes.len()];
    if let (Some(last), Some(last_place)) = (bytes.last_chunk::<8>(), room.last_chunk_mut::<8>()) {
        *last_place = *last;
        let mut found = marks(u64::from_le_bytes(*last));
        for (word, place) in bytes.as_chunks::<8>().0.iter().zip(room.as_chunks_mut::<8>().0) {
            *place = *word;
            found |= marks(u64::from_le_bytes(*word));
        }
        return found == 0;
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        let both = u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32;
        room[..4].copy_from_slice(first);
        let len = room.len();
        room[len - 4..].copy_from_slice(last);
        return marks(both) == 0;
    }
    let mut plain = true;
    for (byte, place) in bytes.iter().zip(room) {
        *place = *byte;
        plain &= *byte >= b' ' && *byte != b'"' && *byte != b'\\';
    }
    plain
}

/// The bytes from `at` on, at least one and fewer than eight, and zeros behind them. Short strings are the most: a loop
/// over these bytes took a fifth of the time in which a document is written.
#[inline]
pub(super) fn last_word(bytes: &[u8], at: usize) -> u64 {
    let len = bytes.len();
    if let Some(last) = bytes.last_chunk::<8>() {
        return u64::from_le_bytes(*last) >> (8 * (at + 8 - len));
    }
    let whole = match (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        (Some(first), Some(last)) => {
            u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << (8 * (len - 4))
        }
        _ => {
            [0, len / 2, len - 1].iter().fold(0, |word, place| word | u64::from(bytes[*place]) << (8 * place))
        }
    };
    whole >> (8 * at)
}

/// The high bit of each byte that is not plain. Bits above the lowest one set may be wrong, that one is right.
#[inline]
fn marks(word: u64) -> u64 {
    let quote = word ^ (ONES * b'"' as u64);
    let backslash = word ^ (ONES * b'\\' as u64);
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    ((quote.wrapping_sub(ONES) & !quote) | (backslash.wrapping_sub(ONES) & !backslash) | control) & HIGHS
}

/// One escape as it was read.
pub(super) struct Escape {
    /// What it stands for.
    pub(super) character: char,
    /// Its length in bytes, the backslash counted.
    pub(super) len: usize,
    /// Whether it is spelled as it is kept.
    pub(super) canonical: bool,
}

/// Reads the escape whose backslash is at `at`.
pub(super) fn read(bytes: &[u8], at: usize) -> Result<Escape, &'static str> {
    let short = match bytes.get(at + 1) {
        Some(b'"') => '"',
        Some(b'\\') => '\\',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'/') => return Ok(Escape { character: '/', len: 2, canonical: false }),
        Some(b'u') => return read_unicode(bytes, at),
        _ => return Err("a backslash stands before a character that cannot be escaped"),
    };
    Ok(Escape { character: short, len: 2, canonical: true })
}

fn read_unicode(bytes: &[u8], at: usize) -> Result<Escape, &'static str> {
    const LONE: &str = "an escape names half of a surrogate pair without the other";
    let first = four_hex(bytes, at + 2)?;
    if let Some(character) = char::from_u32(first) {
        let spelled = bytes.get(at..at + 6);
        let mut kept = String::new();
        push_char(&mut kept, character);
        return Ok(Escape { character, len: 6, canonical: spelled == Some(kept.as_bytes()) });
    }
    if first >= 0xDC00 || bytes.get(at + 6..at + 8) != Some(b"\\u") {
        return Err(LONE);
    }
    let second = four_hex(bytes, at + 8)?;
    if !(0xDC00..0xE000).contains(&second) {
        return Err(LONE);
    }
    let character = char::from_u32(0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00)).ok_or(LONE)?;
    Ok(Escape { character, len: 12, canonical: false })
}

fn four_hex(bytes: &[u8], at: usize) -> Result<u32, &'static str> {
    const BAD: &str = "\\u needs four hexadecimal digits";
    bytes.get(at..at + 4).ok_or(BAD)?.iter().try_fold(0, |value, byte| {
        let digit = char::from(*byte).to_digit(16).ok_or(BAD)?;
        Ok(value << 4 | digit)
    })
}

/// Appends one character as it is kept.
pub(super) fn push_char(out: &mut String, character: char) {
    match character {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\0'..' ' => {
            let low = u32::from(character);
            out.push_str("\\u00");
            out.extend([low >> 4, low & 15].into_iter().filter_map(|digit| char::from_digit(digit, 16)));
        }
        plain => out.push(plain),
    }
}

/// Appends a string as it is kept, without quotes.
#[inline]
pub(super) fn push(out: &mut String, string: &str) {
    let mut at = 0;
    loop {
        let end = plain_end(string.as_bytes(), at);
        out.push_str(&string[at..end]);
        let Some(&special) = string.as_bytes().get(end) else { return };
        push_char(out, char::from(special));
        at = end + 1;
    }
}

/// The string that a valid, escaped content stands for.
pub(super) fn decode(content: &str) -> Cow<'_, str> {
    let bytes = content.as_bytes();
    let mut end = plain_end(bytes, 0);
    if end == bytes.len() {
        return Cow::Borrowed(content);
    }
    let mut decoded = String::with_capacity(content.len());
    let mut at = 0;
    while end < bytes.len() {
        decoded.push_str(&content[at..end]);
        // INVARIANT: the scanner has read every escape of a content that gets here, so this one reads too.
        let Ok(escape) = read(bytes, end) else { break };
        decoded.push(escape.character);
        at = end + escape.len;
        end = plain_end(bytes, at);
    }
    decoded.push_str(&content[at..end]);
    Cow::Owned(decoded)
}
