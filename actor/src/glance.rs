//! Owns the call that tells the names in a file without opening it. Never reads what is in it itself.

use ferrumdb_engine::{self as engine, FieldPath, GlanceAt, Key};

use crate::config::Config;
use crate::error::Result;

/// The names in a database file, told without opening it, also while somebody has it open: for whoever completes what is being
/// typed. A million keys take some tens of milliseconds. Of a configuration, the path and the key count.
///
/// ```
/// use ferrumdb::{FerrumDB, Glance};
///
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("myapp.db");
/// let db = FerrumDB::open(&path).wait()?;
/// db.set("user:1", 1).wait()?;
/// db.set("note:1", 2).wait()?;
/// db.create_index("name").wait()?;
/// db.close().wait()?;
///
/// let mut users = Vec::new();
/// let is_whole = Glance::keys(&path, None, "user:", |key| users.push(key.to_owned()))?;
/// assert!(is_whole && users == ["user:1"]);
/// let names = Glance::names(&path)?.expect("the file is small");
/// assert_eq!(names.indexes(None).map(ToString::to_string).collect::<Vec<_>>(), ["name"]);
/// # Ok::<(), ferrumdb::Error>(())
/// ```
#[derive(Debug)]
pub struct Glance(engine::Glance);

impl Glance {
    /// The names of collections and indexes; nothing, if too much has been committed since the hint file was written for
    /// somebody to wait for it. It blocks while it reads.
    ///
    /// # Errors
    /// As [`inspect`](crate::inspect), and [`KeyNeeded`](crate::ErrorKind::KeyNeeded).
    pub fn names(config: impl Into<Config>) -> Result<Option<Self>> {
        let config = config.into();
        let names = engine::glance(&config.engine_options(), &*config.file_system, None, &mut |_| ())?;
        Ok(names.map(Self))
    }

    /// Hands on the keys of a collection, of the root without a name, that begin with a prefix, in no order; says whether those
    /// are all: where that would take reading too much, it gives up. It blocks while it reads.
    ///
    /// # Errors
    /// As [`names`](Self::names).
    pub fn keys(
        config: impl Into<Config>,
        collection: Option<&str>,
        prefix: &str,
        mut take: impl FnMut(&str),
    ) -> Result<bool> {
        let config = config.into();
        let wanted = Some(GlanceAt { collection, prefix });
        let glance = engine::glance(&config.engine_options(), &*config.file_system, wanted, &mut take)?;
        Ok(glance.is_some())
    }

    /// The names of the collections besides the root, in the order of their bytes.
    pub fn collections(&self) -> impl Iterator<Item = &Key> {
        self.0.collections.iter()
    }

    /// The indexed fields of a collection, of the root without a name.
    pub fn indexes(&self, collection: Option<&str>) -> impl Iterator<Item = &FieldPath> {
        let of_it = move |(name, _): &&(Option<Key>, FieldPath)| name.as_deref() == collection;
        self.0.indexes.iter().filter(of_it).map(|(_, field)| field)
    }
}
