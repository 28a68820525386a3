//! Holds the ordered set against the standard library's, with the smallest nodes, so that its trees are deep. Never
//! checks a speed.

#![allow(clippy::unwrap_used)] // A test may panic.

use std::collections::{BTreeSet, VecDeque};

use proptest::prelude::*;

use super::*;

type Small = OrderedSet<40, 4>;

/// The bytes of a number: more of them for some, so that leaves hold different counts.
fn bytes(number: u16) -> Vec<u8> {
    let mut bytes = number.to_be_bytes().to_vec();
    bytes.resize(2 + usize::from(number) % 5 * 4 + if number.is_multiple_of(50) { 100 } else { 0 }, 7);
    bytes
}

fn number(item: Item<'_>) -> u16 {
    let number = u16::from_be_bytes(*item.bytes.first_chunk().unwrap());
    assert_eq!((item.bytes, item.split), (&*bytes(number), usize::from(number)));
    number
}

fn insert<const L: usize, const B: usize>(set: &mut OrderedSet<L, B>, number: u16) -> bool {
    set.insert(Item { bytes: &bytes(number), split: usize::from(number) })
}

fn remove<const L: usize, const B: usize>(set: &mut OrderedSet<L, B>, number: u16) -> bool {
    set.remove(&bytes(number))
}

fn from_sorted<const L: usize, const B: usize>(numbers: impl IntoIterator<Item = u16>) -> OrderedSet<L, B> {
    let mut builder = SetBuilder::new();
    for number in numbers {
        let (bytes, split) = (bytes(number), usize::from(number));
        assert!(builder.push(Item { bytes: &bytes, split }));
        assert!(!builder.push(Item { bytes: &bytes, split }), "it is there");
        assert!(!builder.push(Item { bytes: &[], split }), "it comes before");
    }
    builder.finish()
}

fn numbers<'s>(items: impl Iterator<Item = Item<'s>>) -> Vec<u16> {
    items.map(number).collect()
}

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
        Change::Insert(item) => assert_eq!(insert(set, item), model.insert(item)),
        Change::Remove(item) => assert_eq!(remove(set, item), model.remove(&item)),
        Change::RemoveRun(start, most) => {
            let gone: Vec<u16> = model.range(start..).take(usize::from(most)).copied().collect();
            for item in gone {
                assert!(remove(set, item) && model.remove(&item));
            }
        }
        Change::InsertRun(start, most, up) => {
            for step in 0..u16::from(most) {
                let item = start + if up { step } else { u16::from(most) - step };
                assert_eq!(insert(set, item), model.insert(item));
            }
        }
        Change::Hold => {}
    }
}

