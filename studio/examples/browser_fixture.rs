//! Owns the databases that the tests of the page look at in a browser: a small one, served three times, to be changed, to be
//! read, and by a follower; one of a million documents; and an encrypted one that is empty. It never outlives its input, which whoever started it holds open.

use std::error::Error;
use std::io::{Read, Write};

use ferrumdb::{Config, FerrumDB, FsyncPolicy, Transaction};
use ferrumdb_studio::{Options, Studio, serve};
use serde_json::{Value, json};

const PEOPLE: usize = 240;
const LAUNCHES: usize = 4;
const BATCH: usize = 10_000;

fn main() -> Result<(), Box<dyn Error>> {
    let million = std::env::args().nth(1).map_or(Ok(1_000_000), |argument| argument.parse::<usize>())?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("fixture <img src=x onerror=alert(1)>.db");
    let db = FerrumDB::open(Config::new(&path).with_fsync_policy(FsyncPolicy::Never)).wait()?;
    fill(&db)?;
    let large =
        FerrumDB::open(Config::new(folder.path().join("large.db")).with_fsync_policy(FsyncPolicy::Never))
            .wait()?;
    fill_large(&large, million)?;
    let write = serve(&db, Options::new().with_port(0).with_writes(true))?;
    let read = serve(&db, Options::new().with_port(0))?;
    let beside = FerrumDB::open(Config::new(&path).read_only()).wait()?;
    let follower = serve(&beside, Options::new().with_port(0).with_writes(true))?;
    let many = serve(&large, Options::new().with_port(0))?;
    let empty = Config::new(folder.path().join("empty.db")).with_encryption([7; 32]);
    let nothing = serve(&FerrumDB::open(empty).wait()?, Options::new().with_port(0).with_writes(true))?;
    let told = json!({
        "write": served(&write),
        "read": served(&read),
        "follower": served(&follower),
        "large": served(&many),
        "empty": served(&nothing),
        "million": million,
    });
    writeln!(std::io::stdout(), "{told}")?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

fn served(studio: &Studio) -> Value {
    let launches: Vec<String> = (0..LAUNCHES).map(|_| studio.launch_url()).collect();
    json!({ "url": studio.url(), "launches": launches, "token": studio.token() })
}

fn fill(db: &FerrumDB) -> ferrumdb::Result<()> {
    for theme in ["dark", "light", "contrast"] {
        db.set(
            "config",
            json!({ "theme": theme, "limits": { "low": 1, "high": 10 }, "flags": [true, false, null] }),
        )
        .wait()?;
    }
    db.set_raw("numbers", br#"{"most":18446744073709551615,"least":-9223372036854775808,"spelled":1.50}"#)
        .wait()?;
    let cities = ["Oslo", "Lisbon", "Kyoto", "Bogotá"];
    for number in 0..PEOPLE {
        let person = json!({ "name": format!("person {number}"), "age": 20 + number % 60, "address": { "city": cities[number % 4] } });
        db.set(format!("user:{:02}:profile:{number:04}", number % 12), person).wait()?;
    }
    db.create_index("age").wait()?;
    let orders = db.collection("orders")?;
    for number in 0..40 {
        orders
            .set(
                format!("order-{number:03}"),
                json!({ "total": number * 3, "lines": [{ "part": "bolt", "count": number }] }),
            )
            .wait()?;
    }
    Ok(())
}

fn fill_large(db: &FerrumDB, million: usize) -> ferrumdb::Result<()> {
    for begin in (0..million).step_by(BATCH) {
        let mut transaction = Transaction::new();
        for number in begin..(begin + BATCH).min(million) {
            transaction = transaction.set(format!("row:{:03}:{number:07}", number % 1000), number);
        }
        db.commit(transaction).wait()?;
    }
    Ok(())
}
