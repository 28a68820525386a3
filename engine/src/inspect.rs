//! Owns looking at a database file without opening it: its header, the beginning of its hint, and what the log has behind that.
//! Never takes a lock, never writes, and never loads the keydir.
//!
//! A record says where its key's version before stands, so that what a commit does to the count of documents, and to the
//! bytes that are live, is known without a look at any other key.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::fs::{File, FileSystem};
use crate::hint::{Start, Summary};
use crate::index::path::FieldPath;
use crate::key::{CollectionId, Key, Sequence, Timestamp};
use crate::log::{Head, Header, Kind, LOG_START, LogKeys, Payload, Scanner, Step, read_head, record_bytes};
use crate::options::Options;
use crate::recovery::{self, Unlocked};
use crate::seal::Keyring;

/// How much is read, at most, of what lies behind the hint, and once more of its end. More would take longer than a look may.
const WALK_BYTES_MAX: u64 = 64 << 20;

/// What a database file says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileInfo {
    /// The database file.
    pub path: PathBuf,
    /// The version of its format.
    pub format: u32,
    /// Random, made with the file.
    pub file_id: [u8; 16],
    /// 1, and one more with each compaction.
    pub generation: u64,
    /// When this generation was made.
    pub created: Timestamp,
    /// Every version of a document since this commit is in the file; 0 if every version is.
    pub history_floor: Sequence,
    /// What opens it, if it is encrypted.
    pub encryption: Option<FileKey>,
    /// The length of the file, space prepared ahead included, in bytes.
    pub file_bytes: u64,
    /// The process that has it open to write, where the system tells.
    pub owner: Option<u32>,
    /// The commit up to which the hint file stands for the log, if there is one that does by its beginning and its end. Opening
    /// reads all of it, and does without if anything is wrong.
    pub hint: Option<Sequence>,
    /// What is in it. Nothing, if that cannot be said quickly, or not without the key: opening the file tells then.
    pub contents: Option<FileContents>,
}

/// What opens an encrypted file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKey {
    /// A key of 32 bytes.
    Bytes,
    /// A passphrase.
    Passphrase,
}

/// What is in a database file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileContents {
    /// The number of the newest whole commit.
    pub sequence: Sequence,
    /// The time of that commit.
    pub time: Timestamp,
    /// Whether the database was closed after it. If not, somebody has it open, or a crash has left it.
    pub closed: bool,
    /// Documents in all collections; those that have expired and are not purged count.
    pub documents: u64,
    /// The length of the log, in bytes.
    pub log_bytes: u64,
    /// The part of the log that holds the newest version of a document, in bytes.
    pub live_bytes: u64,
    /// The names of the collections besides the root.
    pub collections: Vec<Key>,
    /// The indexes: the collection, nothing for the root, and the field.
    pub indexes: Vec<(Option<Key>, FieldPath)>,
}

/// Looks at the database file at a path, also while somebody has it open. Without the key, an encrypted one shows its header.
///
/// # Errors
/// Those of [`crate::open`], but for [`Error::Locked`] and [`Error::KeyNeeded`]; a file that is missing is an
/// [`Error::Io`].
pub fn inspect(options: &Options, file_system: &dyn FileSystem) -> Result<FileInfo> {
    let path = recovery::canonical(file_system, &options.path)?;
    let failed = |source| Error::io("read", &path, source);
    let (file, copies) = recovery::open_to_look(file_system, &path)?;
    let newest = copies[0].header.clone();
    let unlocked = match recovery::unlock(&path, copies, options.encryption.as_ref()) {
        Ok(unlocked) => Some(unlocked),
        Err(Error::KeyNeeded { .. }) => None,
        Err(error) => return Err(error),
    };
    let mut info = FileInfo {
        path: path.clone(),
        format: newest.version,
        file_id: newest.file_id,
        generation: newest.generation,
        created: newest.created,
        history_floor: newest.history_floor,
        encryption: newest.encryption.as_ref().map(|block| match block.wants_passphrase() {
            true => FileKey::Passphrase,
            false => FileKey::Bytes,
        }),
        file_bytes: file.len().map_err(failed)?,
        owner: file.lock_holder(),
        hint: None,
        contents: None,
    };
    if let Some(Unlocked { header, keyring, .. }) = unlocked {
        let begun = Tally::begin(file_system, &path, &*file, &header, keyring.as_deref());
        if let Some(tally) = begun {
            info.hint = tally.hint;
            info.contents = tally.walk(&*file, WALK_BYTES_MAX).map_err(failed)?;
        }
    }
    Ok(info)
}

