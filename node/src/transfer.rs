//! Owns the lines of exports on their way out and in. Never touches a file: `lib/` does.

use std::borrow::Cow;
use std::sync::{Arc, Mutex};

use ferrumdb::{ErrorKind, Timestamp, Transaction};
use napi_derive::napi;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::answer::Answer;
use crate::completions::{Completions, lock};
use crate::failure::{Failure, Result};
use crate::handle::Handle;
use crate::pool;

/// About as many bytes of lines as are handed over at once.
const BATCH_BYTES: usize = 256 << 10;

/// The lines of an export that is under way.
#[napi]
pub struct Export {
    export: Arc<Mutex<ferrumdb::Export>>,
    sequence: f64,
    documents: f64,
    completions: Arc<Completions>,
}

#[napi]
impl Export {
    /// The next lines with their ends, or nothing behind the last.
    #[napi]
    pub fn next(&self, call: u32) {
        let export = Arc::clone(&self.export);
        let read = move || {
            let mut lines = String::new();
            for line in &mut *lock(&export) {
                lines.push_str(&line?);
                lines.push('\n');
                if lines.len() >= BATCH_BYTES {
                    break;
                }
            }
            Ok(lines)
        };
        let then = |lines: String| if lines.is_empty() { Answer::Nothing } else { Answer::Text(lines) };
        self.completions.work(call, read, then);
    }

    #[napi(getter)]
    pub fn sequence(&self) -> f64 {
        self.sequence
    }

    #[napi(getter)]
    pub fn documents(&self) -> f64 {
        self.documents
    }
}

impl Export {
    pub(crate) fn begin(handle: &Handle) -> Result<Self> {
        let export = handle.db()?.export()?;
        let (sequence, documents) = (export.sequence().0 as f64, export.documents() as f64);
        let completions = Arc::clone(handle.completions());
        Ok(Self { export: Arc::new(Mutex::new(export)), sequence, documents, completions })
    }
}

impl Drop for Export {
    /// It holds a snapshot: see `Keyspace::close_snapshot`.
    fn drop(&mut self) {
        let export = Arc::clone(&self.export);
        pool::run(move || drop(export));
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    #[serde(borrow, default)]
    collection: Option<Cow<'a, str>>,
    #[serde(borrow)]
    key: Cow<'a, str>,
    #[serde(borrow)]
    value: &'a RawValue,
    expires_at: Option<u64>,
}

/// One transaction that sets the documents of some lines.
///
/// # Errors
/// The first line that is none of an export.
pub(crate) fn read_lines(lines: &[String]) -> Result<Transaction> {
    let mut transaction = Transaction::new();
    for line in lines {
        let Line { collection, key, value, expires_at } = serde_json::from_str(line).map_err(|error| {
            Failure::new(ErrorKind::InvalidJson, format!("this is no line of an export: {error}"))
        })?;
        transaction = match collection {
            Some(name) => transaction.in_collection(name.into_owned()),
            None => transaction.in_root(),
        };
        transaction = match expires_at {
            Some(at) => transaction.set_raw_until(key.into_owned(), value.get(), Timestamp(at)),
            None => transaction.set_raw(key.into_owned(), value.get()),
        };
    }
    Ok(transaction)
}
