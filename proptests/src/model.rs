//! Owns what a database must hold: the state after each commit, and which of them are promised to survive what.
//! Never looks at a database.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ops::{Change, collection_of, place_of};

/// The documents by the number of their key, and the collections that are there by theirs.
pub type State = Arc<BTreeMap<usize, u64>>;

/// What a transaction does: its commit's number, how many deletions found something, and the new state if there is one.
pub type Staged = (usize, u64, Option<State>);

/// The states after all commits so far, and the promises about them.
#[derive(Clone, Debug)]
pub struct Model {
    /// The state after commit number `index`; the first is the empty database. The last is what readers see.
    states: Vec<State>,
    /// States of commits that were answered with a doubt: they follow in this order, if at all.
    doubtful: Vec<State>,
    /// The newest commit that a power cut must leave.
    durable: usize,
    /// The states of a history that was left behind after as many commits. A disk that has lied about that may bring it
    /// back.
    abandoned: (usize, Vec<State>),
}

impl Default for Model {
    fn default() -> Self {
        let states = vec![State::default()];
        Self { states, doubtful: Vec::new(), durable: 0, abandoned: (0, Vec::new()) }
    }
}

impl Model {
    /// What readers must see now.
    #[must_use]
    pub fn now(&self) -> &State {
        self.states.last().expect("there is the empty state")
    }

    /// The number of the newest commit.
    #[must_use]
    pub fn sequence(&self) -> usize {
        self.states.len() - 1
    }

    /// The newest commit that a power cut must leave.
    #[must_use]
    pub fn durable(&self) -> usize {
        self.durable
    }

    /// Whether readers see commits that a power cut may take.
    #[must_use]
    pub fn has_unsynced(&self) -> bool {
        self.durable < self.sequence()
    }

    /// What each of a group of transactions does.
    #[must_use]
    pub fn stage(&self, group: &[Vec<Change>]) -> Vec<Staged> {
        let mut state = Arc::clone(self.now());
        let mut sequence = self.sequence();
        group
            .iter()
            .map(|transaction| {
                let (mut next, mut deleted, mut is_commit) = (BTreeMap::clone(&state), 0, false);
                for Change { key, document } in transaction {
                    match document {
                        Some(number) => {
                            next.insert(*key, *number);
                            next.extend(place_of(*key).map(|place| (place, 0)));
                            is_commit = true;
                        }
                        None if collection_of(*key).is_some() && next.remove(key).is_some() => {
                            next.retain(|other, _| {
                                collection_of(*other).is_some() || place_of(*other) != Some(*key)
                            });
                            deleted += 1;
                            is_commit = true;
                        }
                        None if next.remove(key).is_some() => {
                            deleted += 1;
                            is_commit = true;
                        }
                        None => {}
                    }
                }
                if !is_commit {
                    return (sequence, deleted, None);
                }
                sequence += 1;
                state = Arc::new(next);
                (sequence, deleted, Some(Arc::clone(&state)))
            })
            .collect()
    }

    /// A commit was answered well.
    pub fn acknowledge(&mut self, state: State) {
        self.states.push(state);
    }

    /// All commits up to this one were answered as durable.
    pub fn promise(&mut self, sequence: usize) {
        self.durable = self.durable.max(sequence);
    }

    /// The disk has lied: no commit after this one need survive a power cut.
    pub fn limit(&mut self, sequence: usize) {
        self.durable = self.durable.min(sequence);
    }

    /// A commit was answered with a doubt.
    pub fn doubt(&mut self, state: State) {
        self.doubtful.push(state);
    }

    /// The database was opened again and its newest commit is `sequence`: says what it must hold, and forgets the
    /// rest.
    ///
    /// # Errors
    /// A sentence, when so many or so few commits cannot have survived.
    pub fn reopen(&mut self, sequence: usize, power_was_cut: bool) -> Result<(), String> {
        let least = if power_was_cut { self.durable } else { self.sequence() };
        let most = self.sequence() + self.doubtful.len();
        if !(least..=most).contains(&sequence) {
            return Err(format!("{sequence} commits survived, expected from {least} to {most}"));
        }
        self.states.append(&mut self.doubtful);
        let rest = self.states.split_off(sequence + 1);
        if !rest.is_empty() {
            self.abandoned = (sequence, rest);
        }
        // Opening makes all that it finds durable before it returns.
        self.durable = sequence;
        Ok(())
    }

    /// What was left behind will not come back: the disk has said so, and has not lied.
    pub fn forget_abandoned(&mut self) {
        self.abandoned.1.clear();
    }

    /// This model, if the history that was left behind last came back.
    #[must_use]
    pub fn with_abandoned(&self) -> Self {
        let (left_at, rest) = &self.abandoned;
        let mut model = self.clone();
        model.states.truncate(left_at + 1);
        model.states.extend(rest.iter().cloned());
        model.doubtful.clear();
        model.durable = model.durable.min(*left_at);
        model
    }

    /// The state after a commit.
    #[must_use]
    pub fn at(&self, sequence: usize) -> Option<&State> {
        self.states.get(sequence)
    }
}
