//! Owns the proof that what is promised to be durable was handed to the system with a real sync before the answer, by the
//! record that strace makes of a process. Never believes the database's own account.
//!
//! Where there is no strace, or it may not watch a process, the test says SKIPPED; `./test` installs it.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test may panic, and says what it could not try"
)]

use std::env;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use ferrumdb::{Config, FerrumDB, FsyncPolicy};

/// Where the watched process works.
const INSIDE: &str = "FERRUMDB_TEST_WATCHED";
const WATCHED: &str = "the_watched_process";
const CALLS: &str = "trace=openat,write,pwrite64,fsync,fdatasync,rename,renameat,renameat2,link,linkat";
const SETS: usize = 3;

/// What this process does when it is run again under strace; otherwise nothing.
#[test]
fn the_watched_process() {
    let Some(folder) = env::var_os(INSIDE) else { return };
    let config = Config::new(Path::new(&folder).join("my.db")).with_fsync_policy(FsyncPolicy::Always);
    let db = FerrumDB::open(config).wait().unwrap();
    tell("open");
    for number in 0..SETS {
        db.set("key", format!("planted-{number}")).wait().unwrap();
        tell(&number.to_string());
    }
    db.compact().wait().unwrap();
    tell("compact");
    db.close().wait().unwrap();
}

/// In one call, so that it stands in the record as a whole.
fn tell(answered: &str) {
    std::io::stderr().write_all(format!("answer-{answered}\n").as_bytes()).unwrap();
}

#[test]
fn creations_commits_and_compactions_are_answered_after_the_sync() {
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("calls");
    let strace = |program: &Path| {
        let mut command = Command::new("strace");
        command.args(["-f", "-s", "100000", "-e", CALLS, "-o"]).arg(&record).arg(program);
        command
    };
    if !strace(Path::new("true")).output().is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED: there is no strace that may watch a process here");
        return;
    }
    let mut watched = strace(&env::current_exe().unwrap());
    watched.args(["--exact", WATCHED, "--nocapture"]).env(INSIDE, folder.path());
    let output = watched.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let calls = Calls::read(&String::from_utf8_lossy(&std::fs::read(&record).unwrap()));

    let created = calls.find(0, |call| call.names("my.db") && call.is_naming());
    calls.assert_file_synced(0, created);
    calls.assert_folder_synced(created, calls.answer("open"));
    for number in 0..SETS {
        let written =
            calls.find(0, |call| call.name == "pwrite64" && call.text.contains(&format!("planted-{number}")));
        let answered = calls.answer(&number.to_string());
        let descriptor = calls.0[written].descriptor();
        let is_its_sync = |call: &Call| call.is_sync() && call.descriptor() == descriptor;
        assert!(calls.find(written, is_its_sync) < answered, "commit {number} was answered before its sync");
    }
    let compacted = calls.find(calls.answer("2"), |call| call.names("my.db") && call.is_naming());
    calls.assert_file_synced(calls.answer("2"), compacted);
    calls.assert_folder_synced(compacted, calls.answer("compact"));
}

/// What the process asked of the system, in the order in which it was done.
struct Calls(Vec<Call>);

/// One call that went well.
struct Call {
    name: String,
    text: String,
    result: String,
}

impl Calls {
    /// A call that another thread interrupts stands in two lines, and has been done at the second.
    fn read(record: &str) -> Self {
        let mut begun = std::collections::BTreeMap::new();
        let mut calls = Vec::new();
        for line in record.lines() {
            let Some((thread, text)) = line.split_once(' ') else { continue };
            let text = text.trim_start();
            let whole = match text.split_once(" resumed>") {
                Some((_, rest)) => format!("{}{rest}", begun.remove(thread).unwrap_or_default()),
                None => text.to_owned(),
            };
            if let Some(first) = whole.strip_suffix(" <unfinished ...>") {
                begun.insert(thread.to_owned(), first.to_owned());
            } else if let (Some((name, _)), Some((text, result))) =
                (whole.split_once('('), whole.rsplit_once(" = "))
                && !result.starts_with('-')
            {
                calls.push(Call { name: name.to_owned(), text: text.to_owned(), result: result.to_owned() });
            }
        }
        Self(calls)
    }

    fn find(&self, from: usize, is_it: impl Fn(&Call) -> bool) -> usize {
        let found = self.0[from..].iter().position(is_it);
        from + found.unwrap_or_else(|| panic!("no such call in {}", self.told()))
    }

    fn answer(&self, what: &str) -> usize {
        self.find(0, |call| call.name == "write" && call.text.contains(&format!("answer-{what}")))
    }

    /// That the file which gets its name here was synced before, behind its last write.
    fn assert_file_synced(&self, from: usize, named: usize) {
        let opened = self.find(from, |call| call.name == "openat" && call.names(".new-"));
        let is_its = |call: &Call| call.descriptor() == Some(self.0[opened].result.as_str());
        let written = |call: &Call| call.name == "pwrite64" && is_its(call);
        let last = self.0[opened..named].iter().rposition(written).expect("something is in it");
        let synced = self.find(opened + last, |call| call.is_sync() && is_its(call));
        assert!(synced < named, "a file got its name before it was synced: {}", self.told());
    }

    /// That the folder was synced between these two.
    fn assert_folder_synced(&self, named: usize, answered: usize) {
        assert!(self.find(named, |call| call.name == "fsync") < answered, "{}", self.told());
    }

    fn told(&self) -> String {
        let told = self
            .0
            .iter()
            .map(|call| format!("{} = {}\n", &call.text[..call.text.len().min(120)], call.result));
        told.collect()
    }
}

impl Call {
    fn is_sync(&self) -> bool {
        self.name == "fdatasync" || self.name == "fsync"
    }

    fn is_naming(&self) -> bool {
        self.name.starts_with("rename") || self.name.starts_with("link")
    }

    fn names(&self, part: &str) -> bool {
        self.text.contains(part)
    }

    /// The file that it is about, of the calls that take one.
    fn descriptor(&self) -> Option<&str> {
        self.text.split_once('(')?.1.split([',', ')']).next()
    }
}
