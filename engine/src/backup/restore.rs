//! Owns making a database of a full backup and the incremental ones behind it. Never makes one of a part of them that
//! was not asked for.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ahash::RandomState;

use super::files::LogFile;
use super::finish::{Finish, Written};
use crate::clock::Clock;
use crate::compaction::{Target, Walked};
use crate::error::{Error, Result};
use crate::fs::FileSystem;
use crate::key::{CollectionId, Key, Sequence, Timestamp, UpTo};
use crate::log::{Head, Kind, Origin, Payload};
use crate::recovery::free_name;
use crate::seal::EncryptionKey;

/// After so many bytes, whoever waits hears of it.
const PROGRESS_BYTES: u64 = 1 << 20;

/// Makes a database file of backups.
#[derive(Clone, Debug)]
#[must_use = "nothing is restored until `to` is called"]
pub struct Restore {
    base: PathBuf,
    increments: Vec<PathBuf>,
    up_to: Option<UpTo>,
    key: Option<EncryptionKey>,
}

/// What was restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Restored {
    /// The newest commit in the new file.
    pub sequence: Sequence,
    /// The time of that commit.
    pub time: Timestamp,
    /// The length of the file.
    pub bytes: u64,
    /// How many records it has.
    pub records: u64,
}

impl Restore {
    /// From a full backup, or from a database file that is not open.
    pub fn new(base: impl Into<PathBuf>) -> Self {
        Self { base: base.into(), increments: Vec::new(), up_to: None, key: None }
    }

    /// Adds an incremental backup, behind those that were added before.
    pub fn increment(mut self, path: impl Into<PathBuf>) -> Self {
        self.increments.push(path.into());
        self
    }

    /// Leaves out what was committed later. Otherwise everything is restored.
    pub fn up_to(mut self, up_to: UpTo) -> Self {
        self.up_to = Some(up_to);
        self
    }

    /// The key of the backups, which is the new file's, too.
    pub fn with_key(mut self, key: EncryptionKey) -> Self {
        self.key = Some(key);
        self
    }

    /// Makes the new file, whose name must be free. Nothing is left of it if it fails. `progress` is told now and then
    /// how many bytes were read since it was told last, and answers whether to go on.
    ///
    /// # Errors
    /// [`Error::Exists`]; [`Error::HistoryDropped`] and [`Error::NoSuchCommit`] when the backups do not hold what was
    /// asked for; [`Error::WrongIncrement`] and [`Error::Gap`] when they do not belong together;
    /// [`Error::Damaged`] when one of them is not what was written; [`Error::Locked`] when one of them is open as a
    /// database; [`Error::NotADatabase`], [`Error::UnsupportedVersion`], [`Error::UnsupportedFeatures`],
    /// [`Error::IsADirectory`], [`Error::NoSuchFolder`]; [`Error::Cancelled`], if it was not to go on; [`Error::Io`].
    pub fn to(
        self,
        to: &Path,
        clock: &dyn Clock,
        file_system: &Arc<dyn FileSystem>,
        mut progress: impl FnMut(u64) -> bool,
    ) -> Result<Restored> {
        let to = free_name(&**file_system, to)?;
        let plan = Plan::make(&self, &**file_system, &mut progress)?;
        let LogFile { path, header: base, keyring, .. } = &plan.pieces[0].file;
        let header = base.new_copy(clock.now(), plan.origin);
        let target = Target::create(file_system, &to, path, base, header, keyring.as_deref())
            .map_err(|source| Error::io("begin to write", &to, source))?;
        let newest = HashMap::with_hasher(RandomState::new());
        let mut copy = Copy { target, to: &to, newest, copied: Sequence::ZERO };
        for piece in &plan.pieces {
            copy.copy(piece, &mut progress)?;
        }
        let mut finish = Finish::begin(copy.target, &to)?;
        while let Some(bytes) = finish.step()? {
            go_on(progress(bytes))?;
        }
        let Written { bytes, records } = finish.publish()?;
        let Origin { sequence, time, .. } = plan.origin;
        Ok(Restored { sequence, time, bytes, records })
    }
}

/// What is taken of which file, every byte of it verified.
struct Plan {
    pieces: Vec<Piece>,
    /// Which history the new file holds, up to where.
    origin: Origin,
}

/// A file, and the last commit that is taken of it.
struct Piece {
    file: LogFile,
    until: Sequence,
}

/// A place between two commits.
#[derive(Clone, Copy)]
struct Moment {
    sequence: Sequence,
    time: Timestamp,
}

