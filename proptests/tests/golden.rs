//! Holds that the golden files are read as their facts say: old files stay readable for as long as there is a build. Never
//! touches them: each test works on copies.
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]
#![allow(clippy::print_stdout, reason = "a failing test says with which file")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ferrumdb::fs::{DiskFs, FileSystem};
use ferrumdb::{Collection, Config, ErrorKind, FerrumDB, ManualClock, Sequence, Timestamp, Ttl, UpTo};
use ferrumdb_engine::{CollectionId, Error, Options, Restore};
use ferrumdb_proptests::golden::{Contents, Facts, Found, Opening, checksum, folder};
use tempfile::TempDir;

const VERSIONS: [u32; 2] = [0, 1];
/// Of one version.
const BYTES_MAX: u64 = 512 << 10;

/// A golden file that was copied.
struct Copied {
    name: String,
    facts: Facts,
    folder: TempDir,
    has_hint: bool,
}

impl Copied {
    fn path(&self) -> PathBuf {
        self.folder.path().join(format!("{}.db", self.name))
    }

    /// How it is opened: with its key, at its time.
    fn config(&self) -> Config {
        self.facts.unlocking(self.keyless())
    }

    fn keyless(&self) -> Config {
        let clock = Arc::new(ManualClock::new(Timestamp(self.facts.now)));
        Config::new(self.path()).with_clock(clock).with_auto_compaction(None)
    }

    /// What comes of opening it.
    fn opening(&self) -> &Opening {
        let by_hint = self.facts.opening_by_hint.as_ref().filter(|_| self.has_hint);
        by_hint.unwrap_or(&self.facts.opening)
    }

    fn unreadable(&self) -> &[String] {
        if self.has_hint { &self.facts.unreadable } else { &[] }
    }

    /// Every file beside the copy, itself included.
    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        paths.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
    }
}

/// The facts of all golden files, by folder and name.
fn all_facts() -> Vec<(PathBuf, String, Facts)> {
    let mut all = Vec::new();
    for folder in VERSIONS.map(folder) {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "json") {
                let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
                all.push((folder.clone(), name, Facts::read(&path).unwrap()));
            }
        }
    }
    assert!(all.len() >= 30, "the golden files are there");
    all.sort_by(|one, other| (&one.0, &one.1).cmp(&(&other.0, &other.1)));
    all
}

/// Does something with a copy of each golden file, with what lies beside it and without, and sees to it that no original
/// changes.
fn with_copies(test: impl Fn(&Copied)) {
    for (from, name, facts) in all_facts() {
        let lies_beside = |file: &String| file.ends_with(".hint") || file.ends_with(".live");
        for has_hint in [true, false] {
            if !has_hint && !facts.files.keys().any(lies_beside) {
                continue;
            }
            let folder = tempfile::tempdir().unwrap();
            for file in facts.files.keys().filter(|file| has_hint || !lies_beside(file)) {
                std::fs::copy(from.join(file), folder.path().join(file)).unwrap();
            }
            println!("{name}, with what lies beside it: {has_hint}");
            test(&Copied { name: name.clone(), facts: facts.clone(), folder, has_hint });
        }
        assert_unchanged(&from, &facts);
    }
}

fn assert_unchanged(folder: &Path, facts: &Facts) {
    for (file, stated) in &facts.files {
        assert_eq!(checksum(&std::fs::read(folder.join(file)).unwrap()), *stated, "{file} was changed");
    }
}

#[track_caller]
fn assert_contents(db: &FerrumDB, now: u64, contents: &Contents, unreadable: &[String]) {
    let names: BTreeSet<_> =
        db.collections().unwrap().into_iter().map(|info| info.name.to_string()).collect();
    assert_eq!(names, contents.collections.keys().cloned().collect());
    for (name, contents) in &contents.collections {
        assert_contents_of(&db.collection(name.as_str()).unwrap(), now, contents, unreadable);
    }
    assert_contents_of(db, now, contents, unreadable);
}

