//! Owns a persistent ordered set: a B+tree whose clones share every node that neither has changed since. Never copies
//! a node that only one set holds, never needs unsafe code.
//!
//! A clone is one more reference to the root, so publishing a set costs nothing; the next change copies the nodes from
//! the root to one leaf, and further changes before the next clone find those copies already made. Each branch knows
//! how many items lie under each child, so the items of a range are counted, and the n-th is found, in one descent.

mod range;
#[cfg(test)]
mod tests;

pub(crate) use self::range::Range;

use std::cmp::Ordering;
use std::fmt;
#[cfg(test)]
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

/// No tree of 2^48 items is deeper, when a branch holds eight children or more.
const DEPTH_MAX: usize = 24;
/// The room that a copied or grown leaf gets for items to come.
const SPARE: usize = 4;

/// An ordered set with cheap clones. `LEAF` and `BRANCH` are the most items and children that a node holds.
pub(crate) struct OrderedSet<T, const LEAF: usize = 64, const BRANCH: usize = 32> {
    root: Arc<Node<T>>,
    len: usize,
}

enum Node<T> {
    Leaf(Vec<T>),
    Branch(Branch<T>),
}

/// INVARIANT: a branch has a child, every child has an item, and all leaves lie at the same depth.
#[derive(Clone)]
struct Branch<T> {
    /// Between each child and the next: above every item of the one, and not above any item of the other. Changes
    /// below leave them as they are, so the copies of a branch share them.
    bounds: Arc<[T]>,
    children: Vec<Child<T>>,
}

struct Child<T> {
    /// How many items lie under the child.
    len: usize,
    node: Arc<Node<T>>,
}

/// The right part of a node that was split, and the bound between the parts.
struct Split<T> {
    bound: T,
    right: Child<T>,
}

/// The way to a place in a leaf: the slot in each branch, then the one in the leaf.
struct Path {
    slots: [u16; DEPTH_MAX],
    depth: usize,
    /// Whether the place is the end of the set.
    at_end: bool,
}

impl<T, const LEAF: usize, const BRANCH: usize> OrderedSet<T, LEAF, BRANCH> {
    /// The empty set.
    pub(crate) fn new() -> Self {
        Self { root: Arc::new(Node::Leaf(Vec::new())), len: 0 }
    }

    /// How many items there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The smallest item.
    pub(crate) fn first(&self) -> Option<&T> {
        self.iter().next()
    }

    /// All items, ascending.
    pub(crate) fn iter(&self) -> Range<'_, T> {
        Range { root: &self.root, start: 0, end: self.len, front: &[], back: &[] }
    }

    /// The items between two places, ascending. Each place is given by what is true of the items before it, and of no
    /// item after it; so a part of the items can be looked for without making one.
    pub(crate) fn range_by(
        &self,
        before_start: impl Fn(&T) -> bool,
        before_end: impl Fn(&T) -> bool,
    ) -> Range<'_, T> {
        let (start, front) = self.seek(before_start);
        let end = match front.last() {
            // A short range ends in the leaf where it begins: one descent finds it.
            Some(last) if !before_end(last) => start + front.partition_point(before_end),
            _ => self.seek(before_end).0.max(start),
        };
        Range { root: &self.root, start, end, front, back: &[] }
    }

    /// How many items lie before the place, and those of its leaf that lie after it.
    fn seek(&self, before: impl Fn(&T) -> bool) -> (usize, &[T]) {
        let mut rank = 0;
        let mut node = &*self.root;
        loop {
            match node {
                Node::Branch(branch) => {
                    let slot = branch.bounds.partition_point(&before);
                    rank += branch.children[..slot].iter().map(|child| child.len).sum::<usize>();
                    node = &branch.children[slot].node;
                }
                Node::Leaf(items) => {
                    let slot = items.partition_point(before);
                    return (rank + slot, &items[slot..]);
                }
            }
        }
    }

    /// The way to the item for which `compare` says equal, or else to where it would be.
    fn locate(&self, compare: impl Fn(&T) -> Ordering) -> Result<Path, Path> {
        let mut path = Path { slots: [0; DEPTH_MAX], depth: 0, at_end: true };
        let mut node = &*self.root;
        loop {
            match node {
                Node::Branch(branch) => {
                    let slot = branch.bounds.partition_point(|bound| compare(bound).is_le());
                    path.push(slot, slot == branch.bounds.len());
                    node = &branch.children[slot].node;
                }
                Node::Leaf(items) => {
                    let found = items.binary_search_by(compare);
                    let slot = found.unwrap_or_else(|slot| slot);
                    path.push(slot, slot == items.len());
                    return if found.is_ok() { Ok(path) } else { Err(path) };
                }
            }
        }
    }
}

