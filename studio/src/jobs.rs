//! Owns the long work that was asked for: what is under way, and what came of it. Never does any of it, and never keeps more
//! than a stated number of what is over.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use ferrumdb::{FerrumDB, Pending, WorkKind};
use hyper::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::app::{News, now_ms};
use crate::failure::{Failure, Told};

/// So many jobs are remembered, and so many may be under way.
const JOBS_MAX: usize = 50;
const RUNNING_MAX: usize = 8;
/// How often work is told to stop.
const STOP_STEP: Duration = Duration::from_millis(20);

pub(crate) struct Jobs {
    news: Arc<News>,
    list: Mutex<List>,
}

#[derive(Default)]
struct List {
    next: u64,
    /// The newest first.
    jobs: VecDeque<Arc<Job>>,
    threads: Vec<JoinHandle<()>>,
    stopped: bool,
}

/// What is to be done.
pub(crate) struct Plan {
    pub(crate) kind: Kind,
    pub(crate) title: String,
    /// The work of the database that tells how far it is.
    pub(crate) follows: Option<WorkKind>,
    /// How much there is to do, if the job itself counts.
    pub(crate) of: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    Compact,
    Verify,
    Backup,
    Index,
    Delete,
    Undo,
}

pub(crate) struct Job {
    id: u64,
    plan: Plan,
    started: u64,
    done: AtomicU64,
    is_cancelled: AtomicBool,
    cancelled: Notify,
    end: Mutex<Option<End>>,
}

struct End {
    at: u64,
    outcome: Result<Value, Failure>,
}

impl Jobs {
    pub(crate) fn new(news: Arc<News>) -> Self {
        Self { news, list: Mutex::default() }
    }

    /// Begins a job on a thread of its own.
    pub(crate) fn begin(
        self: &Arc<Self>,
        plan: Plan,
        run: impl FnOnce(&Job) -> Result<Value, Failure> + Send + 'static,
    ) -> Result<Arc<Job>, Failure> {
        let mut list = self.lock();
        let running: Vec<_> = list.jobs.iter().filter(|job| job.is_running()).collect();
        let is_alone = matches!(plan.kind, Kind::Compact | Kind::Verify | Kind::Backup);
        if is_alone && running.iter().any(|job| job.plan.kind == plan.kind) {
            return Err(Failure::new(StatusCode::CONFLICT, "busy", "the same is under way already"));
        }
        if list.stopped || running.len() >= RUNNING_MAX {
            return Err(Failure::busy("too many jobs are under way; wait for some"));
        }
        let job = Arc::new(Job {
            id: list.next + 1,
            plan,
            started: now_ms(),
            done: AtomicU64::new(0),
            is_cancelled: AtomicBool::new(false),
            cancelled: Notify::new(),
            end: Mutex::default(),
        });
        let (own, jobs) = (Arc::clone(&job), Arc::clone(self));
        let work = move || {
            let run = std::panic::AssertUnwindSafe(|| run(&own));
            let outcome = std::panic::catch_unwind(run).unwrap_or_else(|_| Err(Failure::internal()));
            *own.lock() = Some(End { at: now_ms(), outcome });
            jobs.news.ring();
        };
        let thread = std::thread::Builder::new().name("ferrumdb-studio-job".to_owned()).spawn(work)?;
        list.next += 1;
        list.threads.retain(|thread| !thread.is_finished());
        list.threads.push(thread);
        list.jobs.push_front(Arc::clone(&job));
        if list.jobs.len() > JOBS_MAX {
            let last = list.jobs.iter().rposition(|job| !job.is_running());
            last.and_then(|last| list.jobs.remove(last));
        }
        drop(list);
        self.news.ring();
        Ok(job)
    }

    /// The newest first.
    pub(crate) fn all(&self) -> Vec<Arc<Job>> {
        self.lock().jobs.iter().cloned().collect()
    }

    pub(crate) fn find(&self, id: u64) -> Option<Arc<Job>> {
        self.lock().jobs.iter().find(|job| job.id == id).cloned()
    }

