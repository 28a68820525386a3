//! Owns carrying out some part of a compaction, and what a run knows of it. Never lets it change what the database must
//! hold.

use std::time::Duration;

use ferrumdb_engine::{Compaction, CompactionStep, Error, History, Relocation, Result};

use super::{Opened, Run};

/// How many parts of the keydir are one unit of work.
const PARTS_PER_UNIT: u32 = 100;

/// How far a compaction has come.
#[derive(Debug, Default)]
pub(super) enum Compacting {
    #[default]
    Idle,
    Stepping(Box<Compaction>),
    Relocating(Relocation),
}

impl Run {
    /// Goes on with the compaction that is under way, or begins one, by so many units of work.
    pub(super) fn compact(&mut self, units: u64, is_faulty: bool) -> std::result::Result<(), String> {
        for unit in 0..units {
            let Some(opened) = self.ensure_open(is_faulty)? else { return Ok(()) };
            let during = opened.compacting.name();
            self.begin(during);
            let Some(opened) = &mut self.opened else { return Ok(()) };
            let was_poisoned = opened.writer.is_poisoned();
            match opened.compact(unit) {
                Ok(Some(Unit::Installed)) => {
                    // All of it was synced in the new file, whatever became of the old one.
                    opened.may_be_in_doubt = false;
                    self.model.promise(self.model.sequence());
                    self.explored.compactions += 1;
                }
                Ok(Some(Unit::Other)) => {}
                Ok(None) => return Ok(()),
                // Its end: nothing has changed.
                Err(Error::Io { .. } | Error::InDoubt { .. }) if is_faulty => return Ok(()),
                Err(Error::Poisoned { .. }) if was_poisoned => return Ok(()),
                Err(error) => return Err(format!("the compaction failed: {error}")),
            }
        }
        Ok(())
    }
}

impl Compacting {
    /// What comes next.
    fn name(&self) -> &'static str {
        match self {
            Self::Idle => "beginning a compaction",
            Self::Stepping(_) => "compacting",
            Self::Relocating(_) => "moving entries",
        }
    }
}

enum Unit {
    Installed,
    Other,
}

impl Opened {
    /// One unit of work; nothing, if there is none to do.
    fn compact(&mut self, unit: u64) -> Result<Option<Unit>> {
        match std::mem::take(&mut self.compacting) {
            Compacting::Idle => {
                let history = match unit % 3 {
                    0 => History::None,
                    1 => History::Versions(2),
                    _ => History::For(Duration::from_millis(200)),
                };
                let begun = self.writer.begin_compaction(history)?;
                Ok(begun.map(|compaction| {
                    self.compacting = Compacting::Stepping(Box::new(compaction));
                    Unit::Other
                }))
            }
            Compacting::Stepping(mut compaction) => match compaction.step()? {
                CompactionStep::Working { .. } => {
                    self.compacting = Compacting::Stepping(compaction);
                    Ok(Some(Unit::Other))
                }
                CompactionStep::Pointless { .. } => Ok(None),
                CompactionStep::Ready => {
                    let (relocation, _) = self.writer.install_compaction(*compaction)?;
                    self.compacting = Compacting::Relocating(relocation);
                    Ok(Some(Unit::Installed))
                }
            },
            Compacting::Relocating(mut relocation) => {
                if (0..PARTS_PER_UNIT).all(|_| relocation.step()) {
                    self.compacting = Compacting::Relocating(relocation);
                } else {
                    self.writer.finish_relocation(&relocation);
                }
                Ok(Some(Unit::Other))
            }
        }
    }
}
