//! Owns the command that explores crashes: `crash --seconds 20`, `crash --states 1000000 --seed 7 --sites`. Never judges
//! them.
//!
//! It ends after so many seconds, after so many distinct states, or when something is wrong. With `--least N`, it goes on
//! until each place was met with each fate so often, and fails if there is no time for that: `crash --least 100`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command tells what it found")]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use ferrumdb_proptests::{Budget, Totals, explore};

/// Fewer states do not show every place at which the power may go.
const STATES_TO_KNOW_THE_PLACES: u64 = 20_000;

fn main() -> ExitCode {
    let least = argument("--least").unwrap_or(0);
    let states = argument("--states").or((least > 0).then_some(STATES_TO_KNOW_THE_PLACES));
    let seconds = argument("--seconds").unwrap_or(if states.is_some() { 1 << 32 } else { 20 });
    let budget = Budget {
        time: Duration::from_secs(seconds),
        states: states.map_or(usize::MAX, |states| usize::try_from(states).unwrap_or(usize::MAX)),
        least,
    };
    let seed = argument("--seed").unwrap_or(1);
    let begin = Instant::now();
    let found = explore(seed, budget);
    let totals = match &found {
        Ok(totals) => totals,
        Err(finding) => &finding.totals,
    };
    tell(seed, begin, totals);
    if let Err(finding) = &found {
        eprintln!("seed {} fails: {}\n{}", finding.seed, finding.reason, finding.list);
        return ExitCode::FAILURE;
    }
    let least = totals.sites.least_met().map_or(0, |(times, ..)| times);
    if least < budget.least {
        eprintln!("some place was met too seldom");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn tell(seed: u64, begin: Instant, totals: &Totals) {
    let Totals {
        lists,
        aimed,
        crashes,
        crashes_in_opening,
        crashes_in_compacting,
        compactions,
        states,
        sites,
    } = totals;
    if std::env::args().any(|argument| argument == "--sites") {
        println!("   cuts    kept dropped    torn");
        for (site, met) in &sites.0 {
            let [kept, dropped, torn] = met.fates;
            println!("{:7} {kept:7} {dropped:7} {torn:7}  {site} {:?}", met.cuts, met.chances);
        }
    }
    println!(
        "seeds {seed}..{}, {aimed} lists again, {} s: {} distinct states in {crashes} crashes, {crashes_in_opening} of them \
         while opening and {crashes_in_compacting} while compacting, {compactions} compactions",
        seed + lists,
        begin.elapsed().as_secs(),
        states.len()
    );
    if let Some((times, site, fate)) = sites.least_met() {
        println!("{} places; least often, {times} times: {site}, {fate}", sites.0.len());
    }
}

fn argument(name: &str) -> Option<u64> {
    let mut arguments = std::env::args().skip_while(|argument| argument != name).skip(1);
    arguments.next().and_then(|value| value.parse().ok())
}
