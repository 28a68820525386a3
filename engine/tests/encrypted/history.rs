//! A long history of an encrypted database, every write of which is looked at: no nonce twice, nothing in plain, and no
//! record that the header on the disk had not allowed before.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex};

use super::attacker::{LOG_START, crc, newest_header, u32_at, u64_at};
use super::database::{PATH, ROOT, compact, contents, key};
use super::watching::Watching;
use ferrumdb_engine::fs::{Effect, Fate, Fault, PendingChange, SimFs, SimOperation};
use ferrumdb_engine::{
    Durability, EncodedDocument, EncryptionKey, FieldPath, Key, Limits, Options, Reader, Timestamp,
    Transaction, Writer, open,
};

/// No byte of it is in a magic, and no number in the file is as large by chance.
const PLANTED: &str = "zqplantedqz";
const EXPIRES_AT: u64 = 0x7A71_8000_1234_5678;

/// What has been seen of all writes.
#[derive(Default)]
struct Seen {
    /// What each nonce has sealed.
    nonces: HashMap<[u8; 12], Vec<u8>>,
    repeated: u64,
    /// The records of each generation, by their nonces.
    sealed: BTreeMap<u64, BTreeSet<[u8; 12]>>,
    counts_checked: u64,
    kinds_of_files: BTreeSet<&'static str>,
    bytes: u64,
}

impl Seen {
    fn write(&mut self, disk: &SimFs, path: &Path, position: u64, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        let needles = [PLANTED.as_bytes(), &EXPIRES_AT.to_le_bytes(), &EXPIRES_AT.to_be_bytes()];
        for needle in needles {
            let found = bytes.windows(needle.len()).any(|part| part == needle);
            assert!(
                !found,
                "{} is written in plain to {} at {position}",
                needle.escape_ascii(),
                path.display()
            );
        }
        let name = path.to_string_lossy();
        let file = ["db.new-", "db.hint", "db.torn-"].into_iter().find(|part| name.contains(part));
        self.kinds_of_files.insert(file.unwrap_or("db"));
        if bytes.starts_with(b"\xFFFerrumDB") {
            self.nonce(bytes[184..196].try_into().unwrap(), &bytes[196..244]);
        } else if bytes.starts_with(&[0xFF, 0xC5]) {
            self.records(disk, position as usize, bytes);
        } else if !bytes.starts_with(b"\xFFFerrumHT")
            && bytes.len() >= 48
            && u32_at(bytes, 12) as usize == bytes.len() - 20
        {
            self.nonce(bytes[20..32].try_into().unwrap(), &bytes[32..]);
        }
    }

    fn records(&mut self, disk: &SimFs, position: usize, bytes: &[u8]) {
        let file = disk.durable_bytes(PATH).unwrap();
        let header = newest_header(&file);
        let mut at = 0;
        while bytes[at..].starts_with(&[0xFF, 0xC5]) {
            let payload = at + 40..at + 40 + u32_at(bytes, at + 4) as usize;
            let nonce = bytes[payload.start..payload.start + 12].try_into().unwrap();
            self.nonce(nonce, &bytes[payload.start + 12..payload.end]);
            if let Some(generation) = generation(&file[header + 48..header + 64], position + at, &bytes[at..])
            {
                let sealed = self.sealed.entry(generation).or_default();
                sealed.insert(nonce);
                if generation == u64_at(&file, header + 64) {
                    let allowed = u64_at(&file, header + 144);
                    assert!(sealed.len() as u64 <= allowed, "{} of {allowed} are sealed", sealed.len());
                    self.counts_checked += 1;
                }
            }
            at = payload.end.next_multiple_of(8) + if bytes[at + 3] == 1 { 32 } else { 0 };
            if at >= bytes.len() {
                break;
            }
        }
    }

    /// The same bytes may be written twice, to a torn file too; a nonce never seals other ones.
    fn nonce(&mut self, nonce: [u8; 12], sealed: &[u8]) {
        match self.nonces.insert(nonce, sealed.to_vec()) {
            Some(before) => {
                assert!(before == sealed, "a nonce has sealed two things");
                self.repeated += 1;
            }
            None => assert_ne!(nonce, [0; 12]),
        }
    }
}

/// The generation that the head of a record belongs to; nothing for bytes of a torn tail, which are copied elsewhere.
fn generation(file_id: &[u8], position: usize, head: &[u8]) -> Option<u64> {
    (position >= LOG_START).then_some(())?;
    (1..200_u64).find(|generation| {
        let base = crc(crc(0, file_id), &generation.to_le_bytes());
        crc(base ^ position as u32, &head[..36]) == u32_at(head, 36)
    })
}

struct Life {
    sim: SimFs,
    seen: Arc<Mutex<Seen>>,
    key: EncryptionKey,
    number: u64,
}

