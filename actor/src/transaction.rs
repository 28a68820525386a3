//! Owns the building of a transaction, and the first thing that went wrong in it. Never looks at a database.

use std::cell::OnceCell;
use std::time::Duration;

use ferrumdb_engine::{self as engine, CollectionId, CollectionRef, Condition, EncodedDocument};
use serde::Serialize;

use crate::error::{Error, Result};
use crate::expiry::expires_at;
use crate::{Key, Limits, Sequence, Timestamp};

/// What one commit is to change: all of it or nothing. Operations take effect in their order, if every condition
/// holds before the first of them.
///
/// A value that cannot be stored makes the commit fail, and nothing of the transaction happens: the error names the
/// first such key. A condition that does not hold makes it fail with
/// [`ErrorKind::Conflict`](crate::ErrorKind::Conflict), and nothing of it happens either.
///
/// ```
/// use ferrumdb::{ErrorKind, FerrumDB, Transaction};
/// use serde_json::json;
///
/// let db = FerrumDB::open_in_memory().wait()?;
/// db.set("alice", json!({"balance": 10})).wait()?;
///
/// let alice = db.get("alice")?.unwrap();
/// let transfer = Transaction::new()
///     .if_version("alice", alice.version())
///     .if_absent("bob")
///     .set("alice", json!({"balance": 7}))
///     .set("bob", json!({"balance": 3}));
/// db.commit(transfer.clone()).wait()?;
/// assert_eq!(db.get("bob")?.unwrap(), json!({"balance": 3}));
///
/// let error = db.commit(transfer).wait().unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Conflict);
/// assert_eq!(error.key().unwrap(), &"alice");
/// assert_eq!(error.found(), db.get("alice")?.map(|alice| alice.version()));
/// # Ok::<(), ferrumdb::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a transaction changes nothing until it is committed: `db.commit(transaction)`"]
pub struct Transaction {
    collections: Vec<Key>,
    /// Whose keys are meant from here on: the root's, if there is no number.
    current: Option<usize>,
    conditions: Vec<(Option<usize>, Key, Condition)>,
    operations: Vec<(Option<usize>, Key, Change)>,
    failure: Option<Error>,
}

/// One change of one key, with times that count from the commit call.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// The lifetime is nothing for ever.
    Set(EncodedDocument, Option<Duration>),
    SetUntil(EncodedDocument, Timestamp),
    Expire(Option<Duration>),
    Delete,
    DropCollection,
}

/// What the engine is to commit, and its counts of sets and deletes.
#[derive(Default)]
pub(crate) struct Prepared {
    pub(crate) transaction: engine::Transaction,
    pub(crate) counts: Counts,
}

/// What a transaction counts for in the metrics.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) sets: u32,
    pub(crate) deletes: u32,
    /// Whether it is tried again after a conflict, which is then no error.
    pub(crate) retries: bool,
}

impl Transaction {
    /// A transaction that changes nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// From here on, the keys of conditions and operations are those of the collection of this name.
    ///
    /// ```
    /// use ferrumdb::{FerrumDB, Transaction};
    ///
    /// let db = FerrumDB::open_in_memory().wait()?;
    /// let transaction = Transaction::new()
    ///     .set("users", 1)
    ///     .in_collection("users").set("alice", "admin")
    ///     .in_root().delete("nobody");
    /// db.commit(transaction).wait()?;
    /// assert_eq!(db.get_as("users")?, Some(1));
    /// assert_eq!(db.collection("users")?.get_as("alice")?, Some("admin".to_owned()));
    /// # Ok::<(), ferrumdb::Error>(())
    /// ```
    pub fn in_collection(mut self, name: impl Into<Key>) -> Self {
        self.current = Some(self.number_of(name.into()));
        self
    }

    /// From here on, keys are those of the root again.
    pub fn in_root(mut self) -> Self {
        self.current = None;
        self
    }

    /// Adds: there is no collection of this name any more, with all that is in it. What is set there by a later operation
    /// creates another one.
    pub fn drop_collection(mut self, name: impl Into<Key>) -> Self {
        let number = self.number_of(name.into());
        self.operations.push((Some(number), Key::from(""), Change::DropCollection));
        self
    }

    /// Adds: `key` holds `value` from now on.
    pub fn set(self, key: impl Into<Key>, value: impl Serialize) -> Self {
        let document = EncodedDocument::from_serialize(&value, &loosest());
        self.add(key.into(), document, |document| Change::Set(document, None))
    }

    /// Adds: `key` holds the document with this JSON text from now on.
    pub fn set_raw(self, key: impl Into<Key>, json: impl AsRef<[u8]>) -> Self {
        let document = EncodedDocument::from_json(json.as_ref(), &loosest());
        self.add(key.into(), document, |document| Change::Set(document, None))
    }

    /// Adds: `key` holds `value` from now on, for as long as `lifetime` after [`commit`](crate::FerrumDB::commit) is
    /// called: see [`Collection::set_ex`](crate::Collection::set_ex).
    pub fn set_ex(self, key: impl Into<Key>, value: impl Serialize, lifetime: Duration) -> Self {
        let document = EncodedDocument::from_serialize(&value, &loosest());
        self.add(key.into(), document, |document| Change::Set(document, Some(lifetime)))
    }

