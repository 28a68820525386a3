//! Owns reading documents in an order, some at a time, and what the bounds of `lib/` mean. Never reads on an event loop's
//! thread.

use std::ops::Bound;
use std::sync::{Arc, Mutex};

use ferrumdb::{Document, Key, KeyScan};
use napi_derive::napi;
use serde_json::Value;

use crate::answer::Answer;
use crate::completions::{Completions, lock};
use crate::failure::Result;
use crate::keyspace::parse;
use crate::pool;

/// About as many bytes of documents as are handed over at once.
const BATCH_BYTES: usize = 256 << 10;

/// Which documents, and how. The order is that of the keys' UTF-8 bytes.
#[napi(object)]
#[derive(Clone, Default)]
pub struct ScanOptions {
    pub prefix: Option<String>,
    pub start: Option<String>,
    pub end: Option<String>,
    pub after: Option<String>,
    pub reverse: Option<bool>,
    pub limit: Option<f64>,
    pub keys_only: Option<bool>,
}

/// Which values of a field, as JSON, and how.
#[napi(object)]
pub struct FieldRange {
    pub gt: Option<String>,
    pub gte: Option<String>,
    pub lt: Option<String>,
    pub lte: Option<String>,
    pub reverse: Option<bool>,
    pub limit: Option<f64>,
    pub with_documents: Option<bool>,
}

/// A scan that is under way.
#[napi]
pub struct Scan {
    rest: Arc<Mutex<Rest>>,
    completions: Arc<Completions>,
}

enum Rest {
    Documents(ferrumdb::Scan),
    Keys(KeyScan),
    Closed,
}

#[napi]
impl Scan {
    /// So many more, or fewer if they are large: none behind the last.
    #[napi]
    pub fn next(&self, call: u32, most: u32) {
        let rest = Arc::clone(&self.rest);
        self.completions.work(call, move || lock(&rest).read(most as usize), |read| read);
    }

    /// Lets go of what it holds. A read that is under way ends first, so this is not waited for.
    #[napi]
    pub fn close(&self) {
        let rest = Arc::clone(&self.rest);
        pool::run(move || *lock(&rest) = Rest::Closed);
    }
}

impl Drop for Scan {
    fn drop(&mut self) {
        self.close();
    }
}

impl Scan {
    pub(crate) fn begin(scan: ferrumdb::Scan, keys_only: bool, completions: &Arc<Completions>) -> Self {
        let rest = if keys_only { Rest::Keys(scan.keys()) } else { Rest::Documents(scan) };
        Self { rest: Arc::new(Mutex::new(rest)), completions: Arc::clone(completions) }
    }
}

impl Rest {
    fn read(&mut self, most: usize) -> Result<Answer> {
        match self {
            Self::Documents(scan) => {
                let (mut read, mut bytes) = (Vec::new(), 0);
                while read.len() < most && bytes < BATCH_BYTES {
                    let Some(next) = scan.next() else { break };
                    let (key, document): (Key, Document) = next?;
                    bytes += key.len() + document.as_bytes().len();
                    read.push((key, document));
                }
                Ok(Answer::Entries(read))
            }
            Self::Keys(scan) => Ok(Answer::Keys(scan.take(most).collect())),
            Self::Closed => Ok(Answer::Keys(Vec::new())),
        }
    }
}

/// A range of keys.
pub(crate) struct KeyRange {
    start: Option<String>,
    end: Option<String>,
}

impl KeyRange {
    /// What a prefix and bounds have in common.
    pub(crate) fn of(options: &ScanOptions) -> Self {
        let prefix = options.prefix.as_deref().unwrap_or("");
        let start = options.start.as_deref().unwrap_or("").max(prefix);
        let end = [options.end.clone(), end_of_prefix(prefix)].into_iter().flatten().min();
        Self { start: (!start.is_empty()).then(|| start.to_owned()), end }
    }

    pub(crate) fn bounds(&self) -> (Bound<Key>, Bound<Key>) {
        let bound = |text: &Option<String>| text.as_deref().map(Key::from);
        (
            bound(&self.start).map_or(Bound::Unbounded, Bound::Included),
            bound(&self.end).map_or(Bound::Unbounded, Bound::Excluded),
        )
    }
}

impl FieldRange {
    pub(crate) fn bounds(&self) -> Result<(Bound<Value>, Bound<Value>)> {
        let start = bound(self.gte.as_deref(), self.gt.as_deref())?;
        Ok((start, bound(self.lte.as_deref(), self.lt.as_deref())?))
    }
}

fn bound(included: Option<&str>, excluded: Option<&str>) -> Result<Bound<Value>> {
    Ok(match (included, excluded) {
        (Some(value), _) => Bound::Included(parse(value)?),
        (None, Some(value)) => Bound::Excluded(parse(value)?),
        (None, None) => Bound::Unbounded,
    })
}

/// The first text behind all that begin with this one. None, if every text behind it does.
fn end_of_prefix(prefix: &str) -> Option<String> {
    let mut characters: Vec<char> = prefix.chars().collect();
    while let Some(last) = characters.pop() {
        // In the order of UTF-8 the surrogates are not there.
        if let Some(next) = (last..=char::MAX).nth(1) {
            characters.push(next);
            return Some(characters.into_iter().collect());
        }
    }
    None
}
