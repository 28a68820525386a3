//! Owns the three reads that take less time than the call of a method does, as plain functions. Never reads on any other
//! thread, and never more than one key.

#![allow(
    unsafe_code,
    reason = "a function of JavaScript gets bare pointers from Node: to its environment, its argument, and \
    the data that it was made with. Each is used while Node says that it lives: the first two during the call, the data \
    until the function is collected, which is when its finalizer gives it back"
)]

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ptr;
use std::rc::Rc;

use ferrumdb::ErrorKind;
use napi::bindgen_prelude::{FromNapiValue, JsObjectValue, Object, ToNapiValue};
use napi::{Env, Error, JsError, Unknown, check_status, sys};

use crate::answer::Cached;
use crate::failure::{Code, Failure, Result};
use crate::keyspace::Reads;

/// Keys that are longer take an allocation.
const KEY_BYTES: usize = 256;
/// The longest character.
const CHARACTER_BYTES: usize = 4;

type Callback = unsafe extern "C" fn(sys::napi_env, sys::napi_callback_info) -> sys::napi_value;

/// An object with the functions `getCached`, `getSync` and `has`, each of a key.
pub(crate) fn functions<'e>(env: &'e Env, reads: &Rc<Reads>) -> napi::Result<Object<'e>> {
    let mut object = Object::new(env)?;
    for (name, callback) in [("getCached", get_cached as Callback), ("getSync", get_sync), ("has", has)] {
        object.set_named_property(name, function(env, name, callback, reads)?)?;
    }
    Ok(object)
}

unsafe extern "C" fn get_cached(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    unsafe { answer(env, info, |reads, key| Ok(Cached(reads.get_cached(key)?))) }
}

unsafe extern "C" fn get_sync(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    unsafe { answer(env, info, |reads, key| Ok(Cached(Some(reads.get(key)?)))) }
}

unsafe extern "C" fn has(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    unsafe { answer(env, info, |reads, key| reads.has(key)) }
}

fn function<'e>(
    env: &'e Env,
    name: &str,
    callback: Callback,
    reads: &Rc<Reads>,
) -> napi::Result<Unknown<'e>> {
    let mut function = ptr::null_mut();
    let data = Rc::into_raw(Rc::clone(reads)).cast_mut().cast::<c_void>();
    let (raw, text, length) = (env.raw(), name.as_ptr().cast(), name.len() as isize);
    // SAFETY: the data lives until the finalizer has been called, of which there is one for each function.
    unsafe {
        check_status!(sys::napi_create_function(raw, text, length, Some(callback), data, &mut function))?;
        let (hint, reference) = (ptr::null_mut(), ptr::null_mut());
        check_status!(sys::napi_add_finalizer(raw, function, data, Some(give_back), hint, reference))?;
        Unknown::from_napi_value(raw, function)
    }
}

unsafe extern "C" fn give_back(_: sys::napi_env, data: *mut c_void, _: *mut c_void) {
    // SAFETY: `function` has made it of an `Rc`, and this is called once.
    drop(unsafe { Rc::from_raw(data.cast::<Reads>()) });
}

/// Reads what the argument names, and throws what goes wrong.
unsafe fn answer<T: ToNapiValue>(
    env: sys::napi_env,
    info: sys::napi_callback_info,
    read: impl FnOnce(&Reads, &str) -> Result<T>,
) -> sys::napi_value {
    let (mut count, mut key, mut data) = (1, ptr::null_mut(), ptr::null_mut());
    // SAFETY: the places are ours, and there is one for each argument that is asked for.
    let told = unsafe { sys::napi_get_cb_info(env, info, &mut count, &mut key, ptr::null_mut(), &mut data) };
    let outcome = if told == sys::Status::napi_ok {
        // SAFETY: the function that is being called keeps it.
        let reads = unsafe { &*data.cast::<Reads>() };
        // SAFETY: the argument lives as long as the call.
        unsafe { with_text(env, key, |key| read(reads, key)) }
    } else {
        Err(Failure::new(ErrorKind::Other, "Node could not say what it calls"))
    };
    let thrown = match outcome {
        // SAFETY: it is the environment of this call.
        Ok(value) => match unsafe { T::to_napi_value(env, value) } {
            Ok(value) => return value,
            Err(error) => Failure::new(ErrorKind::Other, error.reason.clone()),
        },
        Err(failure) => failure,
    };
    // SAFETY: the same.
    unsafe { JsError::from(Error::<Code>::from(thrown)).throw_into(env) };
    ptr::null_mut()
}

/// Lends the text of a value that `lib/` has checked to be one.
unsafe fn with_text<T>(
    env: sys::napi_env,
    value: sys::napi_value,
    read: impl FnOnce(&str) -> Result<T>,
) -> Result<T> {
    let mut bytes = [const { MaybeUninit::<u8>::uninit() }; KEY_BYTES];
    let mut length = 0;
    // SAFETY: it writes no more than there is room for, and says how much that was.
    let told = unsafe {
        sys::napi_get_value_string_utf8(env, value, bytes.as_mut_ptr().cast(), KEY_BYTES, &mut length)
    };
    // What fills the place up to its last character may go on.
    if told == sys::Status::napi_ok && length < KEY_BYTES - CHARACTER_BYTES {
        // SAFETY: so many were written.
        let written = unsafe { std::slice::from_raw_parts(bytes.as_ptr().cast::<u8>(), length) };
        if let Ok(text) = std::str::from_utf8(written) {
            return read(text);
        }
    }
    // SAFETY: the value lives as long as the call.
    let text = unsafe { String::from_napi_value(env, value) };
    read(&text.map_err(|error| Failure::new(ErrorKind::Other, error.reason.clone()))?)
}
