//! Owns the bound on the memory that an input may take: an allocation beyond it ends the process, which is a finding. Never
//! frees or keeps anything itself.

use std::alloc::System;

use cap::Cap;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// What opening, reading and compacting an empty database takes on the simulated disk, generously.
const FIXED_BYTES: usize = 48 << 20;
/// For each byte of an input, so many more.
const FACTOR: usize = 256;

/// Holds the bound until it is dropped.
pub(crate) struct Bound;

impl Bound {
    /// From now on, no more memory than an input of this length may take.
    pub(crate) fn of(input_bytes: usize) -> Self {
        let bound = ALLOCATOR.allocated() + FIXED_BYTES + FACTOR * input_bytes;
        // Only a bound below what is allocated already is refused, and this one is above it.
        let _ = ALLOCATOR.set_limit(bound);
        Self
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        let _ = ALLOCATOR.set_limit(usize::MAX);
    }
}
