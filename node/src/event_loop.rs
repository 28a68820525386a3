//! Owns what one event loop, the main thread's or a worker's, has of this library: its calls, and the databases that it has
//! opened, which are closed with it. Never keeps a database open for another loop.

use std::sync::{Arc, Mutex, Weak};

use ferrumdb::{Config, FerrumDB};
use napi::Env;
use napi::bindgen_prelude::Function;
use napi_derive::napi;

use crate::answer::{Answer, Delivery};
use crate::completions::{Completions, lock};
use crate::failure::{Code, Result};
use crate::handle::{Handle, Opening};
use crate::options::OpenOptions;
use crate::registry;

type Openings = Arc<Mutex<Vec<Weak<Opening>>>>;

#[napi]
pub struct EventLoop {
    completions: Arc<Completions>,
    openings: Openings,
}

#[napi]
impl EventLoop {
    #[napi(constructor)]
    pub fn new(env: Env, wake: Function<'_, (), ()>) -> napi::Result<Self> {
        let (completions, openings) = (Completions::new(&wake)?, Openings::default());
        // A worker that is ended from outside runs no JavaScript any more.
        env.add_env_cleanup_hook(Arc::clone(&openings), |openings| close_all(&openings))?;
        Ok(Self { completions, openings })
    }

    /// Some of what has come to an end. Nothing, if there is nothing: from then on the loop is woken again.
    #[napi]
    pub fn take(&self) -> Option<Delivery> {
        self.completions.take()
    }

    #[napi]
    pub fn open(&self, call: u32, options: OpenOptions) -> Result<(), napi::Error<Code>> {
        let (path, read_only) = (options.path.clone(), options.read_only == Some(true));
        let (config, agreed) = options.read()?;
        let (completions, openings) = (Arc::clone(&self.completions), Arc::clone(&self.openings));
        self.on_a_thread(call, move || {
            let (db, place) = registry::open(config, agreed, &path, read_only)?;
            Ok(handle(db, Some(place), completions, &openings))
        });
        Ok(())
    }

    #[napi]
    pub fn open_in_memory(&self, call: u32) {
        let (completions, openings) = (Arc::clone(&self.completions), Arc::clone(&self.openings));
        self.on_a_thread(call, move || {
            let db = FerrumDB::open(Config::in_memory()).wait()?;
            Ok(handle(db, None, completions, &openings))
        });
    }

    /// Closes what this loop has open, and waits for it: the process is about to exit.
    #[napi]
    pub fn close_all(&self) {
        close_all(&self.openings);
    }

    /// Opening may wait for a lock as long as it was told to, so it takes no thread of the pool.
    fn on_a_thread(&self, call: u32, open: impl FnOnce() -> Result<Handle> + Send + 'static) {
        let completions = Arc::clone(&self.completions);
        let thread = std::thread::Builder::new().name("ferrumdb-open".to_owned());
        let opened = thread.spawn(move || completions.answer(call, open().map(Answer::Opened)));
        if let Err(error) = opened {
            let message = format!("could not start a thread to open a database: {error}");
            let failure = crate::failure::Failure::new(ferrumdb::ErrorKind::Io, message);
            self.completions.answer(call, Err(failure));
        }
    }
}

fn handle(
    db: FerrumDB,
    place: Option<Arc<registry::Place>>,
    completions: Arc<Completions>,
    openings: &Mutex<Vec<Weak<Opening>>>,
) -> Handle {
    let handle = Handle::new(db, place, completions);
    let mut openings = lock(openings);
    openings.retain(|opening| opening.strong_count() > 0);
    openings.push(handle.downgrade());
    handle
}

fn close_all(openings: &Mutex<Vec<Weak<Opening>>>) {
    for opening in std::mem::take(&mut *lock(openings)) {
        if let Some(opening) = opening.upgrade() {
            // Nobody is left to be told, and what was acknowledged is in the file.
            let _ = opening.close();
        }
    }
}
