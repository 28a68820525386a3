//! Owns the language of the prompt: one line, one command. Never looks at a database.

mod dots;
mod verbs;

use std::borrow::Cow;
use std::time::Duration;

use ferrumdb::FieldPath;

pub(super) use dots::{Dot, StudioDo};
pub(super) use verbs::{Argument, VERBS, Verb, help};

use crate::time::lifetime;
use crate::typed::{Value, quoted, split_word, take_field, take_key, take_value};

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command<'a> {
    Set {
        key: Cow<'a, str>,
        value: Value<'a>,
        lifetime: Option<Duration>,
    },
    Get {
        key: Cow<'a, str>,
    },
    Delete {
        key: Cow<'a, str>,
    },
    Keys {
        prefix: Cow<'a, str>,
    },
    Range {
        from: Cow<'a, str>,
        to: Cow<'a, str>,
    },
    Count,
    Expire {
        key: Cow<'a, str>,
        lifetime: Duration,
    },
    Persist {
        key: Cow<'a, str>,
    },
    Ttl {
        key: Cow<'a, str>,
    },
    History {
        key: Cow<'a, str>,
    },
    CreateIndex {
        field: FieldPath,
    },
    DropIndex {
        field: FieldPath,
    },
    Indexes,
    Find {
        field: FieldPath,
        value: serde_json::Value,
    },
    FindRange {
        field: FieldPath,
        from: serde_json::Value,
        to: serde_json::Value,
    },
    /// The root, without a name.
    Use {
        name: Option<Cow<'a, str>>,
    },
    Collections,
    Drop {
        name: Cow<'a, str>,
    },
    /// Reads show the database as it is now, until [`Command::Release`].
    Snapshot,
    Release,
    Begin,
    Commit,
    Rollback,
    Watch {
        prefix: Cow<'a, str>,
    },
    Compact,
    Info,
    Help,
    Exit,
    /// About the prompt, not the database.
    Dot(Dot<'a>),
}

/// Reads a line; `None` when there is nothing on it.
///
/// # Errors
/// A sentence that says what to type.
pub(super) fn parse(line: &str) -> Result<Option<Command<'_>>, String> {
    let line = line.trim_ascii();
    if line.is_empty() {
        return Ok(None);
    }
    let (word, rest) = split_word(line);
    let name = word.to_ascii_uppercase();
    let command = match name.as_str() {
        "SET" => set(rest)?,
        "SETEX" => set_ex(rest)?,
        "GET" => Command::Get { key: only_key("GET", rest)? },
        "DELETE" | "DEL" => Command::Delete { key: only_key("DELETE", rest)? },
        "KEYS" if rest.is_empty() => Command::Keys { prefix: Cow::Borrowed("") },
        "KEYS" => Command::Keys { prefix: only_key("KEYS", rest)? },
        "RANGE" => range(rest)?,
        "COUNT" => nothing_else(Command::Count, "COUNT", rest)?,
        "EXPIRE" => expire(rest)?,
        "PERSIST" => Command::Persist { key: only_key("PERSIST", rest)? },
        "TTL" => Command::Ttl { key: only_key("TTL", rest)? },
        "HISTORY" => Command::History { key: only_key("HISTORY", rest)? },
        "INDEX" => Command::CreateIndex { field: only_field("INDEX", rest)? },
        "DROPINDEX" => Command::DropIndex { field: only_field("DROPINDEX", rest)? },
        "INDEXES" => nothing_else(Command::Indexes, "INDEXES", rest)?,
        "FIND" => find(rest)?,
        "FINDRANGE" => find_range(rest)?,
        "USE" if rest.is_empty() => Command::Use { name: None },
        "USE" => Command::Use { name: Some(only_name("USE", rest)?) },
        "COLLECTIONS" => nothing_else(Command::Collections, "COLLECTIONS", rest)?,
        "DROP" => Command::Drop { name: only_name("DROP", rest)? },
        "SNAPSHOT" => nothing_else(Command::Snapshot, "SNAPSHOT", rest)?,
        "RELEASE" => nothing_else(Command::Release, "RELEASE", rest)?,
        "BEGIN" => nothing_else(Command::Begin, "BEGIN", rest)?,
        "COMMIT" => nothing_else(Command::Commit, "COMMIT", rest)?,
        "ROLLBACK" => nothing_else(Command::Rollback, "ROLLBACK", rest)?,
        "WATCH" if rest.is_empty() => Command::Watch { prefix: Cow::Borrowed("") },
        "WATCH" => Command::Watch { prefix: only_key("WATCH", rest)? },
        "COMPACT" => nothing_else(Command::Compact, "COMPACT", rest)?,
        "INFO" | ".INFO" => nothing_else(Command::Info, "INFO", rest)?,
        "HELP" | ".HELP" => Command::Help,
        "EXIT" | "QUIT" | ".EXIT" | ".QUIT" => nothing_else(Command::Exit, &name, rest)?,
        _ if name.starts_with('.') => Command::Dot(dots::parse(&name, rest)?),
        _ => return Err(format!("there is no command {}; HELP lists the commands", quoted(word))),
    };
    Ok(Some(command))
}

