//! Owns what the writer was asked to do: it is waited for, or completes a future of asyncio. Never runs Python code on
//! another thread than its caller's.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use ferrumdb::Pending;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::completions::Completions;
use crate::error::raise;
use crate::waiting::outcome;

/// A command that is under way, and how its answer is said in Python.
struct Operation<T, F, L> {
    pending: Pending<T>,
    say: F,
    leave: L,
}

/// What can be done with any of them.
pub(crate) trait Operate {
    /// The answer, when it is here.
    fn wait(self, py: Python<'_>) -> PyResult<Py<PyAny>>;

    /// The same for asyncio.
    fn start(self) -> Started;
}

/// An operation whose answer is said by `say`.
pub(crate) fn answering<T: Send + 'static>(
    pending: Pending<T>,
    say: impl FnOnce(Python<'_>, T) -> PyResult<Py<PyAny>> + Send + 'static,
) -> impl Operate {
    judging(pending, |py, outcome| outcome.map_err(raise).and_then(|answer| say(py, answer)))
}

/// An operation of which `say` says the error, too.
pub(crate) fn judging<T: Send + 'static>(
    pending: Pending<T>,
    say: impl FnOnce(Python<'_>, ferrumdb::Result<T>) -> PyResult<Py<PyAny>> + Send + 'static,
) -> impl Operate {
    Operation { pending, say, leave: || () }
}

/// An operation that is stopped by `leave` if a signal handler raises while it is waited for.
pub(crate) fn stoppable<T: Send + 'static>(
    pending: Pending<T>,
    say: impl FnOnce(Python<'_>, T) -> PyResult<Py<PyAny>> + Send + 'static,
    leave: impl FnOnce() + Send + 'static,
) -> impl Operate {
    let say = |py: Python<'_>, outcome: ferrumdb::Result<T>| {
        outcome.map_err(raise).and_then(|answer| say(py, answer))
    };
    Operation { pending, say, leave }
}

impl<T, F, L> Operate for Operation<T, F, L>
where
    T: Send + 'static,
    F: FnOnce(Python<'_>, ferrumdb::Result<T>) -> PyResult<Py<PyAny>> + Send + 'static,
    L: FnOnce() + Send + 'static,
{
    #[inline]
    fn wait(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        match outcome(py, self.pending) {
            Ok(outcome) => (self.say)(py, outcome),
            Err(raised) => {
                (self.leave)();
                Err(raised)
            }
        }
    }

    fn start(self) -> Started {
        Started(Mutex::new(Some(Box::new(Erased { pending: self.pending, say: Some(self.say) }))))
    }
}

/// An operation of any type.
trait Answer: Send {
    fn poll(&mut self, py: Python<'_>, context: &mut Context<'_>) -> Poll<PyResult<Py<PyAny>>>;
}

struct Erased<T, F> {
    pending: Pending<T>,
    /// Taken with the answer.
    say: Option<F>,
}

impl<T, F> Answer for Erased<T, F>
where
    T: Send,
    F: FnOnce(Python<'_>, ferrumdb::Result<T>) -> PyResult<Py<PyAny>> + Send,
{
    fn poll(&mut self, py: Python<'_>, context: &mut Context<'_>) -> Poll<PyResult<Py<PyAny>>> {
        Pin::new(&mut self.pending).poll(context).map(|answer| {
            let say = self.say.take().expect("the pending beneath panics when it is polled too often");
            say(py, answer)
        })
    }
}

/// A command that is under way, for asyncio.
#[pyclass(frozen, module = "ferrumdb._ferrumdb")]
pub(crate) struct Started(Mutex<Option<Box<dyn Answer>>>);

#[pymethods]
impl Started {
    /// The answer in a tuple, if it is here; otherwise None, and `token` is told by `completions` when it is worth asking
    /// again.
    fn poll(&self, py: Python<'_>, completions: &Completions, token: u64) -> PyResult<Option<(Py<PyAny>,)>> {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = slot.as_mut().ok_or_else(|| PyRuntimeError::new_err("its answer was given out"))?;
        let waker = completions.waker(token);
        match answer.poll(py, &mut Context::from_waker(&waker)) {
            Poll::Pending => Ok(None),
            Poll::Ready(answer) => {
                *slot = None;
                answer.map(|answer| Some((answer,)))
            }
        }
    }
}

/// Says an answer that Python has a type for.
pub(crate) fn plainly<T>(py: Python<'_>, answer: T) -> PyResult<Py<PyAny>>
where
    T: for<'py> IntoPyObject<'py>,
{
    use pyo3::IntoPyObjectExt;
    answer.into_py_any(py)
}

/// Says the number of a commit.
pub(crate) fn sequence(py: Python<'_>, sequence: ferrumdb::Sequence) -> PyResult<Py<PyAny>> {
    plainly(py, sequence.0)
}
