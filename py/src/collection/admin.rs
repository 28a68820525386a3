//! Owns what concerns the whole database: commits, syncing, backups, compaction, figures, and the end. Never does any of it
//! itself.

use std::path::PathBuf;

use ferrumdb::{EncryptionKey, Sequence, WatchOptions};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::Collection;
use super::writes::Object;
use crate::changes::{ChangeStream, Changes};
use crate::config::{encryption_key, one_of_both};
use crate::error::raise;
use crate::history::History;
use crate::key::{looked_up, stored};
use crate::open_transaction::OpenTransaction;
use crate::operation::{Operate, answering, plainly, sequence, stoppable};
use crate::reports;
use crate::transaction::Transaction;

impl Collection {
    pub(super) fn commit_transaction(&self, transaction: &Transaction) -> impl Operate + use<> {
        answering(self.db.commit(transaction.copied()), sequence)
    }

    pub(super) fn sync_now(&self) -> impl Operate + use<> {
        answering(self.db.sync(), |py, ()| Ok(py.None()))
    }

    pub(super) fn close_now(&self) -> impl Operate + use<> {
        answering(self.db.close(), |py, ()| Ok(py.None()))
    }

    pub(super) fn compact_now(&self) -> impl Operate + use<> {
        let db = self.db.clone();
        // Nobody need wait until it has stopped.
        stoppable(self.db.compact(), reports::compaction, move || drop(db.cancel_compaction()))
    }

    pub(super) fn stop_compaction(&self) -> impl Operate + use<> {
        answering(self.db.cancel_compaction(), plainly)
    }

    pub(super) fn verify_now(&self) -> impl Operate + use<> {
        answering(self.db.verify(), reports::verification)
    }

    pub(super) fn back_up(&self, path: PathBuf, since: Option<u64>) -> impl Operate + use<> {
        let pending = match since {
            Some(since) => self.db.backup_since(Sequence(since), path),
            None => self.db.backup_to(path),
        };
        let db = self.db.clone();
        stoppable(pending, reports::backup, move || {
            db.cancel_backups();
        })
    }

    pub(super) fn use_key(
        &self,
        key: Option<Object<'_, '_>>,
        words: Option<&str>,
    ) -> PyResult<impl Operate + use<>> {
        let key = match (key, words) {
            (Some(key), None) => EncryptionKey::from_bytes(encryption_key(key)?),
            (None, Some(words)) => EncryptionKey::from_passphrase(words),
            _ => return Err(one_of_both()),
        };
        Ok(answering(self.db.rekey(key), |py, ()| Ok(py.None())))
    }

    pub(super) fn drop_named(&self, name: Object<'_, '_>) -> PyResult<impl Operate + use<>> {
        Ok(answering(self.db.drop_collection(stored(name)?), plainly))
    }
}

#[pymethods]
impl Collection {
    /// The collections besides the root: how many documents each has.
    fn collections<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let found = PyDict::new(py);
        for info in self.db.collections().map_err(raise)? {
            found.set_item(info.name.as_str(), info.documents)?;
        }
        Ok(found)
    }

    /// What the file, the cache and the memory hold.
    fn stats(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let stats = self.db.stats().map_err(raise)?;
        reports::stats(py, &stats, &self.db)
    }

    /// What the database has done since it was opened.
    fn metrics(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        reports::metrics(py, &self.db.metrics())
    }

    /// How far this database is behind its owner, if it was opened to read only.
    fn lag(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        reports::lag(py, &self.db.lag().map_err(raise)?)
    }

    /// Begins a transaction that reads and writes.
    #[pyo3(signature = (reads_ranges = false))]
    fn begin(&self, reads_ranges: bool) -> PyResult<OpenTransaction> {
        OpenTransaction::begin(&self.db, self.keys().name(), reads_ranges, self.codec)
    }

    /// The changes from now on, or behind a commit.
    #[pyo3(signature = (prefix = None, since = None, before = false, after = true, everywhere = false))]
    fn open_changes(
        &self,
        py: Python<'_>,
        prefix: Option<String>,
        since: Option<u64>,
        before: bool,
        after: bool,
        everywhere: bool,
    ) -> PyResult<Changes> {
        let options = self.wanted_changes(prefix, before, after, everywhere);
        Ok(Changes::new(self.feed(py, since, options)?, self.codec))
    }

    /// The same for asyncio.
    #[pyo3(signature = (prefix = None, since = None, before = false, after = true, everywhere = false))]
    fn open_stream(
        &self,
        py: Python<'_>,
        prefix: Option<String>,
        since: Option<u64>,
        before: bool,
        after: bool,
        everywhere: bool,
    ) -> PyResult<ChangeStream> {
        let options = self.wanted_changes(prefix, before, after, everywhere);
        Ok(ChangeStream::new(self.feed(py, since, options)?, self.codec))
    }

    /// What a key has held, the newest version first.
    fn history(&self, key: Object<'_, '_>) -> PyResult<History> {
        let versions = match looked_up(key) {
            Some(key) => Some(self.keys().history(key).map_err(raise)?),
            None => None,
        };
        Ok(History::new(versions, self.codec))
    }
}

impl Collection {
    fn wanted_changes(
        &self,
        prefix: Option<String>,
        before: bool,
        after: bool,
        everywhere: bool,
    ) -> WatchOptions {
        let mut options = WatchOptions::everything().prefix(prefix.unwrap_or_default());
        if !everywhere {
            options = match self.keys().name() {
                Some(name) => options.collection(name),
                None => options.root(),
            };
        }
        let options = if before { options.with_before() } else { options };
        if after { options.with_after() } else { options }
    }

    fn feed(&self, py: Python<'_>, since: Option<u64>, options: WatchOptions) -> PyResult<ferrumdb::Changes> {
        let changes = py.detach(|| match since {
            Some(since) => self.db.changes(Sequence(since), options),
            None => self.db.watch(options),
        });
        changes.map_err(raise)
    }
}
