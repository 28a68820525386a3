//! Owns the calls about order: reading ranges of keys and of the values of a field, counting them, and deleting them. Never
//! sorts anything itself.

use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use ferrumdb_engine::{self as engine, CollectionId, KeyBounds, Snapshot};
use serde::Serialize;
use serde_json::Value;

use super::Collection;
use crate::command::{Command, Reply};
use crate::error::{Error, Result};
use crate::pending::Pending;
use crate::scan::{FieldScan, Scan, key_bounds};
use crate::{Document, FieldPath, Key, Sequence};

/// What deleting a range has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DeletionReport {
    /// The commit; the newest one, if there was nothing to delete.
    pub sequence: Sequence,
    /// How many documents there were.
    pub documents: u64,
}

impl Collection {
    /// The documents whose keys lie in a range, in the order of the keys' UTF-8 bytes, as they stand at this moment. The
    /// start is part of the range and the end is not, unless the range says otherwise (`..=`, or two [`Bound`]s), and if the
    /// end comes before the start there are none. For all documents there is [`prefix("")`](Self::prefix).
    ///
    /// The order of the keys is kept from its first use on, in memory: some 40 bytes for each key, and a
    /// third of a microsecond for each key that comes or goes, but nothing where a document is replaced. Until it is there,
    /// which takes a third of a second for a million keys and holds up nobody, this sorts a copy of the keys in the range.
    /// So does a scan of a snapshot that was taken before.
    ///
    /// ```
    /// use ferrumdb::FerrumDB;
    ///
    /// let db = FerrumDB::open_in_memory().wait()?;
    /// for day in ["2024-01-30", "2024-02-01", "2024-02-29", "2024-03-01"] {
    ///     db.set(day, true).wait()?;
    /// }
    /// let february: Vec<_> = db.range("2024-02".."2024-03")?.keys().collect();
    /// assert_eq!(february, ["2024-02-01", "2024-02-29"]);
    /// # Ok::<(), ferrumdb::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Closed`](crate::ErrorKind::Closed), [`Forked`](crate::ErrorKind::Forked).
    pub fn range<K: AsRef<str>>(&self, range: impl RangeBounds<K>) -> Result<Scan> {
        self.scan(key_bounds(&range))
    }

    /// The documents whose keys begin with a text, in the order of the keys: see [`range`](Self::range).
    ///
    /// # Errors
    /// As [`range`](Self::range).
    pub fn prefix(&self, prefix: impl AsRef<str>) -> Result<Scan> {
        self.scan(KeyBounds::prefix(prefix.as_ref()))
    }

    /// The document with the first key in the order of the keys, if there is any.
    ///
    /// # Errors
    /// As [`range`](Self::range) and [`get`](Self::get).
    pub fn first(&self) -> Result<Option<(Key, Document)>> {
        self.scan(KeyBounds::all())?.limit(1).next().transpose()
    }

    /// The document with the last key in the order of the keys, if there is any.
    ///
    /// # Errors
    /// As [`range`](Self::range) and [`get`](Self::get).
    pub fn last(&self) -> Result<Option<(Key, Document)>> {
        self.scan(KeyBounds::all())?.reverse().limit(1).next().transpose()
    }

    /// How many documents have keys in a range: see [`range`](Self::range). Once the order of the keys is kept, it costs
    /// the same however many they are.
    ///
    /// # Errors
    /// As [`range`](Self::range).
    pub fn count_range<K: AsRef<str>>(&self, range: impl RangeBounds<K>) -> Result<u64> {
        self.count_in(&key_bounds(&range))
    }

    /// How many documents have keys that begin with a text: as [`count_range`](Self::count_range).
    ///
    /// # Errors
    /// As [`range`](Self::range).
    pub fn count_prefix(&self, prefix: impl AsRef<str>) -> Result<u64> {
        self.count_in(&KeyBounds::prefix(prefix.as_ref()))
    }

    /// Whether the order of the keys is kept by now, so that reading a range costs what is read; if not, it will be soon, as
    /// after any call that reads in order. Where there are no documents, there is nothing to wait for.
    ///
    /// # Errors
    /// As [`range`](Self::range).
    pub fn is_ordered(&self) -> Result<bool> {
        let (snapshot, id) = self.look_in_order()?;
        Ok(snapshot.count(id) == 0 || snapshot.has_order(id))
    }

    /// The documents whose field holds a value in a range, in the order of the values, and of the keys where values are
    /// equal, as they stand at this moment.
    ///
    /// The order is that of all JSON values: `null` and fields that are missing, numbers, strings, objects, arrays,
    /// `false`, `true`. Numbers are compared exactly, strings by their UTF-8 bytes, arrays item by item, objects as lists
    /// of their pairs in the order of their keys. Between bounds there are only values of their own kind; without any, all.
    /// Of values larger than 1,024 bytes, the first 1,024 decide the order.
    ///
    /// With an index on the field it costs what is read; without one it begins with a look at every document.
    ///
    /// ```
    /// use ferrumdb::FerrumDB;
    /// use serde_json::json;
    ///
    /// let db = FerrumDB::open_in_memory().wait()?;
    /// db.create_index("age").wait()?;
    /// for (key, age) in [("alice", 31), ("bob", 17), ("carol", 64), ("dave", 31)] {
    ///     db.set(key, json!({"age": age})).wait()?;
    /// }
    /// let page: Vec<_> = db.range_by("age", json!(18)..)?.limit(1).keys().collect::<Result<_, _>>()?;
    /// assert_eq!(page, ["alice"]);
    /// let next = db.range_by("age", json!(18)..)?.after(&json!(31), "alice")?;
    /// assert_eq!(next.keys().collect::<Result<Vec<_>, _>>()?, ["dave", "carol"]);
    /// # Ok::<(), ferrumdb::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub fn range_by<F>(&self, field: F, range: impl RangeBounds<Value>) -> Result<FieldScan>
    where
        F: TryInto<FieldPath>,
        Error: From<F::Error>,
    {
        let path = field.try_into()?;
        self.check_many()?;
        let bounds: (Bound<&Value>, Bound<&Value>) = (range.start_bound(), range.end_bound());
        let snapshot = Arc::new(self.db.reader.snapshot());
        let id = self.id_in(&snapshot);
        let scan = engine::FieldScan::new(snapshot, id, path, bounds);
        Ok(FieldScan::new(scan.map_err(|error| self.counted(error.into()))?, &self.db.link))
    }