#[track_caller]
fn assert_contents_of(db: &Collection, now: u64, contents: &Contents, unreadable: &[String]) {
    let keys: BTreeSet<String> = db.keys().unwrap().map(String::from).collect();
    assert_eq!(keys, contents.documents.keys().cloned().collect());
    assert_eq!(db.count().unwrap(), keys.len() as u64);
    for (key, stored) in &contents.documents {
        let left = stored.expires_at.map(|at| Ttl::ExpiresIn(std::time::Duration::from_millis(at - now)));
        assert_eq!(db.ttl(key).unwrap(), Some(left.unwrap_or(Ttl::Never)), "{key}");
        if unreadable.contains(key) {
            assert_eq!(db.get(key).unwrap_err().kind(), ErrorKind::Damaged, "{key}");
            continue;
        }
        let document = db.get(key).unwrap().unwrap();
        assert_eq!((document.as_str(), document.version().0), (&*stored.json, stored.version), "{key}");
    }
    let dotted = |path: &ferrumdb::FieldPath| path.segments().collect::<Vec<_>>().join(".");
    let indexes: BTreeSet<_> = db.indexes().unwrap().iter().map(|index| dotted(&index.path)).collect();
    assert_eq!(indexes, contents.indexes.keys().cloned().collect());
    for (field, found) in &contents.indexes {
        found.iter().for_each(|found| assert_found(db, field, found));
    }
}

#[track_caller]
fn assert_found(db: &Collection, field: &str, found: &Found) {
    let Found { value, to, keys } = found;
    let mut told = match to {
        None => db.find(field, value).unwrap(),
        Some(to) => db.find_range(field, value.clone()..=to.clone()).unwrap(),
    };
    told.sort();
    assert_eq!(
        told,
        keys.iter().map(|key| ferrumdb::Key::from(&**key)).collect::<Vec<_>>(),
        "{field}: {value}"
    );
}

#[test]
fn each_golden_file_is_as_it_was_made_and_has_its_facts() {
    for folder in VERSIONS.map(folder) {
        let stated = all_facts().into_iter().filter(|(of, ..)| *of == folder);
        let mut expected = BTreeSet::from(["README.md".to_owned()]);
        for (folder, name, facts) in stated {
            assert_unchanged(&folder, &facts);
            assert!(facts.files.contains_key(&format!("{name}.db")), "{name}");
            expected.insert(format!("{name}.json"));
            expected.extend(facts.files.into_keys());
        }
        let entries = std::fs::read_dir(&folder).unwrap().map(Result::unwrap);
        let found: BTreeSet<String> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
        assert_eq!(found, expected);
        let bytes: u64 = found.iter().map(|file| folder.join(file).metadata().unwrap().len()).sum();
        assert!(bytes < BYTES_MAX, "{bytes} bytes are too many to keep for ever");
    }
}

#[test]
fn a_database_finds_in_each_golden_file_what_its_facts_say_and_goes_on() {
    with_copies(|copied| {
        let before = copied.files();
        if copied.facts.key.is_some() && matches!(copied.opening(), Opening::Opens { .. }) {
            let error = FerrumDB::open(copied.keyless()).wait().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::KeyNeeded);
            assert_eq!(copied.files(), before);
        }
        let opened = FerrumDB::open(copied.config()).wait();
        if let Opening::Damaged { position } = copied.opening() {
            let error = opened.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Damaged);
            assert!(error.to_string().contains(&format!("byte {position}:")), "{error}");
            assert_eq!(copied.files(), before, "a refused file is left as it was");
            return;
        }
        let (db, Facts { now, contents, .. }) = (opened.unwrap(), &copied.facts);
        assert_contents(&db, *now, contents, copied.unreadable());
        let version = db.set("written now", 1).wait().unwrap().0;
        let mut contents = contents.clone();
        let stored = serde_json::json!({"json": "1", "version": version});
        contents.documents.insert("written now".to_owned(), serde_json::from_value(stored).unwrap());
        contents.indexes.values_mut().for_each(|found| found.retain(|found| !found.value.is_null()));
        if copied.unreadable().is_empty() {
            db.compact().wait().unwrap();
        }
        db.close().wait().unwrap();
        let db = FerrumDB::open(copied.config()).wait().unwrap();
        assert_contents(&db, *now, &contents, copied.unreadable());
    });
}

