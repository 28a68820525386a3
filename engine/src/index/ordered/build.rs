//! Owns making an ordered set of items that come in their order. Never leaves room in a node.

use super::page::{Item, Page, Part, bound};
use super::{Branch, Child, Node, OrderedSet, one};

/// Makes a set of items that come ascending, each once; every node is full.
#[derive(Default)]
pub(crate) struct SetBuilder<const LEAF: usize = 1024, const BRANCH: usize = 32> {
    len: usize,
    /// The items of the leaf that is being filled: their bytes, and where each ends and is split.
    bytes: Vec<u8>,
    slots: Vec<(usize, usize)>,
    /// The last item before them.
    before: Vec<u8>,
    leaves: Level,
}

/// The nodes of one level, and the bound before each but the first, before which any will do.
#[derive(Default)]
struct Level {
    bounds: Vec<Box<[u8]>>,
    nodes: Vec<Child>,
}

impl<const LEAF: usize, const BRANCH: usize> SetBuilder<LEAF, BRANCH> {
    /// A builder that was not given anything yet.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds an item. False if it is not above all before it; it is then left out.
    #[must_use]
    pub(crate) fn push(&mut self, Item { bytes, split }: Item<'_>) -> bool {
        if self.len > 0 && self.last() >= bytes {
            return false;
        }
        if !self.slots.is_empty() && Page::room(self.slots.len() + 1, self.bytes.len() + bytes.len()) > LEAF {
            self.end_leaf();
        }
        self.bytes.extend_from_slice(bytes);
        self.slots.push((self.bytes.len(), split));
        self.len += 1;
        true
    }

    /// The set of what was added.
    pub(crate) fn finish(mut self) -> OrderedSet<LEAF, BRANCH> {
        if !self.slots.is_empty() {
            self.end_leaf();
        }
        let mut level = self.leaves;
        while level.nodes.len() > 1 {
            let mut upper = Level::default();
            let mut nodes = level.nodes.into_iter();
            for bounds in level.bounds.chunks(BRANCH) {
                let children = nodes.by_ref().take(BRANCH).collect();
                let between: Vec<Part<'_>> = bounds[1..].iter().map(|bound| one(bound)).collect();
                upper.bounds.push(bounds[0].clone());
                upper.nodes.push(Branch { bounds: Page::of(&between), children }.into());
            }
            level = upper;
        }
        let root = level.nodes.pop().map_or_else(|| OrderedSet::<LEAF, BRANCH>::new().root, |root| root.node);
        OrderedSet { root, len: self.len }
    }

    /// The item that was added last, if there is one.
    fn last(&self) -> &[u8] {
        match self.slots.as_slice() {
            [] => &self.before,
            [_] => &self.bytes,
            [.., (start, _), _] => &self.bytes[*start..],
        }
    }

    fn end_leaf(&mut self) {
        let mut start = 0;
        let items = self.slots.iter().map(|&(end, split)| {
            let bytes = &self.bytes[start..end];
            start = end;
            Part::One(Item { bytes, split })
        });
        let page = Page::of(&items.collect::<Vec<_>>());
        self.leaves.bounds.push(bound(&self.before, page.get(0).bytes).into());
        self.before.clear();
        self.before.extend_from_slice(page.get(page.len() - 1).bytes);
        self.leaves.nodes.push(Child { len: page.len(), node: Node::Leaf(page) });
        self.bytes.clear();
        self.slots.clear();
    }
}
