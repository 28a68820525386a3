//! Owns what the terminal offers while a line is typed: completion, hints, and lines that go on. Never waits long for a
//! database.

use std::borrow::Cow;

use anstyle::Style;
use ferrumdb::{Collection, FerrumDB, Key};
use rustyline::completion::{Completer, Pair};
use rustyline::highlight::Highlighter;
use rustyline::hint::{Hint, Hinter};
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Context, Helper};

use super::editing::{self, Wanted, What};
use crate::output;

/// The most keys that are offered.
const CANDIDATES_MAX: usize = 100;

/// The longest line for which hints are worked out at every key press.
const HINT_BYTES_MAX: usize = 4 << 10;

pub(super) struct LineHelper {
    db: FerrumDB,
    used: Collection,
    /// Hints are told from what was typed by their colour alone.
    hints: bool,
}

/// The arguments to come: they are shown, but cannot be taken over.
pub(super) struct Usage(String);

impl LineHelper {
    pub(super) fn new(db: FerrumDB, hints: bool) -> Self {
        let used = (*db).clone();
        Self { db, used, hints }
    }

    /// From now on, the keys and indexes are those of this collection.
    pub(super) fn follow(&mut self, used: &Collection) {
        self.used.clone_from(used);
    }

    /// The first keys that begin so, in their order, and whether these are all. Asking for the first time begins to keep the
    /// order, so that from then on this costs what is offered.
    fn keys(&self, begun: &str) -> (Vec<String>, bool) {
        let Ok(scan) = self.used.prefix(begun) else { return (Vec::new(), true) };
        let mut found: Vec<Key> = scan.limit(CANDIDATES_MAX + 1).keys().collect();
        let all = found.len() <= CANDIDATES_MAX;
        found.truncate(CANDIDATES_MAX);
        (found.iter().map(|key| output::typed(key).into_owned()).collect(), all)
    }

    fn collections(&self, begun: &str) -> Vec<String> {
        let collections = self.db.collections().unwrap_or_default();
        let names = collections.iter().filter(|collection| collection.name.starts_with(begun));
        names.map(|collection| output::typed(&collection.name).into_owned()).collect()
    }

    fn fields(&self, begun: &str) -> Vec<String> {
        let indexes = self.used.indexes().unwrap_or_default();
        let fields = indexes.iter().map(|index| index.path.to_string());
        fields.filter(|field| field.starts_with(begun)).map(|field| typed_field(&field)).collect()
    }
}

impl Completer for LineHelper {
    type Candidate = Pair;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let line = &line[..pos];
        let Some(Wanted { start, what, begun }) = editing::wanted(line) else { return Ok((pos, Vec::new())) };
        let (mut names, all) = match what {
            What::Command => (editing::commands(&begun), true),
            What::Key => self.keys(&begun),
            What::Field => (self.fields(&begun), true),
            What::Collection => (self.collections(&begun), true),
        };
        names.sort_unstable();
        // What some candidates have in common, others may not have: then nothing is filled in.
        let replacement = |name: &String| if all { name.clone() } else { line[start..].to_owned() };
        let pair = |name: String| Pair { replacement: replacement(&name), display: name };
        Ok((start, names.into_iter().map(pair).collect()))
    }
}

impl Hinter for LineHelper {
    type Hint = Usage;

    fn hint(&self, line: &str, pos: usize, _: &Context<'_>) -> Option<Usage> {
        let shown = self.hints && pos == line.len() && line.len() <= HINT_BYTES_MAX;
        shown.then(|| editing::usage_left(line)).flatten().map(Usage)
    }
}

impl Hint for Usage {
    fn display(&self) -> &str {
        &self.0
    }

    fn completion(&self) -> Option<&str> {
        None
    }
}

impl Highlighter for LineHelper {
    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        let grey = Style::new().dimmed();
        Cow::Owned(format!("{grey}{hint}{grey:#}"))
    }
}

impl Validator for LineHelper {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(if editing::goes_on(context.input()) {
            ValidationResult::Incomplete
        } else {
            ValidationResult::Valid(None)
        })
    }
}

impl Helper for LineHelper {}

/// The field as the prompt reads it: dotted text may need quotes, a JSON list does not.
fn typed_field(field: &str) -> String {
    if field.starts_with('[') { field.to_owned() } else { output::typed(field).into_owned() }
}
