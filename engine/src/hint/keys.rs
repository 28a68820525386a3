//! Owns the keys of a hint, one after the other. Never makes a keydir of them.

use super::contents::Contents;
use super::entry::HintedEntry;
use super::format::kind;
use super::load::{Blocks, Fitting, Unfit, collections_block};
use crate::fs::File;
use crate::indexing::Definitions;
use crate::key::{CollectionId, Key, Timestamp};
use crate::log::{Header, LogKeys, Place};
use crate::seal::Keyring;

/// A hint that the log continues, read up to its first key.
pub(crate) struct HintedKeys<'f> {
    pub(crate) collections: Vec<(CollectionId, Key)>,
    pub(crate) definitions: Definitions,
    /// Where the log goes on behind it.
    pub(crate) place: Place,
    blocks: Blocks<'f>,
    /// The kind and the entries of the block that was read last.
    block: (u32, u32),
    entries: Vec<u8>,
}

impl<'f> HintedKeys<'f> {
    /// Nothing, if the hint is not one of this log, or its beginning is not what a hint's writer can have written.
    pub(crate) fn find(
        hint: &'f dyn File,
        log: &dyn File,
        keys: &LogKeys,
        header: &Header,
        keyring: Option<&Keyring>,
    ) -> Option<Self> {
        let Fitting { ended, mut blocks, .. } = Fitting::find(hint, log, keys, header, keyring).ok()?;
        if !blocks.has_end().ok()? {
            return None;
        }
        let (mut collections, mut contents) = (Vec::new(), Contents::default());
        let mut entries = Vec::new();
        let block = loop {
            match blocks.next(&mut entries).ok()? {
                (kind::COLLECTIONS, count) => collections_block(&mut collections, count, &entries)?,
                (kind::INDEXES, count) => contents.index_block(count, &entries, blocks.hint_bytes)?,
                block => break block,
            }
        };
        let (definitions, place) = (contents.into_definitions(), ended.place);
        Some(Self { collections, definitions, place, blocks, block, entries })
    }

    /// The length of the hint.
    pub(crate) fn bytes(&self) -> u64 {
        self.blocks.hint_bytes
    }

    /// Hands on all keys, in no order, with the times at which they expire; says whether all of them could be read.
    pub(crate) fn each(mut self, mut take: impl FnMut(CollectionId, &[u8], Option<Timestamp>)) -> bool {
        while let (kind::KEYDIR, count) = self.block {
            let mut rest = &self.entries[..];
            for _ in 0..count {
                let Some((entry, behind)) = HintedEntry::split(rest) else { return false };
                take(entry.collection, entry.key, entry.expires_at);
                rest = behind;
            }
            self.block = match self.blocks.next(&mut self.entries) {
                Ok(block) => block,
                Err(Unfit::Io(_) | Unfit::Because(_)) => return false,
            };
        }
        true
    }
}
