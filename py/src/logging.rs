//! Owns the way of the library's events to Python's `logging`. Never waits for the interpreter: they are queued, and
//! delivered by Python's main thread.

use std::ffi::{c_int, c_void};
use std::fmt::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;
use pyo3::types::PyDict;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber, span};

/// Of more than so many that wait, the newest are lost.
const QUEUED_MAX: usize = 1_000;
const NAME: &str = "ferrumdb";

static QUEUE: Mutex<Vec<Record>> = Mutex::new(Vec::new());
/// Whether Python was asked to deliver, and has not yet.
static IS_ASKED: AtomicBool = AtomicBool::new(false);
static HAS_ENDED: AtomicBool = AtomicBool::new(false);

struct Record {
    level: u8,
    text: String,
}

/// Sends the library's events to `logging` from now on, until the interpreter ends.
pub(crate) fn install(module: &Bound<'_, PyModule>) -> PyResult<()> {
    #[pyfunction]
    fn end() {
        HAS_ENDED.store(true, Ordering::Release);
    }

    // Somebody else in this process may have set one: then the events are theirs.
    if tracing::subscriber::set_global_default(ToPython).is_ok() {
        module.py().import("atexit")?.call_method1("register", (wrap_pyfunction!(end, module)?,))?;
    }
    Ok(())
}

struct ToPython;

impl Subscriber for ToPython {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::INFO && metadata.target().starts_with(NAME)
    }

    fn max_level_hint(&self) -> Option<tracing::level_filters::LevelFilter> {
        Some(tracing::level_filters::LevelFilter::INFO)
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Text::default();
        event.record(&mut text);
        let level = match *event.metadata().level() {
            Level::ERROR => 40,
            Level::WARN => 30,
            _ => 20,
        };
        let mut queue = QUEUE.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.len() < QUEUED_MAX {
            queue.push(Record { level, text: text.whole() });
        }
        drop(queue);
        ask_for_delivery();
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// The message of an event, and its fields.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Text {
    fn whole(self) -> String {
        if self.fields.is_empty() { self.message } else { format!("{} ({})", self.message, self.fields) }
    }
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string never fails.
        let _ = if field.name() == "message" {
            write!(self.message, "{value:?}")
        } else {
            let comma = if self.fields.is_empty() { "" } else { ", " };
            write!(self.fields, "{comma}{}={value:?}", field.name())
        };
    }
}

fn ask_for_delivery() {
    if HAS_ENDED.load(Ordering::Acquire) || IS_ASKED.swap(true, Ordering::AcqRel) {
        return;
    }
    #[expect(
        unsafe_code,
        reason = "there is no safe face of this call, which any thread may make at any time"
    )]
    // SAFETY: the function takes no argument, and stays for as long as the process does.
    let refused = unsafe { pyo3::ffi::Py_AddPendingCall(Some(deliver_pending), std::ptr::null_mut()) };
    if refused != 0 {
        // Too much is pending: the next event asks again.
        IS_ASKED.store(false, Ordering::Release);
    }
}

/// Called by the interpreter, on its main thread.
extern "C" fn deliver_pending(_: *mut c_void) -> c_int {
    IS_ASKED.store(false, Ordering::Release);
    let records = std::mem::take(&mut *QUEUE.lock().unwrap_or_else(PoisonError::into_inner));
    Python::attach(|py| {
        if let Err(error) = deliver(py, records) {
            error.write_unraisable(py, None);
        }
    });
    0
}

/// Gives records to `logging`, if the program uses it.
fn deliver(py: Python<'_>, records: Vec<Record>) -> PyResult<()> {
    let modules = py.import("sys")?.getattr("modules")?;
    let Some(logging) = modules.cast::<PyDict>()?.get_item("logging")? else { return Ok(()) };
    let logger = logging.call_method1("getLogger", (NAME,))?;
    if logger.getattr("handlers")?.is_empty()? {
        // As libraries do it, so that nothing is printed unless the program asks for it.
        logger.call_method1("addHandler", (logging.call_method0("NullHandler")?,))?;
    }
    for Record { level, text } in records {
        logger.call_method1("log", (level, "%s", text))?;
    }
    Ok(())
}
