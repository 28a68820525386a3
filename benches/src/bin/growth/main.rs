//! Owns the measurement of what grows with the number of documents: rates, times and memory, each size in processes of its own.
//! Never compares with another store; the program `beside` does.
//!
//! ```text
//! cargo run --release -p ferrumdb-benches --bin growth -- [--sizes N,N,...] [--memory-sizes N,N,...] [--folder PATH]
//!     [--results FOLDER]
//! ```

mod memory;
mod steps;

use std::path::Path;
use std::process::{Command, ExitCode};

use ferrumdb_benches::arguments::Arguments;
use ferrumdb_benches::machine;
use ferrumdb_benches::report::Table;
use ferrumdb_benches::results::{Results, Series, Unit};

/// Whatever goes wrong ends the run.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// What a child has measured: a name, and a figure.
type Figures = Vec<(String, f64)>;

const COLUMNS: [(&str, Unit); 15] = [
    (steps::FILL, Unit::Rate),
    (steps::SETS, Unit::Rate),
    (steps::CACHED, Unit::Rate),
    (steps::COLD, Unit::Rate),
    (steps::FINDS, Unit::Rate),
    (steps::INDEX, Unit::Seconds),
    (steps::KEYS, Unit::Seconds),
    (steps::VERIFY, Unit::Seconds),
    (steps::COMPACT, Unit::Seconds),
    (steps::CLOSE, Unit::Seconds),
    (memory::OPEN, Unit::Seconds),
    (memory::WITH_INDEX, Unit::Seconds),
    (memory::OPEN_WITHOUT_HINT, Unit::Seconds),
    (memory::KEY, Unit::Bytes),
    (memory::INDEX_ENTRY, Unit::Bytes),
];

fn main() -> ExitCode {
    let arguments = Arguments::of_process();
    let done = match arguments.all() {
        [flag, child, path, documents] if flag == CHILD => as_child(child, Path::new(path), documents),
        _ => run(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("growth: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Makes this program do one part with one database, and print its figures.
const CHILD: &str = "--child";

fn as_child(child: &str, path: &Path, documents: &str) -> Result<()> {
    let documents = documents.parse()?;
    let figures = match child {
        steps::NAME => steps::run(path, documents)?,
        memory::FILL => memory::fill(path, documents)?,
        memory::CACHE => memory::of_the_cache(path, documents)?,
        memory::DROP_INDEXES => memory::drop_indexes(path)?,
        part => memory::open(path, documents, part)?,
    };
    println!("{}", serde_json::to_string(&figures)?);
    Ok(())
}

fn in_child(child: &str, path: &Path, documents: usize) -> Result<Figures> {
    let program = std::env::current_exe()?;
    let output = Command::new(program).args([CHILD, child]).arg(path).arg(documents.to_string()).output()?;
    if !output.status.success() {
        return Err(format!("{child}: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn run(arguments: &Arguments) -> Result<()> {
    let parent: String = arguments.value("--folder", ".".to_owned())?;
    let kept: String = arguments.value("--results", String::new())?;
    let sizes = sizes(arguments, "--sizes", "10000,100000,1000000")?;
    let folder = tempfile::tempdir_in(&parent)?;
    let machine = machine::describe(Path::new(&parent));
    println!("{machine}");
    let keep = |results: Results| match kept.as_str() {
        "" => Ok(()),
        kept => results.keep(Path::new(kept), "growth"),
    };
    let build = format!("{} build", if cfg!(debug_assertions) { "debug" } else { "release" });
    let lines = memory::lines(folder.path(), &memory_sizes(arguments)?)?;
    let results = Results { machine: machine.clone(), build: build.clone(), lines, series: None };
    for line in &results.lines {
        println!("{}", line.cells().join(" | "));
    }
    keep(results)?;
    for documents in sizes {
        eprintln!("{documents} documents ...");
        let path = folder.path().join(format!("{documents}.db"));
        let figures = of_one_size(&path, documents)?;
        std::fs::remove_file(&path)?;
        let find = |name: &str| figures.iter().find(|(known, _)| known == name).map(|(_, figure)| *figure);
        let point = (documents as f64, COLUMNS.iter().map(|(name, _)| find(name)).collect());
        let columns = COLUMNS.map(|(name, unit)| (name.to_owned(), unit)).to_vec();
        let series = Series { along: "documents".to_owned(), columns, points: vec![point] };
        print(&series);
        let (machine, build) = (machine.clone(), build.clone());
        // Each size as soon as it is there: the largest takes the longest.
        keep(Results { machine, build, lines: Vec::new(), series: Some(series) })?;
    }
    Ok(())
}

fn of_one_size(path: &Path, documents: usize) -> Result<Figures> {
    let mut figures = in_child(steps::NAME, path, documents)?;
    let mut open = |part: &str| -> Result<f64> {
        let opened = in_child(part, path, documents)?;
        let grown = opened.iter().find(|(name, _)| name == memory::GROWN).map(|(_, bytes)| *bytes);
        figures.extend(opened);
        Ok(grown.ok_or("a child has measured nothing")? / documents as f64)
    };
    let with_index = open(memory::WITH_INDEX)?;
    in_child(memory::DROP_INDEXES, path, documents)?;
    let without = open(memory::OPEN)?;
    open(memory::OPEN_WITHOUT_HINT)?;
    figures.extend([
        (memory::KEY.to_owned(), without),
        (memory::INDEX_ENTRY.to_owned(), (with_index - without).max(0.0)),
    ]);
    Ok(figures)
}

fn memory_sizes(arguments: &Arguments) -> Result<Vec<usize>> {
    sizes(arguments, "--memory-sizes", "900000,1000000,1200000,1800000,2000000")
}

fn sizes(arguments: &Arguments, name: &str, default: &str) -> Result<Vec<usize>> {
    let text: String = arguments.value(name, default.to_owned())?;
    Ok(text
        .split(',')
        .filter(|size| !size.is_empty())
        .map(str::parse)
        .collect::<std::result::Result<_, _>>()?)
}

fn print(series: &Series) {
    let mut table = Table::new(&["", "documents", "figure"]);
    for (documents, values) in &series.points {
        for ((name, unit), value) in series.columns.iter().zip(values) {
            let value = value.map(|value| unit.text(value)).unwrap_or_default();
            table.row([name.clone(), format!("{documents}"), value]);
        }
    }
    print!("{}", table.text());
}