fn set(rest: &str) -> Result<Command<'_>, String> {
    const USAGE: &str = "SET needs a key and a value: SET user:1 {\"name\": \"Alice\"}";
    let (key, text) = take_key(present(rest, USAGE)?)?;
    Ok(Command::Set { key, value: Value::of(present(text, USAGE)?), lifetime: None })
}

fn set_ex(rest: &str) -> Result<Command<'_>, String> {
    const USAGE: &str = "SETEX needs a key, seconds and a value: SETEX session:9 60 {\"user\": 1}";
    let (key, rest) = take_key(present(rest, USAGE)?)?;
    let (word, text) = split_word(present(rest, USAGE)?);
    Ok(Command::Set { key, lifetime: Some(lifetime(word)?), value: Value::of(present(text, USAGE)?) })
}

fn expire(rest: &str) -> Result<Command<'_>, String> {
    const USAGE: &str = "EXPIRE needs a key and seconds: EXPIRE session:9 60";
    let (key, rest) = take_key(present(rest, USAGE)?)?;
    let (word, more) = split_word(present(rest, USAGE)?);
    nothing_else(Command::Expire { key, lifetime: lifetime(word)? }, "EXPIRE with its key and seconds", more)
}

fn range(rest: &str) -> Result<Command<'_>, String> {
    const USAGE: &str = "RANGE needs two keys: RANGE user:1 user:2";
    let (from, rest) = take_key(present(rest, USAGE)?)?;
    let (to, rest) = take_key(present(rest, USAGE)?)?;
    nothing_else(Command::Range { from, to }, "RANGE with its two keys", rest)
}

fn find(rest: &str) -> Result<Command<'_>, String> {
    const USAGE: &str = "FIND needs a field and a value: FIND address.city \"Bonn\"";
    let (field, text) = take_field(present(rest, USAGE)?)?;
    Ok(Command::Find { field, value: Value::of(present(text, USAGE)?).parsed()? })
}

fn find_range(rest: &str) -> Result<Command<'_>, String> {
    const USAGE: &str = "FINDRANGE needs a field and two values: FINDRANGE age 18 64";
    let (field, rest) = take_field(present(rest, USAGE)?)?;
    let (from, rest) = take_value(present(rest, USAGE)?)?;
    let (to, rest) = take_value(present(rest, USAGE)?)?;
    nothing_else(Command::FindRange { field, from, to }, "FINDRANGE with its field and two values", rest)
}

fn only_key<'a>(name: &str, rest: &'a str) -> Result<Cow<'a, str>, String> {
    let (key, rest) = take_key(present(rest, &format!("{name} needs a key: {name} user:1"))?)?;
    if rest.is_empty() {
        return Ok(key);
    }
    Err(format!(
        "{name} takes one key, and {} follows it; quote a key with spaces: \"two words\"",
        quoted(rest)
    ))
}

fn only_name<'a>(name: &str, rest: &'a str) -> Result<Cow<'a, str>, String> {
    let (collection, rest) = take_key(present(rest, &format!("{name} needs a collection: {name} users"))?)?;
    if rest.is_empty() {
        return Ok(collection);
    }
    Err(format!("{name} takes one collection, and {} follows it; quote a name with spaces", quoted(rest)))
}

fn only_field(name: &str, rest: &str) -> Result<FieldPath, String> {
    let (field, rest) = take_field(present(rest, &format!("{name} needs a field: {name} address.city"))?)?;
    if rest.is_empty() {
        return Ok(field);
    }
    Err(format!("{name} takes one field, and {} follows it", quoted(rest)))
}

fn nothing_else<'a>(command: Command<'a>, name: &str, rest: &str) -> Result<Command<'a>, String> {
    if rest.is_empty() {
        Ok(command)
    } else {
        Err(format!("{name} stands alone; leave out {}", quoted(rest)))
    }
}

fn present<'a>(text: &'a str, usage: &str) -> Result<&'a str, String> {
    if text.is_empty() { Err(usage.to_owned()) } else { Ok(text) }
}

#[cfg(test)]
mod tests;
