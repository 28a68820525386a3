//! Owns what the targets ask of a file and of an open database. Never excuses a panic.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

use ferrumdb_engine::fs::{FileSystem, OpenMode, SimFs, write_all};
use ferrumdb_engine::{
    CollectionId, EncryptionKey, Error, Key, ManualClock, Options, Reader, Result, Timestamp, Verification,
    VerifyReport, VerifyStep, Writer,
};
use serde_json::Value;

use crate::packed::{Flags, KEY, LOG_START, Unpacked, record_at, u32_at};

pub(crate) const PATH: &str = "/my.db";
const HINT: &str = "/my.db.hint";
/// More collections than that say nothing new.
const COLLECTIONS_MAX: usize = 16;

/// All documents, with when they expire.
pub(crate) type Contents = BTreeMap<(CollectionId, Key), (String, Option<Timestamp>)>;

/// An input's disk, key and collections.
pub(crate) struct Case {
    pub(crate) sim: SimFs,
    pub(crate) flags: Flags,
    pub(crate) file: Vec<u8>,
    pub(crate) has_hint: bool,
    pub(crate) key: Option<EncryptionKey>,
    pub(crate) collections: BTreeSet<CollectionId>,
}

impl Case {
    /// Nothing, if the input stands for none.
    pub(crate) fn of(data: &[u8]) -> Option<Self> {
        let Unpacked { flags, file, hint } = Unpacked::of(data)?;
        let sim = SimFs::new(1);
        for (path, bytes) in [(PATH, &file), (HINT, &hint)] {
            if path == PATH || !bytes.is_empty() {
                let written = sim
                    .open(Path::new(path), OpenMode::CreateNew)
                    .and_then(|file| write_all(&*file, bytes, 0).and_then(|()| file.sync()));
                written.expect("the simulated disk fails only when it is told to");
            }
        }
        sim.sync_directory(Path::new("/")).expect("the simulated disk fails only when it is told to");
        let key = flags.has(Flags::KEYED).then(|| EncryptionKey::from_bytes(KEY));
        let collections = collections(&file);
        Some(Self { sim, flags, file, has_hint: !hint.is_empty(), key, collections })
    }

    pub(crate) fn open(&self, path: &str) -> Result<(Writer, Reader)> {
        let mut options = Options::new(path);
        options.cache_bytes = 0;
        options.clock = Arc::new(ManualClock::new(Timestamp(1_000)));
        options.encryption.clone_from(&self.key);
        ferrumdb_engine::open(options, Arc::new(self.sim.clone()))
    }

    /// That the database file is as it was.
    pub(crate) fn assert_untouched(&self, error: &Error) {
        assert!(
            self.sim.live_bytes(PATH).as_ref() == Some(&self.file),
            "it was changed, and refused: {error}"
        );
    }

    /// Everything that readers can see, asked for in every way. An error if the bytes of something are bad.
    pub(crate) fn contents(&self, reader: &Reader) -> Result<Contents> {
        let mut contents = Contents::new();
        for &collection in &self.collections {
            let keys: Vec<Key> = reader.keys(collection).collect();
            assert_eq!(keys.len() as u64, reader.count(collection), "as many keys as are counted");
            for document in reader.snapshot().documents(collection) {
                let document = document?;
                let text = document.document.as_str().to_owned();
                contents.insert((collection, document.key), (text, document.expires_at));
            }
            for key in keys {
                let document = reader.get(collection, &key)?.expect("a key that is listed is there");
                let (text, expires_at) = &contents[&(collection, key.clone())];
                assert_eq!(document.as_str(), text);
                assert_eq!(reader.expiry(collection, &key), Some(*expires_at));
                assert!(reader.contains(collection, &key));
                let _ = document.value();
            }
        }
        find(reader)?;
        reader.stats()?;
        Ok(contents)
    }
}

/// Asks every index for everything that is of some class.
fn find(reader: &Reader) -> Result<()> {
    let snapshot = reader.snapshot();
    for index in snapshot.indexes() {
        for value in [Value::Null, Value::from(1), Value::from("x")] {
            for key in snapshot.find(index.collection, &index.path, &value)? {
                assert!(snapshot.contains(index.collection, &key), "what is found is there");
            }
            let bounds = (Bound::Included(&value), Bound::Unbounded);
            snapshot.find_range(index.collection, &index.path, bounds, true)?;
        }
    }
    Ok(())
}

/// The collections that the log names, in records that check or not.
fn collections(file: &[u8]) -> BTreeSet<CollectionId> {
    let mut collections = BTreeSet::from([CollectionId::ROOT]);
    let mut start = LOG_START;
    while let Some((payload, end)) = record_at(file, start) {
        if payload >= 4 && collections.len() < COLLECTIONS_MAX {
            collections.insert(CollectionId(u32_at(file, start + 40)));
        }
        start = end;
    }
    collections
}

/// Runs a verification to its end.
pub(crate) fn verify(begun: Result<Verification>) -> Result<VerifyReport> {
    let mut verification = begun?;
    while verification.step()? != VerifyStep::Done {}
    Ok(verification.finish())
}

/// An error that the contents of a file may be the cause of.
pub(crate) fn assert_about_bytes(error: &Error) {
    let is_expected = matches!(
        error,
        Error::Damaged { .. }
            | Error::Tampered { .. }
            | Error::NotADatabase { .. }
            | Error::UnsupportedVersion { .. }
            | Error::UnsupportedFeatures { .. }
            | Error::KeyNeeded { .. }
            | Error::NotEncrypted { .. }
            | Error::WrongKey { .. }
            | Error::KeyWornOut
            | Error::UnreadableIndex { .. }
    );
    assert!(is_expected, "{error:?}");
    assert!(!error.to_string().is_empty());
}
