//! Owns a file that is appended to with its space prepared in one of several ways. Never knows what the bytes mean.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

/// How the space beyond the end is prepared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preparation {
    /// Not at all: each append makes the file longer.
    Growing,
    /// The file is made longer in steps of so many bytes; the space has no blocks yet.
    SetLen(u64),
    /// The same, and the space is filled with zeros and synced.
    Zeros(u64),
}

impl Preparation {
    /// The name in a table.
    #[must_use]
    pub fn name(self) -> String {
        let step = |bytes: u64| {
            if bytes < 1 << 20 { format!("{} KiB", bytes >> 10) } else { format!("{} MiB", bytes >> 20) }
        };
        match self {
            Self::Growing => "growing".to_owned(),
            Self::SetLen(bytes) => format!("set_len {}", step(bytes)),
            Self::Zeros(bytes) => format!("zeros {}", step(bytes)),
        }
    }
}

/// The ways that are compared.
pub const PREPARATIONS: [Preparation; 7] = [
    Preparation::Growing,
    Preparation::SetLen(64 << 10),
    Preparation::SetLen(1 << 20),
    Preparation::SetLen(16 << 20),
    Preparation::Zeros(64 << 10),
    Preparation::Zeros(1 << 20),
    Preparation::Zeros(16 << 20),
];

/// A new file, and its end.
#[derive(Debug)]
pub struct PreparedFile {
    /// INVARIANT: its cursor stands at `end`.
    file: File,
    preparation: Preparation,
    end: u64,
    prepared: u64,
}

impl PreparedFile {
    /// Creates the file; nothing is prepared yet.
    ///
    /// # Errors
    /// What the system reports.
    pub fn create(path: &Path, preparation: Preparation) -> io::Result<Self> {
        let file = File::options().read(true).write(true).create(true).truncate(true).open(path)?;
        file.sync_all()?;
        Ok(Self { file, preparation, end: 0, prepared: 0 })
    }

    /// Appends, preparing another step of space when the last one is used up.
    ///
    /// # Errors
    /// What the system reports.
    pub fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let end = self.end + bytes.len() as u64;
        if end > self.prepared {
            self.prepare(end)?;
        }
        self.file.write_all(bytes)?;
        self.end = end;
        Ok(())
    }

    /// Makes durable what was appended.
    ///
    /// # Errors
    /// What the system reports.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn prepare(&mut self, end: u64) -> io::Result<()> {
        match self.preparation {
            Preparation::Growing => {}
            Preparation::SetLen(step) => {
                self.prepared = end.next_multiple_of(step);
                self.file.set_len(self.prepared)?;
            }
            Preparation::Zeros(step) => {
                let from = self.prepared;
                self.prepared = end.next_multiple_of(step);
                fill(&self.file, from, self.prepared)?;
                self.file.seek(SeekFrom::Start(self.end))?;
                self.file.sync_data()?;
            }
        }
        Ok(())
    }
}

/// Writes zeros over a stretch of a file, without syncing. The cursor then stands behind them.
///
/// # Errors
/// What the system reports.
pub fn fill(mut file: &File, from: u64, to: u64) -> io::Result<()> {
    let zeros = vec![0; (1 << 20).min((to - from) as usize)];
    file.seek(SeekFrom::Start(from))?;
    let mut left = to - from;
    while left > 0 {
        let bytes = zeros.len().min(left as usize);
        file.write_all(&zeros[..bytes])?;
        left -= bytes as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failure is what a test reports")]

    use super::*;

    #[test]
    fn every_preparation_keeps_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        for preparation in PREPARATIONS {
            let path = folder.path().join("file");
            let mut file = PreparedFile::create(&path, preparation).unwrap();
            for byte in 1..=3 {
                file.append(&[byte; 40_000]).unwrap();
            }
            file.sync().unwrap();
            let bytes = std::fs::read(&path).unwrap();
            let good =
                bytes.iter().enumerate().all(|(index, byte)| *byte == [1, 2, 3, 0][(index / 40_000).min(3)]);
            assert!(good && bytes.len() >= 120_000, "{}", preparation.name());
        }
    }
}