/// What is known so far, and where the log goes on.
struct Tally {
    start: Summary,
    hint: Option<Sequence>,
    keys: LogKeys,
    /// Whether a change was met whose meaning is not known without the keydir.
    is_lost: bool,
}

/// What a record does, until its commit is whole.
enum Change {
    Key { is_set: bool, bytes: u64, previous: u64 },
    Definition(Kind, CollectionId, Vec<u8>),
    Created(CollectionId, Key),
    Dropped,
}

impl Tally {
    /// Nothing, if too much of the log would have to be read.
    fn begin(
        file_system: &dyn FileSystem,
        path: &Path,
        file: &dyn File,
        header: &Header,
        keyring: Option<&Keyring>,
    ) -> Option<Self> {
        let keys = LogKeys::new(header, keyring);
        let found = Summary::find(file_system, path, file, &keys, header, keyring);
        let hint = found.as_ref().and_then(|summary| summary.walked.hinted());
        let start = match found {
            Some(summary) => summary,
            // The versions in a base section need not be told from documents by what they say themselves.
            None if header.history_floor > Sequence::ZERO => return None,
            None => Summary {
                documents: 0,
                live_bytes: 0,
                collections: Vec::new(),
                walked: Start::empty(header).walked,
            },
        };
        Some(Self { start, hint, keys, is_lost: false })
    }

    /// Reads on to the end of the log, if that is not much more than so many bytes away.
    fn walk(mut self, file: &dyn File, bytes_max: u64) -> std::io::Result<Option<FileContents>> {
        let begun = self.start.walked.place;
        let keys = self.keys.clone();
        let (file_bytes, bound) = (file.len()?, begun.position + bytes_max);
        let mut is_bounded = file_bytes > bound;
        let mut scanner = Scanner::until(file, &keys, begun, bound)?;
        let mut changes = Vec::new();
        let mut last_kind = None;
        loop {
            let step = scanner.next(|_, head, payload| {
                last_kind = Some(head.kind);
                changes.extend(payload.and_then(|payload| Change::of(head, &payload)));
            })?;
            match step {
                Step::Commit(mark) => {
                    for change in changes.drain(..) {
                        self.apply(change, file)?;
                    }
                    self.start.walked.time = self.start.walked.time.max(mark.time);
                    self.start.walked.claim = self.start.walked.claim.max(mark.synced);
                    self.start.walked.closed = last_kind == Some(Kind::CloseMark);
                }
                // A commit may go on beyond the bound, and so may zeros.
                Step::End | Step::Bad(_) if is_bounded => {
                    let place = scanner.place();
                    if file_bytes - place.position > bytes_max {
                        return Ok(None);
                    }
                    (is_bounded, changes) = (false, Vec::new());
                    scanner = Scanner::new(file, &keys, place)?;
                }
                Step::End => break,
                // Unfinished, or damaged: the marks behind it say whether it was synced.
                Step::Bad(_) => {
                    self.start.walked.claim = self.start.walked.claim.max(scanner.beyond()?.claim);
                    break;
                }
                Step::Base | Step::Tampered(_) => return Ok(None),
            }
            if self.is_lost {
                return Ok(None);
            }
        }
        let (place, walked) = (scanner.place(), self.start.walked);
        if walked.claim > place.position {
            // It is damaged, and opening says where.
            return Ok(None);
        }
        let names = self.start.collections;
        let name = |id| names.iter().find(|(known, _)| *known == id).map(|(_, name)| name.clone());
        let indexes = walked.definitions.fields().map(|(id, path)| (name(id), path.clone())).collect();
        let mut collections: Vec<Key> = names.iter().map(|(_, name)| name.clone()).collect();
        collections.sort_unstable();
        Ok(Some(FileContents {
            sequence: place.sequence,
            time: walked.time,
            closed: walked.closed,
            documents: self.start.documents,
            log_bytes: place.position - LOG_START,
            live_bytes: self.start.live_bytes,
            collections,
            indexes,
        }))
    }

