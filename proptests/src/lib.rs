//! Owns the model of a database, the operations that tests put it through, and the run that compares the two.
//! It must never be a dependency of a crate that people use.

mod aim;
pub mod bytes;
mod check;
mod explore;
mod fates;
pub mod golden;
mod model;
mod ops;
mod random;
mod run;
mod scenes;
pub mod serial;
mod sites;

pub use explore::{Budget, Finding, Totals, explore, shrink};
pub use model::{Model, Staged, State};
pub use ops::{
    COLLECTIONS, Change, Damage, Failure, KEYS, OPERATIONS, Op, OpList, ROOT, collection_of, document,
    place_of,
};
pub use random::Random;
pub use run::{Explored, Run, replay};
pub use sites::{Cut, FateKind, Met, Passed, Site, Sites};
