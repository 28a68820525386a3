//! Owns the measurements behind the layout whose answer is no mean: the tails of appending and of growing maps, and
//! memory. Never measures what Criterion can.
//!
//! ```text
//! cargo run --release -p ferrumdb-benches --bin layout -- [--only preparation|shards|memory] [--folder PATH]
//!     [--keys N] [--seconds S]
//! ```

mod memory;
mod preparation;
mod shards;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use ferrumdb_benches::arguments::Arguments;
use ferrumdb_benches::machine;

/// Whatever goes wrong ends the run.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// What was asked for on the command line.
#[derive(Debug)]
struct Settings {
    folder: PathBuf,
    keys: usize,
    run_for: Duration,
}

/// Its name on the command line, and what carries it out.
type Measurement = (&'static str, fn(&Settings) -> Result<()>);

const MEASUREMENTS: [Measurement; 3] =
    [("preparation", preparation::print), ("shards", shards::print), ("memory", memory::print)];

fn main() -> ExitCode {
    let arguments = Arguments::of_process();
    let result = memory::run_as_child(&arguments).unwrap_or_else(|| run(&arguments));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("layout: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let only: String = arguments.value("--only", String::new())?;
    let settings = Settings {
        folder: arguments.value("--folder", PathBuf::from("."))?,
        keys: arguments.value("--keys", 1_000_000)?,
        run_for: Duration::from_secs_f64(arguments.value("--seconds", 1.0)?),
    };
    println!("{}\n", machine::describe(Path::new(&settings.folder)));
    let mut chosen = MEASUREMENTS.iter().filter(|(name, _)| only.is_empty() || only == *name).peekable();
    if chosen.peek().is_none() {
        return Err(format!("there is no measurement `{only}`").into());
    }
    chosen.try_for_each(|(_, measure)| measure(&settings))
}
