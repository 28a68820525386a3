//! Owns what the commands that write send to the database, or put into a transaction that is being made. Never writes an
//! answer.

use ferrumdb::{Collection, CompactionReport, FerrumDB, FieldPath, OpenTransaction, Result, Sequence};

use super::command::Command;
use crate::in_flight::Answer;
use crate::interrupt;
use crate::typed::Value;

/// A write under way.
pub(super) struct Write {
    answer: WriteAnswer,
    /// What Ctrl-C stops.
    stop: Option<Stop>,
}

enum WriteAnswer {
    Done { answer: Answer<Sequence>, as_text: bool },
    Found(Answer<bool>),
    Compacted(Answer<CompactionReport>),
}

enum Stop {
    Build(Collection, FieldPath),
    Compaction(FerrumDB),
}

/// What came of a write.
pub(super) enum Answered {
    Done {
        as_text: bool,
    },
    /// Whether there was a document.
    Found(bool),
    Compacted(CompactionReport),
}

/// Sets a write going; `None` for what only reads.
pub(super) fn begin(db: &FerrumDB, used: &Collection, command: &Command<'_>) -> Option<Write> {
    let done = |pending, as_text| WriteAnswer::Done { answer: Answer::Coming(pending), as_text };
    let found = |pending| WriteAnswer::Found(Answer::Coming(pending));
    let mut stop = None;
    let answer = match command {
        Command::Set { key, value, lifetime } => match (*value, *lifetime) {
            (Value::Json(text), None) => done(used.set_raw(&**key, text), false),
            (Value::Text(text), None) => done(used.set(&**key, text), true),
            (Value::Json(text), Some(lifetime)) => done(used.set_raw_ex(&**key, text, lifetime), false),
            (Value::Text(text), Some(lifetime)) => done(used.set_ex(&**key, text, lifetime), true),
        },
        Command::Delete { key } => found(used.delete(&**key)),
        Command::Expire { key, lifetime } => found(used.expire(&**key, *lifetime)),
        Command::Persist { key } => found(used.persist(&**key)),
        Command::Drop { name } => found(db.drop_collection(&**name)),
        Command::CreateIndex { field } => {
            stop = Some(Stop::Build(used.clone(), field.clone()));
            done(used.create_index(field.clone()), false)
        }
        Command::DropIndex { field } => done(used.drop_index(field.clone()), false),
        Command::Compact => {
            stop = Some(Stop::Compaction(db.clone()));
            WriteAnswer::Compacted(Answer::Coming(db.compact()))
        }
        _ => return None,
    };
    Some(Write { answer, stop })
}

/// Whether a command is about the whole database, so that no transaction can have it.
pub(super) fn is_for_the_database(command: &Command<'_>) -> bool {
    matches!(
        command,
        Command::CreateIndex { .. }
            | Command::DropIndex { .. }
            | Command::Drop { .. }
            | Command::Compact
            | Command::Watch { .. }
    )
}

/// Puts a write into a transaction; `None` for what does not belong there.
pub(super) fn within(open: &mut OpenTransaction<'_>, command: &Command<'_>) -> Option<Result<Answered>> {
    Some(match command {
        Command::Set { key, value, lifetime } => {
            let as_text = matches!(value, Value::Text(_));
            open.set_raw(&**key, &*value.json()).map(|()| {
                if let Some(lifetime) = lifetime {
                    open.expire(&**key, *lifetime);
                }
                Answered::Done { as_text }
            })
        }
        Command::Delete { key } => Ok(where_there_is(open, key, |open| open.delete(&**key))),
        Command::Expire { key, lifetime } => {
            Ok(where_there_is(open, key, |open| open.expire(&**key, *lifetime)))
        }
        Command::Persist { key } => Ok(where_there_is(open, key, |open| open.persist(&**key))),
        _ => return None,
    })
}

fn where_there_is<'d>(
    open: &mut OpenTransaction<'d>,
    key: &str,
    change: impl FnOnce(&mut OpenTransaction<'d>),
) -> Answered {
    let is_there = open.contains(key);
    if is_there {
        change(open);
    }
    Answered::Found(is_there)
}

impl Write {
    /// Whether waiting would not block.
    pub(super) fn is_here(&mut self) -> bool {
        match &mut self.answer {
            WriteAnswer::Done { answer, .. } => answer.is_here(),
            WriteAnswer::Found(answer) => answer.is_here(),
            WriteAnswer::Compacted(answer) => answer.is_here(),
        }
    }

    /// Waits, unless Ctrl-C stops it.
    pub(super) fn wait(self) -> Result<Answered> {
        let Self { answer, stop } = self;
        Ok(match answer {
            WriteAnswer::Done { answer, as_text } => {
                wait(answer, stop)?;
                Answered::Done { as_text }
            }
            WriteAnswer::Found(answer) => Answered::Found(wait(answer, stop)?),
            WriteAnswer::Compacted(answer) => Answered::Compacted(wait(answer, stop)?),
        })
    }
}

fn wait<T>(mut answer: Answer<T>, mut stop: Option<Stop>) -> Result<T> {
    while stop.is_some() && interrupt::is_caught() && !answer.is_here_within(interrupt::LOOK_DISTANCE) {
        if interrupt::is_wanted()
            && let Some(stop) = stop.take()
        {
            // The answer tells what has become of it.
            match stop {
                Stop::Build(used, field) => drop(used.drop_index(field).wait()),
                Stop::Compaction(db) => drop(db.cancel_compaction().wait()),
            }
        }
    }
    answer.wait()
}
