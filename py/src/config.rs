//! Owns how the arguments of an opening become a configuration. Never opens a file by itself.

use std::path::PathBuf;
use std::time::Duration;

use ferrumdb::{Config, FerrumDB, FsyncPolicy, History, Limits};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString};

use crate::collection::Opened;
use crate::error::{raise, raise_as};
use crate::json::Codec;
use crate::operation::{Operate, Started, answering, plainly};
use crate::ttl;

/// What stands for a database without a file.
const IN_MEMORY: &str = ":memory:";

const LIMITS: &str = "key_bytes, document_bytes, depth, transaction_operations and transaction_bytes";

/// Opens a database, and returns when it is open.
#[pyfunction]
#[pyo3(signature = (path, options))]
pub(crate) fn open(py: Python<'_>, path: PathBuf, options: Options) -> PyResult<Py<PyAny>> {
    opening(path, options, FerrumDB::clone)?.wait(py)
}

/// The same for asyncio.
#[pyfunction]
#[pyo3(signature = (path, options))]
pub(crate) fn start_open(path: PathBuf, options: Options) -> PyResult<Started> {
    Ok(opening(path, options, FerrumDB::for_event_loops)?.start())
}

/// How to open: the keys of a dict.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Options<'py> {
    encryption_key: Option<Bound<'py, PyAny>>,
    passphrase: Option<String>,
    fsync: Option<Bound<'py, PyAny>>,
    read_only: bool,
    cache_bytes: Option<u64>,
    lock_timeout: Option<Bound<'py, PyAny>>,
    max_document_bytes: Option<usize>,
    limits: Option<Bound<'py, PyDict>>,
    history: Option<Bound<'py, PyAny>>,
    codec: Option<String>,
}

fn opening(
    path: PathBuf,
    options: Options<'_>,
    handle: fn(&FerrumDB) -> FerrumDB,
) -> PyResult<impl Operate + use<>> {
    let codec = codec(options.codec.as_deref())?;
    let config = configured(path, options)?;
    Ok(answering(FerrumDB::open(config), move |py, db| plainly(py, Opened::new(handle(&db), codec))))
}

fn configured(path: PathBuf, options: Options<'_>) -> PyResult<Config> {
    let in_memory = path.as_os_str() == IN_MEMORY;
    let mut config =
        if in_memory { Config::in_memory() } else { Config::new(path).from_env().map_err(raise)? };
    config = match (options.encryption_key, options.passphrase) {
        (None, None) => config,
        (Some(key), None) => config.with_encryption(encryption_key(&key)?),
        (None, Some(words)) => config.with_passphrase(words),
        (Some(_), Some(_)) => return Err(one_of_both()),
    };
    if let Some(fsync) = options.fsync {
        config = config.with_fsync_policy(fsync_policy(&fsync)?);
    }
    if options.read_only {
        config = config.read_only();
    }
    if let Some(bytes) = options.cache_bytes {
        config = config.with_cache_bytes(bytes);
    }
    let limits = limits(options.max_document_bytes, options.limits.as_ref())?;
    config = config.with_limits(limits);
    if let Some(timeout) = options.lock_timeout {
        config = config.with_lock_timeout(ttl::lifetime(&timeout)?);
    }
    if let Some(history) = options.history {
        config = config.keep_history(kept(&history)?);
    }
    Ok(config)
}

/// The codec of this name.
pub(crate) fn codec(name: Option<&str>) -> PyResult<Codec> {
    match name {
        None | Some("json") => Ok(Codec::Plain),
        Some("extended") => Ok(Codec::Extended),
        Some(other) => Err(invalid(&format!("a codec is \"json\" or \"extended\", not {other:?}"))),
    }
}

/// The 32 bytes of a key.
pub(crate) fn encryption_key(key: &Bound<'_, PyAny>) -> PyResult<[u8; 32]> {
    let bytes = match (key.cast::<PyBytes>(), key.cast::<PyString>()) {
        (Ok(bytes), _) => bytes.as_bytes(),
        (_, Ok(text)) => text.to_str()?.as_bytes(),
        _ => return Err(raise_as("InvalidType", "invalid-config", "an encryption key is a str or bytes")),
    };
    bytes.try_into().map_err(|_| {
        let message = format!(
            "an encryption key has 32 bytes, not {}; a passphrase of any length goes to passphrase=",
            bytes.len()
        );
        invalid(&message)
    })
}

/// There is one way at a time to say a key.
pub(crate) fn one_of_both() -> PyErr {
    invalid("give either an encryption_key or a passphrase")
}

fn fsync_policy(fsync: &Bound<'_, PyAny>) -> PyResult<FsyncPolicy> {
    match fsync.cast::<PyString>() {
        Ok(text) => text.to_str()?.parse().map_err(raise),
        Err(_) => ttl::lifetime(fsync).map(FsyncPolicy::Periodic),
    }
}

/// The limits that are not as they are by default.
fn limits(max_document_bytes: Option<usize>, given: Option<&Bound<'_, PyDict>>) -> PyResult<Limits> {
    let mut limits = Limits::default();
    limits.document_bytes_max = max_document_bytes.unwrap_or(limits.document_bytes_max);
    for (name, limit) in given.into_iter().flatten() {
        let name: String = name.extract()?;
        *match &*name {
            "key_bytes" => &mut limits.key_bytes_max,
            "document_bytes" => &mut limits.document_bytes_max,
            "depth" => &mut limits.depth_max,
            "transaction_operations" => &mut limits.transaction_operations_max,
            "transaction_bytes" => &mut limits.transaction_bytes_max,
            _ => return Err(invalid(&format!("a limit is one of {LIMITS}, not {name:?}"))),
        } = limit.extract()?;
    }
    Ok(limits)
}

/// How much history compactions keep: "all", a number of versions, or a time.
fn kept(history: &Bound<'_, PyAny>) -> PyResult<History> {
    if let Ok(text) = history.cast::<PyString>() {
        return match text.to_str()? {
            "none" => Ok(History::None),
            "all" => Ok(History::For(Duration::MAX)),
            other => {
                Err(invalid(&format!("history is \"none\", \"all\", a number or a timedelta, not {other:?}")))
            }
        };
    }
    if let Ok(versions) = history.extract() {
        return Ok(History::Versions(versions));
    }
    ttl::lifetime(history).map(|time: Duration| History::For(time))
}

fn invalid(message: &str) -> PyErr {
    raise_as("InvalidArgument", "invalid-config", message)
}
