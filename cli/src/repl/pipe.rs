//! Owns commands that come without a terminal: whole lines of bounded length, read ahead by a thread, so that it is
//! known whether more wait. Never holds more than a few pieces of input.

use std::io::{self, BufRead, BufReader, Read};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread;

use ferrumdb::FerrumDB;

use super::session::{Flow, Origin, Session};
use crate::exit::{Failure, Status};

/// The longest line: room for the largest document, spelled generously.
const LINE_BYTES_MAX: usize = 128 << 20;
const CHUNK_BYTES: usize = 64 << 10;
const CHUNKS_AHEAD: usize = 2;

/// A piece of the input.
enum Chunk {
    /// Whole lines; the last line of the input may lack its newline.
    Lines(Vec<u8>),
    /// A line that was too long, and was passed over.
    TooLong,
    /// The input cannot be read.
    Broken(io::Error),
}

/// Standard input.
pub(super) struct Pipe {
    receiver: Receiver<Chunk>,
    /// Lines that were read and not carried out.
    text: Vec<u8>,
    at: usize,
    /// The number of the last line.
    line: u64,
}

impl Pipe {
    pub(super) fn open() -> Result<Self, Failure> {
        let (sender, receiver) = sync_channel(CHUNKS_AHEAD);
        thread::Builder::new()
            .name("ferrumdb-input".to_owned())
            .spawn(move || read(io::stdin().lock(), &sender, LINE_BYTES_MAX))
            .map_err(|error| Failure::new(Status::Io, format!("could not start a thread: {error}")))?;
        Ok(Self { receiver, text: Vec::new(), at: 0, line: 0 })
    }

    /// Carries out commands until there are no more, one leaves, or another database is opened.
    pub(super) fn run(&mut self, session: &mut Session<'_>) -> Result<Option<FerrumDB>, Failure> {
        let flow = loop {
            match self.execute(session)? {
                Flow::GoOn => {}
                flow => break flow,
            }
            match self.next(session)? {
                None => break Flow::Leave,
                Some(Chunk::Lines(text)) => (self.text, self.at) = (text, 0),
                Some(Chunk::TooLong) => {
                    self.line += 1;
                    let message =
                        format!("the line is longer than {LINE_BYTES_MAX} bytes; split the document");
                    session.fail(Origin::Line(self.line), Status::Refused, &message)?;
                }
                Some(Chunk::Broken(error)) => {
                    let message = format!("could not read standard input: {error}");
                    session.fail(Origin::Line(self.line + 1), Status::Io, &message)?;
                }
            }
        };
        session.settle()?;
        session.flush()?;
        match flow {
            Flow::Reopen(db) => Ok(Some(db)),
            Flow::GoOn | Flow::Leave => Ok(None),
        }
    }

    /// The next piece. While none is here, answers are waited for, and made visible.
    fn next(&mut self, session: &mut Session<'_>) -> io::Result<Option<Chunk>> {
        loop {
            match self.receiver.try_recv() {
                Ok(chunk) => return Ok(Some(chunk)),
                Err(TryRecvError::Disconnected) => return Ok(None),
                Err(TryRecvError::Empty) if session.has_in_flight() => session.settle_some()?,
                Err(TryRecvError::Empty) => {
                    session.flush()?;
                    return Ok(self.receiver.recv().ok());
                }
            }
        }
    }

    /// Carries out the lines that are here.
    fn execute(&mut self, session: &mut Session<'_>) -> io::Result<Flow> {
        while self.at < self.text.len() {
            let rest = &self.text[self.at..];
            let bytes = &rest[..rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |at| at + 1)];
            self.at += bytes.len();
            self.line += 1;
            let origin = Origin::Line(self.line);
            let flow = match std::str::from_utf8(bytes) {
                Ok(command) => session.execute(command, origin)?,
                Err(_) => {
                    session.fail(origin, Status::Refused, "the line is not UTF-8 text; convert the input")?;
                    Flow::GoOn
                }
            };
            if !matches!(flow, Flow::GoOn) {
                return Ok(flow);
            }
        }
        Ok(Flow::GoOn)
    }
}

/// Reads to the end, until it breaks, or until nobody wants more.
fn read(input: impl Read, sender: &SyncSender<Chunk>, line_bytes_max: usize) {
    let mut input = BufReader::with_capacity(CHUNK_BYTES, input);
    let mut rest = Vec::new();
    let mut passing_over = false;
    loop {
        let bytes = match input.fill_buf() {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => {
                let _ = sender.send(Chunk::Broken(error));
                return;
            }
        };
        let (len, ended) = (bytes.len(), bytes.is_empty());
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let start = if passing_over { line_end(bytes) } else { 0 };
        passing_over &= start == 0;
        let mut chunk = None;
        if whole > start || (ended && !rest.is_empty()) {
            rest.extend_from_slice(&bytes[start..whole.max(start)]);
            chunk = Some(Chunk::Lines(std::mem::take(&mut rest)));
        }
        if !passing_over {
            rest.extend_from_slice(&bytes[whole.max(start)..]);
        }
        if rest.len() > line_bytes_max {
            (rest, passing_over) = (Vec::new(), true);
            chunk = Some(Chunk::TooLong);
        }
        input.consume(len);
        if chunk.is_some_and(|chunk| sender.send(chunk).is_err()) || ended {
            return;
        }
    }
}

/// Where the first line of the bytes ends, behind its newline; 0 if it does not.
fn line_end(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail this way")]

    use super::*;

    const MAX: usize = 1 << 20;

    /// What is read from these pieces, in words.
    fn pieces(input: impl Read + Send + 'static) -> Vec<String> {
        let (sender, receiver) = sync_channel(1);
        let reader = thread::spawn(move || read(input, &sender, MAX));
        let read = receiver
            .iter()
            .map(|chunk| match chunk {
                Chunk::Lines(text) if text.len() > 100 => format!("{} bytes", text.len()),
                Chunk::Lines(text) => String::from_utf8(text).unwrap(),
                Chunk::TooLong => "too long".to_owned(),
                Chunk::Broken(error) => error.to_string(),
            })
            .collect();
        reader.join().unwrap();
        read
    }

    #[test]
    fn lines_arrive_whole_however_they_were_cut() {
        let cut = (&b"GET "[..]).chain(&b"a\nGET b\nCO"[..]).chain(&b"UNT\nKEYS"[..]);
        assert_eq!(pieces(cut), ["GET a\nGET b\n", "COUNT\n", "KEYS"]);
        assert_eq!(pieces(io::empty()), Vec::<String>::new());
    }

    #[test]
    fn a_line_that_is_too_long_is_passed_over_and_not_kept() {
        let endless = io::repeat(b'x').take(MAX as u64 * 3);
        let input = (&b"GET a\n"[..]).chain(endless).chain(&b"x\nGET b\n"[..]);
        assert_eq!(pieces(input), ["GET a\n", "too long", "GET b\n"]);
        assert_eq!(pieces(io::repeat(b'x').take(MAX as u64 + 1)), ["too long"]);
    }
}
