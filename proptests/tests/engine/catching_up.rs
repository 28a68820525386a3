//! A compaction beside commits that come faster than it copies them: it ends all the same.

use ferrumdb_engine::fs::MemoryFs;
use ferrumdb_engine::{CompactionStep, History};

use crate::common::{PATH, appended, contents, open_at};
use crate::compaction::{begin, relocate};

#[test]
fn commits_that_come_faster_than_they_are_copied_hold_no_compaction_up_for_ever() {
    let pad = format!("\"{}\"", "x".repeat(700_000));
    for is_helped in [true, false] {
        let files = MemoryFs::new();
        let (mut writer, reader) = open_at(files, PATH).unwrap();
        for _ in 0..2 {
            appended(&mut writer, &["a=1", "b=2"]).unwrap();
        }
        let mut compaction = begin(&mut writer, History::None);
        // Two megabytes are committed whenever one was copied.
        let mut round = 0;
        let is_ready = loop {
            round += 1;
            for key in ["x", "y", "z"] {
                appended(&mut writer, &[format!("{key}={pad}").as_str()]).unwrap();
            }
            match compaction.step().unwrap() {
                CompactionStep::Ready => break true,
                _ if round == 40 => break false,
                _ if is_helped && compaction.needs_help() => writer.help_compaction(&mut compaction).unwrap(),
                _ => {}
            }
        };
        assert_eq!(is_ready, is_helped, "after {round} rounds");
        assert!(compaction.is_late());
        if is_ready {
            let before = contents(&reader);
            let (relocation, _) = writer.install_compaction(compaction).unwrap();
            relocate(&mut writer, relocation);
            assert_eq!(contents(&reader), before);
        }
    }
}
