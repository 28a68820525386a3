//! Owns being told by the system that a file which is followed has changed, where it does tell. Never reads that file.

#[cfg(target_os = "linux")]
pub(crate) use linux::Watch;

#[cfg(not(target_os = "linux"))]
pub(crate) use elsewhere::Watch;

#[cfg(target_os = "linux")]
mod linux {
    use std::os::fd::OwnedFd;
    use std::path::{Path, PathBuf};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread::JoinHandle;

    use rustix::fs::inotify::{self, CreateFlags, WatchFlags};

    use crate::command::Command;
    use crate::link::Link;

    /// A thread that waits for the system's word, and passes it on as [`Command::Look`].
    pub(crate) struct Watch {
        shared: Arc<Shared>,
        /// The watch on the folder.
        folder: i32,
        thread: Option<JoinHandle<()>>,
    }

    struct Shared {
        queue: OwnedFd,
        live: PathBuf,
        link: Arc<Link>,
        /// Whether a `Look` is on its way.
        told: AtomicBool,
        stopped: AtomicBool,
    }

    impl Watch {
        /// Watches the live file, and the folder in which it appears and goes. Nothing, where that cannot be done: in a
        /// file system of its own, or with too many watches.
        pub(crate) fn start(database: &Path, live: PathBuf, link: &Arc<Link>) -> Option<Self> {
            let folder = database.parent()?;
            // A path of another file system than the system's means nothing to the system.
            std::fs::metadata(database).ok()?;
            let queue = inotify::init(CreateFlags::CLOEXEC).ok()?;
            let names =
                WatchFlags::CREATE | WatchFlags::DELETE | WatchFlags::MOVED_FROM | WatchFlags::MOVED_TO;
            let folder = inotify::add_watch(&queue, folder, names | WatchFlags::ONLYDIR).ok()?;
            let link = Arc::clone(link);
            let (told, stopped) = (AtomicBool::new(false), AtomicBool::new(false));
            let shared = Arc::new(Shared { queue, live, link, told, stopped });
            shared.watch_live();
            let thread = std::thread::Builder::new().name("ferrumdb-watch".to_owned());
            let thread = {
                let shared = Arc::clone(&shared);
                thread.spawn(move || shared.run()).ok()?
            };
            Some(Self { shared, folder, thread: Some(thread) })
        }

        /// Notes that the last change is being looked at, so that the next one is told.
        pub(crate) fn seen(&self) {
            self.shared.told.store(false, Ordering::SeqCst);
        }
    }

    impl Shared {
        fn run(&self) {
            let mut events = [0; 4096];
            loop {
                let read = rustix::io::read(&self.queue, &mut events);
                if self.stopped.load(Ordering::SeqCst) || !is_worth_going_on(&read) {
                    return;
                }
                // ORDER: the watch first. What is written to a new file before it, the look will find.
                self.watch_live();
                if !self.told.swap(true, Ordering::SeqCst) {
                    self.link.outbox().insist(Command::Look);
                }
            }
        }

        /// Watches the file that has the name now: the one before may be gone.
        fn watch_live(&self) {
            // It need not be there: then the folder tells when it is.
            let _ = inotify::add_watch(&self.queue, &self.live, WatchFlags::MODIFY);
        }
    }

    fn is_worth_going_on(read: &rustix::io::Result<usize>) -> bool {
        matches!(read, Ok(1..) | Err(rustix::io::Errno::INTR))
    }

    impl Drop for Watch {
        fn drop(&mut self) {
            self.shared.stopped.store(true, Ordering::SeqCst);
            // That a watch has gone is told too, which wakes the thread. The one on the folder went with the folder, if
            // that is gone; the root stays.
            let queue = &self.shared.queue;
            let woken = inotify::remove_watch(queue, self.folder).or_else(|_| {
                let root = inotify::add_watch(queue, "/", WatchFlags::DELETE_SELF)?;
                inotify::remove_watch(queue, root)
            });
            if let Some(thread) = self.thread.take().filter(|_| woken.is_ok()) {
                // It does nothing that panics.
                let _ = thread.join();
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use std::path::{Path, PathBuf};
    use std::sync::Arc;

    use crate::link::Link;

    /// Nothing: the follower looks from time to time.
    pub(crate) struct Watch;

    impl Watch {
        pub(crate) fn start(_: &Path, _: PathBuf, _: &Arc<Link>) -> Option<Self> {
            None
        }

        pub(crate) fn seen(&self) {}
    }
}
