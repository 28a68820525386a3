//! Owns the knowledge that this process is a fork of the one that opened a database. Never asks the system for it.

use std::sync::atomic::{AtomicU32, Ordering};

use pyo3::prelude::*;
use pyo3::types::PyDict;

static FORKS: AtomicU32 = AtomicU32::new(0);

/// How often the process has been forked, this one being the child, when something was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Opened(u32);

impl Opened {
    pub(crate) fn now() -> Self {
        Self(FORKS.load(Ordering::Relaxed))
    }

    /// Whether another process has opened it.
    #[inline]
    pub(crate) fn is_foreign(self) -> bool {
        self != Self::now()
    }
}

/// Has every fork of the interpreter counted, in the child.
pub(crate) fn watch(module: &Bound<'_, PyModule>) -> PyResult<()> {
    #[pyfunction]
    fn forked() {
        FORKS.fetch_add(1, Ordering::Relaxed);
    }

    let os = module.py().import("os")?;
    // Windows has no fork.
    if os.hasattr("register_at_fork")? {
        let options = PyDict::new(module.py());
        options.set_item("after_in_child", wrap_pyfunction!(forked, module)?)?;
        os.call_method("register_at_fork", (), Some(&options))?;
    }
    Ok(())
}
