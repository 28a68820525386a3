//! Owns the building of a transaction, and the first thing that went wrong in it. Never looks at a database.

use ferrumdb_engine::{self as engine, CollectionId, EncodedDocument};
use serde::Serialize;

use crate::error::{Error, Result};
use crate::{Key, Limits};

/// What one commit is to change: all of it or nothing. Operations take effect in their order.
///
/// A value that cannot be stored makes the commit fail, and nothing of the transaction happens: the error names the
/// first such key.
///
/// ```
/// use ferrumdb::{FerrumDB, Transaction};
/// use serde_json::json;
///
/// let db = FerrumDB::open_in_memory().wait()?;
/// db.set("alice", json!({"balance": 10})).wait()?;
/// let transfer = Transaction::new().set("alice", json!({"balance": 7})).set("bob", json!({"balance": 3}));
/// db.commit(transfer).wait()?;
/// assert_eq!(db.get("bob")?.unwrap(), json!({"balance": 3}));
/// # Ok::<(), ferrumdb::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a transaction changes nothing until it is committed: `db.commit(transaction)`"]
pub struct Transaction {
    operations: engine::Transaction,
    sets: u32,
    deletes: u32,
    deepest: Option<(usize, Key)>,
    failure: Option<Error>,
}

/// A transaction that passed all checks, with its counts of sets and deletes.
pub(crate) struct Checked {
    pub(crate) transaction: engine::Transaction,
    pub(crate) sets: u32,
    pub(crate) deletes: u32,
}

impl Transaction {
    /// A transaction that changes nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds: `key` holds `value` from now on.
    pub fn set(self, key: impl Into<Key>, value: impl Serialize) -> Self {
        let document = EncodedDocument::from_serialize(&value, &loosest());
        self.add(key.into(), document)
    }

    /// Adds: `key` holds the document with this JSON text from now on.
    pub fn set_raw(self, key: impl Into<Key>, json: impl AsRef<[u8]>) -> Self {
        let document = EncodedDocument::from_json(json.as_ref(), &loosest());
        self.add(key.into(), document)
    }

    /// Adds: `key` holds nothing from now on.
    pub fn delete(mut self, key: impl Into<Key>) -> Self {
        self.operations.delete(CollectionId::ROOT, key.into());
        self.deletes += 1;
        self
    }

    /// How many operations it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.operations.len()
    }

    /// Whether it has no operation.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// Checks it against the limits of the database that is to commit it.
    pub(crate) fn check(self, limits: &Limits) -> Result<Checked> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        if let Some((depth, key)) = self.deepest
            && depth > limits.depth_max
        {
            return Err(Error::from(engine::Error::TooDeep { max: limits.depth_max }).about(&key));
        }
        self.operations.check(limits)?;
        Ok(Checked { transaction: self.operations, sets: self.sets, deletes: self.deletes })
    }

    fn add(mut self, key: Key, document: engine::Result<EncodedDocument>) -> Self {
        match document {
            Ok(document) => {
                let depth = depth(document.as_str());
                if self.deepest.as_ref().is_none_or(|(deepest, _)| depth > *deepest) {
                    self.deepest = Some((depth, key.clone()));
                }
                self.operations.set(CollectionId::ROOT, key, document, None);
                self.sets += 1;
            }
            Err(error) => {
                self.failure.get_or_insert_with(|| Error::from(error).about(&key));
            }
        }
        self
    }
}

/// The limits that every database's limits lie within; which ones hold is known at the commit.
fn loosest() -> Limits {
    Limits {
        key_bytes_max: usize::MAX,
        document_bytes_max: usize::MAX,
        depth_max: usize::MAX,
        transaction_operations_max: usize::MAX,
        transaction_bytes_max: usize::MAX,
    }
    .clamped()
}

/// How deeply arrays and objects are nested in a valid JSON text.
fn depth(json: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut in_string, mut escaped) = (false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_string => depth -= 1,
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::depth;

    #[test]
    fn depth_counts_brackets_outside_strings() {
        assert_eq!(depth("1"), 0);
        assert_eq!(depth("[]"), 1);
        assert_eq!(depth(r#"{"a":[1,{"b":2}],"c":[]}"#), 3);
        assert_eq!(depth(r#"["[[[\"{{{\\",[]]"#), 2);
    }
}
