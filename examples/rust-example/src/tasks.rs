//! Owns how tasks lie in the database: their keys, their indexes, and the transactions that change them. Never prints.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use ferrumdb::{Document, ErrorKind, FerrumDB, Key, Sequence, Transaction, Ttl};
use serde_json::json;

use crate::task::{Status, Task};

/// The document that holds the number of the newest task.
const COUNTER: &str = "newest-task";
const PREFIX: &str = "task:";

/// The tasks in a database.
pub(crate) struct Tasks {
    db: FerrumDB,
}

impl Tasks {
    /// Opens the database, and creates it with its indexes if need be.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let db = FerrumDB::open(path).wait()?;
        for field in ["status", "due"] {
            match db.create_index(field).wait() {
                Err(error) if error.kind() == ErrorKind::IndexExists => {}
                outcome => outcome.map(drop)?,
            }
        }
        Ok(Self { db })
    }

    pub(crate) fn close(&self) -> Result<()> {
        Ok(self.db.close().wait()?)
    }

    /// Adds a task and counts it, in one transaction: two programs that add at once get two numbers.
    pub(crate) fn add(&self, title: &str, due: Option<&str>) -> Result<u64> {
        let task = Task::new(title, due);
        loop {
            let newest = self.db.get(COUNTER)?;
            let id = 1 + newest.as_ref().map_or(Ok(0), Document::to::<u64>)?;
            let transaction = match &newest {
                Some(newest) => Transaction::new().if_version(COUNTER, newest.version()),
                None => Transaction::new().if_absent(COUNTER),
            };
            match self.db.commit(transaction.set(COUNTER, id).set(key(id), &task)).wait() {
                Err(error) if error.kind() == ErrorKind::Conflict => {} // somebody was faster
                outcome => return Ok(outcome.map(|_| id)?),
            }
        }
    }

    pub(crate) fn get(&self, id: u64) -> Result<Task> {
        Ok(self.versioned(id)?.0)
    }

    /// Every task, by its number.
    pub(crate) fn all(&self) -> Result<Vec<(u64, Task)>> {
        let keys: Vec<_> = self.db.keys()?.filter(|key| key.starts_with(PREFIX)).collect();
        let documents = self.db.get_many(&keys)?;
        tasks(keys.into_iter().zip(documents).filter_map(|(key, document)| Some((key, document?))))
    }

    pub(crate) fn with_status(&self, status: Status) -> Result<Vec<(u64, Task)>> {
        tasks(self.db.find_documents("status", &json!(status))?)
    }

    /// The tasks that are due on this day or before it, and not done.
    pub(crate) fn due_by(&self, day: &str) -> Result<Vec<(u64, Task)>> {
        let keys = self.db.find_range("due", ..=json!(day))?;
        let documents = self.db.get_many(&keys)?;
        let found = keys.into_iter().zip(documents).filter_map(|(key, document)| Some((key, document?)));
        let mut due = tasks(found)?;
        due.retain(|(_, task)| task.status != Status::Done);
        due.sort_by(|(_, one), (_, other)| one.due.cmp(&other.due));
        Ok(due)
    }

    /// Begins a task for somebody, if it is open.
    pub(crate) fn start(&self, id: u64, person: &str) -> Result<()> {
        self.change(id, |task| match (&task.person, task.status) {
            (Some(other), Status::Started) => bail!("{other} has started task {id} already"),
            (_, Status::Done) => bail!("task {id} is done; open it again first"),
            _ => Ok(Task { status: Status::Started, person: Some(person.to_owned()), ..task }),
        })
    }

    /// Ends a task, which is gone when the time has passed.
    pub(crate) fn done(&self, id: u64, keep: Duration) -> Result<()> {
        let (task, version) = self.versioned(id)?;
        let task = Task { status: Status::Done, ..task };
        // One commit: nobody sees a task that is done and stays for ever.
        let transaction = Transaction::new().if_version(key(id), version).set_ex(key(id), task, keep);
        self.db
            .commit(transaction)
            .wait()
            .with_context(|| format!("task {id} was changed by somebody else"))?;
        Ok(())
    }

    /// Opens a task again. A document that is set anew does not expire any more.
    pub(crate) fn reopen(&self, id: u64) -> Result<()> {
        self.change(id, |task| Ok(Task { status: Status::Open, person: None, ..task }))
    }

    pub(crate) fn rename(&self, id: u64, title: &str) -> Result<()> {
        self.change(id, |task| Ok(Task { title: title.to_owned(), ..task }))
    }

    /// Whether there was such a task.
    pub(crate) fn remove(&self, id: u64) -> Result<bool> {
        Ok(self.db.delete(key(id)).wait()?)
    }

    /// How long a task will stay, if it is to go.
    pub(crate) fn time_left(&self, id: u64) -> Result<Option<Duration>> {
        Ok(match self.db.ttl(key(id))? {
            Some(Ttl::ExpiresIn(left)) => Some(left),
            Some(Ttl::Never) | None => None,
        })
    }

    /// Stores what `change` makes of a task, unless it was changed meanwhile: then it is asked again.
    fn change(&self, id: u64, change: impl Fn(Task) -> Result<Task>) -> Result<()> {
        loop {
            let (task, version) = self.versioned(id)?;
            match self.db.set_if_version(key(id), change(task)?, version).wait() {
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                outcome => return Ok(outcome.map(drop)?),
            }
        }
    }

    fn versioned(&self, id: u64) -> Result<(Task, Sequence)> {
        let document = self.db.get(key(id))?.with_context(|| format!("there is no task {id}"))?;
        Ok((document.to()?, document.version()))
    }
}

fn key(id: u64) -> String {
    format!("{PREFIX}{id}")
}

/// The tasks in these documents, by their numbers.
fn tasks(found: impl IntoIterator<Item = (Key, Document)>) -> Result<Vec<(u64, Task)>> {
    let task = |(key, document): (Key, Document)| {
        let id = key.strip_prefix(PREFIX).and_then(|id| id.parse().ok());
        Ok((id.with_context(|| format!("{key:?} is no task's key"))?, document.to()?))
    };
    let mut tasks = found.into_iter().map(task).collect::<Result<Vec<_>>>()?;
    tasks.sort_by_key(|(id, _)| *id);
    Ok(tasks)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail this way")]

    use std::collections::BTreeSet;
    use std::thread;

    use super::*;

    #[test]
    fn tasks_that_are_added_at_once_get_different_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let tasks = Tasks::open(&folder.path().join("tasks.db")).unwrap();
        let add = || (0..25).map(|_| tasks.add("one of many", None).unwrap()).collect::<Vec<_>>();
        let numbers: Vec<u64> = thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(add)).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(BTreeSet::from_iter(numbers), (1..=100).collect());
        assert_eq!(tasks.with_status(Status::Open).unwrap().len(), 100);
    }

    #[test]
    fn only_one_can_start_a_task() {
        let folder = tempfile::tempdir().unwrap();
        let tasks = &Tasks::open(&folder.path().join("tasks.db")).unwrap();
        let id = tasks.add("wanted by all", None).unwrap();
        let started = thread::scope(|scope| {
            let try_it = |person: u32| move || tasks.start(id, &format!("p{person}")).is_ok();
            let threads: Vec<_> = (0..4).map(|person| scope.spawn(try_it(person))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).filter(|started| *started).count()
        });
        assert_eq!(started, 1);
        assert_eq!(tasks.with_status(Status::Started).unwrap().len(), 1);
    }
}
