//! The rule that every negative control still fits the code that it breaks: one that no longer applies controls nothing.
//! It never runs one.

use std::fs;

use crate::repository;

const FOLDER: &str = "proptests/controls";

#[test]
fn every_negative_control_still_fits_the_code() {
    let folder = repository::root().join(FOLDER);
    let mut complaints = Vec::new();
    let mut patches = 0;
    for entry in fs::read_dir(&folder).expect("the controls are in the repository") {
        let path = entry.expect("the folder can be read").path();
        if path.extension().is_some_and(|extension| extension == "patch") {
            patches += 1;
            let patch = fs::read_to_string(&path).expect("a patch is a text");
            let read = |file: &str| fs::read_to_string(repository::root().join(file)).unwrap_or_default();
            complaints.extend(misfits(&patch, read).map(|misfit| format!("{}: {misfit}", path.display())));
        }
    }
    assert!(patches > 0, "{FOLDER} holds no control");
    assert!(
        complaints.is_empty(),
        "make these anew against the code as it is now:\n{}",
        complaints.join("\n")
    );
}

/// The hunks of a patch whose old lines are not in their file.
fn misfits(patch: &str, read: impl Fn(&str) -> String) -> impl Iterator<Item = String> {
    let mut misfits = Vec::new();
    let (mut file, mut old) = (String::new(), String::new());
    // One more head at the end closes the last hunk.
    for line in patch.lines().chain(["@@ end"]) {
        if line.starts_with("--- a/") || line.starts_with("@@ ") {
            if !file.contains(&old) {
                misfits.push(format!("its lines are not there:\n{old}"));
            }
            old.clear();
        } else if let Some(name) = line.strip_prefix("+++ b/") {
            file = read(name);
            if file.is_empty() {
                misfits.push(format!("there is no {name}"));
            }
        } else if !file.is_empty()
            && let Some(kept) = line.strip_prefix([' ', '-'])
        {
            old.push_str(kept);
            old.push('\n');
        }
    }
    misfits.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATCH: &str =
        "What it breaks.\ntests: some\n\n--- a/x.rs\n+++ b/x.rs\n@@ -1,2 +1,2 @@\n one\n-two\n+2\n";

    #[test]
    fn a_control_fits_only_the_code_that_it_was_made_for() {
        assert_eq!(misfits(PATCH, |_| "one\ntwo\nthree\n".to_owned()).count(), 0);
        assert_eq!(misfits(PATCH, |_| "one\n2\nthree\n".to_owned()).count(), 1);
        assert!(misfits(PATCH, |_| String::new()).next().is_some(), "the file is gone");
    }
}
