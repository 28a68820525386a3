//! Owns how the programs of this folder read their command line. Never gives a value a meaning.

use std::str::FromStr;

/// `--name value` and `--name`, in any order.
#[derive(Clone, Debug)]
pub struct Arguments(Vec<String>);

impl Arguments {
    /// Those of this process, without its own name.
    #[must_use]
    pub fn of_process() -> Self {
        Self(std::env::args().skip(1).collect())
    }

    /// The value after `name`, or the default.
    ///
    /// # Errors
    /// A sentence, when there is no value or it cannot be read.
    pub fn value<T: FromStr>(&self, name: &str, default: T) -> Result<T, String> {
        let Some(index) = self.0.iter().position(|argument| argument == name) else { return Ok(default) };
        let text = self.0.get(index + 1).ok_or_else(|| format!("{name} needs a value"))?;
        text.parse().map_err(|_| format!("{name} cannot be `{text}`"))
    }

    /// Whether `name` is there.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|argument| argument == name)
    }

    /// The arguments as they were given.
    #[must_use]
    pub fn all(&self) -> &[String] {
        &self.0
    }
}
