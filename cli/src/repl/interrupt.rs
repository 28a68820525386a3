//! Owns Ctrl-C while a command runs at the prompt: it stops the command. Never ends the program, unless it is pressed again
//! while the command does not stop.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use ferrumdb::Result;

use crate::exit::{Failure, Status};

/// How often it is looked for while something is waited for.
pub(super) const LOOK_DISTANCE: Duration = Duration::from_millis(20);
/// What a shell tells of a program that Ctrl-C has ended.
const INTERRUPTED: i32 = 130;

static CAUGHT: AtomicBool = AtomicBool::new(false);
static WANTED: AtomicBool = AtomicBool::new(false);

/// From now on, Ctrl-C is caught.
pub(super) fn catch() -> std::result::Result<(), Failure> {
    ctrlc::set_handler(|| {
        if WANTED.swap(true, Ordering::SeqCst) {
            // Everything acknowledged is in the file, so that leaving at once loses nothing.
            std::process::exit(INTERRUPTED);
        }
    })
    .map_err(|error| Failure::new(Status::Io, format!("could not catch Ctrl-C: {error}")))?;
    CAUGHT.store(true, Ordering::SeqCst);
    Ok(())
}

/// Whether it is caught, as it is for whoever sits in front of a terminal.
pub(super) fn is_caught() -> bool {
    CAUGHT.load(Ordering::SeqCst)
}

/// A command begins: what was pressed before was not meant for it.
pub(super) fn begin() {
    WANTED.store(false, Ordering::SeqCst);
}

/// Whether the command is to stop.
pub(super) fn is_wanted() -> bool {
    WANTED.load(Ordering::SeqCst)
}

/// What `read` answers; nothing if it is interrupted, and then it goes on by itself, and nobody is told.
pub(super) fn unless<T: Send + 'static>(
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