impl Plan {
    fn make(
        restore: &Restore,
        file_system: &dyn FileSystem,
        progress: &mut dyn FnMut(u64) -> bool,
    ) -> Result<Self> {
        let key = restore.key.as_ref();
        let base = open_base(file_system, &restore.base, key)?;
        let opened = restore.increments.iter().map(|path| open_increment(file_system, path, key));
        let increments = opened.collect::<Result<Vec<_>>>()?;
        let limit = match increments.first() {
            Some((file, origin)) => common_history(&base, file, origin)?,
            None => Sequence(u64::MAX),
        };
        let floor = base.floor();
        let mut survey = Survey { up_to: restore.up_to, reached: None, chosen: None, progress };
        survey.file(&base, limit)?;
        let id = origin_id(&base, increments.first().map(|(_, origin)| origin), survey.reached);
        let mut pieces = vec![Piece { until: survey.end(), file: base }];
        for (file, origin) in increments {
            if survey.is_past() {
                break;
            }
            if origin.file_id != id {
                return Err(wrong(&file, "it was taken of another database than the one before it"));
            }
            let until = survey.increment(&file, &origin)?;
            pieces.push(Piece { file, until });
        }
        let Moment { sequence, time } = survey.decide(floor)?;
        pieces.iter_mut().for_each(|piece| piece.until = piece.until.min(sequence));
        Ok(Self { pieces, origin: Origin { file_id: id, sequence, time } })
    }
}

/// The walk through all files, to find out what is in them and where to stop.
struct Survey<'p> {
    up_to: Option<UpTo>,
    /// The last moment that was passed, and the last one that is wanted.
    reached: Option<Moment>,
    chosen: Option<Moment>,
    progress: &'p mut dyn FnMut(u64) -> bool,
}

impl Survey<'_> {
    /// Walks through the base, up to this commit.
    fn file(&mut self, file: &LogFile, limit: Sequence) -> Result<()> {
        let place = file.start();
        let mut walk = file.walk(place)?;
        let (mut claim, mut told) = (file.header.synced, place.position);
        if place.base.is_none() {
            self.pass(Moment { sequence: place.sequence, time: Timestamp(0) });
        }
        while (walk.place().base.is_some() || walk.place().sequence < limit) && !self.is_past() {
            match walk.advance(|_, _, _| ())? {
                Walked::Commit(mark) => {
                    claim = claim.max(mark.synced);
                    self.pass(Moment { sequence: walk.place().sequence, time: mark.time });
                }
                Walked::Base => {}
                Walked::End if walk.place().position >= claim => break,
                Walked::End => {
                    return Err(walk.damaged("the file ends before a position that had been synced"));
                }
            }
            self.tell(&mut told, walk.place().position)?;
        }
        Ok(())
    }

    /// Walks through an incremental backup, holds what it has in common with what comes before it against that, and
    /// says which commit it was read up to.
    fn increment(&mut self, file: &LogFile, origin: &Origin) -> Result<Sequence> {
        let before = self.reached.expect(WALKED);
        let Origin { sequence, time, .. } = *origin;
        if sequence > before.sequence {
            let path = file.path.to_path_buf();
            return Err(Error::Gap { path, after: before.sequence, from: sequence });
        }
        let parted = |moment: Moment| moment.sequence == before.sequence && moment.time != before.time;
        if parted(Moment { sequence, time }) {
            return Err(wrong(file, PARTED));
        }
        let mut walk = file.walk(file.start())?;
        let mut told = walk.place().position;
        while walk.place().position < file.end && !self.is_past() {
            let mark = walk.next(|_, _, _| ())?.expect("an incremental backup has no base section");
            let moment = Moment { sequence: walk.place().sequence, time: mark.time };
            if parted(moment) {
                return Err(wrong(file, PARTED));
            }
            if moment.sequence > before.sequence {
                self.pass(moment);
            }
            self.tell(&mut told, walk.place().position)?;
        }
        Ok(walk.place().sequence)
    }

    /// The last moment that was passed.
    fn end(&self) -> Sequence {
        self.reached.expect(WALKED).sequence
    }

    fn pass(&mut self, moment: Moment) {
        self.reached = Some(moment);
        let is_wanted = match self.up_to {
            None => true,
            Some(UpTo::Sequence(sequence)) => moment.sequence <= sequence,
            Some(UpTo::Time(time)) => moment.time <= time,
        };
        if is_wanted {
            self.chosen = Some(moment);
        }
    }

    /// Whether nothing that follows is wanted.
    fn is_past(&self) -> bool {
        match (self.up_to, self.reached) {
            (Some(UpTo::Sequence(sequence)), Some(reached)) => reached.sequence >= sequence,
            (Some(UpTo::Time(time)), Some(reached)) => reached.time > time,
            _ => false,
        }
    }

    /// The last commit to be restored.
    fn decide(&self, floor: Sequence) -> Result<Moment> {
        let reached = self.reached.expect(WALKED);
        match (self.up_to, self.chosen) {
            (Some(asked), None) => Err(Error::HistoryDropped { asked, floor }),
            (Some(UpTo::Sequence(sequence)), Some(chosen)) if chosen.sequence < sequence => {
                Err(Error::NoSuchCommit { sequence, newest: reached.sequence })
            }
            (_, chosen) => Ok(chosen.unwrap_or(reached)),
        }
    }

    fn tell(&mut self, told: &mut u64, position: u64) -> Result<()> {
        if position - *told >= PROGRESS_BYTES {
            go_on((self.progress)(position - *told))?;
            *told = position;
        }
        Ok(())
    }
}

