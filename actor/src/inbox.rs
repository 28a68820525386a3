//! Owns the way from callers to the writer thread: a channel bounded in bytes, and the line of those for whom there
//! was no room. Never calls a waker with a lock held.
//!
//! A command goes in on the spot while less than the bound waits and nobody stands in the line. Otherwise its caller
//! keeps it, and puts it into the line when it begins to wait. The writer takes from the line itself, first come first
//! served, whenever the channel is empty; while somebody stands there, nothing new goes into the channel on the spot,
//! so it does become empty, and nobody in the line is overtaken for ever. Nobody in the line needs to run to be
//! served, so a future that is held but not polled holds up nobody. Leaving the line takes the command along.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_utils::CachePadded;

use crate::command::Command;
use crate::error::Error;
use crate::spin::{Core, WRITER_LOOKS};
use crate::sync::{
    AtomicUsize, Mutex, MutexGuard, Ordering, Receiver, RecvTimeoutError, Sender, TryRecvError, park,
    unbounded,
};

/// How long a writer that has just worked looks for more before it parks.
const IDLE_SPIN: Duration = Duration::from_micros(40);

/// The callers' end.
pub(crate) struct Outbox {
    sender: Sender<Command>,
    shared: Arc<Shared>,
}

/// The writer's end.
pub(crate) struct Inbox {
    receiver: Receiver<Command>,
    shared: Arc<Shared>,
    put_back: Option<Command>,
    spins: bool,
    core: Core,
}

struct Shared {
    bytes_max: isize,
    entered: CachePadded<Entered>,
    /// The bytes of all commands that have ever left the channel. Only the writer changes it, and callers look at it
    /// only when the channel seems full, so that neither waits for the other's cache line.
    left: CachePadded<AtomicUsize>,
    /// How many stand in the line. Changes only under its lock.
    in_line: CachePadded<AtomicUsize>,
    line: Mutex<Line>,
}

/// What callers count. Both numbers wrap around.
#[derive(Default)]
struct Entered {
    /// The bytes of all commands that have ever gone into the channel.
    bytes: AtomicUsize,
    /// How many of them had left it when somebody looked.
    seen_left: AtomicUsize,
}

/// Commands for which there was no room, by ticket.
#[derive(Default)]
struct Line {
    waiting: BTreeMap<u64, Command>,
    next_ticket: u64,
    /// INVARIANT: exactly while this is set, a `Nudge` is in the channel.
    nudged: bool,
    closed: bool,
}

/// A place in the line. Dropping it leaves the line, if the writer has not taken the command by then.
pub(crate) struct Place {
    shared: Arc<Shared>,
    ticket: u64,
}

/// Makes the two ends; `spins` says whether the writer may spin at all.
pub(crate) fn channel(bytes_max: usize, spins: bool) -> (Outbox, Inbox) {
    let (sender, receiver) = unbounded();
    let shared = Arc::new(Shared {
        bytes_max: isize::try_from(bytes_max).unwrap_or(isize::MAX),
        entered: CachePadded::default(),
        left: CachePadded::default(),
        in_line: CachePadded::default(),
        line: Mutex::default(),
    });
    let outbox = Outbox { sender, shared: Arc::clone(&shared) };
    (outbox, Inbox { receiver, shared, put_back: None, spins, core: Core::default() })
}

impl Outbox {
    /// Puts the command in if there is room, or gives it back.
    pub(crate) fn offer(&self, mut command: Command) -> Result<(), Command> {
        command.note_offered();
        let bytes = command.bytes();
        if !self.shared.reserve(bytes) {
            return Err(command);
        }
        // A receiver that is gone has closed the line before, and `enter_line` says so.
        self.sender.send(command).map_err(|refused| refused.0)
    }

    /// Puts the command into the line, or gives it back if the writer is gone.
    pub(crate) fn enter_line(&self, command: Command) -> Result<Place, Command> {
        let mut line = self.shared.line();
        if line.closed {
            return Err(command);
        }
        let ticket = line.next_ticket;
        line.next_ticket += 1;
        line.waiting.insert(ticket, command);
        self.shared.in_line.store(line.waiting.len(), Ordering::SeqCst);
        if !std::mem::replace(&mut line.nudged, true) {
            self.shared.insist(&self.sender, Command::Nudge);
        }
        drop(line);
        Ok(Place { shared: Arc::clone(&self.shared), ticket })
    }

    /// How many commands wait, and how many bytes they take; those in the line are among them.
    pub(crate) fn depth(&self) -> (u64, u64) {
        let line = self.shared.line();
        let in_line: usize = line.waiting.values().map(Command::bytes).sum();
        let commands = self.sender.len() + line.waiting.len();
        (commands as u64, (self.shared.queued_bytes() + in_line) as u64)
    }

