//! Owns what a task is, as it is stored and as it is shown. Never knows where it is stored.

use std::fmt;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// A task, as its document has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Task {
    pub(crate) title: String,
    pub(crate) status: Status,
    /// A day, as in 2026-12-24: such texts are in the order of the days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) due: Option<String>,
    /// Who works on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) person: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    Open,
    Started,
    Done,
}

impl Task {
    pub(crate) fn new(title: &str, due: Option<&str>) -> Self {
        let (title, due) = (title.to_owned(), due.map(str::to_owned));
        Self { title, status: Status::Open, due, person: None }
    }
}

impl fmt::Display for Task {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { title, status, due, person } = self;
        let status = format!("{status:?}").to_lowercase();
        write!(formatter, "{status:<7}  {:<10}  {title}", due.as_deref().unwrap_or("-"))?;
        person.iter().try_for_each(|person| write!(formatter, " ({person})"))
    }
}
