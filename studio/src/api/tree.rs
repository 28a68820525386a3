//! Owns the tree of keys: the branches and keys right below a prefix. Never walks over the keys of a branch.

use std::ops::Bound;

use ferrumdb::{Key, Snapshot};
use serde_json::{Value, json};

use super::keys::{snapshot, ttl_ms};
use super::sizes;
use crate::answer::Answer;
use crate::call::Call;
use crate::failure::Failure;

const LIMIT: usize = 100;
const LIMIT_MAX: usize = 500;
const DELIMITER: &str = ":";
/// So many runs of keys are looked at for the sizes of one page's branches.
const RUNS: u64 = 256;
const RUNS_OF_BRANCH: u64 = 16;

/// What is right below a prefix.
#[derive(Debug, PartialEq, Eq)]
enum Node {
    Branch { prefix: String, keys: u64 },
    Key(Key),
}

pub(crate) fn tree(call: &Call) -> Result<Answer, Failure> {
    let name = call.parameter("collection");
    let delimiter = call.parameter("delimiter").unwrap_or(DELIMITER);
    if delimiter.is_empty() {
        return Err(Failure::bad_request("\"delimiter\" is a text that is not empty"));
    }
    let prefix = call.parameter("prefix").unwrap_or_default();
    let after = call.parameter("after").filter(|after| !after.is_empty());
    if after.is_some_and(|after| !after.starts_with(prefix)) {
        return Err(Failure::bad_request("\"after\" lies below the prefix"));
    }
    let limit = call.limit(LIMIT, LIMIT_MAX)?;
    call.app.ordered(name)?;
    let snapshot = snapshot(call, name)?;
    let mut nodes = nodes(&snapshot, prefix, delimiter, after, limit + 1)?;
    let more = nodes.len() > limit;
    nodes.truncate(limit);
    let large = |node: &&Node| matches!(node, Node::Branch { keys, .. } if *keys > sizes::EXACT_MAX);
    let runs = (RUNS / (nodes.iter().filter(large).count() as u64).max(1)).clamp(1, RUNS_OF_BRANCH);
    let mut told = Vec::with_capacity(nodes.len());
    for node in &nodes {
        told.extend(described(&snapshot, prefix, delimiter, node, runs)?);
    }
    let next = nodes.last().filter(|_| more).map(Node::path);
    Answer::json(&json!({"nodes": told, "next": next}))
}

/// The first nodes below a prefix, behind one of them.
fn nodes(
    snapshot: &Snapshot,
    prefix: &str,
    delimiter: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<Node>, Failure> {
    let mut nodes = Vec::new();
    let mut place = match after {
        None => Some(Bound::Included(prefix.to_owned())),
        Some(after) if branch_of(after, prefix, delimiter).is_some() => behind(after).map(Bound::Included),
        Some(after) => Some(Bound::Excluded(after.to_owned())),
    };
    // Each turn ends where a branch is passed over, or where there is nothing more.
    while let Some(start) = place.take() {
        let keys = snapshot.range::<String>((start, Bound::Unbounded))?.keys();
        for key in keys.take_while(|key| key.starts_with(prefix)) {
            if nodes.len() == limit {
                return Ok(nodes);
            }
            let Some(branch) = branch_of(&key, prefix, delimiter) else {
                nodes.push(Node::Key(key));
                continue;
            };
            place = behind(branch).map(Bound::Included);
            let keys = snapshot.count_prefix(branch)?;
            nodes.push(Node::Branch { prefix: branch.to_owned(), keys });
            break;
        }
    }
    Ok(nodes)
}

/// The branch that a key is in, if it is in one.
fn branch_of<'k>(key: &'k str, prefix: &str, delimiter: &str) -> Option<&'k str> {
    let end = prefix.len() + key.get(prefix.len()..)?.find(delimiter)? + delimiter.len();
    Some(&key[..end])
}

