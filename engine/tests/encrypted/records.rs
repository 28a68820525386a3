//! Attacks on records: moved, repeated, left out, taken from elsewhere, and changed in what is not sealed.

use super::attacker::{Mark, Record, forged, records};
use super::database::{Victim, commit, key, open_on};
use ferrumdb_engine::Error;
use ferrumdb_engine::fs::SimFs;

/// Tries an attack on the records of every kind of file.
fn on_every_file(attack: impl Fn(&[Record]) -> Vec<(String, Vec<Record>)>) {
    for (is_closed, is_compacted) in [(false, false), (true, false), (false, true), (true, true)] {
        let victim = Victim::new(is_closed, is_compacted);
        let records: Vec<Record> = records(&victim.file).into_iter().map(|(_, record)| record).collect();
        assert_eq!(forged(&victim.file, &records), victim.file, "the attacker follows the page");
        let variants = attack(&records);
        assert!(!variants.is_empty());
        for (name, variant) in variants {
            let name = format!("{name}, closed: {is_closed}, compacted: {is_compacted}");
            victim.assert_unharmed(&forged(&victim.file, &variant), is_closed, &name);
        }
    }
}

/// What is done to a record, and its name.
type Change = (&'static str, fn(&mut Record));

/// One variant for each record and each thing done to it.
fn each(records: &[Record], changes: &[Change]) -> Vec<(String, Vec<Record>)> {
    let mut variants = Vec::new();
    for index in 0..records.len() {
        for (name, change) in changes {
            let mut variant = records.to_vec();
            change(&mut variant[index]);
            if variant != records {
                variants.push((format!("record {index}: {name}"), variant));
            }
        }
    }
    variants
}

#[test]
fn records_that_change_places_are_refused() {
    on_every_file(|records| {
        let mut variants = Vec::new();
        for first in 0..records.len() {
            for second in first + 1..records.len() {
                let mut whole = records.to_vec();
                whole.swap(first, second);
                variants.push((format!("{first} and {second} change places"), whole));
                // Only what is sealed: everything around it is what belongs there.
                let mut sealed = records.to_vec();
                sealed[first].payload.clone_from(&records[second].payload);
                sealed[second].payload.clone_from(&records[first].payload);
                variants.push((format!("the payloads of {first} and {second} change places"), sealed));
            }
        }
        variants
    });
}

#[test]
fn a_record_that_is_repeated_anywhere_is_refused() {
    on_every_file(|records| {
        let mut variants = Vec::new();
        for from in 0..records.len() {
            for to in 0..=records.len() {
                let mut variant = records.to_vec();
                variant.insert(to, records[from].clone());
                variants.push((format!("{from} again at {to}"), variant.clone()));
                renumber(&mut variant);
                variants.push((format!("{from} again at {to}, renumbered"), variant));
            }
        }
        variants
    });
}

#[test]
fn a_record_that_is_left_out_is_missed() {
    on_every_file(|records| {
        let mut variants = Vec::new();
        for from in 0..records.len() {
            for to in from + 1..=records.len() {
                let mut variant = records.to_vec();
                variant.drain(from..to);
                variants.push((format!("without {from} to {to}"), variant.clone()));
                renumber(&mut variant);
                variants.push((format!("without {from} to {to}, renumbered"), variant));
            }
        }
        variants
    });
}

#[test]
fn what_stands_around_a_seal_cannot_be_changed() {
    on_every_file(|records| {
        let mut variants = each(
            records,
            &[
                ("another sequence", |record| record.sequence += 1),
                ("an earlier sequence", |record| record.sequence -= 1),
                ("another ordinal", |record| record.ordinal += 1),
                ("another write", |record| record.write_id ^= 1),
                ("no write", |record| record.write_id = 0),
                ("another previous", |record| record.previous ^= 8192),
                ("no previous", |record| record.previous = 0),
                ("a longer payload", |record| record.payload.push(0)),
                ("a longer payload, in front", |record| record.payload.insert(0, 0)),
                ("a payload without its tag", |record| record.payload.truncate(record.payload.len() - 16)),
                ("a payload that is too short", |record| record.payload.truncate(27)),
                ("a payload of zeros", |record| record.payload.fill(0)),
                ("no payload", |record| record.payload.clear()),
            ],
        );
        for index in 0..records.len() {
            for kind in (1..=9).filter(|kind| *kind != records[index].kind) {
                let mut variant = records.to_vec();
                variant[index].kind = kind;
                variants.push((format!("record {index}: kind {kind}"), variant));
            }
        }
        variants
    });
}

#[test]
fn a_mark_cannot_be_changed_taken_away_or_made_up() {
    fn with_mark(record: &mut Record, change: impl FnOnce(&mut Mark)) {
        if let Some(mark) = &mut record.mark {
            change(mark);
        }
    }
    on_every_file(|records| {
        let mut variants = each(
            records,
            &[
                ("no mark", |record| record.mark = None),
                ("a later time", |record| with_mark(record, |mark| mark.time += 1)),
                ("an endless time", |record| with_mark(record, |mark| mark.time = u64::MAX)),
                ("no time", |record| with_mark(record, |mark| mark.time = 0)),
                ("less synced", |record| with_mark(record, |mark| mark.synced -= 8)),
                ("more synced", |record| with_mark(record, |mark| mark.synced += 8)),
                ("all synced", |record| with_mark(record, |mark| mark.synced = u64::MAX)),
                ("more records", |record| with_mark(record, |mark| mark.records += 1)),
                ("no records", |record| with_mark(record, |mark| mark.records = 0)),
            ],
        );
        let time = records.iter().find_map(|record| record.mark).unwrap().time;
        for index in (0..records.len()).filter(|index| records[*index].mark.is_none()) {
            let mut variant = records.to_vec();
            variant[index].mark = Some(Mark { time, synced: 8192, records: variant[index].ordinal + 1 });
            variants.push((format!("record {index}: a mark of its own"), variant.clone()));
            renumber(&mut variant);
            variants.push((format!("record {index}: a mark of its own, renumbered"), variant));
        }
        for index in 0..records.len() {
            // Two commits become one, as they would have been written.
            let mut variant = records.to_vec();
            variant[index].mark = None;
            renumber(&mut variant);
            variants.push((format!("record {index}: its commit and the next are one"), variant));
        }
        variants
    });
}

#[test]
fn sync_marks_close_marks_and_base_ends_cannot_be_forged() {
    on_every_file(|records| {
        let mut variants = Vec::new();
        let payloads: Vec<Vec<u8>> =
            records.iter().map(|record| record.payload.clone()).chain([vec![], vec![7; 28]]).collect();
        for at in 0..=records.len() {
            let (sequence, time) = match at.checked_sub(1).map(|before| &records[before]) {
                Some(Record { sequence, mark: Some(mark), .. }) => (sequence + 1, mark.time),
                Some(_) => continue,
                None => (records[0].sequence, 1),
            };
            for (kind, payload) in
                [7, 8, 9].into_iter().flat_map(|kind| payloads.iter().map(move |p| (kind, p)))
            {
                let mark = Some(Mark { time, synced: 8192, records: 1 });
                let payload = payload.clone();
                let record = Record { kind, sequence, previous: 0, ordinal: 0, write_id: 0, payload, mark };
                let mut variant = records[..at].to_vec();
                variant.push(record);
                variants.push((format!("a mark of kind {kind} at the end of {at}"), variant.clone()));
                variant.extend_from_slice(&records[at..]);
                renumber(&mut variant);
                variants.push((format!("a mark of kind {kind} at {at}"), variant));
            }
        }
        variants
    });
}

/// Gives the records behind the base section the sequences and ordinals of whole commits one behind the other.
fn renumber(records: &mut [Record]) {
    let base_end = records.iter().position(|record| record.kind == 7);
    let (start, mut sequence) = base_end.map_or((0, 0), |end| (end + 1, records[end].sequence));
    let mut ordinal = 0;
    for record in records.iter_mut().skip(start) {
        if ordinal == 0 {
            sequence += 1;
        }
        (record.sequence, record.ordinal) = (sequence, ordinal);
        ordinal = if record.mark.is_some() { 0 } else { ordinal + 1 };
        if let Some(mark) = &mut record.mark {
            mark.records = record.ordinal + 1;
        }
    }
}

#[test]
fn no_record_of_another_file_or_generation_is_taken() {
    // The same key, the same history, the same lengths; only the file's id, or the generation, is another.
    let victim = Victim::new(true, false);
    let own: Vec<Record> = records(&victim.file).into_iter().map(|(_, record)| record).collect();
    let compacted = Victim::new(true, true);
    for (name, other) in [("another file", Victim::new(true, false)), ("another generation", compacted)] {
        let other: Vec<Record> = records(&other.file).into_iter().map(|(_, record)| record).collect();
        victim.assert_unharmed(&forged(&victim.file, &other), true, name);
        for at in 0..own.len() {
            for from in &other {
                let mut variant = own.clone();
                variant[at].payload.clone_from(&from.payload);
                victim.assert_unharmed(&forged(&victim.file, &variant), true, &format!("{name} at {at}"));
            }
            let mut variant = own[..at].to_vec();
            variant.extend_from_slice(&other[at.min(other.len())..]);
            victim.assert_unharmed(&forged(&victim.file, &variant), true, &format!("{name} from {at} on"));
        }
    }
}

#[test]
fn the_records_of_a_generation_before_the_compaction_do_not_pass_under_its_headers() {
    let sim = SimFs::new(1);
    let (mut writer, _) = open_on(sim.process(), Some(key(1))).unwrap();
    commit(&mut writer, &["a=1", "b=2"]);
    commit(&mut writer, &["a=3"]);
    let old = sim.live_bytes(super::database::PATH).unwrap();
    super::database::compact(&mut writer);
    writer.close().unwrap();
    let new = sim.live_bytes(super::database::PATH).unwrap();
    let old_records: Vec<Record> = records(&old).into_iter().map(|(_, record)| record).collect();
    let new_records: Vec<Record> = records(&new).into_iter().map(|(_, record)| record).collect();
    let victim = Victim { file: new.clone(), states: Vec::new() };
    for file in [forged(&new, &old_records), forged(&old, &new_records)] {
        let refused = victim.attempt(&file).unwrap_err();
        assert!(matches!(refused, Error::Tampered { .. } | Error::Damaged { .. }), "{refused}");
    }
}