    /// Deletes all documents whose keys lie in a range, in one commit: all of them or none, whatever happens. The answer is
    /// how many there were.
    ///
    /// What it needs does not depend on how many there are, but for some 200 bytes of memory for each until it is done, and
    /// for as long as a snapshot needs them. Other commits wait for it: two to three seconds for a million documents, and more
    /// if indexes are to be told what each of them held.
    ///
    /// ```
    /// use ferrumdb::FerrumDB;
    ///
    /// let db = FerrumDB::open_in_memory().wait()?;
    /// for day in ["2023-12-31", "2024-01-01", "2024-01-02"] {
    ///     db.set(day, true).wait()?;
    /// }
    /// assert_eq!(db.delete_range(.."2024").wait()?, 1);
    /// assert_eq!(db.delete_prefix("2024-01").wait()?, 2);
    /// assert_eq!(db.clear().wait()?, 0);
    /// # Ok::<(), ferrumdb::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`commit`](crate::FerrumDB::commit).
    pub fn delete_range<K: AsRef<str>>(&self, range: impl RangeBounds<K>) -> Pending<u64> {
        self.erase(key_bounds(&range)).then(|report| Ok(report.documents))
    }

    /// Deletes all documents whose keys begin with a text: as [`delete_range`](Self::delete_range).
    ///
    /// # Errors
    /// As [`commit`](crate::FerrumDB::commit).
    pub fn delete_prefix(&self, prefix: impl AsRef<str>) -> Pending<u64> {
        self.delete_prefix_with_report(prefix).then(|report| Ok(report.documents))
    }

    /// The same, for whoever wants to find the commit again: in the [change feed](crate::FerrumDB::watch), for instance, which
    /// tells what each document has held.
    ///
    /// ```
    /// use ferrumdb::{FerrumDB, WatchOptions};
    ///
    /// let db = FerrumDB::open_in_memory().wait()?;
    /// db.set("session:1", "alice").wait()?;
    /// let mut changes = db.watch(WatchOptions::everything().with_before())?;
    /// let report = db.delete_prefix_with_report("session:").wait()?;
    /// assert_eq!(report.documents, 1);
    ///
    /// let change = changes.next().expect("there is one")?;
    /// assert_eq!(change.sequence, report.sequence);
    /// assert_eq!(change.before.expect("there was one").as_str(), r#""alice""#);
    /// # Ok::<(), ferrumdb::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`commit`](crate::FerrumDB::commit).
    pub fn delete_prefix_with_report(&self, prefix: impl AsRef<str>) -> Pending<DeletionReport> {
        self.erase(KeyBounds::prefix(prefix.as_ref()))
    }

    /// Deletes all documents: as [`delete_range`](Self::delete_range). Indexes stay, and are empty.
    ///
    /// # Errors
    /// As [`commit`](crate::FerrumDB::commit).
    pub fn clear(&self) -> Pending<u64> {
        self.send_erase(KeyBounds::all()).then(|report| Ok(report.documents))
    }

    fn scan(&self, bounds: KeyBounds) -> Result<Scan> {
        let (snapshot, id) = self.look_in_order()?;
        Ok(Scan::new(engine::Scan::new(Arc::new(snapshot), id, bounds), &self.db.link))
    }

    fn count_in(&self, bounds: &KeyBounds) -> Result<u64> {
        let (snapshot, id) = self.look_in_order()?;
        self.told(snapshot.count_range(id, bounds))
    }

    /// A look at many keys as of now, by somebody who wants them in order.
    fn look_in_order(&self) -> Result<(Snapshot, CollectionId)> {
        self.check_many()?;
        let snapshot = self.db.reader.snapshot();
        let id = self.id_in(&snapshot);
        self.want_order(&snapshot, id);
        Ok((snapshot, id))
    }

    /// Has the order of the keys kept from now on, if it is not.
    pub(crate) fn want_order(&self, snapshot: &Snapshot, id: CollectionId) {
        if snapshot.count(id) > 0 && !snapshot.has_order(id) {
            self.db.link.want_order(id);
        }
    }

    fn erase(&self, bounds: KeyBounds) -> Pending<DeletionReport> {
        // Without the order every key is looked at, for whoever deletes ranges again.
        let _ = self.look_in_order();
        self.send_erase(bounds)
    }

    fn send_erase(&self, bounds: KeyBounds) -> Pending<DeletionReport> {
        let (reply, receiver) = Reply::channel();
        self.db.link.send(Command::DeleteRange(self.name_key().cloned(), Box::new(bounds), reply), receiver)
    }
}
