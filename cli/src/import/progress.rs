//! Owns how an import shows that it goes on, on standard error. Never slows it down: it draws a few times a second.

use std::cell::Cell;
use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::arguments::Progress;
use crate::output;

const TICK: Duration = Duration::from_millis(100);
const LINE_DISTANCE: Duration = Duration::from_secs(1);

/// What is shown.
pub(super) enum Bar {
    Drawn(ProgressBar),
    Lines { last: Cell<Instant> },
    Nothing,
}

impl Bar {
    /// For an input of that many bytes, if the number is known.
    pub(super) fn new(kind: Progress, bytes: Option<u64>) -> Self {
        match kind {
            Progress::Auto if io::stderr().is_terminal() => Self::Drawn(drawn(bytes)),
            Progress::Plain => Self::Lines { last: Cell::new(Instant::now()) },
            Progress::Auto | Progress::None => Self::Nothing,
        }
    }

    /// Shows how far it is.
    pub(super) fn show(&self, documents: u64, bytes_read: u64) {
        match self {
            Self::Drawn(bar) => {
                bar.set_position(bytes_read);
                bar.set_message(documents.to_string());
            }
            Self::Lines { last } if last.get().elapsed() >= LINE_DISTANCE => {
                last.set(Instant::now());
                output::note(&format!("imported {documents} documents"));
            }
            Self::Lines { .. } | Self::Nothing => {}
        }
    }

    /// Takes it off the screen.
    pub(super) fn finish(&self) {
        if let Self::Drawn(bar) = self {
            bar.finish_and_clear();
        }
    }
}

fn drawn(bytes: Option<u64>) -> ProgressBar {
    let (bar, template) = match bytes {
        Some(bytes) => (
            ProgressBar::new(bytes),
            "{bar:30} {percent:>3} %  {bytes}/{total_bytes}  {msg} documents  {eta} left",
        ),
        None => (ProgressBar::new_spinner(), "{spinner} {bytes}  {msg} documents  {elapsed}"),
    };
    // It moves on its own while an input from a pipe stands still.
    bar.enable_steady_tick(TICK);
    bar.with_style(ProgressStyle::with_template(template).expect("the template is well formed"))
        .with_message("0")
}
