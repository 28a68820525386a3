//! Owns how long work shows that it goes on, on standard error. Never slows it down: it draws a few times a second.

use std::cell::Cell;
use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use ferrumdb::Pending;
use indicatif::{ProgressBar, ProgressStyle};

use crate::arguments::Progress;
use crate::in_flight::Answer;
use crate::output;

const TICK: Duration = Duration::from_millis(100);
const LINE_DISTANCE: Duration = Duration::from_secs(1);
/// How often an answer is looked for where lines are to be shown meanwhile.
const LOOK_DISTANCE: Duration = Duration::from_millis(20);

/// Work under way, of which so much is done.
pub(crate) struct Working {
    shown: Shown,
    /// What is done, as words for "is ... so far".
    what: &'static str,
    done: Cell<u64>,
}

enum Shown {
    Drawn(ProgressBar),
    Lines { last: Cell<Instant> },
    Nothing,
}

impl Working {
    pub(crate) fn begin(kind: Progress, what: &'static str) -> Self {
        let shown = match kind {
            Progress::Auto if io::stderr().is_terminal() => Shown::Drawn(drawn(what)),
            Progress::Plain => Shown::Lines { last: Cell::new(Instant::now()) },
            Progress::Auto | Progress::None => Shown::Nothing,
        };
        Self { shown, what, done: Cell::new(0) }
    }

    /// Shows that this much more is done.
    pub(crate) fn add(&self, count: u64) {
        self.done.set(self.done.get() + count);
        match &self.shown {
            Shown::Drawn(bar) => bar.set_position(self.done.get()),
            Shown::Lines { last } if last.get().elapsed() >= LINE_DISTANCE => {
                last.set(Instant::now());
                output::note(&format!("{} {}", self.what, self.done.get()));
            }
            Shown::Lines { .. } | Shown::Nothing => {}
        }
    }

    /// Waits for an answer, of which it is not known how far it is.
    pub(crate) fn wait<T>(&self, pending: Pending<T>) -> ferrumdb::Result<T> {
        let Shown::Lines { last } = &self.shown else { return pending.wait() };
        let (start, mut answer) = (Instant::now(), Answer::Coming(pending));
        while !answer.is_here() {
            std::thread::sleep(LOOK_DISTANCE);
            if last.get().elapsed() >= LINE_DISTANCE {
                last.set(Instant::now());
                output::note(&format!("{} for {} s", self.what, start.elapsed().as_secs()));
            }
        }
        answer.wait()
    }
}

impl Drop for Working {
    /// Takes it off the screen.
    fn drop(&mut self) {
        if let Shown::Drawn(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }
}

fn drawn(what: &'static str) -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    bar.enable_steady_tick(TICK);
    let template = "{spinner} {msg} {human_pos}  {elapsed}";
    bar.with_style(ProgressStyle::with_template(template).expect("the template is well formed"))
        .with_message(what)
}
