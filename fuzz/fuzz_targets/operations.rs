//! Owns the fuzz target `operations`: any bytes as operations, crashes and failures among them, against the model of a database. Never
//! decides what is right: the library does.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ferrumdb_fuzz::operations(data));
