//! Owns how an error becomes an answer: a status, a word to decide by, and a sentence. Never says more of an error than its
//! sentence does.

use std::io;

use ferrumdb::ErrorKind;
use hyper::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};

/// Why a request is not answered as was hoped.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: StatusCode,
    pub(crate) kind: String,
    pub(crate) message: String,
    /// What is told besides.
    pub(crate) more: Option<Box<Value>>,
}

/// The part of a failure that stands under `error`.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Told {
    pub(crate) kind: String,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(status: StatusCode, kind: &str, message: impl Into<String>) -> Self {
        Self { status, kind: kind.to_owned(), message: message.into(), more: None }
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", message)
    }

    pub(crate) fn busy(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message)
    }

    pub(crate) fn internal() -> Self {
        let message = "the server failed at this request, and goes on; its log says more";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
    }

    /// The same, with what is told besides: an object.
    pub(crate) fn with(self, more: Value) -> Self {
        Self { more: Some(Box::new(more)), ..self }
    }

    pub(crate) fn told(&self) -> Told {
        Told { kind: self.kind.clone(), message: self.message.clone() }
    }

    pub(crate) fn into_json(self) -> Value {
        let told = self.told();
        let mut answer = self.more.map_or_else(|| json!({}), |more| *more);
        answer["error"] = json!(told);
        answer
    }
}

impl From<ferrumdb::Error> for Failure {
    fn from(error: ferrumdb::Error) -> Self {
        Self::new(status(error.kind()), &snake_case(error.kind()), error.to_string())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "io", format!("the system refused: {error}"))
    }
}

fn status(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::Conflict | ErrorKind::IndexExists => StatusCode::CONFLICT,
        ErrorKind::ReadOnly => StatusCode::FORBIDDEN,
        ErrorKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorKind::NoSuchIndex | ErrorKind::NoSuchCommit => StatusCode::NOT_FOUND,
        ErrorKind::HistoryDropped | ErrorKind::Lagged => StatusCode::GONE,
        ErrorKind::InvalidJson
        | ErrorKind::NotSerializable
        | ErrorKind::InvalidName
        | ErrorKind::InvalidPath
        | ErrorKind::TypeMismatch => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorKind::Closed | ErrorKind::Cancelled | ErrorKind::Replaced => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The name of a kind as it stands in an answer.
fn snake_case(kind: ErrorKind) -> String {
    let mut name = String::new();
    for letter in format!("{kind:?}").chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_words_of_lower_case() {
        assert_eq!(snake_case(ErrorKind::Conflict), "conflict");
        assert_eq!(snake_case(ErrorKind::NoSuchIndex), "no_such_index");
    }

    #[test]
    fn a_failure_tells_its_kind_and_what_is_added() {
        let failure = Failure::busy("later").with(json!({"current": null}));
        let answer = json!({"error": {"kind": "busy", "message": "later"}, "current": null});
        assert_eq!(failure.into_json(), answer);
    }
}
