//! Owns how answers become values of JavaScript: documents as texts, which V8 parses quicker than anybody can build
//! objects for it. Never parses one.

#![allow(
    unsafe_code,
    reason = "napi declares the conversion of a value to be unsafe: its environment is a bare pointer. \
    Each of these is called by napi itself, with the environment that is current, and hands it on as it is"
)]

use std::iter::{Peekable, from_fn};
use std::sync::Arc;

use ferrumdb::{Document, Key, Sequence, Snapshot};
use napi::bindgen_prelude::{Array, Float64Array, Null, ToNapiValue};
use napi::{Env, JsValue, sys};

use crate::completions::Completions;
use crate::database::Database;
use crate::failure::Failure;
use crate::handle::Handle;
use crate::keyspace::Keyspace;
use crate::studio::Studio;

/// What a call that was not answered at once comes to.
pub(crate) enum Answer {
    Nothing,
    Flag(bool),
    Number(f64),
    /// A text as it is: JSON that no user has stored, usually.
    Text(String),
    Document(Option<Document>),
    /// With the number of the commit that wrote it.
    Versioned(Option<Document>),
    Documents(Vec<Option<Document>>),
    Keys(Vec<Key>),
    /// The numbers of commits, or why there are none.
    Sequences(Vec<Result<Sequence, Failure>>),
    /// Key and document in turn.
    Entries(Vec<(Key, Document)>),
    /// A mixed list, as a watcher's changes are, or a list of what is none of the above.
    Parts(Vec<Answer>),
    Opened(Handle),
    Looked(Handle, Snapshot),
    Serving(ferrumdb_studio::Studio, Arc<Completions>),
}

/// What is known of a document without a disk: `null` if nothing is, `undefined` if there is none.
pub struct Cached(pub(crate) Option<Option<Document>>);

/// Some of what has come to an end since the event loop looked last.
#[derive(Default)]
pub struct Delivery {
    calls: Vec<f64>,
    outcomes: Vec<Result<Answer, Failure>>,
}

/// Integers of fewer digits are held exactly by a number of JavaScript, and of so many those up to this one.
const LONG_DIGITS: usize = 16;
const SAFE_MAX: &[u8] = b"9007199254740991";

/// What is longer takes more than one turn of the loop.
const PART: usize = 1024;

/// A long answer, some at a time.
pub(crate) type Parts = Peekable<Box<dyn Iterator<Item = Answer> + Send>>;

impl Answer {
    /// The parts of a long answer, or the answer, if it is not long.
    pub(crate) fn in_parts(self) -> Result<Parts, Self> {
        match self {
            Self::Documents(all) if all.len() > PART => Ok(parts(all, Self::Documents)),
            Self::Keys(all) if all.len() > PART => Ok(parts(all, Self::Keys)),
            Self::Entries(all) if all.len() > PART => Ok(parts(all, Self::Entries)),
            Self::Parts(all) if all.len() > PART => Ok(parts(all, Self::Parts)),
            short => Err(short),
        }
    }

    /// How many values it has, about, and one at least.
    pub(crate) fn values(&self) -> usize {
        let values = match self {
            Self::Documents(documents) => documents.len(),
            Self::Keys(keys) => keys.len(),
            Self::Sequences(outcomes) => outcomes.len(),
            Self::Entries(entries) => entries.len(),
            Self::Parts(parts) => parts.len(),
            _ => 1,
        };
        values.max(1)
    }
}

impl Delivery {
    /// Some of what a call comes to: more follows.
    pub(crate) fn add_part(&mut self, call: u32, part: Answer) {
        self.calls.push(f64::from(call) + 1.5);
        self.outcomes.push(Ok(part));
    }

    pub(crate) fn add(&mut self, call: u32, outcome: Result<Answer, Failure>) {
        // A failed one is told by its sign.
        let number = f64::from(call) + 1.0;
        self.calls.push(if outcome.is_ok() { number } else { -number });
        self.outcomes.push(outcome);
    }
}

impl ToNapiValue for Cached {
    unsafe fn to_napi_value(env: sys::napi_env, cached: Self) -> napi::Result<sys::napi_value> {
        match cached.0 {
            None => unsafe { Null::to_napi_value(env, Null) },
            Some(None) => unsafe { <()>::to_napi_value(env, ()) },
            Some(Some(document)) => unsafe { document_text(env, &document) },
        }
    }
}

impl ToNapiValue for Answer {
    unsafe fn to_napi_value(env: sys::napi_env, answer: Self) -> napi::Result<sys::napi_value> {
        unsafe {
            match answer {
                Self::Nothing | Self::Document(None) | Self::Versioned(None) => <()>::to_napi_value(env, ()),
                Self::Flag(flag) => bool::to_napi_value(env, flag),
                Self::Number(number) => f64::to_napi_value(env, number),
                Self::Text(text) => self::text(env, &text),
                Self::Document(Some(document)) => document_text(env, &document),
                Self::Versioned(Some(document)) => {
                    let version = document.version().0 as f64;
                    list(env, [Self::Document(Some(document)), Self::Number(version)])
                }
                Self::Documents(documents) => list(env, documents.into_iter().map(Self::Document)),
                Self::Keys(keys) => list(env, keys.into_iter().map(KeyText)),
                Self::Sequences(outcomes) => sequences(env, outcomes),
                Self::Entries(entries) => {
                    let parts = entries.into_iter().flat_map(|(key, document)| {
                        [Self::Text(key.as_str().to_owned()), Self::Document(Some(document))]
                    });
                    list(env, parts.collect::<Vec<_>>())
                }
                Self::Parts(parts) => list(env, parts),
                Self::Opened(handle) => Database::to_napi_value(env, Database::new(handle)),
                Self::Serving(server, completions) => {
                    Studio::to_napi_value(env, Studio::new(server, completions))
                }
                Self::Looked(handle, snapshot) => {
                    Keyspace::to_napi_value(env, Keyspace::snapshot(handle, snapshot))
                }
            }
        }
    }
}

