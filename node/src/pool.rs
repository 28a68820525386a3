//! Owns the threads that wait for disks, so that event loops do not: a few for the whole process, started when there is
//! first something to do. Never runs JavaScript.

use std::sync::LazyLock;

use crossbeam_channel::{Sender, unbounded};

type Work = Box<dyn FnOnce() + Send>;

/// So many waits at a time: as many as Node itself allows for its own files.
const THREADS: usize = 4;

static POOL: LazyLock<Sender<Work>> = LazyLock::new(|| {
    let (sender, receiver) = unbounded::<Work>();
    for _ in 0..THREADS {
        let receiver = receiver.clone();
        let thread = std::thread::Builder::new().name("ferrumdb-node".to_owned());
        // With fewer threads the work takes longer; without any it is done where it is asked for.
        let _ = thread.spawn(move || {
            while let Ok(work) = receiver.recv() {
                work();
            }
        });
    }
    sender
});

/// Has work done on another thread, soon. It must not panic.
pub(crate) fn run(work: impl FnOnce() + Send + 'static) {
    if let Err(refused) = POOL.send(Box::new(work)) {
        (refused.0)();
    }
}
