//! Owns going over to another file of the same database: the next generation, after a compaction. Never disturbs a
//! snapshot, and never changes anything before all of the new file has been read.

use std::sync::Arc;

use super::Follower;
use super::load::{self, Followed};
use crate::error::{Error, Result};
use crate::key::{CollectionId, Key};
use crate::keydir::Entry;
use crate::stage::StagedChange;
use crate::view::Shared;

/// What the new file holds otherwise than what is shown.
struct Difference {
    collection: CollectionId,
    key: Key,
    /// The entry that readers see.
    old: Option<Entry>,
    new: Entry,
}

impl Follower {
    /// Goes over to the file that the path names.
    ///
    /// The new file is read as if it were opened for itself. Then every entry of the keydir is brought to where the new
    /// file has its record, and what has changed meanwhile is applied as one commit.
    pub(super) fn go_over(&mut self) -> Result<()> {
        let known = self.sequence();
        let new = load::load(&self.options, &*self.file_system, &self.path, known)?;
        let (old_header, header) = (&self.followed.header, &new.header);
        let is_next = header.file_id == old_header.file_id && header.generation > old_header.generation;
        if !is_next || new.place.sequence < known {
            return Err(self.replaced());
        }
        let differences = self.differences(&new)?;

        // ORDER: as the owner does: readers know the new generation before an entry leads there, and forget the old one
        // when none leads back.
        let Followed { shared, applier, generation, .. } = &mut self.followed;
        shared.holds.let_go();
        shared.retired.push(generation);
        generation.succeed(Arc::clone(&new.generation));
        relocate(shared, &new);
        for Difference { collection, key, old, new: entry } in &differences {
            let hashed = shared.keydir.hash(*collection, key);
            let expires_at = new.shared.expiry_times.get(entry);
            let (old, entry, index_change) = (*old, *entry, None);
            applier.apply(&StagedChange { hashed, key, old, entry, expires_at, new: None, index_change });
        }
        applier.adopt(&new.shared.view.load());
        applier.publish(new.place.sequence, new.place.position, new.time);
        shared.generations.store(Arc::clone(&new.generation));
        let Followed { header, generation, place, time, .. } = new;
        (self.followed.header, self.followed.generation) = (header, generation);
        (self.followed.place, self.followed.time) = (place, time);
        Ok(())
    }

    /// What readers are to see otherwise than now.
    fn differences(&self, new: &Followed) -> Result<Vec<Difference>> {
        let (mut differences, mut copy) = (Vec::new(), Vec::new());
        let (ours, theirs) = (&self.followed.shared.keydir, &new.shared.keydir);
        for part in 0..theirs.parts() {
            theirs.copy_part_of_all(part, &mut copy);
            for (collection, key, entry) in copy.drain(..) {
                let old = ours.find(&ours.hash(collection, &key)).filter(|old| !old.is_tombstone());
                if old.is_none_or(|old| old.id() != entry.id()) {
                    differences.push(Difference { collection, key, old, new: entry });
                }
            }
        }
        let removed = Entry::tombstone(new.place.sequence, u32::MAX >> 1);
        for part in 0..ours.parts() {
            ours.copy_part_of_all(part, &mut copy);
            for (collection, key, old) in copy.drain(..) {
                // What is left of a collection that was dropped before is on its way out.
                let is_dropped = self.followed.applier.collections().is_dropped(collection);
                if !is_dropped && !old.is_tombstone() && theirs.find(&theirs.hash(collection, &key)).is_none()
                {
                    differences.push(Difference { collection, key, old: Some(old), new: removed });
                }
            }
        }
        // INVARIANT: what differs was committed after what is shown. Otherwise this is another history.
        differences.sort_unstable_by_key(|difference| difference.new.sequence);
        let is_later = |difference: &Difference| difference.new.sequence > self.sequence();
        if differences.iter().all(is_later) { Ok(differences) } else { Err(self.replaced()) }
    }

    fn replaced(&self) -> Error {
        Error::Replaced { path: Arc::clone(&self.path) }
    }
}

/// Brings every entry whose record is the same to where the new file has it.
fn relocate(shared: &Shared, new: &Followed) {
    let mut copy = Vec::new();
    for part in 0..new.shared.keydir.parts() {
        new.shared.keydir.copy_part_of_all(part, &mut copy);
        for (collection, key, entry) in copy.drain(..) {
            shared.keydir.relocate(&shared.keydir.hash(collection, &key), entry);
        }
    }
}
