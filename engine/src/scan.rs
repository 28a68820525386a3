//! Owns reading documents in the order of their keys, as of one sequence. Never waits for the writer, and never holds more
//! than some keys at a time, unless the order of the keys is not kept: then a copy of those that are asked for.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Range;

use crate::bounds::KeyBounds;
use crate::document::Document;
use crate::error::Result;
use crate::index::{Index, Walk};
use crate::key::{CollectionId, Key};
use crate::snapshot::Snapshot;

/// How many keys are copied at once: first few, since few may be wanted, then more.
const KEYS_MIN: usize = 8;
const KEYS_MAX: usize = 256;

/// The documents of a collection whose keys lie in a range, in the order of the keys' bytes, as a snapshot shows them.
///
/// Its memory does not depend on how many there are if the order of the collection's keys is kept
/// ([`crate::Writer::begin_order`]) and was when the snapshot was taken; otherwise it begins with a sorted copy of the
/// keys in the range.
pub struct Scan<S: Borrow<Snapshot> = Snapshot> {
    snapshot: S,
    collection: CollectionId,
    bounds: KeyBounds,
    reverse: bool,
    after: Option<Key>,
    offset: usize,
    left: usize,
    walking: Option<Walking>,
}

/// The keys of a [`Scan`] alone. If its snapshot is cancelled before it has begun, there are none.
#[derive(Debug)]
pub struct KeyScan<S: Borrow<Snapshot> = Snapshot>(Scan<S>);

/// A scan that has begun.
struct Walking {
    walk: Walk,
    /// Some keys, one behind the other, where each ends, and how many of them were taken.
    keys: String,
    ends: Vec<usize>,
    taken: usize,
    /// Whether a key that is there may have expired.
    may_expire: bool,
}

impl<S: Borrow<Snapshot>> Scan<S> {
    /// All documents of the collection in the range, ascending.
    pub fn new(snapshot: S, collection: CollectionId, bounds: KeyBounds) -> Self {
        Self {
            snapshot,
            collection,
            bounds,
            reverse: false,
            after: None,
            offset: 0,
            left: usize::MAX,
            walking: None,
        }
    }

    /// The same in reverse. The bounds stay what they are.
    #[must_use]
    pub fn reverse(mut self) -> Self {
        self.reverse = true;
        self
    }

    /// No more than so many.
    #[must_use]
    pub fn limit(mut self, documents: usize) -> Self {
        self.left = documents;
        self
    }

    /// Only what comes after this key, which need not be there: in reverse, the keys before it.
    #[must_use]
    pub fn after(mut self, key: impl Into<Key>) -> Self {
        self.after = Some(key.into());
        self
    }

    /// Leaves out so many documents: any number costs the same. Those that have expired and are not purged yet count, too.
    #[must_use]
    pub fn offset(mut self, documents: usize) -> Self {
        self.offset = documents;
        self
    }

    /// The keys without the documents, which are not read.
    pub fn keys(self) -> KeyScan<S> {
        KeyScan(self)
    }

    /// The place of the next key among the copied ones. Once it has failed, there is none.
    fn next_key(&mut self) -> Result<Option<(&Walking, Range<usize>)>> {
        if self.left == 0 {
            return Ok(None);
        }
        if self.walking.is_none() {
            self.walking = Some(self.begin().inspect_err(|_| self.left = 0)?);
        }
        let walking = self.walking.as_mut().expect("it has just begun");
        Ok(walking.next_key(self.left).map(|key| (&*walking, key)))
    }

    fn begin(&self) -> Result<Walking> {
        let snapshot = self.snapshot.borrow();
        let bounds = match &self.after {
            Some(key) => self.bounds.clone().after(key, self.reverse),
            None => self.bounds.clone(),
        };
        let copy = || snapshot.stored_keys(self.collection, |key| bounds.contain(key)).map(Index::of_keys);
        let (start, end) = bounds.entries();
        let walk = |order: &Index| Walk::new(order, start, end, 0..=u64::MAX, self.reverse);
        let mut walk = match snapshot.view().catalog.order(self.collection) {
            Some(order) => walk(order),
            None => walk(&copy()?),
        };
        walk.skip(self.offset);
        let may_expire = snapshot.view().expired(snapshot.now()).next().is_some();
        Ok(Walking { walk, keys: String::new(), ends: Vec::new(), taken: 0, may_expire })
    }
}

