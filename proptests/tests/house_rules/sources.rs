//! The rules about the text of source files: heads, lengths, leftovers, and paths of the author's machine.
//! It must never spell what it looks for in one piece, since it reads itself too.

use crate::repository::Source;
use crate::{assert_none, repository};

/// Lines that a file may have before its own tests, and that a file of tests may have.
const CODE_LINES_MAX: usize = 500;
const TEST_FILE_LINES_MAX: usize = 800;

#[test]
fn every_file_begins_by_saying_what_it_owns() {
    assert_none(
        "Every .rs file begins with a `//!` sentence: what it owns, then what it must never do.",
        &without_head(&repository::with_extension(&["rs"])),
    );
}

#[test]
fn no_file_is_too_long_to_read_at_once() {
    assert_none(
        "A file holds one idea: split it by its nouns, or move its tests to `tests.rs`.",
        &too_long(&repository::with_extension(&["rs"])),
    );
}

#[test]
fn nothing_is_ignored_or_left_for_later() {
    assert_none(
        "No test is ignored or skipped and nothing is left for later in the source: do it, remove it, or open an issue.",
        &leftovers(&repository::with_extension(&["rs", "py", "pyi", "ts", "mts", "mjs", "js"])),
    );
}

#[test]
fn no_file_names_a_path_of_the_machine_it_was_written_on() {
    assert_none(
        "A path of one machine means nothing to a reader: write it from the root of the repository.",
        &machine_paths(&repository::all(), &paths_of_this_machine()),
    );
}

fn without_head(sources: &[Source]) -> Vec<String> {
    sources
        .iter()
        .filter(|source| !has_head(&source.text))
        .map(|source| format!("{}:1", source.path))
        .collect()
}

/// Whether the first paragraph is made of `//!` lines and holds a whole sentence.
fn has_head(text: &str) -> bool {
    let lines = text.lines().skip_while(|line| line.trim().is_empty());
    let head: Vec<_> = lines.map_while(|line| line.strip_prefix("//!")).map(str::trim).collect();
    let paragraph = head.split(|line| line.is_empty()).next().unwrap_or_default().join(" ");
    let sentence = paragraph.split_inclusive(". ").next().unwrap_or("").trim_end();
    sentence.ends_with('.') && sentence.split_whitespace().count() >= 4 && !sentence.starts_with('#')
}

fn too_long(sources: &[Source]) -> Vec<String> {
    let mut offenders = Vec::new();
    for source in sources {
        let (count, max) = match source.is_test_file() {
            true => (source.lines().count(), TEST_FILE_LINES_MAX),
            false => (lines_before_tests(&source.text), CODE_LINES_MAX),
        };
        if count > max {
            offenders.push(format!("{}:{max}: {count} lines, at most {max}", source.path));
        }
    }
    offenders
}

/// The number of lines before the test module that closes a file; all lines if there is none.
pub(crate) fn lines_before_tests(text: &str) -> usize {
    let lines: Vec<_> = text.lines().collect();
    let opens_tests = |index: &usize| {
        let after_attributes = lines[*index..].iter().find(|line| !line.starts_with("#["));
        lines[*index].starts_with("#[cfg(")
            && lines[*index].contains("test")
            && after_attributes.is_some_and(|line| line.starts_with("mod ") && line.ends_with('{'))
    };
    (0..lines.len()).find(opens_tests).unwrap_or(lines.len())
}