impl ToNapiValue for Delivery {
    /// The calls, and what each comes to.
    unsafe fn to_napi_value(env: sys::napi_env, delivery: Self) -> napi::Result<sys::napi_value> {
        let scope = Env::from_raw(env);
        let mut parts = scope.create_array(2)?;
        parts.set(0, delivery.calls)?;
        let mut values = scope.create_array(delivery.outcomes.len() as u32)?;
        for (index, outcome) in delivery.outcomes.into_iter().enumerate() {
            match outcome {
                Ok(answer) => values.set(index as u32, answer)?,
                Err(failure) => values.set(index as u32, failure.to_json())?,
            }
        }
        parts.set(1, values)?;
        Ok(parts.raw())
    }
}

fn parts<T: Send + 'static>(all: Vec<T>, answer: fn(Vec<T>) -> Answer) -> Parts {
    let mut all = all.into_iter();
    let next = move || {
        let part: Vec<T> = all.by_ref().take(PART).collect();
        (!part.is_empty()).then(|| answer(part))
    };
    (Box::new(from_fn(next)) as Box<dyn Iterator<Item = Answer> + Send>).peekable()
}

/// Numbers, among which a text tells a failure.
unsafe fn sequences(
    env: sys::napi_env,
    outcomes: Vec<Result<Sequence, Failure>>,
) -> napi::Result<sys::napi_value> {
    if outcomes.iter().all(Result::is_ok) {
        let numbers: Vec<f64> = outcomes.iter().flatten().map(|sequence| sequence.0 as f64).collect();
        return unsafe { Float64Array::to_napi_value(env, Float64Array::new(numbers)) };
    }
    let parts = outcomes.into_iter().map(|outcome| match outcome {
        Ok(sequence) => Answer::Number(sequence.0 as f64),
        Err(failure) => Answer::Text(failure.to_json()),
    });
    unsafe { list(env, parts) }
}

struct KeyText(Key);

impl ToNapiValue for KeyText {
    unsafe fn to_napi_value(env: sys::napi_env, key: Self) -> napi::Result<sys::napi_value> {
        unsafe { text(env, key.0.as_str()) }
    }
}

unsafe fn list<T: ToNapiValue>(
    env: sys::napi_env,
    parts: impl IntoIterator<Item = T, IntoIter: ExactSizeIterator>,
) -> napi::Result<sys::napi_value> {
    let parts = parts.into_iter();
    let scope = Env::from_raw(env);
    let mut array: Array<'_> = scope.create_array(parts.len() as u32)?;
    for (index, part) in parts.enumerate() {
        array.set(index as u32, part)?;
    }
    Ok(array.raw())
}

/// The text of a document. One that may hold integers which a number of JavaScript does not is marked by a space before
/// it, which is none of the stored text, since that is compact.
unsafe fn document_text(env: sys::napi_env, document: &Document) -> napi::Result<sys::napi_value> {
    let json = document.as_str();
    let Look { is_ascii, has_long_integer } = look(json.as_bytes());
    if has_long_integer {
        return unsafe { text(env, &format!(" {json}")) };
    }
    unsafe { text_of(env, json, is_ascii) }
}

unsafe fn text(env: sys::napi_env, text: &str) -> napi::Result<sys::napi_value> {
    unsafe { text_of(env, text, text.is_ascii()) }
}

/// What is ASCII is copied by V8 as it is; anything else it must decode.
unsafe fn text_of(env: sys::napi_env, text: &str, is_ascii: bool) -> napi::Result<sys::napi_value> {
    if is_ascii {
        return Ok(Env::from_raw(env).create_string_latin1(text)?.raw());
    }
    unsafe { <&str>::to_napi_value(env, text) }
}

/// What one look at a text tells.
struct Look {
    is_ascii: bool,
    has_long_integer: bool,
}

/// Looks for characters that are not ASCII, and for an integer that a number may not hold. A row of so many digits has one
/// at each multiple of their number, so few bytes are looked at for that.
fn look(text: &[u8]) -> Look {
    let (chunks, rest) = text.as_chunks::<LONG_DIGITS>();
    let mut bits = rest.iter().fold(0, |bits, byte| bits | byte);
    let mut has_long_integer = false;
    for (number, chunk) in chunks.iter().enumerate() {
        bits |= chunk.iter().fold(0, |bits, byte| bits | byte);
        if chunk[LONG_DIGITS - 1].is_ascii_digit() && !has_long_integer {
            has_long_integer = is_in_long_integer(text, (number + 1) * LONG_DIGITS);
        }
    }
    Look { is_ascii: bits < 0x80, has_long_integer }
}

/// Whether the digit before a place belongs to an integer that a number may not hold. Digits in a string may seem to be one.
fn is_in_long_integer(text: &[u8], place: usize) -> bool {
    let digits =
        |bytes: &mut dyn Iterator<Item = &u8>| bytes.take_while(|byte| byte.is_ascii_digit()).count();
    let start = place - digits(&mut text[..place].iter().rev());
    let end = place + digits(&mut text[place..].iter());
    let begins = start == 0 || matches!(text[start - 1], b':' | b',' | b'[' | b'-');
    let ends = !matches!(text.get(end), Some(b'.' | b'e' | b'E'));
    let row = &text[start..end];
    begins && ends && row.len() >= LONG_DIGITS && (row.len() > LONG_DIGITS || row > SAFE_MAX)
}
