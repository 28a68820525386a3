//! The binary part of the Node package `ferrumdb`: it translates between JavaScript's values and the crate `ferrumdb`, and
//! takes what may wait off the event loop. It never decides what the database does, and nobody but the package's own
//! JavaScript, in `lib/`, calls it.
//!
//! A call whose answer needs no waiting returns it. Any other is given a number, which is answered later, together with
//! all others that are ready by then: see `completions`.

#![deny(unsafe_code)]
#![allow(
    missing_docs,
    unreachable_pub,
    reason = "nobody calls it but lib/, where what people see is described"
)]

mod answer;
mod completions;
mod database;
mod event_loop;
mod failure;
mod handle;
mod keyspace;
mod numbers;
mod open_transaction;
mod options;
mod pool;
mod quick;
mod registry;
mod report;
mod scan;
mod sets;
mod studio;
mod transaction;
mod transfer;
mod watch;

/// What a call brings is allocated on the event loop's thread and freed on the writer's, and an answer the other way round, some
/// fifty at a time: the allocator of C has these threads wait for each other then. Only where it has been tried.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
