//! Owns making the seeds of all targets: of `open` and `records` files as small as they get, plain, compacted and encrypted,
//! with indexes, expiries and hints, whole, torn and damaged; of `operations` and `json` what their authors thought of. Never
//! removes one.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use ferrumdb_engine::fs::{FileSystem, MemoryFs, OpenMode, read_full};
use ferrumdb_engine::{
    CollectionId, CompactionStep, Durability, EncodedDocument, EncryptionKey, FieldPath, History, Key,
    Limits, ManualClock, Options, Timestamp, Transaction, Writer, open,
};
use ferrumdb_fuzz::{Flags, KEY, pack};

const SEALS: u8 = Flags::SEAL_HEADER | Flags::SEAL_LOG | Flags::SEAL_HINT;

/// A seed and operations, as `operations` reads them: 0 commits, 7 compacts, 8 closes, 10 opens, 11 kills, 12 cuts the power,
/// 13 lets a call fail, 14 takes a snapshot, 16 flips a bit.
const OPERATIONS: [(&str, &[u8]); 12] = [
    ("commit-close-flip", &[0, 0, 1, 0x40, 1, 0, 8, 16, 9, 1, 77, 3, 10]),
    ("commit-cut", &[1, 0, 1, 0x40, 1, 0, 0, 0, 0x41, 4, 0, 12, 3, 0, 10, 0, 0, 0x42, 31, 0, 12, 4, 0]),
    ("encrypted-compact", &[2, 0, 1, 0x40, 1, 0, 0, 1, 0x40, 2, 0, 7, 13, 0, 0, 0x41, 4, 0, 8, 10]),
    ("compact-crash", &[3, 0, 1, 0x40, 1, 0, 0, 1, 0x40, 2, 0, 13, 0, 9, 5, 1, 0, 7, 13, 12, 7, 0, 10]),
    ("compact-crash-opening", &[0, 0, 1, 0x40, 9, 0, 13, 0, 14, 5, 2, 0, 7, 13, 13, 0, 3, 5, 1, 0, 10, 10]),
    ("snapshot-over-compaction", &[1, 0, 1, 0x40, 1, 0, 14, 0, 1, 0x40, 31, 0, 7, 13, 0, 1, 0, 15, 0, 7, 13]),
    ("failed-sync", &[0, 0, 0, 0x40, 1, 0, 13, 2, 0, 0, 2, 0, 1, 0x41, 1, 0, 9, 10, 0, 1, 0x41, 1, 0]),
    ("full-disk", &[2, 13, 0x81, 2, 1, 0, 1, 0x40, 31, 0, 0, 1, 0x40, 31, 0, 0, 1, 0x41, 63, 0, 8]),
    ("sync-beside", &[1, 0, 0, 0x40, 1, 0, 3, 0, 0, 0x40, 2, 0, 4, 5, 12, 9, 0, 10]),
    ("short-reads", &[0, 0, 1, 0x40, 4, 0, 8, 13, 5, 0, 2, 50, 0, 10, 13, 0x85, 0, 3, 9, 0, 11, 10]),
    ("group", &[3, 0, 15, 5, 0x40, 1, 0, 0x41, 2, 0, 0, 0x42, 3, 0, 1, 2, 0x43, 1, 0, 3, 0, 0, 12, 8, 0]),
    ("marks", &[1, 0, 0, 0x45, 1, 0, 6, 6, 11, 10, 6, 9, 10, 0, 0, 5, 8, 10, 8]),
];

