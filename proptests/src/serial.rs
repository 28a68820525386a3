//! Owns the check of a history of transactions: each must have read what it would have read alone, at its place in the
//! order of the commits. Never looks at a database.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Range, RangeInclusive};

/// What a document holds: a field that may have an index, and one that tells it from every other document ever written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Item {
    /// The field with the index.
    pub v: i64,
    /// A number that no other write has used.
    pub w: i64,
}

/// A collection: 0 is the root, and each other number stands for one name.
pub type Place = u8;

/// One thing that a transaction did in a collection, with what it got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// It looked at a key.
    Get(String, Option<Item>),
    /// It asked whether a key has a document.
    Contains(String, bool),
    /// It counted the documents.
    Count(u64),
    /// It read the first keys of a range, no more than so many, in reverse or not.
    Range(Range<String>, bool, usize, Vec<String>),
    /// The same, with the documents.
    Read(Range<String>, bool, usize, Vec<(String, Item)>),
    /// It counted the documents in a range.
    CountRange(Range<String>, u64),
    /// It read the first keys in the order of `v`, both ends included, no more than so many, in reverse or not.
    ByV(i64, i64, bool, usize, Vec<String>),
    /// It looked for values of `v`, both ends included.
    FindV(i64, i64, BTreeSet<String>),
    /// It looked for a value of `w`.
    FindW(i64, BTreeSet<String>),
    /// It stored a document, which expires at a time if there is one.
    Set(String, Item, Option<u64>),
    /// It changed when a document expires.
    Expire(String, Option<u64>),
    /// It deleted a document.
    Delete(String),
    /// It dropped the collection.
    Drop,
}

impl Step {
    /// Whether it changes something, or could.
    #[must_use]
    pub fn is_write(&self) -> bool {
        matches!(self, Self::Set(..) | Self::Expire(..) | Self::Delete(_) | Self::Drop)
    }
}

/// The documents of all collections, and when they expire.
pub type State = BTreeMap<(Place, String), (Item, Option<u64>)>;

/// What a transaction sees and leaves behind, if it runs alone at a time.
pub struct Alone<'s> {
    base: &'s State,
    /// The collections of which nothing is left.
    dropped: BTreeSet<Place>,
    own: BTreeMap<(Place, String), Write>,
    now: u64,
}

#[derive(Clone, Copy)]
enum Write {
    Set(Item, Option<u64>),
    Expire(Option<u64>),
    Delete,
}

impl<'s> Alone<'s> {
    /// A transaction that begins with this state, at this time.
    #[must_use]
    pub fn new(base: &'s State, now: u64) -> Self {
        Self { base, dropped: BTreeSet::new(), own: BTreeMap::new(), now }
    }

    /// Does all of this.
    ///
    /// # Errors
    /// Names the first step that must have gone otherwise.
    pub fn run(&mut self, steps: &[(Place, Step)]) -> Result<(), String> {
        steps.iter().enumerate().try_for_each(|(number, (place, step))| {
            let would_be = self.step(*place, step);
            if would_be == *step {
                return Ok(());
            }
            Err(format!("step {number} in {place}: {step:?} would have been {would_be:?}"))
        })
    }

    /// The state that it leaves behind.
    #[must_use]
    pub fn leaves(self) -> State {
        let mut state = self.base.clone();
        state.retain(|(place, _), _| !self.dropped.contains(place));
        for (key, write) in self.own {
            match write {
                Write::Set(item, expires) => drop(state.insert(key, (item, expires))),
                Write::Delete => drop(state.remove(&key)),
                Write::Expire(expires) => {
                    let now = self.now;
                    if let Some(found) = state.get_mut(&key).filter(|found| is_live(found.1, now)) {
                        found.1 = expires;
                    }
                }
            }
        }
        state
    }

