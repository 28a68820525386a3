//! Owns the two tables that say what opening does with what it finds. Never does it.
//!
//! `docs/recovery.md` shows the same tables, and a test holds them together.

/// What a path turns out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileFound {
    Missing,
    Folder,
    Empty,
    Zeros,
    Foreign,
    DamagedHeader,
    NewerVersion,
    UnknownFeatures,
    ReadOnlyFeatures,
    Increment,
    Database,
}

/// What opening does with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileAction {
    /// Publish a new database under the free name.
    Create,
    /// Put a new database in the place of the empty file.
    Replace,
    /// Report what it is, and touch nothing.
    Refuse,
    /// Read the log, and go on with the second table.
    Recover,
}

pub(crate) const FILE_TABLE: [(FileFound, FileAction); 11] = [
    (FileFound::Missing, FileAction::Create),
    (FileFound::Folder, FileAction::Refuse),
    (FileFound::Empty, FileAction::Replace),
    (FileFound::Zeros, FileAction::Refuse),
    (FileFound::Foreign, FileAction::Refuse),
    (FileFound::DamagedHeader, FileAction::Refuse),
    (FileFound::NewerVersion, FileAction::Refuse),
    (FileFound::UnknownFeatures, FileAction::Refuse),
    (FileFound::ReadOnlyFeatures, FileAction::Refuse),
    (FileFound::Increment, FileAction::Refuse),
    (FileFound::Database, FileAction::Recover),
];

/// What follows the last good commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TailFound {
    /// Nothing, or zeros up to the end of the file.
    Zeros,
    /// Other bytes, with no whole commit among them.
    Garbage,
    /// Other bytes, and whole commits beyond them.
    Commits,
}

/// Whether the header or any mark, before or beyond, says that more than the good commits was synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    Within,
    Beyond,
}

/// What opening does with the tail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TailAction {
    /// Go on where the log ends.
    Keep,
    /// Cut the torn tail off.
    Cut,
    /// Save the torn tail in a file beside, then cut it off.
    SaveAndCut,
    /// Report damage, and touch nothing.
    Refuse,
}

pub(crate) const TAIL_TABLE: [(TailFound, Claim, TailAction); 6] = [
    (TailFound::Zeros, Claim::Within, TailAction::Keep),
    (TailFound::Zeros, Claim::Beyond, TailAction::Refuse),
    (TailFound::Garbage, Claim::Within, TailAction::Cut),
    (TailFound::Garbage, Claim::Beyond, TailAction::Refuse),
    (TailFound::Commits, Claim::Within, TailAction::SaveAndCut),
    (TailFound::Commits, Claim::Beyond, TailAction::Refuse),
];

impl FileFound {
    pub(crate) fn action(self) -> FileAction {
        let row = FILE_TABLE.iter().find(|(found, _)| *found == self);
        row.expect("a test proves that the table has every state").1
    }
}

impl TailFound {
    pub(crate) fn action(self, claim: Claim) -> TailAction {
        let row = TAIL_TABLE.iter().find(|(found, row_claim, _)| *found == self && *row_claim == claim);
        row.expect("a test proves that the table has every state").2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = include_str!("../../../docs/recovery.md");

    #[test]
    fn every_state_of_a_file_has_exactly_one_row() {
        use FileFound::*;
        // The match names every state, so that a new one does not compile until it is in the list.
        let all = [
            Missing,
            Folder,
            Empty,
            Zeros,
            Foreign,
            DamagedHeader,
            NewerVersion,
            UnknownFeatures,
            ReadOnlyFeatures,
            Increment,
            Database,
        ];
        for state in all {
            match state {
                Missing | Folder | Empty | Zeros | Foreign | DamagedHeader | NewerVersion
                | UnknownFeatures | ReadOnlyFeatures | Increment | Database => {}
            }
            assert_eq!(FILE_TABLE.iter().filter(|(found, _)| *found == state).count(), 1, "{state:?}");
        }
        assert_eq!(FILE_TABLE.len(), all.len());
    }

    #[test]
    fn every_state_of_a_tail_has_exactly_one_row() {
        let tails = [TailFound::Zeros, TailFound::Garbage, TailFound::Commits];
        let claims = [Claim::Within, Claim::Beyond];
        for tail in tails {
            match tail {
                TailFound::Zeros | TailFound::Garbage | TailFound::Commits => {}
            }
            for claim in claims {
                match claim {
                    Claim::Within | Claim::Beyond => {}
                }
                let rows = TAIL_TABLE.iter().filter(|row| (row.0, row.1) == (tail, claim));
                assert_eq!(rows.count(), 1, "{tail:?} {claim:?}");
            }
        }
        assert_eq!(TAIL_TABLE.len(), tails.len() * claims.len());
    }

    #[test]
    fn the_page_shows_the_same_tables() {
        for (found, action) in FILE_TABLE {
            let row = format!("| `{found:?}` | `{action:?}` |");
            assert!(PAGE.contains(&row), "docs/recovery.md has no row {row}");
        }
        for (found, claim, action) in TAIL_TABLE {
            let row = format!("| `{found:?}` | `{claim:?}` | `{action:?}` |");
            assert!(PAGE.contains(&row), "docs/recovery.md has no row {row}");
        }
    }
}
