//! Restoring from backups: to every commit and time of a random history, and never from what does not belong together.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ferrumdb_engine::fs::{FileSystem, OpenMode, SimFs};
use ferrumdb_engine::{
    CompactionStep, Durability, Error, History, ManualClock, Options, Reader, Restore, Sequence, Timestamp,
    Transaction, UpTo, Writer, open,
};
use ferrumdb_proptests::Random;

use crate::backups::{FULL, INCREMENT, RESTORED, full, restore, since};
use crate::common::{Contents, PATH, ROOT, contents, document, expected, open_at, open_on, synced};

/// A database, and what it held after each commit.
struct Lived {
    sim: SimFs,
    clock: ManualClock,
    halves: Option<(Writer, Reader)>,
    /// By the number of the first commit after which it held this, with the time of that commit.
    states: BTreeMap<u64, (Contents, u64)>,
}

impl Lived {
    fn new(seed: u64) -> Self {
        let (sim, clock) = (SimFs::new(seed), ManualClock::new(Timestamp(1_000)));
        let mut lived = Self { sim, clock, halves: None, states: BTreeMap::new() };
        lived.states.insert(0, (Contents::new(), 0));
        lived.open();
        lived
    }

    fn open(&mut self) {
        let mut options = Options::new(PATH);
        options.clock = Arc::new(self.clock.clone());
        self.halves = Some(open(options, Arc::new(self.sim.clone())).unwrap());
    }

    fn writer(&mut self) -> &mut Writer {
        &mut self.halves.as_mut().unwrap().0
    }

    fn note(&mut self, now: u64) {
        let (writer, reader) = self.halves.as_ref().unwrap();
        let (sequence, state) = (writer.sequence().0, contents(reader));
        self.states.entry(sequence).or_insert((state, now));
    }

    fn close(&mut self, now: u64) {
        let (writer, reader) = self.halves.take().unwrap();
        let (sequence, state) = (writer.sequence().0 + 1, contents(&reader));
        writer.close().unwrap();
        self.states.insert(sequence, (state, now));
    }

    fn newest(&mut self) -> u64 {
        self.writer().sequence().0
    }

    fn at(&self, sequence: u64) -> &(Contents, u64) {
        &self.states[&sequence]
    }
}

fn compact(writer: &mut Writer, history: History) {
    let Some(mut compaction) = writer.begin_compaction(history).unwrap() else { return };
    loop {
        match compaction.step().unwrap() {
            CompactionStep::Working { .. } => {}
            CompactionStep::Pointless { .. } => return,
            CompactionStep::Ready => break,
        }
    }
    let (mut relocation, _) = writer.install_compaction(compaction).unwrap();
    while relocation.step() {}
    writer.finish_relocation(&relocation);
}

fn random_transaction(random: &mut Random) -> Transaction {
    const KEYS: [&str; 6] =
        ["a", "b", "", "\0", "é", "a key that is longer than what fits without an allocation"];
    let mut transaction = Transaction::new();
    for _ in 0..=random.below(3) {
        let key = KEYS[random.below(6) as usize].into();
        match random.below(4) {
            0 => transaction.delete(ROOT, key),
            1 => {
                // Far enough away to be there at every look.
                let at = Some(Timestamp(1 << 50));
                transaction.set(ROOT, key, document(&random.below(1_000).to_string()), at);
            }
            _ => transaction.set(ROOT, key, document(&format!("[{}]", random.below(1_000))), None),
        }
    }
    transaction
}

/// Lives a random life, and takes backups: the full one, with its commit, and the incremental ones.
fn live(seed: u64, history: History) -> (Lived, u64, Vec<String>) {
    let mut random = Random::new(seed);
    let mut lived = Lived::new(seed);
    let mut now = 1_000;
    let (mut base, mut last, mut increments) = (None, 0, Vec::new());
    for step in 0..60 {
        now += random.below(3);
        lived.clock.set(Timestamp(now));
        match random.below(12) {
            0 => {
                lived.close(now);
                lived.open();
            }
            1 if base.is_none() || last == lived.newest() => compact(lived.writer(), history),
            2 => {
                lived.writer().sync().unwrap();
                lived.writer().append_sync_mark().unwrap();
                lived.note(now);
            }
            3 if step > 10 => {
                let (sim, source) = (lived.sim.clone(), lived.writer().backup_source());
                last = if let Some(base) = base {
                    // Some overlap.
                    let from = last.saturating_sub(random.below(3)).max(base);
                    let name = format!("/{}.inc", increments.len());
                    let done = match since(source.clone(), from, &name, &sim) {
                        Err(Error::HistoryDropped { .. }) => since(source, last, &name, &sim),
                        done => done,
                    }
                    .unwrap();
                    increments.push(name);
                    done.sequence.0
                } else {
                    let done = full(source, FULL, &sim, history).unwrap();
                    base = Some(done.sequence.0);
                    done.sequence.0
                };
            }
            _ => {
                let transaction = random_transaction(&mut random);
                lived.writer().commit(&[transaction], Durability::Appended).unwrap();
                lived.note(now);
            }
        }
    }
    if base.is_none() {
        let (sim, source) = (lived.sim.clone(), lived.writer().backup_source());
        base = Some(full(source, FULL, &sim, history).unwrap().sequence.0);
    }
    (lived, base.unwrap(), increments)
}

