//! Owns the server of Ferrum Studio that a program has started. Never starts or stops one on an event loop's thread: both
//! wait.

use std::sync::{Arc, Mutex};

use ferrumdb::ErrorKind;
use ferrumdb_studio::Options;
use napi_derive::napi;

use crate::answer::Answer;
use crate::completions::{Completions, lock};
use crate::failure::{Failure, Result};
use crate::handle::Handle;

#[napi]
pub struct Studio {
    server: Arc<Mutex<Option<ferrumdb_studio::Studio>>>,
    completions: Arc<Completions>,
}

#[napi]
impl Studio {
    /// An address that works once, and nothing when it was stopped.
    #[napi]
    pub fn launch_url(&self) -> Option<String> {
        lock(&self.server).as_ref().map(ferrumdb_studio::Studio::launch_url)
    }

    #[napi]
    pub fn url(&self) -> Option<String> {
        lock(&self.server).as_ref().map(ferrumdb_studio::Studio::url)
    }

    #[napi]
    pub fn port(&self) -> Option<u16> {
        lock(&self.server).as_ref().map(ferrumdb_studio::Studio::port)
    }

    #[napi]
    pub fn stop(&self, call: u32) {
        let server = Arc::clone(&self.server);
        let stop = move || {
            // Taken first: whoever asks meanwhile finds it stopped.
            let running = lock(&server).take();
            if let Some(server) = running {
                server.stop();
            }
            Ok(())
        };
        self.completions.work(call, stop, |()| Answer::Nothing);
    }
}

impl Studio {
    pub(crate) fn new(server: ferrumdb_studio::Studio, completions: Arc<Completions>) -> Self {
        Self { server: Arc::new(Mutex::new(Some(server))), completions }
    }
}

/// Answers with the server when it listens.
///
/// # Errors
/// When the database was closed.
pub(crate) fn start(handle: &Handle, call: u32, port: u16, writes: bool) -> Result<()> {
    let (db, completions) = (handle.db()?.clone(), Arc::clone(handle.completions()));
    let serve = move || {
        let served = ferrumdb_studio::serve(&db, Options::new().with_port(port).with_writes(writes));
        served
            .map_err(|error| Failure::new(ErrorKind::Io, format!("Ferrum Studio cannot be served: {error}")))
    };
    handle.completions().work(call, serve, |server| Answer::Serving(server, completions));
    Ok(())
}
