//! Owns how the collections that changes are of are called. Never keeps the names of more than there were.

use std::collections::BTreeMap;
use std::io;

use super::LOOK_BYTES;
use crate::collections::Collections;
use crate::key::{CollectionId, Key};
use crate::log::{Kind, Scanner, Step};
use crate::view::View;

/// The names of collections. A number is never used twice, so each has one name for ever.
#[derive(Debug)]
pub(super) struct Names {
    /// Those that were there when the feed began.
    begun: Collections,
    /// Those that were created since, and those that had been dropped by then, as far as the log was read for them.
    noted: BTreeMap<CollectionId, Key>,
    /// How far that is, and where the log ended when the feed began.
    ahead: u64,
    until: u64,
}

impl Names {
    /// Those that are needed to read on in the log that the view ends in.
    pub(super) fn begin(view: &View) -> Self {
        Self { begun: view.collections.clone(), noted: BTreeMap::new(), ahead: 0, until: view.log_end }
    }

    /// The name of a collection: nothing for the root. Or nothing at all, if the log ahead has to be read for it.
    pub(super) fn find(&self, collection: CollectionId, position: u64) -> Option<Option<&Key>> {
        let known = self.begun.name(collection).or_else(|| self.noted.get(&collection));
        let is_all = collection == CollectionId::ROOT || self.ahead.max(position) >= self.until;
        (known.is_some() || is_all).then_some(known)
    }

    pub(super) fn note(&mut self, collection: CollectionId, name: Key) {
        self.noted.insert(collection, name);
    }

    /// Takes note that all of the log was read that there was when the feed began.
    pub(super) fn go_on(&mut self) {
        self.until = 0;
    }

    /// Reads some more of the log ahead, from `position` on at the least, for collections that were dropped there: the
    /// record of it has the name. Otherwise, what is wrong there.
    pub(super) fn look_ahead(
        &mut self,
        position: u64,
        scanner: &mut Scanner<'_>,
    ) -> io::Result<Result<(), (u64, Step)>> {
        self.ahead = self.ahead.max(position);
        let stop = self.ahead.saturating_add(LOOK_BYTES).min(self.until);
        while self.ahead < stop {
            let looked = scanner.look_at(self.ahead, |head, _, payload| {
                let dropped = payload.filter(|_| head.kind == Kind::CollectionDropped);
                (head.record_bytes(), dropped.map(|payload| (payload.collection, Key::from(payload.key))))
            })?;
            let (bytes, dropped) = match looked {
                Ok(looked) => looked,
                Err(bad) => return Ok(Err((self.ahead, bad))),
            };
            self.noted.extend(dropped);
            self.ahead += bytes;
        }
        Ok(Ok(()))
    }
}
