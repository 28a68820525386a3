//! Owns what an index is made of, and how that is stored. Never guesses at a definition that a newer version wrote.

use serde::{Deserialize, Serialize};

use super::path::FieldPath;

const VERSION: u32 = 1;

/// What an index is made of: the field whose values it holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct IndexDefinition {
    /// The field.
    pub(crate) path: FieldPath,
}

/// Why a stored definition cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DefinitionError {
    /// It was written by a newer version.
    #[error(
        "the index definition has version {found}, and this build reads version {VERSION}; use a newer FerrumDB"
    )]
    UnsupportedVersion {
        /// The version that it states.
        found: u32,
    },
    /// It is not a definition.
    #[error("the index definition cannot be read: {reason}")]
    Malformed {
        /// What is wrong, and where.
        reason: String,
    },
}

#[derive(Deserialize)]
struct Head {
    version: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u32,
    path: FieldPath,
}

impl IndexDefinition {
    /// That of the order of a collection's keys, which has no path: every document has one entry, with null for a value.
    /// It is never stored.
    pub(crate) fn of_keys() -> Self {
        Self { path: FieldPath::none() }
    }

    /// Whether it is that of the order of a collection's keys.
    pub(crate) fn is_of_keys(&self) -> bool {
        self.path.steps().is_empty()
    }

    /// The definition as it is stored.
    pub(crate) fn to_json(&self) -> String {
        let stored = Stored { version: VERSION, path: self.path.clone() };
        serde_json::to_string(&stored).expect("a number and a list of strings can be written as JSON")
    }

    /// The definition that the bytes of a record tell.
    ///
    /// # Errors
    /// As [`Self::from_json`], and when they are no text.
    pub(crate) fn from_stored(stored: &[u8]) -> Result<Self, DefinitionError> {
        let text = std::str::from_utf8(stored);
        text.map_err(|error| DefinitionError::Malformed { reason: error.to_string() })
            .and_then(Self::from_json)
    }

    /// The definition that a stored text tells.
    ///
    /// # Errors
    /// [`DefinitionError`] when the version or a field is not known.
    pub(crate) fn from_json(text: &str) -> Result<Self, DefinitionError> {
        // The version comes first: what a newer one looks like is not known.
        let Head { version: found } = serde_json::from_str(text).map_err(malformed)?;
        if found != VERSION {
            return Err(DefinitionError::UnsupportedVersion { found });
        }
        let Stored { path, .. } = serde_json::from_str(text).map_err(malformed)?;
        Ok(Self { path })
    }
}

fn malformed(error: serde_json::Error) -> DefinitionError {
    DefinitionError::Malformed { reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // A test may panic.

    use super::*;

    #[test]
    fn a_definition_is_stored_with_its_version_and_comes_back() {
        let definition = IndexDefinition { path: FieldPath::from_segments(["address", "zip.code"]).unwrap() };
        assert_eq!(definition.to_json(), r#"{"version":1,"path":["address","zip.code"]}"#);
        assert_eq!(IndexDefinition::from_json(&definition.to_json()), Ok(definition));
    }

    #[test]
    fn a_definition_that_is_not_known_is_refused() {
        let newer = r#"{"version":2,"fields":[{"path":["a"]}]}"#;
        assert_eq!(IndexDefinition::from_json(newer), Err(DefinitionError::UnsupportedVersion { found: 2 }));
        for text in [
            "",
            "[]",
            r#"{"path":["a"]}"#,
            r#"{"version":1}"#,
            r#"{"version":1,"path":[]}"#,
            r#"{"version":1,"path":"a"}"#,
            r#"{"version":1,"path":["a"],"unique":true}"#,
            r#"{"version":-1,"path":["a"]}"#,
        ] {
            let refused = IndexDefinition::from_json(text);
            assert!(matches!(refused, Err(DefinitionError::Malformed { .. })), "{text}: {refused:?}");
        }
    }
}
