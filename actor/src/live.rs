//! Owns when followers are told what was published. Never tells them itself, and never more often than is of use.

use std::time::{Duration, Instant};

use ferrumdb_engine::Writer;

/// How long after one telling the next one comes at the soonest: so many commits cost no more than one.
const PAUSE: Duration = Duration::from_millis(1);

/// When the live file was written last.
#[derive(Debug, Default)]
pub(crate) struct LivePlan {
    written: Option<Instant>,
}

impl LivePlan {
    /// When to write the live file: never, if it says what was published last.
    pub(crate) fn due(&self, writer: &Writer) -> Option<Instant> {
        let next = || self.written.map_or_else(Instant::now, |written| written + PAUSE);
        writer.wants_live().then(next)
    }

    /// Writes it if it is time to.
    pub(crate) fn write_if_due(&mut self, writer: &mut Writer) {
        if !writer.wants_live() {
            return;
        }
        let now = Instant::now();
        if self.written.is_none_or(|written| now >= written + PAUSE) {
            self.written = Some(now);
            writer.write_live();
        }
    }
}
