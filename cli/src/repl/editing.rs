//! Owns what can be said of a line while it is being typed: what is wanted next, and whether it is whole. Never looks
//! at a database.

use super::command::{Argument, VERBS, Verb};
use crate::typed::{split_word, take_key};

/// What the word before the cursor is to become, and where that word begins.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) start: usize,
    pub(super) what: What,
    /// What is there of it already, without its quote.
    pub(super) begun: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Command,
    Key,
    Field,
    Collection,
}

/// What would complete the line, which ends at the cursor.
pub(super) fn wanted(line: &str) -> Option<Wanted> {
    let command = line.trim_ascii_start();
    let end = command.find(|next: char| next.is_ascii_whitespace());
    let Some(end) = end else {
        let (what, begun) = (What::Command, command.to_owned());
        return Some(Wanted { start: line.len() - command.len(), what, begun });
    };
    let what = match verb(&command[..end])?.arguments.first()? {
        Argument::Key | Argument::Prefix => What::Key,
        Argument::Indexed => What::Field,
        Argument::Used | Argument::Collection => What::Collection,
        _ => return None,
    };
    let argument = command[end..].trim_ascii_start();
    let start = line.len() - argument.len();
    let begun = match argument.strip_prefix('"') {
        // A quote that is closed by one more is open.
        Some(_) => serde_json::from_str(&format!("{argument}\"")).ok()?,
        None if argument.contains(|next: char| next.is_ascii_whitespace()) => return None,
        None => argument.to_owned(),
    };
    Some(Wanted { start, what, begun })
}

/// The commands that begin so, spelled in the same case, with the space before their arguments.
pub(super) fn commands(begun: &str) -> Vec<String> {
    let small = begun.starts_with(|first: char| first.is_ascii_lowercase());
    let spelled = |name: &str| if small { name.to_ascii_lowercase() } else { name.to_owned() };
    let begins = |name: &str| name.get(..begun.len()).is_some_and(|start| start.eq_ignore_ascii_case(begun));
    let space = |verb: &Verb| if verb.arguments.is_empty() { "" } else { " " };
    VERBS.iter().filter(|verb| begins(verb.name)).map(|verb| spelled(verb.name) + space(verb)).collect()
}

/// The arguments that are still to come behind a line.
pub(super) fn usage_left(line: &str) -> Option<String> {
    let line = line.trim_ascii_start();
    let (name, mut rest) = split_word(line);
    let mut arguments = verb(name)?.arguments;
    let spaced = line.ends_with(|last: char| last.is_ascii_whitespace());
    while !rest.is_empty() {
        let (argument, others) = arguments.split_first()?;
        // A value goes on to the end, and only those who typed it know where that is.
        if matches!(argument, Argument::Json | Argument::From | Argument::To) {
            return None;
        }
        (_, rest) = take_key(rest).ok()?;
        arguments = others;
    }
    let names: Vec<_> = arguments.iter().map(|argument| argument.name()).collect();
    let space = if spaced { "" } else { " " };
    (!names.is_empty()).then(|| format!("{space}{}", names.join(" ")))
}

/// Whether the line has a value whose brackets are still open, so that it goes on.
///
/// What is broken is whole: no further line would mend it.
pub(super) fn goes_on(line: &str) -> bool {
    value(line).is_some_and(|value| {
        let mut open = Vec::new();
        let (mut in_string, mut escaped) = (false, false);
        for byte in value.bytes() {
            match byte {
                b'\n' if in_string => return false,
                _ if escaped => escaped = false,
                b'\\' if in_string => escaped = true,
                b'"' => in_string = !in_string,
                b'{' | b'[' if !in_string => open.push(byte),
                b'}' if !in_string && open.pop() != Some(b'{') => return false,
                b']' if !in_string && open.pop() != Some(b'[') => return false,
                _ => {}
            }
        }
        !open.is_empty() && !in_string
    })
}

/// The value of the line, if it can go on for several lines.
fn value(line: &str) -> Option<&str> {
    let (name, mut rest) = split_word(line.trim_ascii_start());
    for argument in verb(name)?.arguments {
        if *argument == Argument::Json {
            return rest.starts_with(['{', '[']).then_some(rest);
        }
        (_, rest) = take_key(rest).ok()?;
    }
    None
}

fn verb(name: &str) -> Option<&'static Verb> {
    Verb::named(if name.eq_ignore_ascii_case("DEL") { "DELETE" } else { name })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail this way")]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_wanted_depends_on_the_place_in_the_line() {
        let found = |line| wanted(line).map(|Wanted { start, what, begun }| (start, what, begun));
        assert_eq!(found(" se"), Some((1, What::Command, "se".to_owned())));
        assert_eq!(found("get us"), Some((4, What::Key, "us".to_owned())));
        assert_eq!(found("del  \"two w"), Some((5, What::Key, "two w".to_owned())));
        assert_eq!(found("drop us"), Some((5, What::Collection, "us".to_owned())));
        assert_eq!(found("FIND "), Some((5, What::Field, String::new())));
        for line in ["set a ", "set a b", "get \"a\"", "count ", "index f", "nonsense x"] {
            assert_eq!(found(line), None, "{line}");
        }
    }

    #[test]
    fn commands_are_completed_in_the_case_of_their_beginning() {
        assert_eq!(commands("SET"), ["SET ", "SETEX "]);
        assert_eq!(commands("find"), ["find ", "findrange "]);
        assert_eq!(commands("IN"), ["INDEX ", "INDEXES", "INFO"]);
        assert_eq!(commands("x"), Vec::<String>::new());
        assert_eq!(commands("é"), Vec::<String>::new());
    }

    #[test]
    fn the_arguments_to_come_are_told() {
        let cases = [
            ("set", " <key> <json>"),
            ("set ", "<key> <json>"),
            ("SETEX \"two words\"", " <seconds> <json>"),
            ("setex k 60 ", "<json>"),
            ("findrange age ", "<from> <to>"),
            ("keys", " [prefix]"),
            ("use ", "[collection]"),
            ("drop", " <collection>"),
        ];
        for (line, left) in cases {
            assert_eq!(usage_left(line).as_deref(), Some(left), "{line}");
        }
        for line in ["", "se", "count", "set k {", "get k", "get k k", "get \"open"] {
            assert_eq!(usage_left(line), None, "{line}");
        }
    }

    #[test]
    fn a_line_goes_on_while_its_brackets_are_open() {
        for open in
            ["set k {", "SET k [1,\n", "set \"a b\" {\"a\": [\"}\"\n]", "setex k 60 {", "find f {\"a\":\n"]
        {
            assert!(goes_on(open), "{open}");
        }
        for whole in
            ["set k {}", "set k [}", "set k {\"a", "set k {\"a\n", "set k (", "get {", "{", "set k a {"]
        {
            assert!(!goes_on(whole), "{whole}");
        }
    }

    proptest! {
        #[test]
        fn any_text_can_be_typed(line in "(?s)(set|get|find|setex|SETEX|del)? ?.{0,60}") {
            let start = wanted(&line).map(|wanted| wanted.start).unwrap_or_default();
            prop_assert!(line.is_char_boundary(start));
            usage_left(&line);
            goes_on(&line);
        }
    }
}
