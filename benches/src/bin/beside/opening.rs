//! Owns the row of opening after a kill: a child process fills a database and is killed, and copies of its file are
//! opened beside a plain map that is built from the same bytes. Never opens the killed file itself, so that each round
//! finds what the kill left.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
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
}

/// Opens what a killed process left, in two ways of writing it.
pub(crate) fn after_a_kill(settings: &Settings) -> Result<Vec<Row>> {
    Ok(vec![
        row(settings, Filling::Synced, "transactions of 1,000, synced", Some(1.5))?,
        row(settings, Filling::Single, "single sets, never synced: all is written anew", None)?,
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
    let killed = folder.join("killed.db");
    kill_while_open(&killed, count, filling)?;
    let (mut ours, mut theirs) = (Side::default(), Side::default());
    for round in 0..settings.rounds {
        let copy = folder.join("copy.db");
        std::fs::copy(&killed, &copy)?;
        std::fs::File::open(&copy)?.sync_all()?;
        let (map, took) = time(|| plain_map(&copy));
        let map = map?;
        theirs.seconds(took);
        let (db, took) = time(|| FerrumDB::open(&copy).wait());
        let db = db?;
        ours.seconds(took);
        if map.len() != count || db.count()? != count as u64 || db.stats()?.recovery.clean {
            return Err("opening did not find what was acknowledged before the kill".into());
        }
        compare(&db, count, round)?;
        drop((db, map));
        std::fs::remove_file(&copy)?;
    }
    std::fs::remove_dir_all(&folder)?;
    Ok(Row {
        workload: format!("open {count} documents after a kill ({name})"),
        durability: "",
        peer: "read, check, plain HashMap",
        unit: Unit::Seconds,
        ours,
        theirs,
        bar,
    })
}

fn compare(db: &FerrumDB, count: usize, round: usize) -> Result<()> {
    let mut numbers = Numbers::new(round as u64);
    for _ in 0..1000 {
        let number = numbers.below(count);
        let found = db.get(key(number))?.ok_or("a document is missing after the kill")?;
        if found.value() != &document(number, 0) {
            return Err("a document is another one after the kill".into());
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
    let single = filling == format!("{:?}", Filling::Single);
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
    println!("filled");
    std::io::stdout().flush()?;
    // Until the kill, or until the parent is gone.
    std::io::stdin().read_line(&mut String::new())?;
    Ok(false)
}
