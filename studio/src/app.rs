//! Owns what all requests share: the database, who may write, and what goes on beside them. Never knows HTTP.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ferrumdb::{Collection, FerrumDB};
use serde::Serialize;
use tokio::runtime::Handle;

use crate::api::backup::Backups;
use crate::failure::Failure;
use crate::guard::Guard;
use crate::jobs::Jobs;
use crate::samples::Samples;
use crate::undo::Undos;

/// How long the order of keys is waited for, where somebody is the first to ask for it.
const ORDER_WAIT: Duration = Duration::from_secs(20);
const ORDER_LOOK: Duration = Duration::from_millis(5);

pub(crate) struct App {
    pub(crate) db: FerrumDB,
    pub(crate) access: Access,
    pub(crate) guard: Guard,
    pub(crate) samples: Samples,
    pub(crate) jobs: Arc<Jobs>,
    pub(crate) undos: Arc<Undos>,
    pub(crate) news: Arc<News>,
    pub(crate) backups: Backups,
    pub(crate) handle: Handle,
}

/// What may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Access {
    Write,
    ReadOnly,
    Follower,
}

/// Wakes those who tell a browser what is new.
#[derive(Debug, Default)]
pub(crate) struct News {
    number: Mutex<u64>,
    rung: Condvar,
    closing: AtomicBool,
}

impl App {
    pub(crate) fn new(db: &FerrumDB, access: Access, guard: Guard, handle: Handle) -> ferrumdb::Result<Self> {
        let news = Arc::new(News::default());
        Ok(Self {
            access,
            guard,
            samples: Samples::new(db)?,
            jobs: Arc::new(Jobs::new(Arc::clone(&news))),
            undos: Arc::default(),
            news,
            backups: Backups::default(),
            handle,
            db: db.clone(),
        })
    }

    /// The collection of this name, or the root.
    pub(crate) fn collection(&self, name: Option<&str>) -> Result<Collection, Failure> {
        match name {
            None => Ok(Collection::clone(&self.db)),
            Some(name) => Ok(self.db.collection(name)?),
        }
    }

    /// The same, once the order of its keys is kept: so that a page of it costs what it shows.
    pub(crate) fn ordered(&self, name: Option<&str>) -> Result<Collection, Failure> {
        let collection = self.collection(name)?;
        let begun = std::time::Instant::now();
        while !collection.is_ordered()? {
            if begun.elapsed() > ORDER_WAIT {
                return Err(Failure::busy("the keys are being put in order; try again in a moment"));
            }
            std::thread::sleep(ORDER_LOOK);
        }
        Ok(collection)
    }

    /// That the database may be changed.
    pub(crate) fn check_write(&self) -> Result<(), Failure> {
        let message = match self.access {
            Access::Write => return Ok(()),
            Access::ReadOnly => "nothing can be changed here; start it with `--write`",
            Access::Follower => "another process owns this file; write there",
        };
        Err(Failure::new(hyper::StatusCode::FORBIDDEN, "read_only", message))
    }

    /// What is done once a second.
    pub(crate) fn tick(&self) {
        self.samples.take(&self.db);
        self.backups.expire();
    }

    /// The name of the file.
    pub(crate) fn name(&self) -> String {
        let path = self.db.path();
        path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
    }
}

impl News {
    /// Wakes everybody.
    pub(crate) fn ring(&self) {
        *self.number.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.rung.notify_all();
    }

    /// Waits until there is something newer than `seen`, but no longer than `wait`, and answers with what is newest.
    pub(crate) fn wait(&self, seen: u64, wait: Duration) -> u64 {
        let number = self.number.lock().unwrap_or_else(PoisonError::into_inner);
        let waited =
            self.rung.wait_timeout_while(number, wait, |number| *number == seen && !self.is_closing());
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Tells everybody to come to an end.
    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::SeqCst);
        self.ring();
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }
}

/// Now, in milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
