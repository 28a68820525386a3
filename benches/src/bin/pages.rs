//! Owns the writing of the page on performance: its tables and plots, from the kept results. Never measures.
//!
//! ```text
//! cargo run -p ferrumdb-benches --bin pages
//! ```

use std::fs;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use ferrumdb_benches::page::{PAGE, PLOTS, RESULTS, made, plots};

fn main() -> ExitCode {
    match write(Path::new(env!("CARGO_MANIFEST_DIR"))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pages: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write(crate_folder: &Path) -> io::Result<()> {
    let (page, results) = (crate_folder.join(PAGE), crate_folder.join(RESULTS));
    fs::write(&page, made(&fs::read_to_string(&page)?, &results)?)?;
    let folder = crate_folder.join(PLOTS);
    fs::create_dir_all(&folder)?;
    for (name, svg) in plots(&results)? {
        fs::write(folder.join(name), svg)?;
    }
    Ok(())
}
