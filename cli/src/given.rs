//! Owns keys that commands are given: as arguments, or on standard input, one a line. Never holds many of those at once.

use std::io::{self, BufRead};

use crate::exit::{Failure, Status};
use crate::typed;

/// Keys as they were given.
pub(crate) struct GivenKeys<'a>(&'a [String]);

impl<'a> GivenKeys<'a> {
    /// A single - stands for standard input.
    pub(crate) fn of(arguments: &'a [String]) -> Self {
        Self(arguments)
    }

    /// Hands on the keys, so many at a time.
    pub(crate) fn each(
        &self,
        at_once: usize,
        mut take: impl FnMut(&[String]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        if !matches!(self.0, [only] if only == "-") {
            return take(self.0);
        }
        let mut keys = Vec::new();
        for (number, line) in io::stdin().lock().lines().enumerate() {
            let line = line.map_err(|error| {
                Failure::new(Status::Io, format!("could not read standard input: {error}"))
            })?;
            if !line.is_empty() {
                keys.push(key(&line).map_err(|reason| {
                    Failure::new(Status::Refused, format!("line {}: {reason}", number + 1))
                })?);
            }
            if keys.len() == at_once {
                take(&keys)?;
                keys.clear();
            }
        }
        if keys.is_empty() { Ok(()) } else { take(&keys) }
    }
}

/// The key in a line, as `ferrumdb keys` prints it.
fn key(line: &str) -> Result<String, String> {
    if !line.starts_with('"') {
        return Ok(line.to_owned());
    }
    match typed::take_key(line)? {
        (key, "") => Ok(key.into_owned()),
        (_, rest) => Err(format!("{} follows the key", typed::quoted(rest))),
    }
}
