//! Owns which keys a command is about: those that begin with a text, or those in a range. Never lists them.

use std::ops::Bound;

use clap::Args;
use clap_complete::ArgValueCompleter;
use ferrumdb::{Collection, Result, Scan};

use crate::suggestions;

/// Which keys are meant: all, without any of it.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct KeyRange {
    /// Only keys that begin with this text
    #[arg(value_name = "PREFIX", conflicts_with_all = ["from", "to"], add = ArgValueCompleter::new(suggestions::keys))]
    pub(crate) prefix: Option<String>,

    /// Only keys from this one on, in the order of their bytes
    #[arg(long, value_name = "KEY")]
    pub(crate) from: Option<String>,

    /// Only keys before this one
    #[arg(long, value_name = "KEY")]
    pub(crate) to: Option<String>,
}

impl KeyRange {
    /// Whether all keys are meant.
    pub(crate) fn is_everything(&self) -> bool {
        self.prefix.is_none() && self.from.is_none() && self.to.is_none()
    }

    /// The documents under them, in order.
    pub(crate) fn scan(&self, used: &Collection) -> Result<Scan> {
        match &self.prefix {
            Some(prefix) => used.prefix(prefix),
            None => used.range::<String>(self.bounds()),
        }
    }

    /// How many they are.
    pub(crate) fn count(&self, used: &Collection) -> Result<u64> {
        match &self.prefix {
            _ if self.is_everything() => used.count(),
            Some(prefix) => used.count_prefix(prefix),
            None => used.count_range::<String>(self.bounds()),
        }
    }

    pub(crate) fn bounds(&self) -> (Bound<&String>, Bound<&String>) {
        let from = self.from.as_ref().map_or(Bound::Unbounded, Bound::Included);
        (from, self.to.as_ref().map_or(Bound::Unbounded, Bound::Excluded))
    }
}
