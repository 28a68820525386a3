//! Owns reading a hint file, and checking it against the log. Never makes an opening fail: a hint that is not right in
//! every byte is not used at all.

use std::io;
use std::path::Path;

use super::contents::Contents;
use super::entry::HintedEntry;
use super::format::{
    BLOCK_HEAD_BYTES, COLLECTION_BYTES, ENTRY_BYTES, HEADER_BYTES, block as at, collection, kind,
};
use super::header::{HintHeader, checksum};
use super::write::{block_bound, block_checksum};
use crate::collections::Collections;
use crate::expiry::{Expiring, ExpiryOrder, ExpiryTimes};
use crate::fs::{File, FileSystem, OpenMode, read_full};
use crate::generation::Location;
use crate::indexing::Definitions;
use crate::key::{CollectionId, Key, Sequence, Timestamp};
use crate::keydir::{Entry, Keydir};
use crate::log::format::{ALIGNMENT, read_u32};
use crate::log::{Header, Kind, LOG_START, LogKeys, Mark, Place, Scanner, record_bytes};
use crate::paths;
use crate::seal::{Keyring, NONCE_BYTES, Opener, Purpose, SALT_BYTES, TAG_BYTES};
use crate::view::View;

/// The state from which the walk through the log begins: that of a hint, or of an empty log.
#[derive(Debug)]
pub(crate) struct Start {
    pub(crate) keydir: Keydir,
    pub(crate) expiry_times: ExpiryTimes,
    pub(crate) view: View,
    pub(crate) walked: Walked,
}

/// The part of the log that need not be walked.
#[derive(Debug)]
pub(crate) struct Walked {
    /// Where it ends.
    pub(crate) place: Place,
    /// The indexes that there are after it.
    pub(crate) definitions: Definitions,
    /// The time of its last commit.
    pub(crate) time: Timestamp,
    /// The farthest position that the header, or a mark in it, claims was synced.
    pub(crate) claim: u64,
    /// The position of its last record.
    pub(crate) last_record: u64,
    /// Whether that is a close mark, or there is none.
    pub(crate) closed: bool,
}

impl Walked {
    /// The newest commit in it.
    pub(crate) fn hinted(&self) -> Option<Sequence> {
        Some(self.place.sequence).filter(|sequence| *sequence > Sequence::ZERO)
    }
}

/// Why a hint is not used.
pub(super) enum Unfit {
    Io(io::Error),
    Because(&'static str),
}

impl From<io::Error> for Unfit {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Start {
    /// The state by the hint file of the database at `path`, if there is one that this log continues; else that of
    /// an empty log.
    pub(crate) fn find(
        file_system: &dyn FileSystem,
        path: &Path,
        log: &dyn File,
        keys: &LogKeys,
        header: &Header,
        keyring: Option<&Keyring>,
    ) -> Self {
        let hint = match file_system.open(&paths::hint(path), OpenMode::Read) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Self::empty(header),
            Err(error) => Err(Unfit::Io(error)),
            Ok(file) => load(&*file, log, keys, header, keyring),
        };
        let path = path.display();
        match hint {
            Ok(start) => return start,
            Err(Unfit::Because(reason)) => {
                tracing::warn!(%path, reason, "the hint file is not used, and the whole log is read");
            }
            Err(Unfit::Io(error)) => {
                tracing::warn!(%path, %error, "the hint file is not used, and the whole log is read");
            }
        }
        Self::empty(header)
    }

    /// The state by an empty log.
    pub(crate) fn empty(header: &Header) -> Self {
        Self {
            keydir: Keydir::new(),
            expiry_times: ExpiryTimes::new(),
            view: View::default(),
            walked: Walked {
                place: Place::first(header.file_id, header.generation, header.history_floor),
                definitions: Definitions::default(),
                time: header.created,
                claim: header.synced,
                last_record: 0,
                closed: true,
            },
        }
    }
}

/// For which log a hint file was taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity {
    pub(crate) file_id: [u8; 16],
    pub(crate) generation: u64,
    pub(crate) is_sealed: bool,
}

