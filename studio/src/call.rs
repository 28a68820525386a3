//! Owns what a request says to a route: its parameters and its body, strictly read. Never carries anything out.

use std::sync::Arc;

use bytes::Bytes;
use ferrumdb::{Collection, FieldPath};
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::app::App;
use crate::failure::Failure;

pub(crate) struct Call {
    pub(crate) app: Arc<App>,
    parameters: Vec<(String, String)>,
    body: Bytes,
    /// Where an event stream that was broken off had come.
    pub(crate) last_event: Option<u64>,
}

impl Call {
    /// Reads the query, of which a route knows these names.
    pub(crate) fn new(
        app: Arc<App>,
        query: &str,
        known: &[&str],
        body: Bytes,
        last_event: Option<u64>,
    ) -> Result<Self, Failure> {
        let mut parameters: Vec<(String, String)> = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(name)?, decode(value)?);
            if !known.contains(&&*name) {
                return Err(Failure::bad_request(format!("there is no parameter {name:?} here")));
            }
            if parameters.iter().any(|(before, _)| *before == name) {
                return Err(Failure::bad_request(format!("there are two parameters {name:?}")));
            }
            parameters.push((name, value));
        }
        Ok(Self { app, parameters, body, last_event })
    }

    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    pub(crate) fn needed(&self, name: &str) -> Result<&str, Failure> {
        self.parameter(name).ok_or_else(|| Failure::bad_request(format!("the parameter {name:?} is missing")))
    }

    pub(crate) fn flag(&self, name: &str) -> Result<bool, Failure> {
        match self.parameter(name) {
            None | Some("false" | "0") => Ok(false),
            Some("true" | "1") => Ok(true),
            Some(_) => Err(Failure::bad_request(format!("{name:?} is either true or false"))),
        }
    }

    pub(crate) fn number(&self, name: &str) -> Result<Option<u64>, Failure> {
        let parse = |text: &str| {
            text.parse()
                .map_err(|_| Failure::bad_request(format!("{name:?} is a whole number, not {text:?}")))
        };
        self.parameter(name).map(parse).transpose()
    }

    /// How many are wanted: from 1 to `max`.
    pub(crate) fn limit(&self, default: usize, max: usize) -> Result<usize, Failure> {
        match self.number("limit")? {
            None => Ok(default),
            Some(limit @ 1..) if limit <= max as u64 => Ok(limit as usize),
            Some(_) => Err(Failure::bad_request(format!("\"limit\" is from 1 to {max}"))),
        }
    }

    /// A JSON value.
    pub(crate) fn value(&self, name: &str) -> Result<Option<Value>, Failure> {
        let parse = |text: &str| {
            serde_json::from_str(text)
                .map_err(|error| Failure::bad_request(format!("{name:?} is no JSON value: {error}")))
        };
        self.parameter(name).map(parse).transpose()
    }

    /// The collection that the query names.
    pub(crate) fn collection(&self) -> Result<Collection, Failure> {
        self.app.collection(self.parameter("collection"))
    }

    pub(crate) fn body<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.body)
            .map_err(|error| Failure::bad_request(format!("the body is not what is asked for: {error}")))
    }
}

/// A field: dotted text, or a list of segments.
pub(crate) fn field(value: &Value) -> Result<FieldPath, Failure> {
    let path = match value {
        Value::String(text) => FieldPath::parse(text),
        Value::Array(segments) => {
            let texts = segments.iter().map(|segment| segment.as_str());
            let texts: Option<Vec<&str>> = texts.collect();
            FieldPath::from_segments(texts.ok_or_else(|| Failure::bad_request(NO_FIELD))?)
        }
        _ => return Err(Failure::bad_request(NO_FIELD)),
    };
    path.map_err(|error| ferrumdb::Error::from(error).into())
}

const NO_FIELD: &str = "a field is a dotted text, or a list of texts";

/// The same as text: a list if it is spelled as one.
pub(crate) fn field_of_text(text: &str) -> Result<FieldPath, Failure> {
    match serde_json::from_str::<Value>(text) {
        Ok(list @ Value::Array(_)) => field(&list),
        _ => field(&Value::from(text)),
    }
}

/// Texts that are not UTF-8 are refused: two keys would become one.
fn decode(text: &str) -> Result<String, Failure> {
    let text = text.replace('+', " ");
    let decoded = percent_decode_str(&text).decode_utf8();
    decoded.map(|text| text.into_owned()).map_err(|_| Failure::bad_request("the address is not UTF-8"))
}
