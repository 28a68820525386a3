//! The command that says what is known of a file, and what INFO tells of an open one. Never changes it.

use std::path::{Path, PathBuf};

use clap::Args;
use ferrumdb::{
    Collection, CollectionInfo, FerrumDB, FileContents, FileInfo, FileKey, Result, Stats, inspect,
};
use serde::Serialize;

use crate::access::Access;
use crate::exit::{Failure, Outcome, Status};
use crate::opening::{closing, must_exist, open_to_read};
use crate::options::Options;
use crate::output::Output;
use crate::time;

const EXAMPLES: &str = r#"Examples:
  ferrumdb info my.db                        what is known of the file
  ferrumdb info my.db --json | jq .dead_bytes   what a compaction would win
  ferrumdb info my.db --json | jq .lock      which process has it open

Nothing is changed, and nobody is kept from opening the file. It takes milliseconds, however many documents there are, as
long as the hint file beside it is there, which closing writes; otherwise the whole log is read. Without its key, an encrypted
file tells its sizes, and not what is in it."#;

/// Says what is known of a file: keys, sizes, indexes, format, encryption, and who has it open.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Info {
    /// The database file
    database: PathBuf,
}

/// What INFO tells of an open database.
#[derive(Serialize)]
pub(crate) struct OpenInfo {
    path: String,
    version: &'static str,
    documents: u64,
    sequence: u64,
    file_bytes: u64,
    log_bytes: u64,
    live_bytes: u64,
    dead_bytes: u64,
    cache_bytes: u64,
    held_bytes: u64,
    pins: usize,
    snapshots: usize,
    oldest_snapshot_seconds: Option<f64>,
    undo_versions: u64,
    undo_bytes: u64,
    recovery: Recovery,
    collections: Vec<Listed>,
    /// Those of the collection that is used.
    indexes: Vec<Index>,
}

#[derive(Serialize)]
struct Listed {
    name: String,
    documents: u64,
    indexes: u64,
}

#[derive(Serialize)]
struct Recovery {
    clean: bool,
    commits: u64,
    torn_bytes: u64,
    torn_file: Option<String>,
}

#[derive(Serialize)]
struct Index {
    field: String,
    entries: u64,
    uses: u64,
    bytes: u64,
}

/// What the command tells of a file.
#[derive(Serialize)]
struct Told {
    path: String,
    format: u32,
    file_id: String,
    generation: u64,
    created: String,
    history_floor: u64,
    /// `key` or `passphrase`, if it is encrypted.
    encryption: Option<&'static str>,
    /// Under which policy this command would open it.
    fsync: String,
    file_bytes: u64,
    /// The commit up to which the hint file stands for the log.
    hint: Option<u64>,
    lock: Lock,
    #[serde(flatten)]
    contents: Option<Contents>,
}

#[derive(Serialize)]
struct Lock {
    /// The process that has it open to write.
    process: Option<u32>,
}

#[derive(Serialize)]
struct Contents {
    documents: u64,
    sequence: u64,
    /// Not known without more reading.
    committed: Option<String>,
    /// Whether the file was closed after that commit.
    closed: bool,
    log_bytes: u64,
    live_bytes: u64,
    dead_bytes: u64,
    collections: Vec<String>,
    indexes: Vec<OnField>,
}

#[derive(Serialize)]
struct OnField {
    #[serde(skip_serializing_if = "Option::is_none")]
    collection: Option<String>,
    field: String,
}

impl Info {
    pub(super) fn run(&self, options: &Options) -> Outcome {
        must_exist(&self.database)?;
        let access = Access::of(options, &self.database)?;
        let config = access.config(&self.database)?;
        let fsync = config.fsync_policy().to_string();
        let info = inspect(config).wait()?;
        let contents = match &info.contents {
            Some(contents) => Some(Contents::of(contents)),
            None if info.encryption.is_some() && !access.has_secret() => None,
            None => Some(self.count(options)?),
        };
        let mut output = Output::standard(options.mode());
        output.facts(&Told::of(&info, fsync, contents))?;
        output.flush()?;
        Ok(Status::Good)
    }

