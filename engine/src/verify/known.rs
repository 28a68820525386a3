//! Owns what a verification compares a log with: the keydir, the expiries and the indexes that an open database shows, or
//! those that a hint file tells. Never takes the log's side.

use crate::collections::{CollectionChange, Collections, check_collection_name};
use crate::document::EncodedDocument;
use crate::expiry::Expiring;
use crate::hint::Start;
use crate::index::definition::IndexDefinition;
use crate::index::extract::Extracted;
use crate::indexing::Definitions;
use crate::key::{CollectionId, Key, Sequence, Timestamp};
use crate::keydir::{Entry, Hashed, Keydir};
use crate::log::{Head, Kind, Payload, record_bytes};
use crate::options::Limits;
use crate::snapshot::Snapshot;
use crate::view::View;

use super::versions::Versions;

/// What is known of a log by other means than by reading it.
#[derive(Debug)]
pub(super) enum Known {
    /// What an open database shows.
    Open(Box<Snapshot>),
    /// What a hint file tells, followed up by the commits behind it.
    Closed(Box<Start>),
}

/// Compares the records of a log with what is known of it as of one commit.
#[derive(Debug)]
pub(super) struct Comparison {
    as_of: Sequence,
    generation: u64,
    versions: Versions,
    definitions: Definitions,
    collections: Collections,
    pub(super) documents: u64,
    live_bytes: u64,
    expiring: u64,
    /// For each index, how many entries and documents it should have.
    indexed: Vec<(usize, usize)>,
}

/// How the entry of a key stands to a record of that key.
enum Standing {
    /// It leads to that record.
    Same(Entry),
    /// It leads to a later one, or there is none.
    Later,
    /// It leads to an earlier one.
    Earlier,
}

impl Known {
    /// The commit as of which it is known.
    pub(super) fn as_of(&self) -> Sequence {
        match self {
            Self::Open(snapshot) => snapshot.sequence(),
            Self::Closed(start) => start.walked.place.sequence,
        }
    }

    pub(super) fn view(&self) -> &View {
        match self {
            Self::Open(snapshot) => snapshot.view(),
            Self::Closed(start) => &start.view,
        }
    }

    pub(super) fn keydir(&self) -> &Keydir {
        match self {
            Self::Open(snapshot) => &snapshot.shared().keydir,
            Self::Closed(start) => &start.keydir,
        }
    }

    pub(super) fn entry(&self, key: &Hashed<'_>) -> Option<Entry> {
        match self {
            Self::Open(snapshot) => snapshot.stored_entry(key),
            Self::Closed(start) => start.keydir.find(key),
        }
    }

    /// The entry as of that commit, of a key whose entry is `newest` now.
    pub(super) fn entry_of(&self, collection: CollectionId, key: &Key, newest: Entry) -> Option<Entry> {
        match self {
            Self::Open(snapshot) => snapshot.at_pin(collection, newest, || key.clone()),
            Self::Closed(_) => Some(newest),
        }
    }

    fn expiry(&self, entry: &Entry) -> Option<Timestamp> {
        match self {
            Self::Open(snapshot) => snapshot.shared().expiry_times.get(entry),
            Self::Closed(start) => start.expiry_times.get(entry),
        }
    }

    fn standing(&self, head: &Head, key: &Hashed<'_>) -> Standing {
        match self.entry(key) {
            Some(entry) if entry.id() == (head.sequence, head.ordinal) => Standing::Same(entry),
            Some(entry) if entry.id() < (head.sequence, head.ordinal) => Standing::Earlier,
            _ => Standing::Later,
        }
    }
}

impl Comparison {
    /// Of a log of this generation, which ends at `end` after the commit as of which it is known.
    pub(super) fn new(known: &Known, generation: u64, end: u64) -> Self {
        Self {
            as_of: known.as_of(),
            generation,
            versions: Versions::new(end),
            definitions: Definitions::default(),
            collections: Collections::default(),
            documents: 0,
            live_bytes: 0,
            expiring: 0,
            indexed: vec![(0, 0); known.view().catalog.iter().count()],
        }
    }

