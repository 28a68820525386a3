//! Owns the kinds of records, and their numbers. Never knows what is made of one.

use super::format::kind;
use crate::key::CollectionId;

/// What a record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A key holds a document.
    Set,
    /// A tombstone: a key holds nothing.
    Delete,
    /// A collection has an index from here on; the document is its definition.
    IndexCreated,
    /// A collection has this index no more.
    IndexDropped,
    /// There is a collection from here on; the key is its name.
    CollectionCreated,
    /// The collection is there no more, with everything in it; the key is the name that it had.
    CollectionDropped,
    /// The end of the base section: what stands before it is all that there was after its commit.
    BaseEnd,
    /// How far the log is synced, said by an idle writer.
    SyncMark,
    /// The database was closed here.
    CloseMark,
}

impl Kind {
    pub(super) fn from_stored(number: u8) -> Option<Self> {
        match number {
            kind::SET => Some(Self::Set),
            kind::DELETE => Some(Self::Delete),
            kind::INDEX_CREATED => Some(Self::IndexCreated),
            kind::INDEX_DROPPED => Some(Self::IndexDropped),
            kind::COLLECTION_CREATED => Some(Self::CollectionCreated),
            kind::COLLECTION_DROPPED => Some(Self::CollectionDropped),
            kind::BASE_END => Some(Self::BaseEnd),
            kind::SYNC_MARK => Some(Self::SyncMark),
            kind::CLOSE_MARK => Some(Self::CloseMark),
            _ => None,
        }
    }

    pub(super) fn stored(self) -> u8 {
        match self {
            Self::Set => kind::SET,
            Self::Delete => kind::DELETE,
            Self::IndexCreated => kind::INDEX_CREATED,
            Self::IndexDropped => kind::INDEX_DROPPED,
            Self::CollectionCreated => kind::COLLECTION_CREATED,
            Self::CollectionDropped => kind::COLLECTION_DROPPED,
            Self::BaseEnd => kind::BASE_END,
            Self::SyncMark => kind::SYNC_MARK,
            Self::CloseMark => kind::CLOSE_MARK,
        }
    }

    /// Whether a writer makes such a record of this collection: the highest number is that of none, and the root is always
    /// there, and is neither created nor dropped.
    pub(super) fn is_possible_in(self, collection: CollectionId) -> bool {
        let is_change = matches!(self, Self::CollectionCreated | Self::CollectionDropped);
        collection != CollectionId::NONE && !(is_change && collection == CollectionId::ROOT)
    }
}
