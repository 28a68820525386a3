//! Owns the operations that tests put a database through. Never carries one out.

mod text;

use std::io;
use std::ops::Bound;

use ferrumdb_engine::fs::{Effect, Fault, SimOperation};
use ferrumdb_engine::{EncodedDocument, Limits};

use crate::random::Random;

/// The keys that operations name by number: few, so that they meet, and odd ones among them.
pub const KEYS: [(&str, &str); 8] = [
    (ROOT, "a"),
    (ROOT, "b"),
    (ROOT, ""),
    (ROOT, "\0"),
    (ROOT, "a key that is longer than what fits without an allocation"),
    ("users", "a"),
    ("users", "\u{0}00000001a"),
    ("é", "é"),
];

/// The name by which these tests call the root, which has none.
pub const ROOT: &str = "";

/// The collections of [`KEYS`] that come and go. An operation names one by the number of its place here, behind those of the
/// keys.
pub const COLLECTIONS: [&str; 2] = ["users", "é"];

/// Whether the number of an operation is that of a collection, and of which.
#[must_use]
pub fn collection_of(number: usize) -> Option<&'static str> {
    number.checked_sub(KEYS.len()).map(|place| COLLECTIONS[place])
}

/// The number of the collection of a key; nothing if it is the root.
#[must_use]
pub fn place_of(key: usize) -> Option<usize> {
    COLLECTIONS.iter().position(|name| *name == KEYS[key].0).map(|place| KEYS.len() + place)
}

/// The document that operations name by number. Some span several sectors, and some are larger than what a log
/// prepares ahead.
///
/// # Panics
/// Never: the document fits the default limits.
#[must_use]
pub fn document(number: u64) -> EncodedDocument {
    let pad = match number % 32 {
        31 => 70_000,
        small if small % 5 == 4 => 1_500,
        small => small as usize,
    };
    let text = format!(r#"{{"n":{number},"pad":"{}"}}"#, "x".repeat(pad));
    EncodedDocument::from_json(text.as_bytes(), &Limits::default()).expect("a small, valid document")
}

/// The collection, the bounds and the keys of the range from one key of [`KEYS`] on, before another if that is of the
/// same collection.
pub(crate) fn range_of(
    from: usize,
    to: usize,
) -> (&'static str, Bound<&'static str>, Bound<&'static str>, Vec<usize>) {
    let ((collection, start), (other, end)) = (KEYS[from], KEYS[to]);
    let end = if other == collection { Bound::Excluded(end) } else { Bound::Unbounded };
    let is_held = |(of, key): (&str, &str)| {
        let is_before = match end {
            Bound::Excluded(end) => key < end,
            _ => true,
        };
        of == collection && start <= key && is_before
    };
    let keys = (0..KEYS.len()).filter(|key| is_held(KEYS[*key])).collect();
    (collection, Bound::Included(start), end, keys)
}

/// One change of one key, or the drop of a collection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Change {
    /// An index of [`KEYS`]; behind them, of [`COLLECTIONS`].
    pub key: usize,
    /// What [`document`] is set; nothing for a deletion or a drop.
    pub document: Option<u64>,
}

/// What goes wrong with one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Damage {
    /// An input or output error.
    Error,
    /// No space is left.
    Full,
    /// So many bytes are read or written, and no more.
    Short(usize),
    /// So many bytes are read or written, and then an error is told.
    Partial(usize),
    /// Try again.
    Interrupted,
    /// The power goes; this seed decides what is left.
    Crash(u64),
    /// A sync says that it went well, and makes nothing durable.
    Lie,
}

/// A call of the next operation that is to go wrong. If that makes fewer calls, nothing does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Failure {
    /// Which kind of call.
    pub operation: SimOperation,
    /// The how manyth of them from now.
    pub nth: u64,
    /// Whether all later ones go wrong too.
    pub always: bool,
    /// What goes wrong.
    pub damage: Damage,
}

/// One step of a test.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// Commits a group of transactions.
    Commit {
        /// The changes of each.
        group: Vec<Vec<Change>>,
        /// Whether the commit is synced.
        synced: bool,
    },
    /// Deletes the documents of a collection from one key on, before another.
    DeleteRange {
        /// An index of [`KEYS`], which says the collection too.
        from: usize,
        /// Another; one of another collection is no bound.
        to: usize,
        /// Whether the commit is synced.
        synced: bool,
    },
    /// Begins the order of the keys of the collection of this key of [`KEYS`], or installs the one that was begun.
    Order(usize),
    /// Syncs.
    Sync,
    /// Begins a sync beside further commits.
    BeginSync,
    /// Runs the sync that was begun, and tells nobody yet.
    RunSync,
    /// Ends the sync that was begun.
    FinishSync,
    /// Appends a sync mark.
    Mark,
    /// Goes on with a compaction, or begins one, by so many units of work.
    Compact(u64),
    /// Closes the database.
    Close,
    /// Drops the database without closing it.
    Drop,
    /// Opens the database; if it is open, this must be refused.
    Open,
    /// Kills the process.
    Kill,
    /// Cuts the power; the seed decides what is left.
    PowerCut(u64),
    /// Lets a call go wrong.
    Fail(Failure),
    /// Takes a snapshot and keeps it.
    Snapshot,
    /// Drops the snapshot of this number, modulo how many there are.
    Release(usize),
    /// On a copy of the disk: flips a bit of a closed database, which opening must refuse.
    Flip(u64),
    /// On a copy of the disk: cuts a closed database short, which opening must refuse.
    Shorten(u64),
    /// On a copy of the disk: changes what a closed database that is not encrypted says, and makes all checksums and chain
    /// values right again; opening must refuse it.
    Forge(u64),
}

