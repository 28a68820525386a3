//! Owns backups: making one as a job, in a temporary file, and sending that to be saved. Never takes a path from a caller, and
//! never keeps more than one of them.

use std::fs::File;
use std::io::Read;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::StatusCode;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::delete::begin;
use super::file::{Nothing, stem};
use crate::answer::Answer;
use crate::app::{App, now_ms};
use crate::call::Call;
use crate::failure::Failure;
use crate::jobs::{Job, Kind, Plan};
use crate::sink::Sink;

/// For how long a backup can be saved.
const KEPT: Duration = Duration::from_secs(600);
const PIECE_BYTES: usize = 64 << 10;

/// The newest backup that was made, until it is too old.
#[derive(Default)]
pub(crate) struct Backups(Mutex<Option<Arc<Made>>>);

/// A backup in its temporary folder, which goes with this.
struct Made {
    job: u64,
    folder: TempDir,
    file_name: String,
    bytes: u64,
    until: u64,
}

pub(crate) fn begin_backup(call: &Call) -> Result<Answer, Failure> {
    let Nothing {} = call.body()?;
    let app = Arc::clone(&call.app);
    if app.db.is_follower() {
        let message = "the process that owns this file backs it up";
        return Err(Failure::new(StatusCode::FORBIDDEN, "read_only", message));
    }
    let title = format!("Back up {}", app.name());
    let plan = Plan { kind: Kind::Backup, title, follows: Some(ferrumdb::WorkKind::Backup), of: 0 };
    begin(call, plan, move |job| make(&app, job))
}

/// Sends what a job has made.
pub(crate) fn save(call: &Call) -> Result<Answer, Failure> {
    call.needed("job")?;
    let job = call.number("job")?;
    let gone =
        || Failure::new(StatusCode::GONE, "gone", "this backup is not kept any more; make another one");
    let made = call.app.backups.lock().clone().filter(|made| Some(made.job) == job).ok_or_else(gone)?;
    let (name, bytes) = (made.file_name.clone(), made.bytes);
    let mut file = File::open(made.path())?;
    let produce = move |sink: &mut Sink| {
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            match file.read(&mut piece)? {
                0 => break,
                read => sink.write(&piece[..read])?,
            }
        }
        // Its folder is there until then.
        drop(made);
        Ok(())
    };
    Ok(Answer::file("application/octet-stream", name, produce).of_length(bytes))
}

fn make(app: &App, job: &Job) -> Result<Value, Failure> {
    // There is room for one.
    app.backups.lock().take();
    let folder = tempfile::Builder::new().prefix("ferrumdb-studio-").tempdir()?;
    let path = folder.path().join(FILE);
    let report = job.wait_until_stopped(&app.handle, app.db.backup_to(&path), || app.db.cancel_backups())?;
    let file_name = format!("{}-{}.backup.db", stem(app), report.sequence);
    let (bytes, until) = (path.metadata()?.len(), now_ms() + KEPT.as_millis() as u64);
    let told = json!({
        "file_name": file_name, "sequence": report.sequence, "records": report.records, "bytes": bytes,
        "took_ms": report.took.as_secs_f64() * 1_000.0, "until": until,
    });
    *app.backups.lock() = Some(Arc::new(Made { job: job.id(), folder, file_name, bytes, until }));
    Ok(told)
}

const FILE: &str = "backup.db";

impl Backups {
    /// Lets go of one that is too old.
    pub(crate) fn expire(&self) {
        let now = now_ms();
        self.lock().take_if(|made| made.until <= now);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<Made>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Made {
    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join(FILE)
    }
}
