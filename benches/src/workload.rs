//! Owns the documents, keys and order of access that every run uses. Never reads a clock or a system's random numbers,
//! so that two runs do the same.

use serde_json::{Value, json};

/// The key of a document: 13 bytes.
#[must_use]
pub fn key(number: usize) -> String {
    format!("user:{number:08}")
}

/// A document of about 170 bytes of compact JSON. `round` makes another version of the same size.
#[must_use]
pub fn document(number: usize, round: usize) -> Value {
    const ROLES: [&str; 3] = ["admin", "editor", "viewer"];
    const CITIES: [&str; 4] = ["Berlin", "Lisbon", "Nairobi", "Osaka"];
    json!({
        "name": format!("User {number:06}"),
        "email": format!("user{number:06}@mail.example.com"),
        "role": ROLES[number % ROLES.len()],
        "age": 18 + (number + round) % 60,
        "score": ((number * 37 + round) % 1000) as f64 / 10.0,
        "tags": ["alpha", "beta", format!("tag{:02}", number % 50)],
        "address": {"city": CITIES[number % CITIES.len()], "zip": format!("{:05}", number % 100_000)},
    })
}

/// Keys and documents, made before any clock runs.
#[derive(Debug)]
pub struct Workload {
    /// The keys, in the order of the documents.
    pub keys: Vec<String>,
    /// The documents.
    pub documents: Vec<Value>,
}

impl Workload {
    /// So many documents, in one of their versions.
    #[must_use]
    pub fn new(count: usize, round: usize) -> Self {
        Self {
            keys: (0..count).map(key).collect(),
            documents: (0..count).map(|number| document(number, round)).collect(),
        }
    }

    /// How many documents there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

/// A small generator of numbers that look random and are the same in each run (SplitMix64).
#[derive(Clone, Debug)]
pub struct Numbers(u64);

impl Numbers {
    /// The sequence of numbers that belongs to a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number, below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((u128::from(mixed ^ (mixed >> 31)) * end as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_has_about_170_bytes_in_every_version() {
        for number in [0, 7, 99_999, 999_999] {
            let bytes = document(number, 0).to_string().len();
            assert!((160..=185).contains(&bytes), "document {number} has {bytes} bytes");
            assert_ne!(document(number, 0), document(number, 1));
            assert!(document(number, 1).to_string().len().abs_diff(bytes) <= 2);
        }
        assert_eq!(key(42), "user:00000042");
    }

    #[test]
    fn numbers_stay_below_their_end_and_reach_all_of_it() {
        let mut numbers = Numbers::new(1);
        let mut seen = [false; 10];
        (0..1000).for_each(|_| seen[numbers.below(10)] = true);
        assert_eq!(seen, [true; 10]);
    }
}
