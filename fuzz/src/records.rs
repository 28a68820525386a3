//! Owns what must hold when any bytes are verified and repaired as a database. Never demands that anything can be saved.

use std::path::Path;
use std::sync::Arc;

use ferrumdb_engine::fs::FileSystem;
use ferrumdb_engine::{Error, RepairReport, Verification, VerifyReport, repair};

use crate::checks::{Case, PATH, assert_about_bytes, verify};
use crate::memory::Bound;

const REPAIRED: &str = "/repaired.db";

/// Any file can be verified and repaired: both end, and change nothing of it; what is saved opens, is sound, and is as much
/// as is told; and of a file that is sound everything is saved.
///
/// # Panics
/// When that is not so.
pub fn records(data: &[u8]) {
    let _bound = Bound::of(data.len());
    let Some(case) = Case::of(data) else { return };
    let verified = verify(Verification::of_file(Path::new(PATH), case.key.as_ref(), &case.sim));
    if let Err(error) = &verified {
        assert_about_bytes(error);
    }
    let files: Arc<dyn FileSystem> = Arc::new(case.sim.clone());
    let saved = repair(Path::new(PATH), Path::new(REPAIRED), case.key.as_ref(), &files, &mut |done, of| {
        assert!(done <= of);
        true
    });
    let untouched = case.sim.live_bytes(PATH).as_ref() == Some(&case.file);
    assert!(untouched, "verifying and repairing change nothing");
    match &saved {
        Ok(report) => assert_saved(&case, report),
        Err(error) => {
            assert_about_bytes(error);
            assert!(case.sim.live_bytes(REPAIRED).is_none(), "a repair that fails leaves nothing");
        }
    }
    // A file may have a feature that this build can read beside, and not write.
    let may_write = !matches!(saved, Err(Error::UnsupportedFeatures { .. }));
    if let Ok(verified) = verified
        && verified.is_sound()
        && may_write
    {
        assert_all_saved(&case, &verified, saved.is_ok());
    }
}

fn assert_saved(case: &Case, report: &RepairReport) {
    let verified = verify(Verification::of_file(Path::new(REPAIRED), case.key.as_ref(), &case.sim));
    let verified = verified.expect("what a repair has written can be verified");
    assert!(verified.is_sound() && verified.torn_bytes == 0, "{verified:?}\n{report:?}");
    assert_eq!(verified.documents, report.documents, "{verified:?}\n{report:?}");
    let (writer, reader) = case.open(REPAIRED).expect("what a repair has written opens");
    case.contents(&reader).expect("what a repair has written can be read");
    assert_eq!(reader.sequence().0 > 0, report.sequence.0 > 0);
    writer.close().expect("what a repair has written can be closed");
}

/// A file that is sound opens, and its repair has the same contents, unless there was a torn tail to save from.
fn assert_all_saved(case: &Case, verified: &VerifyReport, is_saved: bool) {
    if case.file.is_empty() {
        return;
    }
    assert!(is_saved, "a sound file can be repaired: {verified:?}");
    let (writer, reader) = case.open(PATH).expect("a sound file opens");
    let contents = case.contents(&reader).expect("a sound file can be read");
    writer.close().expect("a sound file can be closed");
    if verified.torn_bytes == 0 {
        let (_writer, reader) = case.open(REPAIRED).expect("what a repair has written opens");
        assert_eq!(case.contents(&reader).ok(), Some(contents), "{verified:?}");
    }
}
