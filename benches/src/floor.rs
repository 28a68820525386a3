//! Owns the rates that the bare machine allows: a record appended and synced, one after the other. Never involves a
//! store.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::measure::Latencies;
use crate::prepared_file::{Preparation, PreparedFile};

/// Appends records of one size for a while, each synced before the next, and notes what each takes. The first step of
/// prepared space is made before the clock runs.
///
/// # Errors
/// What the system reports.
pub fn append_and_sync(
    path: &Path,
    preparation: Preparation,
    record_bytes: usize,
    run_for: Duration,
) -> io::Result<Latencies> {
    let record = vec![0x5A; record_bytes];
    let mut file = PreparedFile::create(path, preparation)?;
    file.append(&record)?;
    file.sync()?;
    let mut latencies = Latencies::default();
    let begin = Instant::now();
    while begin.elapsed() < run_for {
        latencies.time(|| file.append(&record).and_then(|()| file.sync()))?;
    }
    drop(file);
    std::fs::remove_file(path)?;
    Ok(latencies)
}
