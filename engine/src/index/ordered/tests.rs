//! Holds the ordered set against the standard library's, with the smallest nodes, so that its trees are deep. Never
//! checks a speed.

#![allow(clippy::unwrap_used)] // A test may panic.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

type Small = OrderedSet<u16, 4, 4>;

#[derive(Clone, Debug)]
enum Change {
    Insert(u16),
    Remove(u16),
    /// Removes the items from the first one above the first number, at most as many as the second.
    RemoveRun(u16, u8),
    /// Inserts a run, ascending or descending.
    InsertRun(u16, u8, bool),
    Hold,
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let change = prop_oneof![
        6 => (0..300_u16).prop_map(Change::Insert),
        3 => (0..300_u16).prop_map(Change::Remove),
        1 => (0..300_u16, any::<u8>()).prop_map(|(start, most)| Change::RemoveRun(start, most)),
        1 => (0..300_u16, any::<u8>(), any::<bool>()).prop_map(|(start, most, up)| Change::InsertRun(start, most, up)),
        1 => Just(Change::Hold),
    ];
    prop::collection::vec(change, 0..120)
}

fn apply(set: &mut Small, model: &mut BTreeSet<u16>, change: &Change) {
    match *change {
        Change::Insert(item) => assert_eq!(set.insert(item), model.insert(item)),
        Change::Remove(item) => assert_eq!(set.remove(&item), model.remove(&item)),
        Change::RemoveRun(start, most) => {
            let gone: Vec<u16> = model.range(start..).take(usize::from(most)).copied().collect();
            for item in gone {
                assert!(set.remove_by(|other| other.cmp(&item)) && model.remove(&item));
            }
        }
        Change::InsertRun(start, most, up) => {
            for step in 0..u16::from(most) {
                let item = start + if up { step } else { u16::from(most) - step };
                assert_eq!(set.insert(item), model.insert(item));
            }
        }
        Change::Hold => {}
    }
}

/// Checks what must hold of every node, and gives its depth and number of items.
fn check(node: &Node<u16>, above: Option<u16>, is_root: bool, max: usize) -> (usize, usize) {
    match node {
        Node::Leaf(items) => {
            assert!(items.is_sorted_by(|left, right| left < right));
            assert!(is_root || !items.is_empty());
            assert!(items.len() <= max);
            assert!(items.first() >= above.as_ref());
            (1, items.len())
        }
        Node::Branch(Branch { bounds, children }) => {
            assert_eq!(bounds.len() + 1, children.len());
            assert!(!children.is_empty() && children.len() <= max && (!is_root || children.len() > 1));
            let mut depths = Vec::new();
            let mut total = 0;
            for (slot, child) in children.iter().enumerate() {
                let bound = if slot == 0 { above } else { Some(bounds[slot - 1]) };
                let (depth, len) = check(&child.node, bound, false, max);
                assert_eq!(len, child.len);
                if let Some(next) = bounds.get(slot) {
                    assert!(child.node.leaf(child.len - 1).0.last().unwrap() < next);
                }
                depths.push(depth);
                total += len;
            }
            assert!(depths.windows(2).all(|pair| pair[0] == pair[1]));
            (depths[0] + 1, total)
        }
    }
}

fn assert_same(set: &Small, model: &BTreeSet<u16>) {
    let (depth, len) = check(&set.root, None, true, 4);
    assert!(depth <= DEPTH_MAX);
    assert_eq!((len, set.len(), set.is_empty()), (model.len(), model.len(), model.is_empty()));
    assert!(set.iter().eq(model));
    assert!(set.iter().rev().eq(model.iter().rev()));
    assert_eq!(set.first(), model.first());
}

/// Takes items from both ends as `turns` says, and compares.
fn assert_same_range(set: &Small, model: &BTreeSet<u16>, bounds: (Bound<u16>, Bound<u16>), turns: &[u8]) {
    let mut range = set.range(bounds);
    let mut expected: std::collections::VecDeque<u16> =
        model.iter().filter(|item| bounds.contains(item)).copied().collect();
    assert_eq!(range.clone().count(), expected.len());
    for turn in turns {
        match turn % 4 {
            0 => assert_eq!(range.next().copied(), expected.pop_front()),
            1 => assert_eq!(range.next_back().copied(), expected.pop_back()),
            2 => {
                let skipped = usize::from(turn / 4 % 16);
                expected.drain(..skipped.min(expected.len()));
                assert_eq!(range.nth(skipped).copied(), expected.pop_front());
            }
            _ => assert!(range.clone().eq(&expected)),
        }
        assert_eq!(range.len(), expected.len());
    }
}

