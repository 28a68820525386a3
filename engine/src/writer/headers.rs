//! Owns the writer's part in the header: what it may seal, what is synced, and which key opens the file. Never overwrites the
//! copy that holds.

use std::sync::Arc;

use super::{Durability, Writer};
use crate::error::{Error, Result};
use crate::fs::write_all;
use crate::log::{COUNTER_MAX, Header, Kind, VERSION};
use crate::seal::EncryptionKey;

impl Writer {
    /// Makes an encrypted database ready to seal so many more records: the header says durably how many its data key may
    /// have sealed, so that no opening ever counts too few.
    pub(super) fn allow_seals(&mut self, records: u64) -> Result<()> {
        let Some(prepared) = self.log.sealer.with(|sealer| sealer.prepare(records)) else { return Ok(()) };
        let Some(sealed_max) = prepared.map_err(|error| Error::seal(&self.shared.path, error))? else {
            return Ok(());
        };
        self.write_header(Some(sealed_max))?;
        self.sync_log()?;
        self.log.sealer.with(|sealer| sealer.allow(sealed_max));
        Ok(())
    }

    /// Writes the header's older copy anew. It claims what is synced by now. [`Error::KeyWornOut`], if it was changed as
    /// often as can be counted.
    pub(super) fn write_header(&mut self, sealed_max: Option<u64>) -> Result<()> {
        if self.log.header.counter >= COUNTER_MAX {
            // A copy that counts further is damaged. Only a forged one has come so far; a compaction begins anew.
            return Err(Error::KeyWornOut);
        }
        let (counter, synced) = (self.log.header.counter + 1, self.appender.synced());
        let header = Header { version: VERSION, counter, synced, ..self.log.header.clone() };
        let keys = self.log.keyring.as_deref().zip(sealed_max);
        let copy = header.encode(keys).map_err(|error| Error::seal(&self.shared.path, error))?;
        write_all(self.appender.file(), &copy, header.position())
            .map_err(|source| Error::io("write the header of", &self.shared.path, source))?;
        // INVARIANT: after a write that failed, the next one goes to the same place. The other copy is the one that holds.
        self.log.header = header;
        self.log.generation.note_version(VERSION);
        Ok(())
    }

    /// Lets another key open the database from now on, and no more the one that it was opened with. What is stored is
    /// not sealed anew: a compaction renews the key that it is sealed with. Older copies of the file still open with the
    /// older key.
    ///
    /// # Errors
    /// [`Error::NotEncrypted`]; [`Error::Io`] when the headers could not be written, and [`Error::InDoubt`] when they
    /// could not be synced: the database then opens with one key or the other. [`Error::Poisoned`].
    pub fn rekey(&mut self, key: &EncryptionKey) -> Result<()> {
        self.check()?;
        let Some(keyring) = &self.log.keyring else {
            return Err(Error::NotEncrypted { path: self.shared.path.to_path_buf() });
        };
        let rekeyed = keyring.rekeyed(key).map_err(|error| Error::seal(&self.shared.path, error))?;
        let before = self.log.keyring.replace(Arc::new(rekeyed));
        let counter = self.log.header.counter;
        let renewed = self.renew_headers();
        if renewed.is_err() && self.log.header.counter == counter {
            // INVARIANT: no copy of another key is left behind, to state an old count, when the header is written next.
            self.log.keyring = before;
        }
        renewed
    }

    /// Marks the log as closed, unless the data key has sealed as often as it may: what is there is as durable without a mark,
    /// and the next opening finds that it was not closed. Says whether the mark is there.
    pub(super) fn append_close_mark(&mut self) -> Result<bool> {
        match self.commit_record(Kind::CloseMark, None, Durability::Appended, |_| ()) {
            Ok(_) => Ok(true),
            Err(Error::KeyWornOut) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Writes both copies of the header of an encrypted database, one after the other, each durable before the next.
    pub(crate) fn renew_headers(&mut self) -> Result<()> {
        let sealed_max = self.log.sealer.with(|sealer| sealer.allowed());
        for _copy in 0..2 {
            self.write_header(sealed_max)?;
            self.sync_log()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
