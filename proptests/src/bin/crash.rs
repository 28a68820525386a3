//! Owns the command that explores crashes for some time: `crash --seconds 20 --seed 1`. Never judges them.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command tells what it found")]

use std::process::ExitCode;
use std::time::Duration;

use ferrumdb_proptests::explore;

fn main() -> ExitCode {
    let seconds = argument("--seconds").unwrap_or(20);
    let seed = argument("--seed").unwrap_or(1);
    match explore(seed, Duration::from_secs(seconds)) {
        Ok(totals) => {
            println!(
                "seeds {seed}..{}: {} crashes, {} of them while opening and {} while compacting, {} compactions, {} \
                 distinct pairs of call and fates",
                seed + totals.lists,
                totals.crashes,
                totals.crashes_in_opening,
                totals.crashes_in_compacting,
                totals.compactions,
                totals.states.len()
            );
            ExitCode::SUCCESS
        }
        Err(finding) => {
            eprintln!("seed {} fails: {}\n{}", finding.seed, finding.reason, finding.list);
            ExitCode::FAILURE
        }
    }
}

fn argument(name: &str) -> Option<u64> {
    let mut arguments = std::env::args().skip_while(|argument| argument != name).skip(1);
    arguments.next().and_then(|value| value.parse().ok())
}
