//! Owns the fuzz target `open`: any bytes as a database file, opened, read, written to, compacted and opened again. Never
//! decides what is right: the library does.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ferrumdb_fuzz::open(data));
