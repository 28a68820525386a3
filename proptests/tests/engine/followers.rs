//! A follower shows what the owner has published, all of that and nothing else, and never writes a byte.

use std::path::Path;
use std::sync::Arc;

use ferrumdb_engine::fs::{Effect, Fault, FileSystem, OpenMode, SimFs, SimOperation, write_all};
use ferrumdb_engine::{
    CompactionStep, Durability, EncryptionKey, Error, FieldPath, Follower, History, Options, Reader, Result,
    Writer, follow, open,
};
use serde_json::json;

use crate::common::{
    PATH, ROOT, appended, bytes_of, contents, expected, open_at, open_on, synced, transaction,
};

const LIVE: &str = "/my.db.live";

fn follow_on(sim: &SimFs) -> Result<(Follower, Reader)> {
    let mut options = Options::new(PATH);
    options.cache_bytes = 0;
    follow(options, Arc::new(sim.process()))
}

pub(crate) fn compact(writer: &mut Writer) {
    let Some(mut compaction) = writer.begin_compaction(History::None).unwrap() else { return };
    loop {
        match compaction.step().unwrap() {
            CompactionStep::Working { .. } => {}
            CompactionStep::Ready => break,
            CompactionStep::Pointless { .. } => return,
        }
    }
    let (mut relocation, _) = writer.install_compaction(compaction).unwrap();
    while relocation.step() {}
    writer.finish_relocation(&relocation);
}

pub(crate) fn index(writer: &mut Writer, path: &str) {
    let mut build = writer.begin_index(ROOT, FieldPath::try_from(path).unwrap()).unwrap();
    build.run().unwrap();
    let round = writer.index_round(&build);
    writer.install_index(build, round, Durability::Appended).unwrap();
}

/// What writing calls would be counted as.
fn writing_calls(sim: &SimFs) -> u64 {
    use SimOperation::{Lock, Publish, Remove, Rename, SetLen, Sync, SyncDirectory, Unlock, Write};
    let all = [Write, SetLen, Sync, Lock, Unlock, Rename, Publish, Remove, SyncDirectory];
    all.into_iter().map(|operation| sim.calls(operation)).sum()
}

#[test]
fn with_a_live_file_everything_published_is_shown_and_nothing_else() {
    let sim = SimFs::new(1);
    let (mut writer, owner) = open_on(&sim).unwrap();
    appended(&mut writer, &["a=1"]).unwrap();
    writer.write_live();
    let (mut follower, reader) = follow_on(&sim).unwrap();
    assert_eq!(contents(&reader), expected(&[("a", "1")]));
    assert!(!follower.poll().unwrap().advanced);
    for number in 0..5 {
        appended(&mut writer, &[&format!("a={number}"), &format!("b={number}")]).unwrap();
        let polled = follower.poll().unwrap();
        assert!(!polled.advanced, "it is not told yet");
        writer.write_live();
        let polled = follower.poll().unwrap();
        assert!(polled.advanced);
        assert_eq!((polled.sequence, polled.published), (owner.sequence(), owner.sequence()));
        assert_eq!(contents(&reader), contents(&owner));
        assert_eq!(follower.owner().published(), Some(owner.sequence()));
    }
    writer.close().unwrap();
    assert!(sim.live_bytes(LIVE).is_none(), "it is removed on closing");
    follower.poll().unwrap();
    assert_eq!(reader.sequence().0, 7, "after a close mark, everything counts");
}

#[test]
fn without_a_live_file_the_newest_group_waits_for_the_next_and_a_closing_settles_it() {
    let sim = SimFs::new(1);
    let (mut writer, _owner) = open_on(&sim).unwrap();
    let (mut follower, reader) = follow_on(&sim).unwrap();
    synced(&mut writer, &["a=1"]).unwrap();
    follower.poll().unwrap();
    assert_eq!(contents(&reader), expected(&[]));
    let group = [transaction(&["b=1"]), transaction(&["c=1"])];
    writer.commit(&group, Durability::Synced).unwrap();
    follower.poll().unwrap();
    assert_eq!(contents(&reader), expected(&[("a", "1")]), "neither member of the newest group");
    synced(&mut writer, &["d=1"]).unwrap();
    follower.poll().unwrap();
    assert_eq!(contents(&reader), expected(&[("a", "1"), ("b", "1"), ("c", "1")]));
    let (_, opened_now) = follow_on(&sim).unwrap();
    assert_eq!(contents(&opened_now), contents(&reader));
    writer.close().unwrap();
    follower.poll().unwrap();
    assert_eq!(contents(&reader).len(), 4);
    let (_, opened_now) = follow_on(&sim).unwrap();
    assert_eq!(contents(&opened_now).len(), 4);
}

