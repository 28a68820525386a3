//! Owns the answers of the commands that only read. Never changes a database.

use std::io;

use ferrumdb::{Collection, FerrumDB, Key, Result, Ttl};
use serde_json::json;

use super::command::{Command, help};
use super::session::NIL;
use super::speed;
use super::view::{View, Which};
use crate::commands::info;
use crate::interrupt;
use crate::listings;
use crate::output::{Cell, Mode, Output};
use crate::time::seconds_left;

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Whole,
    /// Ctrl-C has stopped it.
    Interrupted,
}

/// Answers a command that reads.
///
/// # Errors
/// When the database does not answer. What is inside fails when the answer cannot be written.
pub(super) fn answer(
    (db, used): (&FerrumDB, &Collection),
    mut view: View<'_, '_>,
    output: &mut Output,
    command: &Command<'_>,
) -> Result<io::Result<Told>> {
    let whole = |written: io::Result<()>| Ok(written.map(|()| Told::Whole));
    match command {
        Command::Get { key } => whole(match view.get(key)? {
            Some(document) => output.document(document.as_str()),
            None if matches!(output.mode(), Some(Mode::Json | Mode::Ndjson)) => output.line("null"),
            None => output.line(NIL),
        }),
        Command::Keys { prefix } => Ok(list(output, view.keys(Which::Prefix(prefix))?)),
        Command::Range { from, to } => Ok(list(output, view.keys(Which::Range(from, to))?)),
        Command::Count => {
            let count = view.count()?;
            whole(output.report(&json!({ "count": count }), &count.to_string()))
        }
        Command::Ttl { key } => whole(output.line(&ttl(view.ttl(key)?))),
        Command::Find { field, value } => {
            let (field, value) = (field.clone(), value.clone());
            found(view, output, move |view| view.find(field.clone(), &value))
        }
        Command::FindRange { field, from, to } => {
            let (field, from, to) = (field.clone(), from.clone(), to.clone());
            found(view, output, move |view| view.find_range(field.clone(), from.clone(), to.clone()))
        }
        Command::History { key } => {
            let mut versions = used.history(key)?;
            let until_interrupted = std::iter::from_fn(|| match interrupt::is_wanted() {
                true => None,
                false => versions.next(),
            });
            let written = listings::versions(until_interrupted, output)?;
            Ok(written.map(|_| if interrupt::is_wanted() { Told::Interrupted } else { Told::Whole }))
        }
        Command::Indexes => whole(listings::indexes(used, output)?),
        Command::Collections => whole(listings::collections(db, output)?),
        Command::Info => whole(output.facts(&info::of_open(db, used)?)),
        Command::Help => whole(output.line(&format!("{}\n\n{}", help(), speed::of(&db.metrics())))),
        _ => Ok(Ok(Told::Whole)),
    }
}

/// The keys that a search finds, which may take long.
fn found(
    mut view: View<'_, '_>,
    output: &mut Output,
    mut search: impl FnMut(&mut View<'_, '_>) -> Result<Vec<Key>> + Send + 'static,
) -> Result<io::Result<Told>> {
    let keys = match view.elsewhere() {
        Some(mut view) => match interrupt::unless(move || search(&mut view)) {
            Some(keys) => keys?,
            None => return Ok(Ok(Told::Interrupted)),
        },
        None => search(&mut view)?,
    };
    Ok(list(output, keys.into_iter()))
}

fn list(output: &mut Output, keys: impl Iterator<Item = Key>) -> io::Result<Told> {
    let mut rows = output.names(&["key"]);
    let mut told = Told::Whole;
    for key in keys {
        if interrupt::is_wanted() {
            told = Told::Interrupted;
            break;
        }
        rows.push(&[Cell::Text(&key)])?;
    }
    rows.finish()?;
    Ok(told)
}

fn ttl(left: Option<Ttl>) -> String {
    match (left, seconds_left(left)) {
        (None, _) => NIL.to_owned(),
        (Some(_), None) => "-1".to_owned(),
        (Some(_), Some(seconds)) => seconds.to_string(),
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
