//! Owns the fuzz target `json`: any bytes as a JSON text, beside another reader of JSON. Never
//! decides what is right: the library does.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ferrumdb_fuzz::json(data));
