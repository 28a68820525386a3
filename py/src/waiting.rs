//! Owns waiting on behalf of Python: without the interpreter, and so that Ctrl-C ends it. Never leaves a thread of Python
//! waiting for another.

use std::time::Duration;

use crossbeam_channel::RecvTimeoutError;
use ferrumdb::{Pending, Snapshot};
use pyo3::prelude::*;

use crate::error::{raise, raise_as};

/// How long a signal may wait to be looked at.
pub(crate) const SLICE: Duration = Duration::from_millis(50);

/// The answer of the writer. If a signal handler raises, the command is carried out all the same.
pub(crate) fn outcome<T: Send>(py: Python<'_>, mut pending: Pending<T>) -> PyResult<ferrumdb::Result<T>> {
    loop {
        match py.detach(|| pending.wait_timeout(SLICE)) {
            Some(outcome) => return Ok(outcome),
            None => py.check_signals()?,
        }
    }
}

/// Reads much by a snapshot, as what is [`cancellable`].
pub(crate) fn long_read<T: Send + 'static>(
    py: Python<'_>,
    snapshot: &Snapshot,
    work: impl FnOnce(&Snapshot) -> ferrumdb::Result<T> + Send + 'static,
) -> PyResult<T> {
    // Others may read by this one, too, and go on.
    let own = snapshot.again();
    let read_by = own.clone();
    cancellable(py, move || work(&read_by), || own.cancel())
}

/// Does what may take long, without the interpreter. Python looks at signals on its main thread only, so there another
/// thread does the work. If a signal handler raises, `cancel` tells the work that nobody waits for it any more.
pub(crate) fn cancellable<T: Send + 'static>(
    py: Python<'_>,
    work: impl FnOnce() -> ferrumdb::Result<T> + Send + 'static,
    cancel: impl FnOnce(),
) -> PyResult<T> {
    if !is_main_thread(py)? {
        return py.detach(work).map_err(raise);
    }
    let (sender, receiver) = crossbeam_channel::bounded(1);
    let working = std::thread::Builder::new().name("ferrumdb-python".to_owned());
    working.spawn(move || sender.send(work()))?;
    loop {
        match py.detach(|| receiver.recv_timeout(SLICE)) {
            Ok(answer) => return answer.map_err(raise),
            Err(RecvTimeoutError::Timeout) => {
                if let Err(raised) = py.check_signals() {
                    cancel();
                    return Err(raised);
                }
            }
            Err(RecvTimeoutError::Disconnected) => {
                return Err(raise_as("FerrumDBError", "other", "reading ended in a panic: please report it"));
            }
        }
    }
}

fn is_main_thread(py: Python<'_>) -> PyResult<bool> {
    let threading = py.import("threading")?;
    let main = threading.call_method0("main_thread")?.getattr("ident")?;
    main.eq(threading.call_method0("get_ident")?)
}
