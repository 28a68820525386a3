//! Owns the writing of hint files beside commits, one at a time. Never writes one of what is not synced.

use std::thread::JoinHandle;

use ferrumdb_engine::{CancelHint, HintTask, Writer};

/// The hint file that is being written, or will be once the log is synced as far as it goes.
#[derive(Default)]
pub(crate) struct Hints {
    waiting: Option<HintTask>,
    running: Option<(CancelHint, JoinHandle<()>)>,
}

impl Hints {
    /// Begins a hint of the state as it is now, if the log has grown enough for one. To be called when the log is
    /// synced, or about to be: until then the hint holds a snapshot.
    pub(crate) fn begin(&mut self, writer: &mut Writer) {
        if self.waiting.is_none()
            && writer.wants_hint()
            && self.running.as_ref().is_none_or(|(_, thread)| thread.is_finished())
        {
            self.waiting = writer.begin_hint();
        }
    }

    /// Writes the hint that was begun, on a thread of its own, if the log is synced by now.
    pub(crate) fn write_if_ready(&mut self) {
        if let Some(task) = self.waiting.take_if(|task| task.is_ready()) {
            let thread = std::thread::Builder::new().name("ferrumdb-hint".to_owned());
            let cancel = task.canceller();
            let is_given_up = cancel.clone();
            let written = thread.spawn(move || {
                if let Err(error) = task.run()
                    && !is_given_up.is_cancelled()
                {
                    tracing::warn!(%error, "could not write the hint file; the next opening takes longer");
                }
            });
            self.running = written.ok().map(|thread| (cancel, thread));
        }
    }

    /// Gives up what is being written, and waits for nothing: commits do not wait for what it still does.
    pub(crate) fn give_up(&mut self) {
        self.waiting = None;
        if let Some((cancel, _)) = &self.running {
            cancel.cancel();
        }
    }

    /// Waits for the hint that is being written, and gives up the one that is not.
    pub(crate) fn finish(&mut self) {
        self.waiting = None;
        if let Some((_, thread)) = self.running.take() {
            // A panic there has been reported by its thread; the hint is a cache.
            let _ = thread.join();
        }
    }
}
