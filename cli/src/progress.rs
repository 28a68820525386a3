//! Owns how long work shows that it goes on, on standard error. Never slows it down: it draws a few times a second.

use std::cell::Cell;
use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use ferrumdb::{ErrorKind, FerrumDB, Pending, WorkKind};
use indicatif::{ProgressBar, ProgressStyle};

use crate::exit::Failure;
use crate::in_flight::Answer;
use crate::options::Progress;
use crate::{interrupt, output};

const TICK: Duration = Duration::from_millis(100);
const LINE_DISTANCE: Duration = Duration::from_secs(1);

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
}

enum Shown {
    Drawn(ProgressBar),
    Lines { last: Cell<Instant>, of: Cell<Of> },
    Nothing,
}

impl Work {
    pub(crate) fn begin(kind: Progress, what: &'static str, of: Of) -> Self {
        let shown = match kind {
            Progress::Auto if io::stderr().is_terminal() => Shown::Drawn(drawn(what, of)),
            Progress::Plain => Shown::Lines { last: Cell::new(Instant::now()), of: Cell::new(of) },
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
            Shown::Lines { last, of } if last.get().elapsed() >= LINE_DISTANCE => {
                last.set(Instant::now());
                match of.get() {
                    _ if !result.is_empty() => output::note(&format!("{} {result}", self.what)),
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

    /// Has something begun, waits for its answer, and shows meanwhile how much is done, and of how much: 0 while that is not known. On Ctrl-C `stop`
    /// has to see to it that the answer comes soon; where that is nothing, nobody waits for it any more.
    pub(crate) fn watch<T>(
        &self,
        begin: impl FnOnce() -> Pending<T>,
        figures: impl Fn() -> (u64, u64),
        stop: Option<&dyn Fn()>,
    ) -> Result<T, Failure> {
        // ORDER: what has begun must not be left as it is by a key that is pressed in between.
        let _caught = interrupt::catch()?;
        let mut answer = Answer::Coming(begin());
        while !answer.is_here_within(interrupt::LOOK_DISTANCE) {
            match (interrupt::is_wanted(), stop) {
                (false, _) => {}
                // It may not have begun when it is told for the first time.
                (true, Some(stop)) => stop(),
                (true, None) => return Err(Failure::interrupted()),
            }
            let (done, of) = figures();
            if of > 0 {
                self.set_total(of);
            }
            self.reach(done, "");
        }
        answer.wait().map_err(|error| match error.kind() {
            ErrorKind::Cancelled if interrupt::is_wanted() => Failure::interrupted(),
            _ => error.into(),
        })
    }

    fn set_total(&self, total: u64) {
        match &self.shown {
            Shown::Drawn(bar) => bar.set_length(total),
            Shown::Lines { of, .. } => of.set(match of.get() {
                Of::Documents(_) => Of::Documents(total),
                Of::Bytes(_) => Of::Bytes(Some(total)),
            }),
            Shown::Nothing => {}
        }
    }
}

/// How far the work of some kind is that a database does.
pub(crate) fn told_of(db: &FerrumDB, meant: &WorkKind) -> (u64, u64) {
    let work = db.works().into_iter().find(|work| work.kind == *meant);
    work.map_or((0, 0), |work| (work.done, work.of))
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
    };
    // It moves on its own while the work stands still.
    bar.enable_steady_tick(TICK);
    bar.with_style(ProgressStyle::with_template(template).expect("the template is well formed"))
        .with_message(what)
}
