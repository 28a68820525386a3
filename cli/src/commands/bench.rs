//! The command that measures how fast this machine is with a database of its own. Never touches one that is there.

use std::path::PathBuf;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use clap::Args;
use ferrumdb::{Config, Distribution, FerrumDB, FsyncPolicy, Metrics, Pending};

use crate::exit::{Failure, Outcome, Status};
use crate::interrupt;
use crate::opening::closing;
use crate::options::Options;
use crate::output::{Cell, Output, Plain};

const EXAMPLES: &str = r#"Examples:
  ferrumdb bench                                 100,000 documents in a new file in this folder, which is removed
  ferrumdb bench /mnt/disk --fsync never         on another disk, without syncs
  ferrumdb bench --documents 1000000 --value-bytes 500 --threads 8
  ferrumdb bench --json                          the same for programs

What is measured, one after the other: sets that share their syncs, sets by threads that each wait for every answer,
gets by threads, keys in order, finding by an index. Times are of single calls, in microseconds. The figures hold for this
machine, this disk and this moment: other work on it slows all of them down."#;

/// Measures sets, gets and searches on a database of its own.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Bench {
    /// The folder in which the file is made
    #[arg(default_value = ".")]
    folder: PathBuf,

    /// How many documents
    #[arg(long, value_name = "NUMBER", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    documents: u64,

    /// How large each of them is, about
    #[arg(long, value_name = "BYTES", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    value_bytes: u32,

    /// How many threads read, and how many wait for answers to their sets
    #[arg(long, value_name = "NUMBER", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1000))]
    threads: u32,
}

/// So many sets are under way at once.
const UNDER_WAY: usize = 1000;
/// How long threads set documents and wait for each answer.
const WAITING_TIME: Duration = Duration::from_secs(2);
/// How many different values the indexed field has, at most.
const GROUPS: u64 = 1000;

/// One line of the result.
struct Line {
    what: &'static str,
    operations: u64,
    took: Duration,
    /// In nanoseconds.
    calls: Option<Distribution>,
}

impl Bench {
    pub(super) fn run(&self, options: &Options) -> Outcome {
        let policy = match options.fsync {
            Some(policy) => policy,
            None => Config::new("").from_env()?.fsync_policy(),
        };
        // Its folder goes when this ends, also by Ctrl-C.
        let _caught = interrupt::catch()?;
        let folder = tempfile::Builder::new().prefix("ferrumdb-bench-").tempdir_in(&self.folder);
        let folder = folder.map_err(|error| {
            Failure::new(Status::Io, format!("could not make a folder in {}: {error}", self.folder.display()))
        })?;
        let db =
            FerrumDB::open(Config::new(folder.path().join("bench.db")).with_fsync_policy(policy)).wait()?;
        let lines = closing(&db, || self.measure(&db))?;
        let mut output = Output::standard(options.mode());
        if output.mode().is_none() {
            output.text(&self.setting(policy))?;
        }
        let columns = &["what", "operations", "seconds", "per_second", "p50_micros", "p99_micros"];
        let mut rows = output.rows(columns, Plain::Table);
        for Line { what, operations, took, calls } in &lines {
            let seconds = took.as_secs_f64();
            let micros = |nanos: Option<u64>| {
                nanos.map_or(Cell::Nothing, |nanos| Cell::Real((nanos as f64 / 100.0).round() / 10.0))
            };
            rows.push(&[
                Cell::Text(what),
                Cell::Number(*operations),
                Cell::Real((seconds * 1e3).round() / 1e3),
                Cell::Number((*operations as f64 / seconds.max(1e-9)) as u64),
                micros(calls.as_ref().map(|calls| calls.p50)),
                micros(calls.as_ref().map(|calls| calls.p99)),
            ])?;
        }
        rows.finish()?;
        output.flush()?;
        Ok(Status::Good)
    }

    fn setting(&self, policy: FsyncPolicy) -> String {
        let Self { documents, value_bytes, threads, .. } = self;
        format!(
            "{documents} documents of about {value_bytes} bytes, {threads} threads, fsync {policy}, in {}",
            self.folder.display()
        )
    }

