//! Owns giving back trees that nobody needs any more, some nodes at a time. Never touches a node that somebody holds.

use std::sync::Arc;

use super::{Node, OrderedSet};

/// What is left of a tree. Dropped whole, a tree gives back every node that it shares with no other at once, and
/// lets go of each that it shares: whoever drops it would wait for all of them.
#[derive(Default)]
pub(crate) struct Dismantling(Vec<Node>);

impl Dismantling {
    /// All of a tree.
    pub(crate) fn of<const LEAF: usize, const BRANCH: usize>(set: OrderedSet<LEAF, BRANCH>) -> Self {
        Self(vec![set.root])
    }

    /// Whether nothing is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Gives back at most so many nodes.
    pub(crate) fn step(&mut self, nodes: u64) {
        for _ in 0..nodes {
            match self.0.pop() {
                Some(Node::Branch(branch)) => {
                    // Of a branch that another tree holds too, everything below stays.
                    if let Some(branch) = Arc::into_inner(branch) {
                        self.0.extend(branch.children.into_iter().map(|child| child.node));
                    }
                }
                Some(Node::Leaf(_)) => {}
                None => break,
            }
        }
    }
}

impl std::fmt::Debug for Dismantling {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Dismantling({} nodes)", self.0.len())
    }
}
