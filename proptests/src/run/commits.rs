//! Owns committing, and what a run learns of a commit's answer. Never decides what a commit does: the model does.

use ferrumdb_engine::{CollectionId, Durability, Error, Transaction, Untidy};

use super::Run;
use crate::model::Staged;
use crate::ops::{Change, KEYS, ROOT, collection_of, document};

impl Run {
    /// Commits a group.
    pub(super) fn commit(
        &mut self,
        group: &[Vec<Change>],
        synced: bool,
        is_faulty: bool,
    ) -> Result<(), String> {
        let Some(opened) = self.ensure_open(is_faulty)? else { return Ok(()) };
        let was_poisoned = opened.writer.is_poisoned();
        let durability = if synced { Durability::Synced } else { Durability::Appended };
        let transactions: Vec<_> = group.iter().map(|changes| transaction(changes)).collect();
        let result = opened.writer.commit(&transactions, durability);
        // Otherwise what is left of dropped collections stays for the next commits.
        while synced && opened.writer.tidy() == Untidy::More {}
        let is_poisoned = opened.writer.is_poisoned();
        let staged = self.model.stage(group);
        match result {
            Ok(outcomes) => {
                if was_poisoned {
                    return Err("a writer that had stopped went on".to_owned());
                }
                let told: Vec<_> = outcomes
                    .iter()
                    .map(|outcome| outcome.as_ref().map(|done| (done.sequence.0 as usize, done.effective)))
                    .collect();
                let sets = |changes: &[Change]| {
                    changes.iter().filter(|change| change.document.is_some()).count() as u64
                };
                let expected: Vec<_> = staged
                    .iter()
                    .zip(group)
                    .map(|((sequence, deleted, _), changes)| Ok((*sequence, *deleted + sets(changes))))
                    .collect();
                if told != expected {
                    return Err(format!("the outcomes are {told:?}, expected {expected:?}"));
                }
                self.committed(staged, synced);
                Ok(())
            }
            Err(error) => self.not_committed(error, staged, (was_poisoned, is_poisoned), is_faulty),
        }
    }

    /// Commits were answered well.
    pub(super) fn committed(&mut self, staged: Vec<Staged>, synced: bool) {
        let states = staged.into_iter().filter_map(|(_, _, state)| state);
        states.for_each(|state| self.model.acknowledge(state));
        if synced {
            self.model.promise(self.model.sequence());
        }
    }

    /// `poisoned` says whether the writer had stopped before, and whether it has by now.
    pub(super) fn not_committed(
        &mut self,
        error: Error,
        staged: Vec<Staged>,
        poisoned: (bool, bool),
        is_faulty: bool,
    ) -> Result<(), String> {
        match (error, poisoned) {
            (Error::Io { .. }, (_, false)) if is_faulty => Ok(()),
            (Error::InDoubt { .. }, (false, true)) if is_faulty => {
                let states = staged.into_iter().filter_map(|(_, _, state)| state);
                states.for_each(|state| self.model.doubt(state));
                Ok(())
            }
            (Error::Poisoned { .. }, (true, _)) => Ok(()),
            (error, (_, is_poisoned)) => Err(format!("the commit failed (poisoned: {is_poisoned}): {error}")),
        }
    }
}

fn transaction(changes: &[Change]) -> Transaction {
    let mut transaction = Transaction::new();
    for Change { key, document: number } in changes {
        let name = collection_of(*key).unwrap_or_else(|| KEYS[*key].0);
        let collection =
            if name == ROOT { CollectionId::ROOT.into() } else { transaction.collection(&name.into()) };
        if collection_of(*key).is_some() {
            transaction.drop_collection(collection);
            continue;
        }
        let key = KEYS[*key].1;
        match number {
            Some(number) => transaction.set(collection, key.into(), document(*number), None),
            None => transaction.delete(collection, key.into()),
        }
    }
    transaction
}
