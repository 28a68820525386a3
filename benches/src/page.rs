//! Owns the tables and plots of `docs/performance.md` that are made of the kept results, between markers. Never changes what stands
//! outside of those.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use crate::plot;
use crate::report::Table;
use crate::results::{COLUMNS, Line, Results, Series, Unit};

/// The page, its plots, and the results, from the folder of this crate.
pub const PAGE: &str = "../docs/performance.md";
/// A folder of its own.
pub const PLOTS: &str = "../docs/performance";
/// A file for each measurement.
pub const RESULTS: &str = "results";

/// How a part of the page begins and ends: `<!-- made: NAME -->` and `<!-- end -->`.
const BEGIN: &str = "<!-- made: ";
const END: &str = "<!-- end -->";

/// The page with all its parts made anew.
///
/// # Errors
/// `InvalidData` for a part that has no end or is none; what the system reports.
pub fn made(page: &str, results: &Path) -> io::Result<String> {
    let (mut made, mut rest) = (String::new(), page);
    while let Some(begin) = rest.find(BEGIN) {
        let (before, part) = rest.split_at(begin);
        let name_end = part.find(" -->").ok_or_else(|| wrong("a part's name has no end"))?;
        let name = &part[BEGIN.len()..name_end];
        let end = part.find(END).ok_or_else(|| wrong(&format!("the part `{name}` has no end")))?;
        made += before;
        made += &format!("{BEGIN}{name} -->\n{}{END}", body(name, results)?);
        rest = &part[end + END.len()..];
    }
    Ok(made + rest)
}

/// The plots that the page shows, by the names of their files.
///
/// # Errors
/// What the system reports.
pub fn plots(results: &Path) -> io::Result<BTreeMap<String, String>> {
    let mut plots = BTreeMap::new();
    for name in SERIES.map(|(name, _)| name) {
        let Some(series) = kept(results, name)?.and_then(|kept| kept.series) else { continue };
        for (file, title, unit) in plots_of(name, &series) {
            plots.insert(file, plot::lines(&title, &series, unit, name == "growth"));
        }
    }
    for (name, workload, file) in PLOTTED {
        let Some(kept) = kept(results, name)? else { continue };
        let lines: Vec<&Line> =
            kept.lines.iter().filter(|line| line.workload.starts_with(workload)).collect();
        if !lines.is_empty() {
            plots.insert(file.to_owned(), plot::bars(workload, &lines));
        }
    }
    Ok(plots)
}

/// Nothing, if this was never measured.
fn kept(folder: &Path, name: &str) -> io::Result<Option<Results>> {
    match Results::read(folder, name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    }
}

/// Workloads with a plot of their own: where they are kept, how they begin, and the plot's file.
const PLOTTED: [(&str, &str, &str); 4] = [
    ("raw", "get, 100000 documents, uniform, 2 thread(s)", "gets.svg"),
    ("writes", "overwrite 100000 documents, 1 thread", "overwrites.svg"),
    ("synced", "set, 64 thread(s)", "synced.svg"),
    ("ycsb", "YCSB A", "ycsb-a.svg"),
];

/// Results with a series, and what their plots are called.
const SERIES: [(&str, &str); 2] = [("growth", "Growth"), ("soak", "Overwrites without end")];

/// The plots of a series: their files, titles and units.
fn plots_of(name: &str, series: &Series) -> Vec<(String, String, Unit)> {
    let Some((_, title)) = SERIES.iter().find(|(known, _)| *known == name) else { return Vec::new() };
    let kinds = [(Unit::Rate, "rates"), (Unit::Seconds, "times"), (Unit::Bytes, "memory")];
    let has = |unit: Unit| series.columns.iter().any(|(_, of)| *of == unit);
    let of_kind = |(unit, what)| (format!("{name}-{what}.svg"), format!("{title}: {what}"), unit);
    kinds.into_iter().filter(|(unit, _)| has(*unit)).map(of_kind).collect()
}

