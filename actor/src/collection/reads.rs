//! Owns the reads: they answer at once, from the thread that calls. Never goes to the writer.

use ferrumdb_engine::CollectionId;
use serde::de::DeserializeOwned;

use super::Collection;
use crate::database::Inner;
use crate::error::Result;
use crate::expiry::time_left;
use crate::metrics::Counter;
use crate::{Document, DocumentInfo, Keys, Stamped, Stamps, Ttl};

impl Collection {
    /// The document under `key`. It is parsed when [`Document::value`] is first called, and lends its text without
    /// copying.
    ///
    /// # Errors
    /// [`Damaged`](crate::ErrorKind::Damaged) or [`Io`](crate::ErrorKind::Io) when it cannot be read;
    /// [`Closed`](crate::ErrorKind::Closed).
    pub fn get(&self, key: impl AsRef<str>) -> Result<Option<Document>> {
        self.look_up(key.as_ref())
    }

    /// What [`get`](Self::get) would answer, if that is known without reading the file: the document is in the cache, or there
    /// is none. Otherwise nothing, and it is not counted. It is for those who must not wait for a disk, as the thread of an event
    /// loop, and have `get` called elsewhere if they must.
    ///
    /// ```
    /// use ferrumdb::FerrumDB;
    ///
    /// let db = FerrumDB::open_in_memory().wait()?;
    /// db.set("one", 1).wait()?;
    /// assert!(db.get_cached("one")?.is_none(), "nobody has read it yet");
    /// db.get("one")?;
    /// assert_eq!(db.get_cached("one")?.unwrap().unwrap(), serde_json::json!(1));
    /// assert_eq!(db.get_cached("two")?, Some(None));
    /// # Ok::<(), ferrumdb::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Closed`](crate::ErrorKind::Closed).
    pub fn get_cached(&self, key: impl AsRef<str>) -> Result<Option<Option<Document>>> {
        let Inner { link, reader, .. } = &**self.db;
        link.check_readable().map_err(|error| self.counted(error))?;
        let Some(known) = reader.get_cached(self.id(), key.as_ref()) else { return Ok(None) };
        link.counters.get(|| Ok(known)).map(Some)
    }

    /// As [`get_cached`](Self::get_cached), with a [stamp](crate::FerrumDB::stamps) by which the document can be kept elsewhere.
    ///
    /// # Errors
    /// [`Closed`](crate::ErrorKind::Closed).
    pub fn get_stamped(&self, stamps: &Stamps, key: impl AsRef<str>) -> Result<Option<Stamped>> {
        let Inner { link, reader, .. } = &**self.db;
        link.check_readable().map_err(|error| self.counted(error))?;
        let (id, collections) = self.id_as_of();
        let Some(found) = reader.get_stamped(stamps, collections, id, key.as_ref()) else { return Ok(None) };
        let Stamped { document, stamp } = found;
        let counted: Result<_> = link.counters.get(|| Ok(document));
        Ok(Some(Stamped { document: counted?, stamp }))
    }

    /// The document under `key` as a value of type `T`, straight from its text.
    ///
    /// # Errors
    /// As [`get`](Self::get), and [`TypeMismatch`](crate::ErrorKind::TypeMismatch).
    pub fn get_as<T: DeserializeOwned>(&self, key: impl AsRef<str>) -> Result<Option<T>> {
        let key = key.as_ref();
        let document = self.look_up(key)?;
        document.map(|document| document.to()).transpose().map_err(|error| self.failed(error, key))
    }

    /// A copy of the JSON text under `key`. [`get`](Self::get) lends it without copying.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn get_raw(&self, key: impl AsRef<str>) -> Result<Option<Vec<u8>>> {
        Ok(self.look_up(key.as_ref())?.map(|document| document.as_bytes().to_vec()))
    }

    /// The documents under several keys, in their order, as they stood at one moment: never half a transaction.
    ///
    /// # Errors
    /// As [`get`](Self::get), and [`Forked`](crate::ErrorKind::Forked).
    pub fn get_many<K: AsRef<str>>(&self, keys: &[K]) -> Result<Vec<Option<Document>>> {
        self.check_many()?;
        let Inner { link, reader, .. } = &**self.db;
        let get = || {
            let snapshot = reader.snapshot();
            snapshot.get_many(self.id_in(&snapshot), keys).map_err(|error| self.counted(error.into()))
        };
        link.counters.get_many(keys.len(), get)
    }

    /// Whether there is a document under `key`.
    ///
    /// # Errors
    /// [`Closed`](crate::ErrorKind::Closed).
    pub fn contains(&self, key: impl AsRef<str>) -> Result<bool> {
        self.db.link.check_readable().map_err(|error| self.counted(error))?;
        self.db.link.counters.add(Counter::KeysOnly, 1);
        Ok(self.db.reader.contains(self.id(), key.as_ref()))
    }

    /// How long the document under `key` will stay; nothing if there is no document.
    ///
    /// # Errors
    /// [`Closed`](crate::ErrorKind::Closed).
    pub fn ttl(&self, key: impl AsRef<str>) -> Result<Option<Ttl>> {
        let Inner { link, reader, .. } = &**self.db;
        link.check_readable().map_err(|error| self.counted(error))?;
        link.counters.add(Counter::KeysOnly, 1);
        let expiry = reader.expiry(self.id(), key.as_ref());
        Ok(expiry.and_then(|at| time_left(reader.now(), at)))
    }

    /// What is known of the document under `key` in memory: its version, its size, and when it expires. Nothing is read from
    /// the file for it.
    ///
    /// ```
    /// use ferrumdb::FerrumDB;
    ///
    /// let db = FerrumDB::open_in_memory().wait()?;
    /// let version = db.set("greeting", "hello").wait()?;
    /// let info = db.info("greeting")?.unwrap();
    /// assert_eq!((info.version, info.bytes, info.expires_at), (version, 7, None));
    /// # Ok::<(), ferrumdb::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Closed`](crate::ErrorKind::Closed), [`Forked`](crate::ErrorKind::Forked).
    pub fn info(&self, key: impl AsRef<str>) -> Result<Option<DocumentInfo>> {
        self.check_many()?;
        self.db.link.counters.add(Counter::KeysOnly, 1);
        let snapshot = self.db.reader.snapshot();
        Ok(snapshot.info(self.id_in(&snapshot), key.as_ref()))
    }

    /// All keys, in no order, as they stood when this was called.
    ///
    /// # Errors
    /// [`Closed`](crate::ErrorKind::Closed), [`Forked`](crate::ErrorKind::Forked).
    pub fn keys(&self) -> Result<Keys> {
        self.check_many()?;
        let snapshot = self.db.reader.snapshot();
        let id = self.id_in(&snapshot);
        Ok(snapshot.keys(id))
    }

    /// How many documents there are.
    ///
    /// # Errors
    /// [`Closed`](crate::ErrorKind::Closed), [`Forked`](crate::ErrorKind::Forked).
    pub fn count(&self) -> Result<u64> {
        self.check_many()?;
        if self.name_key().is_none() {
            return Ok(self.db.reader.count(CollectionId::ROOT));
        }
        let snapshot = self.db.reader.snapshot();
        Ok(snapshot.count(self.id_in(&snapshot)))
    }

    fn look_up(&self, key: &str) -> Result<Option<Document>> {
        self.db.link.check_readable().map_err(|error| self.counted(error))?;
        let Inner { link, reader, .. } = &**self.db;
        // An error becomes the public one in here: it is a pointer, and what is handed on stays in registers.
        let get = || reader.get(self.id(), key).map_err(|error| self.failed(error, key));
        link.counters.get(get)
    }
}
