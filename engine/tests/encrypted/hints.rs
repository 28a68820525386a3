//! Attacks on hint files: their headers, blocks that are moved, cut, repeated or of another hint, and hints of another life.

use super::attacker::{Forge, Record, crc, put, records, u32_at, u64_at};
use super::database::{
    Contents, HINT, PATH, commit, compact, contents, disk_with, key, open_on, sim_with, transaction,
};
use ferrumdb_engine::fs::SimFs;
use ferrumdb_engine::{Durability, Error, FieldPath};

const HEADER_BYTES: usize = 160;
const BLOCK_HEAD_BYTES: usize = 20;

/// A closed database with a hint that has every kind of block: its file, its hint, and what it holds.
fn database(salt: &str) -> (Vec<u8>, Vec<u8>, Contents) {
    let sim = SimFs::new(1);
    let (mut writer, reader) = open_on(sim.process(), Some(key(1))).unwrap();
    let path = FieldPath::parse("n").unwrap();
    let mut build = writer.begin_index(super::database::ROOT, path).unwrap();
    build.run().unwrap();
    let round = writer.index_round(&build);
    writer.install_index(build, round, Durability::Synced).unwrap();
    for number in 0..20 {
        commit(
            &mut writer,
            &[&format!("key-{number}={{\"n\":{number}}}"), &format!("{salt}-{number}=\"later\"")],
        );
    }
    commit(&mut writer, &["key-3", "key-4"]);
    let contents = contents(&reader).unwrap();
    writer.close().unwrap();
    (sim.live_bytes(PATH).unwrap(), sim.live_bytes(HINT).unwrap(), contents)
}

/// The blocks of a hint, heads and all.
fn blocks(hint: &[u8]) -> Vec<Vec<u8>> {
    let (mut at, mut found) = (HEADER_BYTES, Vec::new());
    while at < hint.len() {
        let end = at + BLOCK_HEAD_BYTES + u32_at(hint, at + 12) as usize;
        found.push(hint[at..end].to_vec());
        at = end;
    }
    found
}

/// A hint of this header and these blocks, numbered if it is wanted, with right checksums.
fn forged(header: &[u8], blocks: &[Vec<u8>], is_numbered: bool) -> Vec<u8> {
    let mut hint = header[..HEADER_BYTES].to_vec();
    let checksum = crc(0, &hint[..156]);
    put(&mut hint, 156, &checksum.to_le_bytes());
    for (number, block) in blocks.iter().enumerate() {
        let mut block = block.clone();
        if is_numbered {
            put(&mut block, 4, &(number as u32).to_le_bytes());
        }
        let own = crc(crc(checksum, &block[..16]), &block[BLOCK_HEAD_BYTES..]);
        put(&mut block, 16, &own.to_le_bytes());
        hint.extend_from_slice(&block);
    }
    hint
}

/// Whether the hint was used; whatever it is, the contents are what they are.
fn is_used(file: &[u8], hint: &[u8], expected: &Contents, attack: &str) -> bool {
    let (_writer, reader) = open_on(disk_with(&[(PATH, file), (HINT, hint)]), Some(key(1)))
        .unwrap_or_else(|error| panic!("{attack}: {error}"));
    assert_eq!(contents(&reader).unwrap(), *expected, "{attack}");
    reader.stats().unwrap().recovery.hint.is_some()
}

#[test]
fn a_hint_that_was_changed_in_any_way_is_not_used() {
    let (file, hint, expected) = database("a");
    let (_, other, _) = database("b");
    let (own, others) = (blocks(&hint), blocks(&other));
    assert!(own.len() >= 4 && own.len() == others.len());
    assert_eq!(forged(&hint, &own, true), hint, "the attacker follows the page");
    assert!(is_used(&file, &hint, &expected, "the hint as it is"));
    let mut variants: Vec<(String, Vec<u8>)> = Vec::new();
    for first in 0..own.len() {
        for second in first + 1..own.len() {
            let mut moved = own.clone();
            moved.swap(first, second);
            variants.push((format!("{first} and {second} change places"), forged(&hint, &moved, true)));
        }
        let mut without = own.clone();
        without.remove(first);
        variants.push((format!("without {first}"), forged(&hint, &without, true)));
        let mut twice = own.clone();
        twice.insert(first, own[first].clone());
        variants.push((format!("{first} twice"), forged(&hint, &twice, true)));
        let mut mixed = own.clone();
        mixed[first].clone_from(&others[first]);
        variants.push((format!("{first} of another hint"), forged(&hint, &mixed, true)));
        for (name, at, field) in
            [("kind", 0, 1), ("kind", 0, 2), ("kind", 0, 3), ("kind", 0, 255), ("entries", 8, 1)]
        {
            let mut changed = own.clone();
            put(&mut changed[first], at, &u32::to_le_bytes(field));
            if changed != own {
                variants.push((format!("{first}: another {name}"), forged(&hint, &changed, true)));
            }
        }
        let mut cut = own.clone();
        let len = cut[first].len() - 1;
        cut[first].truncate(len);
        put(&mut cut[first], 12, &((len - BLOCK_HEAD_BYTES) as u32).to_le_bytes());
        variants.push((format!("{first} is shorter"), forged(&hint, &cut, true)));
        let mut bare = own.clone();
        bare[first].truncate(BLOCK_HEAD_BYTES);
        put(&mut bare[first], 12, &[0; 4]);
        variants.push((format!("{first} is bare"), forged(&hint, &bare, true)));
    }
    for at in (16..156).step_by(4) {
        let mut header = hint[..HEADER_BYTES].to_vec();
        header[at] ^= 1;
        variants.push((format!("another header at {at}"), forged(&header, &own, true)));
    }
    let mut unsalted = hint[..HEADER_BYTES].to_vec();
    put(&mut unsalted, 128, &[0; 16]);
    variants.push(("no salt".to_owned(), forged(&unsalted, &own, true)));
    let mut huge = hint[..HEADER_BYTES].to_vec();
    put(&mut huge, 80, &u64::MAX.to_le_bytes());
    variants.push(("no end of documents".to_owned(), forged(&huge, &own, true)));
    for cut in (0..hint.len()).step_by(37) {
        variants.push((format!("cut at {cut}"), hint[..cut].to_vec()));
    }
    for (attack, variant) in variants {
        assert!(!is_used(&file, &variant, &expected, &attack), "{attack}: it is used");
    }
}