/// `NAME` for a table with a column for each store, `NAME rows` for one with a line for each comparison, `NAME series`,
/// `NAME tails`, and `bars` for all bars of all results. Several names, with commas between them, make one table of their lines. Below a table come its
/// plots.
fn body(part: &str, folder: &Path) -> io::Result<String> {
    if part == "bars" {
        return all_bars(folder);
    }
    let (name, form) = part.split_once(' ').unwrap_or((part, ""));
    let mut results = Results::default();
    let mut origins: Vec<String> = Vec::new();
    for name in name.split(',') {
        let Some(Results { machine, build, lines, series }) = kept(folder, name)? else { continue };
        results.lines.extend(lines);
        results.series = results.series.or(series);
        let origin = format!("{machine}; {build}");
        if !origins.contains(&origin) {
            origins.push(origin);
        }
    }
    if origins.is_empty() {
        return Ok("Not measured yet.\n".to_owned());
    }
    let table = match form {
        "" => by_store(&results.lines),
        "rows" => rows(&results.lines),
        "tails" => tails(&results.lines),
        "series" => series(&results)?,
        _ => return Err(wrong(&format!("`{part}` is no part"))),
    };
    let series = results.series.iter().filter(|_| form == "series").flat_map(|series| plots_of(name, series));
    let of_series = series.map(|(file, title, _)| (title, file));
    let is_there = |workload: &str| results.lines.iter().any(|line| line.workload.starts_with(workload));
    let plotted =
        PLOTTED.iter().filter(|(of, workload, _)| *of == name && form.is_empty() && is_there(workload));
    let of_lines = plotted.map(|(_, workload, file)| ((*workload).to_owned(), (*file).to_owned()));
    let shown: String = of_series
        .chain(of_lines)
        .map(|(title, file)| format!("\n![{title}](performance/{file})\n"))
        .collect();
    Ok(format!("{}\nMeasured on {}.\n{shown}", table.text(), origins.join(", and on ")))
}

fn rows<'l>(lines: impl IntoIterator<Item = &'l Line>) -> Table {
    let mut table = Table::new(&COLUMNS);
    lines.into_iter().for_each(|line| table.row(line.cells()));
    table
}

/// Every line with a bar, of all results.
fn all_bars(folder: &Path) -> io::Result<String> {
    let mut names: Vec<String> = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        names.extend(name.strip_suffix(".json").map(str::to_owned));
    }
    names.sort_unstable();
    let mut table = Table::new(&["workload", "FerrumDB", "beside it", "figure", "ratio", "bar", ""]);
    let (mut reached, mut all) = (0, 0);
    for name in names {
        for line in Results::read(folder, &name)?.lines.iter().filter(|line| line.bar.is_some()) {
            let [bar, verdict] = line.verdict();
            (reached, all) = (reached + usize::from(line.passes()), all + 1);
            table.row([
                line.workload.clone(),
                line.unit.text(line.ours.median),
                line.peer.clone(),
                line.unit.text(line.theirs.median),
                format!("{:.2}", line.ratio()),
                bar,
                verdict,
            ]);
        }
    }
    Ok(format!("{}\n{reached} of {all} are reached.\n", table.text()))
}

/// A line for each workload, a column for each store.
fn by_store(lines: &[Line]) -> Table {
    let mut peers: Vec<&str> = Vec::new();
    let mut workloads: Vec<&str> = Vec::new();
    for line in lines {
        if !peers.contains(&line.peer.as_str()) {
            peers.push(&line.peer);
        }
        if !workloads.contains(&line.workload.as_str()) {
            workloads.push(&line.workload);
        }
    }
    let columns: Vec<&str> =
        ["workload", "durability", "FerrumDB"].into_iter().chain(peers.iter().copied()).collect();
    let mut table = Table::new(&columns);
    for workload in workloads {
        let of: Vec<&Line> = lines.iter().filter(|line| line.workload == workload).collect();
        let first = of[0];
        let note = first.ours.note.as_ref().map(|note| format!(" ({note})")).unwrap_or_default();
        let mut cells =
            vec![workload.to_owned(), first.durability.clone(), first.unit.text(first.ours.median) + &note];
        for peer in &peers {
            let line = of.iter().find(|line| line.peer == *peer);
            cells.push(line.map(|line| line.unit.text(line.theirs.median)).unwrap_or_default());
        }
        table.row(cells);
    }
    table
}

