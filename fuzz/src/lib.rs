//! Owns what the fuzz targets and the maker of their seeds share: what an input stands for, and what must hold for every
//! one. Never chooses an input.

mod checks;
mod json;
mod memory;
mod open;
mod operations;
mod packed;
mod records;

pub use json::json;
pub use open::open;
pub use operations::{decode, encode, operations};
pub use packed::{Flags, KEY, pack};
pub use records::records;
