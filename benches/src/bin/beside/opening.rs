//! Owns the rows of opening, after a kill and after a close: a child process fills a database, and copies of what it leaves are
//! opened beside a plain map that is built from the same bytes. Never opens the files themselves, so that each round finds what
//! the child left.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ferrumdb::{Config, FerrumDB, FsyncPolicy, Transaction};
use ferrumdb_benches::arguments::Arguments;
use ferrumdb_benches::log_walk::plain_map;
use ferrumdb_benches::measure::time;
use ferrumdb_benches::workload::{Numbers, document, key};

use crate::rows::{Row, Side, Unit};
use crate::{Result, Settings};

const CHILD: &str = "--fill-and-wait";

/// How the child writes before it is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Filling {
    /// Transactions of a thousand, each synced.
    Synced,
    /// Single sets, never synced.
    Single,
    /// Transactions of a thousand, and closed before the kill.
    Closed,
}

/// Opens what a process left, in three ways of writing it.
pub(crate) fn what_was_left(settings: &Settings) -> Result<Vec<Row>> {
    Ok(vec![
        row(settings, Filling::Closed, "after a close", Some(1.0))?,
        row(settings, Filling::Synced, "after a kill (transactions of 1,000, synced)", Some(1.3))?,
        row(
            settings,
            Filling::Single,
            "after a kill (single sets, never synced: all is written anew)",
            None,
        )?,
    ])
}

/// If this process is the child, fills a database and waits to be killed.
pub(crate) fn run_as_child(arguments: &Arguments) -> Option<Result<bool>> {
    match arguments.all() {
        [flag, path, count, filling] if flag == CHILD => Some(
            count
                .parse()
                .map_err(Into::into)
                .and_then(|count| fill_and_wait(Path::new(path), count, filling)),
        ),
        _ => None,
    }
}

fn row(settings: &Settings, filling: Filling, name: &str, bar: Option<f64>) -> Result<Row> {
    let count = settings.opened_documents;
    let folder = settings.folder.path().join(format!("opening-{filling:?}"));
    std::fs::create_dir(&folder)?;
    let left = folder.join("left.db");
    kill_while_open(&left, count, filling)?;
    let (mut ours, mut theirs) = (Side::default(), Side::default());
    for round in 0..settings.rounds {
        let copy = folder.join("copy.db");
        for (from, to) in [(left.clone(), copy.clone()), (hint(&left), hint(&copy))] {
            if from.exists() {
                std::fs::copy(&from, &to)?;
                std::fs::File::open(&to)?.sync_all()?;
            }
        }
        let (map, took) = time(|| plain_map(&copy));
        let map = map?;
        theirs.seconds(took);
        let (db, took) = time(|| FerrumDB::open(&copy).wait());
        let db = db?;
        ours.seconds(took);
        let was_closed = db.stats()?.recovery.clean;
        if map.len() != count || db.count()? != count as u64 || was_closed != (filling == Filling::Closed) {
            return Err("opening did not find what was acknowledged".into());
        }
        compare(&db, count, round)?;
        drop((db, map));
        std::fs::remove_file(&copy)?;
        // A kill has left none, or an older one.
        let _ = std::fs::remove_file(hint(&copy));
    }
    std::fs::remove_dir_all(&folder)?;
    Ok(Row {
        workload: format!("open {count} documents {name}"),
        durability: "",
        peer: "read, check, plain HashMap",
        unit: Unit::Seconds,
        ours,
        theirs,
        bar,
    })
}

fn hint(path: &Path) -> PathBuf {
    let mut hint = path.as_os_str().to_owned();
    hint.push(".hint");
    hint.into()
}

fn compare(db: &FerrumDB, count: usize, round: usize) -> Result<()> {
    let mut numbers = Numbers::new(round as u64);
    for _ in 0..1000 {
        let number = numbers.below(count);
        let found = db.get(key(number))?.ok_or("a document is missing")?;
        if found.value() != &document(number, 0) {
            return Err("a document is another one".into());
        }
    }
    Ok(())
}

fn kill_while_open(path: &Path, count: usize, filling: Filling) -> Result<()> {
    let mut child = Command::new(std::env::current_exe()?)
        .arg(CHILD)
        .arg(path)
        .arg(count.to_string())
        .arg(format!("{filling:?}"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    let answered = child.stdout.take().map(|output| BufReader::new(output).read_line(&mut line));
    // On Unix this is SIGKILL: the child ends without another instruction of its own.
    child.kill()?;
    child.wait()?;
    match answered {
        Some(Ok(_)) if line.trim() == "filled" => Ok(()),
        _ => Err("the process that fills the database ended early".into()),
    }
}

fn fill_and_wait(path: &Path, count: usize, filling: &str) -> Result<bool> {
    let is = |one: Filling| filling == format!("{one:?}");
    let single = is(Filling::Single);
    let policy = if single { FsyncPolicy::Never } else { FsyncPolicy::Always };
    let db = FerrumDB::open(Config::new(path).with_fsync_policy(policy)).wait()?;
    let mut number = 0;
    while number < count {
        let end = (number + if single { 1 } else { 1000 }).min(count);
        let mut transaction = Transaction::new();
        for number in number..end {
            transaction = transaction.set(key(number), document(number, 0));
        }
        db.commit(transaction).wait()?;
        number = end;
    }
    if is(Filling::Closed) {
        db.close().wait()?;
    }
    println!("filled");
    std::io::stdout().flush()?;
    // Until the kill, or until the parent is gone.
    std::io::stdin().read_line(&mut String::new())?;
    Ok(false)
}