    fn measure(&self, db: &FerrumDB) -> Result<Vec<Line>, Failure> {
        let mut lines = vec![timed("sets, many under way", || self.fill(db).map(|()| self.documents))?];
        lines.push(self.wait_for_each(db)?);
        lines.push(self.get(db)?);
        lines.push(timed("keys, in order", || Ok(db.prefix("key:")?.keys().count() as u64))?);
        lines.push(timed("index, built", || {
            db.create_index("group").wait()?;
            Ok(self.documents)
        })?);
        let groups = GROUPS.min(self.documents);
        lines.push(timed("finds by the index", || {
            (0..groups).try_for_each(|group| db.find("group", &group.into()).map(drop))?;
            Ok(groups)
        })?);
        Ok(lines)
    }

    fn fill(&self, db: &FerrumDB) -> Result<(), Failure> {
        let mut under_way = std::collections::VecDeque::<Pending<_>>::with_capacity(UNDER_WAY);
        for number in 0..self.documents {
            if under_way.len() == UNDER_WAY
                && let Some(oldest) = under_way.pop_front()
            {
                oldest.wait()?;
            }
            interrupt::check()?;
            under_way.push_back(db.set_raw(key(number), self.document(number)));
        }
        Ok(under_way.into_iter().try_for_each(|pending| pending.wait().map(drop))?)
    }

    fn wait_for_each(&self, db: &FerrumDB) -> Result<Line, Failure> {
        let mut line = self.on_threads(db, "sets, each waited for", |db, thread| {
            let (start, mut count) = (Instant::now(), 0);
            while start.elapsed() < WAITING_TIME {
                interrupt::check()?;
                let number = (thread + count * u64::from(self.threads)) % self.documents;
                db.set_raw(key(number), self.document(number)).wait()?;
                count += 1;
            }
            Ok(count)
        })?;
        // The sets before were many at a time, so that these are nearly all of the single commits.
        line.calls = Some(db.metrics().commit_nanos);
        Ok(line)
    }

    fn get(&self, db: &FerrumDB) -> Result<Line, Failure> {
        let mut line = self.on_threads(db, "gets", |db, thread| {
            let each = self.documents.div_ceil(u64::from(self.threads)).max(100_000);
            let mut number = thread;
            for _ in 0..each {
                // A step that shares no factor with a power of ten visits them all, far apart.
                number = (number + 7_919_337) % self.documents;
                interrupt::check()?;
                db.get(key(number))?;
            }
            Ok(each)
        })?;
        let Metrics { get_nanos, .. } = db.metrics();
        line.calls = Some(get_nanos);
        Ok(line)
    }

    /// Does the same on all threads, from one moment on.
    fn on_threads(
        &self,
        db: &FerrumDB,
        what: &'static str,
        work: impl Fn(&FerrumDB, u64) -> Result<u64, Failure> + Sync,
    ) -> Result<Line, Failure> {
        let barrier = Barrier::new(self.threads as usize);
        let (barrier, work) = (&barrier, &work);
        timed(what, || {
            std::thread::scope(|scope| {
                let threads: Vec<_> = (0..u64::from(self.threads))
                    .map(|thread| {
                        scope.spawn(move || {
                            barrier.wait();
                            work(db, thread)
                        })
                    })
                    .collect();
                let counts =
                    threads.into_iter().map(|thread| thread.join().expect("the work does not panic"));
                counts.sum()
            })
        })
    }

    fn document(&self, number: u64) -> String {
        let group = number % GROUPS;
        let begun = format!("{{\"number\":{number},\"group\":{group},\"text\":\"");
        let text = "x".repeat((self.value_bytes as usize).saturating_sub(begun.len() + 2));
        begun + &text + "\"}"
    }
}

fn key(number: u64) -> String {
    format!("key:{number:09}")
}

fn timed(what: &'static str, work: impl FnOnce() -> Result<u64, Failure>) -> Result<Line, Failure> {
    let start = Instant::now();
    let operations = work()?;
    Ok(Line { what, operations, took: start.elapsed(), calls: None })
}
