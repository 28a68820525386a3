//! Owns the few calls into RocksDB's library that are needed, found when the program runs, so that it can be built where there is
//! none. Never decides what they are called for.

#![allow(unsafe_code, reason = "RocksDB is reached through its interface for C")]

use std::ffi::{CStr, CString, c_char, c_uchar, c_void};
use std::path::Path;
use std::ptr;
use std::slice;

use libloading::Library;

use crate::Result;

/// What RocksDB hands out, and takes back.
pub(super) type Handle = *mut c_void;

/// The names under which the library may be there, the newest first.
const NAMES: [&str; 4] = ["librocksdb.so", "librocksdb.so.9", "librocksdb.so.8", "librocksdb.so.7.8"];

/// Declares the functions of the library that are used, and how all of them are looked up.
macro_rules! calls {
    ($($name:ident: fn($($argument:ty),*) $(-> $result:ty)?;)*) => {
        /// The functions, as long as the library is loaded.
        pub(super) struct Calls {
            $(pub(super) $name: unsafe extern "C" fn($($argument),*) $(-> $result)?,)*
            /// INVARIANT: dropped with the functions, never before.
            _library: Library,
        }

        impl Calls {
            /// Nothing, if the library is not there.
            pub(super) fn load() -> Result<Option<Self>> {
                // SAFETY: what the library does when it is loaded is to set up its own statics.
                let loaded = NAMES.iter().find_map(|name| unsafe { Library::new(name) }.ok());
                let Some(library) = loaded else { return Ok(None) };
                Ok(Some(Self {
                    // SAFETY: the types are those of `rocksdb/c.h`.
                    $($name: *unsafe { library.get(concat!("rocksdb_", stringify!($name), "\0").as_bytes())? },)*
                    _library: library,
                }))
            }
        }
    };
}

calls! {
    options_create: fn() -> Handle;
    options_set_create_if_missing: fn(Handle, c_uchar);
    options_set_block_based_table_factory: fn(Handle, Handle);
    block_based_options_create: fn() -> Handle;
    block_based_options_set_block_cache: fn(Handle, Handle);
    cache_create_lru: fn(usize) -> Handle;
    writeoptions_create: fn() -> Handle;
    writeoptions_set_sync: fn(Handle, c_uchar);
    readoptions_create: fn() -> Handle;
    open: fn(Handle, *const c_char, *mut *mut c_char) -> Handle;
    close: fn(Handle);
    free: fn(Handle);
    writebatch_create: fn() -> Handle;
    writebatch_destroy: fn(Handle);
    writebatch_put: fn(Handle, *const c_char, usize, *const c_char, usize);
    write: fn(Handle, Handle, Handle, *mut *mut c_char);
    put: fn(Handle, Handle, *const c_char, usize, *const c_char, usize, *mut *mut c_char);
    get_pinned: fn(Handle, Handle, *const c_char, usize, *mut *mut c_char) -> Handle;
    pinnableslice_value: fn(Handle, *mut usize) -> *const c_char;
    pinnableslice_destroy: fn(Handle);
    create_iterator: fn(Handle, Handle) -> Handle;
    iter_seek: fn(Handle, *const c_char, usize);
    iter_valid: fn(Handle) -> c_uchar;
    iter_value: fn(Handle, *mut usize) -> *const c_char;
    iter_next: fn(Handle);
    iter_destroy: fn(Handle);
}

/// An open database. The few options that it was made with live as long as the process.
pub(super) struct Database {
    calls: Calls,
    handle: Handle,
    writing: Handle,
    reading: Handle,
}

// SAFETY: RocksDB's database and options are made to be used by several threads at once; an iterator stays on its thread.
unsafe impl Sync for Database {}

