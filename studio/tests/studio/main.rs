//! The server as a client meets it, over the loopback: who is answered, with what, and that the answers are those that the
//! written interface states. Never needs a browser.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod access;
mod client;
mod documents;
mod files;
mod limits;
mod schema;
mod streams;

use std::path::PathBuf;

use ferrumdb::{Config, FerrumDB};
use ferrumdb_studio::{Options, Studio, serve};
use tempfile::TempDir;

use client::Client;

/// A database in a folder of its own, and its server.
struct Served {
    studio: Studio,
    db: FerrumDB,
    folder: TempDir,
}

impl Served {
    fn new(writes: bool) -> Self {
        Self::with(writes, |config| config)
    }

    fn with(writes: bool, configure: impl FnOnce(Config) -> Config) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = Config::new(folder.path().join("my.db")).with_fsync_policy(ferrumdb::FsyncPolicy::Never);
        let db = FerrumDB::open(configure(config)).wait().unwrap();
        let studio = serve(&db, Options::new().with_port(0).with_writes(writes)).unwrap();
        Self { studio, db, folder }
    }

    /// A client that knows the token.
    fn client(&self) -> Client {
        Client::new(self.studio.port()).bearer(self.studio.token())
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("my.db")
    }
}
