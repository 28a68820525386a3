//! Owns the order-preserving key of one JSON value: comparing two keys compares the values. Never holds a document,
//! never calls two values equal that are not, unless it says that it was cut.
//!
//! `missing = null < numbers < strings < objects < arrays < false < true`. Numbers are compared exactly, strings by
//! their UTF-8 bytes, arrays item by item, objects as lists of pairs in the order of their keys.

#[cfg(test)]
pub(super) mod tests;

use std::cmp::Ordering;
use std::fmt;
use std::ops::{Bound, RangeInclusive};
use std::sync::Arc;

use serde_json::Value;

use super::cursor::{Cursor, Kind};
use super::encode::{self, Encoder};
use super::entry::ValueBounds;
use crate::error::Result;
use crate::json;
use crate::options::Limits;

/// The longest key in bytes. What is longer is cut there.
pub(crate) const VALUE_BYTES_MAX: usize = 1024;
const INLINE_MAX: usize = 23;

/// The key of one value. Short ones lie in its 24 bytes; a clone of a long one shares it.
#[derive(Clone)]
pub(crate) struct IndexValue(Repr);

#[derive(Clone)]
enum Repr {
    Inline {
        len: InlineLen,
        bytes: [u8; INLINE_MAX],
    },
    Long(Arc<[u8]>),
    /// The first bytes of a key that is longer: it may stand for several values.
    Cut(Arc<[u8]>),
}

const _: () = assert!(size_of::<IndexValue>() == 24, "an index value has 24 bytes");

/// A length that leaves room in its byte for telling the other representations apart.
#[derive(Clone, Copy)]
#[rustfmt::skip]
enum InlineLen { L0, L1, L2, L3, L4, L5, L6, L7, L8, L9, L10, L11, L12, L13, L14, L15, L16, L17, L18, L19, L20, L21, L22, L23 }

#[rustfmt::skip]
const INLINE_LENS: [InlineLen; INLINE_MAX + 1] = {
    use InlineLen::*;
    [L0, L1, L2, L3, L4, L5, L6, L7, L8, L9, L10, L11, L12, L13, L14, L15, L16, L17, L18, L19, L20, L21, L22, L23]
};

/// The kinds of values that a range never crosses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    Null,
    Number,
    String,
    Object,
    Array,
    Boolean,
}

impl Class {
    /// The bytes with which keys of this class begin: the smallest and the largest.
    fn bytes(self) -> (u8, u8) {
        match self {
            Self::Null => (encode::NULL, encode::NULL),
            Self::Number => (encode::NUMBER, encode::NUMBER),
            Self::String => (encode::STRING, encode::STRING),
            Self::Object => (encode::OBJECT, encode::OBJECT),
            Self::Array => (encode::ARRAY, encode::ARRAY),
            Self::Boolean => (encode::FALSE, encode::TRUE),
        }
    }
}

impl IndexValue {
    /// The key of `null`, and of a field that is missing.
    pub(crate) const NULL: Self = {
        let mut bytes = [0; INLINE_MAX];
        bytes[0] = encode::NULL;
        Self(Repr::Inline { len: InlineLen::L1, bytes })
    };

    /// The key of the value at the cursor, which goes beyond it.
    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Self {
        match cursor.kind() {
            Kind::Null => {
                cursor.skip();
                Self::NULL
            }
            Kind::Number => Self::short(encode::NUMBER, &encode::number(&cursor.number())),
            Kind::String => match cursor.plain_string() {
                // Without an escape there is no control character in a kept string.
                Some(kept) if kept.len() < VALUE_BYTES_MAX => Self::unescaped(kept.as_bytes()),
                Some(kept) => Self::from_encoder(Encoder::string(kept, VALUE_BYTES_MAX + 1)),
                None => Self::from_encoder(Encoder::value(cursor, VALUE_BYTES_MAX + 1)),
            },
            _ => Self::from_encoder(Encoder::value(cursor, VALUE_BYTES_MAX + 1)),
        }
    }

    /// The key with these bytes, of which more followed if it was cut. Nothing, if none has them.
    pub(crate) fn from_stored(bytes: &[u8], is_cut: bool) -> Option<Self> {
        let fits = if is_cut { bytes.len() == VALUE_BYTES_MAX } else { bytes.len() <= VALUE_BYTES_MAX };
        if !fits || !encode::KINDS.contains(bytes.first()?) {
            return None;
        }
        Some(if is_cut { Self(Repr::Cut(Arc::from(bytes))) } else { Self::whole(bytes) })
    }

    /// Whether the key stands for this one value. Else it was cut, and a document that it leads to is to be checked.
    pub(crate) fn is_exact(&self) -> bool {
        !matches!(self.0, Repr::Cut(_))
    }

    /// What kind of value it is the key of.
    pub(crate) fn class(&self) -> Class {
        match self.as_bytes()[0] {
            encode::NULL => Class::Null,
            encode::NUMBER => Class::Number,
            encode::STRING => Class::String,
            encode::OBJECT => Class::Object,
            encode::ARRAY => Class::Array,
            _ => Class::Boolean,
        }
    }