impl<T: Ord + Clone, const LEAF: usize, const BRANCH: usize> OrderedSet<T, LEAF, BRANCH> {
    /// The set of the items of an iterator that gives them ascending and each once; every node is full.
    pub(crate) fn from_sorted(items: impl IntoIterator<Item = T>) -> Self {
        let mut items = items.into_iter();
        let mut set = Self::new();
        // The nodes of one level, and the first item below each.
        let (mut firsts, mut level) = (Vec::new(), Vec::new());
        loop {
            let mut leaf = Vec::with_capacity(LEAF);
            leaf.extend(items.by_ref().take(LEAF));
            debug_assert!(
                leaf.is_sorted_by(|left, right| left < right),
                "the items come ascending, each once"
            );
            let Some(first) = leaf.first() else { break };
            firsts.push(first.clone());
            leaf.shrink_to_fit();
            set.len += leaf.len();
            level.push(Child { len: leaf.len(), node: Arc::new(Node::Leaf(leaf)) });
        }
        while level.len() > 1 {
            let mut nodes = level.into_iter();
            level = Vec::with_capacity(nodes.len().div_ceil(BRANCH));
            let mut upper = Vec::with_capacity(level.capacity());
            for firsts in firsts.chunks(BRANCH) {
                let children: Vec<_> = nodes.by_ref().take(BRANCH).collect();
                upper.push(firsts[0].clone());
                level.push(Branch { bounds: Arc::from(&firsts[1..]), children }.into());
            }
            firsts = upper;
        }
        if let Some(root) = level.pop() {
            set.root = root.node;
        }
        set
    }

    /// Whether the item is in the set.
    pub(crate) fn contains(&self, item: &T) -> bool {
        self.locate(|other| other.cmp(item)).is_ok()
    }

    /// The items between two bounds, ascending.
    #[cfg(test)]
    pub(crate) fn range(&self, bounds: impl RangeBounds<T>) -> Range<'_, T> {
        self.range_by(
            |item| match bounds.start_bound() {
                Bound::Included(start) => item < start,
                Bound::Excluded(start) => item <= start,
                Bound::Unbounded => false,
            },
            |item| match bounds.end_bound() {
                Bound::Included(end) => item <= end,
                Bound::Excluded(end) => item < end,
                Bound::Unbounded => true,
            },
        )
    }

    /// Adds an item. False if it was there; the set is then as it was, and no node was copied.
    pub(crate) fn insert(&mut self, item: T) -> bool {
        let Err(path) = self.locate(|other| other.cmp(&item)) else { return false };
        let split = Self::insert_at(&mut self.root, path.slots(), path.at_end, item);
        self.len += 1;
        if let Some(Split { bound, right }) = split {
            let left = Child { len: self.len - right.len, node: Arc::clone(&self.root) };
            self.root = Child::from(Branch { bounds: Arc::new([bound]), children: vec![left, right] }).node;
        }
        true
    }

    /// Removes an item. False if it was not there; the set is then as it was, and no node was copied.
    pub(crate) fn remove(&mut self, item: &T) -> bool {
        self.remove_by(|other| other.cmp(item))
    }

    /// Removes the item for which `compare`, which tells how an item lies to the one looked for, says equal.
    pub(crate) fn remove_by(&mut self, compare: impl Fn(&T) -> Ordering) -> bool {
        let Ok(path) = self.locate(compare) else { return false };
        Self::remove_at(&mut self.root, path.slots());
        self.len -= 1;
        while let Node::Branch(branch) = &*self.root {
            match branch.children.as_slice() {
                [] => *self = Self::new(),
                [only] => self.root = Arc::clone(&only.node),
                _ => break,
            }
        }
        true
    }

    /// Adds an item at a place. Gives what was split off at the right if the node was full.
    fn insert_at(node: &mut Arc<Node<T>>, slots: &[u16], at_end: bool, item: T) -> Option<Split<T>> {
        let slot = usize::from(slots[0]);
        match Arc::make_mut(node) {
            Node::Leaf(items) => {
                if items.len() == items.capacity() {
                    items.reserve_exact(SPARE);
                }
                items.insert(slot, item);
                (items.len() > LEAF).then(|| split_leaf(items, at_end))
            }
            Node::Branch(branch) => {
                let child = &mut branch.children[slot];
                child.len += 1;
                if let Some(split) = Self::insert_at(&mut child.node, &slots[1..], at_end, item) {
                    branch.insert(slot, split);
                }
                (branch.children.len() > BRANCH).then(|| branch.split(at_end))
            }
        }
    }

    fn remove_at(node: &mut Arc<Node<T>>, slots: &[u16]) {
        let slot = usize::from(slots[0]);
        match Arc::make_mut(node) {
            Node::Leaf(items) => {
                items.remove(slot);
            }
            Node::Branch(branch) => {
                let child = &mut branch.children[slot];
                Self::remove_at(&mut child.node, &slots[1..]);
                child.len -= 1;
                if child.len == 0 {
                    branch.children.remove(slot);
                    let bound = slot.saturating_sub(1);
                    branch.set_bounds(bound..(bound + 1).min(branch.bounds.len()), None);
                } else if Self::is_sparse(&child.node) && branch.children.len() > 1 {
                    Self::join(branch, slot.min(branch.children.len() - 2));
                }
            }
        }
    }

    fn is_sparse(node: &Node<T>) -> bool {
        match node {
            Node::Leaf(items) => items.len() < LEAF / 4,
            Node::Branch(branch) => branch.children.len() < BRANCH / 4,
        }
    }

    /// Makes one child of two neighbours, or, where that would be nearly full, two that hold the same.
    fn join(branch: &mut Branch<T>, slot: usize) {
        let mut right = branch.children.remove(slot + 1);
        let left = &mut branch.children[slot];
        left.len += right.len;
        let split = match (Arc::make_mut(&mut left.node), Arc::make_mut(&mut right.node)) {
            (Node::Leaf(items), Node::Leaf(others)) => {
                items.append(others);
                (items.len() > LEAF - LEAF / 4).then(|| split_leaf(items, false))
            }
            (Node::Branch(lower), Node::Branch(other)) => {
                let between = std::slice::from_ref(&branch.bounds[slot]);
                lower.bounds = Arc::from([&*lower.bounds, between, &other.bounds].concat());
                lower.children.append(&mut other.children);
                (lower.children.len() > BRANCH - BRANCH / 4).then(|| lower.split(false))
            }
            _ => unreachable!("all leaves lie at the same depth"),
        };
        branch.set_bounds(slot..slot + 1, None);
        if let Some(split) = split {
            branch.insert(slot, split);
        }
    }
}