/// The latencies of both sides, to their tails.
fn tails(lines: &[Line]) -> Table {
    let mut table = Table::new(&["workload", "whose", "median", "p99", "p99.9", "p99.99", "longest"]);
    let mut shown: Vec<(&str, &str)> = Vec::new();
    for line in lines {
        for (whose, figure) in [("FerrumDB", &line.ours), (line.peer.as_str(), &line.theirs)] {
            let Some(found) = figure.quantiles else { continue };
            if shown.contains(&(&line.workload, whose)) {
                continue;
            }
            shown.push((&line.workload, whose));
            let nanos = [found.p50, found.p99, found.p99_9, found.p99_99, found.longest];
            let cells = nanos.map(|nanos| Unit::Seconds.text(nanos as f64 / 1e9));
            table.row([line.workload.clone(), whose.to_owned()].into_iter().chain(cells));
        }
    }
    table
}

fn series(results: &Results) -> io::Result<Table> {
    let series = results.series.as_ref().ok_or_else(|| wrong("there is no series"))?;
    let names = series.columns.iter().map(|(name, _)| name.as_str());
    let columns: Vec<&str> = [series.along.as_str()].into_iter().chain(names).collect();
    let mut table = Table::new(&columns);
    for (at, values) in &series.points {
        let cells = series
            .columns
            .iter()
            .zip(values)
            .map(|((_, unit), value)| value.map(|value| unit.text(value)).unwrap_or_default());
        table.row([format!("{at}")].into_iter().chain(cells));
    }
    Ok(table)
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failure is what a test reports")]

    use super::*;
    use crate::results::Figure;

    #[test]
    fn only_what_stands_between_markers_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let figure = |median| Figure { median, rounds: vec![median], quantiles: None, note: None };
        let line = |peer: &str, theirs| Line {
            workload: "get".to_owned(),
            durability: String::new(),
            unit: Unit::Rate,
            ours: figure(300_000.0),
            peer: peer.to_owned(),
            theirs: figure(theirs),
            bar: Some(1.5),
        };
        let lines = vec![line("one", 100_000.0), line("two", 250_000.0)];
        let results =
            Results { machine: "a machine".to_owned(), build: "a build".to_owned(), lines, series: None };
        results.keep(folder.path(), "gets").unwrap();
        let page = "before\n<!-- made: gets -->\nold\n<!-- end -->\nbetween\n<!-- made: bars -->\n<!-- end -->\nafter\n";
        let made = made(page, folder.path()).unwrap();
        assert!(made.starts_with("before\n<!-- made: gets -->\n| workload"), "{made}");
        assert!(made.ends_with("1 of 2 are reached.\n<!-- end -->\nafter\n"), "{made}");
        assert!(made.contains("| get      |            | 300 k/s  | 100 k/s | 250 k/s |"), "{made}");
        assert!(made.contains("between") && !made.contains("old"));
        assert!(made.contains("Measured on a machine; a build.\n"), "{made}");
        assert_eq!(super::made(&made, folder.path()).unwrap(), made);
    }

    #[test]
    fn several_results_make_one_table() {
        let folder = tempfile::tempdir().unwrap();
        for (name, theirs) in [("gets", 4.0), ("sets", 8.0)] {
            let figure = |median| Figure { median, rounds: vec![median], quantiles: None, note: None };
            let line = Line {
                workload: name.to_owned(),
                durability: String::new(),
                unit: Unit::Rate,
                ours: figure(4.0),
                peer: "peer".to_owned(),
                theirs: figure(theirs),
                bar: None,
            };
            let (machine, build) = ("a machine".to_owned(), "a build".to_owned());
            Results { machine, build, lines: vec![line], series: None }.keep(folder.path(), name).unwrap();
        }
        let page = "<!-- made: sets,gets,never rows -->\n<!-- end -->\n<!-- made: never -->\n<!-- end -->\n";
        let made = made(page, folder.path()).unwrap();
        assert!(made.ends_with("<!-- made: never -->\nNot measured yet.\n<!-- end -->\n"), "{made}");
        let ratios: Vec<&str> =
            made.lines().filter_map(|line| line.split('|').nth(8)).map(str::trim).collect();
        assert_eq!(ratios, ["ratio", "-------", "0.50", "1.00"]);
        assert_eq!(made.matches("Measured on a machine; a build.").count(), 1);
    }
}