#[test]
fn the_engine_tells_of_each_golden_file_what_its_facts_say() {
    with_copies(|copied| {
        let mut options = Options::new(copied.path());
        options.clock = Arc::new(ManualClock::new(Timestamp(copied.facts.now)));
        options.encryption = copied.facts.engine_key();
        let before = std::fs::read(copied.path()).unwrap();
        let (_writer, reader) = match (ferrumdb_engine::open(options, Arc::new(DiskFs)), copied.opening()) {
            (Err(Error::Damaged { position, .. }), opening) => {
                assert_eq!(Opening::Damaged { position }, *opening);
                return;
            }
            (opened, _) => opened.unwrap(),
        };
        let recovery = reader.stats().unwrap().recovery;
        let opened = Opening::Opens {
            sequence: reader.sequence().0,
            clean: recovery.clean,
            torn_bytes: recovery.torn_bytes,
            torn_file: recovery.torn_file.is_some(),
        };
        assert_eq!(opened, *copied.opening());
        assert_eq!(recovery.hint.is_some(), copied.has_hint && copied.facts.believes_hint);
        if let Some(torn) = recovery.torn_file {
            let tail = before.len() - recovery.torn_bytes as usize;
            assert_eq!(std::fs::read(torn).unwrap(), &before[tail..]);
        }
        for (key, stored) in &copied.facts.contents.documents {
            assert_eq!(
                reader.expiry(CollectionId::ROOT, key),
                Some(stored.expires_at.map(Timestamp)),
                "{key}"
            );
            if !copied.unreadable().contains(key) {
                let document = reader.get(CollectionId::ROOT, key).unwrap().unwrap();
                assert_eq!(
                    (document.as_str(), document.version()),
                    (&*stored.json, Sequence(stored.version))
                );
            }
        }
        assert_eq!(reader.count(CollectionId::ROOT), copied.facts.contents.documents.len() as u64);
    });
}

#[test]
fn a_follower_finds_in_each_golden_file_what_its_facts_say_and_writes_nothing() {
    with_copies(|copied| {
        let before = copied.files();
        let opened = FerrumDB::open(copied.config().read_only()).wait();
        if let (Opening::Opens { clean, .. }, Facts { now, contents, .. }) = (copied.opening(), &copied.facts)
        {
            let db = opened.unwrap();
            // The newest commit that no one vouches for is not shown: its owner might still take it back.
            let is_vouched_for = *clean || before.keys().any(|path| path.extension().unwrap() == "live");
            if is_vouched_for || !copied.facts.increments.is_empty() {
                assert_contents(&db, *now, contents, copied.unreadable());
            } else {
                assert!(db.keys().unwrap().count() > 1);
            }
            assert_eq!(db.set("x", 1).wait().unwrap_err().kind(), ErrorKind::ReadOnly);
            db.close().wait().unwrap();
        } else {
            assert_eq!(opened.unwrap_err().kind(), ErrorKind::Damaged);
        }
        assert_eq!(copied.files(), before, "a follower writes nothing");
    });
}

#[test]
fn a_verification_tells_of_each_golden_file_what_its_facts_say() {
    with_copies(|copied| {
        let before = copied.files();
        let report = ferrumdb::verify(copied.config()).wait().unwrap();
        let first_finding = report.findings.first().map(|finding| finding.position);
        let (expected, verified) = (&copied.facts.verification, (report.torn_bytes, first_finding));
        assert_eq!(verified, (expected.torn_bytes, expected.first_finding), "{:?}", report.findings);
        assert_eq!(copied.files(), before, "a verification writes nothing");
    });
}

#[test]
fn a_restore_makes_of_each_golden_file_what_its_facts_say() {
    with_copies(|copied| {
        for (number, restored) in copied.facts.restored.iter().enumerate() {
            let beside = |name: &str| copied.folder.path().join(name);
            let to = beside(&format!("restored-{number}.new"));
            let increments = copied.facts.increments.iter();
            let restore =
                increments.fold(Restore::new(copied.path()), |restore, file| restore.increment(beside(file)));
            let restore = restore.up_to(UpTo::Sequence(Sequence(restored.sequence)));
            let key = copied.facts.engine_key();
            let restore = key.into_iter().fold(restore, Restore::with_key);
            // No time before the making of a file counts in it, so the clock is set for that, too.
            let clock = Arc::new(ManualClock::new(Timestamp(copied.facts.now)));
            let disk: Arc<dyn FileSystem> = Arc::new(DiskFs);
            let outcome = restore.to(&to, &*clock, &disk, |_| true);
            let Some(contents) = &restored.contents else {
                assert!(matches!(outcome.unwrap_err(), Error::HistoryDropped { .. }));
                continue;
            };
            assert_eq!(outcome.unwrap().sequence, Sequence(restored.sequence));
            let config = copied.facts.unlocking(Config::new(&to).with_clock(clock));
            let db = FerrumDB::open(config).wait().unwrap();
            assert_contents(&db, copied.facts.now, contents, &[]);
        }
        for increment in &copied.facts.increments {
            let path = copied.folder.path().join(increment);
            let error = FerrumDB::open(copied.facts.unlocking(Config::new(path))).wait().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotADatabase, "an increment is no database by itself");
        }
    });
}