/// The first text that is behind all that begin with this one, if there is one.
fn behind(prefix: &str) -> Option<String> {
    let mut text = prefix.to_owned();
    while let Some(last) = text.pop() {
        // Between these lies no letter.
        let next = if last == '\u{D7FF}' { Some('\u{E000}') } else { char::from_u32(last as u32 + 1) };
        if let Some(next) = next {
            text.push(next);
            return Some(text);
        }
    }
    None
}

fn described(
    snapshot: &Snapshot,
    prefix: &str,
    delimiter: &str,
    node: &Node,
    runs: u64,
) -> Result<Option<Value>, Failure> {
    let path = node.path();
    let name = &path[prefix.len()..];
    Ok(match node {
        Node::Branch { keys, .. } => {
            let size = sizes::with_prefix(snapshot, path, *keys, runs)?;
            let name = name.strip_suffix(delimiter).unwrap_or(name);
            Some(json!({
                "kind": "branch", "name": name, "path": path, "keys": keys, "bytes": size.bytes, "exact": size.exact,
            }))
        }
        Node::Key(key) => snapshot.info(key)?.map(|info| {
            json!({
                "kind": "key", "name": name, "path": path, "keys": 1, "bytes": info.bytes, "exact": true,
                "version": info.version, "ttl_ms": ttl_ms(&info),
            })
        }),
    })
}

impl Node {
    fn path(&self) -> &str {
        match self {
            Self::Branch { prefix, .. } => prefix,
            Self::Key(key) => key.as_str(),
        }
    }
}

#[cfg(test)]
mod tests {
    use ferrumdb::{FerrumDB, Transaction};

    use super::*;

    fn below(keys: &[&str], prefix: &str, delimiter: &str, page: usize) -> Vec<(String, u64)> {
        let db = FerrumDB::open_in_memory().wait().expect("memory is there");
        let all = keys.iter().fold(Transaction::new(), |all, key| all.set(*key, 1));
        db.commit(all).wait().expect("it is stored");
        let snapshot = db.snapshot().expect("it is open");
        let (mut found, mut after) = (Vec::new(), None::<String>);
        loop {
            let nodes = nodes(&snapshot, prefix, delimiter, after.as_deref(), page).expect("it is open");
            let Some(last) = nodes.last() else { return found };
            after = Some(last.path().to_owned());
            found.extend(nodes.iter().map(|node| match node {
                Node::Branch { prefix, keys } => (prefix.clone(), *keys),
                Node::Key(key) => (key.to_string(), 1),
            }));
        }
    }

    #[test]
    fn keys_are_parted_into_branches_and_keys_on_pages_of_any_length() {
        let keys =
            ["", ":", "a", "a:", "a:1", "a:1:x", "a:2", "a;", "b", "é:1", "\u{10FFFF}:1", "\u{D7FF}:1"];
        let expected: Vec<(String, u64)> = [
            ("", 1),
            (":", 1),
            ("a", 1),
            ("a:", 4),
            ("a;", 1),
            ("b", 1),
            ("é:", 1),
            ("\u{D7FF}:", 1),
            ("\u{10FFFF}:", 1),
        ]
        .map(|(path, keys)| (path.to_owned(), keys))
        .to_vec();
        for page in [2, 3, 100] {
            assert_eq!(below(&keys, "", ":", page), expected, "by {page}");
        }
        let inner =
            [("a:", 1), ("a:1", 1), ("a:1:", 1), ("a:2", 1)].map(|(path, keys)| (path.to_owned(), keys));
        assert_eq!(below(&keys, "a:", ":", 2), inner);
        let parted = [("x//", 1), ("x/y", 1)].map(|(path, keys)| (path.to_owned(), keys));
        assert_eq!(below(&["x//y//z", "x/y"], "", "//", 10), parted);
    }

    #[test]
    fn what_is_behind_a_text_is_behind_all_that_begin_with_it() {
        assert_eq!(behind("a:").as_deref(), Some("a;"));
        assert_eq!(behind("\u{D7FF}").as_deref(), Some("\u{E000}"));
        assert_eq!(behind("a\u{10FFFF}").as_deref(), Some("b"));
        assert_eq!(behind("\u{10FFFF}"), None);
    }
}
