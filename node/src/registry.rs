//! Owns which databases this process has open, so that the threads of a program share one engine for each file, and that a
//! key which was given by one is asked of all. Never keeps a database open that nobody has a handle of.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex};

use ferrumdb::{Config, FerrumDB};

use crate::completions::lock;
use crate::failure::Result;
use crate::options::{Agreed, KeyDigest};

static PLACES: LazyLock<Mutex<HashMap<Identity, Arc<Place>>>> = LazyLock::new(Mutex::default);

/// What two openings have in common if they share an engine.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Identity {
    path: PathBuf,
    read_only: bool,
}

/// One file that is open, or is just being opened or closed: its lock is held meanwhile.
pub(crate) struct Place {
    identity: Identity,
    engine: Mutex<Option<Engine>>,
}

struct Engine {
    db: FerrumDB,
    agreed: Agreed,
    handles: usize,
}

/// Opens a file, or takes part in the engine that has it open. It waits, so never on an event loop's thread.
///
/// # Errors
/// Those of opening, and of options that others have set otherwise.
pub(crate) fn open(
    config: Config,
    agreed: Agreed,
    path: &str,
    read_only: bool,
) -> Result<(FerrumDB, Arc<Place>)> {
    let place = place_of(Identity { path: canonical(Path::new(path)), read_only });
    let outcome = {
        let mut engine = lock(&place.engine);
        match &mut *engine {
            Some(engine) => engine.agreed.check(&agreed, path).map(|()| {
                engine.handles += 1;
                engine.db.clone()
            }),
            None => {
                let opened = FerrumDB::open(config).wait().map(|db| db.for_event_loops());
                opened.map_err(Into::into).inspect(|db| {
                    *engine = Some(Engine { db: db.clone(), agreed, handles: 1 });
                })
            }
        }
    };
    match outcome {
        Ok(db) => Ok((db, place)),
        Err(failure) => {
            forget_if_closed(place);
            Err(failure)
        }
    }
}

impl Place {
    /// Gives back one handle. With the last one the database is closed, which waits.
    ///
    /// # Errors
    /// Those of closing.
    pub(crate) fn close(self: Arc<Self>) -> Result<()> {
        let mut engine = lock(&self.engine);
        let Some(open) = &mut *engine else { return Ok(()) };
        open.handles -= 1;
        let closed = if open.handles == 0 {
            engine.take().map_or(Ok(()), |last| last.db.close().wait())
        } else {
            Ok(())
        };
        drop(engine);
        forget_if_closed(self);
        closed.map_err(Into::into)
    }

    /// Notes that another key opens the file from now on.
    pub(crate) fn note_key(&self, key: Option<KeyDigest>) {
        if let Some(engine) = &mut *lock(&self.engine) {
            engine.agreed.key = key;
        }
    }
}

fn place_of(identity: Identity) -> Arc<Place> {
    let mut places = lock(&PLACES);
    let new = || Arc::new(Place { identity: identity.clone(), engine: Mutex::new(None) });
    Arc::clone(places.entry(identity.clone()).or_insert_with(new))
}

fn forget_if_closed(place: Arc<Place>) {
    let mut places = lock(&PLACES);
    // Nobody else is about to open it: the map has one, and this is the other.
    if Arc::strong_count(&place) == 2 && lock(&place.engine).is_none() {
        places.remove(&place.identity);
    }
}

/// The one path of a file, whether it is there yet or not; if it has none, opening will say why.
fn canonical(path: &Path) -> PathBuf {
    if let Ok(whole) = path.canonicalize() {
        return whole;
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match (folder.canonicalize(), path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => path.to_owned(),
    }
}
