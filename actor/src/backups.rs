//! Owns the backups under way: their threads, and what the writer does for them, which is to say where the database
//! stands. Never lets one hold up a commit.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ferrumdb_engine::{BackedUp, Backup, BackupSource, BackupStep, Error as EngineError, History, Writer};
use serde::Serialize;

use crate::Sequence;
use crate::command::Reply;
use crate::compactions::Pace;
use crate::error::Result;
use crate::fs::FileSystem;
use crate::link::Link;
use crate::works::{WorkKind, Works};

/// What a backup holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BackupReport {
    /// The newest commit in it: an incremental backup that is to follow it begins there.
    pub sequence: Sequence,
    /// The commit that it follows, if it is an incremental one.
    pub since: Option<Sequence>,
    /// The length of its file, in bytes.
    pub bytes: u64,
    /// How many records it has.
    pub records: u64,
    /// How long it took.
    pub took: Duration,
}

/// A backup that is wanted.
pub(crate) struct BackupRequest {
    pub(crate) to: PathBuf,
    /// Nothing for a full one.
    pub(crate) since: Option<Sequence>,
}

/// What the configuration says about backups.
#[derive(Clone)]
pub(crate) struct BackupSettings {
    pub(crate) file_system: Arc<dyn FileSystem>,
    pub(crate) history: History,
    pub(crate) bytes_per_second: Option<u64>,
}

/// What the writer knows of backups. Dropping it stops them.
pub(crate) struct Backups {
    settings: BackupSettings,
    running: Vec<Running>,
}

struct Running {
    cancelled: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Backups {
    pub(crate) fn new(settings: BackupSettings) -> Self {
        Self { settings, running: Vec::new() }
    }

    /// Begins a backup of what is published now. Its thread answers.
    pub(crate) fn begin(
        &mut self,
        writer: &Writer,
        request: BackupRequest,
        link: &Arc<Link>,
        reply: Reply<BackupReport>,
    ) {
        self.running.retain(|running| !running.thread.is_finished());
        let cancelled = Arc::new(AtomicBool::new(false));
        let (source, settings) = (writer.backup_source(), self.settings.clone());
        let (own_link, is_cancelled) = (Arc::clone(link), Arc::clone(&cancelled));
        let back_up = move || {
            let outcome = run(source, &request, &settings, &is_cancelled, &own_link);
            reply.answer(outcome.map_err(|error| own_link.counted(error)));
        };
        // If there is no thread to be had, the closure and with it the reply is dropped, and the waiter is told so.
        match std::thread::Builder::new().name("ferrumdb-backup".to_owned()).spawn(back_up) {
            Ok(thread) => self.running.push(Running { cancelled, thread }),
            Err(error) => {
                tracing::error!(%error, "there is no backup, since its thread could not be started")
            }
        }
    }

    /// Stops all of them, since the database is closing.
    pub(crate) fn stop(&mut self) -> Vec<JoinHandle<()>> {
        self.cancel();
        self.running.drain(..).map(|running| running.thread).collect()
    }

    fn cancel(&self) {
        self.running.iter().for_each(|running| running.cancelled.store(true, Ordering::Relaxed));
    }
}

impl Drop for Backups {
    fn drop(&mut self) {
        self.cancel();
    }
}

fn run(
    source: BackupSource,
    request: &BackupRequest,
    settings: &BackupSettings,
    cancelled: &AtomicBool,
    link: &Arc<Link>,
) -> Result<BackupReport> {
    let start = Instant::now();
    let ticket = Works::begin(link, WorkKind::Backup);
    let is_cancelled = || cancelled.load(Ordering::Relaxed) || ticket.progress().is_cancelled();
    let mut pace = Pace::new(start, settings.bytes_per_second);
    let mut backup = begin(source, request, settings)?;
    loop {
        if is_cancelled() {
            return Err(EngineError::Cancelled.into());
        }
        let (done, of) = backup.progress();
        ticket.progress().note(done, of);
        match backup.step()? {
            BackupStep::Working { bytes } => pace.keep(bytes, is_cancelled),
            BackupStep::Done(BackedUp { sequence, since, bytes, records, .. }) => {
                return Ok(BackupReport { sequence, since, bytes, records, took: start.elapsed() });
            }
        }
    }
}

fn begin(source: BackupSource, request: &BackupRequest, settings: &BackupSettings) -> Result<Backup> {
    let BackupSettings { file_system, history, .. } = settings;
    let begun = match request.since {
        None => source.full(&request.to, *history, file_system),
        Some(since) => source.since(since, &request.to, file_system),
    };
    Ok(begun?)
}
