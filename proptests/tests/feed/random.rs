//! Whatever is committed, whenever it is looked at and whatever is compacted or opened again meanwhile: every watcher
//! is told every change once, in order, with what was there before; and each key's versions and every past state that
//! is told of is what the model says.

use ferrumdb_engine::{
    Durability, EncryptionKey, Error, Follower, History, InCollection, Key, Reader, Sequence, Wanted,
};
use ferrumdb_proptests::Random;
use std::time::Duration;

use crate::model::{Id, NAMES, Operation, Place, ROOT};
use crate::past::{check_past, check_versions};
use crate::watchers::Watcher;
use crate::world::World;

const KEYS: u64 = 9;

struct Run {
    world: World,
    random: Random,
    history: History,
    watchers: Vec<Watcher>,
    follower: Option<(Follower, Reader, Vec<Watcher>)>,
    lagged: u64,
}

impl Run {
    fn place(&mut self) -> Place {
        if self.random.once_in(3) { self.named() } else { ROOT }
    }

    fn named(&mut self) -> Place {
        1 + self.random.below(NAMES.len() as u64 - 1) as Place
    }

    fn id(&mut self) -> Id {
        let prefix = if self.random.once_in(2) { "a" } else { "b" };
        (self.place(), format!("{prefix}{}", self.random.below(KEYS)))
    }

    fn operation(&mut self) -> Operation {
        if self.random.once_in(40) {
            return Operation::Drop(self.named());
        }
        let id = self.id();
        let expires_at = self.random.once_in(4).then(|| self.world.now + self.random.below(30));
        match self.random.below(8) {
            0 | 1 => Operation::Delete(id),
            2 => Operation::Expire(id, expires_at.map(|at| at.max(1))),
            _ => {
                let size = if self.random.once_in(100) { 100_000 } else { self.random.below(200) as usize };
                let json = format!("{{\"n\":{},\"t\":\"{}\"}}", self.random.below(5), "x".repeat(size));
                Operation::Set(id, json, expires_at)
            }
        }
    }

    fn commit(&mut self) {
        let mut group = Vec::new();
        for _ in 0..=self.random.below(3) {
            let operations = 1 + if self.random.once_in(3) { self.random.below(6) } else { 0 };
            group.push((0..operations).map(|_| self.operation()).collect());
        }
        self.world.commit(&group, Durability::Appended);
    }

    fn wanted(&mut self) -> Wanted {
        let prefix = if self.random.once_in(3) { "a" } else { "" };
        Wanted {
            collection: match self.random.below(8) {
                0 => InCollection::Root,
                1 => InCollection::Named(Key::from(NAMES[self.named()])),
                _ => InCollection::Any,
            },
            prefix: prefix.to_owned(),
            before: self.random.once_in(2),
            after: self.random.once_in(2),
        }
    }

    fn watch(&mut self) {
        let newest = self.world.newest();
        let since = self.random.once_in(2).then(|| Sequence(self.random.below(newest + 2)));
        let wanted = self.wanted();
        let of_follower = self.random.once_in(3);
        let (reader, watchers) = match &mut self.follower {
            Some((_, reader, watchers)) if of_follower => (&*reader, watchers),
            _ => (self.world.reader(), &mut self.watchers),
        };
        let newest = reader.sequence();
        match Watcher::begin(reader, since, wanted) {
            Ok(watcher) => watchers.push(watcher),
            Err(Error::HistoryDropped { floor, .. }) => assert!(since.unwrap() < floor),
            Err(Error::NoSuchCommit { .. }) => assert!(since.unwrap() > newest),
            Err(error) => panic!("{error}"),
        }
    }

    /// Lets one watcher look, and resumes it if it was too slow.
    fn look(&mut self) {
        let of_follower = self.random.once_in(3);
        let (reader, watchers) = match &mut self.follower {
            Some((_, reader, watchers)) if of_follower => (&*reader, watchers),
            _ => (&self.world.open.as_ref().unwrap().1, &mut self.watchers),
        };
        if watchers.is_empty() {
            return;
        }
        let index = self.random.below(watchers.len() as u64) as usize;
        let looks = if self.random.once_in(3) { u64::MAX } else { self.random.below(12) };
        let watcher = &mut watchers[index];
        let looked = watcher.look(looks);
        let newest = reader.sequence().0;
        watcher.check(&self.world.model, newest);
        match looked {
            Ok(true) => watcher.check_all(&self.world.model, newest),
            Ok(false) => {}
            Err(Error::Lagged { resume, .. }) => {
                self.lagged += 1;
                assert_eq!(resume, watcher.feed.sequence());
                let again = Watcher::begin(reader, Some(resume), watcher.wanted.clone());
                match again {
                    Ok(again) => *watcher = again,
                    Err(Error::HistoryDropped { floor, .. }) => {
                        assert!(resume < floor);
                        watchers.swap_remove(index);
                    }
                    Err(error) => panic!("{error}"),
                }
            }
            Err(error) => panic!("{error}"),
        }
    }

