//! Owns the check of a history of transactions: each must have read what it would have read alone, at its place in the
//! order of the commits. Never looks at a database.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// What a document holds: a field that may have an index, and one that tells it from every other document ever written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Item {
    /// The field with the index.
    pub v: i64,
    /// A number that no other write has used.
    pub w: i64,
}

/// One thing that a transaction did, with what it got.
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
}

/// The documents, and when they expire.
pub type State = BTreeMap<String, (Item, Option<u64>)>;

/// What a transaction sees and leaves behind, if it runs alone at a time.
pub struct Alone<'s> {
    base: &'s State,
    own: BTreeMap<String, Write>,
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
        Self { base, own: BTreeMap::new(), now }
    }

    /// Does all of this.
    ///
    /// # Errors
    /// Names the first step that must have gone otherwise.
    pub fn run(&mut self, steps: &[Step]) -> Result<(), String> {
        steps.iter().enumerate().try_for_each(|(number, step)| {
            let would_be = self.step(step);
            if would_be == *step {
                return Ok(());
            }
            Err(format!("step {number}: {step:?} would have been {would_be:?}"))
        })
    }

    /// The state that it leaves behind.
    #[must_use]
    pub fn leaves(self) -> State {
        let mut state = self.base.clone();
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

    fn step(&mut self, step: &Step) -> Step {
        match step.clone() {
            Step::Get(key, _) => Step::Get(key.clone(), self.get(&key)),
            Step::Contains(key, _) => Step::Contains(key.clone(), self.get(&key).is_some()),
            Step::Count(_) => Step::Count(self.all().count() as u64),
            Step::Range(range, reverse, limit, _) => {
                let found = self.range(&range, reverse, limit).into_iter().map(|(key, _)| key);
                Step::Range(range.clone(), reverse, limit, found.collect())
            }
            Step::Read(range, reverse, limit, _) => {
                let found = self.range(&range, reverse, limit);
                Step::Read(range, reverse, limit, found)
            }
            Step::CountRange(range, _) => {
                let found = self.range(&range, false, usize::MAX).len() as u64;
                Step::CountRange(range, found)
            }
            Step::FindV(from, to, _) => {
                let found = self.all().filter(|(_, item)| (from..=to).contains(&item.v));
                Step::FindV(from, to, found.map(|(key, _)| key).collect())
            }
            Step::FindW(w, _) => {
                let found = self.all().filter(|(_, item)| item.w == w);
                Step::FindW(w, found.map(|(key, _)| key).collect())
            }
            Step::Set(key, item, expires) => {
                self.own.insert(key, Write::Set(item, expires));
                step.clone()
            }
            Step::Delete(key) => {
                self.own.insert(key, Write::Delete);
                step.clone()
            }
            Step::Expire(key, at) => {
                let write = match self.own.get(&key) {
                    Some(Write::Set(item, _)) => Write::Set(*item, at),
                    Some(Write::Delete) => Write::Delete,
                    Some(Write::Expire(_)) | None => Write::Expire(at),
                };
                self.own.insert(key, write);
                step.clone()
            }
        }
    }

    fn get(&self, key: &str) -> Option<Item> {
        match self.own.get(key) {
            Some(Write::Set(item, _)) => Some(*item),
            Some(Write::Delete) => None,
            Some(Write::Expire(_)) | None => {
                let (item, expires) = self.base.get(key)?;
                is_live(*expires, self.now).then_some(*item)
            }
        }
    }

    fn range(&self, range: &Range<String>, reverse: bool, limit: usize) -> Vec<(String, Item)> {
        let mut found: Vec<_> = self.all().filter(|(key, _)| range.contains(key)).collect();
        if reverse {
            found.reverse();
        }
        found.truncate(limit);
        found
    }

    fn all(&self) -> impl Iterator<Item = (String, Item)> {
        let keys: BTreeSet<&String> = self.base.keys().chain(self.own.keys()).collect();
        keys.into_iter().filter_map(|key| Some((key.clone(), self.get(key)?)))
    }
}

fn is_live(expires: Option<u64>, now: u64) -> bool {
    expires.is_none_or(|at| at > now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(key: &str, w: Option<i64>) -> Step {
        Step::Get(key.to_owned(), w.map(|w| Item { v: 0, w }))
    }

    #[test]
    fn a_transaction_that_read_what_was_gone_is_found() {
        let mut state = State::new();
        state.insert("a".to_owned(), (Item { v: 0, w: 1 }, None));
        let write = Step::Set("a".to_owned(), Item { v: 0, w: 2 }, None);
        let mut first = Alone::new(&state, 0);
        first.run(&[read("a", Some(1)), write.clone(), read("a", Some(2))]).expect("it ran alone");
        let state = first.leaves();
        assert!(Alone::new(&state, 0).run(&[read("a", Some(1)), write]).is_err(), "an update was lost");
        assert!(Alone::new(&state, 0).run(&[Step::Count(2)]).is_err());
        assert!(Alone::new(&state, 0).run(&[Step::FindV(0, 0, BTreeSet::new())]).is_err());
    }
}
