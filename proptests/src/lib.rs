//! Owns nothing at run time: it is the home of the tests that look at the whole workspace, in `tests/`.
//! It must never be a dependency of a crate that people use.