    /// Compares one record of the log, which begins at `position`. Each sentence that `find` is given is a finding.
    /// `is_whole` says that nothing before has been found bad.
    pub(super) fn record(
        &mut self,
        known: &Known,
        position: u64,
        head: &Head,
        payload: &Payload<'_>,
        is_whole: bool,
        find: &mut dyn FnMut(String),
    ) {
        let Payload { collection, key, .. } = *payload;
        if matches!(head.kind, Kind::IndexCreated | Kind::IndexDropped) {
            if let Err(error) = self.definitions.note(head.kind, collection, payload.document) {
                find(error.to_string());
            }
            return;
        }
        if let Some(change) = CollectionChange::of_record(head.kind, collection, key) {
            self.collections.change(&change);
            if let CollectionChange::Dropped(collection) = change {
                self.definitions.forget(collection);
            }
            return;
        }
        if self.collections.is_dropped(collection) {
            return find("its collection was dropped before".to_owned());
        }
        if !known.view().has_collection(collection) {
            // It is dropped later, or all its documents are.
            return;
        }
        if head.previous != 0 && !self.versions.name(head.previous, collection, key) && is_whole {
            find(format!("it names a record at {} as the version before it, which is none", head.previous));
        }
        let hashed = known.keydir().hash(collection, key);
        match (head.kind, known.standing(head, &hashed)) {
            (Kind::Set, Standing::Same(entry)) => self.newest(known, position, head, payload, &entry, find),
            (Kind::Set, Standing::Later) => self.versions.expect_name(position, collection, key),
            (Kind::Delete, Standing::Later) => {}
            (Kind::Delete, _) => find("it deletes a key that the keydir still holds".to_owned()),
            _ => find("it is newer than what the keydir leads to".to_owned()),
        }
    }

    /// Compares what was found with the totals. `bad` are the bytes that could not be read.
    pub(super) fn finish(
        &self,
        known: &Known,
        bad: &[(u64, u64)],
        find: &mut dyn FnMut(u64, Option<&str>, String),
    ) {
        let view = known.view();
        let missing = view.counts.total().wrapping_sub(self.documents);
        if missing != 0 {
            let named = self.unreadable(known, bad, find);
            if named != missing {
                let (found, wanted) = (self.documents, view.counts.total());
                find(
                    0,
                    None,
                    format!("the keydir leads to {wanted} documents, and the log holds {found} of them"),
                );
            }
            return;
        }
        if bad.is_empty()
            && let Some(position) = self.versions.first_unnamed()
        {
            find(
                position,
                None,
                "about here, no later record names the right one as the version before it".to_owned(),
            );
        }
        if self.live_bytes != view.live_bytes {
            find(
                0,
                None,
                format!("{} bytes are said to be live, and {} are", view.live_bytes, self.live_bytes),
            );
        }
        let is_there = |expiring: &Expiring| !view.collections.is_dropped(expiring.collection);
        if self.expiring != view.expiring.iter().filter(is_there).count() as u64 {
            find(0, None, "other documents are said to expire than those that do".to_owned());
        }
        if bad.is_empty() && !self.definitions.are_those_of(&view.catalog) {
            find(0, None, "there are other indexes than those that the log has brought up".to_owned());
        }
        if bad.is_empty() && !self.collections.are_named_as(&view.collections) {
            find(0, None, "there are other collections than those that the log has brought up".to_owned());
        }
        for (published, (entries, documents)) in view.catalog.iter().zip(&self.indexed) {
            if (published.index.len(), published.index.documents()) != (*entries, *documents) {
                let path = &published.definition().path;
                find(0, None, format!("the index on {path} holds other values than the documents"));
            }
        }
    }

