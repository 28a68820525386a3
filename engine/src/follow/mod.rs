//! Owns following: a live view of a database that another process writes. Never writes a byte, never takes a lock, and
//! never shows a commit that its owner may still take back.

mod adopt;
mod load;
mod walk;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::apply::{Applier, Untidy};
use crate::error::{Error, Result};
use crate::fs::FileSystem;
use crate::key::Sequence;
use crate::live::Live;
use crate::log::{Place, Scanner, Step};
use crate::options::Options;
use crate::paths;
use crate::reader::Reader;
use load::Followed;
use walk::{Beside, Bounds, Ended};

/// The half of a followed database that brings the other, the [`Reader`], up to what its owner has published.
///
/// Dropping it ends the following, and the reader stays where it is.
#[derive(Debug)]
pub struct Follower {
    options: Options,
    file_system: Arc<dyn FileSystem>,
    path: Arc<Path>,
    followed: Followed,
}

/// How far a follower has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Polled {
    /// The newest commit that the reader shows.
    pub sequence: Sequence,
    /// The newest commit that the owner has published, as far as it tells.
    pub published: Sequence,
    /// Whether the reader shows more than before.
    pub advanced: bool,
    /// Whether a look soon would give back more of what readers do not need any more.
    pub is_untidy: bool,
}

/// Asks what the owner of a followed database has published.
#[derive(Clone, Debug)]
pub struct OwnerWatch {
    file_system: Arc<dyn FileSystem>,
    path: Arc<Path>,
    file_id: [u8; 16],
}

/// Opens the database at a path to follow what another process writes there. Neither the file nor its folder need be
/// writable, and nobody need have it open.
///
/// ```
/// use std::sync::Arc;
///
/// use ferrumdb_engine::fs::MemoryFs;
/// use ferrumdb_engine::{CollectionId, Durability, EncodedDocument, Key, Options, Transaction, follow, open};
///
/// let files = Arc::new(MemoryFs::new());
/// let (mut writer, owner) = open(Options::new("my.db"), files.clone())?;
/// let (mut follower, reader) = follow(Options::new("my.db"), files)?;
///
/// let mut transaction = Transaction::new();
/// let document = EncodedDocument::from_json(b"1", &owner.limits())?;
/// transaction.set(CollectionId::ROOT, Key::from("a"), document, None);
/// writer.commit(&[transaction], Durability::Appended)?;
/// writer.write_live();
///
/// assert!(!reader.contains(CollectionId::ROOT, "a"));
/// assert!(follower.poll()?.advanced);
/// assert!(reader.contains(CollectionId::ROOT, "a"));
/// # Ok::<(), ferrumdb_engine::Error>(())
/// ```
///
/// # Errors
/// Those of [`crate::open`], except [`Error::Locked`]; a file that is missing is an [`Error::Io`].
pub fn follow(options: Options, file_system: Arc<dyn FileSystem>) -> Result<(Follower, Reader)> {
    let options = Options { limits: options.limits.clamped(), ..options };
    let path: Arc<Path> = Arc::from(crate::recovery::canonical(&*file_system, &options.path)?);
    let followed = load::load(&options, &*file_system, &path, Sequence::ZERO)?;
    let reader = Reader::new(Arc::clone(&followed.shared));
    Ok((Follower { options, file_system, path, followed }, reader))
}

impl Follower {
    /// Looks at what the owner has published, and shows it.
    ///
    /// # Errors
    /// [`Error::Damaged`] when something that was published cannot be read; [`Error::Replaced`] when the path names
    /// another database, or an older state of this one; [`Error::Io`], also when it names nothing. The reader shows
    /// what it showed, or more; a later call may do better.
    pub fn poll(&mut self) -> Result<Polled> {
        let before = self.sequence();
        let live = Live::read(&*self.file_system, &self.path);
        self.advance(live.as_ref())?;
        if self.sequence() == before {
            self.check_name()?;
        }
        let sequence = self.sequence();
        let told = live.filter(|live| live.file_id == self.followed.header.file_id);
        let published = told.map_or(sequence, |live| live.sequence.max(sequence));
        let is_untidy = self.followed.applier.tidy() == Untidy::More;
        Ok(Polled { sequence, published, advanced: sequence > before, is_untidy })
    }

    /// The newest commit that the reader shows.
    #[must_use]
    pub fn sequence(&self) -> Sequence {
        self.followed.place.sequence
    }

    /// The database file, by the one path by which every name of it is known.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file that changes whenever the owner publishes something, if it tells; it may not be there. It lies beside the
    /// database, where files appear and go when that is opened, closed or compacted.
    #[must_use]
    pub fn live_path(&self) -> PathBuf {
        paths::live(&self.path)
    }

