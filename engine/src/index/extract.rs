//! Owns what a document holds at a field path: the values that an index keeps of it, and whether one of them matches.
//! Never builds a tree, and never looks at more of a document than its path needs.
//!
//! A path crosses arrays: it goes on in each object among the items, and in one item where its segment is an index. At
//! its end stand the value itself and, if that is an array, each of its items. A field that an object lacks counts as
//! null, and so does a field of a scalar; a scalar or an array among the items of an array lacks nothing.

#[cfg(test)]
mod tests;

use std::ops::ControlFlow;

use smallvec::SmallVec;

use super::cursor::{Cursor, Kind};
use super::path::{FieldPath, Segment};
use super::value::{IndexValue, Operand, ValueRange};

/// The distinct values of a document at a path, ascending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Extracted {
    /// One value: nearly always. It needs no allocation.
    One(IndexValue),
    /// None, or several.
    Many(Vec<IndexValue>),
}

/// What a document holds for each index of its collection, in their order. Those of up to two need no memory of their own,
/// which would have to go from the caller's core to the writer's.
pub(crate) type Values = SmallVec<[Extracted; 2]>;

/// What the walk meets at the end of a path.
enum Reached<'t> {
    Missing,
    Value(Cursor<'t>),
}

impl Extracted {
    /// No value.
    pub(crate) const NONE: Self = Self::Many(Vec::new());
    /// What the order of keys holds of every document.
    pub(crate) const KEY: Self = Self::One(IndexValue::NULL);

    /// The values, ascending.
    pub(crate) fn as_slice(&self) -> &[IndexValue] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        }
    }

    fn add(&mut self, value: IndexValue) {
        match self {
            Self::Many(values) if values.is_empty() => *self = Self::One(value),
            Self::Many(values) => values.push(value),
            Self::One(first) => *self = Self::Many(vec![std::mem::replace(first, IndexValue::NULL), value]),
        }
    }

    fn finish(mut self) -> Self {
        if let Self::Many(values) = &mut self {
            values.sort_unstable();
            values.dedup();
            if values.len() == 1 {
                return values.pop().map_or(self, Self::One);
            }
        }
        self
    }
}

/// What an index keeps of a document: its text, as it is stored.
pub(crate) fn extract(document: &str, path: &FieldPath) -> Extracted {
    extract_from(Cursor::new(document, 0), path.steps())
}

/// The same for several paths, which share one walk over the fields of the document.
pub(crate) fn extract_all<'p>(document: &str, paths: impl Iterator<Item = &'p FieldPath> + Clone) -> Values {
    let mut cursor = Cursor::new(document, 0);
    if cursor.kind() != Kind::Object {
        return paths.map(|path| extract(document, path)).collect();
    }
    let mut values = Values::new();
    paths.clone().for_each(|_| values.push(Extracted::One(IndexValue::NULL)));
    let mut is_missing: SmallVec<[bool; 16]> = SmallVec::from_elem(true, values.len());
    let mut left = values.len();
    cursor.enter();
    while left > 0
        && let Some(key) = cursor.next_key()
    {
        for ((path, extracted), is_missing) in paths.clone().zip(&mut values).zip(&mut is_missing) {
            if let [first, rest @ ..] = path.steps()
                && *is_missing
                && first.kept() == key
            {
                *extracted = extract_from(cursor.clone(), rest);
                *is_missing = false;
                left -= 1;
            }
        }
        cursor.skip();
    }
    values
}

/// Whether a document holds a value at the path that equals the operand.
pub(crate) fn matches(document: &str, path: &FieldPath, operand: &Operand) -> bool {
    any(document, path, |cursor| operand.order_of(cursor).is_eq())
}

/// Whether a document holds a value at the path that lies in the range.
pub(crate) fn matches_range(document: &str, path: &FieldPath, range: &ValueRange) -> bool {
    any(document, path, |cursor| range.contains(&cursor))
}

/// The value at which a document is told by whoever reads those in the range in their order: the smallest of it there, or, in
/// reverse, the largest. One of more than [`VALUE_BYTES_MAX`](super::value::VALUE_BYTES_MAX) bytes may lie beside the range.
pub(crate) fn told_at(
    document: &str,
    path: &FieldPath,
    range: &ValueRange,
    reverse: bool,
) -> Option<IndexValue> {
    let values = extract(document, path);
    let mut inside = values.as_slice().iter().filter(|value| range.may_hold(value));
    if reverse { inside.next_back() } else { inside.next() }.cloned()
}

fn extract_from(cursor: Cursor<'_>, path: &[Segment]) -> Extracted {
    let mut extracted = Extracted::NONE;
    let _ = walk(cursor, path, &mut |reached| {
        extracted.add(match reached {
            Reached::Missing => IndexValue::NULL,
            Reached::Value(mut cursor) => IndexValue::read(&mut cursor),
        });
        ControlFlow::Continue(())
    });
    extracted.finish()
}

fn any(document: &str, path: &FieldPath, holds: impl Fn(Cursor<'_>) -> bool) -> bool {
    walk(Cursor::new(document, 0), path.steps(), &mut |reached| {
        let held = match reached {
            Reached::Missing => holds(Cursor::new("null", 0)),
            Reached::Value(cursor) => holds(cursor),
        };
        if held { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })
    .is_break()
}

type Visit<'v> = dyn FnMut(Reached<'_>) -> ControlFlow<()> + 'v;

/// Visits what stands at the path, from the value at the cursor on.
fn walk(mut cursor: Cursor<'_>, path: &[Segment], visit: &mut Visit<'_>) -> ControlFlow<()> {
    let Some((segment, rest)) = path.split_first() else { return end(cursor, visit) };
    match cursor.kind() {
        Kind::Object => {
            cursor.enter();
            while let Some(key) = cursor.next_key() {
                if key == segment.kept() {
                    return walk(cursor, rest, visit);
                }
                cursor.skip();
            }
            visit(Reached::Missing)
        }
        Kind::Array => walk_items(cursor, path, visit),
        _ => visit(Reached::Missing),
    }
}

fn walk_items(mut cursor: Cursor<'_>, path: &[Segment], visit: &mut Visit<'_>) -> ControlFlow<()> {
    cursor.enter();
    let mut number = 0;
    while cursor.next_item() {
        let kind = cursor.kind();
        if kind == Kind::Object {
            walk(cursor.clone(), path, visit)?;
        }
        let (segment, rest) = (&path[0], &path[1..]);
        if segment.index() == Some(number) && (rest.is_empty() || matches!(kind, Kind::Object | Kind::Array))
        {
            walk(cursor.clone(), rest, visit)?;
        }
        cursor.skip();
        number += 1;
    }
    ControlFlow::Continue(())
}

/// Visits a value at the end of a path, and its items.
fn end(mut cursor: Cursor<'_>, visit: &mut Visit<'_>) -> ControlFlow<()> {
    visit(Reached::Value(cursor.clone()))?;
    if cursor.kind() == Kind::Array {
        cursor.enter();
        while cursor.next_item() {
            visit(Reached::Value(cursor.clone()))?;
            cursor.skip();
        }
    }
    ControlFlow::Continue(())
}
