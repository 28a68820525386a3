//! Owns what reads at the prompt look at: the database as it is, a snapshot of it, or an open transaction. Never writes.

use ferrumdb::{Collection, Document, FieldPath, Key, OpenTransaction, Result, Snapshot, Ttl};
use serde_json::Value;

/// Where reads look, in the collection that is used.
pub(super) enum View<'v, 'd> {
    Now(Collection),
    Then(Snapshot),
    Within(&'v mut OpenTransaction<'d>),
}

/// Which keys are listed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Which<'a> {
    Prefix(&'a str),
    Range(&'a str, &'a str),
}

impl View<'_, '_> {
    pub(super) fn get(&mut self, key: &str) -> Result<Option<Document>> {
        match self {
            Self::Now(used) => used.get(key),
            Self::Then(snapshot) => snapshot.get(key),
            Self::Within(open) => open.get(key),
        }
    }

    pub(super) fn ttl(&mut self, key: &str) -> Result<Option<Ttl>> {
        match self {
            Self::Now(used) => used.ttl(key),
            Self::Then(snapshot) => snapshot.ttl(key),
            Self::Within(open) => Ok(open.ttl(key)),
        }
    }

    pub(super) fn count(&mut self) -> Result<u64> {
        match self {
            Self::Now(used) => used.count(),
            Self::Then(snapshot) => snapshot.count(),
            Self::Within(open) => Ok(open.count()),
        }
    }

    /// Keys in their order.
    pub(super) fn keys(&mut self, which: Which<'_>) -> Result<Box<dyn Iterator<Item = Key>>> {
        // A range of two texts, by reference, does not say of itself which type its keys have.
        let range = |from, to| std::ops::Range::<&str> { start: from, end: to };
        Ok(match (self, which) {
            (Self::Now(used), Which::Prefix(prefix)) => Box::new(used.prefix(prefix)?.keys()),
            (Self::Now(used), Which::Range(from, to)) => Box::new(used.range(range(from, to))?.keys()),
            (Self::Then(snapshot), Which::Prefix(prefix)) => Box::new(snapshot.prefix(prefix)?.keys()),
            (Self::Then(snapshot), Which::Range(from, to)) => {
                Box::new(snapshot.range(range(from, to))?.keys())
            }
            (Self::Within(open), Which::Prefix(prefix)) => Box::new(open.prefix(prefix).keys().into_iter()),
            (Self::Within(open), Which::Range(from, to)) => {
                Box::new(open.range(range(from, to)).keys().into_iter())
            }
        })
    }

    pub(super) fn find(&mut self, field: FieldPath, value: &Value) -> Result<Vec<Key>> {
        match self {
            Self::Now(used) => used.find(field, value),
            Self::Then(snapshot) => snapshot.find(field, value),
            Self::Within(open) => open.find(field, value),
        }
    }

    pub(super) fn find_range(&mut self, field: FieldPath, from: Value, to: Value) -> Result<Vec<Key>> {
        match self {
            Self::Now(used) => used.find_range(field, from..=to),
            Self::Then(snapshot) => snapshot.find_range(field, from..=to),
            Self::Within(open) => open.find_range(field, from..=to),
        }
    }

    /// The same, for another thread; nothing of an open transaction, which stays on its own.
    pub(super) fn elsewhere(&self) -> Option<View<'static, 'static>> {
        match self {
            Self::Now(used) => Some(View::Now(used.clone())),
            Self::Then(snapshot) => Some(View::Then(snapshot.clone())),
            Self::Within(_) => None,
        }
    }
}
