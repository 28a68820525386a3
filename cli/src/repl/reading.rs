//! Owns the answers of the commands that only read. Never changes a database.

use std::io;

use ferrumdb::{ChangeKind, Collection, FerrumDB, Result, Ttl, Version};

use super::command::{Command, help};
use super::report;
use super::session::NIL;
use crate::output::Output;

/// Answers a command that reads, of the collection that is used.
///
/// # Errors
/// When the database does not answer. What is inside fails when the answer cannot be written.
pub(super) fn answer(
    (db, used): (&FerrumDB, &Collection),
    output: &mut Output,
    command: &Command<'_>,
) -> Result<io::Result<()>> {
    Ok(match command {
        Command::Get { key } => match used.get(key)? {
            Some(document) => output.document(document.as_str()),
            None => output.line(NIL),
        },
        Command::Keys { prefix } => used.prefix(prefix)?.keys().try_for_each(|key| output.key(&key)),
        Command::Range { from, to } => {
            let range = std::ops::Range::<&str> { start: from, end: to };
            used.range(range)?.keys().try_for_each(|key| output.key(&key))
        }
        Command::Count => output.line(&used.count()?.to_string()),
        Command::Ttl { key } => output.line(&ttl(used.ttl(key)?)),
        Command::History { key } => {
            for version in used.history(key)? {
                if let Err(error) = output.document(&told(&version?)) {
                    return Ok(Err(error));
                }
            }
            Ok(())
        }
        Command::Find { field, value } => list(output, &used.find(field.clone(), value)?),
        Command::FindRange { field, from, to } => {
            list(output, &used.find_range(field.clone(), from.clone()..=to.clone())?)
        }
        Command::Indexes => report::indexes(used, output)?,
        Command::Collections => report::collections(db, output)?,
        Command::Info => output.document(&report::info(db, used)?),
        Command::Help => output.line(&format!("{}\n\n{}", help(), report::metrics(&db.metrics()))),
        _ => Ok(()),
    })
}

/// A version as a JSON object.
fn told(version: &Version) -> String {
    let kind = match version.kind {
        ChangeKind::Set => "set",
        ChangeKind::Deleted => "deleted",
        ChangeKind::Expired => "expired",
        ChangeKind::Dropped => "dropped",
    };
    let mut text = format!("{{\"sequence\":{},\"kind\":\"{kind}\"", version.sequence);
    let times = [("time", version.time), ("expires_at", version.expires_at)];
    for (name, time) in times.into_iter().filter_map(|(name, time)| time.map(|time| (name, time))) {
        text.push_str(&format!(",\"{name}\":{}", time.0));
    }
    if let Some(document) = &version.document {
        text.push_str(",\"value\":");
        text.push_str(document.as_str());
    }
    text + "}"
}

fn list(output: &mut Output, keys: &[ferrumdb::Key]) -> io::Result<()> {
    keys.iter().try_for_each(|key| output.key(key))
}

/// Whole seconds, the last of which is the 1: who is told 0 would look for a document that is gone.
fn ttl(left: Option<Ttl>) -> String {
    match left {
        None => NIL.to_owned(),
        Some(Ttl::Never) => "-1".to_owned(),
        Some(Ttl::ExpiresIn(left)) => left.as_nanos().div_ceil(1_000_000_000).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_part_of_a_second_counts_as_a_whole_one() {
        let left = |milliseconds| ttl(Some(Ttl::ExpiresIn(Duration::from_millis(milliseconds))));
        assert_eq!([left(1), left(1_000), left(1_001)], ["1", "1", "2"]);
        assert_eq!([ttl(Some(Ttl::Never)), ttl(None)], ["-1", "(nil)"]);
    }
}
