//! Owns answers that list what a database tells of itself: indexes, collections, versions, changes. The commands and the
//! prompt answer alike. Never decides which of them are wanted.

use std::io;

use ferrumdb::{Change, ChangeKind, Collection, CollectionInfo, FerrumDB, IndexInfo, Key, Result, Version};

use crate::output::{Cell, Output, Plain, Rows};

/// What is told of a change.
pub(crate) const CHANGE_COLUMNS: &[&str] =
    &["sequence", "time", "kind", "collection", "key", "expires_at", "before", "value"];

/// The indexes, by the names of their fields.
pub(crate) fn indexes(used: &Collection, output: &mut Output) -> Result<io::Result<()>> {
    let mut indexes: Vec<_> =
        used.indexes()?.into_iter().map(|index| (index.path.to_string(), index)).collect();
    indexes.sort_by(|(one, _), (other, _)| one.cmp(other));
    let mut rows = output.rows(&["field", "entries", "uses", "bytes"], Plain::Table);
    let pushed = indexes.iter().try_for_each(|(field, IndexInfo { entries, uses, bytes, .. })| {
        rows.push(&[Cell::Text(field), Cell::Number(*entries), Cell::Number(*uses), Cell::Number(*bytes)])
    });
    Ok(pushed.and_then(|()| rows.finish()))
}

/// The collections besides the root, by their names.
pub(crate) fn collections(db: &FerrumDB, output: &mut Output) -> Result<io::Result<()>> {
    let collections = db.collections()?;
    let mut rows = output.rows(&["name", "documents", "indexes"], Plain::Table);
    let pushed = collections.iter().try_for_each(|CollectionInfo { name, documents, indexes, .. }| {
        rows.push(&[Cell::Text(name), Cell::Number(*documents), Cell::Number(*indexes)])
    });
    Ok(pushed.and_then(|()| rows.finish()))
}

/// What a key has held, and how many versions that were.
pub(crate) fn versions(
    versions: impl Iterator<Item = Result<Version>>,
    output: &mut Output,
) -> Result<io::Result<u64>> {
    let mut rows = output.rows(&["sequence", "kind", "time", "expires_at", "value"], Plain::Table);
    let mut told = 0;
    for version in versions {
        let Version { sequence, time, kind, document, expires_at, .. } = version?;
        let value = document.as_ref().map(|document| document.as_str());
        let cells = [
            Cell::Number(sequence.0),
            Cell::Text(word(kind)),
            Cell::time(time),
            Cell::time(expires_at),
            Cell::json(value),
        ];
        if let Err(error) = rows.push(&cells) {
            return Ok(Err(error));
        }
        told += 1;
    }
    Ok(rows.finish().map(|()| told))
}

/// One change.
pub(crate) fn push_change(rows: &mut Rows<'_>, change: &Change) -> io::Result<()> {
    let Change { sequence, time, kind, collection, key, expires_at, before, after, .. } = change;
    // The drop of a collection is about no key.
    let key = Some(key.as_str()).filter(|_| *kind != ChangeKind::Dropped);
    rows.push(&[
        Cell::Number(sequence.0),
        Cell::Time(time.0),
        Cell::Text(word(*kind)),
        Cell::text(collection.as_ref().map(Key::as_str)),
        Cell::text(key),
        Cell::time(*expires_at),
        Cell::json(before.as_ref().map(|document| document.as_str())),
        Cell::json(after.as_ref().map(|document| document.as_str())),
    ])
}

fn word(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Set => "set",
        ChangeKind::Deleted => "deleted",
        ChangeKind::Expired => "expired",
        ChangeKind::Dropped => "dropped",
    }
}
