//! Owns the way from the writer to an event loop: which operations are worth asking again. Never calls Python from another
//! thread than the one that asks for them.

use std::sync::Arc;
use std::task::{Wake, Waker};

use crossbeam_channel::{Receiver, Sender};
use pyo3::prelude::*;

/// Tokens of operations whose answers may be here.
#[pyclass(frozen, module = "ferrumdb._ferrumdb")]
pub(crate) struct Completions {
    sender: Sender<Option<u64>>,
    receiver: Receiver<Option<u64>>,
}

struct Told {
    token: u64,
    sender: Sender<Option<u64>>,
}

impl Completions {
    pub(crate) fn waker(&self, token: u64) -> Waker {
        Waker::from(Arc::new(Told { token, sender: self.sender.clone() }))
    }
}

#[pymethods]
impl Completions {
    #[new]
    fn new() -> Self {
        let (sender, receiver) = crossbeam_channel::unbounded();
        Self { sender, receiver }
    }

    /// Waits until there are some, and takes all of them: None at the end.
    fn next(&self, py: Python<'_>) -> Option<Vec<u64>> {
        py.detach(|| {
            let first = self.receiver.recv().ok().flatten()?;
            let mut tokens = vec![first];
            while let Ok(next) = self.receiver.try_recv() {
                match next {
                    Some(token) => tokens.push(token),
                    None => {
                        self.stop();
                        break;
                    }
                }
            }
            Some(tokens)
        })
    }

    /// Ends it: whoever waits is told.
    fn stop(&self) {
        // The receiver is in here, too.
        let _ = self.sender.send(None);
    }
}

impl Wake for Told {
    fn wake(self: Arc<Self>) {
        let _ = self.sender.send(Some(self.token));
    }
}
