//! The engine's promises as tests on a simulated disk, and where only a real one will do, on that. One module for each
//! kind of promise; none may rest on how the engine is built inside.
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

mod backups;
mod cancelled_reads;
mod catching_up;
mod collections;
mod common;
mod compacted;
mod compaction;
mod creation;
mod damage;
mod decoded;
mod encrypted;
mod every_call;
mod followers;
mod followers_any_history;
mod histories;
mod keys_and_limits;
mod locks;
mod model;
mod ordered;
mod readers;
mod refusals;
mod repair;
mod restores;
mod second_part;
mod serializable;
mod serializable_threads;
mod sync_failures;
mod torn_tails;
mod verify;
mod write_failures;

use ferrumdb_proptests::bytes;
