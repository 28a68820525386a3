//! Owns the bytes of an input: a thread reads them ahead, so that Ctrl-C ends the waiting for a pipe that says nothing. Never
//! holds more than some pieces of them.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};

use crate::exit::{Failure, Status};
use crate::interrupt;

const PIECE_BYTES: usize = 256 << 10;
/// How many pieces are read ahead.
const PIECES_MAX: usize = 2;

/// An input that ends with an error once Ctrl-C is pressed.
pub(super) struct Input {
    pieces: Receiver<io::Result<Vec<u8>>>,
    /// The piece that is being taken, and how much of it was.
    piece: Vec<u8>,
    taken: usize,
    /// How many bytes there are, if that is known.
    pub(super) bytes: Option<u64>,
}

impl Input {
    /// The file, or standard input for a -.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let failed = |error| unreadable(path, &error);
        if path == Path::new("-") {
            return Self::of(|| io::stdin().lock(), None).map_err(failed);
        }
        let file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if metadata.is_dir() {
            let message = format!("{} is a folder; name a file of JSON documents", path.display());
            return Err(Failure::new(Status::Io, message));
        }
        Self::of(|| file, metadata.is_file().then_some(metadata.len())).map_err(failed)
    }

    fn of<R: Read>(open: impl FnOnce() -> R + Send + 'static, bytes: Option<u64>) -> io::Result<Self> {
        let (sender, pieces) = mpsc::sync_channel(PIECES_MAX);
        let reading = std::thread::Builder::new().name("ferrumdb-reading".to_owned());
        reading.spawn(move || read_ahead(open(), &sender))?;
        Ok(Self { pieces, piece: Vec::new(), taken: 0, bytes })
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.taken == self.piece.len() {
            match self.pieces.recv_timeout(interrupt::LOOK_DISTANCE) {
                _ if interrupt::is_wanted() => return Err(io::Error::other("stopped by Ctrl-C")),
                Ok(piece) => (self.piece, self.taken) = (piece?, 0),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(0),
            }
        }
        let rest = &self.piece[self.taken..];
        let bytes = rest.len().min(buffer.len());
        buffer[..bytes].copy_from_slice(&rest[..bytes]);
        self.taken += bytes;
        Ok(bytes)
    }
}

/// What is told when an input cannot be read.
pub(super) fn unreadable(path: &Path, error: &io::Error) -> Failure {
    if interrupt::is_wanted() {
        return Failure::interrupted();
    }
    let name = if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() };
    Failure::new(Status::Io, format!("could not read {name}: {error}"))
}

/// Hands on what there is to read, until there is no more, or nobody wants it.
fn read_ahead(mut from: impl Read, to: &SyncSender<io::Result<Vec<u8>>>) {
    loop {
        let mut piece = vec![0; PIECE_BYTES];
        let read = match from.read(&mut piece) {
            Ok(0) => return,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read,
        };
        let is_failed = read.is_err();
        let handed = read.map(|bytes| {
            piece.truncate(bytes);
            piece
        });
        if to.send(handed).is_err() || is_failed {
            return;
        }
    }
}