#[test]
fn a_group_that_is_taken_back_is_never_shown() {
    for has_live in [false, true] {
        let sim = SimFs::new(1);
        let (mut writer, owner) = open_on(&sim.process()).unwrap();
        synced(&mut writer, &["a=1"]).unwrap();
        synced(&mut writer, &["b=1"]).unwrap();
        if has_live {
            writer.write_live();
        }
        let (mut follower, reader) = follow_on(&sim).unwrap();
        // A part of the group, its first commit whole, stands in the file until it is cut off again.
        let before = expected(&[("a", "1"), ("b", "1")]);
        sim.inject(
            Fault::new(SimOperation::Write, Effect::PartialThenError(150, std::io::ErrorKind::Other))
                .on(PATH),
        );
        sim.inject(Fault::new(SimOperation::SetLen, Effect::Block).on(PATH));
        let commits = std::thread::spawn(move || {
            let group = [transaction(&["c=1"]), transaction(&["d=1"])];
            assert!(matches!(writer.commit(&group, Durability::Synced), Err(Error::Io { .. })));
            writer
        });
        while sim.blocked() == 0 {
            std::thread::yield_now();
        }
        follower.poll().unwrap();
        assert_eq!(contents(&reader), before, "live file: {has_live}");
        let (_, opened_now) = follow_on(&sim).unwrap();
        assert_eq!(contents(&opened_now), before);
        sim.release();
        let mut writer = commits.join().unwrap();
        follower.poll().unwrap();
        assert_eq!(contents(&reader), before);
        synced(&mut writer, &["e=1"]).unwrap();
        writer.write_live();
        follower.poll().unwrap();
        assert_eq!(contents(&reader), contents(&owner));

        // What cannot be synced is in doubt, and stays unseen until somebody has opened the file again.
        let before = contents(&owner);
        sim.inject(Fault::new(SimOperation::Sync, Effect::OsError(5)).on(PATH));
        assert!(matches!(synced(&mut writer, &["f=1"]), Err(Error::InDoubt { .. })));
        writer.write_live();
        follower.poll().unwrap();
        assert_eq!(contents(&reader), before);
    }
}

#[test]
fn a_live_file_that_is_torn_stale_or_of_another_database_changes_nothing_but_the_delay() {
    let sim = SimFs::new(1);
    let (mut writer, owner) = open_on(&sim.process()).unwrap();
    synced(&mut writer, &["a=1"]).unwrap();
    writer.write_live();
    let stale = sim.live_bytes(LIVE).unwrap();
    let (mut follower, reader) = follow_on(&sim).unwrap();
    synced(&mut writer, &["b=1"]).unwrap();
    writer.write_live();
    let whole = sim.live_bytes(LIVE).unwrap();
    for (torn, published) in [
        (Vec::from([0; 96]), None),
        ([&stale[..52], &whole[52..]].concat(), None),
        ([&whole[..40], &stale[40..]].concat(), Some(1)),
    ] {
        sim.overwrite(LIVE, 0, &torn);
        assert_eq!(follower.owner().published().map(|sequence| sequence.0), published);
        follower.poll().unwrap();
        assert_eq!(contents(&reader), expected(&[("a", "1")]));
    }
    sim.overwrite(LIVE, 0, &whole);
    follower.poll().unwrap();
    assert_eq!(contents(&reader), contents(&owner));

    // Stale as after a crash: commits that others follow count all the same.
    sim.overwrite(LIVE, 0, &stale);
    synced(&mut writer, &["c=1"]).unwrap();
    synced(&mut writer, &["d=1"]).unwrap();
    follower.poll().unwrap();
    assert_eq!(contents(&reader), expected(&[("a", "1"), ("b", "1"), ("c", "1")]));

    let other = SimFs::new(2);
    let (mut another, _) = open_on(&other).unwrap();
    another.write_live();
    sim.overwrite(LIVE, 0, &other.live_bytes(LIVE).unwrap());
    assert_eq!(follower.owner().published(), None);
    synced(&mut writer, &["e=1"]).unwrap();
    follower.poll().unwrap();
    assert_eq!(contents(&reader).len(), 4);
}