/// A seed for the disk, and operations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpList {
    /// Seeds the disk: what a failed sync keeps.
    pub seed: u64,
    /// The operations in their order.
    pub ops: Vec<Op>,
}

impl Op {
    /// Some operation.
    pub fn random(random: &mut Random) -> Self {
        match random.below(100) {
            0..30 => Self::commit(random),
            30..33 => {
                let key = |random: &mut Random| random.below(KEYS.len() as u64) as usize;
                Self::DeleteRange { from: key(random), to: key(random), synced: random.once_in(2) }
            }
            33..37 => Self::Order(random.below(KEYS.len() as u64) as usize),
            // A whole one has about twelve units.
            37..45 => Self::Compact(1 + random.below(14)),
            45..49 => Self::Sync,
            49..52 => Self::BeginSync,
            52 | 53 => Self::RunSync,
            54 | 55 => Self::FinishSync,
            56 | 57 => Self::Mark,
            58..62 => Self::Close,
            62..64 => Self::Drop,
            64..68 => Self::Open,
            68..71 => Self::Kill,
            71..77 => Self::PowerCut(random.below(1 << 32)),
            77..87 => Self::Fail(Failure::random(random)),
            87..93 => Self::Snapshot,
            93..96 => Self::Release(random.below(4) as usize),
            96 | 97 => Self::Flip(random.below(1 << 32)),
            98 => Self::Shorten(random.below(1 << 32)),
            _ => Self::Forge(random.below(1 << 32)),
        }
    }

    /// What it is doing.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Commit { synced: true, .. } => "a synced commit",
            Self::Commit { .. } => "a commit",
            Self::DeleteRange { .. } => "deleting a range",
            Self::Order(_) => "an order",
            Self::Sync => "a sync",
            Self::BeginSync => "beginning a sync",
            Self::RunSync => "a sync beside commits",
            Self::FinishSync => "ending a sync",
            Self::Mark => "a sync mark",
            Self::Compact(_) => "compacting",
            Self::Close => "closing",
            Self::Drop => "dropping",
            Self::Open => "opening",
            Self::Kill => "killing",
            Self::PowerCut(_) => "nothing",
            Self::Fail(_) => "failing",
            Self::Snapshot | Self::Release(_) => "a snapshot",
            Self::Flip(_) | Self::Shorten(_) | Self::Forge(_) => "damaging a copy",
        }
    }

    /// Some commit of a group.
    pub fn commit(random: &mut Random) -> Self {
        let transactions = if random.once_in(3) { 1 + random.below(4) } else { 1 };
        let group = (0..transactions).map(|_| {
            let changes = if random.once_in(3) { random.below(6) } else { 1 };
            (0..changes).map(|_| Change::random(random)).collect()
        });
        Self::Commit { group: group.collect(), synced: random.once_in(2) }
    }
}

impl Change {
    fn random(random: &mut Random) -> Self {
        let document = (!random.once_in(3)).then(|| random.below(1 << 16));
        let drops = if document.is_none() { COLLECTIONS.len() } else { 0 };
        Self { key: random.below((KEYS.len() + drops) as u64) as usize, document }
    }
}

impl Failure {
    /// Some failure.
    pub fn random(random: &mut Random) -> Self {
        // Half of all failures concern what changes the log most: writes, and calls of any kind.
        let kinds = if random.once_in(2) { 2 } else { OPERATIONS.len() };
        let operation = OPERATIONS[random.below(kinds as u64) as usize].1;
        let damage = match random.below(8) {
            0 | 1 => Damage::Error,
            2 => Damage::Full,
            3 => Damage::Short(random.below(600) as usize),
            4 => Damage::Partial(random.below(600) as usize),
            5 => Damage::Interrupted,
            _ => Damage::Crash(random.below(1 << 32)),
        };
        let once = match damage {
            Damage::Interrupted | Damage::Crash(_) => true,
            // A file that is read byte by byte for long takes its time.
            Damage::Short(bytes) => bytes < 100,
            _ => false,
        };
        Self { operation, nth: 1 + random.below(6), always: !once && random.once_in(3), damage }
    }

    /// The fault that makes it happen.
    #[must_use]
    pub fn fault(&self) -> Fault {
        let effect = match self.damage {
            Damage::Error => Effect::OsError(5),
            Damage::Full => Effect::Error(io::ErrorKind::StorageFull),
            Damage::Short(bytes) => Effect::Short(bytes),
            Damage::Partial(bytes) => Effect::PartialThenError(bytes, io::ErrorKind::Other),
            Damage::Interrupted => Effect::Error(io::ErrorKind::Interrupted),
            Damage::Crash(_) => Effect::Crash,
            Damage::Lie => Effect::Lie,
        };
        let fault = Fault::new(self.operation, effect).nth(self.nth);
        if self.always { fault.always() } else { fault }
    }
}

/// The kinds of calls that can fail, by name.
pub const OPERATIONS: [(&str, SimOperation); 16] = [
    ("any", SimOperation::Any),
    ("write", SimOperation::Write),
    ("sync", SimOperation::Sync),
    ("set-len", SimOperation::SetLen),
    ("sync-directory", SimOperation::SyncDirectory),
    ("read", SimOperation::Read),
    ("publish", SimOperation::Publish),
    ("rename", SimOperation::Rename),
    ("lock", SimOperation::Lock),
    ("unlock", SimOperation::Unlock),
    ("resolve", SimOperation::Canonical),
    ("open", SimOperation::Open),
    ("len", SimOperation::Len),
    ("is-named", SimOperation::IsNamed),
    ("remove", SimOperation::Remove),
    ("list", SimOperation::List),
];