const TEXTS: [(&str, &str); 16] = [
    ("object", r#"{"a":1,"b":[true,false,null],"c":{"d":"e"}}"#),
    ("spaces", " \t\r\n{ \"a\" : [ 1 , 2 ] }\n"),
    ("integers", "[0,-0,9223372036854775807,-9223372036854775808,18446744073709551615,18446744073709551616]"),
    ("floats", "[0.1,1e5,1E+5,1e-400,1.50,-0.0,123456789012345678901234567890.0,2.2250738585072011e-308]"),
    ("too-large", "[1e308,1e309]"),
    ("escapes", r#""\"\\\/\b\f\n\r\t\u0041\u00e9\u0000\u001f\u007f""#),
    ("surrogates", r#"["\ud83d\ude00","\uD834\uDD1E"]"#),
    ("lone-surrogate", r#""\ud83d x""#),
    ("twice", r#"{"a":1,"\u0061":2}"#),
    ("empty-keys", r#"{"":{"":{"":""}}}"#),
    ("deep", "[[[[[[[[[[[[[[[[{\"a\":[[[[[[]]]]]]}]]]]]]]]]]]]]]]]"),
    ("trailing", "[1,2,]"),
    ("two", "1 2"),
    ("words", "[nul,truee,NaN,Infinity]"),
    ("mark", "\u{feff}1"),
    ("unicode", "{\"é\":\"\u{1F600}\u{2028}\",\"e\u{301}\":\"\u{7f}\"}"),
];

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    for is_encrypted in [false, true] {
        for is_compacted in [false, true] {
            let (file, hint) = database(is_encrypted, is_compacted)?;
            let keyed = if is_encrypted { Flags::KEYED } else { 0 };
            let name = format!(
                "{}{}",
                if is_encrypted { "encrypted" } else { "plain" },
                if is_compacted { "-compacted" } else { "" }
            );
            let flags = Flags(keyed | Flags::COMPACT | Flags::WRITE_HINT);
            keep(&name, &pack(flags, &file, b""))?;
            keep(&format!("{name}-sealed"), &pack(Flags(keyed | SEALS), &file, b""))?;
            keep(&format!("{name}-hinted"), &pack(Flags(keyed | SEALS), &file, &hint))?;
            keep(&format!("{name}-as-if-open"), &pack(Flags(keyed), &file, &hint))?;
            keep(&format!("{name}-torn"), &pack(flags, &file[..file.len() - 81], b""))?;
            let mut damaged = file.clone();
            damaged[8192 + 90] ^= 1;
            keep(&format!("{name}-damaged"), &pack(Flags(keyed), &damaged, b""))?;
            let no_key = Flags(Flags::KEYED - keyed);
            keep(&format!("{name}-other-key"), &pack(no_key, &file, b""))?;
            keep(&format!("{name}-raw"), &[&[Flags::RAW | keyed], &file[..512]].concat())?;
        }
    }
    keep("empty", &[Flags::RAW])?;
    keep("text", b"\x01{\"not\": \"a database\"}")?;
    for (name, bytes) in OPERATIONS {
        keep_for("operations", name, bytes)?;
    }
    TEXTS.iter().try_for_each(|(name, text)| keep_for("json", name, text.as_bytes()))
}

/// Writes one file among the seeds of both targets that take one.
fn keep(name: &str, input: &[u8]) -> Result<()> {
    keep_for("open", name, input)?;
    keep_for("records", name, input)
}

fn keep_for(target: &str, name: &str, input: &[u8]) -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
    fs::create_dir_all(&folder)?;
    Ok(fs::write(folder.join(name), input)?)
}

/// The bytes of a small database and of its hint.
fn database(is_encrypted: bool, is_compacted: bool) -> Result<(Vec<u8>, Vec<u8>)> {
    let files = Arc::new(MemoryFs::new());
    let mut options = Options::new("my.db");
    options.clock = Arc::new(ManualClock::new(Timestamp(1_000)));
    options.encryption = is_encrypted.then(|| EncryptionKey::from_bytes(KEY));
    let (mut writer, _reader) = open(options, files.clone())?;
    commit(&mut writer, &[("a", Some(r#"{"n":1}"#)), ("b", Some(r#"{"n":[1,"x"]}"#))])?;
    let path = FieldPath::parse("n")?;
    let mut build = writer.begin_index(CollectionId::ROOT, path)?;
    build.run()?;
    let round = writer.index_round(&build);
    writer.install_index(build, round, Durability::Synced)?;
    commit(&mut writer, &[("a", Some("{}"))])?;
    if is_compacted {
        compact(&mut writer)?;
    }
    commit(&mut writer, &[("b", None), ("", Some("null"))])?;
    if let Some(task) = writer.begin_hint() {
        task.run()?;
    }
    writer.append_sync_mark()?;
    writer.close()?;
    Ok((read(&files, "my.db")?, read(&files, "my.db.hint")?))
}

fn commit(writer: &mut Writer, changes: &[(&str, Option<&str>)]) -> Result<()> {
    let mut transaction = Transaction::new();
    for (key, text) in changes {
        match text {
            Some(text) => {
                let document = EncodedDocument::from_json(text.as_bytes(), &Limits::default())?;
                let expires_at = key.is_empty().then_some(Timestamp(5_000));
                transaction.set(CollectionId::ROOT, Key::from(*key), document.clone(), expires_at);
                transaction.set(CollectionId(7), Key::from(*key), document, None);
            }
            None => transaction.delete(CollectionId::ROOT, Key::from(*key)),
        }
    }
    for outcome in writer.commit(&[transaction], Durability::Synced)? {
        outcome.map_err(|refused| format!("{refused:?}"))?;
    }
    Ok(())
}

fn compact(writer: &mut Writer) -> Result<()> {
    let mut compaction = writer.begin_compaction(History::None)?.ok_or("there is something to compact")?;
    while compaction.step()? != CompactionStep::Ready {}
    let (mut relocation, _) = writer.install_compaction(compaction)?;
    while relocation.step() {}
    writer.finish_relocation(&relocation);
    Ok(())
}

fn read(files: &MemoryFs, name: &str) -> Result<Vec<u8>> {
    let file = files.open(Path::new(name), OpenMode::Read)?;
    let mut bytes = vec![0; usize::try_from(file.len()?)?];
    read_full(&*file, &mut bytes, 0)?;
    Ok(bytes)
}