    /// Adds: `key` holds the document with this JSON text from now on, for as long as `lifetime` after
    /// [`commit`](crate::FerrumDB::commit) is called.
    pub fn set_raw_ex(self, key: impl Into<Key>, json: impl AsRef<[u8]>, lifetime: Duration) -> Self {
        let document = EncodedDocument::from_json(json.as_ref(), &loosest());
        self.add(key.into(), document, |document| Change::Set(document, Some(lifetime)))
    }

    /// Adds: `key` holds the document with this JSON text until `expires_at`: nothing, if that is past.
    pub fn set_raw_until(self, key: impl Into<Key>, json: impl AsRef<[u8]>, expires_at: Timestamp) -> Self {
        let document = EncodedDocument::from_json(json.as_ref(), &loosest());
        self.add(key.into(), document, |document| Change::SetUntil(document, expires_at))
    }

    /// As [`set`](Self::set), or [`set_ex`](Self::set_ex) if there is a lifetime, but a value that cannot be stored is told
    /// at once, and the transaction stays as it was.
    ///
    /// ```
    /// use ferrumdb::{ErrorKind, Transaction};
    ///
    /// let mut transaction = Transaction::new();
    /// let error = transaction.try_set("price", f64::NAN, None).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::NotSerializable);
    /// transaction.try_set("price", 1.5, None)?;
    /// assert_eq!(transaction.len(), 1);
    /// # Ok::<(), ferrumdb::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Collection::set`](crate::Collection::set), but the limits are those of a database that allows most.
    pub fn try_set(
        &mut self,
        key: impl Into<Key>,
        value: impl Serialize,
        lifetime: Option<Duration>,
    ) -> Result<()> {
        let document = EncodedDocument::from_serialize(&value, &loosest());
        self.try_add(key.into(), document, |document| Change::Set(document, lifetime))
    }

    /// As [`try_set`](Self::try_set), with a JSON text.
    ///
    /// # Errors
    /// As [`Collection::set_raw`](crate::Collection::set_raw), with the limits of [`try_set`](Self::try_set).
    pub fn try_set_raw(
        &mut self,
        key: impl Into<Key>,
        json: impl AsRef<[u8]>,
        lifetime: Option<Duration>,
    ) -> Result<()> {
        let document = EncodedDocument::from_json(json.as_ref(), &loosest());
        self.try_add(key.into(), document, |document| Change::Set(document, lifetime))
    }

    /// Adds: the document of `key`, if it has one, stays for as long as `lifetime` after
    /// [`commit`](crate::FerrumDB::commit) is called.
    pub fn expire(mut self, key: impl Into<Key>, lifetime: Duration) -> Self {
        self.operations.push((self.current, key.into(), Change::Expire(Some(lifetime))));
        self
    }

    /// Adds: the document of `key`, if it has one, never expires.
    pub fn persist(mut self, key: impl Into<Key>) -> Self {
        self.operations.push((self.current, key.into(), Change::Expire(None)));
        self
    }

    /// Adds: `key` holds nothing from now on.
    pub fn delete(mut self, key: impl Into<Key>) -> Self {
        self.operations.push((self.current, key.into(), Change::Delete));
        self
    }

    /// Requires that the document of `key` is still of this version: see [`Document::version`](crate::Document::version).
    pub fn if_version(self, key: impl Into<Key>, version: Sequence) -> Self {
        self.require(key.into(), Condition::Version(version))
    }

    /// Requires that `key` has no document.
    pub fn if_absent(self, key: impl Into<Key>) -> Self {
        self.require(key.into(), Condition::Absent)
    }

    /// Requires that `key` has a document.
    pub fn if_exists(self, key: impl Into<Key>) -> Self {
        self.require(key.into(), Condition::Exists)
    }

    /// How many operations it has; conditions are none.
    #[must_use]
    pub fn len(&self) -> usize {
        self.operations.len()
    }

