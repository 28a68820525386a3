//! Owns Ctrl-C where it stops what goes on and not the program: a command at the prompt, long work that has to put things in
//! order, a terminal that shows no letters. Never ends the program, unless it is pressed again meanwhile.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Condvar, Mutex, Once, PoisonError};
use std::time::Duration;

use ferrumdb::Result;

use crate::exit::{Failure, Status};

/// How often it is looked for while something is waited for.
pub(crate) const LOOK_DISTANCE: Duration = Duration::from_millis(20);

/// How many want it to be caught.
static CATCHING: AtomicUsize = AtomicUsize::new(0);
static WANTED: AtomicBool = AtomicBool::new(false);
static GATE: Mutex<()> = Mutex::new(());
static PRESSED: Condvar = Condvar::new();

/// Ctrl-C is caught while this is there.
#[derive(Debug)]
pub(crate) struct Caught(());

/// From now on, Ctrl-C is caught.
pub(crate) fn catch() -> std::result::Result<Caught, Failure> {
    static HANDLER: Once = Once::new();
    let mut outcome = Ok(());
    HANDLER.call_once(|| outcome = ctrlc::set_handler(pressed));
    outcome.map_err(|error| Failure::new(Status::Io, format!("could not catch Ctrl-C: {error}")))?;
    if CATCHING.fetch_add(1, Ordering::SeqCst) == 0 {
        begin();
    }
    Ok(Caught(()))
}

impl Caught {
    /// Waits until it is pressed.
    pub(crate) fn wait(&self) {
        let gate = GATE.lock().unwrap_or_else(PoisonError::into_inner);
        drop(PRESSED.wait_while(gate, |()| !is_wanted()));
    }

    /// Lets a press be noted that has just interrupted this thread: it is noted on another, and would otherwise be taken for
    /// one that comes when this is over.
    pub(crate) fn settle(&self) {
        /// A signal of another kind may have interrupted it.
        const PATIENCE: Duration = Duration::from_secs(1);
        let gate = GATE.lock().unwrap_or_else(PoisonError::into_inner);
        drop(PRESSED.wait_timeout_while(gate, PATIENCE, |()| !is_wanted()));
    }
}

impl Drop for Caught {
    fn drop(&mut self) {
        CATCHING.fetch_sub(1, Ordering::SeqCst);
    }
}

fn pressed() {
    let gate = GATE.lock();
    if !is_caught() || WANTED.swap(true, Ordering::SeqCst) {
        // Everything acknowledged is in the file, so that leaving at once loses nothing.
        std::process::exit(Status::Interrupted as i32);
    }
    PRESSED.notify_all();
    drop(gate);
}

/// Whether it is caught, as it is for whoever sits in front of a terminal.
pub(crate) fn is_caught() -> bool {
    CATCHING.load(Ordering::SeqCst) > 0
}

/// A command begins: what was pressed before was not meant for it.
pub(crate) fn begin() {
    WANTED.store(false, Ordering::SeqCst);
}

/// Whether the command is to stop.
pub(crate) fn is_wanted() -> bool {
    WANTED.load(Ordering::SeqCst)
}

/// Fails if the command is to stop.
pub(crate) fn check() -> std::result::Result<(), Failure> {
    if is_wanted() { Err(Failure::interrupted()) } else { Ok(()) }
}

/// What `read` answers; nothing if it is interrupted, and then it goes on by itself, and nobody is told.
pub(crate) fn unless<T: Send + 'static>(
    read: impl FnOnce() -> Result<T> + Send + 'static,
) -> Option<Result<T>> {
    if !is_caught() {
        return Some(read());
    }
    let (sender, receiver) = mpsc::sync_channel(1);
    let reading = std::thread::Builder::new().name("ferrumdb-reading".to_owned());
    let reading = reading.spawn(move || drop(sender.send(read())));
    drop(reading.ok()?);
    loop {
        match receiver.recv_timeout(LOOK_DISTANCE) {
            Ok(answer) => return Some(answer),
            Err(RecvTimeoutError::Disconnected) => return None,
            Err(RecvTimeoutError::Timeout) if is_wanted() => return None,
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}