    /// Puts the command in, room or not, and says whether the writer is there to see it. For those that hold nothing
    /// of a user's.
    pub(crate) fn insist(&self, command: Command) -> bool {
        // ORDER: under the lock, so that it is either drained by `refuse_rest` or refused here.
        let line = self.shared.line();
        !line.closed && self.shared.insist(&self.sender, command)
    }
}

impl Inbox {
    /// The next command; `None` at the deadline.
    pub(crate) fn next(&mut self, deadline: Option<Instant>, just_worked: bool) -> Option<Command> {
        loop {
            if let Some(command) = self.try_next() {
                return Some(command);
            }
            if just_worked
                && self.spins
                && let Some(command) = self.spin()
            {
                return Some(command);
            }
            match park(&self.receiver, deadline) {
                Ok(command) => {
                    if let Some(command) = self.arrived(command) {
                        return Some(command);
                    }
                }
                Err(RecvTimeoutError::Timeout) => return None,
                Err(RecvTimeoutError::Disconnected) => return Some(Command::Close(None)),
            }
        }
    }

    /// The next command, if there is one now.
    pub(crate) fn try_next(&mut self) -> Option<Command> {
        if let Some(command) = self.put_back.take() {
            return Some(command);
        }
        loop {
            // To look costs less than to try: nearly always the group has one member.
            if self.receiver.is_empty() {
                return self.shared.first_in_line();
            }
            match self.receiver.try_recv() {
                Ok(command) => {
                    if let Some(command) = self.arrived(command) {
                        return Some(command);
                    }
                }
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return self.shared.first_in_line(),
            }
        }
    }

    /// Makes `command` the next one.
    pub(crate) fn put_back(&mut self, command: Command) {
        debug_assert!(self.put_back.is_none(), "one command is looked at, at a time");
        self.put_back = Some(command);
    }

    /// Answers all that is in it with `error`, except closings, which it returns; nothing gets in any more.
    pub(crate) fn refuse_rest(&mut self, error: &Error) -> Vec<crate::command::Reply<()>> {
        self.shared.line().closed = true;
        let mut closings = Vec::new();
        while let Some(command) = self.try_next() {
            match command {
                Command::Close(reply) => closings.extend(reply),
                other => other.refuse(error),
            }
        }
        closings
    }

    fn spin(&mut self) -> Option<Command> {
        let mut spin = self.core.spin(IDLE_SPIN, WRITER_LOOKS);
        while spin.go_on() {
            if !self.receiver.is_empty() {
                spin.found();
                return self.try_next();
            }
        }
        None
    }

    /// Accounts for a command that has left the channel. A nudge has then done its work.
    fn arrived(&self, command: Command) -> Option<Command> {
        let left = self.shared.left.load(Ordering::Relaxed).wrapping_add(command.bytes());
        // ORDER: behind the entry that it answers, for whoever counts what is queued.
        self.shared.left.store(left, Ordering::Release);
        if matches!(command, Command::Nudge) {
            self.shared.line().nudged = false;
            return None;
        }
        Some(command)
    }
}

impl Shared {
    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn insist(&self, sender: &Sender<Command>, command: Command) -> bool {
        self.entered.bytes.fetch_add(command.bytes(), Ordering::Relaxed);
        sender.send(command).is_ok()
    }

    fn reserve(&self, bytes: usize) -> bool {
        if self.in_line.load(Ordering::SeqCst) > 0 {
            return false;
        }
        let Entered { bytes: entered, seen_left } = &*self.entered;
        let room = |entered: usize| {
            // Less than nothing is queued for one who has looked at `entered` too long ago; that one is told below.
            let is_room = |left: usize| (entered.wrapping_sub(left) as isize) < self.bytes_max;
            if !is_room(seen_left.load(Ordering::Relaxed)) {
                let left = self.left.load(Ordering::Relaxed);
                seen_left.store(left, Ordering::Relaxed);
                if !is_room(left) {
                    return None;
                }
            }
            Some(entered.wrapping_add(bytes))
        };
        entered.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room).is_ok()
    }

    /// The bytes of the commands in the channel.
    fn queued_bytes(&self) -> usize {
        let left = self.left.load(Ordering::Acquire);
        self.entered.bytes.load(Ordering::Relaxed).wrapping_sub(left)
    }

    fn first_in_line(&self) -> Option<Command> {
        if self.in_line.load(Ordering::SeqCst) == 0 {
            return None;
        }
        let mut line = self.line();
        let first = line.waiting.pop_first();
        self.in_line.store(line.waiting.len(), Ordering::SeqCst);
        first.map(|(_, command)| command)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut line = self.shared.line();
        let left = line.waiting.remove(&self.ticket);
        self.shared.in_line.store(line.waiting.len(), Ordering::SeqCst);
        drop(line);
        drop(left);
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests;

#[cfg(all(test, shuttle))]
mod shuttle_tests;
