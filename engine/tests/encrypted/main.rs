//! Encrypted databases under attack and in crashes. The attacker may write every byte and has read `docs/format.md`, but has
//! no key: each attack is refused, or without effect.

#![allow(clippy::unwrap_used)] // A test may panic.

mod attacker;
mod crashes;
mod database;
mod headers;
mod hints;
mod history;
mod lives;
mod records;
mod watching;
