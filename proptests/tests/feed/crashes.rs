//! After a power cut, the feed of the file that is opened again tells exactly the commits that have survived.

use ferrumdb_engine::{Durability, Error, History, Sequence, Wanted};
use ferrumdb_proptests::Random;
use std::time::Duration;

use crate::model::{Model, Operation, Place, ROOT};
use crate::watchers::Watcher;
use crate::world::World;

fn wanted() -> Wanted {
    Wanted { before: true, after: true, ..Wanted::default() }
}

/// Commits something, synced or not, and compacts now and then.
fn work(world: &mut World, random: &mut Random) {
    for _ in 0..random.below(30) {
        let operations = (0..=random.below(3)).map(|_| {
            let place = if random.once_in(3) { 1 + random.below(2) as Place } else { ROOT };
            let id = (place, format!("k{}", random.below(6)));
            match random.below(8) {
                0 if place != ROOT => Operation::Drop(place),
                0 | 1 => Operation::Delete(id),
                _ => Operation::Set(id, random.below(100).to_string(), None),
            }
        });
        let operations = operations.collect();
        let durability = if random.once_in(3) { Durability::Synced } else { Durability::Appended };
        world.commit(&[operations], durability);
        if random.once_in(4) {
            world.step_compaction(History::For(Duration::from_secs(1)));
        }
        world.pass(random.below(100));
    }
}

#[test]
fn after_a_power_cut_the_feed_tells_exactly_what_has_survived() {
    let (mut cut, mut ahead) = (0, 0);
    for seed in 0..60 {
        let (mut world, mut random) = (World::new(None), Random::new(seed));
        for _ in 0..3 {
            let mut watcher = Watcher::begin(world.reader(), None, wanted()).unwrap();
            work(&mut world, &mut random);
            let told = watcher.look(random.below(60));
            watcher.check(&world.model, world.newest());
            let (resume, before) = (watcher.feed.sequence(), world.newest());
            drop((watcher, told));
            world.open = None;
            (world.compaction, world.relocation) = (None, None);
            world.sim.crash();
            world.open();
            let newest = world.newest();
            world.model.cut(newest);
            cut += before - newest;
            check(&world, &world.model, Sequence::ZERO);
            match Watcher::begin(world.reader(), Some(resume), wanted()) {
                Ok(_) => check(&world, &world.model, resume),
                Err(Error::NoSuchCommit { .. }) => {
                    assert!(resume.0 > newest);
                    ahead += 1;
                }
                Err(Error::HistoryDropped { floor, .. }) => assert!(resume < floor),
                Err(error) => panic!("seed {seed}: {error}"),
            }
        }
    }
    assert!(cut > 0 && ahead > 0, "a power cut has taken commits, and some that were told: {cut} {ahead}");
}

fn check(world: &World, model: &Model, since: Sequence) {
    let since = match Watcher::begin(world.reader(), Some(since), wanted()) {
        Err(Error::HistoryDropped { floor, .. }) => floor,
        _ => since,
    };
    let mut watcher = Watcher::begin(world.reader(), Some(since), wanted()).unwrap();
    watcher.drain().unwrap();
    watcher.check_all(model, world.newest());
}
