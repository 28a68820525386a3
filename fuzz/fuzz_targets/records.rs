//! Owns the fuzz target `records`: any bytes as a database file, verified and repaired. Never
//! decides what is right: the library does.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ferrumdb_fuzz::records(data));
