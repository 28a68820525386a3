//! Owns the writing calls, each in two forms: one that returns when it is done, and one for asyncio that returns at once
//! what completes later. Never does anything but that with what lies beneath.

use std::path::PathBuf;

use pyo3::prelude::*;

use super::Collection;
use super::writes::{Object, Required, Texts};
use crate::iterators::Range;
use crate::operation::{Operate, Started};
use crate::transaction::Transaction;

/// Makes both forms of each call: both have the same arguments, and the same operation.
macro_rules! calls {
    ($(
        $(#[doc = $doc:tt])+
        $(#[signature $signature:tt])?
        fn $name:ident / $start:ident($collection:ident $(, $argument:ident: $kind:ty)* $(,)?) { $operation:expr }
    )*) => {
        #[pymethods]
        impl Collection {
            $(
                $(#[doc = $doc])+
                $(#[pyo3(signature = $signature)])?
                fn $name(&self, py: Python<'_> $(, $argument: $kind)*) -> PyResult<Py<PyAny>> {
                    let $collection = self;
                    $operation.and_then(|operation| operation.wait(py))
                }

                $(#[pyo3(signature = $signature)])?
                fn $start(&self $(, $argument: $kind)*) -> PyResult<Started> {
                    let $collection = self;
                    $operation.map(Operate::start)
                }
            )*
        }
    };
}

calls! {
    /// Stores a value; a text that is a JSON object or array is stored as that. The answer is the number of the commit.
    #[signature(key, value, *, ttl = None)]
    fn set / start_set(collection, key: Object<'_, '_>, value: Object<'_, '_>, ttl: Option<Object<'_, '_>>) {
        collection.write(key, value, ttl, Texts::Parsed)
    }

    /// Stores a value as it is. The answer is the number of the commit.
    #[signature(key, value, *, ttl = None)]
    fn put / start_put(collection, key: Object<'_, '_>, value: Object<'_, '_>, ttl: Option<Object<'_, '_>>) {
        collection.write(key, value, ttl, Texts::Literal)
    }

    /// Stores what a dict, or an iterable of pairs, holds, as it is, with one commit. The answer is its number.
    fn put_all / start_put_all(collection, items: Object<'_, '_>) { collection.write_all(items) }

    /// As `set`, and the document expires.
    fn set_ex / start_set_ex(
        collection,
        key: Object<'_, '_>,
        value: Object<'_, '_>,
        ttl_seconds: Object<'_, '_>,
    ) {
        collection.write(key, value, Some(ttl_seconds), Texts::Parsed)
    }

    /// Stores a JSON text. The answer is the number of the commit.
    #[signature(key, json, *, ttl = None)]
    fn set_raw / start_set_raw(
        collection,
        key: Object<'_, '_>,
        json: Object<'_, '_>,
        ttl: Option<Object<'_, '_>>,
    ) {
        collection.write_json(key, json, ttl)
    }

    /// Stores a value if there is none.
    #[signature(key, value, *, ttl = None)]
    fn insert / start_insert(
        collection,
        key: Object<'_, '_>,
        value: Object<'_, '_>,
        ttl: Option<Object<'_, '_>>,
    ) {
        collection.write_if(key, value, ttl, Required::Absent)
    }

    /// Stores a value if there is one.
    #[signature(key, value, *, ttl = None)]
    fn replace / start_replace(
        collection,
        key: Object<'_, '_>,
        value: Object<'_, '_>,
        ttl: Option<Object<'_, '_>>,
    ) {
        collection.write_if(key, value, ttl, Required::Present)
    }

    /// Stores a value if the one there is still of this version.
    #[signature(key, value, version, *, ttl = None)]
    fn set_if_version / start_set_if_version(
        collection,
        key: Object<'_, '_>,
        value: Object<'_, '_>,
        version: u64,
        ttl: Option<Object<'_, '_>>,
    ) {
        collection.write_if(key, value, ttl, Required::Version(version))
    }

    /// Removes a document. The answer is whether there was one.
    fn delete / start_delete(collection, key: Object<'_, '_>) { collection.remove(key) }

    /// Removes a document if it is still of this version.
    fn delete_if_version / start_delete_if_version(collection, key: Object<'_, '_>, version: u64) {
        collection.remove_if_version(key, version)
    }

    /// Lets a document expire. The answer is whether there is one.
    fn expire / start_expire(collection, key: Object<'_, '_>, ttl: Object<'_, '_>) {
        collection.change_expiry(key, Some(ttl))
    }

    /// Lets a document stay for ever. The answer is whether there is one.
    fn persist / start_persist(collection, key: Object<'_, '_>) { collection.change_expiry(key, None) }

    /// Stores a value. The answer is a tuple of the one that it replaces, or an empty one.
    fn swap / start_swap(collection, key: Object<'_, '_>, value: Object<'_, '_>) {
        collection.swapped(key, value)
    }

    /// Removes a document. The answer is a tuple of its value, or an empty one.
    fn take / start_take(collection, key: Object<'_, '_>) { collection.taken(key) }

    /// Removes all documents whose keys begin with a text, in one commit. The answer is how many there were.
    fn delete_prefix / start_delete_prefix(collection, prefix: &str) {
        Ok(collection.erase(Range::prefix(prefix)))
    }

    /// Removes all documents with keys from `start` to before `end`, in one commit. The answer is how many there were.
    #[signature(start = None, end = None)]
    fn delete_range / start_delete_range(collection, start: Option<&str>, end: Option<&str>) {
        Ok(collection.erase(Range::new(None, start, end)))
    }

    /// Creates an index on a field.
    #[signature(field, *, exist_ok = true)]
    fn create_index / start_create_index(collection, field: Object<'_, '_>, exist_ok: bool) {
        collection.make_index(field, exist_ok)
    }

    /// Drops an index.
    fn drop_index / start_drop_index(collection, field: Object<'_, '_>) { collection.unmake_index(field) }

    /// Commits a transaction: all of it or nothing. The answer is the number of the commit.
    fn commit / start_commit(collection, transaction: &Transaction) {
        Ok(collection.commit_transaction(transaction))
    }

    /// Drops a collection with all that is in it. The answer is whether there was one.
    fn drop_collection / start_drop_collection(collection, name: Object<'_, '_>) {
        collection.drop_named(name)
    }

    /// Makes everything durable that was committed before.
    fn sync / start_sync(collection) { Ok(collection.sync_now()) }

    /// Writes the database anew without what is not needed any more.
    fn compact / start_compact(collection) { Ok(collection.compact_now()) }

    /// Stops a compaction. The answer is whether there was one.
    fn cancel_compaction / start_cancel_compaction(collection) { Ok(collection.stop_compaction()) }

    /// Reads the whole log, and tells what is not as it should be.
    fn verify / start_verify(collection) { Ok(collection.verify_now()) }

    /// Writes a backup to a new file: a full one, or what was committed behind `since`.
    #[signature(path, *, since = None)]
    fn backup / start_backup(collection, path: PathBuf, since: Option<u64>) {
        Ok(collection.back_up(path, since))
    }

    /// Lets another key open the database from now on.
    #[signature(encryption_key = None, *, passphrase = None)]
    fn rekey / start_rekey(collection, encryption_key: Option<Object<'_, '_>>, passphrase: Option<&str>) {
        collection.use_key(encryption_key, passphrase)
    }

    /// Closes the database: everything is durable and the file is free when it returns.
    fn close / start_close(collection) { Ok(collection.close_now()) }
}