#[test]
fn bad_bytes_beyond_what_is_published_are_not_there_yet_and_below_it_they_are_damage() {
    let sim = SimFs::new(1);
    let (mut writer, owner) = open_on(&sim.process()).unwrap();
    appended(&mut writer, &["a=1"]).unwrap();
    writer.write_live();
    let (mut follower, reader) = follow_on(&sim).unwrap();
    let end = owner.stats().unwrap().log_bytes + 8192;

    appended(&mut writer, &["b=1"]).unwrap();
    let whole = bytes_of(&sim)[end as usize..][..8].to_vec();
    sim.overwrite(PATH, end, &[0xAB; 8]);
    assert!(!follower.poll().unwrap().advanced, "bad, and beyond what is published");
    writer.write_live();
    match follower.poll() {
        Err(Error::Damaged { position, .. }) => assert_eq!(position, end),
        other => panic!("{other:?}"),
    }
    assert_eq!(contents(&reader), expected(&[("a", "1")]), "what it shows stays");
    sim.overwrite(PATH, end, &whole);
    assert!(follower.poll().unwrap().advanced, "a later look does better");
    assert_eq!(contents(&reader), contents(&owner));

    // A dead owner's live file that says more than the file holds proves nothing: a power cut leaves that.
    let end = owner.stats().unwrap().log_bytes + 8192;
    appended(&mut writer, &["c=1"]).unwrap();
    writer.write_live();
    drop(writer);
    sim.open(Path::new(PATH), OpenMode::ReadWrite).unwrap().set_len(end).unwrap();
    assert!(!follower.poll().unwrap().advanced);
    let (_, opened_now) = follow_on(&sim).unwrap();
    assert_eq!(contents(&opened_now).len(), 1, "the newest group is not known to count");
    let (mut writer, _owner) = open_on(&sim).unwrap();
    writer.write_live();
    follower.poll().unwrap();
    assert_eq!(contents(&reader), expected(&[("a", "1"), ("b", "1")]));
    synced(&mut writer, &["d=1"]).unwrap();
    writer.write_live();
    follower.poll().unwrap();
    assert_eq!(contents(&reader).len(), 3);

    // And a living owner's is to be right.
    let end = writer.synced();
    sim.open(Path::new(PATH), OpenMode::ReadWrite).unwrap().set_len(end - 8).unwrap();
    assert!(matches!(follower.poll(), Err(Error::Damaged { .. })), "cut below what is shown");
}

#[test]
fn damage_that_a_claim_proves_is_told_without_an_owner() {
    let sim = SimFs::new(1);
    let (mut writer, _) = open_on(&sim).unwrap();
    let (mut follower, reader) = follow_on(&sim).unwrap();
    for number in 0..4 {
        synced(&mut writer, &[&format!("k={number}")]).unwrap();
    }
    drop(writer);
    sim.overwrite(PATH, 8192 + 50, &[0xAB; 4]);
    assert!(matches!(follower.poll(), Err(Error::Damaged { position: 8192, .. })), "while it is followed");
    assert!(matches!(follow_on(&sim).map(drop), Err(Error::Damaged { .. })), "when it is opened");
    assert_eq!(contents(&reader), expected(&[]));
}

