//! The rules about the pages: the paths that they mention exist, and so do the tests that back the promises.
//! It must never check wording.

use crate::repository::Source;
use crate::{assert_none, repository};

/// Folders that a page may mention with a slash, besides those that exist: the members of the workspace.
const MEMBERS: [&str; 9] =
    ["engine", "actor", "studio", "cli", "py", "node", "benches", "proptests", "examples"];
const PROMISES: &str = "docs/durability.md";

#[test]
fn every_path_that_the_pages_mention_exists() {
    let files = repository::all();
    let pages = files.iter().filter(|file| is_page(&file.path));
    assert!(pages.clone().any(|page| page.path == "ARCHITECTURE.md"), "ARCHITECTURE.md is missing");
    assert_none(
        "The pages name files and folders from the root of the repository, and each exists: correct the path.",
        &pages.flat_map(|page| missing_paths(page, &files)).collect::<Vec<_>>(),
    );
}

#[test]
fn every_promise_names_tests_that_exist() {
    let files = repository::all();
    let page =
        files.iter().find(|file| file.path == PROMISES).expect("docs/durability.md lists the promises");
    assert!(!test_names(page).is_empty(), "{PROMISES} names no test in the form `crate/tests/file.rs::name`");
    assert_none(
        "A promise is as good as its test: correct the name, or write the test.",
        &missing_tests(page, &files),
    );
}

fn is_page(path: &str) -> bool {
    matches!(path, "ARCHITECTURE.md" | "README.md" | "CONTRIBUTING.md")
        || path.strip_prefix("docs/").is_some_and(|name| name.ends_with(".md"))
}

/// The inline code of a page with line numbers. Fenced blocks are examples and left out.
fn inline_code(page: &Source) -> Vec<(usize, &str)> {
    let mut in_fence = false;
    let mut found = Vec::new();
    for (number, line) in page.lines() {
        if line.trim_start().starts_with("```") {
            in_fence = !in_fence;
        } else if !in_fence {
            found.extend(line.split('`').skip(1).step_by(2).map(|code| (number, code)));
        }
    }
    found
}

fn missing_paths(page: &Source, files: &[Source]) -> Vec<String> {
    let mut offenders = Vec::new();
    for (number, code) in inline_code(page) {
        let path = code.split("::").next().unwrap_or(code).trim_start_matches("./").trim_end_matches('/');
        if looks_like_a_path(code, files) && !exists(path, files) {
            offenders.push(format!("{}:{number}: `{code}` does not exist", page.path));
        }
    }
    offenders
}

fn looks_like_a_path(code: &str, files: &[Source]) -> bool {
    let plain = |character: char| character.is_ascii_alphanumeric() || "/._-:".contains(character);
    let path = code.trim_start_matches("./");
    if !path.contains('/') || path.starts_with('/') || path.contains("://") || !code.chars().all(plain) {
        return false;
    }
    let path = path.split("::").next().unwrap_or(path);
    let first = path.split('/').next().unwrap_or("");
    let is_ours = MEMBERS.contains(&first) || files.iter().any(|file| is_inside(&file.path, first));
    is_ours || [".rs", ".md", ".toml"].iter().any(|end| path.ends_with(end))
}

fn exists(path: &str, files: &[Source]) -> bool {
    files.iter().any(|file| file.path == path || is_inside(&file.path, path))
}

fn is_inside(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

/// The tests that a page names: line, file (a path or a bare name) and function.
fn test_names(page: &Source) -> Vec<(usize, &str, &str)> {
    let snake = |text: &str| text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    let mut names = Vec::new();
    for (number, code) in inline_code(page) {
        let Some((file, modules_and_name)) = code.split_once("::") else { continue };
        let name = modules_and_name.rsplit("::").next().unwrap_or(modules_and_name);
        // `ErrorKind::Locked` and `fs::rename` are no tests: a test is named as a fact of several words.
        let is_file = file.contains(['/', '.']) || snake(file) && name.matches('_').count() >= 2;
        if is_file && snake(name) {
            names.push((number, file, name));
        }
    }
    names
}

fn missing_tests(page: &Source, files: &[Source]) -> Vec<String> {
    let mut offenders = Vec::new();
    for (number, file, name) in test_names(page) {
        let is_meant = |source: &&Source| match file.contains('/') {
            true => source.path == file,
            false => source
                .path
                .rsplit('/')
                .next()
                .is_some_and(|last| last.split('.').next() == file.split('.').next()),
        };
        let mut meant = files.iter().filter(is_meant).peekable();
        if meant.peek().is_none() {
            offenders.push(format!("{}:{number}: `{file}::{name}`: there is no such file", page.path));
        } else if !meant.any(|source| defines(source, name)) {
            offenders.push(format!("{}:{number}: `{file}::{name}`: the file has no such test", page.path));
        }
    }
    offenders
}

fn defines(source: &Source, name: &str) -> bool {
    let keyword = if source.extension() == "py" { "def" } else { "fn" };
    source.text.contains(&format!("{keyword} {name}("))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> [Source; 3] {
        [
            Source::new("engine/src/log/format.rs", ""),
            Source::new("actor/tests/power_loss.rs", "#[test]\nfn a_synced_commit_survives() {}\n"),
            Source::new("docs/format.md", ""),
        ]
    }

    #[test]
    fn a_path_that_does_not_exist_is_found() {
        let good = "`engine/src/log/format.rs` `engine/` `./docs/format.md` `actor/tests/power_loss.rs::x` \
                    `a/b` `/dev/null` `text/plain` `http://localhost:7474` `cargo run -- engine/x.db`\n\
                    ```\nengine/src/nothing.rs `engine/nothing.rs`\n```\n";
        assert_eq!(missing_paths(&Source::new("README.md", good), &files()), Vec::<String>::new());
        for bad in [
            "engine/src/old.rs",
            "log/format.rs",
            "studio/",
            "docs/old",
            "old/Cargo.toml",
            "actor/tests/x.rs::y",
        ] {
            let offenders = missing_paths(&Source::new("README.md", &format!("\nSee `{bad}`.\n")), &files());
            assert_eq!(offenders, [format!("README.md:2: `{bad}` does not exist")]);
        }
    }

    #[test]
    fn a_promise_whose_test_does_not_exist_is_found() {
        let good = "| `power_loss::a_synced_commit_survives` | `power_loss.rs::a_synced_commit_survives` |\n\
                    | `actor/tests/power_loss.rs::a_synced_commit_survives` | `ErrorKind::InDoubt` `fs::sync_all` |\n";
        let page = Source::new(PROMISES, good);
        assert_eq!(test_names(&page).len(), 3);
        assert_eq!(missing_tests(&page, &files()), Vec::<String>::new());
        let bad =
            "`power_loss::a_synced_commit_is_lost`\n`actor/tests/old.rs::gone`\n`old::a_commit_is_gone`\n";
        let offenders = missing_tests(&Source::new(PROMISES, bad), &files());
        assert_eq!(offenders.len(), 3, "{offenders:?}");
        assert!(offenders[0].contains("the file has no such test"), "{offenders:?}");
        assert!(offenders[1].contains("there is no such file"), "{offenders:?}");
    }
}
