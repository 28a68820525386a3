//! Owns deleting ranges and keeping orders of keys, and what a run knows of them. Never compares what is read in order.

use ferrumdb_engine::{CollectionId, Durability, Error, KeyBounds, Writer};

use super::{Opened, Run};
use crate::ops::{Change, KEYS, ROOT, range_of};

impl Run {
    /// Deletes the documents from one key's on, before another's, if that is of the same collection.
    pub(super) fn delete_range(
        &mut self,
        (from, to): (usize, usize),
        synced: bool,
        is_faulty: bool,
    ) -> Result<(), String> {
        let (name, start, end, keys) = range_of(from, to);
        let Some(opened) = self.ensure_open(is_faulty)? else { return Ok(()) };
        let was_poisoned = opened.writer.is_poisoned();
        let collection = id_of(&opened.writer, name);
        let durability = if synced { Durability::Synced } else { Durability::Appended };
        let result = opened.writer.delete_range(collection, &KeyBounds::new(start, end), durability);
        let is_poisoned = opened.writer.is_poisoned();
        let deletions = keys.into_iter().map(|key| Change { key, document: None }).collect();
        let staged = self.model.stage(&[deletions]);
        match result {
            Ok(_) if was_poisoned => Err("a writer that had stopped went on".to_owned()),
            Ok(erased) => {
                let told = (erased.sequence.0 as usize, erased.documents);
                let expected = (staged[0].0, staged[0].1);
                if told != expected {
                    return Err(format!("the deleted range is {told:?}, expected {expected:?}"));
                }
                self.committed(staged, synced && expected.1 > 0);
                Ok(())
            }
            Err(error) => self.not_committed(error, staged, (was_poisoned, is_poisoned), is_faulty),
        }
    }

    /// Begins the order of the keys of this one's collection, or installs the one that was begun.
    pub(super) fn order(&mut self, key: usize, is_faulty: bool) -> Result<(), String> {
        let Some(Opened { writer, ordering, .. }) = self.ensure_open(is_faulty)? else { return Ok(()) };
        if let Some(build) = ordering.take() {
            let round = writer.index_round(&build);
            return match writer.install_order(build, round) {
                // Its collection is dropped by now.
                Ok(()) | Err(Error::Cancelled) => Ok(()),
                Err(error) => Err(format!("no order: {error}")),
            };
        }
        if !writer.is_poisoned() {
            let begun = writer.begin_order(id_of(writer, KEYS[key].0));
            *ordering = begun.map_err(|error| format!("no order is begun: {error}"))?;
            if let Some(build) = ordering {
                build.run().map_err(|error| format!("no order is built: {error}"))?;
            }
        }
        Ok(())
    }
}

fn id_of(writer: &Writer, name: &str) -> CollectionId {
    if name == ROOT { CollectionId::ROOT } else { writer.find_collection(name).unwrap_or(CollectionId::NONE) }
}