    fn newest(
        &mut self,
        known: &Known,
        position: u64,
        head: &Head,
        payload: &Payload<'_>,
        entry: &Entry,
        find: &mut dyn FnMut(String),
    ) {
        self.documents += 1;
        self.live_bytes += record_bytes(head.payload_bytes);
        // While a compaction is put in place, entries lead to one file or the other.
        let is_here = entry.location.is_in(self.generation);
        if is_here && entry.location.position() != position || entry.payload_bytes != head.payload_bytes {
            find("the keydir leads elsewhere for it".to_owned());
        }
        let Payload { collection, key, expires_at, document } = *payload;
        if known.expiry(entry) != expires_at || entry.expires() != expires_at.is_some() {
            find("the keydir knows another time for it to expire".to_owned());
        }
        if let Some(at) = expires_at {
            self.expiring += 1;
            let is_known = known.view().expiring.contains(&Expiring { at, collection, key: Key::from(key) });
            if !is_known {
                find("it is not among the documents that expire".to_owned());
            }
        }
        let Ok(text) = std::str::from_utf8(document) else { return };
        let catalog = &known.view().catalog;
        if catalog.is_indexed(collection) && unfit(document).is_none() {
            self.index(known, collection, key, &catalog.extract(collection, text), find);
        }
    }

    fn index(
        &mut self,
        known: &Known,
        collection: CollectionId,
        key: &str,
        values: &[Extracted],
        find: &mut dyn FnMut(String),
    ) {
        let key = Key::from(key);
        let of_collection = known.view().catalog.iter().enumerate();
        let of_collection = of_collection.filter(|(_, published)| published.collection == collection);
        for ((number, published), values) in of_collection.zip(values) {
            let (entries, documents) = &mut self.indexed[number];
            *entries += values.as_slice().len();
            *documents += usize::from(!values.as_slice().is_empty());
            if !published.index.holds(&key, values) {
                let path = &published.definition().path;
                find(format!("the index on {path} does not hold it at its value"));
            }
        }
    }

    /// Finds the keys whose documents lie in bad bytes, and says how many they are.
    fn unreadable(
        &self,
        known: &Known,
        bad: &[(u64, u64)],
        find: &mut dyn FnMut(u64, Option<&str>, String),
    ) -> u64 {
        let (mut copy, mut found) = (Vec::new(), 0);
        for part in 0..known.keydir().parts() {
            let is_there = |id| !known.view().collections.is_dropped(id);
            known.keydir().copy_part_of(part, is_there, &mut copy);
            for (collection, key, newest) in copy.drain(..) {
                let Some(entry) = known.entry_of(collection, &key, newest) else { continue };
                let position = entry.location.position();
                let before = bad.partition_point(|(start, _)| *start <= position);
                if entry.sequence <= self.as_of
                    && entry.location.is_in(self.generation)
                    && before > 0
                    && position < bad[before - 1].1
                {
                    found += 1;
                    find(position, Some(&key), "the document of this key cannot be read".to_owned());
                }
            }
        }
        found
    }
}

/// Why a stored document is none that this build would have stored.
pub(crate) fn unfit(document: &[u8]) -> Option<String> {
    let widest = usize::MAX;
    let limits = Limits {
        key_bytes_max: widest,
        document_bytes_max: widest,
        depth_max: widest,
        transaction_operations_max: widest,
        transaction_bytes_max: widest,
    };
    match EncodedDocument::from_json(document, &limits.clamped()) {
        Err(error) => Some(error.to_string()),
        Ok(encoded) if encoded.as_str().as_bytes() != document => {
            Some("it is JSON, though not as it is stored".to_owned())
        }
        Ok(_) => None,
    }
}

/// Why no writer would have written this of a collection.
pub(crate) fn unfit_collection(payload: &Payload<'_>) -> Option<String> {
    if payload.collection == CollectionId::ROOT || !payload.document.is_empty() {
        return Some("a record of a collection holds what none does".to_owned());
    }
    check_collection_name(payload.key).err().map(|error| error.to_string())
}

/// Why opening could not read this definition of an index, if it could not.
pub(crate) fn unfit_definition(stored: &[u8]) -> Option<String> {
    IndexDefinition::from_stored(stored).err().map(|error| error.to_string())
}