impl Life {
    fn open(&self) -> (Writer, Reader) {
        let seen = Arc::clone(&self.seen);
        let watch = move |disk: &SimFs, path: &Path, position: u64, bytes: &[u8]| {
            seen.lock().unwrap().write(disk, path, position, bytes);
        };
        let mut options = Options::new(PATH);
        options.cache_bytes = 0;
        options.encryption = Some(self.key.clone());
        open(options, Arc::new(Watching::new(self.sim.process(), Arc::new(Mutex::new(watch))))).unwrap()
    }

    fn commit(&mut self, writer: &mut Writer, records: u64, durability: Durability) {
        let mut transaction = Transaction::new();
        for _ in 0..records {
            self.number += 1;
            let name = Key::from(format!("{PLANTED}-{}", self.number % 40).as_str());
            if self.number.is_multiple_of(11) {
                transaction.delete(ROOT, name);
                continue;
            }
            let value =
                serde_json::json!({"field": format!("{PLANTED}{}", self.number), PLANTED: self.number});
            let document = EncodedDocument::from_serialize(&value, &Limits::default()).unwrap();
            transaction.set(
                ROOT,
                name,
                document,
                self.number.is_multiple_of(3).then_some(Timestamp(EXPIRES_AT)),
            );
        }
        writer.commit(&[transaction], durability).unwrap()[0].as_ref().unwrap();
    }
}

#[test]
fn no_nonce_repeats_nothing_is_plain_and_nothing_is_sealed_beyond_what_the_disk_allows() {
    let (sim, seen) = (SimFs::new(1), Arc::new(Mutex::new(Seen::default())));
    let mut life = Life { sim, seen, key: key(1), number: 0 };
    for round in 0..60_u64 {
        let (mut writer, reader) = life.open();
        if round == 0 {
            for path in [FieldPath::parse("field").unwrap(), FieldPath::parse(PLANTED).unwrap()] {
                let mut build = writer.begin_index(ROOT, path).unwrap();
                build.run().unwrap();
                let rounds = writer.index_round(&build);
                writer.install_index(build, rounds, Durability::Synced).unwrap();
            }
        }
        for records in 1..6 {
            life.commit(&mut writer, records, Durability::Synced);
        }
        writer.append_sync_mark().unwrap();
        if round % 4 == 1 {
            compact(&mut writer);
            life.commit(&mut writer, 300, Durability::Synced);
        }
        if round % 9 == 2 {
            life.key = key(round as u8 + 2);
            writer.rekey(&life.key).unwrap();
        }
        if round % 3 == 0 {
            writer.sync().unwrap();
            writer.begin_hint().unwrap().run().unwrap();
        }
        let before = contents(&reader).unwrap();
        match round % 5 {
            0 => {
                // A torn tail that is saved: the first of some commits is lost.
                (0..4).for_each(|_| life.commit(&mut writer, 2, Durability::Appended));
                drop((writer, reader));
                let mut is_lost = false;
                life.sim.crash_with(|operation| match operation.change {
                    PendingChange::Write { .. } if !std::mem::replace(&mut is_lost, true) => Fate::Dropped,
                    _ => Fate::Kept,
                });
                assert_eq!(contents(&life.open().1).unwrap(), before);
                life.sim.crash_with(|_| Fate::Dropped);
            }
            1 => {
                // A write that fails, whose place is written anew.
                let failing = Effect::PartialThenError(100, std::io::ErrorKind::StorageFull);
                life.sim.inject(Fault::new(SimOperation::Write, failing));
                let mut transaction = Transaction::new();
                transaction.delete(ROOT, before.keys().next().map(|name| Key::from(name.as_str())).unwrap());
                writer.commit(&[transaction], Durability::Appended).unwrap_err();
                life.commit(&mut writer, 2, Durability::Synced);
                drop((writer, reader));
                life.sim.crash_with(|_| Fate::Dropped);
            }
            _ => writer.close().unwrap(),
        }
    }
    let seen = life.seen.lock().unwrap();
    // Hints and torn tails are written as temporaries, too.
    assert_eq!(seen.kinds_of_files, BTreeSet::from(["db", "db.new-"]));
    assert!(
        seen.nonces.len() > 6_000 && seen.counts_checked > 3_000,
        "{} {}",
        seen.nonces.len(),
        seen.counts_checked
    );
    assert!(seen.sealed.len() > 10 && seen.repeated > 0 && seen.bytes > 1 << 20);
    for name in life.sim.names() {
        let bytes = life.sim.live_bytes(&name).unwrap();
        assert!(!bytes.windows(PLANTED.len()).any(|part| part == PLANTED.as_bytes()), "{}", name.display());
    }
    assert!(life.sim.names().iter().any(|name| name.to_string_lossy().contains("torn-")));
}