fn all_of(increments: &[String]) -> Restore {
    increments.iter().fold(Restore::new(FULL), |restore, path| restore.increment(path))
}

/// That a restored file holds this, goes on from this commit, and can be compacted, which rests on what its records say
/// of those before them.
fn assert_restored(sim: &SimFs, sequence: u64, state: &Contents, what: &str) {
    let (mut writer, reader) = open_at(sim.clone(), RESTORED).unwrap();
    assert_eq!(writer.sequence(), Sequence(sequence), "{what}");
    assert_eq!(&contents(&reader), state, "{what}");
    synced(&mut writer, &["a", "new=1"]).unwrap();
    let mut after = state.clone();
    after.remove("a");
    after.insert("new".to_owned(), "1".to_owned());
    compact(&mut writer, History::None);
    assert_eq!(contents(&reader), after, "{what}");
    writer.close().unwrap();
    let (_writer, reader) = open_at(sim.clone(), RESTORED).unwrap();
    assert_eq!(contents(&reader), after, "{what}");
}

#[test]
fn every_commit_and_every_time_of_a_random_history_can_be_restored() {
    let histories = [History::None, History::For(Duration::from_millis(15)), History::Versions(2)];
    for seed in 0..18 {
        let history = histories[seed as usize % 3];
        let (mut lived, base, increments) = live(seed, history);
        let floor = match history {
            // It keeps a part of what was before.
            History::For(_) => base.saturating_sub(200),
            _ => base,
        };
        lived.halves = None;
        let whole = restore(all_of(&increments), RESTORED, &lived.sim.fork(1)).unwrap();
        let newest = whole.sequence.0;
        for sequence in floor..=newest + 1 {
            let (sim, what) = (lived.sim.fork(1), format!("seed {seed}, commit {sequence}"));
            let wanted = all_of(&increments).up_to(UpTo::Sequence(Sequence(sequence)));
            match restore(wanted, RESTORED, &sim) {
                Err(Error::NoSuchCommit { .. }) => assert_eq!(sequence, newest + 1, "{what}"),
                Err(Error::HistoryDropped { .. }) => assert!(sequence < base, "{what}"),
                restored => {
                    let restored = restored.unwrap();
                    assert_eq!(
                        (restored.sequence.0, restored.time.0),
                        (sequence, lived.at(sequence).1),
                        "{what}"
                    );
                    assert_restored(&sim, sequence, &lived.at(sequence).0, &what);
                }
            }
        }
        let (first, last) = (lived.at(base).1, lived.at(newest).1);
        for time in first..=last + 1 {
            let (sim, what) = (lived.sim.fork(1), format!("seed {seed}, time {time}"));
            let wanted = all_of(&increments).up_to(UpTo::Time(Timestamp(time)));
            let restored = restore(wanted, RESTORED, &sim).unwrap();
            let sequence = (base..=newest).rev().find(|sequence| lived.at(*sequence).1 <= time).unwrap();
            assert_eq!(restored.sequence.0, sequence, "{what}");
            assert_restored(&sim, sequence, &lived.at(sequence).0, &what);
        }
        let before = all_of(&increments).up_to(UpTo::Time(Timestamp(1)));
        if history == History::None && base > 0 {
            let outcome = restore(before, RESTORED, &lived.sim.fork(1));
            assert!(matches!(outcome, Err(Error::HistoryDropped { .. })), "{outcome:?}");
        }
    }
}

/// A disk with a database that is open no more, a full backup of its second commit, and an increment of the third.
fn disk() -> SimFs {
    let sim = SimFs::new(1);
    let (mut writer, _) = open_on(&sim).unwrap();
    synced(&mut writer, &["a=1"]).unwrap();
    synced(&mut writer, &["b=2"]).unwrap();
    full(writer.backup_source(), FULL, &sim, History::None).unwrap();
    synced(&mut writer, &["c=3"]).unwrap();
    since(writer.backup_source(), 2, INCREMENT, &sim).unwrap();
    synced(&mut writer, &["d=4"]).unwrap();
    sim
}

