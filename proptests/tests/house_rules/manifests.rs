//! The rules about manifests: which crate may depend on which, and the oldest Rust that is supported.
//! It must never parse a manifest itself: cargo says what it means.

use crate::{assert_none, repository};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// Folder of a member, and the folders of the members that it may depend on, tests included.
const MAY_DEPEND_ON: [(&str, &[&str]); 10] = [
    ("engine", &[]),
    ("actor", &["engine"]),
    ("studio", &["actor"]),
    ("cli", &["actor", "studio"]),
    ("py", &["actor", "studio"]),
    ("node", &["actor", "studio"]),
    ("examples", &["actor"]),
    ("benches", &["engine", "actor", "studio", "cli"]),
    ("proptests", &["engine", "actor", "studio", "cli"]),
    ("fuzz", &["engine", "proptests"]),
];

#[test]
fn dependencies_point_one_way() {
    let root = repository::root();
    let mut packages = packages(&metadata(&root.join("Cargo.toml"), &["--no-deps"]));
    assert!(!packages.is_empty(), "the workspace has no members");
    // A member may be kept out of the workspace by `exclude`; the rule holds for it too.
    for source in repository::all().iter().filter(|source| source.path.ends_with("/Cargo.toml")) {
        let manifest = root.join(&source.path);
        if !packages.iter().any(|package| Path::new(text(package, "manifest_path")) == manifest) {
            packages.extend(self::packages(&metadata(&manifest, &["--no-deps"])));
        }
    }
    assert_none(
        "Dependencies point one way: engine <- actor <- {studio, cli, py, node, examples}; only benches, \
         proptests and fuzz may also see engine. Remove the dependency, or use what the crate `ferrumdb` offers.",
        &wrong_directions(&packages, &root),
    );
}

#[test]
fn every_dependency_builds_with_the_oldest_rust_supported() {
    let root = repository::root();
    let metadata = metadata(&root.join("Cargo.toml"), &["--locked", "--all-features"]);
    let packages = packages(&metadata);
    let engine = packages.iter().find(|package| package["name"] == "ferrumdb-engine");
    let oldest = text(engine.expect("the workspace has an engine"), "rust_version").to_owned();
    assert_none(
        "Cargo.toml states the oldest Rust supported (rust-version). Every member inherits it, and nothing in \
         Cargo.lock may need a newer one: choose an older version with `cargo update -p NAME --precise VERSION`.",
        &newer_than(&packages, &oldest),
    );
}

#[test]
fn the_lint_that_guards_the_oldest_rust_is_on() {
    let sources = repository::with_extension(&["rs", "toml"]);
    assert_none(
        "Clippy's lint on standard library items newer than rust-version is on by default. Remove the line that \
         turns it off, and use an older item.",
        &mentions_of(&sources, concat!("incompatible", "_msrv")),
    );
}

fn metadata(manifest: &Path, arguments: &[&str]) -> Value {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--manifest-path"])
        .arg(manifest)
        .args(arguments)
        .output()
        .expect("cargo can be started");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo metadata {} failed: {complaint}", manifest.display());
    serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON")
}

fn packages(metadata: &Value) -> Vec<Value> {
    metadata["packages"].as_array().cloned().unwrap_or_default()
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or("")
}

/// The first folder below the root, if the path lies below it.
fn member_folder(path: &str, root: &Path) -> Option<String> {
    let below = Path::new(path).strip_prefix(root).ok()?;
    Some(below.iter().next()?.to_string_lossy().into_owned())
}

fn wrong_directions(packages: &[Value], root: &Path) -> Vec<String> {
    let mut offenders = Vec::new();
    for package in packages {
        let manifest = text(package, "manifest_path");
        let folder = member_folder(manifest, root).unwrap_or_default();
        let Some((_, allowed)) = MAY_DEPEND_ON.iter().find(|(member, _)| *member == folder) else {
            offenders.push(format!(
                "{manifest}: the folder `{folder}` has no place in the order; add it to the rule"
            ));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let Some(target) = member_folder(text(dependency, "path"), root) else { continue };
            // One example may use another file of its own folder; a member never lists itself.
            if target != folder && !allowed.contains(&target.as_str()) {
                let name = text(dependency, "name");
                offenders
                    .push(format!("{manifest}: {folder} may not depend on `{name}` (folder `{target}`)"));
            }
        }
    }
    offenders
}

