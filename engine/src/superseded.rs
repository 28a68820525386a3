//! Owns the versions that commits have replaced or removed, and which pin holds back each of them. Never drops one that
//! a pin may stand in, and never drops many at once.

use std::collections::BTreeMap;

use crate::key::{CollectionId, Key, Sequence};
use crate::pins::{Need, Needs};
use crate::view::Shared;

/// A version of a key that is not the newest any more, though the keydir, the undo map or the times of expiry may still
/// know of it.
#[derive(Debug)]
pub(crate) struct Superseded {
    pub(crate) collection: CollectionId,
    pub(crate) key: Key,
    /// It was current from this commit on,
    pub(crate) since: Sequence,
    /// up to this one, which replaced it.
    pub(crate) until: Sequence,
    pub(crate) ordinal: u32,
    /// Whether the undo map has it.
    pub(crate) is_kept: bool,
    /// Whether it has a time at which it expires.
    pub(crate) expires: bool,
    /// Whether a tombstone replaced it.
    pub(crate) is_removed: bool,
}

/// Everything that was superseded and is not dropped.
///
/// What a pin needs hangs from that pin, and is looked at again when the pin is gone: a pin that is held for long costs
/// the commits beside it nothing but the memory.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    /// What was added since the pins were looked at.
    fresh: Vec<Superseded>,
    /// By the newest pin that needs it.
    held: BTreeMap<Sequence, Chunks>,
    /// What no pin holds that is known to be there, and is to be judged.
    loose: Chunks,
    /// What a pin may need that has just been opened and does not say yet where it stands.
    unsettled: Chunks,
    needs: Needs,
    remembered: Remembered,
}

/// How much is remembered for pins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Remembered {
    pub(crate) versions: u64,
    /// About.
    pub(crate) bytes: u64,
}

/// A list in pieces, so that neither growing it nor giving it back moves or frees much at once.
#[derive(Debug, Default)]
struct Chunks(Vec<Vec<Superseded>>);

const CHUNK: usize = 256;
/// Room for so many that a commit supersedes is kept for the next.
const FRESH_MAX: usize = 4_096;

/// So many that a commit supersedes are left for when nobody waits.
const FRESH_LEFT: usize = 64;

/// What a version takes: here, in the undo map with its share of free room, and in the map of expiries.
const VERSION_BYTES: u64 = 192;
/// Keys up to this length lie within what was counted already.
const INLINE_KEY_BYTES: usize = 23;

impl Backlog {
    pub(crate) fn push(&mut self, superseded: Superseded) {
        self.fresh.push(superseded);
    }

    /// Looks at the pins and drops what none of them needs: of what was added since the last look everything, and of
    /// the rest as many as that and `more`. To be called when all that was added is published.
    pub(crate) fn release(&mut self, shared: &Shared, more: usize) {
        if self.fresh.is_empty() && self.is_empty() {
            return;
        }
        shared.pins.look(&mut self.needs);
        if self.is_empty() && self.needs.is_empty() {
            // So it is nearly always: nobody needs anything.
            self.fresh.iter().for_each(|superseded| superseded.drop_from(shared));
            self.fresh.clear();
        } else {
            self.judge_some(shared, more);
        }
        if self.fresh.capacity() > FRESH_MAX {
            self.fresh = Vec::new();
        }
    }

    /// Whether more is to be looked at than can be left to the tidying behind the commit's answer, or than that has done.
    pub(crate) fn is_long(&self) -> bool {
        self.fresh.len() > FRESH_LEFT || !self.is_empty()
    }

    /// Whether nothing is remembered for any pin.
    pub(crate) fn is_empty(&self) -> bool {
        self.held.is_empty() && !self.is_loose() && self.unsettled.is_empty()
    }

    /// Whether something is remembered that is to be judged.
    pub(crate) fn is_loose(&self) -> bool {
        !self.loose.is_empty()
    }

    #[cold]
    fn judge_some(&mut self, shared: &Shared, more: usize) {
        self.let_go();
        let mut fresh = std::mem::take(&mut self.fresh);
        let steps = fresh.len() + more;
        fresh.drain(..).for_each(|superseded| self.judge(shared, superseded));
        self.fresh = fresh;
        for _ in 0..steps {
            let Some(superseded) = self.loose.pop() else { break };
            self.remembered.subtract(&superseded);
            self.judge(shared, superseded);
        }
        shared.undo.note_remembered(self.remembered);
    }

    /// Takes from the pins that are gone what they held.
    fn let_go(&mut self) {
        let Self { held, loose, unsettled, needs, .. } = self;
        if !needs.has_unsettled() {
            loose.append(unsettled);
        }
        held.retain(|pin, chunks| {
            let stays = needs.has(*pin);
            if !stays {
                loose.append(chunks);
            }
            stays
        });
    }

    fn judge(&mut self, shared: &Shared, superseded: Superseded) {
        let list = match self.needs.of(superseded.since, superseded.until) {
            Need::None => return superseded.drop_from(shared),
            Need::Pin(pin) => self.held.entry(pin).or_default(),
            Need::Unsettled => &mut self.unsettled,
        };
        self.remembered.add(&superseded);
        list.push(superseded);
    }
}

impl Superseded {
    fn drop_from(&self, shared: &Shared) {
        let &Self { collection, ref key, since, until, ordinal, is_kept, expires, is_removed } = self;
        if expires {
            shared.expiry_times.remove((since, ordinal));
        }
        let version = is_kept.then_some(until);
        // INVARIANT: a tombstone stays while the undo map has a version of its key: whoever looks for that must meet an
        // entry first.
        if shared.undo.drop_version(collection, key, version, is_removed) {
            shared.keydir.remove_tombstone(&shared.keydir.hash(collection, key));
        }
    }

    fn bytes(&self) -> u64 {
        let key = if self.key.len() > INLINE_KEY_BYTES { self.key.len() as u64 } else { 0 };
        VERSION_BYTES + key
    }
}

impl Remembered {
    fn add(&mut self, superseded: &Superseded) {
        self.versions += u64::from(superseded.is_kept);
        self.bytes += superseded.bytes();
    }

    fn subtract(&mut self, superseded: &Superseded) {
        self.versions -= u64::from(superseded.is_kept);
        self.bytes -= superseded.bytes();
    }
}

impl Chunks {
    fn push(&mut self, superseded: Superseded) {
        match self.0.last_mut() {
            Some(chunk) if chunk.len() < CHUNK => chunk.push(superseded),
            _ => self.0.push(vec![superseded]),
        }
    }

    fn pop(&mut self) -> Option<Superseded> {
        let superseded = self.0.last_mut()?.pop();
        if self.0.last().is_some_and(Vec::is_empty) {
            self.0.pop();
        }
        superseded
    }

    fn append(&mut self, other: &mut Self) {
        self.0.append(&mut other.0);
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
