//! Owns storing the documents in a piece of a file, or showing them. Never stores a line that it does not understand.

use std::borrow::Cow;
use std::collections::HashMap;

use ferrumdb::{ErrorKind, Pending, Sequence, Timestamp};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Number, Value, json};

use super::changes::TEXT_BYTES;
use super::document::{conditional, within};
use super::keys::beginning;
use crate::answer::Answer;
use crate::app::{App, now_ms};
use crate::call::Call;
use crate::failure::Failure;

const ERRORS_MAX: usize = 100;
const PREVIEW_MAX: usize = 20;
/// So many documents are under way at once.
const UNDER_WAY: usize = 5_000;
const KEY: &str = "key";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Piece {
    format: Format,
    collection: Option<String>,
    text: String,
    key_field: Option<String>,
    #[serde(default)]
    on_conflict: OnConflict,
    #[serde(default)]
    preview: bool,
    line: Option<u64>,
    /// Of a piece of an export that is not its first one.
    #[serde(default)]
    export: bool,
    /// The line of names of a table, of which this is a later piece.
    head: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Format {
    Ndjson,
    Csv,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum OnConflict {
    #[default]
    Skip,
    Replace,
}

/// A document to be stored.
struct Found {
    line: u64,
    collection: Option<String>,
    key: String,
    text: String,
    expires_at: Option<u64>,
}

/// What has come of a piece so far.
#[derive(Default)]
struct Report {
    documents: u64,
    written: u64,
    skipped: u64,
    failed: u64,
    errors: Vec<Value>,
    preview: Vec<Value>,
}

pub(crate) fn import(call: &Call) -> Result<Answer, Failure> {
    let piece: Piece = call.body()?;
    let app = &call.app;
    if !piece.preview {
        app.check_write()?;
    }
    app.collection(piece.collection.as_deref())?;
    let mut report = Report::default();
    let mut found = Vec::new();
    let is_export = piece.is_export();
    let lines = match piece.format {
        Format::Ndjson => ndjson(&piece, is_export),
        Format::Csv => table(&piece)?,
    };
    for (line, read) in lines {
        match read {
            Ok(document) => found.push(document),
            Err(message) => report.fail(line, message),
        }
    }
    report.documents = found.len() as u64;
    if piece.preview {
        report.show(app, &found)?;
    } else {
        report.store(app, found, piece.on_conflict)?;
    }
    let Report { documents, written, skipped, failed, errors, preview } = report;
    Answer::json(&json!({
        "documents": documents, "written": written, "skipped": skipped, "failed": failed, "errors": errors,
        "preview": preview, "export": is_export,
    }))
}

impl Report {
    fn fail(&mut self, line: u64, message: String) {
        self.failed += 1;
        if self.errors.len() < ERRORS_MAX {
            self.errors.push(json!({"line": line, "message": message}));
        }
    }

    fn show(&mut self, app: &App, found: &[Found]) -> Result<(), Failure> {
        for Found { collection, key, text, .. } in found.iter().take(PREVIEW_MAX) {
            let exists = app.collection(collection.as_deref())?.contains(key)?;
            let text = beginning(text, TEXT_BYTES);
            self.preview.push(json!({"key": key, "collection": collection, "text": text, "exists": exists}));
        }
        Ok(())
    }

    /// Each document is a commit of its own: those that cannot be stored are told, and the others are there.
    fn store(&mut self, app: &App, found: Vec<Found>, on_conflict: OnConflict) -> Result<(), Failure> {
        let mut under_way: Vec<(u64, Pending<Sequence>)> = Vec::new();
        for document in found {
            let Found { line, collection, key, text, expires_at } = document;
            if expires_at.is_some_and(|at| at <= now_ms()) {
                self.skipped += 1;
                continue;
            }
            let begun = match on_conflict {
                OnConflict::Skip => conditional(collection.as_deref(), &key, 0),
                OnConflict::Replace => within(collection.as_deref()),
            };
            let transaction = match expires_at {
                Some(at) => begun.set_raw_until(key, text, Timestamp(at)),
                None => begun.set_raw(key, text),
            };
            under_way.push((line, app.db.commit(transaction)));
            if under_way.len() == UNDER_WAY {
                self.settle(&mut under_way)?;
            }
        }
        self.settle(&mut under_way)
    }

    fn settle(&mut self, under_way: &mut Vec<(u64, Pending<Sequence>)>) -> Result<(), Failure> {
        for (line, pending) in under_way.drain(..) {
            match pending.wait() {
                Ok(_) => self.written += 1,
                Err(error) if error.kind() == ErrorKind::Conflict => self.skipped += 1,
                Err(error) if is_of_the_line(error.kind()) => self.fail(line, error.to_string()),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// Whether the line is to blame, and not the database.
fn is_of_the_line(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::InvalidJson | ErrorKind::NotSerializable | ErrorKind::TooLarge | ErrorKind::InvalidName
    )
}

type Lines = Vec<(u64, Result<Found, String>)>;

impl Piece {
    fn lines(&self) -> impl Iterator<Item = (&str, u64)> {
        let lines = self.text.lines().zip(self.line.unwrap_or(1)..);
        lines.filter(|(text, _)| !text.trim().is_empty())
    }

    /// Whether its lines may be those of an export. Whoever has named another field may have documents with fields of the same
    /// names, so then the export has to begin as one.
    fn is_export(&self) -> bool {
        let begins_as_one =
            || self.lines().next().is_some_and(|(text, _)| fields(text).is_ok_and(|fields| is_head(&fields)));
        let is_usual = self.key_field.as_deref().is_none_or(|name| name == KEY);
        matches!(self.format, Format::Ndjson) && (self.export || is_usual || begins_as_one())
    }
}

fn ndjson(piece: &Piece, is_export: bool) -> Lines {
    let read = piece.lines().filter_map(|(text, line)| {
        let exported = if is_export { exported(text, line, piece) } else { None };
        let read = exported.map_or_else(|| document(text, line, piece), |exported| Ok(Some(exported)));
        Some((line, read.transpose()?))
    });
    read.collect()
}

/// A line of an export.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exported<'t> {
    collection: Option<String>,
    key: String,
    #[serde(borrow)]
    value: &'t RawValue,
    expires_at: Option<u64>,
}

fn exported(text: &str, line: u64, piece: &Piece) -> Option<Found> {
    let Exported { collection, key, value, expires_at } = serde_json::from_str(text).ok()?;
    let collection = collection.or_else(|| piece.collection.clone());
    Some(Found { line, collection, key, text: value.get().to_owned(), expires_at })
}

type Fields<'t> = HashMap<String, &'t RawValue>;

fn fields(text: &str) -> serde_json::Result<Fields<'_>> {
    serde_json::from_str(text)
}

/// Whether they are those of the first line of an export.
fn is_head(fields: &Fields<'_>) -> bool {
    fields.contains_key("ferrumdb_export")
}

/// The document in a line. Nothing, if it is the first one of an export.
fn document(text: &str, line: u64, piece: &Piece) -> Result<Option<Found>, String> {
    let fields = fields(text).map_err(|error| {
        // The line of the file is told beside it.
        let told = error.to_string();
        let what = told.split(" at line ").next().unwrap_or_default();
        format!("this is no JSON object: {what} at byte {}", error.column())
    })?;
    if is_head(&fields) {
        return Ok(None);
    }
    let name = piece.key_field.as_deref().unwrap_or(KEY);
    let key = fields.get(name).ok_or_else(|| format!("there is no field {name:?} with the key"))?;
    let key = match serde_json::from_str(key.get()) {
        Ok(Value::String(key)) => key,
        Ok(Value::Number(_)) => key.get().to_owned(),
        _ => return Err(format!("the field {name:?} holds no text, and no number")),
    };
    let collection = piece.collection.clone();
    Ok(Some(Found { line, collection, key, text: text.trim().to_owned(), expires_at: None }))
}

fn table(piece: &Piece) -> Result<Lines, Failure> {
    let name = piece.key_field.as_deref().unwrap_or(KEY);
    let unreadable = |error: csv::Error| Failure::bad_request(format!("this is no CSV: {error}"));
    let later = piece.head.as_ref();
    let first = piece.line.unwrap_or(1);
    let mut reader =
        csv::ReaderBuilder::new().has_headers(later.is_none()).from_reader(piece.text.as_bytes());
    let heads = match later {
        None => reader.headers().map_err(unreadable)?.clone(),
        Some(head) => csv::Reader::from_reader(head.as_bytes()).headers().map_err(unreadable)?.clone(),
    };
    let place = heads.iter().position(|head| head == name);
    let place =
        place.ok_or_else(|| Failure::bad_request(format!("there is no column {name:?} with the key")))?;
    let mut lines = Lines::new();
    for record in reader.records() {
        let of =
            |position: Option<&csv::Position>| first + position.map_or(0, |at| at.line().saturating_sub(1));
        match record {
            Ok(record) if later.is_some() && record.len() != heads.len() => {
                let message = format!("there are {} cells, and {} names", record.len(), heads.len());
                lines.push((of(record.position()), Err(message)));
            }
            Ok(record) => {
                let line = of(record.position());
                let is_field =
                    |(number, (_, text)): &(usize, (&str, &str))| *number != place && !text.is_empty();
                let cells = heads.iter().zip(&record).enumerate().filter(is_field);
                let fields: Vec<_> =
                    cells.map(|(_, (head, text))| format!("{}:{}", Value::from(head), value(text))).collect();
                let key = record.get(place).unwrap_or_default().to_owned();
                let (collection, text) = (piece.collection.clone(), format!("{{{}}}", fields.join(",")));
                lines.push((line, Ok(Found { line, collection, key, text, expires_at: None })));
            }
            Err(error) => {
                lines.push((of(error.position()), Err(error.to_string())));
            }
        }
    }
    Ok(lines)
}

/// What a cell means, as JSON: a truth value, a list or an object as it is spelled, a number if that would be spelled so, too,
/// or else a text.
fn value(text: &str) -> Cow<'_, str> {
    let is_json = match text.as_bytes() {
        b"true" | b"false" => true,
        [b'[' | b'{', ..] => serde_json::from_str::<&RawValue>(text).is_ok(),
        [b'-' | b'0'..=b'9', ..] => {
            serde_json::from_str::<Number>(text).is_ok_and(|number| number.to_string() == text)
        }
        _ => false,
    };
    if is_json { Cow::from(text) } else { Cow::from(Value::from(text).to_string()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_keep_their_spelling() {
        let as_spelled =
            ["-12", "18446744073709551615", "2.5", "true", "[1.10, 18446744073709551616]", r#"{"a": 5E10}"#];
        for text in as_spelled {
            assert_eq!(value(text), text);
        }
        let texts = [
            "007",
            "18446744073709551616",
            "0.12345678901234567",
            "1.10",
            "5E10",
            "1e5",
            "-0",
            "1 2",
            "-",
            "[1",
            "null",
            "truer",
            "+1",
        ];
        for text in texts {
            assert_eq!(value(text), format!("\"{text}\""));
        }
    }
}
