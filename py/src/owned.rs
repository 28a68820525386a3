//! Owns the end of what may wait when it is dropped. Never lets another Python thread wait for it.

use std::ops::{Deref, DerefMut};

use pyo3::prelude::*;

/// A value that is dropped without the interpreter: the last handle of a database waits for its writer.
pub(crate) struct Owned<T: Send>(Option<T>);

impl<T: Send> Owned<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Some(value))
    }
}

impl<T: Send> Deref for Owned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("it is taken by the drop alone")
    }
}

impl<T: Send> DerefMut for Owned<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().expect("it is taken by the drop alone")
    }
}

impl<T: Send> Drop for Owned<T> {
    fn drop(&mut self) {
        let mut value = self.0.take();
        // While the interpreter ends there is nobody to let go on, and the value goes with this call.
        let _ = Python::try_attach(|py| {
            let value = value.take();
            py.detach(|| drop(value));
        });
    }
}
