//! Owns answers that are one object: what a command has done, or what is known of something. Never decides what is in it.

use std::io;

use serde::Serialize;
use serde_json::Value;

use super::rows::{Cell, csv};
use super::text::bare;
use super::{Mode, Output, Plain};

impl Output {
    /// What a command has done: in these words, where no mode was said.
    pub(crate) fn report(&mut self, report: &impl Serialize, words: &str) -> io::Result<()> {
        match self.mode {
            None => self.text(words),
            Some(mode) => self.object(mode, report),
        }
    }

    /// What is known of something: laid out on a terminal, as a JSON object elsewhere.
    pub(crate) fn facts(&mut self, facts: &impl Serialize) -> io::Result<()> {
        let plain = if self.terminal { Mode::Table } else { Mode::Json };
        self.object(self.mode.unwrap_or(plain), facts)
    }

    fn object(&mut self, mode: Mode, object: &impl Serialize) -> io::Result<()> {
        let value = serde_json::to_value(object).expect("texts and numbers can be written");
        let text = value.to_string();
        match mode {
            Mode::Json => {
                self.json(&text, self.terminal)?;
                self.bare("\n")
            }
            Mode::Ndjson => {
                self.json(&text, false)?;
                self.bare("\n")
            }
            Mode::Table => {
                let mut lines = Vec::new();
                flatten("", &value, &mut lines);
                let previous = self.mode.replace(Mode::Table);
                let mut rows = self.rows(&["name", "value"], Plain::Table);
                let written = lines
                    .iter()
                    .try_for_each(|(name, value)| rows.push(&[Cell::Text(name), Cell::Text(value)]));
                let finished = written.and_then(|()| rows.finish());
                self.mode = previous;
                finished
            }
            Mode::Csv | Mode::Raw => {
                let fields = value.as_object().cloned().unwrap_or_default();
                let texts: Vec<_> = fields.values().map(scalar).collect();
                if mode == Mode::Raw {
                    return self.bare(&(texts.join("\t") + "\n"));
                }
                self.bare(&csv(fields.keys().map(|name| name.as_str().into()))?)?;
                self.bare(&csv(texts.iter().map(|text| text.as_str().into()))?)
            }
        }
    }
}

/// The value as a text without quotes.
fn scalar(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        value => bare(&value.to_string()).into_owned(),
    }
}

/// The names and values of an object, and of those in it, in lines; what is empty or absent is left out.
fn flatten(prefix: &str, value: &Value, lines: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let name = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                flatten(&name, value, lines);
            }
        }
        Value::Null => {}
        Value::Array(items) if items.is_empty() => {}
        Value::Array(items) if items.iter().all(|item| !item.is_object()) => {
            let items: Vec<_> = items.iter().map(scalar).collect();
            lines.push((prefix.to_owned(), items.join(", ")));
        }
        Value::Array(items) => {
            for (number, item) in items.iter().enumerate() {
                lines.push((format!("{prefix}.{}", number + 1), item.to_string()));
            }
        }
        value => lines.push((prefix.to_owned(), scalar(value))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_becomes_lines_of_names_and_values() {
        let value = json!({"path": "a.db", "lock": {"holder": 7, "since": null}, "indexes": ["a", "b"], "c": [], "d": [{"n": 1}]});
        let mut lines = Vec::new();
        flatten("", &value, &mut lines);
        let lines: Vec<_> = lines.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(lines, ["path=a.db", "lock.holder=7", "indexes=a, b", "d.1={\"n\":1}"]);
    }
}
