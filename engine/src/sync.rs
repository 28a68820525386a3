//! Owns which atomics the visibility protocol runs on: the real ones, or loom's when it is model-checked. Never anything else.

#[cfg(not(loom))]
pub(crate) use std::sync::atomic::{AtomicU64, Ordering, fence};

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicU64, Ordering, fence};