/// The log for which the hint file beside the database at `path` was taken.
pub(crate) fn identity(file_system: &dyn FileSystem, path: &Path) -> Option<Identity> {
    let hint = file_system.open(&paths::hint(path), OpenMode::Read).ok()?;
    let mut bytes = [0; HEADER_BYTES];
    let read = read_full(&*hint, &mut bytes, 0).ok()?;
    let header = HintHeader::decode(&bytes[..read]).ok()?;
    let HintHeader { file_id, generation, salt, .. } = header;
    Some(Identity { file_id, generation, is_sealed: salt != [0; SALT_BYTES] })
}

fn load(
    hint: &dyn File,
    log: &dyn File,
    keys: &LogKeys,
    log_header: &Header,
    keyring: Option<&Keyring>,
) -> Result<Start, Unfit> {
    let Fitting { header, ended, mut blocks } = Fitting::find(hint, log, keys, log_header, keyring)?;
    let hint_bytes = blocks.hint_bytes;
    let mut filling = Filling::new(&header);
    let mut buffer = Vec::new();
    loop {
        let (kind, entries) = blocks.next(&mut buffer)?;
        let filled = match kind {
            kind::COLLECTIONS => collections_block(&mut filling.collections, entries, &buffer),
            kind::KEYDIR => filling.keydir_block(entries, &buffer),
            kind::INDEXES => filling.contents.index_block(entries, &buffer, hint_bytes),
            kind::CONTENTS => filling.contents.contents_block(entries, &buffer),
            kind::END if blocks.position == hint_bytes => break,
            _ => None,
        };
        filled.ok_or(Unfit::Because("one of its blocks is malformed"))?;
    }
    let (definitions, catalog) =
        std::mem::take(&mut filling.contents).finish().ok_or(Unfit::Because("an index is not complete"))?;
    filling.view.catalog = catalog;
    let walked = ended.walked(definitions, log_header, &header);
    filling.finish(walked).ok_or(Unfit::Because("its totals are wrong"))
}

/// A hint that the log continues, as far as its header tells.
pub(super) struct Fitting<'f> {
    pub(super) header: HintHeader,
    pub(super) ended: HintedEnd,
    pub(super) blocks: Blocks<'f>,
}

/// The commit after which a hint was taken, as the log has it.
pub(super) struct HintedEnd {
    pub(super) place: Place,
    mark: Mark,
    kind: Kind,
}

impl<'f> Fitting<'f> {
    pub(super) fn find(
        hint: &'f dyn File,
        log: &dyn File,
        keys: &LogKeys,
        log_header: &Header,
        keyring: Option<&Keyring>,
    ) -> Result<Self, Unfit> {
        let mut bytes = [0; HEADER_BYTES];
        let read = read_full(hint, &mut bytes, 0)?;
        let header = HintHeader::decode(&bytes[..read]).map_err(Unfit::Because)?;
        if header.file_id != log_header.file_id || header.generation != log_header.generation {
            return Err(Unfit::Because("it belongs to another file"));
        }
        let opener = match keyring {
            None if header.salt != [0; SALT_BYTES] => return Err(Unfit::Because("it is encrypted")),
            keyring => keyring.map(|keyring| keyring.file_opener(Purpose::Hint, header.salt)),
        };
        let (place, mark, kind) = place_in_log(&header, log, keys)?;
        let hint_bytes = hint.len()?;
        if header.documents > hint_bytes / ENTRY_BYTES as u64 {
            return Err(Unfit::Because("it is too short for its documents"));
        }
        let position = HEADER_BYTES as u64;
        let blocks = Blocks { hint, hint_bytes, position, header: bytes, opener, number: 0 };
        Ok(Self { header, ended: HintedEnd { place, mark, kind }, blocks })
    }
}

