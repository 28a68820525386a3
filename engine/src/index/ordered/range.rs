//! Owns the walk over the items of a set between two places. Never copies an item, never holds the way to one.
//!
//! An end of the walk is a rank and the items of the leaf where it is. Beyond that leaf the rank leads to the next one
//! from the root, which costs little beside the leaf's items, and keeps the walk small.

use std::fmt;
use std::iter::FusedIterator;

use super::Node;

/// Items of a set, from both ends. Its size does not depend on the set's; skipping any number of items is one descent.
pub(crate) struct Range<'s, T> {
    pub(super) root: &'s Node<T>,
    /// The ranks of the first item that is left, and of the one after the last.
    pub(super) start: usize,
    pub(super) end: usize,
    /// Items of one leaf from `start` on, perhaps beyond `end`.
    pub(super) front: &'s [T],
    /// Items of one leaf up to `end`, perhaps from before `start`.
    pub(super) back: &'s [T],
}

impl<'s, T> Iterator for Range<'s, T> {
    type Item = &'s T;

    #[inline]
    fn next(&mut self) -> Option<&'s T> {
        if self.start >= self.end {
            return None;
        }
        if self.front.is_empty() {
            let (items, slot) = self.root.leaf(self.start);
            self.front = &items[slot..];
        }
        let (item, rest) = self.front.split_first()?;
        self.front = rest;
        self.start += 1;
        Some(item)
    }

    fn nth(&mut self, count: usize) -> Option<&'s T> {
        self.front = self.front.get(count..).unwrap_or_default();
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

impl<'s, T> DoubleEndedIterator for Range<'s, T> {
    #[inline]
    fn next_back(&mut self) -> Option<&'s T> {
        if self.start >= self.end {
            return None;
        }
        if self.back.is_empty() {
            let (items, slot) = self.root.leaf(self.end - 1);
            self.back = &items[..=slot];
        }
        let (item, rest) = self.back.split_last()?;
        self.back = rest;
        self.end -= 1;
        Some(item)
    }
}

impl<T> ExactSizeIterator for Range<'_, T> {}

impl<T> FusedIterator for Range<'_, T> {}

impl<T> Clone for Range<'_, T> {
    fn clone(&self) -> Self {
        Self { ..*self }
    }
}

impl<T: fmt::Debug> fmt::Debug for Range<'_, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.clone()).finish()
    }
}
