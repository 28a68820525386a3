//! Owns repair: saving everything that checks by itself from a database file, however damaged, in a new one, and listing
//! what was lost. Never writes to the damaged file, and never passes off as whole what is not.

mod report;
mod salvage;

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::collections::CollectionChange;
use crate::compaction::Target;
use crate::error::{Error, Result};
use crate::fs::FileSystem;
use crate::hint::Start;
use crate::key::{CollectionId, Key, Sequence, Timestamp};
use crate::keydir::RecordId;
use crate::log::format::ORDINAL_MAX;
use crate::log::{Chain, ENCRYPTED, Head, Header, LOG_START, LogKeys, Mark, Payload, Piece};
use crate::recovery::free_name;
use crate::seal::EncryptionKey;
use crate::verify::exhibit::Exhibit;
use crate::verify::judge::Judge;
pub use report::{LostCommits, RepairReport};
use salvage::{Salvage, Survivors};

/// Saves what can be saved of the database file at `path` in a new one at `to`, and tells what was lost.
///
/// Of each key the newest version that is left is kept, with its number and its expiry; the definitions of indexes too.
/// Of a transaction that is not complete, what is left is kept, and listed. `key` is what the file is encrypted with, if
/// it is; the new one is then encrypted with it, too. `progress` is told how many bytes of how many
/// are done.
///
/// # Errors
/// [`Error::Locked`], while the file is open elsewhere; [`Error::Exists`]; [`Error::NotADatabase`], if nothing in the
/// file says that it was one; [`Error::Damaged`], if neither copy of its header checks, and neither what is left of them
/// nor the hint file tells how to read the records, and always if it is encrypted; [`Error::KeyNeeded`],
/// [`Error::WrongKey`] and [`Error::NotEncrypted`]; [`Error::UnsupportedVersion`] and [`Error::UnsupportedFeatures`];
/// [`Error::Cancelled`], if it was not to go on: nothing is left of the new file then; [`Error::Io`].
pub fn repair(
    path: &Path,
    to: &Path,
    key: Option<&EncryptionKey>,
    file_system: &Arc<dyn FileSystem>,
    progress: &mut dyn FnMut(u64, u64) -> bool,
) -> Result<RepairReport> {
    let to = free_name(&**file_system, to)?;
    let exhibit = Exhibit::open(&**file_system, path, key)?;
    let path = exhibit.path.to_path_buf();
    let Some(header) = &exhibit.header else {
        return Err(match exhibit.file_bytes {
            0 => Error::NotADatabase { path, found: "it is empty" },
            _ => Error::Damaged { path: exhibit.path, position: 0, reason: exhibit.unreadable },
        });
    };
    if header.features_to_write() != 0 {
        return Err(Error::UnsupportedFeatures { path, bits: header.features_to_write() });
    }
    let of = exhibit.file_bytes * 2;
    let keyring = exhibit.keyring.as_deref();
    let keys = LogKeys::new(header, keyring);
    let mut salvage = walk(&exhibit, header, &keys, &mut |done| progress(done, of))
        .map_err(|fault| fault.of(&exhibit.path, &to))?;
    if salvage.report.lost_total > 0 {
        let hinted = Start::find(&**file_system, &exhibit.path, &*exhibit.file, &keys, header, keyring);
        salvage.note_hinted(&hinted);
    }

    let Survivors { renamed, records } = salvage.survivors();
    let created = if header.created.0 > 0 { header.created } else { salvage.time() };
    let time = salvage.time().max(created);
    let mut progress = |position| progress(exhibit.file_bytes + position, of);
    let incompatible = if keyring.is_some() { ENCRYPTED } else { 0 };
    let new = Header { incompatible, ..Header::new_file(created) };
    Target::create(file_system, &to, &exhibit.path, header, new, keyring)
        .map_err(Fault::Write)
        .and_then(|mut target| {
            copy(&exhibit, &keys, &records, &mut target, &mut progress)?;
            name(&renamed, salvage.report.sequence, &mut target);
            finish(target, salvage.report.sequence, time, &to).map_err(Fault::Write)
        })
        .map_err(|fault| fault.of(&exhibit.path, &to))?;
    Ok(salvage.finish())
}

