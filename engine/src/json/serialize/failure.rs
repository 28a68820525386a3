//! Owns the failure of a serialisation, and the path to it. Never holds a path before something has failed.

use std::fmt;

use serde::ser;

use crate::error::Error;

/// Why a value was refused. It is one pointer, so that a success costs nothing.
#[derive(Debug)]
pub(super) struct Failure(Box<Inner>);

#[derive(Debug)]
struct Inner {
    cause: Cause,
    /// The innermost step first.
    path: Vec<Step>,
}

#[derive(Debug)]
enum Cause {
    Reason(String),
    Refused(Error),
}

#[derive(Debug)]
enum Step {
    Key(String),
    Index(usize),
}

impl Failure {
    #[cold]
    pub(super) fn reason(reason: impl Into<String>) -> Self {
        Self(Box::new(Inner { cause: Cause::Reason(reason.into()), path: Vec::new() }))
    }

    /// An error that says all there is to say, without a path.
    #[cold]
    pub(super) fn refused(error: Error) -> Self {
        Self(Box::new(Inner { cause: Cause::Refused(error), path: Vec::new() }))
    }

    /// This failure, seen from the object that holds the value under `key`.
    #[cold]
    pub(super) fn under_key(mut self, key: &str) -> Self {
        self.0.path.push(Step::Key(key.to_owned()));
        self
    }

    /// This failure, seen from the array that holds the value at `index`.
    #[cold]
    pub(super) fn at_index(mut self, index: usize) -> Self {
        self.0.path.push(Step::Index(index));
        self
    }

    #[cold]
    pub(super) fn into_error(self) -> Error {
        let path = self.path();
        match self.0.cause {
            Cause::Refused(error) => error,
            Cause::Reason(reason) => Error::NotSerializable { path, reason },
        }
    }

    fn path(&self) -> String {
        let mut path = "$".to_owned();
        for step in self.0.path.iter().rev() {
            match step {
                Step::Index(index) => path.push_str(&format!("[{index}]")),
                Step::Key(key) if is_plain(key) => {
                    path.push('.');
                    path.push_str(key);
                }
                Step::Key(key) => {
                    path.push_str("[\"");
                    crate::json::escape::push(&mut path, key);
                    path.push_str("\"]");
                }
            }
        }
        path
    }
}

fn is_plain(key: &str) -> bool {
    let word = |character: char| character.is_alphanumeric() || matches!(character, '_' | '-');
    key.starts_with(|first: char| word(first) && !first.is_ascii_digit()) && key.chars().all(word)
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.cause {
            Cause::Reason(reason) => write!(formatter, "{}: {reason}", self.path()),
            Cause::Refused(error) => error.fmt(formatter),
        }
    }
}

impl std::error::Error for Failure {}

impl ser::Error for Failure {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::reason(message.to_string())
    }
}