/// Checks what must hold of every node, and gives its depth and number of items.
fn check(node: &Node, above: Option<&[u8]>, is_root: bool, most: (usize, usize)) -> (usize, usize) {
    match node {
        Node::Leaf(page) => {
            let items: Vec<_> = (0..page.len()).map(|slot| page.get(slot).bytes).collect();
            assert!(items.is_sorted_by(|left, right| left < right));
            assert!(is_root || !items.is_empty());
            let longest = items.iter().map(|item| item.len()).max().unwrap_or_default();
            // Where an item is much longer than another, a half may still be too large.
            assert!(page.bytes() <= most.0 + 2 * longest || items.len() == 1, "{} bytes", page.bytes());
            assert!(items.first().copied() >= above || is_root);
            (1, items.len())
        }
        Node::Branch(branch) => {
            let Branch { bounds, children } = &**branch;
            assert_eq!(bounds.len() + 1, children.len());
            assert!(!children.is_empty() && children.len() <= most.1 && (!is_root || children.len() > 1));
            let mut depths = Vec::new();
            let mut total = 0;
            for (slot, child) in children.iter().enumerate() {
                let bound = if slot == 0 { above } else { Some(bounds.get(slot - 1).bytes) };
                let (depth, len) = check(&child.node, bound, false, most);
                assert_eq!(len, child.len);
                if slot < bounds.len() {
                    let (page, last) = child.node.leaf(child.len - 1);
                    assert!(page.get(last).bytes < bounds.get(slot).bytes);
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
    let (depth, len) = check(&set.root, None, true, (40, 4));
    assert!(depth <= DEPTH_MAX);
    assert_eq!((len, set.len(), set.is_empty()), (model.len(), model.len(), model.is_empty()));
    assert!(numbers(set.iter()).iter().eq(model));
    assert!(numbers(set.iter().rev()).iter().eq(model.iter().rev()));
}

/// Takes items from both ends as `turns` says, and compares.
fn assert_same_range(set: &Small, model: &BTreeSet<u16>, bounds: (u16, u16), turns: &[u8]) {
    let mut range = set.range(&bounds.0.to_be_bytes(), &bounds.1.to_be_bytes());
    let mut expected: VecDeque<u16> =
        model.iter().filter(|item| (bounds.0..bounds.1).contains(item)).copied().collect();
    assert_eq!(range.clone().count(), expected.len());
    for turn in turns {
        match turn % 4 {
            0 => assert_eq!(range.next().map(number), expected.pop_front()),
            1 => assert_eq!(range.next_back().map(number), expected.pop_back()),
            2 => {
                let skipped = usize::from(turn / 4 % 16);
                expected.drain(..skipped.min(expected.len()));
                assert_eq!(range.nth(skipped).map(number), expected.pop_front());
            }
            _ => assert!(numbers(range.clone()).iter().eq(&expected)),
        }
        assert_eq!(range.len(), expected.len());
    }
}

proptest! {
    #[test]
    fn a_set_is_what_its_changes_made_it_and_a_clone_what_it_was(
        start in prop::collection::btree_set(0..300_u16, 0..200),
        changes in changes(),
    ) {
        let mut set: Small = from_sorted(start.iter().copied());
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
        let mut probes = 0..600_u16;
        prop_assert!(probes.all(|item| set.contains(&bytes(item)) == model.contains(&item)));
    }

    #[test]
    fn a_range_is_walked_from_both_ends(
        items in prop::collection::btree_set(0..600_u16, 0..300),
        bounds in (0..600_u16, 0..600_u16),
        width in 0..8_u16,
        turns in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        let mut grown = Small::new();
        items.iter().rev().for_each(|item| assert!(insert(&mut grown, *item)));
        for bounds in [bounds, (bounds.0, bounds.0 + width), (0, u16::MAX)] {
            assert_same_range(&grown, &items, bounds, &turns);
            assert_same_range(&from_sorted(items.iter().copied()), &items, bounds, &turns);
        }
    }

    #[test]
    fn a_bound_lies_between_its_neighbours(left in ".{0,4}", right in ".{0,4}") {
        let (left, right) = (left.as_bytes().min(right.as_bytes()), left.as_bytes().max(right.as_bytes()));
        let bound = bound(left, right);
        prop_assert!(left == right || (left < bound && bound <= right));
    }
}

#[test]
fn a_change_that_changes_nothing_copies_nothing() {
    let mut set: Small = from_sorted(0..100);
    let published = set.clone();
    assert!(!insert(&mut set, 50));
    assert!(!remove(&mut set, 100));
    assert_eq!(nodes(&set.root), nodes(&published.root));
}

/// Leaves of about sixteen items, branches of sixteen children.
type Middle = OrderedSet<256, 16>;

#[test]
fn a_change_copies_one_way_down_and_the_next_one_finds_the_branches_copied() {
    let mut set: Middle = from_sorted((0..10_000).map(|item| item * 2));
    let before = nodes(&set.root);
    let published = set.clone();
    assert!(remove(&mut set, 5000));
    let after = nodes(&set.root);
    let copied = after.iter().filter(|node| !before.contains(node)).count();
    assert!((3..=5).contains(&copied), "{copied} nodes, and the tree is no deeper");
    assert!(insert(&mut set, 5001));
    let later = nodes(&set.root);
    assert!(later.iter().filter(|node| !after.contains(node)).count() <= 1, "the leaf alone is new");
    assert!(published.contains(&bytes(5000)) && !published.contains(&bytes(5001)));
}

fn nodes(node: &Node) -> Vec<*const u8> {
    match node {
        Node::Leaf(page) => vec![page.get(0).bytes.as_ptr()],
        Node::Branch(branch) => {
            let below = branch.children.iter().flat_map(|child| nodes(&child.node));
            std::iter::once(Arc::as_ptr(branch).cast()).chain(below).collect()
        }
    }
}

#[test]
fn a_set_that_grows_at_its_end_keeps_its_leaves_full() {
    let mut set = Middle::new();
    (0..10_000).for_each(|item| assert!(insert(&mut set, item)));
    let full: Middle = from_sorted(0..10_000);
    let (all, fewest) = (nodes(&set.root).len(), nodes(&full.root).len());
    assert!(all <= fewest + 4, "{all} nodes, and {fewest} would do");
}

#[test]
fn a_set_that_shrinks_gives_its_nodes_back() {
    let mut set: Middle = from_sorted(0..10_000);
    for item in (0..10_000).filter(|item| item % 50 != 1) {
        assert!(remove(&mut set, item));
    }
    let all = nodes(&set.root).len();
    assert!(all <= 60, "{all} nodes for 200 items");
    (1..10_000).step_by(50).for_each(|item| assert!(remove(&mut set, item)));
    assert!(set.is_empty() && set.iter().next().is_none() && matches!(set.root, Node::Leaf(_)));
}

#[test]
fn an_item_of_any_length_fits() {
    let mut set = Middle::new();
    let long = |number: u8| [&[number], &vec![number; usize::from(number) * 1000][..]].concat();
    for number in (0..200).rev() {
        assert!(set.insert(Item { bytes: &long(number), split: 1 }));
    }
    assert!(set.iter().enumerate().all(|(number, item)| item.bytes == long(number as u8) && item.split == 1));
    for number in (0..200).filter(|number| number % 3 > 0) {
        assert!(set.remove(&long(number)));
    }
    assert_eq!(set.iter().len(), 67);
    assert!(set.iter().all(|item| item.bytes == long(item.bytes[0]) && item.bytes[0] % 3 == 0));
}

#[test]
fn a_tree_is_given_back_some_nodes_at_a_time_and_what_another_shares_stays() {
    let published: Middle = from_sorted(0..5_000);
    let mut set = published.clone();
    (0..5_000).step_by(10).for_each(|item| assert!(remove(&mut set, item)));
    let shared: Vec<_> =
        nodes(&set.root).into_iter().filter(|node| nodes(&published.root).contains(node)).collect();
    let left_over = nodes(&published.root).len() - shared.len();
    let mut dismantling = Dismantling::of(published);
    let mut steps = 0;
    while !dismantling.is_empty() {
        dismantling.step(1);
        steps += 1;
    }
    assert!(steps >= left_over, "{steps} steps for {left_over} nodes");
    assert!(numbers(set.iter()).into_iter().eq((0..5_000).filter(|item| item % 10 > 0)));
}
