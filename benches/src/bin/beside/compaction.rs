//! Owns the row of compactions: documents that were all overwritten once, and half of them deleted, beside redb. Never times a
//! compaction that has lost a document or won nothing.

use std::path::Path;

use ferrumdb::{Config, FerrumDB, FsyncPolicy, Transaction};
use ferrumdb_benches::measure::time;
use ferrumdb_benches::workload::Workload;
use redb::{Database, Durability, ReadableDatabase, ReadableTableMetadata, TableDefinition};

use crate::rows::{Row, Side, Unit};
use crate::writes::order;
use crate::{Result, Settings};

const TABLE: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("documents");
/// How many changes a transaction has.
const BATCH: usize = 1_000;

/// What both stores are given.
struct Given {
    versions: [Workload; 2],
    /// In this order all are overwritten, and then the first half of it is deleted.
    order: Vec<usize>,
}

/// Each round fills both anew, and compacts one after the other.
pub(crate) fn of_overwritten_documents(settings: &Settings) -> Result<Vec<Row>> {
    let versions = [Workload::new(settings.documents, 0), Workload::new(settings.documents, 1)];
    let given = Given { versions, order: order(settings.documents) };
    let (mut ours, mut theirs) = (Side::default(), Side::default());
    for round in 0..settings.rounds {
        let folder = settings.folder.path().join(format!("compaction-{round}"));
        std::fs::create_dir(&folder)?;
        // Whoever comes first in one round comes second in the next.
        for side in [round % 2, 1 - round % 2] {
            match side {
                0 => ferrum(&mut ours, &folder.join("ferrum.db"), &given)?,
                _ => redb(&mut theirs, &folder.join("redb.db"), &given)?,
            }
        }
        std::fs::remove_dir_all(&folder)?;
    }
    Ok(vec![Row {
        workload: format!("compact {} documents, all overwritten, half deleted", settings.documents),
        durability: "synced at its end",
        peer: "redb",
        unit: Unit::Seconds,
        ours,
        theirs,
        bar: Some(1.0),
    }])
}

fn ferrum(side: &mut Side, path: &Path, given: &Given) -> Result<()> {
    let config = Config::new(path).with_fsync_policy(FsyncPolicy::Never).with_auto_compaction(None);
    let db = FerrumDB::open(config).wait()?;
    given.fill(|sets| {
        let all = sets.iter().fold(Transaction::new(), |all, (key, document)| match document {
            Some(document) => all.set(*key, document),
            None => all.delete(*key),
        });
        Ok(db.commit(all).wait().map(drop)?)
    })?;
    let (report, took) = time(|| db.compact().wait());
    let report = report?;
    side.seconds(took);
    if report.bytes_after * 2 > report.bytes_before {
        return Err("a compaction has won less than half".into());
    }
    given.check(db.count()?, |key| Ok(db.get(key)?.map(|document| document.value().clone())))
}

fn redb(side: &mut Side, path: &Path, given: &Given) -> Result<()> {
    let mut db = Database::create(path)?;
    given.fill(|sets| {
        let mut writing = db.begin_write()?;
        writing.set_durability(Durability::None)?;
        let mut table = writing.open_table(TABLE)?;
        for (key, document) in sets {
            match document {
                Some(document) => drop(table.insert(*key, &*serde_json::to_vec(document)?)?),
                None => drop(table.remove(*key)?),
            }
        }
        drop(table);
        Ok(writing.commit()?)
    })?;
    // What was never durable cannot be freed, so this is not the compaction's to do.
    db.begin_write()?.commit()?;
    let before = path.metadata()?.len();
    let (compacted, took) = time(|| db.compact());
    compacted?;
    side.seconds(took);
    if path.metadata()?.len() >= before {
        return Err("redb's compaction has won nothing".into());
    }
    let reading = db.begin_read()?;
    let table = reading.open_table(TABLE)?;
    given.check(table.len()?, |key| {
        Ok(table.get(key)?.map(|found| serde_json::from_slice(found.value())).transpose()?)
    })
}

impl Given {
    /// Hands out all changes, some at a time: a document is set, or nothing is left of it.
    fn fill(
        &self,
        mut change: impl FnMut(&[(&str, Option<&serde_json::Value>)]) -> Result<()>,
    ) -> Result<()> {
        let [first, second] = &self.versions;
        let set = |version: &'_ Workload, number: usize| {
            (version.keys[number].clone(), Some(version.documents[number].clone()))
        };
        let inserts = (0..first.len()).map(|number| set(first, number));
        let overwrites = self.order.iter().map(|number| set(second, *number));
        let deletions = self.deleted().iter().map(|number| (first.keys[*number].clone(), None));
        let all: Vec<_> = inserts.chain(overwrites).chain(deletions).collect();
        all.chunks(BATCH).try_for_each(|chunk| {
            let changes: Vec<_> = chunk.iter().map(|(key, document)| (&**key, document.as_ref())).collect();
            change(&changes)
        })
    }

    fn deleted(&self) -> &[usize] {
        &self.order[..self.order.len() / 2]
    }

    /// That exactly what is left is there.
    fn check(&self, count: u64, get: impl Fn(&str) -> Result<Option<serde_json::Value>>) -> Result<()> {
        let (deleted, left) = self.order.split_at(self.order.len() / 2);
        if count != left.len() as u64 {
            return Err("a compacted store holds another number of documents".into());
        }
        let [_, last] = &self.versions;
        let is_right =
            |number: &usize, wanted| -> Result<bool> { Ok(get(&last.keys[*number])?.as_ref() == wanted) };
        for (gone, there) in deleted.iter().zip(left).take(1000) {
            if !is_right(gone, None)? || !is_right(there, Some(&last.documents[*there]))? {
                return Err("a compacted store holds another document".into());
            }
        }
        Ok(())
    }
}