    fn step(&mut self, place: Place, step: &Step) -> Step {
        match step.clone() {
            Step::Get(key, _) => Step::Get(key.clone(), self.get(place, &key)),
            Step::Contains(key, _) => Step::Contains(key.clone(), self.get(place, &key).is_some()),
            Step::Count(_) => Step::Count(self.all(place).count() as u64),
            Step::Range(range, reverse, limit, _) => {
                let found = self.range(place, &range, reverse, limit).into_iter().map(|(key, _)| key);
                Step::Range(range.clone(), reverse, limit, found.collect())
            }
            Step::Read(range, reverse, limit, _) => {
                let found = self.range(place, &range, reverse, limit);
                Step::Read(range, reverse, limit, found)
            }
            Step::CountRange(range, _) => {
                let found = self.range(place, &range, false, usize::MAX).len() as u64;
                Step::CountRange(range, found)
            }
            Step::ByV(from, to, reverse, limit, _) => {
                Step::ByV(from, to, reverse, limit, self.by_v(place, from..=to, reverse, limit))
            }
            Step::FindV(from, to, _) => {
                Step::FindV(from, to, self.by_v(place, from..=to, false, usize::MAX).into_iter().collect())
            }
            Step::FindW(w, _) => {
                let found = self.all(place).filter(|(_, item)| item.w == w);
                Step::FindW(w, found.map(|(key, _)| key).collect())
            }
            Step::Set(key, item, expires) => {
                self.own.insert((place, key), Write::Set(item, expires));
                step.clone()
            }
            Step::Delete(key) => {
                self.own.insert((place, key), Write::Delete);
                step.clone()
            }
            Step::Expire(key, at) => {
                let write = match self.own.get(&(place, key.clone())) {
                    Some(Write::Set(item, _)) => Write::Set(*item, at),
                    Some(Write::Delete) => Write::Delete,
                    Some(Write::Expire(_)) | None => Write::Expire(at),
                };
                self.own.insert((place, key), write);
                step.clone()
            }
            Step::Drop => {
                self.dropped.insert(place);
                self.own.retain(|(of, _), _| *of != place);
                step.clone()
            }
        }
    }

    fn get(&self, place: Place, key: &str) -> Option<Item> {
        let id = (place, key.to_owned());
        match self.own.get(&id) {
            Some(Write::Set(item, _)) => Some(*item),
            Some(Write::Delete) => None,
            Some(Write::Expire(_)) | None if self.dropped.contains(&place) => None,
            Some(Write::Expire(_)) | None => {
                let (item, expires) = self.base.get(&id)?;
                is_live(*expires, self.now).then_some(*item)
            }
        }
    }

    fn range(&self, place: Place, range: &Range<String>, reverse: bool, limit: usize) -> Vec<(String, Item)> {
        let mut found: Vec<_> = self.all(place).filter(|(key, _)| range.contains(key)).collect();
        if reverse {
            found.reverse();
        }
        found.truncate(limit);
        found
    }

    fn by_v(&self, place: Place, range: RangeInclusive<i64>, reverse: bool, limit: usize) -> Vec<String> {
        let mut found: Vec<_> = self.all(place).filter(|(_, item)| range.contains(&item.v)).collect();
        found.sort_by_key(|(key, item)| (item.v, key.clone()));
        if reverse {
            found.reverse();
        }
        found.into_iter().take(limit).map(|(key, _)| key).collect()
    }

    fn all(&self, place: Place) -> impl Iterator<Item = (String, Item)> {
        let ids: BTreeSet<_> = self.base.keys().chain(self.own.keys()).filter(|id| id.0 == place).collect();
        ids.into_iter().filter_map(move |(_, key)| Some((key.clone(), self.get(place, key)?)))
    }
}

fn is_live(expires: Option<u64>, now: u64) -> bool {
    expires.is_none_or(|at| at > now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(key: &str, w: Option<i64>) -> (Place, Step) {
        (0, Step::Get(key.to_owned(), w.map(|w| Item { v: 0, w })))
    }

    #[test]
    fn a_transaction_that_read_what_was_gone_is_found() {
        let mut state = State::new();
        state.insert((0, "a".to_owned()), (Item { v: 0, w: 1 }, None));
        let write = (0, Step::Set("a".to_owned(), Item { v: 0, w: 2 }, None));
        let mut first = Alone::new(&state, 0);
        first.run(&[read("a", Some(1)), write.clone(), read("a", Some(2))]).expect("it ran alone");
        let state = first.leaves();
        let fails = |steps: &[(Place, Step)]| Alone::new(&state, 0).run(steps).is_err();
        assert!(fails(&[read("a", Some(1)), write]), "an update was lost");
        assert!(fails(&[(0, Step::Count(2))]));
        assert!(fails(&[(0, Step::FindV(0, 0, BTreeSet::new()))]));
        assert!(fails(&[(0, Step::ByV(0, 1, false, 1, Vec::new()))]));
        assert!(fails(&[(1, Step::Get("a".to_owned(), Some(Item { v: 0, w: 2 })))]), "of another collection");
        assert!(fails(&[(0, Step::Drop), read("a", Some(2))]), "of one that was dropped");
    }
}
