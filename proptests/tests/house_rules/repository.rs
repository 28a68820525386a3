//! Finds and reads the files of the repository for the other checkers.
//! It must never look into build output, installed packages or git's own folder.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders that hold what tools made, not what people wrote.
const SKIPPED: [&str; 6] = [".git", "target", "node_modules", ".venv", "__pycache__", ".pytest_cache"];

/// One text file: its path from the root, with `/` on every system, and its text with `\n` line ends.
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Source {
    /// A made-up file, for the tests of the checkers.
    pub(crate) fn new(path: &str, text: &str) -> Source {
        Source { path: path.to_owned(), text: text.replace("\r\n", "\n") }
    }

    /// The file's lines with their numbers, from 1.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }

    pub(crate) fn extension(&self) -> &str {
        Path::new(&self.path).extension().and_then(|extension| extension.to_str()).unwrap_or("")
    }

    /// Whether the file holds nothing but tests: it lies under `tests/`, or is a `tests.rs`.
    pub(crate) fn is_test_file(&self) -> bool {
        self.path.split('/').any(|part| part == "tests" || part == "tests.rs")
    }
}

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    // As cargo says at run time: a build folder shared by two checkouts would remember the other one.
    let crate_folder = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs the tests"));
    crate_folder.parent().expect("the crate lies in a folder of the repository").to_path_buf()
}

/// Every text file of the repository, in the order of the paths.
pub(crate) fn all() -> Vec<Source> {
    let root = root();
    let mut sources = Vec::new();
    collect(&root, &root, &mut sources);
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(sources.iter().any(|source| source.path == "Cargo.toml"), "no repository at {}", root.display());
    sources
}

/// Every file with one of these extensions.
pub(crate) fn with_extension(extensions: &[&str]) -> Vec<Source> {
    all().into_iter().filter(|source| extensions.contains(&source.extension())).collect()
}

fn collect(root: &Path, folder: &Path, sources: &mut Vec<Source>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let path = entry.expect("a folder of the repository can be listed").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
        if path.is_symlink() || SKIPPED.contains(&name) {
            continue;
        }
        if path.is_dir() {
            // Build folders under other names carry this tag.
            if !path.join("CACHEDIR.TAG").exists() {
                collect(root, &path, sources);
            }
        } else if let Ok(text) = fs::read_to_string(&path) {
            let relative = path.strip_prefix(root).expect("the walk began at the root");
            let parts: Vec<_> = relative.iter().map(|part| part.to_string_lossy()).collect();
            sources.push(Source::new(&parts.join("/"), &text));
        }
    }
}

#[test]
fn the_walk_sees_hidden_folders_of_ours_but_no_build_output() {
    let sources = all();
    assert!(sources.iter().any(|source| source.path == ".github/workflows/ci.yml"));
    assert!(sources.iter().any(|source| source.path == "proptests/tests/house_rules/repository.rs"));
    assert!(!sources.iter().any(|source| source.path.split('/').any(|part| SKIPPED.contains(&part))));
}
