//! Owns a persistent ordered set of byte strings: a B+tree whose clones share every node that neither has changed
//! since. Never copies a branch that only one set holds, never needs unsafe code.
//!
//! A clone is one more reference to the root. The next change copies the nodes from the root to one leaf, and further
//! changes before the next clone find those branches already copied; a leaf is one run of bytes, and a changed one is
//! always new. Each branch knows how many items lie under each child, so the items of a range are counted, and the n-th
//! is found, in one descent.

mod build;
mod dismantle;
mod page;
mod range;
#[cfg(test)]
mod tests;

pub(crate) use self::build::SetBuilder;
pub(crate) use self::dismantle::Dismantling;
pub(crate) use self::page::Item;
pub(crate) use self::range::Range;

use std::fmt;
use std::sync::Arc;

use self::page::{Page, Part, bound};

/// No tree of 2^48 items is deeper, when a branch holds eight children or more.
const DEPTH_MAX: usize = 24;

/// An ordered set with cheap clones. `LEAF` is the most bytes that a leaf takes, if it holds more than one item, and
/// `BRANCH` the most children of a branch.
#[derive(Clone)]
pub(crate) struct OrderedSet<const LEAF: usize = 1024, const BRANCH: usize = 32> {
    root: Node,
    len: usize,
}

#[derive(Clone)]
enum Node {
    Leaf(Page),
    Branch(Arc<Branch>),
}

/// INVARIANT: a branch has a child, every child has an item, and all leaves lie at the same depth.
#[derive(Clone)]
struct Branch {
    /// Between each child and the next: above every item of the one, and not above any item of the other. Changes
    /// below leave them as they are, so the copies of a branch share them.
    bounds: Page,
    children: Vec<Child>,
}

#[derive(Clone)]
struct Child {
    /// How many items lie under the child.
    len: usize,
    node: Node,
}

/// The right part of a node that was split, and the bound between the parts.
struct Split {
    bound: Box<[u8]>,
    right: Child,
}

/// The way to a place in a leaf: the slot in each branch, then the one in the leaf.
struct Path {
    slots: [u16; DEPTH_MAX],
    depth: usize,
    /// Whether the place is the end of the set.
    at_end: bool,
}

impl<const LEAF: usize, const BRANCH: usize> OrderedSet<LEAF, BRANCH> {
    /// The empty set.
    pub(crate) fn new() -> Self {
        Self { root: Node::Leaf(Page::of(&[])), len: 0 }
    }

    /// How many items there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether they share all their nodes, and so are equal.
    pub(crate) fn is(&self, other: &Self) -> bool {
        match (&self.root, &other.root) {
            (Node::Leaf(page), Node::Leaf(others)) => page.is(others),
            (Node::Branch(branch), Node::Branch(others)) => Arc::ptr_eq(branch, others),
            _ => false,
        }
    }