fn leftovers(sources: &[Source]) -> Vec<String> {
    let mut offenders = Vec::new();
    for source in sources {
        for (number, line) in source.lines() {
            let is_rust = source.extension() == "rs";
            if (is_rust && rust_leftover(line))
                || skipped_test(line)
                || marker_in_comment(line, source.extension())
            {
                offenders.push(format!("{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    offenders
}

fn rust_leftover(line: &str) -> bool {
    let macros = [concat!("todo", "!"), concat!("unimplemented", "!")];
    let attributes = [concat!("#[", "ignore"), concat!(", ", "ignore)]"), concat!(", ", "ignore =")];
    let fence = line.trim_start().strip_prefix("///").or_else(|| line.trim_start().strip_prefix("//!"));
    let language = fence.and_then(|text| text.trim().strip_prefix("```")).unwrap_or("");
    macros.iter().any(|needle| has_word(line, needle))
        || attributes.iter().any(|needle| line.contains(needle))
        || language.split(',').any(|word| word.trim().starts_with("ignore"))
}

fn skipped_test(line: &str) -> bool {
    let needles = [
        concat!("mark", ".skip("),
        concat!("mark", ".xfail"),
        concat!("unittest", ".skip("),
        concat!("test", ".skip("),
        concat!("it", ".skip("),
        concat!("describe", ".skip("),
        concat!("test", ".only("),
        concat!("skip", ": true"),
    ];
    needles.iter().any(|needle| has_word(line, needle))
}

fn marker_in_comment(line: &str, extension: &str) -> bool {
    let openers: &[&str] = if extension.starts_with("py") { &["#"] } else { &["//", "/*"] };
    let opened = openers.iter().filter_map(|opener| line.find(opener)).min();
    let continued = line.trim_start().starts_with('*').then_some(0);
    let Some(start) = opened.or(continued) else { return false };
    [concat!("TO", "DO"), concat!("FIX", "ME")].iter().any(|marker| has_word(&line[start..], marker))
}

/// Whether the needle occurs and is not the end or the beginning of a longer word.
fn has_word(line: &str, needle: &str) -> bool {
    let in_word = |character: char| character.is_alphanumeric() || character == '_';
    line.match_indices(needle).any(|(start, _)| {
        let goes_on = needle.ends_with(in_word) && line[start + needle.len()..].starts_with(in_word);
        !(line[..start].ends_with(in_word) || goes_on)
    })
}

/// The checkout, the folder around it and the home folder, where they say something about one machine.
fn paths_of_this_machine() -> Vec<String> {
    let root = repository::root();
    let around =
        root.parent().filter(|folder| *folder != std::env::temp_dir()).map(|folder| folder.to_path_buf());
    let home = std::env::home_dir();
    let folders = [Some(root), around, home].into_iter().flatten();
    let paths = folders.map(|folder| format!("{}/", folder.to_string_lossy().trim_end_matches('/')));
    paths.filter(|path| path.len() > 2).collect()
}

fn machine_paths(sources: &[Source], paths: &[String]) -> Vec<String> {
    let mut offenders = Vec::new();
    for source in sources {
        for (number, line) in source.lines() {
            let named = |path: &String| {
                line.match_indices(path.as_str()).any(|(start, _)| {
                    !line[..start]
                        .ends_with(|before: char| before.is_alphanumeric() || "_-.})".contains(before))
                })
            };
            if paths.iter().any(named) {
                offenders.push(format!("{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    offenders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_head_is_found() {
        for good in [
            "//! Owns the first thing.\n",
            "\n//! Owns a thing that needs\n//! two lines. Never more.\n\nuse x;\n",
        ] {
            assert!(has_head(good), "{good}");
        }
        let bad = [
            "use x;\n//! Owns the first thing.\n",
            "#![allow(dead_code)]\n//! Owns the first thing.\n",
            "//! Owns the first thing\n",
            "//! Things.\n",
            "//! # A title of some words.\n",
            "//!\n//! Owns the first thing.\n",
            "",
        ];
        for text in bad {
            assert_eq!(without_head(&[Source::new("a.rs", text)]), ["a.rs:1"], "{text}");
        }
    }

    #[test]
    fn a_file_that_is_too_long_is_found() {
        let code = "x\n".repeat(CODE_LINES_MAX);
        let with_tests = format!("{code}#[cfg(test)]\nmod tests {{\n{code}}}\n");
        assert!(too_long(&[Source::new("a.rs", &with_tests), Source::new("t/tests/a.rs", &code)]).is_empty());
        let declared_early = format!("#[cfg(test)]\nmod tests;\n{code}");
        let bad = [
            Source::new("a.rs", &format!("x\n{code}")),
            Source::new("b.rs", &declared_early),
            Source::new("t/tests/c.rs", &code.repeat(2)),
        ];
        assert_eq!(too_long(&bad).len(), 3);
    }

    #[test]
    fn what_is_ignored_or_left_for_later_is_found() {
        let bad = [
            ("a.rs", concat!("#[", "ignore]")),
            ("a.rs", concat!("#[", "ignore = \"slow\"]")),
            ("a.rs", concat!("#[cfg_attr(windows", ", ", "ignore)]")),
            ("a.rs", concat!("/// ```", "ignore")),
            ("a.rs", concat!("    todo", "!()")),
            ("a.rs", concat!("    unimplemented", "!(\"x\")")),
            ("a.rs", concat!("let x = 1; // TO", "DO: later")),
            ("a.ts", concat!(" * FIX", "ME later")),
            ("a.py", concat!("x = 1  # TO", "DO")),
            ("a.py", concat!("@pytest.mark", ".skip(reason='x')")),
            ("a.mjs", concat!("test", ".skip('x', () => {})")),
        ];
        for (path, line) in bad {
            let found = leftovers(&[Source::new(path, &format!("\n{line}\n"))]);
            assert!(found.len() == 1 && found[0].starts_with(&format!("{path}:2: ")), "{line}: {found:?}");
        }
        let good = "let status = \"TO\"; // methodology\nlet todos = todo_list.skip(1);\nlatest.skip(3);\n/// ```text\n";
        assert!(leftovers(&[Source::new("a.rs", good)]).is_empty());
    }

    #[test]
    fn a_path_of_the_machine_is_found() {
        let paths = ["/home/ann/".to_owned()];
        let bad = Source::new("README.md", "see\n`/home/ann/notes.md`\n");
        assert_eq!(machine_paths(&[bad], &paths), ["README.md:2: `/home/ann/notes.md`"]);
        assert!(
            machine_paths(&[Source::new("README.md", "docs/home/ann/x ${ROOT}/home/ann/")], &paths)
                .is_empty()
        );
    }
}
