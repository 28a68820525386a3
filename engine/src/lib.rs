//! The storage engine of FerrumDB: documents, bytes, order and disk. It starts no thread, sends on no channel and
//! sets no timer.
//!
//! [`open`] returns two halves, like a channel: a [`Writer`], owned, which changes anything only through `&mut self`;
//! and a [`Reader`], `Clone + Send + Sync`, which can change nothing. The single-writer rule is a fact of the types.
//! The crate `ferrumdb` puts the writer on a thread of its own and is what programs use.

mod clock;
mod document;
mod error;
pub mod fs;
mod json;
mod key;
mod options;
mod transaction;

pub use clock::{Clock, ManualClock, SystemClock};
pub use document::{Document, EncodedDocument};
pub use error::{Error, Result};
pub use key::{CollectionId, Key, Sequence, Timestamp};
pub use options::{Limits, Options};
pub use transaction::{Outcome, Transaction};
