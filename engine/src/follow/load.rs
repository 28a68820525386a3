//! Owns bringing up what a followed file holds, by the walk that recovery takes. Never writes, and never judges a tail
//! that its owner may still be writing.

use std::path::Path;
use std::sync::Arc;

use super::walk::{self, Bounds, Ended, Opening};
use crate::apply::Applier;
use crate::error::{Error, Result};
use crate::fs::{File, FileSystem};
use crate::generation::Generation;
use crate::hint::{Start, Walked};
use crate::key::{Sequence, Timestamp};
use crate::live::Live;
use crate::log::{Header, Place, Scanner};
use crate::options::Options;
use crate::recovery::unread::Unread;
use crate::recovery::{self, Unlocked};
use crate::snapshot::Snapshot;
use crate::stats::RecoveryReport;
use crate::view::Shared;

/// What is known of a followed file, and how far it has been read.
#[derive(Debug)]
pub(super) struct Followed {
    pub(super) shared: Arc<Shared>,
    pub(super) applier: Applier,
    pub(super) header: Header,
    pub(super) generation: Arc<Generation>,
    /// Behind the last commit that is shown.
    pub(super) place: Place,
    pub(super) time: Timestamp,
}

/// How often a file is looked at that seems to be damaged: it may just be being written.
const ATTEMPTS: usize = 3;

/// Reads the file that the path names, as far as it counts; commits up to `known` do.
pub(super) fn load(
    options: &Options,
    file_system: &dyn FileSystem,
    path: &Path,
    known: Sequence,
) -> Result<Followed> {
    let mut attempts = 1;
    loop {
        match load_once(options, file_system, path, known) {
            Err(Error::Damaged { .. }) if attempts < ATTEMPTS => attempts += 1,
            outcome => return outcome,
        }
    }
}

fn load_once(
    options: &Options,
    file_system: &dyn FileSystem,
    path: &Path,
    known: Sequence,
) -> Result<Followed> {
    let failed = |source| Error::io("read", path, source);
    let (file, Unlocked { header, keyring, .. }) = open(file_system, path, options)?;
    // ORDER: what was published before the log is read can be read.
    let live = Live::read(file_system, path);
    let generation = Generation::new(&header, keyring.as_deref(), Arc::clone(&file));
    let Start { keydir, expiry_times, view, walked } =
        Start::find(file_system, path, &*file, &generation.keys, &header, keyring.as_deref());
    let hint = walked.hinted();
    let Walked { place, definitions, time, claim, closed, .. } = walked;
    let shared = Shared::new(path, options.clone(), &generation, keydir, expiry_times, view);
    let mut applier = Applier::new(Arc::clone(&shared));
    applier.enter(header.generation);
    let mut scanner = Scanner::new(&*file, &generation.keys, place).map_err(failed)?;
    let unread = Unread::new(&shared, &mut applier, definitions);
    let mut opening = Opening { unread, path, place, time, closed };
    let own = live.filter(|live| (live.file_id, live.generation) == (header.file_id, header.generation));
    let bounds = Bounds { live: own.as_ref(), known, is_thorough: true };
    let ended = walk::walk(&mut scanner, generation.number(), bounds, path, &mut opening)?;
    let Opening { unread, place, time, closed, .. } = opening;
    let definitions = unread.finish();
    judge(&mut scanner, &ended, claim, path)?;

    let commits = place.sequence.0 - hint.unwrap_or_default().0;
    let report = RecoveryReport { clean: closed, commits, hint, ..RecoveryReport::default() };
    shared.recovery.set(report).expect("it is reported once");
    applier.publish(place.sequence, place.position, time);
    applier.sweep_all();
    let catalog = definitions.build(&Snapshot::new(&shared), applier.catalog(), || Ok(()))?;
    *applier.catalog_mut() = catalog;
    applier.publish(place.sequence, place.position, time);
    Ok(Followed { shared, applier, header, generation, place, time })
}

/// Refuses a file of which the header or a mark says that more was synced than can be read.
fn judge(scanner: &mut Scanner<'_>, ended: &Ended, claim: u64, path: &Path) -> Result<()> {
    let beyond = match ended.bad {
        Some(_) => scanner.beyond().map_err(|source| Error::io("read", path, source))?,
        None => Default::default(),
    };
    let position = ended.place.position;
    // A base section is synced before its file gets the name, so an unfinished one is damage.
    if ended.place.base.is_some() || claim.max(ended.claim).max(beyond.claim) > position {
        let reason = ended.bad.unwrap_or("the file ends before a position that had been synced");
        return Err(Error::Damaged { path: Arc::from(path), position, reason });
    }
    Ok(())
}

fn open(file_system: &dyn FileSystem, path: &Path, options: &Options) -> Result<(Arc<dyn File>, Unlocked)> {
    let (file, copies) = recovery::open_to_look(file_system, path)?;
    let unlocked = recovery::unlock(path, copies, options.encryption.as_ref())?;
    Ok((file, unlocked))
}
