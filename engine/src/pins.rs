//! Owns the pins: which sequences readers of several keys stand on. Never blocks, and never knows what a version is.
//!
//! The protocol, between readers and the one writer:
//!
//! - A reader stores a sequence that has been published in a slot of its own, fences, and *then* loads the published
//!   view; that view's sequence is what it stands on. It is never older than the slot says.
//! - The writer stores the new view, fences, and *then* reads the slots; it drops only versions that nobody at or
//!   after the oldest slot can need.
//!
//! If the writer's look missed a slot, then the reader's load, which comes after its store, saw the view that the
//! writer had published before it looked, and needs nothing that the writer drops. So one round suffices, and a pin
//! never waits. `loom` checks it below.

use std::sync::OnceLock;

use crossbeam_utils::CachePadded;

use crate::key::Sequence;
use crate::sync::{AtomicU64, Ordering, fence};

/// The slots of all pins. More than the first block are allocated only if so many pins are open at once.
#[derive(Debug)]
pub(crate) struct Pins {
    block: Block,
    /// One more than the highest slot that was ever claimed: the writer looks no farther.
    claimed: AtomicU64,
}

/// A slot holds 0 when it is free, else one more than the sequence that its pin holds back.
#[derive(Debug)]
struct Block {
    slots: Box<[CachePadded<AtomicU64>]>,
    next: OnceLock<Box<Block>>,
}

/// Which slot a pin holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot(usize);

const BLOCK_SLOTS: usize = if cfg!(loom) { 2 } else { 32 };

impl Pins {
    pub(crate) fn new() -> Self {
        Self { block: Block::new(), claimed: AtomicU64::new(0) }
    }

    /// Claims a slot for a sequence that has been published. The caller loads the view *after* this.
    pub(crate) fn claim(&self, published: Sequence) -> Slot {
        let mut base = 0;
        let mut block = &self.block;
        loop {
            if let Some(index) = block.claim(published.0 + 1) {
                let claimed = (base + index + 1) as u64;
                if self.claimed.load(Ordering::Relaxed) < claimed {
                    self.claimed.fetch_max(claimed, Ordering::AcqRel);
                }
                // ORDER: slot first, then the view. The writer does the opposite.
                fence(Ordering::SeqCst);
                return Slot(base + index);
            }
            base += BLOCK_SLOTS;
            block = block.next.get_or_init(|| Box::new(Block::new()));
        }
    }

    pub(crate) fn release(&self, slot: Slot) {
        let mut block = &self.block;
        for _ in 0..slot.0 / BLOCK_SLOTS {
            block = block.next.get().expect("the slot was claimed in this block");
        }
        block.slots[slot.0 % BLOCK_SLOTS].store(0, Ordering::Release);
    }

    /// The oldest sequence that any pin holds back. The writer calls this *after* it has stored a new view.
    pub(crate) fn oldest(&self) -> Option<Sequence> {
        // ORDER: view first, then the slots. A reader does the opposite.
        fence(Ordering::SeqCst);
        self.held().min().map(Sequence)
    }

    /// How many pins are open.
    pub(crate) fn count(&self) -> usize {
        self.held().count()
    }

    fn held(&self) -> impl Iterator<Item = u64> {
        let claimed = self.claimed.load(Ordering::Acquire) as usize;
        std::iter::successors(Some(&self.block), |block| block.next.get().map(|next| &**next))
            .flat_map(|block| block.slots.iter())
            .take(claimed)
            .filter_map(|slot| slot.load(Ordering::Acquire).checked_sub(1))
    }
}

impl Block {
    fn new() -> Self {
        Self {
            slots: (0..BLOCK_SLOTS).map(|_| CachePadded::new(AtomicU64::new(0))).collect(),
            next: OnceLock::new(),
        }
    }

    fn claim(&self, value: u64) -> Option<usize> {
        let start = thread_number();
        (0..BLOCK_SLOTS).map(|step| (start + step) % BLOCK_SLOTS).find(|index| {
            self.slots[*index].compare_exchange(0, value, Ordering::AcqRel, Ordering::Relaxed).is_ok()
        })
    }
}

/// The number of this thread, by which threads keep out of each other's cache lines.
#[cfg(not(loom))]
pub(crate) fn thread_number() -> usize {
    use std::cell::Cell;
    use std::sync::atomic::AtomicUsize;

    static THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: Cell<usize> = Cell::new(THREADS.fetch_add(1, Ordering::Relaxed));
    }
    NUMBER.get()
}

#[cfg(loom)]
pub(crate) fn thread_number() -> usize {
    0
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_pin_counts_and_any_number_of_pins_fit() {
        let pins = Pins::new();
        assert_eq!(pins.oldest(), None);
        let slots: Vec<_> = (0..100).map(|number| pins.claim(Sequence(200 - number))).collect();
        assert_eq!(pins.count(), 100);
        assert_eq!(pins.oldest(), Some(Sequence(101)));
        for slot in &slots[50..] {
            pins.release(*slot);
        }
        assert_eq!(pins.oldest(), Some(Sequence(151)));
        slots[..50].iter().for_each(|slot| pins.release(*slot));
        assert_eq!((pins.oldest(), pins.count()), (None, 0));
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use std::sync::Arc;

    use loom::thread;

    use super::*;

    /// A database of one key with its newest version, the version before it, and the published sequence. `GONE`
    /// stands for a version that was dropped.
    struct Model {
        pins: Pins,
        published: AtomicU64,
        newest: AtomicU64,
        before: AtomicU64,
    }

    const GONE: u64 = u64::MAX;

    fn commit(model: &Model, sequence: u64) {
        // The order of the writer: undo, apply, publish, drop what nobody needs.
        model.before.store(sequence - 1, Ordering::Release);
        model.newest.store(sequence, Ordering::Release);
        model.published.store(sequence, Ordering::Release);
        if model.pins.oldest().is_none_or(|oldest| oldest.0 >= sequence) {
            model.before.store(GONE, Ordering::Release);
        }
    }

    fn read(model: &Model) {
        let slot = model.pins.claim(Sequence(model.published.load(Ordering::Acquire)));
        let pinned = model.published.load(Ordering::Acquire);
        let newest = model.newest.load(Ordering::Acquire);
        let found = if newest > pinned { model.before.load(Ordering::Acquire) } else { newest };
        assert_eq!(found, pinned, "a pinned reader lost its version");
        model.pins.release(slot);
    }

    #[test]
    fn loom_a_pinned_reader_never_loses_its_version() {
        loom::model(|| {
            let model = Arc::new(Model {
                pins: Pins::new(),
                published: AtomicU64::new(1),
                newest: AtomicU64::new(1),
                before: AtomicU64::new(GONE),
            });
            let reader = {
                let model = Arc::clone(&model);
                thread::spawn(move || read(&model))
            };
            commit(&model, 2);
            reader.join().expect("the reader's assertion held");
        });
    }
}
