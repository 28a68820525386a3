//! Owns the list of the commands, as HELP, completion and hints show it. Never says what a command does to a database.

use std::fmt::Write as _;

/// A command, as people are told of it.
pub(in crate::repl) struct Verb {
    pub(in crate::repl) name: &'static str,
    pub(in crate::repl) arguments: &'static [Argument],
    summary: &'static str,
}

/// What stands behind a command, in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::repl) enum Argument {
    Key,
    Prefix,
    /// The name of a collection, or nothing.
    Used,
    /// The name of a collection that is there.
    Collection,
    /// The name of a field that has an index.
    Indexed,
    Field,
    Seconds,
    /// A value, to the end of the line.
    Json,
    From,
    To,
    File,
    /// A file, or nothing.
    Target,
    Mode,
    Switch,
    Studio,
}

use Argument::{
    Collection, Field, File, From, Indexed, Json, Key, Mode, Prefix, Seconds, Studio, Switch, Target, To,
    Used,
};

pub(in crate::repl) const VERBS: &[Verb] = &[
    verb("SET", &[Key, Json], "store a document; OK comes when it is committed"),
    verb("SETEX", &[Key, Seconds, Json], "the same, and it expires when the time has passed"),
    verb("GET", &[Key], "show a document, or (nil) if there is none"),
    verb("DELETE", &[Key], "remove a document; OK, or (nil) if there was none (short: DEL)"),
    verb("KEYS", &[Prefix], "list the keys in order, all or those that begin with the prefix"),
    verb("RANGE", &[From, To], "list the keys in order from one on, up to another, which is left out"),
    verb("COUNT", &[], "count the documents"),
    verb("EXPIRE", &[Key, Seconds], "let a document expire when the time has passed; OK or (nil)"),
    verb("PERSIST", &[Key], "let a document stay for ever; OK or (nil)"),
    verb("TTL", &[Key], "the seconds that a document has left; -1 for ever, (nil) if there is none"),
    verb("HISTORY", &[Key], "list what the key has held, the newest first, as far back as the file tells"),
    verb("INDEX", &[Field], "create an index, which FIND and FINDRANGE use from then on"),
    verb("DROPINDEX", &[Indexed], "drop an index"),
    verb("INDEXES", &[], "list the indexes: entries, uses, memory"),
    verb("FIND", &[Indexed, Json], "list the keys of the documents whose field has this value"),
    verb("FINDRANGE", &[Indexed, From, To], "the same for values between two, which count in"),
    verb("USE", &[Used], "read and write this collection from now on, or the root again"),
    verb("COLLECTIONS", &[], "list the collections: documents, indexes"),
    verb("DROP", &[Collection], "drop a collection with all that is in it; OK, or (nil) if there was none"),
    verb("BEGIN", &[], "begin a transaction: writes wait, and reads show them, until it is over"),
    verb("COMMIT", &[], "commit it: all of it, or nothing if others have changed what it has read"),
    verb("ROLLBACK", &[], "forget it"),
    verb("SNAPSHOT", &[], "let reads show the database as it is now, whatever is written"),
    verb("RELEASE", &[], "let reads show what is there again"),
    verb("WATCH", &[Prefix], "show what is committed from now on, until Ctrl-C"),
    verb("COMPACT", &[], "write the file anew, without what is not needed any more"),
    verb("INFO", &[], "show the file, its sizes, how it was opened, and the indexes"),
    verb("HELP", &[], "show this, and how fast the session has been so far"),
    verb("EXIT", &[], "leave (also QUIT, or Ctrl-D; Ctrl-C drops the line being typed)"),
    verb(".mode", &[Mode], "how answers look: auto, table, json, ndjson, csv, raw"),
    verb(".timing", &[Switch], "show how long each command takes: on or off"),
    verb(".import", &[File], "store the documents of a file; more words as of `ferrumdb import`"),
    verb(".dump", &[Target], "write all documents as lines of JSON, which .import reads"),
    verb(".open", &[File], "close this database, and open another"),
    verb(".studio", &[Studio], "say where Studio is; open: in a browser; write, read: what may be done; off"),
];

const RULES: &str = r#"
A key is one word, or quoted as in JSON: "two words", "tab\there". A field is a name, or names with dots between them,
or a JSON list of names: address.city, ["name.with.dots", "city"]. Seconds may have a fraction.
A value that is not JSON is stored as a string: SET name Alice stores "Alice". But what begins with { or [ or a quote
is meant as JSON and refused if it is broken, and so is a number that cannot be kept exactly. FIND reads values alike.
The first SET creates a collection that is USEd. On a terminal, Tab completes commands, keys, collections and indexed
fields, a line goes on until its brackets are closed, Ctrl-R searches the lines of earlier sessions, which are remembered
except those that begin with a space, and Ctrl-C stops a command that takes long.
Examples:
  SET user:1 {"name": "Alice", "age": 34}
  GET user:1
  INDEX age
  FIND age 34
  FINDRANGE age 18 64"#;

/// What the prompt can do.
pub(in crate::repl) fn help() -> String {
    let mut text = "Commands, in any case of letters:\n".to_owned();
    for verb in VERBS {
        let call =
            verb.arguments.iter().fold(verb.name.to_owned(), |call, argument| call + " " + argument.name());
        writeln!(text, "  {call:<30} {}", verb.summary).expect("a String takes everything");
    }
    text + RULES
}

impl Verb {
    pub(in crate::repl) fn named(name: &str) -> Option<&'static Self> {
        VERBS.iter().find(|verb| verb.name.eq_ignore_ascii_case(name))
    }
}

impl Argument {
    pub(in crate::repl) fn name(self) -> &'static str {
        match self {
            Self::Key => "<key>",
            Self::Prefix => "[prefix]",
            Self::Used => "[collection]",
            Self::Collection => "<collection>",
            Self::Indexed | Self::Field => "<field>",
            Self::Seconds => "<seconds>",
            Self::Json => "<json>",
            Self::From => "<from>",
            Self::To => "<to>",
            Self::File => "<file>",
            Self::Target => "[file]",
            Self::Mode => "[mode]",
            Self::Switch => "[on|off]",
            Self::Studio => "[open|write|read|off]",
        }
    }
}

const fn verb(name: &'static str, arguments: &'static [Argument], summary: &'static str) -> Verb {
    Verb { name, arguments, summary }
}
