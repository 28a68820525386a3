//! Owns what the routes answer, one file for each subject. Never knows who may ask.

pub(crate) mod backup;
pub(crate) mod changes;
pub(crate) mod collections;
pub(crate) mod delete;
pub(crate) mod document;
pub(crate) mod events;
pub(crate) mod export;
pub(crate) mod file;
pub(crate) mod find;
pub(crate) mod history;
pub(crate) mod import;
pub(crate) mod indexes;
pub(crate) mod jobs;
pub(crate) mod keys;
pub(crate) mod overview;
mod sizes;
pub(crate) mod tree;
