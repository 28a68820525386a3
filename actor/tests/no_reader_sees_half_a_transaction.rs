//! Owns the proof that whoever reads several documents sees each transaction whole or not at all: thousands of them, from
//! several threads, beside compactions, builds of an index, and documents that expire. Never depends on how fast anything is.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use ferrumdb::{Config, Document, FerrumDB, FsyncPolicy, Snapshot, Transaction};
use serde_json::{Value, json};

const WRITERS: usize = 3;
const ACCOUNTS: usize = 12;
const TOKENS: usize = 4;
const BALANCE: i64 = 1_000;
const TRANSACTIONS: usize = 1_500;
/// So many of a writer's transactions wait to be committed at once.
const GROUP: usize = 8;
/// So many snapshots a reader keeps, to look at them again.
const KEPT: usize = 4;

/// The keys that one writer writes: accounts whose balances always add up to the same, tokens that lie in one of two
/// places, two leases that begin and end together, and how many of the accounts are open.
fn account(writer: usize, number: usize) -> String {
    format!("account:{writer}:{number}")
}

fn places(writer: usize, number: usize) -> [String; 2] {
    [format!("left:{writer}:{number}"), format!("right:{writer}:{number}")]
}

fn leases(writer: usize) -> [String; 2] {
    [format!("lease:{writer}:one"), format!("lease:{writer}:two")]
}

fn tally(writer: usize) -> String {
    format!("tally:{writer}")
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }
}

/// What one writer knows of its documents, which nobody else writes.
struct Books {
    writer: usize,
    random: Random,
    balances: [Option<i64>; ACCOUNTS],
    sides: [usize; TOKENS],
}

impl Books {
    fn open(writer: usize) -> (Self, Transaction) {
        let books = Self {
            writer,
            random: Random(writer as u64 + 1),
            balances: [Some(BALANCE); ACCOUNTS],
            sides: [0; TOKENS],
        };
        let accounts = (0..ACCOUNTS).fold(Transaction::new(), |begun, number| books.write(begun, number));
        let tokens = (0..TOKENS).fold(accounts, |begun, number| begun.set(&*places(writer, number)[0], 1));
        let transaction = tokens.set(tally(writer), ACCOUNTS);
        (books, transaction)
    }

    fn write(&self, transaction: Transaction, number: usize) -> Transaction {
        let key = account(self.writer, number);
        match self.balances[number] {
            Some(balance) => transaction.set(key, json!({"kind": "account", "balance": balance})),
            None => transaction.delete(key),
        }
    }

    /// Moves an amount between two accounts, and closes or opens one by that now and then; and more.
    fn next(&mut self) -> Transaction {
        let (from, step) = (self.random.below(ACCOUNTS), 1 + self.random.below(ACCOUNTS - 1));
        let to = (from + step) % ACCOUNTS;
        let held = self.balances[from].unwrap_or_default();
        let closes = self.random.below(3) == 0;
        let amount = if closes { held } else { self.random.below(held.unsigned_abs() as usize + 1) as i64 };
        self.balances[to] = Some(self.balances[to].unwrap_or_default() + amount);
        self.balances[from] = (!closes).then_some(held - amount);
        let mut transaction = self.write(self.write(Transaction::new(), from), to);
        if self.random.below(2) == 0 {
            let number = self.random.below(TOKENS);
            let (places, side) = (places(self.writer, number), &mut self.sides[number]);
            transaction = transaction.delete(&*places[*side]).set(&*places[1 - *side], 1);
            *side = 1 - *side;
        }
        if self.random.below(4) == 0 {
            let lifetime = Duration::from_millis(1 + self.random.below(5) as u64);
            let lease = json!({"kind": "lease"});
            transaction = leases(self.writer)
                .into_iter()
                .fold(transaction, |transaction, key| transaction.set_ex(key, &lease, lifetime));
        }
        transaction.set(tally(self.writer), self.balances.iter().flatten().count())
    }
}

fn balance(document: &Document) -> i64 {
    document.value()["balance"].as_i64().unwrap()
}

/// That all that one writer writes was seen as of one moment.
fn check_writer(writer: usize, get_many: impl FnOnce(&[String]) -> Vec<Option<Document>>) {
    let tokens = (0..TOKENS).flat_map(|number| places(writer, number));
    let accounts = (0..ACCOUNTS).map(|number| account(writer, number));
    let keys: Vec<_> = accounts.chain(tokens).chain(leases(writer)).chain([tally(writer)]).collect();
    let found = get_many(&keys);
    let (accounts, others) = found.split_at(ACCOUNTS);
    let sum: i64 = accounts.iter().flatten().map(balance).sum();
    assert_eq!(sum, BALANCE * ACCOUNTS as i64, "half a transfer");
    let (tokens, others) = others.split_at(2 * TOKENS);
    assert!(tokens.chunks(2).all(|pair| pair.iter().flatten().count() == 1), "a token twice, or not at all");
    assert_eq!(others[0].is_some(), others[1].is_some(), "one of two leases");
    assert_eq!(*others[2].as_ref().unwrap(), json!(accounts.iter().flatten().count()), "the tally");
}

