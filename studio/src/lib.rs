//! Ferrum Studio: a page to look into a FerrumDB database, served by the program that has it open. It needs no internet,
//! listens on the loopback only, and answers nobody but whoever was given its address.
//!
//! ```
//! use ferrumdb::FerrumDB;
//! use ferrumdb_studio::{Options, serve};
//!
//! let db = FerrumDB::open_in_memory().wait()?;
//! let studio = serve(&db, Options::new().with_port(0))?;
//! println!("Ferrum Studio is at {}", studio.launch_url());
//! studio.stop();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Who may call it, and what it answers, is said in `docs/studio.md` and `studio/openapi.json`.

#![forbid(unsafe_code)]

mod answer;
mod api;
mod app;
mod assets;
mod call;
mod failure;
mod guard;
mod http;
mod jobs;
mod listen;
mod options;
mod public;
mod router;
mod samples;
mod secrets;
mod sink;
mod studio;
mod undo;

pub use listen::ServeError;
pub use options::{DEFAULT_PORT, Options};
pub use studio::{Studio, serve};