impl HintedEnd {
    pub(super) fn walked(self, definitions: Definitions, log_header: &Header, header: &HintHeader) -> Walked {
        let Self { place, mark, kind } = self;
        Walked {
            place,
            definitions,
            time: mark.time.max(log_header.created),
            // The last mark's claim is the farthest of all marks before the place: claims never go back.
            claim: mark.synced.max(log_header.synced),
            last_record: header.last_record,
            closed: kind == Kind::CloseMark,
        }
    }
}

/// The place where the hinted part of the log ends, if the commit that the hint names still stands there.
fn place_in_log(header: &HintHeader, log: &dyn File, keys: &LogKeys) -> Result<(Place, Mark, Kind), Unfit> {
    if header.last_record >= LOG_START
        && header.last_record.is_multiple_of(ALIGNMENT)
        && let Some(found) = Scanner::end_of_commit(log, keys, header.last_record)?
    {
        let Place { position, sequence, chain, .. } = found.0;
        if (position, sequence, chain.value()) == (header.log_end, header.sequence, header.chain) {
            return Ok(found);
        }
    }
    Err(Unfit::Because("the log does not hold the commit after which it was taken"))
}

/// The reading end of a hint file.
pub(super) struct Blocks<'f> {
    hint: &'f dyn File,
    header: [u8; HEADER_BYTES],
    opener: Option<Opener>,
    pub(super) hint_bytes: u64,
    position: u64,
    number: u32,
}

impl Blocks<'_> {
    /// Whether the file ends with an end that checks, so that it is not cut short. The end's seal is not opened: it is of no
    /// entries.
    pub(super) fn has_end(&self) -> io::Result<bool> {
        let sealed_bytes = if self.opener.is_some() { NONCE_BYTES + TAG_BYTES } else { 0 };
        let mut block = vec![0; BLOCK_HEAD_BYTES + sealed_bytes];
        let position = self.hint_bytes.saturating_sub(block.len() as u64);
        let read = read_full(self.hint, &mut block, position)?;
        let (head, payload) = block.split_at(BLOCK_HEAD_BYTES);
        Ok(read == block.len()
            && read_u32(head, at::KIND) == kind::END
            && block_checksum(checksum(&self.header), &head[..at::CHECKSUM], payload)
                == read_u32(head, at::CHECKSUM))
    }

    /// Reads the next block's entries into `payload`; returns its kind, and how many they are.
    pub(super) fn next(&mut self, payload: &mut Vec<u8>) -> Result<(u32, u32), Unfit> {
        let short = Unfit::Because("it is cut short");
        let mut head = [0; BLOCK_HEAD_BYTES];
        if read_full(self.hint, &mut head, self.position)? < BLOCK_HEAD_BYTES {
            return Err(short);
        }
        let payload_bytes = read_u32(&head, at::PAYLOAD_BYTES) as usize;
        let start = self.position + BLOCK_HEAD_BYTES as u64;
        if payload_bytes as u64 > self.hint_bytes - start.min(self.hint_bytes) {
            return Err(short);
        }
        payload.resize(payload_bytes, 0);
        if read_full(self.hint, payload, start)? < payload_bytes {
            return Err(short);
        }
        if block_checksum(checksum(&self.header), &head[..at::CHECKSUM], payload)
            != read_u32(&head, at::CHECKSUM)
            || read_u32(&head, at::NUMBER) != self.number
        {
            return Err(Unfit::Because("one of its blocks does not check"));
        }
        self.number += 1;
        self.position = start + payload_bytes as u64;
        if let Some(opener) = &self.opener {
            let opened = opener.open(&block_bound(&self.header, &head), payload);
            let plain = opened.map_err(|_| Unfit::Because("the seal of a block is broken"))?.len();
            payload.copy_within(NONCE_BYTES..NONCE_BYTES + plain, 0);
            payload.truncate(plain);
        }
        Ok((read_u32(&head, at::KIND), read_u32(&head, at::ENTRIES)))
    }
}