    /// All items, ascending.
    pub(crate) fn iter(&self) -> Range<'_> {
        Range::all(self)
    }

    /// The items that are not before `start`, but before `end`, ascending.
    #[inline]
    pub(crate) fn range(&self, start: &[u8], end: &[u8]) -> Range<'_> {
        let mut node = &self.root;
        let page = loop {
            match node {
                Node::Branch(branch) => node = &branch.children[branch.slot_of(start)].node,
                Node::Leaf(page) => break page,
            }
        };
        page.warm();
        let first = page.find(start).unwrap_or_else(|slot| slot);
        let last = page.find_from(first, end);
        if last < page.len() {
            // It ends in the leaf where it begins: its ranks are not needed.
            return Range::within(&self.root, page, first, last);
        }
        let start = self.rank(start);
        Range::between(&self.root, start, self.rank(end).max(start))
    }

    /// Whether an item is in the set.
    pub(crate) fn contains(&self, item: &[u8]) -> bool {
        self.locate(item).is_ok()
    }

    /// Adds an item. False if it was there; the set is then as it was, and no node was copied.
    pub(crate) fn insert(&mut self, item: Item<'_>) -> bool {
        let Err(path) = self.locate(item.bytes) else { return false };
        let split = Self::insert_at(&mut self.root, path.slots(), path.at_end, item);
        self.len += 1;
        if let Some(Split { bound, right }) = split {
            let left = Child { len: self.len - right.len, node: self.root.clone() };
            let bounds = Page::of(&[one(&bound)]);
            self.root = Node::Branch(Arc::new(Branch { bounds, children: vec![left, right] }));
        }
        true
    }

    /// Removes an item. False if it was not there; the set is then as it was, and no node was copied.
    pub(crate) fn remove(&mut self, item: &[u8]) -> bool {
        let Ok(path) = self.locate(item) else { return false };
        Self::remove_at(&mut self.root, path.slots());
        self.len -= 1;
        while let Node::Branch(branch) = &self.root {
            match branch.children.as_slice() {
                [] => *self = Self::new(),
                [only] => self.root = only.node.clone(),
                _ => break,
            }
        }
        true
    }

    /// How many items lie before this one.
    fn rank(&self, item: &[u8]) -> usize {
        let mut rank = 0;
        let mut node = &self.root;
        loop {
            match node {
                Node::Branch(branch) => {
                    let slot = branch.slot_of(item);
                    rank += branch.children[..slot].iter().map(|child| child.len).sum::<usize>();
                    node = &branch.children[slot].node;
                }
                Node::Leaf(page) => return rank + page.find(item).unwrap_or_else(|slot| slot),
            }
        }
    }

    /// The way to an item, or else to where it would be.
    fn locate(&self, item: &[u8]) -> Result<Path, Path> {
        let mut path = Path { slots: [0; DEPTH_MAX], depth: 0, at_end: true };
        let mut node = &self.root;
        loop {
            match node {
                Node::Branch(branch) => {
                    let slot = branch.slot_of(item);
                    path.push(slot, slot + 1 == branch.children.len());
                    node = &branch.children[slot].node;
                }
                Node::Leaf(page) => {
                    page.warm();
                    let found = page.find(item);
                    let slot = found.unwrap_or_else(|slot| slot);
                    path.push(slot, slot == page.len());
                    return if found.is_ok() { Ok(path) } else { Err(path) };
                }
            }
        }
    }

    /// Adds an item at a place. Gives what was split off at the right if the node was full.
    fn insert_at(node: &mut Node, slots: &[u16], at_end: bool, item: Item<'_>) -> Option<Split> {
        let slot = usize::from(slots[0]);
        match node {
            Node::Leaf(page) => {
                *page = page.with(slot, item);
                (page.bytes() > LEAF && page.len() > 1).then(|| split_leaf(page, at_end))
            }
            Node::Branch(branch) => {
                let branch = Arc::make_mut(branch);
                let child = &mut branch.children[slot];
                child.len += 1;
                if let Some(split) = Self::insert_at(&mut child.node, &slots[1..], at_end, item) {
                    branch.insert(slot, split);
                }
                (branch.children.len() > BRANCH).then(|| branch.split(at_end))
            }
        }
    }

    fn remove_at(node: &mut Node, slots: &[u16]) {
        let slot = usize::from(slots[0]);
        match node {
            Node::Leaf(page) => *page = page.without(slot..slot + 1),
            Node::Branch(branch) => {
                let branch = Arc::make_mut(branch);
                let child = &mut branch.children[slot];
                Self::remove_at(&mut child.node, &slots[1..]);
                child.len -= 1;
                if child.len == 0 {
                    branch.children.remove(slot);
                    let bound = slot.saturating_sub(1);
                    branch.bounds = branch.bounds.without(bound..(bound + 1).min(branch.bounds.len()));
                } else if Self::is_sparse(&child.node) && branch.children.len() > 1 {
                    Self::join(branch, slot.min(branch.children.len() - 2));
                }
            }
        }
    }

    fn is_sparse(node: &Node) -> bool {
        match node {
            Node::Leaf(page) => page.bytes() < LEAF / 4,
            Node::Branch(branch) => branch.children.len() < BRANCH / 4,
        }
    }

    /// Makes one child of two neighbours, or, where that would be nearly full, two that hold the same.
    fn join(branch: &mut Branch, slot: usize) {
        let mut right = branch.children.remove(slot + 1);
        let left = &mut branch.children[slot];
        left.len += right.len;
        let split = match (&mut left.node, &mut right.node) {
            (Node::Leaf(page), Node::Leaf(other)) => {
                *page = Page::of(&[Part::Run(page, 0..page.len()), Part::Run(other, 0..other.len())]);
                (page.bytes() > LEAF - LEAF / 4).then(|| split_leaf(page, false))
            }
            (Node::Branch(lower), Node::Branch(other)) => {
                let (lower, other) = (Arc::make_mut(lower), Arc::make_mut(other));
                lower.bounds = Page::of(&[
                    Part::Run(&lower.bounds, 0..lower.bounds.len()),
                    Part::One(branch.bounds.get(slot)),
                    Part::Run(&other.bounds, 0..other.bounds.len()),
                ]);
                lower.children.append(&mut other.children);
                (lower.children.len() > BRANCH - BRANCH / 4).then(|| lower.split(false))
            }
            _ => unreachable!("all leaves lie at the same depth"),
        };
        branch.bounds = branch.bounds.without(slot..slot + 1);
        if let Some(split) = split {
            branch.insert(slot, split);
        }
    }
}

