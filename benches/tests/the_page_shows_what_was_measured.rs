//! The promise that every table and plot of the page on performance is made of the kept results. It must never write one.

#![allow(clippy::unwrap_used, reason = "a failure is what a test reports")]

use std::fs;
use std::path::Path;

use ferrumdb_benches::page::{PAGE, PLOTS, RESULTS, made, plots};

const HOW: &str = "run `cargo run -p ferrumdb-benches --bin pages` and commit what it writes";

#[test]
fn tables_and_plots_are_those_of_the_results() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (page, results) = (fs::read_to_string(here.join(PAGE)).unwrap(), here.join(RESULTS));
    assert!(made(&page, &results).unwrap() == page, "a table differs: {HOW}");
    for (name, svg) in plots(&results).unwrap() {
        assert!(page.contains(&name), "the page does not show {name}");
        assert!(fs::read_to_string(here.join(PLOTS).join(&name)).unwrap() == svg, "{name} differs: {HOW}");
    }
}