fn version_numbers(version: &str) -> Vec<u64> {
    let mut numbers: Vec<u64> = version.split('.').map_while(|part| part.parse().ok()).collect();
    numbers.resize(3, 0);
    numbers
}

fn newer_than(packages: &[Value], oldest: &str) -> Vec<String> {
    let mut offenders = Vec::new();
    for package in packages {
        let (name, version) = (text(package, "name"), text(package, "version"));
        let (needs, is_ours) = (text(package, "rust_version"), package["source"].is_null());
        if version_numbers(needs) > version_numbers(oldest) {
            offenders.push(format!("Cargo.lock: {name} {version} needs Rust {needs}, we promise {oldest}"));
        } else if is_ours && needs != oldest {
            let manifest = text(package, "manifest_path");
            offenders.push(format!("{manifest}: write `rust-version.workspace = true`, found `{needs}`"));
        }
    }
    offenders
}

fn mentions_of(sources: &[repository::Source], word: &str) -> Vec<String> {
    let mut offenders = Vec::new();
    for source in sources {
        let hits = source.lines().filter(|(_, line)| line.contains(word));
        offenders.extend(hits.map(|(number, line)| format!("{}:{number}: {}", source.path, line.trim())));
    }
    offenders
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository::Source;
    use serde_json::json;

    fn member(folder: &str, depends_on: &[&str]) -> Value {
        let dependencies: Vec<_> = depends_on
            .iter()
            .map(|target| json!({ "name": format!("ferrumdb-{target}"), "path": format!("/r/{target}") }))
            .chain([json!({ "name": "serde", "path": null })])
            .collect();
        json!({ "manifest_path": format!("/r/{folder}/Cargo.toml"), "dependencies": dependencies })
    }

    #[test]
    fn a_dependency_against_the_order_is_found() {
        let root = Path::new("/r");
        let good = [
            member("actor", &["engine"]),
            member("cli", &["actor", "studio"]),
            member("benches", &["engine"]),
        ];
        assert!(wrong_directions(&good, root).is_empty());
        let bad = [
            member("engine", &["actor"]),
            member("cli", &["engine"]),
            member("actor", &["studio"]),
            member("examples/rust-example", &["engine"]),
            member("attic", &[]),
        ];
        let offenders = wrong_directions(&bad, root);
        assert_eq!(offenders.len(), 5, "{offenders:?}");
        assert!(offenders[0].contains("engine may not depend on `ferrumdb-actor`"), "{offenders:?}");
    }

    #[test]
    fn a_dependency_that_needs_a_newer_rust_is_found() {
        let package = |rust_version: Value, source: Value| json!({ "name": "x", "rust_version": rust_version, "source": source });
        let registry = json!("registry");
        let good = [
            package(json!("1.89"), Value::Null),
            package(json!("1.9.1"), registry.clone()),
            package(Value::Null, registry.clone()),
        ];
        assert!(newer_than(&good, "1.89").is_empty());
        let bad = [
            package(json!("1.89.1"), registry.clone()),
            package(json!("1.100"), registry),
            package(json!("1.80"), Value::Null),
        ];
        assert_eq!(newer_than(&bad, "1.89").len(), 3);
    }

    #[test]
    fn turning_the_lint_off_is_found() {
        let line = concat!("#![allow(clippy::incompatible", "_msrv)]");
        let offenders = mentions_of(&[Source::new("a/src/lib.rs", line)], concat!("incompatible", "_msrv"));
        assert!(offenders[0].starts_with("a/src/lib.rs:1: "), "{offenders:?}");
    }
}