/// Takes the right half of the items; only the last one when the set grows at its end, so that leaves stay full.
fn split_leaf(page: &mut Page, at_end: bool) -> Split {
    let at = if at_end { page.len() - 1 } else { page.middle() };
    let right = page.part(at..page.len());
    let bound = bound(page.get(at - 1).bytes, page.get(at).bytes).into();
    *page = page.part(0..at);
    Split { bound, right: Child { len: right.len(), node: Node::Leaf(right) } }
}

/// A bound, to become part of a list of them.
fn one(bound: &[u8]) -> Part<'_> {
    Part::One(Item { bytes: bound, split: 0 })
}

impl Branch {
    /// The child that an item lies under, if it is there.
    #[inline]
    fn slot_of(&self, item: &[u8]) -> usize {
        match self.bounds.find(item) {
            Ok(slot) => slot + 1,
            Err(slot) => slot,
        }
    }

    /// Adds what was split off a child, right of it.
    fn insert(&mut self, slot: usize, Split { bound, right }: Split) {
        self.children[slot].len -= right.len;
        self.children.insert(slot + 1, right);
        self.bounds = self.bounds.with(slot, Item { bytes: &bound, split: 0 });
    }

    /// As [`split_leaf`].
    fn split(&mut self, at_end: bool) -> Split {
        let at = if at_end { self.children.len() - 1 } else { self.children.len() / 2 };
        let children = self.children.split_off(at);
        let bound = self.bounds.get(at - 1).bytes.into();
        let right = Self { bounds: self.bounds.part(at..self.bounds.len()), children };
        self.bounds = self.bounds.part(0..at - 1);
        Split { bound, right: right.into() }
    }
}

impl From<Branch> for Child {
    fn from(branch: Branch) -> Self {
        let len = branch.children.iter().map(|child| child.len).sum();
        Self { len, node: Node::Branch(Arc::new(branch)) }
    }
}

impl Node {
    /// The leaf under this node that holds the item of the given rank, and the slot of that item.
    fn leaf(&self, mut rank: usize) -> (&Page, usize) {
        let mut node = self;
        loop {
            match node {
                Self::Leaf(page) => return (page, rank),
                Self::Branch(branch) => {
                    let mut slot = 0;
                    while rank >= branch.children[slot].len {
                        rank -= branch.children[slot].len;
                        slot += 1;
                    }
                    node = &branch.children[slot].node;
                }
            }
        }
    }
}

impl Path {
    fn push(&mut self, slot: usize, last: bool) {
        self.slots[self.depth] = u16::try_from(slot).expect("a node holds fewer than 65,536 items");
        self.depth += 1;
        self.at_end &= last;
    }

    fn slots(&self) -> &[u16] {
        &self.slots[..self.depth]
    }
}

impl<const LEAF: usize, const BRANCH: usize> Default for OrderedSet<LEAF, BRANCH> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const LEAF: usize, const BRANCH: usize> fmt::Debug for OrderedSet<LEAF, BRANCH> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.iter()).finish()
    }
}
