//! What is compared with the model after each step: everything that can be read, by snapshots too.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

use ferrumdb_engine::{CollectionId, Document, Keys, Reader, Snapshot, Timestamp, Writer};
use serde_json::json;

use super::{History, KEYS, OTHER, State, equals, path, sorted, values};
use crate::common::ROOT;

impl History {
    pub(super) fn check(&self) {
        if let Some((writer, reader)) = &self.opened {
            self.check_database(writer, reader);
        }
        for (snapshot, state, now) in &self.snapshots {
            self.check_snapshot(snapshot, state, *now);
        }
    }

    pub(super) fn check_database(&self, writer: &Writer, reader: &Reader) {
        let (state, at) = (self.state(), &self.at);
        assert_eq!(reader.sequence().0 as usize, self.states.len() - 1, "{at}");
        assert_eq!(reader.stats().unwrap().documents as usize, state.documents.len(), "{at}");
        let next_expiry = state.documents.values().filter_map(|stored| stored.expires_at).min();
        assert_eq!(writer.next_expiry(), next_expiry, "{at}");
        for (collection, key) in KEYS {
            let expected = state.live((collection, key), self.now).map(|stored| stored.expires_at);
            assert_eq!(reader.expiry(collection, key), expected, "{at}: {key:?}");
        }
        for collection in [ROOT, OTHER] {
            let expected = state.matching(collection, self.now, |_| true);
            assert_eq!(sorted(reader.keys(collection)), expected, "{at}");
        }
        self.check_snapshot(&Arc::new(reader.snapshot()), state, self.now);
    }

    /// Keeps one more, in the place of any other if there are several.
    fn check_snapshot(&self, snapshot: &Arc<Snapshot>, state: &State, now: Timestamp) {
        let at = &self.at;
        for (collection, key) in KEYS {
            let expected = state.live((collection, key), now).map(|stored| (stored.text, stored.version));
            let found = snapshot.get(collection, key).unwrap();
            let found = found.as_ref().map(|found: &Document| (found.as_str(), found.version()));
            assert_eq!(found, expected, "{at}: {key:?}");
            let expected = state.live((collection, key), now).map(|stored| stored.expires_at);
            assert_eq!(snapshot.expiry(collection, key), expected, "{at}: {key:?}");
        }
        for collection in [ROOT, OTHER] {
            let expected = state.matching(collection, now, |_| true);
            assert_eq!(snapshot.count(collection), expected.len() as u64, "{at}");
            assert_eq!(sorted(Keys::new(Arc::clone(snapshot), collection)), expected, "{at}");
        }
        let named = |(collection, name): &(CollectionId, &str)| (*collection, (*name).to_owned());
        let expected: BTreeSet<_> = state.indexes.iter().map(named).collect();
        let indexes = snapshot.indexes();
        assert_eq!(indexes.len(), expected.len(), "{at}");
        let found = indexes.into_iter().map(|index| (index.collection, index.path.to_string()));
        assert_eq!(found.collect::<BTreeSet<_>>(), expected, "{at}");
        // Without an index every document is looked at, which is slow and not what this is about.
        for (collection, name) in state.indexes.iter().copied() {
            for value in [json!(1), json!(2), json!([1, 2, 1]), json!(null), json!("x"), json!({"n": 1})] {
                let expected = state.matching(collection, now, |text| {
                    values(text, name).iter().any(|held| equals(held, &value))
                });
                let found = snapshot.find(collection, &path(name), &value).unwrap();
                assert_eq!(sorted(found), expected, "{at}: {name} = {value}");
            }
            let expected = state.matching(collection, now, |text| {
                let mut numbers = values(text, name).into_iter().filter_map(|held| held.as_f64());
                numbers.any(|number| number > 1.0 && number <= 3.0)
            });
            let bounds = (Bound::Excluded(&json!(1)), Bound::Included(&json!(3)));
            let found = snapshot.find_range(collection, &path(name), bounds, false).unwrap();
            assert_eq!(sorted(found), expected, "{at}: {name} in a range");
        }
    }
}
