//! Owns a list of byte strings in one allocation, which is what the nodes of an ordered set are made of. Never changes
//! one: a changed list is a new one.
//!
//! The list begins with the number of strings. For each follow the end of its bytes and a position in it that its
//! owner has chosen, and after these the bytes of all. So copying a list copies one run of bytes, however many strings
//! it holds, and looking for a string reads memory that lies together.

use std::cmp::Ordering;
use std::hint::black_box;
use std::iter::repeat_n;
use std::ops::Range;
use std::sync::Arc;

const HEAD: usize = 2;
const SLOT: usize = 6;
const LINE: usize = 64;
const LINES_MAX: usize = 32;

/// A byte string, and where its second part begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Item<'p> {
    /// All of it.
    pub(crate) bytes: &'p [u8],
    /// The position between the parts.
    pub(crate) split: usize,
}

impl<'p> Item<'p> {
    /// The first part.
    #[inline]
    pub(crate) fn first(&self) -> &'p [u8] {
        &self.bytes[..self.split]
    }

    /// The second part.
    #[inline]
    pub(crate) fn second(&self) -> &'p [u8] {
        &self.bytes[self.split..]
    }
}

/// A list of byte strings. A clone shares it.
#[derive(Clone)]
pub(super) struct Page(Arc<[u8]>);

/// The strings of a list.
#[derive(Clone, Copy)]
pub(super) struct Items<'p> {
    slots: &'p [[u8; SLOT]],
    strings: &'p [u8],
}

/// Something that a new list holds.
pub(super) enum Part<'p> {
    Run(&'p Page, Range<usize>),
    One(Item<'p>),
}

impl Page {
    /// Whether they are one, and not only equal.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The list that holds these parts, one after the other.
    pub(super) fn of(parts: &[Part<'_>]) -> Self {
        let (mut count, mut room) = (0, 0);
        for part in parts {
            count += part.count();
            room += part.room();
        }
        let mut page: Arc<[u8]> = repeat_n(0, Self::room(count, room)).collect();
        let bytes = Arc::get_mut(&mut page).expect("nobody else has it yet");
        let (head, rest) = bytes.split_at_mut(HEAD);
        head.copy_from_slice(
            &u16::try_from(count).expect("a node holds fewer than 65,536 items").to_le_bytes(),
        );
        let (slots, mut strings) = rest.split_at_mut(count * SLOT);
        let mut slots = slots.as_chunks_mut().0;
        let mut end = 0;
        for part in parts {
            let (own_slots, other_slots) = slots.split_at_mut(part.count());
            let (own_strings, other_strings) = strings.split_at_mut(part.room());
            part.copy(end, own_slots, own_strings);
            end += own_strings.len();
            (slots, strings) = (other_slots, other_strings);
        }
        Self(page)
    }

    /// The bytes that a list of so many strings, which have so many bytes, takes.
    pub(super) fn room(count: usize, bytes: usize) -> usize {
        HEAD + count * SLOT + bytes
    }

    /// How many strings there are.
    #[inline]
    pub(super) fn len(&self) -> usize {
        usize::from(u16::from_le_bytes([self.0[0], self.0[1]]))
    }

    /// The bytes that the list takes.
    pub(super) fn bytes(&self) -> usize {
        self.0.len()
    }

    #[inline]
    pub(super) fn get(&self, slot: usize) -> Item<'_> {
        self.items().get(slot)
    }

    /// The strings, for those who look at several.
    #[inline]
    pub(super) fn items(&self) -> Items<'_> {
        let (slots, strings) = self.0[HEAD..].split_at(self.len() * SLOT);
        Items { slots: slots.as_chunks().0, strings }
    }

    /// Reads from each line of memory that the list takes, so that all of them are on their way at once. A search reads
    /// a few of them, but waits for each before it knows the next.
    #[inline]
    pub(super) fn warm(&self) {
        let lines = self.0.iter().step_by(LINE).take(LINES_MAX);
        black_box(lines.fold(0, |all, byte| all ^ byte));
    }

    /// Where the first string is that is not before this one; whether it is this one.
    #[inline]
    pub(super) fn find(&self, bytes: &[u8]) -> Result<usize, usize> {
        let items = self.items();
        items.find(0..items.len(), bytes)
    }

    /// As [`Page::find`], for a string that is probably near to a slot, and not before it.
    #[inline]
    pub(super) fn find_from(&self, slot: usize, bytes: &[u8]) -> usize {
        let items = self.items();
        let (mut start, mut step) = (slot, 1);
        loop {
            let end = start + step;
            if end > items.len() {
                break items.find(start..items.len(), bytes).unwrap_or_else(|slot| slot);
            }
            if items.get(end - 1).bytes >= bytes {
                break items.find(start..end - 1, bytes).unwrap_or_else(|slot| slot);
            }
            (start, step) = (end, step * 2);
        }
    }

    /// The list with one more string.
    pub(super) fn with(&self, slot: usize, item: Item<'_>) -> Self {
        Self::of(&[Part::Run(self, 0..slot), Part::One(item), Part::Run(self, slot..self.len())])
    }

    /// The list without some strings.
    pub(super) fn without(&self, slots: Range<usize>) -> Self {
        Self::of(&[Part::Run(self, 0..slots.start), Part::Run(self, slots.end..self.len())])
    }

    /// A part of the list.
    pub(super) fn part(&self, slots: Range<usize>) -> Self {
        Self::of(&[Part::Run(self, slots)])
    }

    /// Where two halves of about the same bytes meet, neither of them empty.
    pub(super) fn middle(&self) -> usize {
        let (half, items) = ((self.bytes() - HEAD) / 2, self.items());
        let mut slots = Range { start: 1, end: self.len() - 1 };
        while slots.start < slots.end {
            let slot = slots.start.midpoint(slots.end);
            if slot * SLOT + items.start(slot) < half { slots.start = slot + 1 } else { slots.end = slot }
        }
        slots.start
    }
}

