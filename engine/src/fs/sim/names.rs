//! Owns the simulated disk's names: the durable ones, those that programs see, and the changes between. Never knows
//! what is in a file.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use super::super::memory::{is_folder, missing};

/// INVARIANT: `live` is `durable` with all `pending` applied in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    durable: BTreeMap<PathBuf, u64>,
    live: BTreeMap<PathBuf, u64>,
    pending: Vec<NameChange>,
}

/// One step of the file system's journal: names and the inodes they stand for from then on.
#[derive(Clone, Debug)]
struct NameChange {
    call: u64,
    sets: Vec<(PathBuf, Option<u64>)>,
}

impl Names {
    pub(super) fn live(&self) -> &BTreeMap<PathBuf, u64> {
        &self.live
    }

    pub(super) fn durable(&self) -> &BTreeMap<PathBuf, u64> {
        &self.durable
    }

    pub(super) fn is_unsynced(&self) -> bool {
        !self.pending.is_empty()
    }

    pub(super) fn find(&self, path: &Path) -> io::Result<u64> {
        self.live.get(path).copied().ok_or_else(|| missing(&self.live, path))
    }

    /// # Errors
    /// `AlreadyExists` when the name is taken.
    pub(super) fn create(&mut self, call: u64, path: PathBuf, inode: u64) -> io::Result<()> {
        if self.live.contains_key(&path) || is_folder(&self.live, &path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.change(call, vec![(path, Some(inode))]);
        Ok(())
    }

    pub(super) fn rename(&mut self, call: u64, from: PathBuf, to: PathBuf) -> io::Result<()> {
        let inode = self.find(&from)?;
        if is_folder(&self.live, &to) {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        // Two names of one file: POSIX has this do nothing.
        if self.live.get(&to) != Some(&inode) {
            self.change(call, vec![(from, None), (to, Some(inode))]);
        }
        Ok(())
    }

    /// Two steps, as on a real disk: a power cut between them leaves both names.
    pub(super) fn publish(&mut self, call: u64, from: PathBuf, to: PathBuf) -> io::Result<()> {
        let inode = self.find(&from)?;
        self.create(call, to, inode)?;
        self.change(call, vec![(from, None)]);
        Ok(())
    }

    pub(super) fn remove(&mut self, call: u64, path: PathBuf) -> io::Result<()> {
        self.find(&path)?;
        self.change(call, vec![(path, None)]);
        Ok(())
    }

    /// Makes the folder's changes durable, and with them the earlier ones that they rest on.
    pub(super) fn sync(&mut self, folder: &Path) {
        let mut folders = BTreeSet::from([folder.to_path_buf()]);
        let mut is_needed = vec![false; self.pending.len()];
        for (change, needed) in self.pending.iter().zip(&mut is_needed).rev() {
            *needed = change.folders().any(|touched| folders.contains(touched));
            if *needed {
                folders.extend(change.folders().map(Path::to_path_buf));
            }
        }
        let mut is_needed = is_needed.into_iter();
        let durable = &mut self.durable;
        self.pending.retain(|change| {
            let needed = is_needed.next().expect("one answer for each pending change");
            if needed {
                change.apply(durable);
            }
            !needed
        });
    }

    /// Keeps of each folder's unsynced changes those before the first that `choose` lets go.
    pub(super) fn settle(&mut self, mut choose: impl FnMut(u64, &Path, bool) -> bool) {
        let mut ended = BTreeSet::new();
        for change in std::mem::take(&mut self.pending) {
            let may_be_kept = !change.folders().any(|folder| ended.contains(folder));
            let (path, _) = change.sets.last().expect("a change sets a name");
            if choose(change.call, path, may_be_kept) && may_be_kept {
                change.apply(&mut self.durable);
            } else {
                ended.extend(change.folders().map(Path::to_path_buf));
            }
        }
        self.live.clone_from(&self.durable);
    }

    /// The inodes that some name stands for, now or after some power cut.
    pub(super) fn inodes(&self) -> BTreeSet<u64> {
        let pending =
            self.pending.iter().flat_map(|change| change.sets.iter().filter_map(|(_, inode)| *inode));
        self.live.values().chain(self.durable.values()).copied().chain(pending).collect()
    }

    fn change(&mut self, call: u64, sets: Vec<(PathBuf, Option<u64>)>) {
        let change = NameChange { call, sets };
        change.apply(&mut self.live);
        self.pending.push(change);
    }
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<PathBuf, u64>) {
        for (path, inode) in &self.sets {
            match inode {
                Some(inode) => names.insert(path.clone(), *inode),
                None => names.remove(path),
            };
        }
    }

    fn folders(&self) -> impl Iterator<Item = &Path> {
        self.sets.iter().filter_map(|(path, _)| path.parent())
    }
}
