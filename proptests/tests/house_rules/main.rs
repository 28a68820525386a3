//! The house rules as tests: each fact about the repository that a reader relies on is checked here.
//! It must never change a file, and every checker has a test that feeds it a bad input.

mod controls;
mod format_page;
mod functions;
mod manifests;
mod pages;
mod repository;
mod sources;

/// Fails with the whole list of offenders, so that one run shows everything there is to do.
fn assert_none(rule: &str, offenders: &[String]) {
    assert!(offenders.is_empty(), "{rule}\n{} offenders:\n  {}\n", offenders.len(), offenders.join("\n  "));
}
