//! Owns saving a torn tail in a file beside the database. Never takes the place of one that was saved before.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::fs::{File, FileSystem, OpenMode, read_full, write_all};
use crate::key::Sequence;
use crate::paths;

/// How much is copied or compared at a time.
const PIECE_BYTES: u64 = 1 << 20;

/// Copies a range of the database's file to a file beside it, durably, and returns its path. A crash in between leaves
/// nothing or the whole; the same tail is not saved twice.
pub(super) fn save(
    file_system: &dyn FileSystem,
    path: &Path,
    file: &dyn File,
    tail: Range<u64>,
    after: Sequence,
) -> io::Result<PathBuf> {
    for number in 1.. {
        let torn = paths::torn(path, after, number);
        match file_system.open(&torn, OpenMode::Read) {
            Ok(earlier) if !is_same(&*earlier, file, &tail)? => continue,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let temporary = paths::temporary(path);
                let copied = copy(file_system, path, &temporary, file, &tail)
                    .and_then(|()| file_system.publish(&temporary, &torn));
                if let Err(error) = copied {
                    // Whatever is left of it, the next opening removes as well.
                    let _ = file_system.remove(&temporary);
                    return Err(error);
                }
            }
            Err(error) => return Err(error),
        }
        file_system.sync_directory(paths::folder(path))?;
        return Ok(torn);
    }
    unreachable!("some number is free")
}

fn copy(
    file_system: &dyn FileSystem,
    database: &Path,
    to: &Path,
    file: &dyn File,
    tail: &Range<u64>,
) -> io::Result<()> {
    let copy = file_system.open(to, OpenMode::CreateNew)?;
    // Before anything is in it: the documents are for nobody who could not read them before.
    file_system.copy_permissions(database, to)?;
    for (position, len) in pieces(tail) {
        let mut bytes = vec![0; len];
        let read = read_full(file, &mut bytes, position)?;
        write_all(&*copy, &bytes[..read], position - tail.start)?;
    }
    // ORDER: the contents are durable before a name leads to them.
    copy.sync()
}

fn is_same(earlier: &dyn File, file: &dyn File, tail: &Range<u64>) -> io::Result<bool> {
    if earlier.len()? != tail.end - tail.start {
        return Ok(false);
    }
    for (position, len) in pieces(tail) {
        let (mut own, mut other) = (vec![0; len], vec![0; len]);
        let own_len = read_full(file, &mut own, position)?;
        let other_len = read_full(earlier, &mut other, position - tail.start)?;
        if own[..own_len] != other[..other_len] {
            return Ok(false);
        }
    }
    Ok(true)
}

fn pieces(tail: &Range<u64>) -> impl Iterator<Item = (u64, usize)> {
    let end = tail.end;
    tail.clone()
        .step_by(PIECE_BYTES as usize)
        .map(move |start| (start, (end - start).min(PIECE_BYTES) as usize))
}