/// Takes the right half of the items; only the last one when the set grows at its end, so that leaves stay full.
fn split_leaf<T: Clone>(items: &mut Vec<T>, at_end: bool) -> Split<T> {
    let right = items.split_off(if at_end { items.len() - 1 } else { items.len() / 2 });
    items.shrink_to(items.len() + SPARE);
    Split { bound: right[0].clone(), right: Child { len: right.len(), node: Arc::new(Node::Leaf(right)) } }
}

impl<T: Clone> Branch<T> {
    /// Adds what was split off a child, right of it.
    fn insert(&mut self, slot: usize, Split { bound, right }: Split<T>) {
        self.children[slot].len -= right.len;
        self.children.insert(slot + 1, right);
        self.set_bounds(slot..slot, Some(bound));
    }

    /// As [`split_leaf`].
    fn split(&mut self, at_end: bool) -> Split<T> {
        let at = if at_end { self.children.len() - 1 } else { self.children.len() / 2 };
        let children = self.children.split_off(at);
        let bound = self.bounds[at - 1].clone();
        let right = Branch { bounds: Arc::from(&self.bounds[at..]), children };
        self.bounds = Arc::from(&self.bounds[..at - 1]);
        Split { bound, right: right.into() }
    }

    /// Puts another bound, or none, in the place of those in a range.
    fn set_bounds(&mut self, range: std::ops::Range<usize>, bound: Option<T>) {
        let (before, after) = (&self.bounds[..range.start], &self.bounds[range.end..]);
        self.bounds = before.iter().cloned().chain(bound).chain(after.iter().cloned()).collect();
    }
}

impl<T> From<Branch<T>> for Child<T> {
    fn from(branch: Branch<T>) -> Self {
        let len = branch.children.iter().map(|child| child.len).sum();
        Self { len, node: Arc::new(Node::Branch(branch)) }
    }
}

impl<T> Node<T> {
    /// The leaf under this node that holds the item of the given rank, and the slot of that item.
    fn leaf(&self, mut rank: usize) -> (&[T], usize) {
        let mut node = self;
        loop {
            match node {
                Node::Leaf(items) => return (items, rank),
                Node::Branch(Branch { children, .. }) => {
                    let mut slot = 0;
                    while rank >= children[slot].len {
                        rank -= children[slot].len;
                        slot += 1;
                    }
                    node = &children[slot].node;
                }
            }
        }
    }
}

impl<T: Clone> Clone for Node<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Leaf(items) => {
                let mut copy = Vec::with_capacity(items.len() + SPARE);
                copy.extend_from_slice(items);
                Self::Leaf(copy)
            }
            Self::Branch(branch) => Self::Branch(branch.clone()),
        }
    }
}

impl<T> Clone for Child<T> {
    fn clone(&self) -> Self {
        Self { len: self.len, node: Arc::clone(&self.node) }
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

impl<T, const LEAF: usize, const BRANCH: usize> Clone for OrderedSet<T, LEAF, BRANCH> {
    fn clone(&self) -> Self {
        Self { root: Arc::clone(&self.root), len: self.len }
    }
}

impl<T, const LEAF: usize, const BRANCH: usize> Default for OrderedSet<T, LEAF, BRANCH> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: fmt::Debug, const LEAF: usize, const BRANCH: usize> fmt::Debug for OrderedSet<T, LEAF, BRANCH> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.iter()).finish()
    }
}
