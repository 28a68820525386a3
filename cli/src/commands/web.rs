//! The command that serves a database to a browser. Never answers a request itself.

use std::path::PathBuf;

use clap::Args;
use ferrumdb::{ErrorKind, FerrumDB};
use ferrumdb_studio::DEFAULT_PORT;
use serde_json::json;

use crate::exit::{Failure, Outcome, Status};
use crate::interrupt;
use crate::opening::{closing, open, open_to_read};
use crate::options::Options;
use crate::output::{self, Output};
use crate::studio;

const EXAMPLES: &str = r#"Examples:
  ferrumdb web my.db                  a page to look into the file, also while another process writes it
  ferrumdb web my.db --write          the same, and documents can be changed
  ferrumdb web my.db --write --open   and a browser shows it
  ferrumdb web my.db --port 8080      on this port, or the next one that is free
  ferrumdb web my.db --json           its address and its token for programs, as one object
  ferrumdb web my.db --public-url https://db.example.org/ferrum/     behind a reverse proxy on this machine

Without --write, the file is followed: any process can open it meanwhile. With it, this process owns the file; if another one
does already, it is followed. The address works once, in one browser. It is answered on this machine only; from
elsewhere, take `ssh -L 7474:127.0.0.1:7474`. Ctrl-C ends it."#;

/// Serves Ferrum Studio, a page to look into a database, and to change it.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Web {
    /// The database file
    database: PathBuf,

    /// Listen on this port, or, if it is taken, on the next one that is free
    #[arg(long, default_value_t = DEFAULT_PORT)]
    port: u16,

    /// Listen on this loopback address alone, instead of all of them
    #[arg(long, value_name = "ADDRESS")]
    host: Option<String>,

    /// The address under which a reverse proxy on this machine serves it
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,

    /// Let documents be changed, and make the file if need be
    #[arg(long, conflicts_with = "read_only")]
    write: bool,

    /// Show it in a browser
    #[arg(long)]
    open: bool,
}

impl Web {
    pub(super) fn run(&self, options: &Options) -> Outcome {
        let db = self.opened(options)?;
        closing(&db, || self.serve(&db, options))
    }

    fn opened(&self, options: &Options) -> Result<FerrumDB, Failure> {
        if !self.write {
            return open_to_read(&self.database, options);
        }
        match open(&self.database, options) {
            Err(failure) if failure.kind == Some(ErrorKind::Locked) => {
                output::warning(&format!("{}; nothing can be changed here", failure.message));
                open_to_read(&self.database, options)
            }
            outcome => outcome,
        }
    }

    fn serve(&self, db: &FerrumDB, options: &Options) -> Outcome {
        let mut served = ferrumdb_studio::Options::new().with_port(self.port).with_writes(self.write);
        if let Some(host) = &self.host {
            served = served.with_host(host);
        }
        if let Some(url) = &self.public_url {
            served = served.with_public_url(url);
        }
        // ORDER: before anybody is told where it is, so that whoever ends it at once ends it well.
        let caught = interrupt::catch()?;
        let studio = studio::start(db, served)?;
        let url = studio.launch_url();
        let mut output = Output::standard(options.mode());
        let object = json!({
            "url": url, "port": studio.port(), "token": studio.token(), "writes": studio.writes(),
        });
        output.report(&object, &studio::told(&studio, "; Ctrl-C ends it", &url))?;
        output.flush()?;
        if self.open {
            studio::show(&url)?;
        }
        caught.wait();
        studio.stop();
        Ok(Status::Good)
    }
}
