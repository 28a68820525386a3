//! Owns the thread that syncs beside further commits, under the policy `Periodic`. Never writes, never decides.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam_channel::Sender;
use ferrumdb_engine::{SyncDone, SyncTask};

use crate::command::Command;
use crate::link::Link;

pub(crate) struct Syncer {
    tasks: Sender<(SyncTask, oneshot::Sender<SyncDone>)>,
    running: Option<oneshot::Receiver<SyncDone>>,
    thread: JoinHandle<()>,
}

impl Syncer {
    /// Starts the thread.
    pub(crate) fn start(link: Arc<Link>) -> io::Result<Self> {
        let (tasks, inbox) = crossbeam_channel::bounded::<(SyncTask, oneshot::Sender<SyncDone>)>(1);
        let thread = std::thread::Builder::new().name("ferrumdb-syncer".to_owned()).spawn(move || {
            for (task, reply) in inbox {
                // Nobody listens only when the writer has panicked.
                drop(reply.send(task.run()));
                link.outbox().insist(Command::SyncDone);
            }
        })?;
        Ok(Self { tasks, running: None, thread })
    }

    /// Whether a sync is under way, or its result not yet fetched.
    pub(crate) fn is_busy(&self) -> bool {
        self.running.is_some()
    }

    /// Begins a sync. The command `SyncDone` says when to look for its result.
    pub(crate) fn begin(&mut self, task: SyncTask) {
        debug_assert!(!self.is_busy(), "one sync at a time");
        let (reply, running) = oneshot::channel();
        self.tasks.send((task, reply)).expect("the syncer ends only with its owner");
        self.running = Some(running);
    }

    /// The result of the sync, if it has one.
    pub(crate) fn try_finish(&mut self) -> Option<SyncDone> {
        match self.running.as_ref()?.try_recv() {
            Ok(done) => {
                self.running = None;
                Some(done)
            }
            Err(oneshot::TryRecvError::Empty) => None,
            Err(oneshot::TryRecvError::Disconnected) => panic!("the syncer panicked"),
        }
    }

    /// Waits for the sync that is under way, if there is one.
    pub(crate) fn finish(&mut self) -> Option<SyncDone> {
        let running = self.running.take()?;
        Some(running.recv().expect("the syncer answers each task"))
    }

    /// Ends the thread.
    pub(crate) fn stop(self) {
        drop(self.tasks);
        // It cannot have panicked: every task was answered.
        let _ = self.thread.join();
    }
}
