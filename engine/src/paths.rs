//! Owns the names of the files beside a database, both ways. Never opens one.

use std::path::{Path, PathBuf};

use crate::key::Sequence;

/// What follows the database's name in the name of a file that is not finished.
const TEMPORARY: &str = ".new-";
/// What follows it in the name of a saved torn tail.
const TORN: &str = ".torn-";
/// What follows it in the name of the hint file.
const HINT: &str = ".hint";
/// What follows it in the name of the live file.
const LIVE: &str = ".live";
/// The hexadecimal digits at the end of a temporary's name.
const TEMPORARY_DIGITS: usize = 16;

/// A new name for a file that is not finished.
pub(crate) fn temporary(database: &Path) -> PathBuf {
    beside(database, &format!("{TEMPORARY}{:016x}", rand::random::<u64>()))
}

/// Whether a file is a temporary of this database.
pub(crate) fn is_temporary(database: &Path, file: &Path) -> bool {
    let name = |path: &Path| path.file_name().map(|name| name.as_encoded_bytes().to_vec());
    let (Some(database), Some(file)) = (name(database), name(file)) else { return false };
    let rest =
        file.strip_prefix(database.as_slice()).and_then(|rest| rest.strip_prefix(TEMPORARY.as_bytes()));
    rest.is_some_and(|digits| digits.len() == TEMPORARY_DIGITS && digits.iter().all(u8::is_ascii_hexdigit))
}

/// Where a tail is saved that was cut off after this commit: `number` is 1 for the first such tail.
pub(crate) fn torn(database: &Path, sequence: Sequence, number: u32) -> PathBuf {
    let suffix = if number == 1 { String::new() } else { format!("-{number}") };
    beside(database, &format!("{TORN}{sequence}{suffix}"))
}

/// Where the hint file of this database is.
pub(crate) fn hint(database: &Path) -> PathBuf {
    beside(database, HINT)
}

/// Where the live file of this database is.
pub(crate) fn live(database: &Path) -> PathBuf {
    beside(database, LIVE)
}

/// The folder that holds the database.
pub(crate) fn folder(database: &Path) -> &Path {
    database.parent().unwrap_or(Path::new(""))
}

fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_temporaries_of_this_database_are_recognised() {
        let database = Path::new("/d/my.db");
        assert!(is_temporary(database, &temporary(database)));
        for other in ["my.db", "my.db.new-", "my.db.new-0123", "my.db.new-0123456789abcdeg", "my.db.torn-5"] {
            assert!(!is_temporary(database, &Path::new("/d").join(other)), "{other}");
        }
        assert!(!is_temporary(database, &temporary(Path::new("/d/your.db"))));
    }
}