    /// What is in a file that does not tell quickly.
    fn count(&self, options: &Options) -> std::result::Result<Contents, Failure> {
        let db = open_to_read(&self.database, options)?;
        closing(&db, || {
            let (stats, snapshot) = (db.stats()?, db.snapshot()?);
            let mut collections = vec![None];
            collections.extend(db.collections()?.into_iter().map(|info| Some(info.name.to_string())));
            let mut indexes = Vec::new();
            for name in &collections {
                let of_name = match name {
                    Some(name) => snapshot.collection(name.as_str()).indexes()?,
                    None => snapshot.indexes()?,
                };
                let on_field = |field: String| OnField { collection: name.clone(), field };
                indexes.extend(of_name.into_iter().map(|index| on_field(index.path.to_string())));
            }
            Ok(Contents {
                documents: stats.documents,
                sequence: stats.sequence.0,
                committed: None,
                closed: stats.recovery.clean,
                log_bytes: stats.log_bytes,
                live_bytes: stats.live_bytes,
                dead_bytes: stats.dead_bytes,
                collections: collections.into_iter().flatten().collect(),
                indexes,
            })
        })
    }
}

impl Told {
    fn of(info: &FileInfo, fsync: String, contents: Option<Contents>) -> Self {
        Self {
            path: info.path.to_string_lossy().into_owned(),
            format: info.format,
            file_id: info.file_id.iter().map(|byte| format!("{byte:02x}")).collect(),
            generation: info.generation,
            created: time::shown(info.created.0),
            history_floor: info.history_floor.0,
            encryption: info.encryption.map(|key| match key {
                FileKey::Bytes => "key",
                FileKey::Passphrase => "passphrase",
            }),
            fsync,
            file_bytes: info.file_bytes,
            hint: info.hint.map(|sequence| sequence.0),
            lock: Lock { process: info.owner },
            contents,
        }
    }
}

impl Contents {
    fn of(contents: &FileContents) -> Self {
        let on_field = |(name, field): &(Option<ferrumdb::Key>, ferrumdb::FieldPath)| OnField {
            collection: name.as_ref().map(ToString::to_string),
            field: field.to_string(),
        };
        Self {
            documents: contents.documents,
            sequence: contents.sequence.0,
            committed: Some(time::shown(contents.time.0)),
            closed: contents.closed,
            log_bytes: contents.log_bytes,
            live_bytes: contents.live_bytes,
            dead_bytes: contents.log_bytes.saturating_sub(contents.live_bytes),
            collections: contents.collections.iter().map(ToString::to_string).collect(),
            indexes: contents.indexes.iter().map(on_field).collect(),
        }
    }
}

/// The file, its sizes, how it was opened, and the indexes.
pub(crate) fn of_open(db: &FerrumDB, used: &Collection) -> Result<OpenInfo> {
    let Stats {
        path,
        documents,
        sequence,
        file_bytes,
        log_bytes,
        live_bytes,
        dead_bytes,
        cache_bytes,
        held_bytes,
        pins,
        snapshots,
        oldest_snapshot,
        undo_versions,
        undo_bytes,
        recovery,
        ..
    } = db.stats()?;
    let text = |path: &Path| path.to_string_lossy().into_owned();
    Ok(OpenInfo {
        path: text(&path),
        version: env!("CARGO_PKG_VERSION"),
        documents,
        sequence: sequence.0,
        file_bytes,
        log_bytes,
        live_bytes,
        dead_bytes,
        cache_bytes,
        held_bytes,
        pins,
        snapshots,
        oldest_snapshot_seconds: oldest_snapshot.map(|age| age.as_secs_f64()),
        undo_versions,
        undo_bytes,
        recovery: Recovery {
            clean: recovery.clean,
            commits: recovery.commits,
            torn_bytes: recovery.torn_bytes,
            torn_file: recovery.torn_file.as_deref().map(text),
        },
        collections: collections(db)?,
        indexes: indexes(used)?,
    })
}

fn collections(db: &FerrumDB) -> Result<Vec<Listed>> {
    let told = |CollectionInfo { name, documents, indexes, .. }: CollectionInfo| Listed {
        name: name.to_string(),
        documents,
        indexes,
    };
    Ok(db.collections()?.into_iter().map(told).collect())
}

fn indexes(used: &Collection) -> Result<Vec<Index>> {
    let told = used.indexes()?.into_iter().map(|index| Index {
        field: index.path.to_string(),
        entries: index.entries,
        uses: index.uses,
        bytes: index.bytes,
    });
    let mut indexes: Vec<_> = told.collect();
    indexes.sort_by(|one, other| one.field.cmp(&other.field));
    Ok(indexes)
}