    /// What asks the owner how far it is, from any thread.
    #[must_use]
    pub fn owner(&self) -> OwnerWatch {
        let (file_system, path) = (Arc::clone(&self.file_system), Arc::clone(&self.path));
        OwnerWatch { file_system, path, file_id: self.followed.header.file_id }
    }

    pub(crate) fn applier(&mut self) -> &mut Applier {
        &mut self.followed.applier
    }

    /// Applies what has come to the log since the last look, as far as it counts.
    fn advance(&mut self, live: Option<&Live>) -> Result<()> {
        let header = &self.followed.header;
        let own = live.filter(|live| (live.file_id, live.generation) == (header.file_id, header.generation));
        match own {
            Some(live) if live.is_at(&self.followed.place) => Ok(()),
            Some(live) if live.log_end > self.followed.place.position => self.follow_to(live),
            // There is no owner that tells anything, or a dead one.
            _ => self.walk(None).map(drop),
        }
    }

    /// Applies what lies before the position that the owner tells.
    fn follow_to(&mut self, live: &Live) -> Result<()> {
        let ended = self.walk(Some(live))?;
        if ended.place.position >= live.log_end {
            return Ok(());
        }
        // INVARIANT: what a living owner has published can be read. A dead one's file may say more than a power cut has
        // left, so then only what is in the log itself proves anything.
        let again = Live::read(&*self.file_system, &self.path);
        let is_same = again.is_some_and(|again| again.is_of_same_owner(live));
        if is_same && self.followed.generation.file.lock_holder() == Some(live.process) {
            return Err(self.damaged(&ended));
        }
        self.check_claims(&ended)
    }

    /// Walks on, beside readers, and publishes what counts.
    fn walk(&mut self, live: Option<&Live>) -> Result<Ended> {
        let Followed { shared, applier, generation, place, time, .. } = &mut self.followed;
        let failed = |source| Error::io("read", &self.path, source);
        let end = live.map_or(u64::MAX, |live| live.log_end);
        let mut scanner = Scanner::until(&*generation.file, &generation.keys, *place, end).map_err(failed)?;
        let bounds = Bounds { live, known: place.sequence, is_thorough: false };
        let mut beside = Beside::new(shared, applier, place, time);
        let walked = walk::walk(&mut scanner, generation.number(), bounds, &self.path, &mut beside);
        // Whatever ended it, what was applied is whole commits.
        beside.publish();
        let ended = walked?;
        if live.is_none() {
            self.check_claims(&ended)?;
        }
        Ok(ended)
    }

    /// That bytes which stop the walk are not known to have been good.
    fn check_claims(&self, ended: &Ended) -> Result<()> {
        let Followed { header, generation, .. } = &self.followed;
        let failed = |source| Error::io("read", &self.path, source);
        if ended.bad.is_none() {
            return Ok(());
        }
        let scan = || Scanner::new(&*generation.file, &generation.keys, ended.place);
        let claim = scan().and_then(|mut scanner| scanner.beyond()).map_err(failed)?.claim;
        if claim.max(header.synced).max(ended.claim) <= ended.place.position {
            return Ok(());
        }
        // ORDER: another look after the claim was read. What was just being written is whole by then.
        match scan().and_then(|mut scanner| scanner.next(|_, _, _| ())).map_err(failed)? {
            Step::Bad(_) | Step::Tampered(_) => Err(self.damaged(ended)),
            _ => Ok(()),
        }
    }

    /// That the path still names the file that is followed; otherwise goes over to the file that it names.
    fn check_name(&mut self) -> Result<()> {
        let Followed { generation, place, .. } = &self.followed;
        let failed = |source| Error::io("find", &self.path, source);
        if !generation.file.is_named(&self.path).map_err(failed)? {
            return self.go_over();
        }
        if generation.file.len().map_err(failed)? < place.position {
            let (path, position) = (Arc::clone(&self.path), place.position);
            return Err(Error::Damaged { path, position, reason: "the file was cut short" });
        }
        Ok(())
    }

    fn damaged(&self, ended: &Ended) -> Error {
        let reason = ended.bad.unwrap_or("the file ends before a position that had been published");
        Error::Damaged { path: Arc::clone(&self.path), position: ended.place.position, reason }
    }
}

impl OwnerWatch {
    /// The newest commit that the owner has published. Nothing, if it does not tell.
    #[must_use]
    pub fn published(&self) -> Option<Sequence> {
        let live = Live::read(&*self.file_system, &self.path);
        live.filter(|live| live.file_id == self.file_id).map(|live| live.sequence)
    }
}

impl Live {
    /// Whether it was published here.
    fn is_at(&self, place: &Place) -> bool {
        (self.log_end, self.sequence, self.chain) == (place.position, place.sequence, place.chain.value())
    }

    fn is_of_same_owner(&self, other: &Self) -> bool {
        (self.file_id, self.generation, self.process) == (other.file_id, other.generation, other.process)
    }
}