    /// The first bytes of the key: smaller or the same for a smaller key.
    pub(super) fn head(&self) -> u64 {
        head(self.as_bytes())
    }

    /// The bytes of the key.
    #[inline]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Inline { len, bytes } => &bytes[..*len as usize],
            Repr::Long(bytes) | Repr::Cut(bytes) => bytes,
        }
    }

    /// The key of a string that is neither cut nor escaped.
    #[inline]
    fn of_plain(string: &str) -> Option<Self> {
        let bytes = string.as_bytes();
        if bytes.len() >= VALUE_BYTES_MAX
            || encode::is_escaped(bytes.iter().fold(u8::MAX, |least, byte| least.min(*byte)))
        {
            return None;
        }
        Some(Self::unescaped(bytes))
    }

    /// The key of a string of these bytes, none of which is spelled as two, and which are not too many.
    #[inline]
    fn unescaped(bytes: &[u8]) -> Self {
        if bytes.len() < INLINE_MAX {
            return Self::short(encode::STRING, bytes);
        }
        let mut whole: Arc<[u8]> = std::iter::repeat_n(encode::STRING, bytes.len() + 1).collect();
        Arc::get_mut(&mut whole).expect("nobody else has it yet")[1..].copy_from_slice(bytes);
        Self(Repr::Long(whole))
    }

    #[inline]
    fn short(class: u8, content: &[u8]) -> Self {
        let mut bytes = [0; INLINE_MAX];
        bytes[0] = class;
        bytes[1..=content.len()].copy_from_slice(content);
        Self(Repr::Inline { len: INLINE_LENS[content.len() + 1], bytes })
    }

    fn from_encoder(encoded: Vec<u8>) -> Self {
        match encoded.split_at_checked(VALUE_BYTES_MAX) {
            Some((start, rest)) if !rest.is_empty() => Self(Repr::Cut(Arc::from(start))),
            _ => Self::whole(&encoded),
        }
    }

    #[inline]
    fn whole(bytes: &[u8]) -> Self {
        match bytes.split_first() {
            Some((&class, content)) if content.len() < INLINE_MAX => Self::short(class, content),
            _ => Self(Repr::Long(Arc::from(bytes))),
        }
    }
}

impl Ord for IndexValue {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        // Where the bytes are the same, more bytes followed in the one that was cut.
        self.as_bytes().cmp(other.as_bytes()).then_with(|| other.is_exact().cmp(&self.is_exact()))
    }
}

impl PartialOrd for IndexValue {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for IndexValue {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes() && self.is_exact() == other.is_exact()
    }
}

impl Eq for IndexValue {}

impl fmt::Debug for IndexValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cut = if self.is_exact() { "" } else { ".." };
        write!(formatter, "{:?} {}{cut}", self.class(), self.as_bytes()[1..].escape_ascii())
    }
}

/// A value that documents are compared with: its key, and all of it where the key was cut.
#[derive(Clone, Debug)]
pub(crate) struct Operand {
    value: IndexValue,
    whole: Option<Box<[u8]>>,
}

impl Operand {
    /// The operand of a value.
    ///
    /// # Errors
    /// When the value could not be part of any document: it is nested too deeply, or far too large.
    pub(crate) fn new(value: &Value) -> Result<Self> {
        let plain = match value {
            Value::Null => Some(IndexValue::NULL),
            Value::Number(number) => Some(IndexValue::short(encode::NUMBER, &encode::number(number))),
            Value::String(string) => IndexValue::of_plain(string),
            Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        };
        if let Some(value) = plain {
            return Ok(Self { value, whole: None });
        }
        let most = Limits { depth_max: usize::MAX, document_bytes_max: usize::MAX, ..Limits::default() };
        let text = json::from_serialize(value, &most.clamped())?;
        let value = IndexValue::read(&mut Cursor::new(&text, 0));
        let whole = (!value.is_exact())
            .then(|| Encoder::value(&mut Cursor::new(&text, 0), usize::MAX).into_boxed_slice());
        Ok(Self { value, whole })
    }

    /// Its key, by which an index finds it.
    pub(crate) fn value(&self) -> &IndexValue {
        &self.value
    }

    /// Whether what an index finds by the key is sure to match.
    pub(crate) fn is_exact(&self) -> bool {
        self.whole.is_none()
    }

    /// How the value at the cursor lies to this one, exactly.
    pub(crate) fn order_of(&self, cursor: Cursor<'_>) -> Ordering {
        let order = IndexValue::read(&mut cursor.clone()).cmp(&self.value);
        match &self.whole {
            // One byte more than this one has is enough to tell a longer one.
            Some(whole) if order.is_eq() => {
                Encoder::value(&mut cursor.clone(), whole.len() + 1)[..].cmp(whole)
            }
            _ => order,
        }
    }
}

