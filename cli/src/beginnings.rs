//! Owns what stands for keys where they are too many to be listed: how they begin, as far as they have that in common, and one
//! letter more. Never holds more of them than it offers.

use std::collections::BTreeSet;

/// The most that is offered.
pub(crate) const OFFERED_MAX: usize = 100;

/// What is offered for keys, which come in no order.
#[derive(Debug, Default)]
pub(crate) struct Beginnings {
    /// The keys, until they are too many.
    keys: BTreeSet<String>,
    /// How all of them begin, and then how they go on: with nothing, where one is at its end. Nothing before the first key.
    common: Option<String>,
    next: BTreeSet<Option<char>>,
    are_too_many: bool,
}

impl Beginnings {
    /// Takes the next key.
    pub(crate) fn add(&mut self, key: &str) {
        let Some(common) = &mut self.common else {
            self.common = Some(key.to_owned());
            self.next.insert(None);
            self.keys.insert(key.to_owned());
            return;
        };
        let shared = shared_bytes(common, key);
        if shared < common.len() {
            // All that came before go on in the same way from here.
            self.next = BTreeSet::from([common[shared..].chars().next()]);
            common.truncate(shared);
        }
        self.next.insert(key[shared..].chars().next());
        if !self.are_too_many {
            self.keys.insert(key.to_owned());
            self.are_too_many = self.keys.len() > OFFERED_MAX;
        }
    }

    /// The keys, if they are few; else their beginnings.
    pub(crate) fn offered(self) -> Vec<String> {
        if !self.are_too_many {
            return self.keys.into_iter().collect();
        }
        let common = self.common.unwrap_or_default();
        let next = self.next.into_iter().map(|next| common.chars().chain(next).collect());
        next.take(OFFERED_MAX).collect()
    }
}

/// How many bytes two texts have in common at their beginnings, in whole letters.
fn shared_bytes(one: &str, other: &str) -> usize {
    let shared = one.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count();
    (0..=shared).rev().find(|at| one.is_char_boundary(*at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(keys: impl IntoIterator<Item = String>) -> Vec<String> {
        let mut beginnings = Beginnings::default();
        keys.into_iter().for_each(|key| beginnings.add(&key));
        beginnings.offered()
    }

    #[test]
    fn few_keys_are_offered_themselves_in_order() {
        assert_eq!(offered(Vec::new()), Vec::<String>::new());
        assert_eq!(offered(["b".to_owned(), String::new(), "a".to_owned()]), ["", "a", "b"]);
        assert_eq!(offered((0..OFFERED_MAX).map(|number| format!("{number:03}"))).len(), OFFERED_MAX);
    }

    #[test]
    fn many_keys_are_offered_by_their_beginnings_whatever_their_order() {
        let keys: Vec<_> = (0..1000).map(|number| format!("user:{number:04}")).collect();
        assert_eq!(offered(keys.clone()), (0..10).map(|digit| format!("user:0{digit}")).collect::<Vec<_>>());
        assert_eq!(offered(keys.iter().rev().cloned()), offered(keys.clone()));
        let with_ends = keys.iter().cloned().chain(["user:".to_owned(), "uéx".to_owned(), "uèx".to_owned()]);
        assert_eq!(offered(with_ends), ["us", "uè", "ué"], "two letters may share bytes, and are two");
        let below = keys.into_iter().chain(["user:0".to_owned()]);
        assert_eq!(offered(below)[..2], ["user:0", "user:00"], "a key may be the beginning of others");
    }
}
