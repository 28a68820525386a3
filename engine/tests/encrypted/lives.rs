//! Attacks with what one file has been in two lives: an older copy that was written to, and a torn tail that was cut off.

use super::attacker::{Record, forged, records};
use super::database::{Contents, PATH, ROOT, Victim, commit, contents, disk_with, key, open_on, sim_with};
use ferrumdb_engine::Error;
use ferrumdb_engine::fs::Fate;

/// A life of the file that begins with `file`: its bytes after these transactions, and its state after each.
fn life(file: &[u8], transactions: &[&[&str]]) -> (Vec<u8>, Vec<Contents>) {
    let sim = sim_with(&[(PATH, file)]);
    let (mut writer, reader) = open_on(sim.process(), Some(key(1))).unwrap();
    let mut states = vec![contents(&reader).unwrap()];
    for changes in transactions {
        commit(&mut writer, changes);
        states.push(contents(&reader).unwrap());
    }
    drop(writer);
    let mut bytes = sim.live_bytes(PATH).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    bytes.truncate(end.next_multiple_of(8));
    (bytes, states)
}

#[test]
fn two_lives_of_one_file_do_not_mix() {
    let (origin, _) = life(&[], &[&["first=1"]]);
    // The same keys, lengths, sequences and positions.
    let shape = |value: u8| -> Vec<Vec<String>> {
        let changes = |count: u8| (0..count).map(|key| format!("k{key}={value}{key}")).collect();
        [1, 3, 2, 1, 4].into_iter().map(changes).collect()
    };
    let run = |value| {
        let transactions = shape(value);
        let borrowed: Vec<Vec<&str>> =
            transactions.iter().map(|changes| changes.iter().map(String::as_str).collect()).collect();
        life(&origin, &borrowed.iter().map(Vec::as_slice).collect::<Vec<_>>())
    };
    let ((one, one_states), (two, two_states)) = (run(1), run(2));
    assert_eq!(one.len(), two.len());
    let states: Vec<Contents> = one_states.into_iter().chain(two_states).collect();
    let (ones, twos) = (records(&one), records(&two));
    let heads = |records: &[(usize, Record)]| -> Vec<_> {
        records
            .iter()
            .map(|(at, record)| (*at, record.sequence, record.ordinal, record.payload.len()))
            .collect()
    };
    assert_eq!(heads(&ones), heads(&twos), "one could stand for the other");
    for headers in [&one, &two] {
        let victim = Victim { file: headers.clone(), states: states.clone() };
        // Every choice of a life for each record, its mark with it or not.
        for choice in 0..1_u32 << ones.len() {
            let pick = |index: usize| if choice >> index & 1 == 0 { &ones[index].1 } else { &twos[index].1 };
            let mixed: Vec<&Record> = (0..ones.len()).map(pick).collect();
            victim.assert_unharmed(&forged(headers, mixed), false, &format!("choice {choice:b}"));
        }
        // The bytes as they are, checksums and chain values too.
        for (at, record) in &twos {
            let mut bytes = one.clone();
            bytes[*at..at + record.stored_bytes()].copy_from_slice(&two[*at..at + record.stored_bytes()]);
            victim.assert_unharmed(&bytes, false, &format!("the bytes at {at}"));
        }
    }
}

/// A file with a torn tail of one commit of `count` records, and the same file after the tail was cut off and a commit of the
/// same shape was written there.
fn torn_and_written_anew(count: u8) -> (Vec<u8>, Vec<u8>) {
    let changes =
        |value: u8| -> Vec<String> { (0..count).map(|key| format!("k{key}={value}{key}")).collect() };
    let (origin, _) = life(&[], &[&["first=1"]]);
    let (old, new) = (changes(1), changes(2));
    let (old, _) = life(&origin, &[&old.iter().map(String::as_str).collect::<Vec<_>>()]);
    // Its mark did not reach the disk.
    let torn = &old[..old.len() - 8];
    let (new, _) = life(torn, &[&new.iter().map(String::as_str).collect::<Vec<_>>()]);
    assert_eq!(old.len(), new.len());
    (old, new)
}

#[test]
fn a_commit_of_a_torn_tail_does_not_return_where_another_was_written() {
    for count in [1, 3] {
        let (old, new) = torn_and_written_anew(count);
        let (olds, news) = (records(&old), records(&new));
        assert_eq!(olds.len(), 1 + usize::from(count));
        let after =
            |file: &[u8]| contents(&open_on(disk_with(&[(PATH, file)]), Some(key(1))).unwrap().1).unwrap();
        let before = Contents::from([("first".to_owned(), ("1".to_owned(), None))]);
        // The old tail as a whole is a state in which the file was: cutting off a tail cannot be told.
        let victim = Victim { file: new.clone(), states: vec![before, after(&old), after(&new)] };
        for choice in 0..1_u32 << olds.len() {
            let pick = |index: usize| if choice >> index & 1 == 0 { &news[index].1 } else { &olds[index].1 };
            let mixed: Vec<&Record> = (0..olds.len()).map(pick).collect();
            victim.assert_unharmed(&forged(&new, mixed), false, &format!("{count}: {choice:b}"));
        }
    }
}

#[test]
fn a_torn_commit_over_an_older_torn_tail_is_cut_off_and_not_called_tampering() {
    for count in [1, 3, 5] {
        let (old, new) = torn_and_written_anew(count);
        let log = records(&new)[1].0;
        // What the disk holds of the new commit ends at any place, and the old tail shows behind it; or the other way round.
        for at in (log..new.len()).step_by(8) {
            for (front, back) in [(&new, &old), (&old, &new)] {
                let bytes = [&new[..log], &front[log..at], &back[at..]].concat();
                let sim = sim_with(&[(PATH, &bytes)]);
                let opened = open_on(sim.process(), Some(key(1)));
                let (mut writer, reader) = opened.unwrap_or_else(|error| panic!("{count}, {at}: {error}"));
                let is_torn = bytes[log..] != old[log..] && bytes[log..] != new[log..];
                assert_eq!(reader.keys(ROOT).count() == 1, is_torn, "{count}, {at}");
                commit(&mut writer, &["again=1"]);
                drop((writer, reader));
                sim.crash_with(|_| Fate::Dropped);
                let (_, reader) = open_on(sim.process(), Some(key(1))).unwrap();
                assert!(contents(&reader).unwrap().contains_key("again"));
            }
        }
    }
}

#[test]
fn a_seal_that_is_broken_under_right_checksums_is_called_tampering() {
    let victim = Victim::new(true, false);
    let own: Vec<Record> = records(&victim.file).into_iter().map(|(_, record)| record).collect();
    for at in 0..own.len() {
        let mut variant = own.clone();
        variant[at].payload[13] ^= 1;
        let file = forged(&victim.file, &variant);
        let error = victim.attempt(&file).unwrap_err();
        // The records before it are untouched, so the attacker's chain value is right there.
        assert!(matches!(error, Error::Tampered { .. }), "{at}: {error}");
    }
}
