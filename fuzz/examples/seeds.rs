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
use ferrumdb_fuzz::{Flags, KEY, decode, encode, pack};
use ferrumdb_proptests::OpList;

const SEALS: u8 = Flags::SEAL_HEADER | Flags::SEAL_LOG | Flags::SEAL_HINT;

/// Lists of operations, as `proptests/src/ops/text.rs` reads them, each line of one behind a semicolon.
const OPERATIONS: [(&str, &str); 18] = [
    ("commit-close-flip", "commit synced 1=1; close; flip 589901; open"),
    (
        "commit-cut",
        "seed 1; commit synced 1=1; commit appended 1=4; power-cut 3; open; commit appended 2=31; power-cut 4",
    ),
    (
        "encrypted-compact",
        "seed 2; commit synced 1=1; commit synced 1=2; compact 14; commit appended 2=4; close; open",
    ),
    (
        "compact-crash",
        "seed 3; commit synced 0=1; commit synced 0=2; fail any 10 once crash 1; compact 14; power-cut 7; open",
    ),
    (
        "compact-crash-opening",
        "commit synced 0=9; fail any 15 once crash 2; compact 14; fail any 4 once crash 1; open; open",
    ),
    (
        "snapshot-over-compaction",
        "seed 1; commit synced 0=1; snapshot; commit synced 0=31; compact 14; commit synced 0-; release 0; compact 14",
    ),
    (
        "failed-sync",
        "commit appended 0=1; fail sync 1 once error; sync; commit synced 1=1; drop; open; commit synced 1=1",
    ),
    (
        "full-disk",
        "seed 2; fail write 3 always full; commit synced 0=31; commit synced 0=31; commit synced 1=63; close",
    ),
    (
        "sync-beside",
        "seed 1; commit appended 0=1; begin-sync; commit appended 0=2; run-sync; finish-sync; power-cut 9; open",
    ),
    (
        "short-reads",
        "commit synced 0=4; close; fail read 1 once short 50; open; fail read 1 always partial 9; kill; open",
    ),
    ("group", "seed 3; commit synced 0=1 1=2 0- 2=3 0- | 0=1 1- | | 3=1; power-cut 8; open"),
    (
        "marks",
        "seed 1; commit appended 5=1; mark; mark; kill; open; mark; drop; open; commit appended 5-; close; open; close",
    ),
    (
        "collections",
        "commit synced 5=1 7=2; commit appended 8-; kill; open; commit synced 6=3; snapshot; commit appended 8- | 5=4; close; open",
    ),
    (
        "ranges",
        "seed 1; commit synced 0=1 1=2 2=3; order 0; delete-range synced 0 1; order 0; commit appended 4=4; delete-range appended 2 5; power-cut 3; open",
    ),
    (
        "range-crash",
        "commit synced 5=1 6=2; delete-range appended 5 0; fail write 1 once crash 5; delete-range synced 6 0; open",
    ),
    (
        "shorten-forge",
        "commit synced 0=1 1=2; commit synced 1=3; close; shorten 5; forge 1; forge 131074; forge 3; open; compact 14; close; forge 4; shorten 8",
    ),
    (
        "lying-compaction",
        "commit appended 0=100 | 0=101; fail sync 1 once lie; compact 14; power-cut 1; open",
    ),
    (
        "lying-folder",
        "seed 1; fail sync-directory 1 always lie; commit synced 0=1; power-cut 2; open; fail sync 2 once lie; commit synced 1=1; power-cut 2; open",
    ),
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
    for (name, text) in OPERATIONS {
        let list: OpList = text.replace(';', "\n").parse()?;
        let bytes = encode(&list);
        if decode(&bytes) != list {
            return Err(format!("{name} does not come back as it was: {}", decode(&bytes)).into());
        }
        keep_for("operations", name, &bytes)?;
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
