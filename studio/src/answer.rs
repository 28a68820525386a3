//! Owns what a route answers with, before it is HTTP: a JSON text, a file of the page, or something that is made while it is
//! sent. Never sends anything.

use std::fmt;

use hyper::StatusCode;
use serde::Serialize;

use crate::failure::Failure;
use crate::sink::{Gone, Sink};

pub(crate) enum Answer {
    Json(StatusCode, Vec<u8>),
    Stream(Stream),
}

/// What puts an answer into a sink, and says whether that is all of it.
type Produce = Box<dyn FnOnce(&mut Sink) -> Result<(), Stopped> + Send>;

/// What is made while it is sent, on a thread of its own.
pub(crate) struct Stream {
    pub(crate) content_type: &'static str,
    /// The name under which a browser is to save it.
    pub(crate) file_name: Option<String>,
    /// How long it will be, where that is known.
    pub(crate) bytes: Option<u64>,
    pub(crate) produce: Produce,
}

/// Why a stream ends before its end.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// Nobody reads it any more.
    Gone,
    /// It cannot be made: whoever reads it is to see that it is cut off.
    Failed(Failure),
}

impl Answer {
    pub(crate) fn json(value: &impl Serialize) -> Result<Self, Failure> {
        Self::with_status(StatusCode::OK, value)
    }

    pub(crate) fn with_status(status: StatusCode, value: &impl Serialize) -> Result<Self, Failure> {
        let text = serde_json::to_vec(value).map_err(|error| {
            tracing::error!(%error, "an answer could not be written");
            Failure::internal()
        })?;
        Ok(Self::Json(status, text))
    }

    /// A file that is to be saved.
    pub(crate) fn file(
        content_type: &'static str,
        file_name: String,
        produce: impl FnOnce(&mut Sink) -> Result<(), Stopped> + Send + 'static,
    ) -> Self {
        let produce = Box::new(produce);
        Self::Stream(Stream { content_type, file_name: Some(file_name), bytes: None, produce })
    }

    /// The same, of so many bytes.
    pub(crate) fn of_length(self, bytes: u64) -> Self {
        match self {
            Self::Stream(stream) => Self::Stream(Stream { bytes: Some(bytes), ..stream }),
            answer => answer,
        }
    }

    /// Server-sent events.
    pub(crate) fn events(produce: impl FnOnce(&mut Sink) -> Result<(), Stopped> + Send + 'static) -> Self {
        let produce = Box::new(produce);
        Self::Stream(Stream { content_type: "text/event-stream", file_name: None, bytes: None, produce })
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(status, text) => {
                formatter.debug_tuple("Json").field(status).field(&text.len()).finish()
            }
            Self::Stream(stream) => formatter.debug_tuple("Stream").field(&stream.content_type).finish(),
        }
    }
}

impl From<Gone> for Stopped {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<ferrumdb::Error> for Stopped {
    fn from(error: ferrumdb::Error) -> Self {
        Self::Failed(error.into())
    }
}

impl From<std::io::Error> for Stopped {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(error.into())
    }
}
