//! Owns the way from whoever makes an answer to whoever sends it: a few pieces wait in between, and no more. Never lets a
//! reader who does not read hold a thread for ever.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame};
use serde::Serialize;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

/// So many pieces wait.
const PIECES_MAX: usize = 4;
/// Small writes are gathered to pieces of this size.
const PIECE_BYTES: usize = 64 << 10;
/// Whoever takes nothing for so long is gone.
const STALL_MAX: Duration = Duration::from_secs(60);

/// Where an answer is put, piece by piece, by a thread that may wait.
pub(crate) struct Sink {
    sender: mpsc::Sender<Result<Bytes, Cut>>,
    handle: Handle,
    piece: Vec<u8>,
}

/// What is sent of it.
pub(crate) struct Pieces(mpsc::Receiver<Result<Bytes, Cut>>);

/// Nobody takes what is put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gone;

/// The answer ends before its end: the connection is broken off, so that nobody takes it for whole.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("an answer could not be made to its end")]
pub(crate) struct Cut;

impl Sink {
    pub(crate) fn new(handle: Handle) -> (Self, Pieces) {
        let (sender, receiver) = mpsc::channel(PIECES_MAX);
        (Self { sender, handle, piece: Vec::new() }, Pieces(receiver))
    }

    /// Puts in some bytes, which may wait for others.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Gone> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE_BYTES { self.flush() } else { Ok(()) }
    }

    /// Sends what was put in.
    pub(crate) fn flush(&mut self) -> Result<(), Gone> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = Bytes::from(std::mem::take(&mut self.piece));
        self.send(Ok(piece))
    }

    /// Breaks the answer off.
    pub(crate) fn cut(mut self) {
        let _ = self.flush().and_then(|()| self.send(Err(Cut)));
    }

    /// Puts in a server-sent event, and sends it.
    pub(crate) fn event(&mut self, name: &str, id: Option<u64>, data: &impl Serialize) -> Result<(), Gone> {
        let data = serde_json::to_string(data).map_err(|_| Gone)?;
        let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
        // JSON has no line ends but escaped ones.
        self.write(format!("event: {name}\n{id}data: {data}\n\n").as_bytes())
    }

    /// Says that the stream is alive, and sends everything before.
    pub(crate) fn keep_alive(&mut self) -> Result<(), Gone> {
        self.write(b": \n\n")?;
        self.flush()
    }

    fn send(&self, piece: Result<Bytes, Cut>) -> Result<(), Gone> {
        match self.sender.try_send(piece) {
            Ok(()) => Ok(()),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(Gone),
            Err(mpsc::error::TrySendError::Full(piece)) => {
                let sent = self
                    .handle
                    .block_on(async { tokio::time::timeout(STALL_MAX, self.sender.send(piece)).await });
                if matches!(sent, Ok(Ok(()))) { Ok(()) } else { Err(Gone) }
            }
        }
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}
