//! Owns the log: its bytes, its two ends, and the walk through it. Never knows what the keydir holds.

mod appender;
mod chain;
pub(crate) mod format;
mod header;
mod kind;
mod positions;
mod record;
mod scan;
mod seal;
mod survey;
mod sweep;

pub(crate) use appender::{AppendFault, Appender, Syncs};
pub(crate) use chain::Chain;
pub(crate) use format::{ENCRYPTED, LOG_START, VERSION};
pub(crate) use header::{Header, HeaderCopy, HeaderState, Origin};
pub(crate) use kind::Kind;
pub(crate) use positions::Positions;
pub(crate) use record::{
    Expected, Head, Mark, NewRecord, Payload, ReadFault, RecordWriter, read_document, record_bytes,
};
pub(crate) use scan::{BaseSoFar, Beyond, Place, Scanner, Step};
pub(crate) use seal::{LogKeys, RecordSealer};
pub(crate) use survey::{Piece, Survey};
pub(crate) use sweep::Sweep;
