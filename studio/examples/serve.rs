//! Serves a database file from a program that has it open: `cargo run -p ferrumdb-studio --example serve -- my.db --write`.
//! Never changes a document by itself.

use std::io::Read;

use ferrumdb::{Config, ErrorKind, FerrumDB};
use ferrumdb_studio::{Options, serve};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().unwrap_or_else(|| "ferrum.db".to_owned());
    let writes = arguments.any(|argument| argument == "--write");
    let db = match FerrumDB::open(path.as_str()).wait() {
        // Another process is at work there: it is watched.
        Err(error) if error.kind() == ErrorKind::Locked => {
            FerrumDB::open(Config::new(&path).read_only()).wait()?
        }
        outcome => outcome?,
    };
    let studio = serve(&db, Options::new().with_writes(writes))?;
    #[expect(clippy::print_stdout, reason = "it is what this program is for")]
    {
        println!("Ferrum Studio is at {}", studio.launch_url());
        println!("Authorization: Bearer {}", studio.token());
    }
    // Until whoever has started it closes its input.
    std::io::stdin().read_to_end(&mut Vec::new())?;
    studio.stop();
    db.close().wait()?;
    Ok(())
}
