//! Owns the pins: which sequences readers of several keys stand on. Never blocks, and never knows what a version is.
//!
//! The protocol, between readers and the one writer:
//!
//! - A reader stores a sequence that has been published in a slot of its own, fences, and *then* loads the published
//!   view; that view's sequence is what it stands on. It is never older than the slot says. Then it settles: it stores
//!   that very sequence in the slot, and a bit that says so.
//! - The writer stores the new view, fences, and *then* reads the slots; it drops only versions in which nobody stands
//!   whose slot it has read, settled or not, and which were replaced by then.
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

/// A slot holds 0 when it is free, else one more than the sequence of its pin, and in the lowest bit whether the pin
/// stands exactly there. Otherwise it stands there or later.
#[derive(Debug)]
struct Block {
    slots: Box<[CachePadded<AtomicU64>]>,
    next: OnceLock<Box<Block>>,
}

/// Which slot a pin holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot(usize);

const BLOCK_SLOTS: usize = if cfg!(loom) { 2 } else { 32 };

const SETTLED: u64 = 1;

/// Where pins stand: what the writer sees of them in one look.
#[derive(Debug, Default)]
pub(crate) struct Needs {
    /// Where the settled ones do, ascending, each sequence once.
    settled: Vec<Sequence>,
    /// No other pin stands before this.
    unsettled: Option<Sequence>,
}

/// Who needs a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Nobody.
    None,
    /// The pins on this sequence, and perhaps earlier ones.
    Pin(Sequence),
    /// Perhaps one that is not settled yet.
    Unsettled,
}

impl Pins {
    pub(crate) fn new() -> Self {
        Self { block: Block::new(), claimed: AtomicU64::new(0) }
    }

    /// Pins what `load` loads, and the sequence that it says it stands on, which is `published` or a later one.
    pub(crate) fn pin<V>(&self, published: Sequence, load: impl FnOnce() -> (Sequence, V)) -> (Slot, V) {
        let slot = self.claim(published);
        let (exact, view) = load();
        self.settle(slot, exact);
        (slot, view)
    }

