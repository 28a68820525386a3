//! Owns what the measurements share: the workload, the clocks, the tables, the kept results and the bare machine's rates. Never
//! decides what is measured.

pub mod arguments;
pub mod floor;
pub mod log_walk;
pub mod machine;
pub mod measure;
pub mod page;
pub mod plot;
pub mod prepared_file;
pub mod report;
pub mod results;
pub mod workload;
pub mod zipf;