    /// Whether it has no operation.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// Checks it against the limits of the database that is to commit it, and lets its lifetimes begin `now`.
    pub(crate) fn prepare(self, limits: &Limits, now: impl Fn() -> Timestamp) -> Result<Prepared> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        for (number, key, change) in &self.operations {
            if let Change::Set(document, _) | Change::SetUntil(document, _) = change
                && is_deeper(document.as_str(), limits.depth_max)
            {
                let error = Error::from(engine::Error::TooDeep { max: limits.depth_max });
                return Err(error.about(key).in_collection(self.name_of(*number)));
            }
        }
        let transaction = engine::Transaction::with_capacity(self.operations.len());
        let mut prepared = Prepared { transaction, counts: Counts::default() };
        let named = self.collections.iter().map(|name| prepared.transaction.collection(name));
        let named: Vec<CollectionRef> = named.collect();
        let place = |number: Option<usize>| number.map_or(CollectionId::ROOT.into(), |number| named[number]);
        for (number, key, condition) in self.conditions {
            prepared.transaction.require(place(number), key, condition);
        }
        // Lifetimes that are the same end together: readers never see half of what expires.
        let begun = OnceCell::new();
        let now = || *begun.get_or_init(&now);
        for (number, key, change) in self.operations {
            prepared.add(place(number), key, change, &now);
        }
        prepared.transaction.check(limits)?;
        Ok(prepared)
    }

    fn number_of(&mut self, name: Key) -> usize {
        let known = self.collections.iter().position(|known| *known == name);
        known.unwrap_or_else(|| {
            self.collections.push(name);
            self.collections.len() - 1
        })
    }

    fn name_of(&self, number: Option<usize>) -> Option<&Key> {
        number.map(|number| &self.collections[number])
    }

    fn require(mut self, key: Key, condition: Condition) -> Self {
        self.conditions.push((self.current, key, condition));
        self
    }

    fn add(
        mut self,
        key: Key,
        document: engine::Result<EncodedDocument>,
        change: impl FnOnce(EncodedDocument) -> Change,
    ) -> Self {
        if let Err(error) = self.try_add(key, document, change) {
            self.failure.get_or_insert(error);
        }
        self
    }

    fn try_add(
        &mut self,
        key: Key,
        document: engine::Result<EncodedDocument>,
        change: impl FnOnce(EncodedDocument) -> Change,
    ) -> Result<()> {
        match document {
            Ok(document) => {
                self.operations.push((self.current, key, change(document)));
                Ok(())
            }
            Err(error) => Err(Error::from(error).about(&key).in_collection(self.name_of(self.current))),
        }
    }
}

impl Prepared {
    /// A condition, if there is one, and a change of the same key, in the collection of this name or in the root.
    pub(crate) fn single(
        name: Option<&Key>,
        key: &Key,
        condition: Option<Condition>,
        change: Change,
        limits: &Limits,
        now: impl Fn() -> Timestamp,
    ) -> engine::Result<Self> {
        let mut prepared = Self::default();
        let collection = name.map_or(CollectionId::ROOT.into(), |name| prepared.transaction.collection(name));
        if let Some(condition) = condition {
            prepared.transaction.require(collection, key.clone(), condition);
        }
        prepared.add(collection, key.clone(), change, &now);
        prepared.transaction.check(limits)?;
        Ok(prepared)
    }

    fn add(&mut self, collection: CollectionRef, key: Key, change: Change, now: &impl Fn() -> Timestamp) {
        let ends = |lifetime: Option<Duration>| lifetime.map(|lifetime| expires_at(now(), lifetime));
        let Self { transaction, counts } = self;
        match change {
            Change::Set(document, lifetime) => {
                counts.sets += 1;
                transaction.set(collection, key, document, ends(lifetime));
            }
            Change::SetUntil(document, at) => {
                counts.sets += 1;
                transaction.set(collection, key, document, Some(at));
            }
            Change::Expire(lifetime) => transaction.expire(collection, key, ends(lifetime)),
            Change::Delete => {
                counts.deletes += 1;
                transaction.delete(collection, key);
            }
            Change::DropCollection => transaction.drop_collection(collection),
        }
    }
}

/// The limits that every database's limits lie within; which ones hold is known at the commit.
fn loosest() -> Limits {
    Limits {
        key_bytes_max: usize::MAX,
        document_bytes_max: usize::MAX,
        depth_max: usize::MAX,
        transaction_operations_max: usize::MAX,
        transaction_bytes_max: usize::MAX,
    }
    .clamped()
}

/// Whether arrays and objects are nested in more levels than these in a valid JSON text.
fn is_deeper(json: &str, levels: usize) -> bool {
    // No more of them are nested than there are. These are counted many bytes at a time, which needs small sums.
    let opened = |part: &[u8]| part.iter().map(|byte| u8::from(matches!(byte, b'[' | b'{'))).sum::<u8>();
    let opened: usize = json.as_bytes().chunks(128).map(|part| usize::from(opened(part))).sum();
    opened > levels && depth(json) > levels
}

/// How deeply arrays and objects are nested in a valid JSON text.
fn depth(json: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut in_string, mut escaped) = (false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_string => depth -= 1,
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn all_lifetimes_of_a_transaction_begin_at_one_time() {
        let looks = Cell::new(0);
        let now = || {
            looks.set(looks.get() + 1);
            Timestamp(looks.get())
        };
        let minute = Duration::from_secs(60);
        let transaction = Transaction::new().set_ex("a", 1, minute).set("b", 2).expire("c", minute);
        let prepared =
            transaction.set_ex("d", 3, minute).prepare(&Limits::default(), now).expect("it is small");
        assert_eq!((prepared.counts.sets, looks.get()), (3, 1));
    }

    #[test]
    fn depth_counts_brackets_outside_strings() {
        assert_eq!(depth("1"), 0);
        assert_eq!(depth("[]"), 1);
        assert_eq!(depth(r#"{"a":[1,{"b":2}],"c":[]}"#), 3);
        assert_eq!(depth(r#"["[[[\"{{{\\",[]]"#), 2);
        assert!(is_deeper("[[1],2]", 1) && !is_deeper("[[1],2]", 2) && !is_deeper(r#"[[],[],[],"[["]"#, 2));
    }
}
