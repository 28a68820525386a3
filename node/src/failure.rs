//! Owns how an error gets to JavaScript: a stable code, and its parts as JSON. Never changes its text.

use ferrumdb::{Error, ErrorKind, PathError};
use napi::Status;
use serde::Serialize;

/// An error on its way to JavaScript, where `lib/errors.js` makes a `FerrumDBError` of it.
pub(crate) struct Failure(Box<Details>);

/// The result of a call from JavaScript.
pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

/// The code of an error that is thrown.
pub struct Code(&'static str);

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    code: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    collection: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<u32>,
}

impl Failure {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Details { code: code(kind), message: message.into(), ..Details::default() }))
    }

    /// Its parts as JSON.
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(&*self.0).expect("it holds texts and numbers only")
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(Box::new(Details {
            code: code(error.kind()),
            message: error.to_string(),
            key: error.key().map(|key| key.as_str().to_owned()),
            collection: error.collection().map(|name| name.as_str().to_owned()),
            path: error.path().map(|path| path.display().to_string()),
            found: error.found().map(|found| found.0),
            attempts: error.attempts(),
        }))
    }
}

impl From<PathError> for Failure {
    fn from(error: PathError) -> Self {
        Error::from(error).into()
    }
}

impl From<Failure> for napi::Error<Code> {
    fn from(failure: Failure) -> Self {
        Self::new(Code(failure.0.code), failure.to_json())
    }
}

impl AsRef<str> for Code {
    fn as_ref(&self) -> &str {
        self.0
    }
}

impl From<Status> for Code {
    /// Of a call that `lib/` should not have made.
    fn from(_: Status) -> Self {
        Self("FERRUMDB_OTHER")
    }
}

/// INVARIANT: a code, once given, stays. They are listed in `index.d.ts`.
fn code(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Locked => "FERRUMDB_LOCKED",
        ErrorKind::IsADirectory => "FERRUMDB_IS_A_DIRECTORY",
        ErrorKind::NoSuchFolder => "FERRUMDB_NO_SUCH_FOLDER",
        ErrorKind::NotADatabase => "FERRUMDB_NOT_A_DATABASE",
        ErrorKind::UnsupportedFormat => "FERRUMDB_UNSUPPORTED_FORMAT",
        ErrorKind::KeyNeeded => "FERRUMDB_KEY_NEEDED",
        ErrorKind::NotEncrypted => "FERRUMDB_NOT_ENCRYPTED",
        ErrorKind::WrongKey => "FERRUMDB_WRONG_KEY",
        ErrorKind::Tampered => "FERRUMDB_TAMPERED",
        ErrorKind::KeyWornOut => "FERRUMDB_KEY_WORN_OUT",
        ErrorKind::Damaged => "FERRUMDB_DAMAGED",
        ErrorKind::Io => "FERRUMDB_IO",
        ErrorKind::TooLarge => "FERRUMDB_TOO_LARGE",
        ErrorKind::InvalidJson => "FERRUMDB_INVALID_JSON",
        ErrorKind::NotSerializable => "FERRUMDB_NOT_SERIALIZABLE",
        ErrorKind::TypeMismatch => "FERRUMDB_TYPE_MISMATCH",
        ErrorKind::Overflow => "FERRUMDB_OVERFLOW",
        ErrorKind::IndexExists => "FERRUMDB_INDEX_EXISTS",
        ErrorKind::NoSuchIndex => "FERRUMDB_NO_SUCH_INDEX",
        ErrorKind::InvalidName => "FERRUMDB_INVALID_NAME",
        ErrorKind::Cancelled => "FERRUMDB_CANCELLED",
        ErrorKind::InvalidPath => "FERRUMDB_INVALID_PATH",
        ErrorKind::Conflict => "FERRUMDB_CONFLICT",
        ErrorKind::InDoubt => "FERRUMDB_IN_DOUBT",
        ErrorKind::Poisoned => "FERRUMDB_POISONED",
        ErrorKind::ReadOnly => "FERRUMDB_READ_ONLY",
        ErrorKind::Replaced => "FERRUMDB_REPLACED",
        ErrorKind::Closed => "FERRUMDB_CLOSED",
        ErrorKind::Forked => "FERRUMDB_FORKED",
        ErrorKind::InvalidConfig => "FERRUMDB_INVALID_CONFIG",
        ErrorKind::AlreadyExists => "FERRUMDB_ALREADY_EXISTS",
        ErrorKind::HistoryDropped => "FERRUMDB_HISTORY_DROPPED",
        ErrorKind::Lagged => "FERRUMDB_LAGGED",
        ErrorKind::NoSuchCommit => "FERRUMDB_NO_SUCH_COMMIT",
        ErrorKind::WrongIncrement => "FERRUMDB_WRONG_INCREMENT",
        _ => "FERRUMDB_OTHER",
    }
}
