//! Owns what must hold when any bytes are opened as a database. Never demands that they can be.

use ferrumdb_engine::{
    CollectionId, CompactionStep, Durability, EncodedDocument, Error, History, Key, Limits, Reader, Result,
    Timestamp, Transaction, VerifyReport, Writer,
};

use crate::checks::{Case, Contents, assert_about_bytes, verify};
use crate::memory::Bound;
use crate::packed::Flags;

/// Any file is refused and left as it is; or it opens, and then can be read, or says where it is damaged; and be written,
/// compacted, closed and opened again with the same contents.
///
/// # Panics
/// When that is not so.
pub fn open(data: &[u8]) {
    let _bound = Bound::of(data.len());
    let Some(case) = Case::of(data) else { return };
    match case.open(crate::checks::PATH) {
        Err(error) => {
            assert_about_bytes(&error);
            case.assert_untouched(&error);
        }
        Ok((writer, reader)) => opened(&case, writer, &reader),
    }
}

fn opened(case: &Case, mut writer: Writer, reader: &Reader) {
    let mut contents = case.contents(reader);
    let verified = verify(reader.begin_verify());
    for error in [contents.as_ref().err(), verified.as_ref().err()].into_iter().flatten() {
        assert_about_bytes(error);
    }
    match written(&mut writer) {
        Ok(()) => {
            if let Ok(contents) = &mut contents {
                contents.insert((CollectionId::ROOT, Key::from("new")), ("1".to_owned(), None));
            }
        }
        Err(error) => assert_about_bytes(&error),
    }
    assert!(!writer.is_poisoned());
    if case.flags.has(Flags::COMPACT)
        && let Err(error) = compacted(&mut writer)
    {
        assert_about_bytes(&error);
        // Of records that name wrong ones as the versions before them, all can be read as well.
        let is_sound = verified.as_ref().is_ok_and(VerifyReport::is_sound);
        assert!(case.has_hint || contents.is_err() || !is_sound, "all of it is sound: {error}");
    }
    if case.flags.has(Flags::WRITE_HINT)
        && let Some(task) = writer.begin_hint()
        && task.is_ready()
    {
        task.run().expect("the simulated disk fails only when it is told to");
    }
    let Ok(contents) = contents else { return };
    assert_same(case, reader, &contents);
    writer.close().expect("what could be written can be closed");
    match case.open(crate::checks::PATH) {
        Ok((writer, reader)) => {
            assert_same(case, &reader, &contents);
            writer.close().expect("what was closed can be closed again");
        }
        // What a hint covers is not looked at while there is one that fits.
        Err(error) => assert!(case.has_hint, "it was open a moment ago: {error}"),
    }
}

fn assert_same(case: &Case, reader: &Reader, contents: &Contents) {
    assert_eq!(case.contents(reader).as_ref().ok(), Some(contents));
}

fn written(writer: &mut Writer) -> Result<()> {
    let one = EncodedDocument::from_json(b"1", &Limits::default())?;
    let mut transaction = Transaction::new();
    transaction.set(CollectionId::ROOT, Key::from("new"), one, None::<Timestamp>);
    writer.commit(&[transaction], Durability::Synced).map(drop)
}

fn compacted(writer: &mut Writer) -> Result<()> {
    let Some(mut compaction) = writer.begin_compaction(History::None)? else { return Ok(()) };
    loop {
        match compaction.step()? {
            CompactionStep::Working { .. } => {}
            CompactionStep::Pointless { .. } => return Ok(()),
            CompactionStep::Ready => break,
        }
    }
    let (mut relocation, _) = writer.install_compaction(compaction)?;
    while relocation.step() {}
    writer.finish_relocation(&relocation);
    Ok::<(), Error>(())
}
