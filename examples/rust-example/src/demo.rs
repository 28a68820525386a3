//! Owns the story that `demo` plays: what a day with a few tasks looks like. Never does more than the commands can do.

use std::io::Write;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::list;
use crate::task::Status;
use crate::tasks::Tasks;

/// For how long the ended task of the story stays.
const KEEP: Duration = Duration::from_secs(1);

/// Plays the story. Its output is the same every time.
pub(crate) fn play(tasks: &Tasks, out: &mut impl Write) -> Result<()> {
    ensure!(
        tasks.all()?.is_empty(),
        "the demo wants a database of its own; name a new file: --database demo.db"
    );
    writeln!(out, "# four tasks are added")?;
    let due =
        [("write the report", "2026-12-01"), ("buy presents", "2026-12-20"), ("book a train", "2026-11-28")];
    for (title, day) in due {
        tasks.add(title, Some(day))?;
    }
    tasks.add("learn the cello", None)?;
    list(out, &tasks.all()?)?;

    writeln!(out, "# what is due in November, by the index on `due`")?;
    list(out, &tasks.due_by("2026-11-30")?)?;

    writeln!(out, "# Ann starts the report, and Bob comes too late")?;
    tasks.start(1, "Ann")?;
    if let Err(refused) = tasks.start(1, "Bob") {
        writeln!(out, "{refused}")?;
    }
    list(out, &tasks.with_status(Status::Started)?)?;

    writeln!(out, "# a task is renamed, another removed")?;
    tasks.rename(3, "book a night train")?;
    writeln!(out, "{}", tasks.remove(4)?)?;

    writeln!(
        out,
        "# the report and the train are done, and stay for a moment; the train is opened again in time"
    )?;
    tasks.done(1, KEEP)?;
    tasks.done(3, KEEP)?;
    list(out, &tasks.with_status(Status::Done)?)?;
    tasks.reopen(3)?;

    writeln!(out, "# a moment later")?;
    sleep(KEEP + Duration::from_millis(50));
    list(out, &tasks.all()?)?;
    writeln!(out, "done: {}", tasks.with_status(Status::Done)?.len())?;
    Ok(())
}