/// Takes the entries of a block that says which collections there are. Nothing, if they are not what the hint's writer can
/// have written.
pub(super) fn collections_block(
    collections: &mut Vec<(CollectionId, Key)>,
    entries: u32,
    mut bytes: &[u8],
) -> Option<()> {
    for _ in 0..entries {
        let (fixed, rest) = bytes.split_at_checked(COLLECTION_BYTES)?;
        let (name, rest) = rest.split_at_checked(read_u32(fixed, collection::NAME_BYTES) as usize)?;
        let id = CollectionId(read_u32(fixed, collection::NUMBER));
        collections.push((id, Key::from(std::str::from_utf8(name).ok()?)));
        bytes = rest;
    }
    bytes.is_empty().then_some(())
}

/// What has been read of a hint.
struct Filling<'h> {
    header: &'h HintHeader,
    keydir: Keydir,
    expiry_times: ExpiryTimes,
    expiring: Vec<Expiring>,
    contents: Contents,
    collections: Vec<(CollectionId, Key)>,
    view: View,
}

impl<'h> Filling<'h> {
    fn new(header: &'h HintHeader) -> Self {
        Self {
            header,
            keydir: Keydir::with_seeds(header.hash_seeds, header.documents as usize),
            expiry_times: ExpiryTimes::new(),
            expiring: Vec::new(),
            contents: Contents::default(),
            collections: Vec::new(),
            view: View::default(),
        }
    }

    /// Takes the entries of a block. Nothing, if they are not what the hint's writer can have written.
    fn keydir_block(&mut self, entries: u32, mut bytes: &[u8]) -> Option<()> {
        for _ in 0..entries {
            let (entry, rest) = HintedEntry::split(bytes)?;
            let HintedEntry { position, sequence, payload_bytes, .. } = entry;
            let is_in_log = position >= LOG_START
                && position.is_multiple_of(ALIGNMENT)
                && position.checked_add(record_bytes(payload_bytes))? <= self.header.log_end
                && sequence <= self.header.sequence;
            if !is_in_log {
                return None;
            }
            let location = Location::new(self.header.generation, position);
            let found = Entry::new(location, sequence, entry.ordinal, payload_bytes);
            self.put(entry.collection, std::str::from_utf8(entry.key).ok()?, found, entry.expires_at)?;
            bytes = rest;
        }
        bytes.is_empty().then_some(())
    }

    fn put(
        &mut self,
        collection: CollectionId,
        text: &str,
        found: Entry,
        expires_at: Option<Timestamp>,
    ) -> Option<()> {
        let key = Key::from(text);
        let hashed = self.keydir.hash(collection, text);
        let found = if expires_at.is_some() { found.expiring() } else { found };
        if self.keydir.put(&hashed, &key, found).is_some() {
            return None;
        }
        self.contents.document(collection, &key);
        let bytes = record_bytes(found.payload_bytes);
        self.view.counts.add(collection, bytes);
        self.view.live_bytes += bytes;
        if let Some(at) = expires_at {
            self.expiry_times.insert(found.id(), at);
            self.expiring.push(Expiring { at, collection, key });
        }
        Some(())
    }

    /// The state, if the totals are those of the header.
    fn finish(mut self, walked: Walked) -> Option<Start> {
        let totals = (self.view.counts.total(), self.view.live_bytes);
        if totals != (self.header.documents, self.header.live_bytes) {
            return None;
        }
        self.view.collections = Collections::from_parts(self.header.collections, self.collections)?;
        self.expiring.sort_unstable();
        self.view.expiring = ExpiryOrder::from_sorted(&self.expiring);
        let Self { keydir, expiry_times, view, .. } = self;
        Some(Start { keydir, expiry_times, view, walked })
    }
}
