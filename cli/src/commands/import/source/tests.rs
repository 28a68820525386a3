//! Tests of the cutting, on inputs that arrive in pieces. Never touches a database.
#![allow(clippy::unwrap_used, reason = "a test may fail this way")]

use proptest::prelude::*;

use super::*;

/// Hands out a few bytes at a time.
struct Dripping<'a>(&'a [u8], usize);

impl Read for Dripping<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.1.min(self.0.len()).min(buffer.len());
        buffer[..len].copy_from_slice(&self.0[..len]);
        self.0 = &self.0[len..];
        Ok(len)
    }
}

/// The documents as texts behind their places, and the error that ended them.
fn cut(input: &str, format: Option<Format>, step: usize) -> (Vec<String>, Option<String>) {
    let mut documents = Documents::new(Dripping(input.as_bytes(), step), format).unwrap();
    let mut found = Vec::new();
    loop {
        match documents.next() {
            Ok(Some(document)) => {
                found.push(format!("{}: {}", document.place, String::from_utf8_lossy(document.text)));
            }
            Ok(None) => return (found, None),
            Err(Error::Bad { place, reason }) => return (found, Some(format!("{place}: {reason}"))),
            Err(Error::Io(error)) => panic!("{error}"),
        }
    }
}

fn cut_well(input: &str, format: Option<Format>) -> Vec<String> {
    let (found, error) = cut(input, format, 1);
    assert_eq!(error, None);
    assert_eq!(cut(input, format, 1 << 20), (found.clone(), None));
    found
}

#[test]
fn an_array_is_cut_at_its_own_commas_only() {
    let input = " \n[ {\"a\": [1, 2],\n\"b\": \"],\\\"}\"} , [],\n\n  3.50,\"x\"\n]\n ";
    let expected = [
        "line 2 (element 1): {\"a\": [1, 2],\n\"b\": \"],\\\"}\"}",
        "line 3 (element 2): []",
        "line 5 (element 3): 3.50",
        "line 5 (element 4): \"x\"",
    ];
    assert_eq!(cut_well(input, None), expected);
    assert!(cut_well("[]", None).is_empty() && cut_well(" [ \n ] ", None).is_empty());
    assert_eq!(cut_well("\u{feff}[1]", None), ["line 1 (element 1): 1"]);
}

#[test]
fn lines_are_documents_and_empty_lines_are_none() {
    let input = "\n{\"a\":1}\r\n\n  [2]  \n3";
    assert_eq!(cut_well(input, None), ["line 2: {\"a\":1}", "line 4: [2]", "line 5: 3"]);
    assert_eq!(cut_well("[1]\n[2]\n", Some(Format::Lines)), ["line 1: [1]", "line 2: [2]"]);
    assert!(cut_well("", None).is_empty() && cut_well(" \n\n", None).is_empty());
}

#[test]
fn a_broken_array_is_named_with_line_and_element() {
    let cases = [
        ("[1,\n,2]", 1, "line 2 (element 2): a document is missing before the comma"),
        ("[1,\n]", 1, "line 2 (element 2): a document is missing behind the comma"),
        ("[1,\n{\"a\": \"", 1, "line 2 (element 2): the input ends within the array"),
        ("[1", 0, "line 1 (element 1): the input ends within the array"),
        ("[", 0, "line 1 (element 1): the input ends within the array"),
        ("[1]\n[2]", 1, "line 2: there is more behind the end of the array"),
    ];
    for (input, documents, expected) in cases {
        let (found, error) = cut(input, None, 2);
        let error = error.unwrap();
        assert_eq!(found.len(), documents, "{input:?}");
        assert!(error.starts_with(expected), "{input:?}: {error}");
    }
}

#[test]
fn a_document_that_never_ends_is_refused_before_it_fills_the_memory() {
    for first in ["[\"", "\""] {
        let endless = first.as_bytes().chain(io::repeat(b'x'));
        let mut documents = Documents::new(endless, None).unwrap();
        documents.text_bytes_max = 1 << 20;
        let error = documents.next().unwrap_err();
        assert!(matches!(error, Error::Bad { reason, .. } if reason.contains("split it")));
        assert!(documents.text.capacity() <= 2 << 20);
    }
}

#[test]
fn the_ending_of_a_name_tells_lines() {
    assert_eq!(Format::of(Path::new("a/b.NDJSON")), Some(Format::Lines));
    assert_eq!(Format::of(Path::new("b.jsonl")), Some(Format::Lines));
    assert_eq!(Format::of(Path::new("b.json")), None);
    assert_eq!(Format::of(Path::new("-")), None);
}

proptest! {
    #[test]
    fn any_input_ends_in_documents_or_an_error(input in "[\\[\\]{},:\"\\\\ \n1a]{0,40}|(?s).{0,40}") {
        let in_pieces = cut(&input, None, 1);
        prop_assert_eq!(in_pieces, cut(&input, None, 1 << 20));
    }

    #[test]
    fn an_array_gives_back_its_documents(values in prop::collection::vec("[a-z\\[\\]{},\"\\\\\n]{0,10}", 0..8)) {
        let texts: Vec<_> = values.iter().map(|value| serde_json::to_string(&[value]).unwrap()).collect();
        let (found, error) = cut(&format!("[{}]", texts.join(", ")), None, 3);
        prop_assert_eq!(error, None);
        let expected: Vec<_> =
            texts.iter().enumerate().map(|(at, text)| format!("line 1 (element {}): {text}", at + 1)).collect();
        prop_assert_eq!(found, expected);
    }
}
