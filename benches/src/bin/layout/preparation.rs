//! Owns the comparison of ways to prepare space ahead of a log's end: each append synced, with its tail. Never counts
//! a way's first step, which a long run forgets.

use std::time::Duration;

use ferrumdb_benches::measure::{Latencies, rate, time};
use ferrumdb_benches::prepared_file::{PREPARATIONS, Preparation, PreparedFile, fill};
use ferrumdb_benches::report::{Table, duration, per_second};

use crate::{Result, Settings};

const SIZES: [usize; 3] = [256, 2048, 8192];
/// The ways take turns in short slices, so that a slow moment of the disk meets all of them.
const SLICES: u32 = 10;

pub(crate) fn print(settings: &Settings) -> Result<()> {
    for bytes in SIZES {
        let mut table = Table::new(&[
            "preparation",
            "median",
            "p99",
            "p99.9",
            "longest",
            "synced",
            "of growing",
            "without syncs",
        ]);
        let synced = synced(settings, bytes)?;
        let rate_of = |(latencies, took): &(Latencies, Duration)| rate(latencies.count(), *took);
        let growing = rate_of(&synced[0]);
        for (preparation, figures) in PREPARATIONS.into_iter().zip(&synced) {
            let tail = |share| duration(figures.0.quantile(share));
            table.row([
                preparation.name(),
                tail(0.5),
                tail(0.99),
                tail(0.999),
                duration(figures.0.longest()),
                per_second(rate_of(figures)),
                format!("{:.2}", rate_of(figures) / growing),
                per_second(unsynced(settings, preparation, bytes)?),
            ]);
        }
        println!("append of {bytes} B and fdatasync\n\n{}", table.text());
    }
    steps(settings)
}

/// Appends and syncs, all ways in turn. A step of preparing is part of the append that needs it.
fn synced(settings: &Settings, bytes: usize) -> Result<Vec<(Latencies, Duration)>> {
    let folder = tempfile::tempdir_in(&settings.folder)?;
    let record = vec![0x5A; bytes];
    let mut files = Vec::new();
    for preparation in PREPARATIONS {
        let mut file = PreparedFile::create(&folder.path().join(preparation.name()), preparation)?;
        file.append(&record)?;
        file.sync()?;
        files.push(file);
    }
    let mut figures = vec![(Latencies::default(), Duration::ZERO); files.len()];
    for _ in 0..SLICES {
        for (file, (latencies, took)) in files.iter_mut().zip(&mut figures) {
            let (result, slice) = time(|| -> std::io::Result<()> {
                let begin = std::time::Instant::now();
                while begin.elapsed() < settings.run_for / SLICES {
                    latencies.time(|| file.append(&record).and_then(|()| file.sync()))?;
                }
                Ok(())
            });
            result?;
            *took += slice;
        }
    }
    Ok(figures)
}

/// Appends 32 MiB without a sync.
fn unsynced(settings: &Settings, preparation: Preparation, bytes: usize) -> Result<f64> {
    let folder = tempfile::tempdir_in(&settings.folder)?;
    let record = vec![0x5A; bytes];
    let mut file = PreparedFile::create(&folder.path().join("log"), preparation)?;
    let times = (32 << 20) / bytes;
    let (result, took) = time(|| (0..times).try_for_each(|_| file.append(&record)));
    result?;
    Ok(rate(times, took))
}

/// What one step of zeros takes by itself: it is what the append that needs it waits for.
fn steps(settings: &Settings) -> Result<()> {
    let mut table = Table::new(&["step", "zeros", "zeros and fdatasync", "a KiB"]);
    for step in [64 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20_u64] {
        let folder = tempfile::tempdir_in(&settings.folder)?;
        let file = std::fs::File::options().write(true).create_new(true).open(folder.path().join("log"))?;
        let (mut zeros, mut both) = (Latencies::default(), Latencies::default());
        for number in 0..8 {
            let (filled, took) = time(|| fill(&file, number * step, (number + 1) * step));
            filled?;
            zeros.note(took);
            let (synced, more) = time(|| file.sync_data());
            synced?;
            both.note(took + more);
        }
        table.row([
            Preparation::Zeros(step).name(),
            duration(zeros.quantile(0.5)),
            duration(both.quantile(0.5)),
            duration(both.quantile(0.5) / u32::try_from(step >> 10)?),
        ]);
    }
    println!("one step of zeros, median of 8\n\n{}", table.text());
    Ok(())
}
