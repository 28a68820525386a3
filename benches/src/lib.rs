//! Owns what the measurements share: the workload, the clocks, the tables and the bare machine's rates. Never decides
//! what is measured.

pub mod arguments;
pub mod floor;
pub mod log_walk;
pub mod machine;
pub mod measure;
pub mod prepared_file;
pub mod report;
pub mod workload;