fn check_keys(keys: impl Iterator<Item = ferrumdb::Key>) -> usize {
    let listed: Vec<_> = keys.map(String::from).collect();
    let keys: BTreeSet<_> = listed.iter().map(String::as_str).collect();
    assert_eq!(keys.len(), listed.len(), "a key twice");
    for writer in 0..WRITERS {
        for number in 0..TOKENS {
            let held = places(writer, number).iter().filter(|key| keys.contains(key.as_str())).count();
            assert_eq!(held, 1, "a token twice, or not at all");
        }
        let [one, two] = leases(writer).map(|key| keys.contains(key.as_str()));
        assert_eq!(one, two, "one of two leases");
    }
    keys.len()
}

fn check_found(accounts: &[(ferrumdb::Key, Document)]) {
    let sum: i64 = accounts.iter().map(|(_, document)| balance(document)).sum();
    assert_eq!(sum, BALANCE * (ACCOUNTS * WRITERS) as i64, "half a transfer among what was found");
}

fn check_snapshot(snapshot: &Snapshot) -> BTreeMap<String, Value> {
    for writer in 0..WRITERS {
        check_writer(writer, |keys| snapshot.get_many(keys).unwrap());
        check_writer(writer, |keys| keys.iter().map(|key| snapshot.get(key).unwrap()).collect());
    }
    assert_eq!(check_keys(snapshot.keys().unwrap()) as u64, snapshot.count().unwrap());
    check_found(&snapshot.find_documents("kind", &json!("account")).unwrap());
    assert_eq!(snapshot.find("kind", &json!("lease")).unwrap().len() % 2, 0, "one of two leases");
    let read = |key: ferrumdb::Key| {
        let document = snapshot.get(&key).unwrap().expect("it was listed");
        (String::from(key), document.value().clone())
    };
    snapshot.keys().unwrap().map(read).collect()
}

/// Looks at everything in every way until the writers are done, and says how often.
fn read(db: &FerrumDB, is_over: &AtomicBool) -> usize {
    let (mut kept, mut looks) = (VecDeque::<(Snapshot, BTreeMap<String, Value>)>::new(), 0);
    while !is_over.load(Ordering::Relaxed) {
        for writer in 0..WRITERS {
            check_writer(writer, |keys| db.get_many(keys).unwrap());
        }
        check_keys(db.keys().unwrap());
        check_found(&db.find_documents("kind", &json!("account")).unwrap());
        let snapshot = db.snapshot().unwrap();
        let seen = check_snapshot(&snapshot);
        kept.push_back((snapshot, seen));
        if kept.len() > KEPT {
            // Not the oldest, so that what lies between two others is dropped, too.
            let (snapshot, seen) = kept.remove(looks % KEPT).unwrap();
            assert_eq!(check_snapshot(&snapshot), seen, "a snapshot has changed");
        }
        looks += 1;
    }
    looks
}

/// Compacts, builds an index and drops it, again and again.
fn disturb(db: &FerrumDB, is_over: &AtomicBool) {
    while !is_over.load(Ordering::Relaxed) {
        db.create_index("kind").wait().unwrap();
        db.compact().wait().unwrap();
        db.drop_index("kind").wait().unwrap();
    }
}

fn write(db: &FerrumDB, mut books: Books) {
    for _ in 0..TRANSACTIONS / GROUP {
        let pending: Vec<_> = (0..GROUP).map(|_| db.commit(books.next())).collect();
        for pending in pending {
            pending.wait().unwrap();
        }
    }
}

/// Ends what other threads wait for, when the test ends well or not.
struct Ending<'a>(&'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn every_transaction_is_seen_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    // So small a cache that many documents are read from the files that compactions replace.
    let config = Config::new(folder.path().join("bank.db")).with_cache_bytes(32 << 10);
    let db = FerrumDB::open(config.with_fsync_policy(FsyncPolicy::Never)).wait().unwrap();
    let books = (0..WRITERS).map(|writer| {
        let (books, transaction) = Books::open(writer);
        db.commit(transaction).wait().unwrap();
        books
    });
    let (books, is_over) = (books.collect::<Vec<_>>(), AtomicBool::new(false));
    thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let _ending = Ending(&is_over);
                    read(&db, &is_over)
                })
            })
            .collect();
        scope.spawn(|| disturb(&db, &is_over));
        let ending = Ending(&is_over);
        let writers: Vec<_> = books.into_iter().map(|books| scope.spawn(|| write(&db, books))).collect();
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        drop(ending);
        let looks: usize = readers.into_iter().map(|reader| reader.join().unwrap()).sum();
        assert!(looks > 10, "{looks} looks prove nothing");
    });
    db.set("last", 1).wait().unwrap();
    while db.stats().unwrap().undo_versions > 0 {
        thread::sleep(Duration::from_millis(10));
    }
    let stats = db.stats().unwrap();
    assert_eq!((stats.pins, stats.snapshots, stats.undo_bytes, stats.held_bytes), (0, 0, 0, 0));
}
