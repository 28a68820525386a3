//! The change feed, the versions of a key and the past, against a model of what was committed: through compactions,
//! reopenings, power cuts, and for followers. No test may rest on time.
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

mod crashes;
mod model;
mod past;
mod random;
mod rules;
mod watchers;
mod world;
