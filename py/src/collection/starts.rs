//! Owns the writing calls as asyncio needs them: each returns at once what completes later. Never waits.

use std::path::PathBuf;

use pyo3::prelude::*;

use super::Collection;
use super::writes::{Object, Required, Texts};
use crate::iterators::Range;
use crate::operation::{Operate, Started};
use crate::transaction::Transaction;

#[pymethods]
impl Collection {
    #[pyo3(signature = (key, value, *, ttl = None))]
    fn start_set(
        &self,
        key: Object<'_, '_>,
        value: Object<'_, '_>,
        ttl: Option<Object<'_, '_>>,
    ) -> PyResult<Started> {
        Ok(self.write(key, value, ttl, Texts::Parsed)?.start())
    }

    #[pyo3(signature = (key, value, *, ttl = None))]
    fn start_put(
        &self,
        key: Object<'_, '_>,
        value: Object<'_, '_>,
        ttl: Option<Object<'_, '_>>,
    ) -> PyResult<Started> {
        Ok(self.write(key, value, ttl, Texts::Literal)?.start())
    }

    fn start_put_all(&self, items: Object<'_, '_>) -> PyResult<Started> {
        Ok(self.write_all(items)?.start())
    }

    fn start_set_ex(
        &self,
        key: Object<'_, '_>,
        value: Object<'_, '_>,
        ttl_seconds: Object<'_, '_>,
    ) -> PyResult<Started> {
        Ok(self.write(key, value, Some(ttl_seconds), Texts::Parsed)?.start())
    }

    #[pyo3(signature = (key, json, *, ttl = None))]
    fn start_set_raw(
        &self,
        key: Object<'_, '_>,
        json: Object<'_, '_>,
        ttl: Option<Object<'_, '_>>,
    ) -> PyResult<Started> {
        Ok(self.write_json(key, json, ttl)?.start())
    }

    #[pyo3(signature = (key, value, *, ttl = None))]
    fn start_insert(
        &self,
        key: Object<'_, '_>,
        value: Object<'_, '_>,
        ttl: Option<Object<'_, '_>>,
    ) -> PyResult<Started> {
        Ok(self.write_if(key, value, ttl, Required::Absent)?.start())
    }

    #[pyo3(signature = (key, value, *, ttl = None))]
    fn start_replace(
        &self,
        key: Object<'_, '_>,
        value: Object<'_, '_>,
        ttl: Option<Object<'_, '_>>,
    ) -> PyResult<Started> {
        Ok(self.write_if(key, value, ttl, Required::Present)?.start())
    }

    #[pyo3(signature = (key, value, version, *, ttl = None))]
    fn start_set_if_version(
        &self,
        key: Object<'_, '_>,
        value: Object<'_, '_>,
        version: u64,
        ttl: Option<Object<'_, '_>>,
    ) -> PyResult<Started> {
        Ok(self.write_if(key, value, ttl, Required::Version(version))?.start())
    }

    fn start_delete(&self, key: Object<'_, '_>) -> PyResult<Started> {
        Ok(self.remove(key)?.start())
    }

    fn start_delete_if_version(&self, key: Object<'_, '_>, version: u64) -> PyResult<Started> {
        Ok(self.remove_if_version(key, version)?.start())
    }

    fn start_expire(&self, key: Object<'_, '_>, ttl: Object<'_, '_>) -> PyResult<Started> {
        Ok(self.change_expiry(key, Some(ttl))?.start())
    }

    fn start_persist(&self, key: Object<'_, '_>) -> PyResult<Started> {
        Ok(self.change_expiry(key, None)?.start())
    }

    fn start_swap(&self, key: Object<'_, '_>, value: Object<'_, '_>) -> PyResult<Started> {
        Ok(self.swapped(key, value)?.start())
    }

    fn start_take(&self, key: Object<'_, '_>) -> PyResult<Started> {
        Ok(self.taken(key)?.start())
    }

    fn start_delete_prefix(&self, prefix: &str) -> PyResult<Started> {
        Ok(self.erase(Range::prefix(prefix)).start())
    }

    #[pyo3(signature = (start = None, end = None))]
    fn start_delete_range(&self, start: Option<&str>, end: Option<&str>) -> PyResult<Started> {
        Ok(self.erase(Range::new(None, start, end)).start())
    }

    #[pyo3(signature = (field, *, exist_ok = true))]
    fn start_create_index(&self, field: Object<'_, '_>, exist_ok: bool) -> PyResult<Started> {
        Ok(self.make_index(field, exist_ok)?.start())
    }

    fn start_drop_index(&self, field: Object<'_, '_>) -> PyResult<Started> {
        Ok(self.unmake_index(field)?.start())
    }

    fn start_commit(&self, transaction: &Transaction) -> PyResult<Started> {
        Ok(self.commit_transaction(transaction).start())
    }

    fn start_drop_collection(&self, name: Object<'_, '_>) -> PyResult<Started> {
        Ok(self.drop_named(name)?.start())
    }

    fn start_sync(&self) -> PyResult<Started> {
        Ok(self.sync_now().start())
    }

    fn start_compact(&self) -> PyResult<Started> {
        Ok(self.compact_now().start())
    }

    fn start_cancel_compaction(&self) -> PyResult<Started> {
        Ok(self.stop_compaction().start())
    }

    fn start_verify(&self) -> PyResult<Started> {
        Ok(self.verify_now().start())
    }

    #[pyo3(signature = (path, *, since = None))]
    fn start_backup(&self, path: PathBuf, since: Option<u64>) -> PyResult<Started> {
        Ok(self.back_up(path, since).start())
    }

    #[pyo3(signature = (encryption_key = None, *, passphrase = None))]
    fn start_rekey(
        &self,
        encryption_key: Option<Object<'_, '_>>,
        passphrase: Option<&str>,
    ) -> PyResult<Started> {
        Ok(self.use_key(encryption_key, passphrase)?.start())
    }

    fn start_close(&self) -> PyResult<Started> {
        Ok(self.close_now().start())
    }
}