    /// Stops all of them, and waits until they have stopped.
    pub(crate) fn stop(&self) {
        let threads = {
            let mut list = self.lock();
            list.stopped = true;
            for job in &list.jobs {
                job.cancel();
            }
            std::mem::take(&mut list.threads)
        };
        for thread in threads {
            // What went wrong is in its outcome.
            let _ = thread.join();
        }
    }

    fn lock(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Job {
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn is_running(&self) -> bool {
        self.lock().is_none()
    }

    /// Notes that so much more is done.
    pub(crate) fn note(&self, more: u64) {
        self.done.fetch_add(more, Ordering::Relaxed);
    }

    /// That nobody has stopped it.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if self.is_cancelled.load(Ordering::SeqCst) { Err(stopped()) } else { Ok(()) }
    }

    /// Stops it, and says whether it was under way. What is one commit cannot be stopped.
    pub(crate) fn cancel(&self) -> bool {
        if self.plan.kind == Kind::Delete {
            return false;
        }
        // ORDER: before it is told to stop, which it may do at once.
        let was_running = self.is_running();
        self.is_cancelled.store(true, Ordering::SeqCst);
        self.cancelled.notify_one();
        was_running
    }

    /// Waits for an answer of the database, until the job is stopped.
    pub(crate) fn wait<T>(&self, handle: &Handle, pending: Pending<T>) -> Result<T, Failure> {
        handle.block_on(async {
            tokio::select! {
                answer = pending => Ok(answer?),
                () = self.cancelled.notified() => Err(stopped()),
            }
        })
    }

    /// The same for what has to be told to stop, until it has.
    pub(crate) fn wait_until_stopped<T>(
        &self,
        handle: &Handle,
        mut pending: Pending<T>,
        stop: impl Fn() -> bool,
    ) -> Result<T, Failure> {
        handle.block_on(async {
            tokio::select! {
                answer = &mut pending => return Ok(answer?),
                () = self.cancelled.notified() => {}
            }
            loop {
                // It may not have begun when it is told for the first time.
                stop();
                if let Ok(answer) = tokio::time::timeout(STOP_STEP, &mut pending).await {
                    return Ok(answer?);
                }
            }
        })
    }

    /// How it stands, as the interface tells it.
    pub(crate) fn told(&self, db: &FerrumDB) -> Value {
        let Plan { kind, title, follows, of } = &self.plan;
        let (mut done, mut of) = (self.done.load(Ordering::Relaxed), *of);
        let end = self.lock();
        if let (None, Some(follows)) = (&*end, follows) {
            let work = db.works().into_iter().find(|work| work.kind == *follows);
            (done, of) = work.map_or((0, 0), |work| (work.done, work.of));
        }
        let (result, error): (&Value, Option<Told>) = match &*end {
            Some(End { outcome: Ok(result), .. }) => (result, None),
            Some(End { outcome: Err(failure), .. }) => (&Value::Null, Some(failure.told())),
            None => (&Value::Null, None),
        };
        let state = match (&*end, &error) {
            (None, _) => "running",
            (Some(_), None) => "done",
            (Some(_), Some(error)) if error.kind == CANCELLED => "cancelled",
            (Some(_), Some(_)) => "failed",
        };
        let unit =
            if matches!(kind, Kind::Compact | Kind::Verify | Kind::Backup) { "bytes" } else { "documents" };
        json!({
            "id": self.id, "kind": kind, "title": title, "state": state, "done": done, "of": of, "unit": unit,
            "started": self.started, "ended": end.as_ref().map(|end| end.at), "result": result, "error": error,
        })
    }

    pub(crate) fn follows(&self) -> Option<&WorkKind> {
        self.plan.follows.as_ref()
    }

    fn lock(&self) -> MutexGuard<'_, Option<End>> {
        self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The word for what was stopped, by somebody or by the database itself.
const CANCELLED: &str = "cancelled";

fn stopped() -> Failure {
    Failure::new(StatusCode::SERVICE_UNAVAILABLE, CANCELLED, "somebody has stopped it")
}