impl Walking {
    fn next_key(&mut self, wanted: usize) -> Option<Range<usize>> {
        while self.taken == self.ends.len() {
            if self.walk.is_done() {
                return None;
            }
            self.copy(wanted);
        }
        let start = self.taken.checked_sub(1).map_or(0, |before| self.ends[before]);
        let end = self.ends[self.taken];
        self.taken += 1;
        Some(start..end)
    }

    /// Copies the next keys, as many as are wanted at most.
    fn copy(&mut self, wanted: usize) {
        let count = (self.ends.len() * 4).clamp(KEYS_MIN, KEYS_MAX).min(wanted);
        let mut bytes = std::mem::take(&mut self.keys).into_bytes();
        bytes.clear();
        self.ends.clear();
        self.taken = 0;
        self.walk.step(count, |item| {
            bytes.extend_from_slice(item.second());
            self.ends.push(bytes.len());
        });
        self.keys = String::from_utf8(bytes).expect("the keys were strings before");
    }
}

impl<S: Borrow<Snapshot>> Iterator for Scan<S> {
    type Item = Result<(Key, Document)>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let collection = self.collection;
            let key = match self.next_key() {
                Ok(next) => next?.1,
                Err(error) => return Some(Err(error)),
            };
            let key = &self.walking.as_ref()?.keys[key];
            let snapshot = self.snapshot.borrow();
            let hashed = snapshot.shared().keydir.hash(collection, key);
            if let Some(entry) = snapshot.entry(&hashed) {
                let document = snapshot.document(&hashed, &entry);
                let found = document.map(|document| (Key::from(key), document));
                self.left -= 1;
                return Some(found);
            }
        }
    }
}

impl<S: Borrow<Snapshot>> Iterator for KeyScan<S> {
    type Item = Key;

    fn next(&mut self) -> Option<Key> {
        loop {
            let (walking, key) = self.0.next_key().ok().flatten()?;
            let (key, may_expire) = (Key::from(&walking.keys[key]), walking.may_expire);
            if !may_expire || self.0.snapshot.borrow().contains(self.0.collection, &key) {
                self.0.left -= 1;
                return Some(key);
            }
        }
    }
}

impl<S: Borrow<Snapshot>> fmt::Debug for Scan<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { collection, bounds, reverse, .. } = self;
        let sequence = self.snapshot.borrow().sequence();
        let mut written = formatter.debug_struct("Scan");
        written.field("collection", collection).field("bounds", bounds).field("reverse", reverse);
        written.field("sequence", &sequence).finish_non_exhaustive()
    }
}

impl Snapshot {
    /// Whether it shows the order of a collection's keys: then reading in that order costs what is read.
    #[must_use]
    pub fn has_order(&self, collection: CollectionId) -> bool {
        self.view().catalog.order(collection).is_some()
    }

    /// How many documents of a collection have keys in the range. It counts no key by itself if the order of the keys is
    /// kept.
    ///
    /// # Errors
    /// [`crate::Error::Cancelled`].
    pub fn count_range(&self, collection: CollectionId, bounds: &KeyBounds) -> Result<u64> {
        let (start, end) = bounds.entries();
        let count = match self.view().catalog.order(collection) {
            Some(order) => order.count_between(&start, &end, 0..=u64::MAX),
            None => {
                let mut count = 0;
                self.each_stored_key(collection, |key| bounds.contain(key), |_| count += 1)?;
                count
            }
        };
        let expired = self.view().expired(self.now());
        let here = expired.filter(|gone| gone.collection == collection && bounds.contain(&gone.key));
        Ok((count - here.count()) as u64)
    }
}
