//! Owns the commands that begin with a dot: they are about the prompt, or about files. Never looks at a database.

use std::borrow::Cow;

use clap::ValueEnum;

use crate::output::Mode;
use crate::typed::{quoted, take_key};

#[derive(Debug, PartialEq, Eq)]
pub(in crate::repl) enum Dot<'a> {
    /// Answers look like this from now on, or as fits the place.
    Mode(Option<Mode>),
    ShowMode,
    /// Whether it is told how long commands take.
    Timing(bool),
    /// What `ferrumdb import` takes behind the database.
    Import(Vec<Cow<'a, str>>),
    /// To standard output, without a file.
    Dump(Option<Cow<'a, str>>),
    Open(Cow<'a, str>),
    Studio(StudioDo),
}

/// What Studio is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::repl) enum StudioDo {
    /// To be there, and to say where.
    Tell,
    /// The same, in a browser.
    Show,
    /// To let documents be changed, or not any more.
    Writes(bool),
    End,
}

/// Reads what stands behind a name, which is in capital letters.
///
/// # Errors
/// A sentence that says what to type.
pub(super) fn parse<'a>(name: &str, rest: &'a str) -> Result<Dot<'a>, String> {
    let words = words(rest)?;
    match (name, &words[..]) {
        (".MODE", []) => Ok(Dot::ShowMode),
        (".MODE", [mode]) if mode.eq_ignore_ascii_case("auto") => Ok(Dot::Mode(None)),
        (".MODE", [mode]) => match Mode::from_str(mode, true) {
            Ok(mode) => Ok(Dot::Mode(Some(mode))),
            Err(_) => Err(format!("{} is no mode; type auto, table, json, ndjson, csv or raw", quoted(mode))),
        },
        (".TIMING", []) => Ok(Dot::Timing(true)),
        (".TIMING", [switch]) => match switch.to_ascii_lowercase().as_str() {
            "on" => Ok(Dot::Timing(true)),
            "off" => Ok(Dot::Timing(false)),
            _ => Err(".timing is on or off".to_owned()),
        },
        (".IMPORT", [_, ..]) => Ok(Dot::Import(words)),
        (".IMPORT", []) => Err(".import needs a file: .import users.json --key id".to_owned()),
        (".DUMP", []) => Ok(Dot::Dump(None)),
        (".DUMP", [file]) => Ok(Dot::Dump(Some(file.clone()))),
        (".OPEN", [file]) => Ok(Dot::Open(file.clone())),
        (".OPEN", []) => Err(".open needs a file: .open my.db".to_owned()),
        (".STUDIO", []) => Ok(Dot::Studio(StudioDo::Tell)),
        (".STUDIO", [what]) => match what.to_ascii_lowercase().as_str() {
            "open" => Ok(Dot::Studio(StudioDo::Show)),
            "write" => Ok(Dot::Studio(StudioDo::Writes(true))),
            "read" => Ok(Dot::Studio(StudioDo::Writes(false))),
            "off" => Ok(Dot::Studio(StudioDo::End)),
            _ => Err(".studio is open, write, read or off, or nothing, to say where it is".to_owned()),
        },
        (".MODE" | ".DUMP" | ".OPEN" | ".STUDIO", _) => {
            Err(format!("{} takes one word; quote a name with spaces", name.to_ascii_lowercase()))
        }
        _ => Err(format!(
            "there is no command {}; HELP lists the commands",
            quoted(&name.to_ascii_lowercase())
        )),
    }
}

/// Words, or quoted as in JSON.
fn words(text: &str) -> Result<Vec<Cow<'_, str>>, String> {
    let (mut words, mut rest) = (Vec::new(), text);
    while !rest.is_empty() {
        let (word, others) = take_key(rest)?;
        words.push(word);
        rest = others;
    }
    Ok(words)
}