#[test]
fn a_hint_in_plain_is_not_used_for_an_encrypted_database() {
    let (file, hint, expected) = database("a");
    let sim = SimFs::new(2);
    let (mut writer, _) = open_on(sim.process(), None).unwrap();
    commit(&mut writer, &["evil=1"]);
    writer.close().unwrap();
    let plain = sim.live_bytes(HINT).unwrap();
    // It says that it is of this database, after this commit.
    for salt in [&[0; 16][..], &hint[128..144]] {
        let mut header = hint[..HEADER_BYTES].to_vec();
        put(&mut header, 80, &plain[80..96]);
        put(&mut header, 128, salt);
        assert!(!is_used(&file, &forged(&header, &blocks(&plain), true), &expected, "a hint in plain"));
    }
}

#[test]
fn a_hint_of_another_life_is_not_used_though_the_log_is_made_to_say_that_it_is_its_own() {
    let sim = SimFs::new(1);
    let (mut writer, _) = open_on(sim.process(), Some(key(1))).unwrap();
    commit(&mut writer, &["kk=1"]);
    writer.close().unwrap();
    let origin = sim.live_bytes(PATH).unwrap();
    let life = |change: &str| {
        let sim = sim_with(&[(PATH, &origin)]);
        let (mut writer, reader) = open_on(sim.process(), Some(key(1))).unwrap();
        commit(&mut writer, &[change]);
        let contents = contents(&reader).unwrap();
        writer.close().unwrap();
        (sim.live_bytes(PATH).unwrap(), sim.live_bytes(HINT).unwrap(), contents)
    };
    // As long as each other: a deletion, and another document. The hint of the first knows of neither document.
    let (one, hint, _) = life("kk");
    let (two, _, expected) = life("k=1");
    assert_eq!(one.len(), two.len());
    assert_eq!(expected.len(), 2);
    let all: Vec<(usize, Record)> = records(&two);
    let mut forge = Forge::new(&two);
    all.iter().for_each(|(_, record)| forge.push(record));
    let (position, close_mark) = all.last().unwrap();
    forge.set_last_chain(*position, close_mark.mark.unwrap(), u64_at(&hint, 72));
    for headers in [&one, &two] {
        let mut file = headers[..8192].to_vec();
        file.extend_from_slice(&forge.bytes()[8192..]);
        let opened = open_on(disk_with(&[(PATH, &file), (HINT, &hint)]), Some(key(1)));
        match opened.and_then(|(_writer, reader)| contents(&reader)) {
            Ok(found) => assert_eq!(found, expected, "a state in which no life ever was"),
            Err(error) => assert!(matches!(error, Error::Tampered { .. } | Error::Damaged { .. }), "{error}"),
        }
    }
}

#[test]
fn an_older_hint_of_the_same_life_changes_nothing() {
    let sim = SimFs::new(1);
    let (mut writer, _) = open_on(sim.process(), Some(key(1))).unwrap();
    commit(&mut writer, &["a=1", "b=1"]);
    writer.close().unwrap();
    let older = sim.live_bytes(HINT).unwrap();
    let (mut writer, reader) = open_on(sim.process(), Some(key(1))).unwrap();
    writer.commit(&[transaction(&["a", "c=1"])], Durability::Synced).unwrap();
    let expected = contents(&reader).unwrap();
    writer.close().unwrap();
    let file = sim.live_bytes(PATH).unwrap();
    assert!(is_used(&file, &older, &expected, "an older hint"), "the rest of the log is read behind it");
    let (mut writer, _) = open_on(sim.process(), Some(key(1))).unwrap();
    compact(&mut writer);
    writer.close().unwrap();
    let file = sim.live_bytes(PATH).unwrap();
    assert!(!is_used(&file, &older, &expected, "a hint of an earlier generation"));
}