    fn poll(&mut self) {
        self.world.writer().write_live();
        if let Some((follower, ..)) = &mut self.follower {
            follower.poll().unwrap();
        }
    }

    fn reopen(&mut self) {
        let resume: Vec<_> =
            self.watchers.drain(..).map(|watcher| (watcher.feed.sequence(), watcher.wanted)).collect();
        let is_closed = self.random.once_in(2);
        self.world.reopen(is_closed);
        for (since, wanted) in resume {
            match Watcher::begin(self.world.reader(), Some(since), wanted) {
                Ok(watcher) => self.watchers.push(watcher),
                Err(Error::HistoryDropped { floor, .. }) => assert!(since < floor),
                Err(error) => panic!("{error}"),
            }
        }
    }

    fn step(&mut self) {
        match self.random.below(100) {
            0..40 => self.commit(),
            40..45 => self.world.pass(10),
            45..48 => self.world.purge(),
            48..60 => self.world.step_compaction(self.history),
            60..62 => self.reopen(),
            62..64 => {
                let place = self.place();
                self.world.index(place, "n");
            }
            64..66 => {
                self.world.writer().sync().unwrap();
                self.world.writer().append_sync_mark().unwrap();
            }
            66..70 => self.watch(),
            70..84 => self.look(),
            84..89 => self.poll(),
            89 => {
                let (follower, reader) = self.world.follow();
                self.follower = Some((follower, reader, Vec::new()));
            }
            90..98 => {
                let (place, key) = self.id();
                let of_follower = self.random.once_in(3);
                check_versions(&self.world, self.reader(of_follower), place, &key, self.history);
            }
            _ => {
                let of_follower = self.random.once_in(3);
                let mut random = Random::new(self.random.number());
                check_past(&self.world, self.reader(of_follower), &mut random);
            }
        }
    }

    /// The owner's, or the follower's.
    fn reader(&self, of_follower: bool) -> &Reader {
        match &self.follower {
            Some((_, reader, _)) if of_follower => reader,
            _ => self.world.reader(),
        }
    }

    fn end(mut self) -> u64 {
        self.poll();
        let newest = self.world.newest();
        for mut watcher in self.watchers {
            match watcher.drain() {
                Ok(()) => watcher.check_all(&self.world.model, newest),
                Err(Error::Lagged { .. }) => watcher.check(&self.world.model, newest),
                Err(error) => panic!("{error}"),
            }
        }
        if let Some((_, reader, watchers)) = self.follower {
            for mut watcher in watchers {
                match watcher.drain() {
                    Ok(()) => watcher.check_all(&self.world.model, reader.sequence().0),
                    Err(Error::Lagged { .. }) => watcher.check(&self.world.model, newest),
                    Err(error) => panic!("{error}"),
                }
            }
        }
        self.lagged
    }
}

/// Says how often a watcher was too slow.
fn run(seeds: std::ops::Range<u64>, key: Option<EncryptionKey>) -> u64 {
    let mut lagged = 0;
    for seed in seeds {
        let history = match seed % 4 {
            0 => History::None,
            1 => History::Versions(3),
            2 => History::For(Duration::from_millis(60)),
            _ => History::For(Duration::from_secs(3600)),
        };
        let (world, random) = (World::new(key.clone()), Random::new(seed));
        let mut run = Run { world, random, history, watchers: Vec::new(), follower: None, lagged: 0 };
        let steps = std::panic::AssertUnwindSafe(|| {
            (0..300).for_each(|_| run.step());
            run.end()
        });
        // What went wrong has been said by then, but not when.
        lagged += std::panic::catch_unwind(steps).unwrap_or_else(|_| panic!("with the seed {seed}"));
    }
    lagged
}

#[test]
fn the_feed_the_versions_and_the_past_are_what_was_committed() {
    assert!(run(0..12, None) > 0, "no watcher was ever too slow");
}

#[test]
fn the_same_holds_of_an_encrypted_database() {
    run(1_000..1_003, Some(EncryptionKey::from_bytes([5; 32])));
}
