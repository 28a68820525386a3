//! Owns lending numbers that change to JavaScript, as memory that both see. Never lends the same memory twice, as V8 demands.

#![allow(
    unsafe_code,
    reason = "an array of JavaScript over memory of ours is made of a bare pointer. It is aligned, never moves, and is kept \
    until the array's finalizer has been called; what JavaScript reads of it are whole, aligned words, as what we write"
)]

use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use ferrumdb::Stamps;
use napi::bindgen_prelude::FromNapiValue;
use napi::{Env, Unknown, sys};

/// Numbers that JavaScript may be lent.
pub(crate) trait Numbers: Send + Sync + 'static {
    fn numbers(&self) -> &[AtomicU32];
}

impl Numbers for Stamps {
    fn numbers(&self) -> &[AtomicU32] {
        Self::numbers(self)
    }
}

/// Two numbers by which a call tells more than it returns.
#[derive(Debug, Default)]
pub(crate) struct Pair([AtomicU32; 2]);

impl Pair {
    /// For the thread that calls, which reads them next.
    #[inline]
    pub(crate) fn set(&self, first: u32, second: u32) {
        self.0[0].store(first, Ordering::Relaxed);
        self.0[1].store(second, Ordering::Relaxed);
    }
}

impl Numbers for Pair {
    fn numbers(&self) -> &[AtomicU32] {
        &self.0
    }
}

/// An `ArrayBuffer` over the numbers; nothing where this JavaScript allows none over memory that is not its own.
pub(crate) fn lend<T: Numbers>(env: &Env, numbers: Arc<T>) -> Option<Unknown<'_>> {
    let (start, bytes) = (numbers.numbers().as_ptr().cast_mut().cast(), size_of_val(numbers.numbers()));
    let (kept, mut buffer) = (Arc::into_raw(numbers).cast_mut().cast::<c_void>(), ptr::null_mut());
    // SAFETY: the memory is kept by what the finalizer gives back.
    let made = unsafe {
        let finalizer = Some(give_back::<T> as unsafe extern "C" fn(_, _, _));
        sys::napi_create_external_arraybuffer(env.raw(), start, bytes, finalizer, kept, &mut buffer)
    };
    if made != sys::Status::napi_ok {
        // SAFETY: nothing was made, so nobody else gives it back.
        drop(unsafe { Arc::from_raw(kept.cast::<T>()) });
        return None;
    }
    // SAFETY: it was made in this environment just now.
    unsafe { Unknown::from_napi_value(env.raw(), buffer) }.ok()
}

unsafe extern "C" fn give_back<T: Numbers>(_: sys::napi_env, _: *mut c_void, kept: *mut c_void) {
    // SAFETY: `lend` has made it of an `Arc`, and this is called once.
    drop(unsafe { Arc::from_raw(kept.cast::<T>()) });
}
