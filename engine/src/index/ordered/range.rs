//! Owns the walk over the items of a set between two places. Never copies an item, never holds the way to one.
//!
//! An end of the walk is a rank and the items of the leaf where it is. Beyond that leaf the rank leads to the next one
//! from the root, which costs little beside the leaf's items, and keeps the walk small.

use std::fmt;
use std::iter::FusedIterator;

use super::page::{Item, Page};
use super::{Node, OrderedSet};

/// Items of a set, from both ends. Its size does not depend on the set's; skipping any number of items is one descent.
#[derive(Clone)]
pub(crate) struct Range<'s> {
    root: &'s Node,
    /// The ranks of the first item that is left, and of the one after the last. Only a walk that leaves its first leaf
    /// knows them; another counts from its own start.
    start: usize,
    end: usize,
    /// Items of one leaf from `start` on, perhaps beyond `end`.
    front: Run<'s>,
    /// Items of one leaf up to `end`, perhaps from before `start`.
    back: Run<'s>,
}

/// Neighbours in one leaf.
#[derive(Clone)]
struct Run<'s> {
    page: Option<&'s Page>,
    start: usize,
    end: usize,
}

impl<'s> Range<'s> {
    /// All items.
    pub(super) fn all<const LEAF: usize, const BRANCH: usize>(set: &'s OrderedSet<LEAF, BRANCH>) -> Self {
        Self { root: &set.root, start: 0, end: set.len, front: Run::EMPTY, back: Run::EMPTY }
    }

    /// The items of one leaf from one slot to another.
    #[inline]
    pub(super) fn within(root: &'s Node, page: &'s Page, start: usize, end: usize) -> Self {
        let run = Run { page: Some(page), start, end };
        Self { root, start: 0, end: end - start, front: run.clone(), back: run }
    }

    /// The items from one rank to another.
    pub(super) fn between(root: &'s Node, start: usize, end: usize) -> Self {
        Self { root, start, end, front: Run::EMPTY, back: Run::EMPTY }
    }
}

impl<'s> Run<'s> {
    const EMPTY: Self = Self { page: None, start: 0, end: 0 };

    #[inline]
    fn get(&self, slot: usize) -> Option<Item<'s>> {
        self.page.map(|page| page.get(slot))
    }
}

impl<'s> Iterator for Range<'s> {
    type Item = Item<'s>;

    #[inline]
    fn next(&mut self) -> Option<Item<'s>> {
        if self.start >= self.end {
            return None;
        }
        if self.front.start >= self.front.end {
            let (page, slot) = self.root.leaf(self.start);
            self.front = Run { page: Some(page), start: slot, end: page.len() };
        }
        let item = self.front.get(self.front.start);
        self.front.start += 1;
        self.start += 1;
        item
    }

    fn nth(&mut self, count: usize) -> Option<Item<'s>> {
        self.front.start = self.front.start.saturating_add(count);
        self.start = self.start.saturating_add(count).min(self.end);
        self.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.end - self.start, Some(self.end - self.start))
    }

    fn count(self) -> usize {
        self.len()
    }
}

impl<'s> DoubleEndedIterator for Range<'s> {
    #[inline]
    fn next_back(&mut self) -> Option<Item<'s>> {
        if self.start >= self.end {
            return None;
        }
        if self.back.start >= self.back.end {
            let (page, slot) = self.root.leaf(self.end - 1);
            self.back = Run { page: Some(page), start: 0, end: slot + 1 };
        }
        self.back.end -= 1;
        self.end -= 1;
        self.back.get(self.back.end)
    }
}

impl ExactSizeIterator for Range<'_> {}

impl FusedIterator for Range<'_> {}

impl fmt::Debug for Range<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.clone()).finish()
    }
}
