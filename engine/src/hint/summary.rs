//! Owns what the beginning of a hint tells of all documents together. Never takes an entry of the keydir, and never says what
//! nothing has vouched for.

use std::path::Path;

use super::contents::Contents;
use super::format::kind;
use super::load::{Fitting, Walked, collections_block};
use crate::fs::{File, FileSystem, OpenMode};
use crate::key::{CollectionId, Key};
use crate::log::{Header, LogKeys};
use crate::paths;
use crate::seal::Keyring;

/// The state after the commit after which a hint was taken.
#[derive(Debug)]
pub(crate) struct Summary {
    pub(crate) documents: u64,
    pub(crate) live_bytes: u64,
    pub(crate) collections: Vec<(CollectionId, Key)>,
    pub(crate) walked: Walked,
}

impl Summary {
    /// What the hint beside the database at `path` tells, if there is one that this log continues.
    pub(crate) fn find(
        file_system: &dyn FileSystem,
        path: &Path,
        log: &dyn File,
        keys: &LogKeys,
        header: &Header,
        keyring: Option<&Keyring>,
    ) -> Option<Self> {
        let hint = file_system.open(&paths::hint(path), OpenMode::Read).ok()?;
        let fitting = Fitting::find(&*hint, log, keys, header, keyring).ok()?;
        let Fitting { header: hint_header, ended, mut blocks } = fitting;
        if !blocks.has_end().ok()? {
            return None;
        }
        let (mut collections, mut contents) = (Vec::new(), Contents::default());
        let mut buffer = Vec::new();
        // They stand before everything else, and the block behind them vouches for their being all: the first one of keys, so
        // that a bad kind does not pass for the end of them.
        loop {
            match blocks.next(&mut buffer).ok()? {
                (kind::COLLECTIONS, entries) => collections_block(&mut collections, entries, &buffer)?,
                (kind::INDEXES, entries) => contents.index_block(entries, &buffer, blocks.hint_bytes)?,
                _ => break,
            }
        }
        let walked = ended.walked(contents.into_definitions(), header, &hint_header);
        let (documents, live_bytes) = (hint_header.documents, hint_header.live_bytes);
        Some(Self { documents, live_bytes, collections, walked })
    }
}
