//! Owns the calls about a database as a whole. Never reads or writes a document: `keyspace` does.

use std::sync::Arc;
use std::time::Duration;

use ferrumdb::{EncryptionKey, Sequence, Timestamp};
use napi::bindgen_prelude::{Float64Array, Uint8Array};
use napi::{Env, Unknown};
use napi_derive::napi;
use zeroize::Zeroizing;

use crate::answer::Answer;
use crate::failure::{Code, Failure, Result};
use crate::handle::Handle;
use crate::keyspace::Keyspace;
use crate::open_transaction::OpenTransaction;
use crate::options::{KeyDigest, key_bytes};
use crate::transfer::Export;
use crate::watch::{Watch, WatchOptions};
use crate::{numbers, report, studio, transaction, transfer};

type Thrown = napi::Error<Code>;

#[napi]
pub struct Database {
    handle: Handle,
}

impl Database {
    pub(crate) fn new(handle: Handle) -> Self {
        Self { handle }
    }
}

#[napi]
impl Database {
    /// The root collection.
    #[napi]
    pub fn root(&self) -> Keyspace {
        Keyspace::root(self.handle.clone())
    }

    /// Two buffers, by which `lib/` knows which texts it may keep: `texts.js` has what they mean. Nothing where JavaScript cannot be
    /// lent memory.
    #[napi]
    pub fn keep_texts<'e>(&self, env: &'e Env) -> Result<Option<Vec<Unknown<'e>>>, Thrown> {
        let Some(keeping) = self.handle.begin_keeping()? else { return Ok(None) };
        let stamps = numbers::lend(env, Arc::clone(&keeping.stamps));
        Ok(stamps
            .zip(numbers::lend(env, Arc::clone(&keeping.found)))
            .map(|(stamps, found)| vec![stamps, found]))
    }

    #[napi]
    pub fn collection(&self, name: String) -> Result<Keyspace, Thrown> {
        Ok(Keyspace::named(self.handle.clone(), name)?)
    }

    #[napi]
    pub fn collections(&self) -> Result<String, Thrown> {
        Ok(report::collections(&self.handle.db()?.collections().map_err(Failure::from)?))
    }

    #[napi]
    pub fn drop_collection(&self, call: u32, name: String) -> Result<(), Thrown> {
        let dropping = self.handle.db()?.drop_collection(name);
        Ok(self.handle.completions().wait(call, dropping, Answer::Flag)?)
    }

    #[napi]
    pub fn snapshot(&self) -> Result<Keyspace, Thrown> {
        Ok(Keyspace::snapshot(self.handle.clone(), self.handle.db()?.snapshot().map_err(Failure::from)?))
    }

    /// The database as it was after a commit, or at a time in milliseconds.
    #[napi]
    pub fn at(&self, call: u32, sequence: Option<f64>, time: Option<f64>) -> Result<(), Thrown> {
        let (db, handle) = (self.handle.db()?.clone(), self.handle.clone());
        let look = move || match (sequence, time) {
            (Some(sequence), _) => Ok(db.at(Sequence(sequence as u64))?),
            (None, time) => Ok(db.at_time(Timestamp(time.unwrap_or(0.0) as u64))?),
        };
        let then = |snapshot| Answer::Looked(handle, snapshot);
        self.handle.completions().work(call, look, then);
        Ok(())
    }

    #[napi]
    pub fn commit(
        &self,
        call: u32,
        steps: Uint8Array,
        texts: Vec<String>,
        numbers: Float64Array,
    ) -> Result<(), Thrown> {
        let transaction = transaction::read(&steps, texts, &numbers);
        Ok(self.handle.completions().commit(call, self.handle.db()?.commit(transaction))?)
    }

    #[napi]
    pub fn begin(&self) -> Result<OpenTransaction, Thrown> {
        Ok(OpenTransaction::begin(self.handle.clone())?)
    }

    #[napi]
    pub fn watch(&self, options: WatchOptions) -> Result<Watch, Thrown> {
        Ok(Watch::begin(&self.handle, options)?)
    }

    #[napi]
    pub fn sync(&self, call: u32) -> Result<(), Thrown> {
        Ok(self.handle.completions().wait(call, self.handle.db()?.sync(), |()| Answer::Nothing)?)
    }

    #[napi]
    pub fn rekey(
        &self,
        call: u32,
        key: Option<Uint8Array>,
        passphrase: Option<String>,
    ) -> Result<(), Thrown> {
        let digest = KeyDigest::of(key.as_deref(), passphrase.as_deref());
        let passphrase = passphrase.map(Zeroizing::new);
        let new = match (key, passphrase) {
            (Some(key), _) => EncryptionKey::from_bytes(*key_bytes(&key)?),
            (None, passphrase) => {
                EncryptionKey::from_passphrase(passphrase.as_deref().map_or("", |text| text))
            }
        };
        let (rekeying, handle) = (self.handle.db()?.rekey(new), self.handle.clone());
        let then = move |()| {
            handle.note_key(digest);
            Answer::Nothing
        };
        Ok(self.handle.completions().wait(call, rekeying, then)?)
    }

    #[napi]
    pub fn compact(&self, call: u32) -> Result<(), Thrown> {
        let compaction = self.handle.db()?.compact();
        Ok(self
            .handle
            .completions()
            .wait(call, compaction, |done| Answer::Text(report::compaction(&done)))?)
    }

    #[napi]
    pub fn cancel_compaction(&self, call: u32) -> Result<(), Thrown> {
        let cancelling = self.handle.db()?.cancel_compaction();
        Ok(self.handle.completions().wait(call, cancelling, Answer::Flag)?)
    }

    #[napi]
    pub fn backup(&self, call: u32, path: String, since: Option<f64>) -> Result<(), Thrown> {
        let db = self.handle.db()?;
        let backup = match since {
            None => db.backup_to(path),
            Some(since) => db.backup_since(Sequence(since as u64), path),
        };
        Ok(self.handle.completions().wait(call, backup, |done| Answer::Text(report::backup(&done)))?)
    }

    #[napi]
    pub fn verify(&self, call: u32) -> Result<(), Thrown> {
        let verification = self.handle.db()?.verify();
        Ok(self
            .handle
            .completions()
            .wait(call, verification, |done| Answer::Text(report::verification(&done)))?)
    }

    /// Asks for the file's length, so it is work.
    #[napi]
    pub fn stats(&self, call: u32) -> Result<(), Thrown> {
        let db = self.handle.db()?.clone();
        let look = move || Ok(report::stats(&db.stats()?, &db.metrics()));
        self.handle.completions().work(call, look, Answer::Text);
        Ok(())
    }

    /// Looks at what the owner tells, so it is work.
    #[napi]
    pub fn lag(&self, call: u32) -> Result<(), Thrown> {
        let db = self.handle.db()?.clone();
        self.handle.completions().work(call, move || Ok(report::lag(&db.lag()?)), Answer::Text);
        Ok(())
    }

    #[napi]
    pub fn export(&self) -> Result<Export, Thrown> {
        Ok(Export::begin(&self.handle)?)
    }

    #[napi]
    pub fn import_lines(&self, call: u32, lines: Vec<String>) -> Result<(), Thrown> {
        let transaction = transfer::read_lines(&lines)?;
        Ok(self.handle.completions().commit(call, self.handle.db()?.commit(transaction))?)
    }

    #[napi]
    pub fn start_studio(&self, call: u32, port: u16, writes: bool) -> Result<(), Thrown> {
        Ok(studio::start(&self.handle, call, port, writes)?)
    }

    #[napi]
    pub fn path(&self) -> Result<String, Thrown> {
        Ok(self.handle.db()?.path().display().to_string())
    }

    /// Later calls are refused from here on; the answer comes when the file is free, unless others have it open.
    #[napi]
    pub fn close(&self, call: u32) {
        self.handle.begin_closing();
        let handle = self.handle.clone();
        self.handle.completions().work(call, move || handle.close(), |()| Answer::Nothing);
    }

    #[napi]
    pub fn is_closed(&self) -> bool {
        self.handle.db().is_err()
    }
}

/// What `lib/` gives in seconds.
pub(crate) fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}