    /// Claims a slot for a sequence that has been published. The view is loaded *after* this.
    fn claim(&self, published: Sequence) -> Slot {
        let mut base = 0;
        let mut block = &self.block;
        loop {
            if let Some(index) = block.claim((published.0 + 1) << 1) {
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

    /// Notes which sequence the pin stands on: that of the view which was loaded after the slot was claimed.
    fn settle(&self, slot: Slot, exact: Sequence) {
        // ORDER: released, since the slot's last pin, which this one has acquired, must have ended for whoever sees this.
        self.slot(slot).store((exact.0 + 1) << 1 | SETTLED, Ordering::Release);
    }

    pub(crate) fn release(&self, slot: Slot) {
        self.slot(slot).store(0, Ordering::Release);
    }

    /// Sees where the pins stand. The writer calls this *after* it has stored a new view.
    pub(crate) fn look(&self, needs: &mut Needs) {
        // ORDER: view first, then the slots. A reader does the opposite.
        fence(Ordering::SeqCst);
        needs.settled.clear();
        needs.unsettled = None;
        self.each(|sequence, is_settled| {
            if is_settled {
                needs.settled.push(sequence);
            } else {
                needs.unsettled = Some(needs.unsettled.map_or(sequence, |least| least.min(sequence)));
            }
        });
        if needs.settled.len() > 1 {
            needs.settled.sort_unstable();
            needs.settled.dedup();
        }
    }

    /// The oldest sequence that any pin stands on, or stood on when it was taken.
    pub(crate) fn oldest(&self) -> Option<Sequence> {
        let mut oldest = None;
        self.each(|sequence, _| {
            oldest = Some(oldest.map_or(sequence, |oldest: Sequence| oldest.min(sequence)))
        });
        oldest
    }

    /// How many pins are open.
    pub(crate) fn count(&self) -> usize {
        let mut count = 0;
        self.each(|_, _| count += 1);
        count
    }

    /// Visits every pin: its sequence, and whether it is settled.
    fn each(&self, mut visit: impl FnMut(Sequence, bool)) {
        let mut left = self.claimed.load(Ordering::Acquire) as usize;
        let mut block = Some(&self.block);
        while left > 0
            && let Some(Block { slots, next }) = block
        {
            let here = left.min(slots.len());
            for slot in &slots[..here] {
                if let Some(held) = slot.load(Ordering::Acquire).checked_sub(1 << 1) {
                    visit(Sequence(held >> 1), held & SETTLED != 0);
                }
            }
            left -= here;
            block = next.get().map(|next| &**next);
        }
    }

    fn slot(&self, slot: Slot) -> &AtomicU64 {
        let mut block = &self.block;
        for _ in 0..slot.0 / BLOCK_SLOTS {
            block = block.next.get().expect("the slot was claimed in this block");
        }
        &block.slots[slot.0 % BLOCK_SLOTS]
    }
}

impl Needs {
    /// Who needs a version that was current from the commit `since` on, and was replaced by the commit `until`.
    pub(crate) fn of(&self, since: Sequence, until: Sequence) -> Need {
        let before = self.settled.partition_point(|pin| *pin < until);
        match self.settled[..before].last() {
            Some(pin) if *pin >= since => Need::Pin(*pin),
            _ if self.unsettled.is_some_and(|least| least < until) => Need::Unsettled,
            _ => Need::None,
        }
    }

    /// Whether there is no pin at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.settled.is_empty() && self.unsettled.is_none()
    }

    /// Whether there is a pin that does not say where it stands.
    pub(crate) fn has_unsettled(&self) -> bool {
        self.unsettled.is_some()
    }

    /// Whether a settled pin stands here.
    pub(crate) fn has(&self, pin: Sequence) -> bool {
        self.settled.binary_search(&pin).is_ok()
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

    fn seen(pins: &Pins) -> Needs {
        let mut needs = Needs::default();
        pins.look(&mut needs);
        needs
    }

    #[test]
    fn the_oldest_pin_is_known_and_any_number_of_pins_fit() {
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

    #[test]
    fn a_settled_pin_needs_what_was_current_there_and_nothing_else() {
        let pins = Pins::new();
        let need = |since, until| seen(&pins).of(Sequence(since), Sequence(until));
        assert_eq!(need(1, 2), Need::None);
        let (old, ()) = pins.pin(Sequence(3), || (Sequence(5), ()));
        for (since, until) in [(1, 5), (6, 7), (6, 1000), (5, 5)] {
            assert_eq!(need(since, until), Need::None, "[{since}, {until})");
        }
        for (since, until) in [(1, 6), (5, 6), (4, 1000)] {
            assert_eq!(need(since, until), Need::Pin(Sequence(5)), "[{since}, {until})");
        }
        let (new, ()) = pins.pin(Sequence(9), || (Sequence(9), ()));
        assert_eq!(need(5, 9), Need::Pin(Sequence(5)));
        assert_eq!(need(5, 10), Need::Pin(Sequence(9)), "the newest that needs it holds it");
        assert_eq!(need(6, 9), Need::None, "what lies between two pins is needed by neither");
        pins.release(old);
        assert_eq!(need(4, 9), Need::None);
        assert!(seen(&pins).has(Sequence(9)) && !seen(&pins).has(Sequence(5)));
        pins.release(new);
    }

    #[test]
    fn a_pin_that_is_not_settled_may_need_whatever_was_replaced_since() {
        let pins = Pins::new();
        let slot = pins.claim(Sequence(0));
        let needs = seen(&pins);
        assert_eq!(needs.of(Sequence(0), Sequence(0)), Need::None);
        assert_eq!(needs.of(Sequence(0), Sequence(1)), Need::Unsettled);
        assert_eq!(needs.of(Sequence(1_000), Sequence(1_001)), Need::Unsettled);
        assert!(!needs.has(Sequence(0)));
        pins.settle(slot, Sequence(0));
        assert_eq!(seen(&pins).of(Sequence(0), Sequence(1)), Need::Pin(Sequence(0)));
        assert_eq!(seen(&pins).of(Sequence(1_000), Sequence(1_001)), Need::None);
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use std::sync::Arc;

    use loom::thread;

    use super::*;

    /// A database of one key, which every commit replaces: its newest version, which of those before it the undo map
    /// has, and the published sequence.
    struct Model {
        pins: Pins,
        published: AtomicU64,
        newest: AtomicU64,
        kept: Vec<AtomicU64>,
    }

    impl Model {
        fn new() -> Arc<Self> {
            Arc::new(Self {
                pins: Pins::new(),
                published: AtomicU64::new(1),
                newest: AtomicU64::new(1),
                kept: (0..4).map(|_| AtomicU64::new(0)).collect(),
            })
        }

        /// The order of the writer: undo, apply, publish, drop what nobody needs.
        fn commit(&self, sequence: u64, needs: &mut Needs) {
            self.kept[sequence as usize - 1].store(1, Ordering::Release);
            self.newest.store(sequence, Ordering::Release);
            self.published.store(sequence, Ordering::Release);
            self.pins.look(needs);
            for version in 1..sequence {
                if needs.of(Sequence(version), Sequence(version + 1)) == Need::None {
                    self.kept[version as usize].store(0, Ordering::Release);
                }
            }
        }

        fn read(&self) {
            let published = || self.published.load(Ordering::Acquire);
            let (slot, pinned) = self.pins.pin(Sequence(published()), || {
                let pinned = published();
                (Sequence(pinned), pinned)
            });
            let newest = self.newest.load(Ordering::Acquire);
            let is_there = newest <= pinned || self.kept[pinned as usize].load(Ordering::Acquire) == 1;
            assert!(is_there, "a pinned reader lost its version");
            self.pins.release(slot);
        }
    }

    fn check(readers: usize, looks: usize, commits: u64, preemptions: Option<usize>) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = preemptions;
        builder.check(move || {
            let model = Model::new();
            let readers: Vec<_> = (0..readers)
                .map(|_| {
                    let model = Arc::clone(&model);
                    thread::spawn(move || (0..looks).for_each(|_| model.read()))
                })
                .collect();
            let mut needs = Needs::default();
            (2..2 + commits).for_each(|sequence| model.commit(sequence, &mut needs));
            for reader in readers {
                reader.join().expect("the reader's assertion held");
            }
            // Nothing is kept for nobody.
            model.pins.look(&mut needs);
            assert_eq!(needs.of(Sequence(1), Sequence(2)), Need::None);
        });
    }

    #[test]
    fn loom_a_pinned_reader_never_loses_its_version() {
        check(1, 1, 1, None);
    }

    #[test]
    fn loom_a_pinned_reader_never_loses_a_version_between_others() {
        check(1, 1, 2, None);
    }

    #[test]
    fn loom_a_slot_that_is_used_again_holds_back_what_its_new_pin_needs() {
        check(1, 2, 2, Some(3));
    }

    #[test]
    fn loom_two_pinned_readers_never_lose_their_versions() {
        check(2, 1, 2, Some(2));
    }
}