#[test]
fn a_snapshot_stays_as_it_was_through_compactions_and_the_newest_state_is_shown() {
    let sim = SimFs::new(1);
    let (mut writer, owner) = open_on(&sim.process()).unwrap();
    for number in 0..100 {
        appended(&mut writer, &[&format!("k{number}={{\"n\":{}}}", number % 10)]).unwrap();
    }
    index(&mut writer, "n");
    writer.write_live();
    let (mut follower, reader) = follow_on(&sim).unwrap();
    let snapshot = reader.snapshot();
    let frozen = contents(&reader);
    // Three generations at once, with commits between them that the follower has never seen.
    for round in 0..3 {
        for number in 0..100 {
            match (number + round) % 4 {
                0 => appended(&mut writer, &[&format!("k{number}")]),
                1 => appended(&mut writer, &[&format!("k{number}={{\"n\":\"new\",\"round\":{round}}}")]),
                _ => continue,
            }
            .unwrap();
        }
        compact(&mut writer);
    }
    appended(&mut writer, &["last={\"n\":1}"]).unwrap();
    writer.write_live();
    while follower.poll().unwrap().advanced {}
    assert_eq!(contents(&reader), contents(&owner));
    let path = FieldPath::try_from("n").unwrap();
    for value in [json!("new"), json!(1), json!(3)] {
        let sorted = |reader: &Reader| {
            let mut keys = reader.snapshot().find(ROOT, &path, &value).unwrap();
            keys.sort();
            keys
        };
        assert_eq!(sorted(&reader), sorted(&owner), "{value}");
    }
    assert_eq!(reader.snapshot().indexes().len(), 1);
    for (key, json) in &frozen {
        assert_eq!(snapshot.get(ROOT, key).unwrap().unwrap().as_str(), json, "{key}");
    }
    assert_eq!(snapshot.keys(ROOT).count(), frozen.len());
    appended(&mut writer, &["more=1"]).unwrap();
    writer.write_live();
    follower.poll().unwrap();
    assert_eq!(contents(&reader), contents(&owner));
    let stats = reader.stats().unwrap();
    assert_eq!((stats.held_bytes, stats.undo_versions, stats.pins), (0, 0, 0), "nothing is kept");
    assert_eq!(stats.live_bytes, owner.stats().unwrap().live_bytes);
}

#[test]
fn an_owner_that_died_in_the_middle_of_a_commit_and_came_back_is_followed_on() {
    let sim = SimFs::new(1);
    let (mut writer, _) = open_on(&sim.process()).unwrap();
    synced(&mut writer, &["a=1"]).unwrap();
    writer.write_live();
    let (mut follower, reader) = follow_on(&sim).unwrap();
    sim.inject(
        Fault::new(SimOperation::Write, Effect::PartialThenError(100, std::io::ErrorKind::Other)).on(PATH),
    );
    sim.inject(Fault::new(SimOperation::SetLen, Effect::OsError(5)).always().on(PATH));
    let group = [transaction(&["b=1"]), transaction(&["c=1"])];
    writer.commit(&group, Durability::Synced).unwrap_err();
    drop(writer);
    sim.clear_faults();
    follower.poll().unwrap();
    assert_eq!(contents(&reader), expected(&[("a", "1")]));
    let (mut writer, owner) = open_on(&sim.process()).unwrap();
    follower.poll().unwrap();
    synced(&mut writer, &["d=1"]).unwrap();
    writer.write_live();
    follower.poll().unwrap();
    assert_eq!(contents(&reader), contents(&owner));
}

#[test]
fn another_database_or_none_at_the_path_is_told_and_what_was_shown_stays() {
    let sim = SimFs::new(1);
    for path in [PATH, "/other.db"] {
        let (mut writer, _) = open_at(sim.clone(), path).unwrap();
        synced(&mut writer, &[&format!("{}=1", &path[1..3])]).unwrap();
        writer.close().unwrap();
    }
    let older = bytes_of(&sim);
    let (mut follower, reader) = follow_on(&sim).unwrap();
    let shown = contents(&reader);
    sim.rename(Path::new(PATH), Path::new("/away.db")).unwrap();
    assert!(matches!(follower.poll(), Err(Error::Io { .. })));
    sim.rename(Path::new("/away.db"), Path::new(PATH)).unwrap();
    assert!(!follower.poll().unwrap().advanced, "it came back");
    let (mut writer, _) = open_on(&sim).unwrap();
    synced(&mut writer, &["z=1"]).unwrap();
    writer.close().unwrap();
    follower.poll().unwrap();
    assert_eq!(contents(&reader).len(), shown.len() + 1);
    let shown = contents(&reader);

    let file = sim.open(Path::new("/older.db"), OpenMode::CreateNew).unwrap();
    write_all(&*file, &older, 0).unwrap();
    for other in ["/older.db", "/other.db"] {
        sim.rename(Path::new(other), Path::new(PATH)).unwrap();
        assert!(matches!(follower.poll(), Err(Error::Replaced { .. })), "{other}");
        assert_eq!(contents(&reader), shown);
    }
    drop(follower);
    assert_eq!(contents(&reader), shown);
    assert_eq!(contents(&follow_on(&sim).unwrap().1).len(), 1, "opened again, it is what it is");
}

