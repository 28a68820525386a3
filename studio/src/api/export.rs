//! Owns documents as files to be saved: lines of JSON, and CSV. Never holds more than a few documents.

use std::collections::HashMap;
use std::io::{self, Write};

use ferrumdb::{EXPORT_VERSION, Snapshot};
use serde_json::{Value, json};

use super::file::stem;
use super::keys::snapshot;
use crate::answer::{Answer, Stopped};
use crate::call::Call;
use crate::failure::Failure;
use crate::sink::{Gone, Sink};

const NDJSON: &str = "application/x-ndjson";
const CSV: &str = "text/csv; charset=utf-8";
/// A table of more columns than this is none that anybody reads: what is beyond them is left to NDJSON.
const COLUMNS_MAX: usize = 1_000;
/// The columns that every table begins with, and the one of documents that are no objects.
const KEY: &str = "key";
const VALUE: &str = "value";

pub(crate) fn export(call: &Call) -> Result<Answer, Failure> {
    let (name, all) = (call.parameter("collection"), call.flag("all")?);
    let prefix = call.parameter("prefix").unwrap_or_default().to_owned();
    let format = call.needed("format")?;
    if all && (name.is_some() || !prefix.is_empty() || format != "ndjson") {
        return Err(Failure::bad_request(
            "the whole database is exported as ndjson, without a collection or prefix",
        ));
    }
    let stem = stem(&call.app);
    match format {
        "ndjson" if all => {
            let export = call.app.db.export()?;
            Ok(Answer::file(NDJSON, format!("{stem}.ndjson"), move |sink| {
                for line in export {
                    sink.write(line?.as_bytes())?;
                    sink.write(b"\n")?;
                }
                Ok(())
            }))
        }
        "ndjson" | "csv" => {
            if let Some(name) = name {
                call.app.collection(Some(name))?;
            }
            call.app.ordered(name)?;
            let snapshot = snapshot(call, name)?;
            let part = name.map_or_else(|| stem.clone(), |name| format!("{stem}-{name}"));
            if format == "csv" {
                return Ok(Answer::file(CSV, format!("{part}.csv"), move |sink| {
                    table(&snapshot, &prefix, sink)
                }));
            }
            Ok(Answer::file(NDJSON, format!("{part}.ndjson"), move |sink| lines(&snapshot, &prefix, sink)))
        }
        _ => Err(Failure::bad_request("\"format\" is either ndjson or csv")),
    }
}

/// The lines of an export of one collection, as those of the whole database are.
fn lines(snapshot: &Snapshot, prefix: &str, sink: &mut Sink) -> Result<(), Stopped> {
    let (documents, sequence) = (snapshot.count_prefix(prefix)?, snapshot.sequence());
    let fields: Vec<_> = snapshot.indexes()?.into_iter().map(|index| index.path).collect();
    let (root, collections) = match snapshot.name() {
        None => (json!(fields), json!([])),
        Some(name) => (json!([]), json!([{"name": name, "indexes": fields}])),
    };
    let first = json!({
        "ferrumdb_export": EXPORT_VERSION, "sequence": sequence, "documents": documents, "indexes": root,
        "collections": collections,
    });
    sink.write(format!("{first}\n").as_bytes())?;
    let beginning =
        snapshot.name().map_or_else(String::new, |name| format!("\"collection\":{},", json!(name)));
    for found in snapshot.prefix(prefix)? {
        let (key, document) = found?;
        let expires_at = snapshot.info(&key)?.and_then(|info| info.expires_at);
        let end = expires_at.map(|at| format!(",\"expires_at\":{}", at.0)).unwrap_or_default();
        let (key, value) = (json!(key.as_str()), document.as_str());
        sink.write(format!("{{{beginning}\"key\":{key},\"value\":{value}{end}}}\n").as_bytes())?;
    }
    Ok(())
}

/// A column for each field at the top of any document, in the order in which they are met.
fn table(snapshot: &Snapshot, prefix: &str, sink: &mut Sink) -> Result<(), Stopped> {
    let mut columns: Vec<String> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut has_others = false;
    for found in snapshot.prefix(prefix)? {
        let (_, document) = found?;
        let Value::Object(fields) = document.value() else {
            has_others = true;
            continue;
        };
        for name in fields.keys() {
            if !places.contains_key(name) && columns.len() < COLUMNS_MAX {
                places.insert(name.clone(), columns.len());
                columns.push(name.clone());
            }
        }
    }
    let mut writer = csv::Writer::from_writer(Pipe(sink));
    let heads =
        [KEY].into_iter().chain(has_others.then_some(VALUE)).chain(columns.iter().map(String::as_str));
    writer.write_record(heads.map(|head| harmless(head.to_owned()))).map_err(gone)?;
    for found in snapshot.prefix(prefix)? {
        let (key, document) = found?;
        let mut cells = vec![String::new(); columns.len()];
        let mut other = String::new();
        match document.value() {
            Value::Object(fields) => {
                for (name, value) in fields {
                    if let Some(place) = places.get(name) {
                        cells[*place] = cell(value);
                    }
                }
            }
            value => other = cell(value),
        }
        let row = [harmless(key.to_string())].into_iter().chain(has_others.then_some(other)).chain(cells);
        writer.write_record(row).map_err(gone)?;
    }
    writer.flush().map_err(|_| Stopped::Gone)
}

/// A value as a cell: texts as they are, everything else as JSON.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => harmless(text.clone()),
        Value::Number(number) => number.to_string(),
        other => other.to_string(),
    }
}

/// A text that no spreadsheet takes for a formula.
fn harmless(text: String) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text }
}

fn gone(_: csv::Error) -> Stopped {
    Stopped::Gone
}

/// Where a table is written to.
struct Pipe<'s>(&'s mut Sink);

impl Write for Pipe<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(|Gone| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_looks_like_a_formula_is_made_harmless_and_a_number_is_left() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"] {
            assert_eq!(cell(&json!(text)), format!("'{text}"));
        }
        assert_eq!(cell(&json!(-1.5)), "-1.5");
        assert_eq!(cell(&json!(u64::MAX)), "18446744073709551615");
        assert_eq!(cell(&json!({"a": ["=1"]})), r#"{"a":["=1"]}"#);
    }
}