fn bound() -> impl Strategy<Value = Bound<u16>> {
    prop_oneof![
        (0..600_u16).prop_map(Bound::Included),
        (0..600_u16).prop_map(Bound::Excluded),
        Just(Bound::Unbounded)
    ]
}

proptest! {
    #[test]
    fn a_set_is_what_its_changes_made_it_and_a_clone_what_it_was(
        start in prop::collection::btree_set(0..300_u16, 0..200),
        changes in changes(),
    ) {
        let mut set = Small::from_sorted(start.iter().copied());
        let mut model = start;
        assert_same(&set, &model);
        let mut held = Vec::new();
        for change in &changes {
            if matches!(change, Change::Hold) {
                held.push((set.clone(), model.clone()));
            }
            apply(&mut set, &mut model, change);
            assert_same(&set, &model);
        }
        for (set, model) in &held {
            assert_same(set, model);
        }
        let probes = 0..600_u16;
        prop_assert!(probes.clone().all(|item| set.contains(&item) == model.contains(&item)));
    }

    #[test]
    fn a_range_is_walked_from_both_ends(
        items in prop::collection::btree_set(0..600_u16, 0..300),
        start in bound(),
        end in bound(),
        turns in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        let mut grown = Small::new();
        items.iter().rev().for_each(|item| assert!(grown.insert(*item)));
        assert_same_range(&grown, &items, (start, end), &turns);
        assert_same_range(&Small::from_sorted(items.iter().copied()), &items, (start, end), &turns);
    }
}

#[test]
fn a_part_of_the_items_is_found_without_making_one() {
    let set: OrderedSet<(u8, String), 4, 4> = OrderedSet::from_sorted(
        (0..20).flat_map(|group| (0..group).map(move |n| (group, format!("{n:02}")))),
    );
    for group in 0..22 {
        let range = set.range_by(|item| item.0 < group, |item| item.0 <= group);
        assert_eq!(range.len(), if group < 20 { usize::from(group) } else { 0 });
        assert!(range.enumerate().all(|(n, item)| *item == (group, format!("{n:02}"))));
    }
}

#[test]
fn a_change_that_changes_nothing_copies_nothing() {
    let mut set = Small::from_sorted(0..100);
    let published = set.clone();
    assert!(!set.insert(50));
    assert!(!set.remove(&100));
    assert!(Arc::ptr_eq(&set.root, &published.root));
}

#[test]
fn a_change_copies_one_way_down_and_the_next_one_finds_it_copied() {
    let mut set = OrderedSet::<u32, 16, 16>::from_sorted((0..10_000).map(|item| item * 2));
    let mut before = Vec::new();
    nodes(&set.root, &mut before);
    let published = set.clone();
    assert!(set.remove(&5000));
    let mut after = Vec::new();
    nodes(&set.root, &mut after);
    let copied: Vec<_> = after.iter().filter(|node| !before.contains(node)).collect();
    assert_eq!(copied.len(), 4, "a tree of 10,000 items has four levels");
    assert!(set.insert(5001));
    let mut later = Vec::new();
    nodes(&set.root, &mut later);
    assert_eq!(later, after);
    assert!(published.contains(&5000) && !published.contains(&5001));
}

fn nodes(node: &Arc<Node<u32>>, found: &mut Vec<*const Node<u32>>) {
    found.push(Arc::as_ptr(node));
    if let Node::Branch(branch) = &**node {
        branch.children.iter().for_each(|child| nodes(&child.node, found));
    }
}

#[test]
fn a_set_that_grows_at_its_end_keeps_its_leaves_full() {
    let mut set = OrderedSet::<u32, 16, 16>::new();
    (0..10_000).for_each(|item| assert!(set.insert(item)));
    let mut all = Vec::new();
    nodes(&set.root, &mut all);
    let full = OrderedSet::<u32, 16, 16>::from_sorted(0..10_000);
    let mut fewest = Vec::new();
    nodes(&full.root, &mut fewest);
    assert!(all.len() <= fewest.len() + 4, "{} nodes, and {} would do", all.len(), fewest.len());
}

#[test]
fn a_set_that_shrinks_gives_its_nodes_back() {
    let mut set = OrderedSet::<u32, 16, 16>::from_sorted(0..10_000);
    for item in (0..10_000).filter(|item| item % 50 != 0) {
        assert!(set.remove(&item));
    }
    let mut all = Vec::new();
    nodes(&set.root, &mut all);
    assert!(all.len() <= 60, "{} nodes for 200 items", all.len());
    (0..10_000).step_by(50).for_each(|item| assert!(set.remove(&item)));
    assert!(set.is_empty() && set.first().is_none() && matches!(&*set.root, Node::Leaf(_)));
}