impl<'p> Items<'p> {
    /// How many there are.
    #[inline]
    pub(super) fn len(self) -> usize {
        self.slots.len()
    }

    #[inline]
    pub(super) fn get(self, slot: usize) -> Item<'p> {
        let [a, b, c, d, split @ ..] = self.slots[slot];
        let end = u32::from_le_bytes([a, b, c, d]) as usize;
        Item { bytes: &self.strings[self.start(slot)..end], split: usize::from(u16::from_le_bytes(split)) }
    }

    /// Where the string of a slot begins; of the one behind all, where the last one ends.
    #[inline]
    fn start(self, slot: usize) -> usize {
        match slot.checked_sub(1).map(|before| self.slots[before]) {
            None => 0,
            Some([a, b, c, d, ..]) => u32::from_le_bytes([a, b, c, d]) as usize,
        }
    }

    /// As [`Page::find`], among some.
    #[inline]
    fn find(self, slots: Range<usize>, bytes: &[u8]) -> Result<usize, usize> {
        let Range { mut start, mut end } = slots;
        while start < end {
            let slot = start.midpoint(end);
            match self.get(slot).bytes.cmp(bytes) {
                Ordering::Less => start = slot + 1,
                Ordering::Equal => return Ok(slot),
                Ordering::Greater => end = slot,
            }
        }
        Err(start)
    }
}

impl Part<'_> {
    fn count(&self) -> usize {
        match self {
            Self::Run(_, slots) => slots.len(),
            Self::One(_) => 1,
        }
    }

    fn room(&self) -> usize {
        match self {
            Self::Run(page, slots) => page.items().start(slots.end) - page.items().start(slots.start),
            Self::One(item) => item.bytes.len(),
        }
    }

    /// Writes its slots and strings, before which others take so many bytes.
    fn copy(&self, before: usize, slots: &mut [[u8; SLOT]], strings: &mut [u8]) {
        match self {
            Self::Run(page, run) => {
                let source = page.items();
                let start = source.start(run.start);
                slots.copy_from_slice(&source.slots[run.clone()]);
                strings.copy_from_slice(&source.strings[start..start + strings.len()]);
                if start != before {
                    // What is added may be negative.
                    let moved = (before as u32).wrapping_sub(start as u32);
                    for [a, b, c, d, ..] in slots {
                        let end = u32::from_le_bytes([*a, *b, *c, *d]).wrapping_add(moved);
                        [*a, *b, *c, *d] = end.to_le_bytes();
                    }
                }
            }
            Self::One(Item { bytes, split }) => {
                let end = u32::try_from(before + bytes.len()).expect("a node takes less than 4 GiB");
                let split = u16::try_from(*split).expect("the first part of an item is short");
                let ([a, b, c, d], [e, f]) = (end.to_le_bytes(), split.to_le_bytes());
                slots[0] = [a, b, c, d, e, f];
                strings.copy_from_slice(bytes);
            }
        }
    }
}

/// The shortest string that is not before `right` and that nothing up to `left` reaches.
pub(super) fn bound<'r>(left: &[u8], right: &'r [u8]) -> &'r [u8] {
    let same = left.iter().zip(right).take_while(|(left, right)| left == right).count();
    &right[..(same + 1).min(right.len())]
}
