//! Owns where the lines of earlier sessions are kept: in the user's own folder, for the user alone. Never keeps what is
//! too long to be looked at again.

use std::ffi::OsString;
use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use rustyline::Editor;
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;

use super::helper::LineHelper;
use crate::output;

pub(super) const LINES_MAX: usize = 1_000;
const LINE_BYTES_MAX: usize = 16 << 10;

/// The file of the history; nothing where there is none to be had.
pub(super) struct History(Option<PathBuf>);

impl History {
    /// Gives the lines of earlier sessions to the editor. Where that fails, this session's lines are not kept.
    pub(super) fn load(editor: &mut Editor<LineHelper, FileHistory>) -> Self {
        let Some(path) = place(|name| std::env::var_os(name)) else { return Self(None) };
        let loaded = prepare(&path).map_err(ReadlineError::from).and_then(|()| editor.load_history(&path));
        match loaded {
            Ok(()) => Self(Some(path)),
            Err(error) => {
                let path = path.display();
                output::warning(&format!(
                    "lines are not kept for later sessions, since {path} failed: {error}"
                ));
                Self(None)
            }
        }
    }

    /// Keeps a line at once, so that it survives whatever comes.
    pub(super) fn keep(&mut self, editor: &mut Editor<LineHelper, FileHistory>, line: &str) {
        if line.len() > LINE_BYTES_MAX {
            return;
        }
        let added = editor.add_history_entry(line).unwrap_or(false);
        if added
            && let Some(path) = &self.0
            && editor.append_history(path).is_err()
        {
            // It worked at the start. A full disk is told of by the commands; this session still has its lines.
            self.0 = None;
        }
    }
}

/// Where the history lies, by the variables of the environment.
fn place(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    // A relative path would lead to another file in every folder.
    let folder = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = if cfg!(windows) {
        folder("LOCALAPPDATA")
    } else {
        folder("XDG_STATE_HOME").or_else(|| folder("HOME").map(|home| home.join(".local/state")))
    };
    state.map(|state| state.join("ferrumdb/history"))
}

/// Makes the file, and the folders that lead to it, for the user alone.
fn prepare(path: &Path) -> io::Result<()> {
    let mut folders = DirBuilder::new();
    let mut file = OpenOptions::new();
    folders.recursive(true);
    file.append(true).create(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
        folders.mode(0o700);
        file.mode(0o600);
    }
    folders.create(path.parent().expect("the path was made of a folder and a name"))?;
    file.open(path).map(drop)
}

#[cfg(all(test, not(windows)))]
mod tests {
    use super::*;

    #[test]
    fn the_state_folder_is_the_users_own() {
        let with = |state: Option<&str>, home: Option<&str>| {
            place(|name| if name == "HOME" { home } else { state }.map(OsString::from))
        };
        let path = |text| Some(PathBuf::from(text));
        assert_eq!(with(Some("/state"), Some("/home/u")), path("/state/ferrumdb/history"));
        assert_eq!(with(None, Some("/home/u")), path("/home/u/.local/state/ferrumdb/history"));
        assert_eq!(with(Some("relative"), Some("/home/u")), path("/home/u/.local/state/ferrumdb/history"));
        assert_eq!(with(Some(""), None), None);
    }
}