/// Why the new file could not be written.
enum Fault {
    Read(io::Error),
    Write(io::Error),
    /// The record at this position checked, and does not any more.
    Changed(u64),
    /// It was not to go on.
    Cancelled,
}

impl Fault {
    fn of(self, path: &Arc<Path>, to: &Path) -> Error {
        match self {
            Self::Read(source) => Error::io("read", path, source),
            Self::Write(source) if source.kind() == io::ErrorKind::AlreadyExists => {
                Error::Exists { path: to.to_path_buf() }
            }
            Self::Write(source) => Error::io("write", to, source),
            Self::Changed(position) => {
                let reason = "a record that was whole a moment ago does not check any more";
                Error::Damaged { path: Arc::clone(path), position, reason }
            }
            Self::Cancelled => Error::Cancelled,
        }
    }
}

/// Walks the whole log, whatever is in it.
fn walk(
    exhibit: &Exhibit,
    header: &Header,
    keys: &LogKeys,
    progress: &mut dyn FnMut(u64) -> bool,
) -> Result<Salvage, Fault> {
    let chain = Chain::start(header.file_id, header.generation);
    let judge = Judge::new(header.history_floor, Some(chain), header.synced);
    let mut salvage = Salvage::new(judge, header.generation);
    let mut survey = exhibit.survey(keys).map_err(Fault::Read)?;
    let mut position = LOG_START;
    loop {
        let piece = survey
            .piece(position, |head, mark, payload| salvage.record(position, head, mark, payload))
            .map_err(Fault::Read)?;
        match piece {
            Piece::Record { end } => position = end,
            Piece::Bad { end, .. } => {
                let key = survey.doubtful_key(position).map_err(Fault::Read)?;
                salvage.gap(position..end, key.as_deref());
                position = end;
            }
            Piece::End => break,
        }
        if !progress(position) {
            return Err(Fault::Cancelled);
        }
    }
    salvage.end(position, !exhibit.bad_copies.is_empty());
    Ok(salvage)
}

/// Copies the records at these positions, in the order of their numbers.
fn copy(
    exhibit: &Exhibit,
    keys: &LogKeys,
    survivors: &[(RecordId, u64)],
    target: &mut Target,
    progress: &mut dyn FnMut(u64) -> bool,
) -> Result<(), Fault> {
    let mut survey = exhibit.survey(keys).map_err(Fault::Read)?;
    for (_, position) in survivors {
        let mut written = None;
        let take = |head: &Head, _: Option<&Mark>, payload: Option<Payload<'_>>| {
            written = payload.map(|payload| target.push_to_base_as(head, payload, 0));
        };
        survey.piece(*position, take).map_err(Fault::Read)?;
        written.ok_or(Fault::Changed(*position))?;
        target.write_if_full().map_err(Fault::Write)?;
        if !progress(*position) {
            return Err(Fault::Cancelled);
        }
    }
    Ok(())
}

/// Gives names to collections that have lost theirs, behind everything else. Nobody knows any more which commits did, so they
/// get ordinals that no record of the newest commit has.
fn name(renamed: &[(CollectionId, Key)], newest: Sequence, target: &mut Target) {
    for (ordinal, (id, name)) in (ORDINAL_MAX - renamed.len() as u32..).zip(renamed) {
        let change = CollectionChange::Created(*id, name.clone());
        target.push_new_to_base(&change.record(name, newest), ordinal);
    }
}

/// Ends the base section, if there is anything in it, and gives the file its name, durably.
fn finish(mut target: Target, newest: Sequence, time: Timestamp, to: &Path) -> io::Result<()> {
    if newest > Sequence::ZERO {
        target.end_base(newest, time);
    }
    // ORDER: the log is durable before the header that says so, and both before a name leads to them.
    target.sync()?;
    target.finish(None)?;
    target.publish(to)
}