impl Database {
    pub(super) fn open(calls: Calls, folder: &Path, is_synced: bool, cache_bytes: usize) -> Result<Self> {
        let path = CString::new(folder.to_str().ok_or("the path is not UTF-8")?)?;
        let mut error = ptr::null_mut();
        // SAFETY: every handle is one that the library has made, and none is given back before the process ends.
        let (handle, writing, reading) = unsafe {
            let options = (calls.options_create)();
            (calls.options_set_create_if_missing)(options, 1);
            let table = (calls.block_based_options_create)();
            (calls.block_based_options_set_block_cache)(table, (calls.cache_create_lru)(cache_bytes));
            (calls.options_set_block_based_table_factory)(options, table);
            let writing = (calls.writeoptions_create)();
            (calls.writeoptions_set_sync)(writing, c_uchar::from(is_synced));
            let handle = (calls.open)(options, path.as_ptr(), &mut error);
            (handle, writing, (calls.readoptions_create)())
        };
        calls.check(error)?;
        Ok(Self { calls, handle, writing, reading })
    }

    pub(super) fn put(&self, key: &[u8], text: &[u8]) -> Result<()> {
        let mut error = ptr::null_mut();
        let (at, bytes) = (key.as_ptr().cast(), text.as_ptr().cast());
        // SAFETY: pointers and lengths are those of two slices that outlive the call.
        unsafe {
            (self.calls.put)(self.handle, self.writing, at, key.len(), bytes, text.len(), &mut error);
        }
        self.calls.check(error)
    }

    pub(super) fn put_all(&self, pairs: impl Iterator<Item = (impl AsRef<[u8]>, Vec<u8>)>) -> Result<()> {
        let mut error = ptr::null_mut();
        // SAFETY: the batch copies the slices that it is given, and is given back once.
        unsafe {
            let batch = (self.calls.writebatch_create)();
            for (key, text) in pairs {
                let (key, bytes) = (key.as_ref(), text.as_ptr().cast());
                (self.calls.writebatch_put)(batch, key.as_ptr().cast(), key.len(), bytes, text.len());
            }
            (self.calls.write)(self.handle, self.writing, batch, &mut error);
            (self.calls.writebatch_destroy)(batch);
        }
        self.calls.check(error)
    }

    pub(super) fn get(&self, key: &[u8], see: &mut dyn FnMut(&[u8])) -> Result<bool> {
        let (mut error, mut length) = (ptr::null_mut(), 0);
        // SAFETY: what the library shows is read before it is given back.
        let is_found = unsafe {
            let at = key.as_ptr().cast();
            let found = (self.calls.get_pinned)(self.handle, self.reading, at, key.len(), &mut error);
            if !found.is_null() {
                let text = (self.calls.pinnableslice_value)(found, &mut length);
                see(slice::from_raw_parts(text.cast(), length));
                (self.calls.pinnableslice_destroy)(found);
            }
            !found.is_null()
        };
        self.calls.check(error)?;
        Ok(is_found)
    }

    pub(super) fn scan(&self, from: &[u8], count: usize, see: &mut dyn FnMut(&[u8])) -> usize {
        let (mut shown, mut length) = (0, 0);
        // SAFETY: what an iterator shows is read before it moves on, and it is given back once.
        unsafe {
            let iterator = (self.calls.create_iterator)(self.handle, self.reading);
            (self.calls.iter_seek)(iterator, from.as_ptr().cast(), from.len());
            while shown < count && (self.calls.iter_valid)(iterator) == 1 {
                let text = (self.calls.iter_value)(iterator, &mut length);
                see(slice::from_raw_parts(text.cast(), length));
                (self.calls.iter_next)(iterator);
                shown += 1;
            }
            (self.calls.iter_destroy)(iterator);
        }
        shown
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // SAFETY: nobody can use the handle any more.
        unsafe { (self.calls.close)(self.handle) }
    }
}

impl Calls {
    /// An error that a call has left, as one of ours.
    fn check(&self, error: *mut c_char) -> Result<()> {
        if error.is_null() {
            return Ok(());
        }
        // SAFETY: RocksDB hands out a C string, to be given back to it.
        let text = unsafe {
            let text = CStr::from_ptr(error).to_string_lossy().into_owned();
            (self.free)(error.cast());
            text
        };
        Err(format!("RocksDB: {text}").into())
    }
}