/// The values between two bounds of one class. Without any bound it is all values.
#[derive(Clone, Debug)]
pub(crate) struct ValueRange {
    start: Bound<Operand>,
    end: Bound<Operand>,
    /// What the values are; `None` for any.
    class: Option<Class>,
    /// Bounds of two classes have nothing between them.
    empty: bool,
}

impl ValueRange {
    /// The range of two bounds.
    ///
    /// # Errors
    /// Those of [`Operand::new`].
    pub(crate) fn new(start: Bound<&Value>, end: Bound<&Value>) -> Result<Self> {
        let (start, end) = (operand(start)?, operand(end)?);
        let (first, last) = (class(&start), class(&end));
        let empty = first.is_some() && last.is_some() && first != last;
        Ok(Self { start, end, class: first.or(last), empty })
    }

    /// Whether what an index finds by the keys is sure to match.
    pub(crate) fn is_exact(&self) -> bool {
        [&self.start, &self.end].into_iter().all(|bound| match bound {
            Bound::Included(operand) | Bound::Excluded(operand) => operand.is_exact(),
            Bound::Unbounded => true,
        })
    }

    /// The bytes around the entries of an index whose values have keys that may match: not before the first, and before
    /// the second.
    pub(crate) fn bounds(&self) -> (Vec<u8>, Vec<u8>) {
        if self.empty {
            return (Vec::new(), Vec::new());
        }
        let classes = self.class.map(Class::bytes);
        let start = match &self.start {
            Bound::Excluded(start) if start.is_exact() => ValueBounds::new(&start.value).end().to_vec(),
            Bound::Included(start) | Bound::Excluded(start) => {
                ValueBounds::new(&start.value).start().to_vec()
            }
            Bound::Unbounded => classes.map(|(first, _)| vec![first]).unwrap_or_default(),
        };
        let end = match &self.end {
            Bound::Excluded(end) if end.is_exact() => ValueBounds::new(&end.value).start().to_vec(),
            Bound::Included(end) | Bound::Excluded(end) => ValueBounds::new(&end.value).end().to_vec(),
            Bound::Unbounded => vec![classes.map_or(u8::MAX, |(_, last)| last + 1)],
        };
        (start, end)
    }

    /// The heads of keys that may match.
    pub(crate) fn heads(&self) -> RangeInclusive<u64> {
        let (start, end) = self.bounds();
        head(&start)..=head(&end)
    }

    /// Whether a key lies before every key that may match.
    pub(crate) fn is_before_start(&self, value: &IndexValue) -> bool {
        match &self.start {
            _ if self.empty => false,
            Bound::Excluded(start) if start.is_exact() => *value <= start.value,
            Bound::Included(start) | Bound::Excluded(start) => *value < start.value,
            Bound::Unbounded => self.class.is_some_and(|class| value.class() < class),
        }
    }

    /// Whether a key lies before the end of those that may match.
    pub(crate) fn is_before_end(&self, value: &IndexValue) -> bool {
        match &self.end {
            _ if self.empty => false,
            Bound::Excluded(end) if end.is_exact() => *value < end.value,
            Bound::Included(end) | Bound::Excluded(end) => *value <= end.value,
            Bound::Unbounded => self.class.is_none_or(|class| value.class() <= class),
        }
    }

    /// Whether a key lies among those that may match.
    pub(crate) fn may_hold(&self, value: &IndexValue) -> bool {
        !self.empty && !self.is_before_start(value) && self.is_before_end(value)
    }

    /// Whether the value at the cursor is in the range, exactly.
    pub(crate) fn contains(&self, cursor: &Cursor<'_>) -> bool {
        let class = || IndexValue::read(&mut cursor.clone()).class();
        if self.empty || self.class.is_some_and(|own| class() != own) {
            return false;
        }
        let after_start = match &self.start {
            Bound::Included(start) => start.order_of(cursor.clone()).is_ge(),
            Bound::Excluded(start) => start.order_of(cursor.clone()).is_gt(),
            Bound::Unbounded => true,
        };
        after_start
            && match &self.end {
                Bound::Included(end) => end.order_of(cursor.clone()).is_le(),
                Bound::Excluded(end) => end.order_of(cursor.clone()).is_lt(),
                Bound::Unbounded => true,
            }
    }
}

/// The first eight bytes, zeros behind a shorter text, as a number that orders as they do.
fn head(bytes: &[u8]) -> u64 {
    let mut head = [0; 8];
    let len = bytes.len().min(8);
    head[..len].copy_from_slice(&bytes[..len]);
    u64::from_be_bytes(head)
}

fn operand(bound: Bound<&Value>) -> Result<Bound<Operand>> {
    Ok(match bound {
        Bound::Included(value) => Bound::Included(Operand::new(value)?),
        Bound::Excluded(value) => Bound::Excluded(Operand::new(value)?),
        Bound::Unbounded => Bound::Unbounded,
    })
}

fn class(bound: &Bound<Operand>) -> Option<Class> {
    match bound {
        Bound::Included(operand) | Bound::Excluded(operand) => Some(operand.value.class()),
        Bound::Unbounded => None,
    }
}
