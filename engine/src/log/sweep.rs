//! Owns reading many records in the order of the log, a large piece of it at a time. Never reads backwards.

use super::look::{Expected, ReadFault, verify_document};
use super::seal::LogKeys;
use crate::fs::{File, read_full};

/// How much is read at a time; a larger record is read whole.
const WINDOW_BYTES: u64 = 1 << 20;

/// A reader of documents at ascending positions.
#[derive(Debug)]
pub(crate) struct Sweep<'f> {
    file: &'f dyn File,
    keys: &'f LogKeys,
    /// Where the log ends: nothing is read beyond.
    end: u64,
    window: Vec<u8>,
    window_start: u64,
    plain: Vec<u8>,
}

impl<'f> Sweep<'f> {
    pub(crate) fn new(file: &'f dyn File, keys: &'f LogKeys, end: u64) -> Self {
        Self { file, keys, end, window: Vec::new(), window_start: 0, plain: Vec::new() }
    }

    /// The document of a set record, verified.
    pub(crate) fn document(&mut self, expected: &Expected<'_>) -> Result<&str, ReadFault> {
        let len = expected.bytes(self.keys);
        let window_end = self.window_start + self.window.len() as u64;
        if expected.position < self.window_start || expected.position + len as u64 > window_end {
            let rest = self.end.saturating_sub(expected.position);
            self.window.resize(len.max(rest.min(WINDOW_BYTES) as usize), 0);
            self.window_start = expected.position;
            let read = read_full(self.file, &mut self.window, expected.position).map_err(ReadFault::Io)?;
            self.window.truncate(read);
        }
        let start = (expected.position - self.window_start) as usize;
        let bytes = &self.window[start..(start + len).min(self.window.len())];
        verify_document(bytes, self.keys, expected, &mut self.plain)
    }
}
