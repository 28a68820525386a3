//! Owns how long work shows that it goes on, on standard error. Never slows it down: it draws a few times a second.

use std::cell::Cell;
use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use ferrumdb::{Pending, Progress as Figures};
use indicatif::{ProgressBar, ProgressStyle};

use crate::in_flight::Answer;
use crate::options::Progress;
use crate::output;

const TICK: Duration = Duration::from_millis(100);
const LINE_DISTANCE: Duration = Duration::from_secs(1);
/// How often an answer is looked for where something is to be shown meanwhile.
const LOOK_DISTANCE: Duration = Duration::from_millis(20);

/// Work under way, of which so much is done.
pub(crate) struct Work {
    shown: Shown,
    /// What is done, as words for "is ... so far".
    what: &'static str,
    done: Cell<u64>,
}

/// What is counted, and how much of it there is to do, if that is known.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Of {
    Bytes(Option<u64>),
    Documents(u64),
    /// Nobody knows how far it is.
    Nothing,
}

enum Shown {
    Drawn(ProgressBar),
    Lines { last: Cell<Instant>, start: Instant, of: Of },
    Nothing,
}

impl Work {
    pub(crate) fn begin(kind: Progress, what: &'static str, of: Of) -> Self {
        let now = Instant::now();
        let shown = match kind {
            Progress::Auto if io::stderr().is_terminal() => Shown::Drawn(drawn(what, of)),
            Progress::Plain => Shown::Lines { last: Cell::new(now), start: now, of },
            Progress::Auto | Progress::None => Shown::Nothing,
        };
        Self { shown, what, done: Cell::new(0) }
    }

    /// Shows that this much more is done.
    pub(crate) fn add(&self, count: u64) {
        self.reach(self.done.get() + count, "");
    }

    /// Shows that this much is done in all, and what has come of it.
    pub(crate) fn reach(&self, done: u64, result: &str) {
        self.done.set(done);
        match &self.shown {
            Shown::Drawn(bar) => {
                bar.set_position(done);
                if !result.is_empty() {
                    bar.set_message(result.to_owned());
                }
            }
            Shown::Lines { last, start, of } if last.get().elapsed() >= LINE_DISTANCE => {
                last.set(Instant::now());
                match of {
                    _ if !result.is_empty() => output::note(&format!("{} {result}", self.what)),
                    Of::Nothing => {
                        output::note(&format!("{} for {} s", self.what, start.elapsed().as_secs()))
                    }
                    Of::Bytes(Some(total)) => output::note(&format!("{} {done} of {total} bytes", self.what)),
                    Of::Bytes(None) => output::note(&format!("{} {done} bytes", self.what)),
                    Of::Documents(total) => {
                        output::note(&format!("{} {done} of {total} documents", self.what))
                    }
                }
            }
            Shown::Lines { .. } | Shown::Nothing => {}
        }
    }

    /// Waits for an answer.
    pub(crate) fn wait<T>(&self, pending: Pending<T>) -> ferrumdb::Result<T> {
        self.watch(pending, &Figures::new())
    }

    /// Waits for an answer, and shows how far it is by these figures.
    pub(crate) fn watch<T>(&self, pending: Pending<T>, figures: &Figures) -> ferrumdb::Result<T> {
        if matches!(self.shown, Shown::Nothing) {
            return pending.wait();
        }
        let mut answer = Answer::Coming(pending);
        while !answer.is_here_within(LOOK_DISTANCE) {
            if let Shown::Drawn(bar) = &self.shown
                && figures.of() > 0
            {
                bar.set_length(figures.of());
            }
            self.reach(figures.done(), "");
        }
        answer.wait()
    }
}

impl Drop for Work {
    /// Takes it off the screen.
    fn drop(&mut self) {
        if let Shown::Drawn(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }
}

fn drawn(what: &'static str, of: Of) -> ProgressBar {
    let (bar, template) = match of {
        Of::Bytes(Some(bytes)) => (
            ProgressBar::new(bytes),
            "{bar:24} {percent:>3} %  {bytes}/{total_bytes}  {bytes_per_sec}  {msg}  {eta} left",
        ),
        Of::Bytes(None) => {
            (ProgressBar::new_spinner(), "{spinner} {bytes}  {bytes_per_sec}  {msg}  {elapsed}")
        }
        Of::Documents(documents) => (
            ProgressBar::new(documents),
            "{bar:24} {percent:>3} %  {human_pos}/{human_len} documents  {per_sec}  {eta} left",
        ),
        Of::Nothing => (ProgressBar::new_spinner(), "{spinner} {msg}  {elapsed}"),
    };
    // It moves on its own while the work stands still.
    bar.enable_steady_tick(TICK);
    bar.with_style(ProgressStyle::with_template(template).expect("the template is well formed"))
        .with_message(what)
}
