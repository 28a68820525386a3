//! Owns the log: its bytes, its two ends, and the walk through it. Never knows what the keydir holds.

mod appender;
mod chain;
pub(crate) mod format;
mod header;
mod kind;
mod look;
mod positions;
mod record;
mod scan;
mod seal;
mod search;
mod survey;
mod sweep;
#[cfg(test)]
mod tests;

pub(crate) use appender::{AppendFault, Appender, Syncs};
pub(crate) use chain::Chain;
pub(crate) use format::{ENCRYPTED, LOG_START, VERSION};
pub(crate) use header::{COUNTER_MAX, Header, HeaderCopy, HeaderState, Origin};
pub(crate) use kind::Kind;
pub(crate) use look::{Expected, ReadFault, read_document, read_head, read_record};
pub(crate) use positions::Positions;
pub(crate) use record::{Head, Mark, NewRecord, Payload, RecordWriter, record_bytes, text_bytes};
pub(crate) use scan::{Beyond, OTHER_WRITE, Place, Scanner, Step};
pub(crate) use seal::{LogKeys, RecordSealer};
pub(crate) use search::end_of_commit;
pub(crate) use survey::{Piece, Survey};
pub(crate) use sweep::Sweep;
