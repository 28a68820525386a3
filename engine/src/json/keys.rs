//! Owns the search for a key that stands twice in one object. Never keeps the keys themselves, only where they stand.

use std::borrow::Cow;
use std::sync::LazyLock;

use ahash::RandomState;

use super::escape;

/// Up to so many keys, each new key is compared with all before it; a larger object is sorted once, at its end.
const COMPARED_MAX: usize = 32;

static HASHER: LazyLock<Hasher> = LazyLock::new(Hasher::new);

/// The keys of the objects that are open, the innermost last.
pub(super) struct Keys {
    hasher: &'static Hasher,
    entries: Vec<Entry>,
}

struct Entry {
    hash: u64,
    /// The first byte after the opening quote.
    at: usize,
}

/// A key stands in an object for the second time; its first byte is at this place.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Duplicate(pub(super) usize);

/// Where the keys of an open object begin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark(usize);

impl Keys {
    pub(super) fn new() -> Self {
        Self { hasher: &HASHER, entries: Vec::new() }
    }

    /// Forgets all keys, and keeps the memory for others.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }

    #[inline]
    pub(super) fn open(&self) -> Mark {
        Mark(self.entries.len())
    }

    /// Adds a key, which stands in `text` from `at` on. Its content is given as it is kept, or without escapes: the same way for all
    /// keys of an object.
    #[inline]
    pub(super) fn add(
        &mut self,
        object: Mark,
        content: &[u8],
        text: &[u8],
        at: usize,
    ) -> Result<(), Duplicate> {
        self.add_hashed(object, self.hasher.hash(content), text, at)
    }

    #[inline]
    fn add_hashed(&mut self, object: Mark, hash: u64, text: &[u8], at: usize) -> Result<(), Duplicate> {
        let before = &self.entries[object.0..];
        if before.len() < COMPARED_MAX
            && before
                .iter()
                .any(|entry| entry.hash == hash && string_at(text, entry.at) == string_at(text, at))
        {
            return Err(Duplicate(at));
        }
        self.entries.push(Entry { hash, at });
        Ok(())
    }

    /// Ends the innermost object, whose keys stand in `text`.
    #[inline]
    pub(super) fn close(&mut self, object: Mark, text: &[u8]) -> Result<(), Duplicate> {
        if self.entries.len() - object.0 > COMPARED_MAX {
            find_duplicate(&mut self.entries[object.0..], text)?;
        }
        self.entries.truncate(object.0);
        Ok(())
    }
}

/// Hashes that nobody can foresee.
struct Hasher {
    long: RandomState,
    short: [u64; 2],
}

impl Hasher {
    fn new() -> Self {
        let long = RandomState::new();
        let short = [0, 1].map(|number: u8| long.hash_one(number));
        Self { long, short }
    }

    /// Most keys are short, and two words that may overlap have all of their bytes: one multiplication takes a third of the time.
    #[inline]
    fn hash(&self, content: &[u8]) -> u64 {
        let words = match (content.first_chunk(), content.last_chunk()) {
            (Some(first), Some(last)) if content.len() <= 16 => {
                [u64::from_le_bytes(*first), u64::from_le_bytes(*last)]
            }
            (None, None) if !content.is_empty() => [escape::last_word(content, 0), 0],
            _ => return self.long.hash_one(content),
        };
        let [first, last] = [words[0] ^ self.short[0], words[1] ^ self.short[1] ^ content.len() as u64];
        let product = u128::from(first) * u128::from(last);
        product as u64 ^ (product >> 64) as u64
    }
}

fn find_duplicate(entries: &mut [Entry], text: &[u8]) -> Result<(), Duplicate> {
    entries.sort_unstable_by_key(|entry| entry.hash);
    for alike in entries.chunk_by_mut(|left, right| left.hash == right.hash) {
        if alike.len() == 1 {
            continue;
        }
        // The hash is seeded, so this is a duplicate nearly always; sorting bounds the time when it is not.
        alike.sort_unstable_by(|left, right| {
            string_at(text, left.at).cmp(&string_at(text, right.at)).then(left.at.cmp(&right.at))
        });
        let twice = alike.windows(2).find(|pair| string_at(text, pair[0].at) == string_at(text, pair[1].at));
        if let Some(pair) = twice {
            return Err(Duplicate(pair[1].at));
        }
    }
    Ok(())
}

/// The string whose content begins at `at`. It has been scanned before, or written by us, up to its end.
pub(super) fn string_at(text: &[u8], at: usize) -> Cow<'_, str> {
    let mut end = escape::plain_end(text, at);
    while text.get(end) == Some(&b'\\') {
        end = escape::plain_end(text, end + 2);
    }
    escape::decode(std::str::from_utf8(&text[at..end]).expect("what was scanned or written is UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Adds keys that all have the same hash.
    fn colliding(keys: &[String]) -> Result<(), Duplicate> {
        let text: String = keys.iter().map(|key| format!("{key}\"")).collect();
        let text = text.as_bytes();
        let mut all = Keys::new();
        let object = all.open();
        let mut at = 0;
        for key in keys {
            all.add_hashed(object, 7, text, at)?;
            at += key.len() + 1;
        }
        all.close(object, text)
    }

    #[test]
    fn keys_whose_hashes_collide_are_told_apart_in_bounded_time() {
        for len in [2, 32, 33, 20_000] {
            let mut keys: Vec<String> = (0..len).map(|number| format!("k{number}")).collect();
            assert_eq!(colliding(&keys), Ok(()));
            let last = keys.len() - 1;
            let place = keys[..last].iter().map(|key| key.len() + 1).sum();
            keys[last] = "k0".into();
            assert_eq!(colliding(&keys), Err(Duplicate(place)), "{len}");
        }
    }

    #[test]
    fn closing_an_object_forgets_its_keys_only() {
        let text = b"a\"b\"a\"b\"";
        let mut keys = Keys::new();
        let outer = keys.open();
        keys.add(outer, b"a", text, 0).expect("new");
        let inner = keys.open();
        keys.add(inner, b"b", text, 2).expect("new");
        keys.add(inner, b"a", text, 4).expect("new in this object");
        keys.close(inner, text).expect("none twice");
        keys.add(outer, b"b", text, 6).expect("the inner object is closed");
        assert_eq!(keys.add(outer, b"a", text, 4), Err(Duplicate(4)));
    }
}
