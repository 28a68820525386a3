//! Owns the native half of the Python package: it translates between Python and the crate `ferrumdb`. Never decides what a
//! database does.

mod changes;
mod collection;
mod completions;
mod config;
mod error;
mod fork;
mod history;
mod iterators;
mod json;
mod key;
mod lines;
mod logging;
mod open_transaction;
mod operation;
mod owned;
mod reports;
mod snapshot;
mod studio;
mod transaction;
mod ttl;
mod waiting;

use pyo3::prelude::*;

/// The module `ferrumdb._ferrumdb`.
#[pymodule(gil_used = false)]
fn _ferrumdb(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<collection::Collection>()?;
    module.add_class::<collection::Opened>()?;
    module.add_class::<snapshot::Snapshot>()?;
    module.add_class::<transaction::Transaction>()?;
    module.add_class::<open_transaction::OpenTransaction>()?;
    module.add_class::<iterators::ScanIterator>()?;
    module.add_class::<changes::Change>()?;
    module.add_class::<changes::Changes>()?;
    module.add_class::<changes::ChangeStream>()?;
    module.add_class::<history::Version>()?;
    module.add_class::<history::History>()?;
    module.add_class::<operation::Started>()?;
    module.add_class::<studio::Studio>()?;
    module.add_class::<completions::Completions>()?;
    module.add_function(wrap_pyfunction!(config::open, module)?)?;
    module.add_function(wrap_pyfunction!(config::start_open, module)?)?;
    module.add_function(wrap_pyfunction!(reports::verify_file, module)?)?;
    module.add_function(wrap_pyfunction!(reports::repair_file, module)?)?;
    module.add_function(wrap_pyfunction!(reports::restore, module)?)?;
    module.add_function(wrap_pyfunction!(lines::expires_at, module)?)?;
    module.add_function(wrap_pyfunction!(lines::add_line, module)?)?;
    fork::watch(module)?;
    logging::install(module)
}