#[test]
fn an_increment_of_another_database_or_of_a_history_that_has_parted_is_refused() {
    let sim = disk();
    let (mut other, _) = open_at(sim.clone(), "/other.db").unwrap();
    synced(&mut other, &["a=1"]).unwrap();
    synced(&mut other, &["b=2"]).unwrap();
    synced(&mut other, &["c=9"]).unwrap();
    since(other.backup_source(), 2, "/other.inc", &sim).unwrap();
    full(other.backup_source(), "/other-full.db", &sim, History::None).unwrap();
    drop(other);
    for wrong in [
        Restore::new(FULL).increment("/other.inc"),
        Restore::new("/other-full.db").increment(INCREMENT),
        Restore::new(FULL).increment(INCREMENT).increment("/other.inc"),
        Restore::new(FULL).increment("/other-full.db"),
        Restore::new(FULL).increment("/other.db"),
    ] {
        let outcome = restore(wrong, RESTORED, &sim);
        assert!(matches!(outcome, Err(Error::WrongIncrement { .. })), "{outcome:?}");
    }
    let outcome = restore(Restore::new(INCREMENT), RESTORED, &sim);
    assert!(matches!(outcome, Err(Error::NotADatabase { .. })), "{outcome:?}");
    assert!(matches!(open_at(sim.clone(), INCREMENT), Err(Error::NotADatabase { .. })));
}

#[test]
fn two_copies_of_one_file_that_have_parted_are_told_apart() {
    let sim = SimFs::new(1);
    let at = |time| {
        let mut options = Options::new(PATH);
        options.clock = Arc::new(ManualClock::new(Timestamp(time)));
        options
    };
    let (mut writer, _) = open(at(1_000), Arc::new(sim.clone())).unwrap();
    synced(&mut writer, &["a=1"]).unwrap();
    drop(writer);
    let other = sim.fork(2);
    let (mut writer, _) = open(at(2_000), Arc::new(sim.clone())).unwrap();
    synced(&mut writer, &["b=2"]).unwrap();
    full(writer.backup_source(), FULL, &sim, History::None).unwrap();
    let (mut parted, _) = open(at(3_000), Arc::new(other.clone())).unwrap();
    synced(&mut parted, &["b=9"]).unwrap();
    synced(&mut parted, &["c=9"]).unwrap();
    for (from, name) in [(2, "/behind.inc"), (1, "/over.inc")] {
        since(parted.backup_source(), from, name, &other).unwrap();
        let file = sim.open(Path::new(name), OpenMode::CreateNew).unwrap();
        ferrumdb_engine::fs::write_all(&*file, &other.live_bytes(name).unwrap(), 0).unwrap();
        let outcome = restore(Restore::new(FULL).increment(name), RESTORED, &sim);
        assert!(matches!(outcome, Err(Error::WrongIncrement { .. })), "{name}: {outcome:?}");
    }
}

#[test]
fn a_gap_is_refused_with_both_its_ends() {
    let sim = disk();
    let (mut writer, _) = open_on(&sim).unwrap();
    since(writer.backup_source(), 3, "/third.inc", &sim).unwrap();
    compact(&mut writer, History::None);
    let outcome = since(writer.backup_source(), 3, "/late.inc", &sim);
    assert!(
        matches!(outcome, Err(Error::HistoryDropped { floor: Sequence(4), .. })),
        "the compaction has dropped it: {outcome:?}"
    );
    assert!(matches!(
        since(writer.backup_source(), 5, "/early.inc", &sim),
        Err(Error::NoSuchCommit { sequence: Sequence(5), newest: Sequence(4) })
    ));
    assert_eq!(since(writer.backup_source(), 4, "/none.inc", &sim).unwrap().records, 0);
    drop(writer);
    let outcome = restore(Restore::new(FULL).increment("/third.inc"), RESTORED, &sim);
    assert!(matches!(outcome, Err(Error::Gap { after: Sequence(2), from: Sequence(3), .. })), "{outcome:?}");
    let all = Restore::new(FULL).increment(INCREMENT).increment("/third.inc").increment("/none.inc");
    restore(all, RESTORED, &sim).unwrap();
    let (_writer, reader) = open_at(sim, RESTORED).unwrap();
    assert_eq!(contents(&reader), expected(&[("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")]));
}

