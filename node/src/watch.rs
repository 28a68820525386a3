//! Owns being told what is committed, some changes at a time. Never reads the log on an event loop's thread, and never holds
//! a thread while there is nothing to tell.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use ferrumdb::{Change, ChangeKind, ChangeStream, Document, Key, Sequence, Timestamp, Version};
use futures_core::Stream;
use napi_derive::napi;

use crate::answer::Answer;
use crate::completions::{Completions, lock};
use crate::failure::{Failure, Result};
use crate::handle::Handle;
use crate::pool;

/// So many changes, or about so many bytes, are handed over at once.
const BATCH_CHANGES: usize = 256;
const BATCH_BYTES: usize = 256 << 10;

#[napi(object)]
pub struct WatchOptions {
    pub since: Option<f64>,
    /// The root, if this is given and there is no name.
    pub in_root: Option<bool>,
    pub collection: Option<String>,
    pub prefix: Option<String>,
    pub before: Option<bool>,
    pub after: Option<bool>,
}

/// A watcher of one database.
#[napi]
pub struct Watch {
    stream: Arc<Mutex<Option<ChangeStream>>>,
    /// Who waits, if anybody does.
    waiting: Arc<Mutex<Option<Arc<Next>>>>,
    completions: Arc<Completions>,
}

#[napi]
impl Watch {
    /// The next changes, as soon as there are any: nothing behind the last.
    #[napi]
    pub fn next(&self, call: u32) {
        let (stream, completions) = (Arc::clone(&self.stream), Arc::clone(&self.completions));
        let next = Arc::new(Next { stream, completions, call: Mutex::new(Some(call)) });
        *lock(&self.waiting) = Some(Arc::clone(&next));
        next.look_soon();
    }

    /// Whoever waits is told that this was the last.
    #[napi]
    pub fn close(&self) {
        let (stream, waiting) = (Arc::clone(&self.stream), Arc::clone(&self.waiting));
        pool::run(move || {
            drop(lock(&stream).take());
            let next = lock(&waiting).take();
            if let Some(next) = next {
                next.look();
            }
        });
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.close();
    }
}

impl Watch {
    pub(crate) fn begin(handle: &Handle, options: WatchOptions) -> Result<Self> {
        let mut wanted = ferrumdb::WatchOptions::everything();
        if let Some(name) = options.collection {
            wanted = wanted.collection(name);
        } else if options.in_root == Some(true) {
            wanted = wanted.root();
        }
        if let Some(prefix) = options.prefix {
            wanted = wanted.prefix(prefix);
        }
        if options.before == Some(true) {
            wanted = wanted.with_before();
        }
        if options.after != Some(false) {
            wanted = wanted.with_after();
        }
        let db = handle.db()?;
        let changes = match options.since {
            Some(since) => db.changes(Sequence(since as u64), wanted)?,
            None => db.watch(wanted)?,
        };
        let stream = Arc::new(Mutex::new(Some(changes.into_stream())));
        Ok(Self { stream, waiting: Arc::default(), completions: Arc::clone(handle.completions()) })
    }
}

/// One call that waits for changes. It wakes itself.
struct Next {
    stream: Arc<Mutex<Option<ChangeStream>>>,
    completions: Arc<Completions>,
    /// Nothing, once it was answered.
    call: Mutex<Option<u32>>,
}

impl Next {
    fn look_soon(self: Arc<Self>) {
        pool::run(move || self.look());
    }

    fn look(self: Arc<Self>) {
        // Held until it is answered, so that two looks do not answer twice.
        let mut waiting = lock(&self.call);
        let Some(call) = *waiting else { return };
        let waker = Waker::from(Arc::clone(&self));
        let told = match &mut *lock(&self.stream) {
            Some(stream) => read(stream, &mut Context::from_waker(&waker)),
            None => Poll::Ready(Ok(Answer::Nothing)),
        };
        if let Poll::Ready(answer) = told {
            *waiting = None;
            self.completions.answer(call, answer);
        }
    }
}

impl Wake for Next {
    fn wake(self: Arc<Self>) {
        self.look_soon();
    }
}

/// What there is: nothing behind the last.
fn read(stream: &mut ChangeStream, context: &mut Context<'_>) -> Poll<Result<Answer>> {
    let (mut told, mut bytes) = (Vec::new(), 0);
    while told.len() < BATCH_CHANGES && bytes < BATCH_BYTES {
        match Pin::new(&mut *stream).poll_next(context) {
            Poll::Ready(Some(Ok(change))) => {
                bytes += size(&change);
                told.push(self::change(change));
            }
            // What comes before an error is told first. It comes again, or there is nothing more.
            Poll::Ready(Some(Err(error))) if told.is_empty() => {
                return Poll::Ready(Err(Failure::from(error)));
            }
            Poll::Ready(None) if told.is_empty() => return Poll::Ready(Ok(Answer::Nothing)),
            Poll::Pending if told.is_empty() => return Poll::Pending,
            Poll::Ready(_) | Poll::Pending => break,
        }
    }
    Poll::Ready(Ok(Answer::Parts(told)))
}

fn size(change: &Change) -> usize {
    let bytes =
        |document: &Option<Document>| document.as_ref().map_or(0, |document| document.as_bytes().len());
    change.key.len() + bytes(&change.before) + bytes(&change.after)
}

/// The parts in the order that `lib/watch.js` knows.
fn change(change: Change) -> Answer {
    let Change { sequence, time, collection, key, kind, before, after, expires_at, ends_commit, .. } = change;
    Answer::Parts(vec![
        Answer::Text(name(kind).to_owned()),
        Answer::Number(sequence.0 as f64),
        Answer::Number(time.0 as f64),
        collection.map_or(Answer::Nothing, text),
        text(key),
        Answer::Document(before),
        Answer::Document(after),
        moment(expires_at),
        Answer::Flag(ends_commit),
    ])
}

/// The parts in the order that `lib/keyspace.js` knows.
pub(crate) fn version(version: Version) -> Answer {
    let Version { sequence, time, kind, document, expires_at, .. } = version;
    Answer::Parts(vec![
        Answer::Text(name(kind).to_owned()),
        Answer::Number(sequence.0 as f64),
        moment(time),
        Answer::Document(document),
        moment(expires_at),
    ])
}

fn text(key: Key) -> Answer {
    Answer::Text(key.into())
}

fn moment(at: Option<Timestamp>) -> Answer {
    at.map_or(Answer::Nothing, |at| Answer::Number(at.0 as f64))
}

fn name(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Set => "set",
        ChangeKind::Deleted => "deleted",
        ChangeKind::Expired => "expired",
        ChangeKind::Dropped => "dropped",
    }
}
