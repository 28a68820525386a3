//! Owns the command that makes the golden files of the format version that this build writes. Never makes one anew that is
//! there: its version is frozen.
#![allow(clippy::print_stdout, reason = "a command tells what it did")]

mod broken;
mod making;
mod whole;

use std::io;

use ferrumdb_proptests::golden::{Facts, checksum, folder};
use making::Golden;
use serde_json::Value;

/// The version of the format that this build writes, as `docs/format.md` says.
const VERSION: u32 = 1;

fn main() -> io::Result<()> {
    let folder = folder(VERSION);
    std::fs::create_dir_all(&folder)?;
    for Golden { name, mut facts, files } in whole::all().into_iter().chain(broken::all()) {
        let facts_path = folder.join(format!("{name}.json"));
        if facts_path.exists() {
            println!("{name} is there");
            continue;
        }
        for (file, bytes) in files {
            facts.files.insert(file.clone(), checksum(&bytes));
            std::fs::write(folder.join(file), bytes)?;
        }
        std::fs::write(facts_path, text(&facts)?)?;
        println!("{name} was made");
    }
    Ok(())
}

/// One line for each fact: few bytes, and yet to be read.
fn text(facts: &Facts) -> io::Result<String> {
    let Value::Object(fields) = serde_json::to_value(facts)? else { unreachable!("facts have fields") };
    let lines: Vec<_> = fields.iter().map(|(name, value)| format!("  {name:?}: {value}")).collect();
    Ok(format!("{{\n{}\n}}\n", lines.join(",\n")))
}