#[test]
fn a_backup_with_any_byte_changed_or_cut_off_restores_nothing_else() {
    let sim = disk();
    let state = expected(&[("a", "1"), ("b", "2"), ("c", "3")]);
    for path in [FULL, INCREMENT] {
        let bytes = sim.live_bytes(path).unwrap();
        // Each header copy is covered by the other: a few of their bytes will do.
        let header = (0..8192).step_by(511);
        for at in header.chain(8192..bytes.len()) {
            let sim = sim.fork(1);
            sim.overwrite(path, at as u64, &[bytes[at] ^ 0x10]);
            match restore(Restore::new(FULL).increment(INCREMENT), RESTORED, &sim) {
                Ok(_) => {
                    assert!(at < 8192, "{path}: byte {at}");
                    let (_writer, reader) = open_at(sim, RESTORED).unwrap();
                    assert_eq!(contents(&reader), state);
                }
                Err(Error::Damaged { .. }) => {}
                Err(other) => panic!("{path}: byte {at}: {other}"),
            }
        }
        for len in (8192..bytes.len() as u64).chain([0, 1, 4096, 8191]) {
            let sim = sim.fork(1);
            sim.open(Path::new(path), OpenMode::ReadWrite).unwrap().set_len(len).unwrap();
            let outcome = restore(Restore::new(FULL).increment(INCREMENT), RESTORED, &sim);
            let refused = matches!(outcome, Err(Error::Damaged { .. } | Error::NotADatabase { .. }));
            assert!(refused, "{path}: {len} bytes: {outcome:?}");
        }
    }
}

#[test]
fn a_backup_that_was_opened_and_written_still_carries_its_increments_and_none_of_its_own_commits() {
    let sim = disk();
    let (mut backup, reader) = open_at(sim.clone(), FULL).unwrap();
    assert_eq!(contents(&reader), expected(&[("a", "1"), ("b", "2")]));
    synced(&mut backup, &["own=1"]).unwrap();
    let increment = || Restore::new(FULL).increment(INCREMENT);
    assert!(matches!(restore(increment(), RESTORED, &sim), Err(Error::Locked { .. })));
    since(backup.backup_source(), 2, "/own.inc", &sim).unwrap();
    backup.close().unwrap();
    restore(increment(), RESTORED, &sim).unwrap();
    let (_writer, reader) = open_at(sim.clone(), RESTORED).unwrap();
    assert_eq!(contents(&reader), expected(&[("a", "1"), ("b", "2"), ("c", "3")]));
    let mixed = restore(increment().increment("/own.inc"), "/mixed.db", &sim);
    assert!(matches!(mixed, Err(Error::WrongIncrement { .. })), "{mixed:?}");
    // By itself it is what it has become.
    restore(Restore::new(FULL), "/own.db", &sim).unwrap();
    let (_writer, reader) = open_at(sim.clone(), "/own.db").unwrap();
    assert_eq!(contents(&reader), expected(&[("a", "1"), ("b", "2"), ("own", "1")]));

    let (mut backup, _) = open_at(sim.clone(), FULL).unwrap();
    compact(&mut backup, History::None);
    backup.close().unwrap();
    let outcome = restore(increment(), "/late.db", &sim);
    assert!(matches!(outcome, Err(Error::WrongIncrement { .. })), "{outcome:?}");
}

#[test]
fn a_restored_database_is_a_base_for_the_increments_that_follow_and_has_lineage_of_its_own() {
    let sim = disk();
    restore(Restore::new(FULL).increment(INCREMENT), RESTORED, &sim).unwrap();
    let (writer, _) = open_on(&sim).unwrap();
    since(writer.backup_source(), 3, "/next.inc", &sim).unwrap();
    drop(writer);
    restore(Restore::new(RESTORED).increment("/next.inc"), "/again.db", &sim).unwrap();
    let (_writer, reader) = open_at(sim.clone(), "/again.db").unwrap();
    assert_eq!(contents(&reader), expected(&[("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")]));
    let (mut restored, _) = open_at(sim.clone(), RESTORED).unwrap();
    synced(&mut restored, &["e=5"]).unwrap();
    since(restored.backup_source(), 3, "/own.inc", &sim).unwrap();
    drop(restored);
    let outcome = restore(Restore::new(FULL).increment(INCREMENT).increment("/own.inc"), "/mixed.db", &sim);
    assert!(matches!(outcome, Err(Error::WrongIncrement { .. })), "{outcome:?}");
    restore(Restore::new(RESTORED).increment("/own.inc"), "/own.db", &sim).unwrap();
}