/// The copying of what is wanted into one log.
struct Copy<'t> {
    target: Target,
    to: &'t Path,
    /// Where the newest version of each document is in the new file: the next one names it.
    newest: HashMap<(CollectionId, Key), u64, RandomState>,
    copied: Sequence,
}

impl Copy<'_> {
    fn copy(&mut self, piece: &Piece, progress: &mut dyn FnMut(u64) -> bool) -> Result<()> {
        let mut walk = piece.file.walk(piece.file.start())?;
        let mut told = walk.place().position;
        while walk.place().base.is_some() || walk.place().sequence < piece.until {
            let is_new = walk.place().sequence.next() > self.copied;
            let in_base = walk.place().base.is_some();
            let mark = walk.next(|_, head, payload| match payload {
                Some(payload) if in_base && head.kind != Kind::BaseEnd => self.base_record(head, payload),
                _ if in_base || !is_new => {}
                payload => self.record(head, payload),
            })?;
            if let Some(mark) = mark.filter(|_| in_base || is_new) {
                self.copied = walk.place().sequence;
                match in_base {
                    true => self.target.end_base(self.copied, mark.time),
                    false => self.target.end_commit(mark.time),
                }
            }
            self.target.write_if_full().map_err(|source| Error::io("write", self.to, source))?;
            if walk.place().position - told >= PROGRESS_BYTES {
                go_on(progress(walk.place().position - told))?;
                told = walk.place().position;
            }
        }
        Ok(())
    }

    fn base_record(&mut self, head: &Head, payload: Payload<'_>) {
        let id = (payload.collection, Key::from(payload.key));
        let before = self.newest.get(&id).copied().filter(|_| head.previous != 0);
        let position = self.target.push_to_base_as(head, payload, before.unwrap_or(0));
        if head.kind == Kind::Set {
            self.newest.insert(id, position);
        }
    }

    fn record(&mut self, head: &Head, payload: Option<Payload<'_>>) {
        let id = payload
            .filter(|_| matches!(head.kind, Kind::Set | Kind::Delete))
            .map(|payload| (payload.collection, Key::from(payload.key)));
        let before = id.as_ref().and_then(|id| self.newest.remove(id));
        let position = self.target.push_as(head, payload, before.unwrap_or(0));
        if let (Kind::Set, Some(id)) = (head.kind, id) {
            self.newest.insert(id, position);
        }
    }
}

/// Why there is a moment that was passed.
const WALKED: &str = "a base is walked to its first moment, or refused";
const PARTED: &str = "it was taken after the two histories had parted";

fn go_on(is_wanted: bool) -> Result<()> {
    if is_wanted { Ok(()) } else { Err(Error::Cancelled) }
}

fn wrong(file: &LogFile, reason: &'static str) -> Error {
    Error::WrongIncrement { path: file.path.to_path_buf(), reason }
}

fn open_base(file_system: &dyn FileSystem, path: &Path, key: Option<&EncryptionKey>) -> Result<LogFile> {
    let file = LogFile::open(file_system, path, key)?;
    if file.header.is_increment() {
        let found = "it is an incremental backup; name the full one before it";
        return Err(Error::NotADatabase { path: file.path.to_path_buf(), found });
    }
    Ok(file)
}

fn open_increment(
    file_system: &dyn FileSystem,
    path: &Path,
    key: Option<&EncryptionKey>,
) -> Result<(LogFile, Origin)> {
    let file = LogFile::open(file_system, path, key)?;
    match file.header.origin {
        Some(_) if !file.header.is_increment() => Err(wrong(&file, "it is no incremental backup")),
        None => Err(wrong(&file, "it is no incremental backup")),
        Some(_) if file.header.synced != file.end => {
            let (path, position) = (Arc::clone(&file.path), file.header.synced.min(file.end));
            Err(Error::Damaged { path, position, reason: "the file is not as long as it was written" })
        }
        Some(origin) => Ok((file, origin)),
    }
}

/// Up to which commit a base holds the history that an incremental backup of this origin goes on with.
fn common_history(base: &LogFile, increment: &LogFile, origin: &Origin) -> Result<Sequence> {
    if base.header.file_id == origin.file_id {
        return Ok(Sequence(u64::MAX));
    }
    match base.header.origin {
        Some(Origin { file_id, sequence, .. }) if file_id == origin.file_id => {
            let is_there = base.header.history_floor <= sequence;
            // A backup that was opened has gone on by itself: what it has committed is left out.
            let gone = "the full backup was written to and compacted since, so its state is not the one to go on from";
            if is_there { Ok(sequence) } else { Err(wrong(increment, gone)) }
        }
        _ => Err(wrong(increment, "it was taken of another database than the full one")),
    }
}

/// Which history is restored.
fn origin_id(base: &LogFile, increment: Option<&Origin>, reached: Option<Moment>) -> [u8; 16] {
    match (increment, &base.header.origin, reached) {
        (Some(origin), ..) => origin.file_id,
        (None, Some(origin), Some(reached)) if reached.sequence <= origin.sequence => origin.file_id,
        _ => base.header.file_id,
    }
}
