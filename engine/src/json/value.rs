//! Owns the way from a kept text to a tree. Never recurses: the depth of a document costs no stack.

use serde_json::{Map, Value};

use super::escape;
use super::invalid;
use super::number::{self, NumberToken};
use super::scanner::{Escapes, StringToken, Word};
use super::text::{self, Container, Sink};
use crate::error::Result;
use crate::options::DEPTH_MAX;

/// The tree of `text`, if it is one that was ever stored. Giving back a tree does recurse.
pub(super) fn build(text: &str) -> Result<Value> {
    let mut builder = Builder { text, open: Vec::new(), root: Value::Null };
    text::walk(text, DEPTH_MAX, DEPTH_MAX, &mut builder)?;
    Ok(builder.root)
}

struct Builder<'t> {
    text: &'t str,
    open: Vec<Open>,
    root: Value,
}

enum Open {
    Array(Vec<Value>),
    Object(Map<String, Value>, String),
}

impl Builder<'_> {
    #[inline]
    fn add(&mut self, value: Value) {
        match self.open.last_mut() {
            None => self.root = value,
            Some(Open::Array(items)) => items.push(value),
            Some(Open::Object(fields, key)) => {
                fields.insert(std::mem::take(key), value);
            }
        }
    }

    #[inline]
    fn decode(&self, token: StringToken) -> String {
        let content = &self.text[token.start..token.end];
        if token.escapes == Escapes::None { content.to_owned() } else { escape::decode(content).into_owned() }
    }
}

impl Sink for Builder<'_> {
    fn whitespace(&mut self, _start: usize, _end: usize) -> Result<()> {
        Ok(())
    }

    fn open(&mut self, container: Container, _at: usize) -> Result<()> {
        self.open.push(match container {
            Container::Array => Open::Array(Vec::new()),
            Container::Object => Open::Object(Map::new(), String::new()),
        });
        Ok(())
    }

    fn close(&mut self, _container: Container, _at: usize) -> Result<()> {
        let value = match self.open.pop().expect("the walk closes only what it opened") {
            Open::Array(items) => Value::Array(items),
            Open::Object(fields, _) => Value::Object(fields),
        };
        self.add(value);
        Ok(())
    }

    fn key(&mut self, token: StringToken) -> Result<()> {
        let decoded = self.decode(token);
        if let Some(Open::Object(_, key)) = self.open.last_mut() {
            *key = decoded;
        }
        Ok(())
    }

    fn string(&mut self, token: StringToken) -> Result<()> {
        let decoded = self.decode(token);
        self.add(Value::String(decoded));
        Ok(())
    }

    fn number(&mut self, token: NumberToken) -> Result<()> {
        let number = number::value(self.text, token)
            .ok_or_else(|| invalid(token.start, "this number cannot be kept exactly"))?;
        self.add(Value::Number(number));
        Ok(())
    }

    fn word(&mut self, word: Word) -> Result<()> {
        self.add(match word {
            Word::Null => Value::Null,
            Word::True => Value::Bool(true),
            Word::False => Value::Bool(false),
        });
        Ok(())
    }
}