    fn apply(&mut self, change: Change, file: &dyn File) -> std::io::Result<()> {
        let Summary { documents, live_bytes, collections, walked } = &mut self.start;
        match change {
            Change::Key { is_set, bytes, previous } => {
                if previous != 0 {
                    let before = read_head(file, &self.keys, previous)?;
                    let Some(before) = before.filter(|head| head.kind == Kind::Set) else {
                        self.is_lost = true;
                        return Ok(());
                    };
                    *documents = documents.saturating_sub(1);
                    *live_bytes = live_bytes.saturating_sub(record_bytes(before.payload_bytes));
                }
                if is_set {
                    *documents += 1;
                    *live_bytes += bytes;
                }
            }
            Change::Definition(kind, collection, stored) => {
                self.is_lost |= walked.definitions.note(kind, collection, &stored).is_err();
            }
            Change::Created(id, name) => collections.push((id, name)),
            // How many documents went with it is not known.
            Change::Dropped => self.is_lost = true,
        }
        Ok(())
    }
}

impl Change {
    fn of(head: &Head, payload: &Payload<'_>) -> Option<Self> {
        let (collection, previous) = (payload.collection, head.previous);
        match head.kind {
            Kind::Set | Kind::Delete => {
                let is_set = head.kind == Kind::Set;
                Some(Self::Key { is_set, bytes: record_bytes(head.payload_bytes), previous })
            }
            Kind::IndexCreated | Kind::IndexDropped => {
                Some(Self::Definition(head.kind, collection, payload.document.to_vec()))
            }
            Kind::CollectionCreated => Some(Self::Created(collection, Key::from(payload.key))),
            Kind::CollectionDropped => Some(Self::Dropped),
            Kind::BaseEnd | Kind::SyncMark | Kind::CloseMark => None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing test may panic")]
    use std::sync::Arc;

    use super::*;
    use crate::fs::{SimFs, SimOperation};
    use crate::{Durability, EncodedDocument, Limits, Transaction, Writer, open};

    const PATH: &str = "/look.db";
    const LARGE: usize = 40 << 10;

    fn commit(writer: &mut Writer, keys: &[&str]) {
        let mut transaction = Transaction::new();
        for key in keys {
            let document = EncodedDocument::from_serialize("x".repeat(LARGE).as_str(), &Limits::default());
            transaction.set(CollectionId::ROOT, Key::from(*key), document.unwrap(), None);
        }
        writer.commit(&[transaction], Durability::Synced).unwrap()[0].as_ref().unwrap();
    }

    /// How many documents a look counts that reads so much at a time, and how far into the file it reads.
    fn count(sim: &SimFs, bytes_max: u64) -> (Option<u64>, u64) {
        let (file, copies) = recovery::open_to_look(sim, Path::new(PATH)).unwrap();
        let header = copies[0].header.clone();
        sim.record();
        let tally = Tally::begin(sim, Path::new(PATH), &*file, &header, None).unwrap();
        let contents = tally.walk(&*file, bytes_max).unwrap();
        let reads = sim.trace().into_iter().filter(|call| call.operation == SimOperation::Read);
        (
            contents.map(|contents| contents.documents),
            reads.map(|call| call.position + call.len).max().unwrap(),
        )
    }

    #[test]
    fn one_commit_that_is_longer_than_a_look_is_not_read_through() {
        let sim = SimFs::new(1);
        let (mut writer, _reader) = open(Options::new(PATH), Arc::new(sim.clone())).unwrap();
        commit(&mut writer, &["a", "b", "c", "d", "e", "f"]);
        let bytes_max = 2 * LARGE as u64;
        assert_eq!(count(&sim, bytes_max), (None, LOG_START + bytes_max));
    }

    #[test]
    fn what_reaches_beyond_the_bound_is_read_if_the_rest_is_short() {
        let sim = SimFs::new(1);
        let (mut writer, _reader) = open(Options::new(PATH), Arc::new(sim.clone())).unwrap();
        for keys in [["a", "b"], ["c", "d"], ["e", "f"]] {
            commit(&mut writer, &keys);
        }
        let bytes_max = 5 * LARGE as u64;
        assert_eq!(count(&sim, bytes_max).0, Some(6), "space that is prepared ahead lies beyond");
        assert_eq!(count(&sim, LARGE as u64).0, None);
    }
}
