//! Owns what one commit is to change, as plain values, and the check of its sizes. Never looks at the database.

use crate::document::EncodedDocument;
use crate::error::{Error, Result};
use crate::key::{CollectionId, Key, Sequence, Timestamp};
use crate::options::Limits;

/// What one commit is to change: all of it or nothing. Operations take effect in their order.
#[derive(Clone, Debug, Default)]
pub struct Transaction {
    operations: Vec<Operation>,
    bytes: usize,
}

/// One change of one key.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) collection: CollectionId,
    pub(crate) key: Key,
    pub(crate) change: Change,
}

#[derive(Clone, Debug)]
pub(crate) enum Change {
    Set { document: EncodedDocument, expires_at: Option<Timestamp> },
    Delete,
}

/// What a committed transaction did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The number of its commit; of the newest commit, if the transaction changed nothing.
    pub sequence: Sequence,
    /// How many of its deletes found a document.
    pub deleted: u64,
}

impl Transaction {
    /// A transaction that changes nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds: `key` holds `document` from now on, until `expires_at` if there is one.
    pub fn set(
        &mut self,
        collection: CollectionId,
        key: Key,
        document: EncodedDocument,
        expires_at: Option<Timestamp>,
    ) {
        self.bytes += key.len() + document.len();
        self.operations.push(Operation { collection, key, change: Change::Set { document, expires_at } });
    }

    /// Adds: `key` holds nothing from now on.
    pub fn delete(&mut self, collection: CollectionId, key: Key) {
        self.bytes += key.len();
        self.operations.push(Operation { collection, key, change: Change::Delete });
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

    /// The bytes of its keys and documents.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Checks the sizes, so that a commit cannot fail for them.
    ///
    /// # Errors
    /// [`Error::KeyTooLong`], [`Error::DocumentTooLarge`] or [`Error::TransactionTooLarge`].
    pub fn check(&self, limits: &Limits) -> Result<()> {
        for operation in &self.operations {
            let len = operation.key.len();
            if len > limits.key_bytes_max {
                return Err(Error::KeyTooLong { len, max: limits.key_bytes_max });
            }
            if let Change::Set { document, .. } = &operation.change
                && document.len() > limits.document_bytes_max
            {
                return Err(Error::DocumentTooLarge { len: document.len(), max: limits.document_bytes_max });
            }
        }
        let too_large = |found, max, unit| Err(Error::TransactionTooLarge { found, max, unit });
        if self.len() > limits.transaction_operations_max {
            return too_large(self.len(), limits.transaction_operations_max, "operations");
        }
        if self.bytes > limits.transaction_bytes_max {
            return too_large(self.bytes, limits.transaction_bytes_max, "bytes");
        }
        Ok(())
    }

    pub(crate) fn operations(&self) -> &[Operation] {
        &self.operations
    }
}