#[test]
fn an_encrypted_database_is_followed_with_its_key_alone() {
    let sim = SimFs::new(1);
    let options = |key: Option<[u8; 32]>| {
        let encryption = key.map(EncryptionKey::from_bytes);
        Options { encryption, ..Options::new(PATH) }
    };
    let (mut writer, owner) = open(options(Some([1; 32])), Arc::new(sim.process())).unwrap();
    appended(&mut writer, &["a=1"]).unwrap();
    writer.write_live();
    let (mut follower, reader) = follow(options(Some([1; 32])), Arc::new(sim.process())).unwrap();
    // A new generation has a new data key.
    compact(&mut writer);
    appended(&mut writer, &["b=2"]).unwrap();
    writer.write_live();
    while follower.poll().unwrap().advanced {}
    assert_eq!(contents(&reader), contents(&owner));
    let refused = |key| follow(options(key), Arc::new(sim.process())).map(drop).unwrap_err();
    assert!(matches!(refused(None), Error::KeyNeeded { .. }));
    assert!(matches!(refused(Some([2; 32])), Error::WrongKey { .. }));
}

#[test]
fn a_follower_goes_on_across_a_rekey_until_its_key_opens_the_file_no_more() {
    let sim = SimFs::new(1);
    let options = |number| {
        let encryption = Some(EncryptionKey::from_bytes([number; 32]));
        Options { encryption, ..Options::new(PATH) }
    };
    let newcomer =
        |number| follow(options(number), Arc::new(sim.process())).map(|(_, reader)| contents(&reader));
    let (mut writer, owner) = open(options(1), Arc::new(sim.process())).unwrap();
    appended(&mut writer, &["a=1"]).unwrap();
    writer.write_live();
    let (mut follower, reader) = follow(options(1), Arc::new(sim.process())).unwrap();

    writer.rekey(&EncryptionKey::from_bytes([2; 32])).unwrap();
    appended(&mut writer, &["b=2"]).unwrap();
    writer.write_live();
    assert!(follower.poll().unwrap().advanced, "what seals the log is the same");
    let shown = contents(&reader);
    assert_eq!(shown, contents(&owner));
    assert_eq!(newcomer(2).unwrap(), shown);
    assert!(matches!(newcomer(1), Err(Error::WrongKey { .. })));

    compact(&mut writer);
    appended(&mut writer, &["c=3"]).unwrap();
    writer.write_live();
    for _ in 0..2 {
        assert!(matches!(follower.poll(), Err(Error::WrongKey { .. })));
        assert_eq!(contents(&reader), shown, "what was shown stays");
    }
    assert_eq!(newcomer(2).unwrap(), contents(&owner));
}

#[test]
fn a_path_without_a_database_is_refused_and_left_as_it_is() {
    let sim = SimFs::new(1);
    assert!(matches!(follow_on(&sim).map(drop), Err(Error::Io { .. })), "nothing is created");
    assert!(sim.names().is_empty());
    for bytes in [&b""[..], b"something else", &[0; 9000]] {
        let sim = crate::common::disk_with(bytes);
        assert!(matches!(follow_on(&sim).map(drop), Err(Error::NotADatabase { .. })));
        assert_eq!(bytes_of(&sim), bytes);
    }
}

#[test]
fn a_follower_makes_no_call_that_writes_or_locks() {
    let sim = SimFs::new(1);
    let (mut writer, owner) = open_on(&sim.process()).unwrap();
    appended(&mut writer, &["a=1"]).unwrap();
    let quietly = |act: &mut dyn FnMut()| {
        let before = writing_calls(&sim);
        act();
        assert_eq!(writing_calls(&sim), before);
    };
    let mut followed = None;
    quietly(&mut || followed = Some(follow_on(&sim).unwrap()));
    let (mut follower, reader) = followed.unwrap();
    for number in 0..10 {
        appended(&mut writer, &[&format!("k{number}={{\"n\":1}}")]).unwrap();
        match number {
            3 => index(&mut writer, "n"),
            5 | 7 => compact(&mut writer),
            _ => {}
        }
        if number != 6 {
            writer.write_live();
        }
        quietly(&mut || assert!(follower.poll().is_ok()));
    }
    quietly(&mut || assert_eq!(contents(&reader), contents(&owner)));
    drop(writer);
    quietly(&mut || drop(follow_on(&sim).unwrap()));
}
