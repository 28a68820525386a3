//! Owns deleting all documents in a range of keys with one commit. Never holds all of them: it looks for them once to
//! encode, and once more to apply, and nothing changes in between.

use std::borrow::Cow;

use super::{Durability, Writer};
use crate::bounds::KeyBounds;
use crate::error::Result;
use crate::index::catalog::{Catalog, IndexChange};
use crate::index::{Index, Walk, key_of};
use crate::key::{CollectionId, Key, Sequence};
use crate::keydir::{Entry, Hashed};
use crate::log::{Kind, NewRecord, Payload, RecordWriter};
use crate::stage::{ONLY_THE_WRITER, StagedChange};
use crate::view::Shared;

/// How much is encoded before it is written, and how many keys are looked at in one step.
const PART_BYTES: usize = 256 << 10;
const KEYS: usize = 1024;

/// What came of deleting a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Erased {
    /// The commit; the newest one, if there was nothing to delete.
    pub sequence: Sequence,
    /// How many documents were there and are not any more.
    pub documents: u64,
}

/// Where the keys of the range are to be found: in the order of all keys if it is kept, otherwise in the keydir, part by
/// part. Both tell them in the same order each time.
struct Range<'r> {
    collection: CollectionId,
    bounds: &'r KeyBounds,
    order: Option<Index>,
}

impl Writer {
    /// Deletes all documents of a collection whose keys lie in the range, with one commit, and says how many there were.
    /// What it holds meanwhile does not depend on their number, but for the versions that readers may need: some 200 bytes
    /// each, until the commit is published or as long as a snapshot needs them.
    ///
    /// # Errors
    /// As [`Writer::commit`].
    pub fn delete_range(
        &mut self,
        collection: CollectionId,
        bounds: &KeyBounds,
        durability: Durability,
    ) -> Result<Erased> {
        self.check()?;
        let order = self.applier.catalog().order(collection).cloned();
        let range = Range { collection, bounds, order };
        let records = range.count(&self.shared);
        if records == 0 {
            return Ok(Erased { sequence: self.log.sequence, documents: 0 });
        }
        self.allow_seals(records)?;
        let sequence = self.log.sequence.next();
        let mut encoded = self.encoder();
        let documents = self.encode_tombstones(&range, sequence, &mut encoded)?;
        encoded.end_commit();
        // A collection that has nothing left needs nobody to look up what its documents held.
        let is_all = records == self.applier.count(collection);
        let shared = self.shared.clone();
        self.carry_out(encoded, sequence, durability, |applier| {
            if is_all {
                applier.catalog_mut().empty(collection);
            }
            let mut ordinal = 0;
            let applied = range.each(&shared, |hashed, key, old| {
                let is_indexed = !is_all && applier.catalog().is_indexed(collection);
                let change = is_indexed.then(|| removal(&shared, applier.catalog(), hashed, &old));
                let entry = Entry::tombstone(sequence, ordinal);
                let (old, index_change) = (Some(old), change.map(Cow::Owned));
                applier.apply(&StagedChange {
                    hashed: *hashed,
                    key,
                    old,
                    entry,
                    expires_at: None,
                    new: None,
                    index_change,
                });
                ordinal += 1;
                Ok(())
            });
            applied.expect("nothing in there fails");
        })?;
        Ok(Erased { sequence, documents })
    }

    /// Encodes a tombstone for each key, and writes all but the end of them. Says how many of the documents had not expired.
    fn encode_tombstones(
        &mut self,
        range: &Range<'_>,
        sequence: Sequence,
        encoded: &mut RecordWriter,
    ) -> Result<u64> {
        let (shared, now, mut documents) = (self.shared.clone(), self.log.time, 0);
        range.each(&shared, |_, key, entry| {
            let payload = Payload { collection: range.collection, expires_at: None, key, document: b"" };
            let previous = self.log.position_of(&entry);
            let has_expired = shared.expiry_times.get(&entry).is_some_and(|at| at <= now);
            let (kind, payload) = (Kind::Delete, Some(payload));
            encoded.push(&NewRecord { kind, has_expired, sequence, previous, payload });
            documents += u64::from(!has_expired);
            if encoded.bytes().len() >= PART_BYTES { self.append_part(encoded) } else { Ok(()) }
        })?;
        Ok(documents)
    }
}

/// What it means for the indexes that a document goes.
fn removal(shared: &Shared, catalog: &Catalog, key: &Hashed<'_>, old: &Entry) -> IndexChange {
    let old = shared.old_values(catalog, key, old).expect(ONLY_THE_WRITER);
    IndexChange { old, new: catalog.nothing(key.collection) }
}

impl Range<'_> {
    fn count(&self, shared: &Shared) -> u64 {
        let mut count = 0;
        let counted = self.each(shared, |_, _, _| {
            count += 1;
            Ok(())
        });
        counted.expect("counting does not fail");
        count
    }

    /// Visits the keys that have an entry, expired ones included. The first error of `visit` ends it.
    fn each(
        &self,
        shared: &Shared,
        mut visit: impl FnMut(&Hashed<'_>, &Key, Entry) -> Result<()>,
    ) -> Result<()> {
        let mut keys = Vec::new();
        let mut look_up = |keys: &mut Vec<Key>| {
            for key in keys.drain(..) {
                let hashed = shared.keydir.hash(self.collection, &key);
                if let Some(entry) = shared.keydir.find(&hashed).filter(|entry| !entry.is_tombstone()) {
                    visit(&hashed, &key, entry)?;
                }
            }
            Ok(())
        };
        if let Some(order) = &self.order {
            let (start, end) = self.bounds.entries();
            let mut walk = Walk::new(order, start, end, 0..=u64::MAX, false);
            while !walk.is_done() {
                walk.step(KEYS, |item| keys.push(key_of(item)));
                look_up(&mut keys)?;
            }
            return Ok(());
        }
        let mut copy = Vec::new();
        for part in 0..shared.keydir.parts() {
            shared.keydir.copy_part(part, self.collection, &mut copy);
            let copied = copy.drain(..).map(|(key, _)| key);
            keys.extend(copied.filter(|key| self.bounds.contain(key)));
            look_up(&mut keys)?;
        }
        Ok(())
    }
}
