//! The command that removes documents, by their keys or a range of them. Never removes all of them unless it is told to.

use clap::{ArgGroup, Args};
use clap_complete::ArgValueCompleter;
use ferrumdb::{Pending, Sequence};
use serde_json::json;

use crate::bounds::KeyRange;
use crate::exit::{Failure, Outcome, Status};
use crate::given::GivenKeys;
use crate::opening::{Opened, Place};
use crate::options::Options;
use crate::suggestions;

const EXAMPLES: &str = r#"Examples:
  ferrumdb delete my.db user:1 user:2                 these two
  ferrumdb delete my.db user:1 --if-version 7         only if nobody has changed it since `get --meta`
  ferrumdb delete my.db --prefix session: --dry-run   how many there are
  ferrumdb delete my.db --prefix session:             all of them, in one commit
  ferrumdb delete my.db --from 2024-01 --to 2024-02   those in a range of keys; the end is not in it
  ferrumdb find my.db age 17 | ferrumdb delete my.db -   keys from a pipe, one a line

Exit status: 0 deleted, 1 one or more of the keys had no document, 6 refused: the document is of another version."#;

/// Removes documents.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
#[command(group = ArgGroup::new("which").required(true).multiple(true))]
pub(crate) struct Delete {
    #[command(flatten)]
    place: Place,

    /// The keys; or - for keys on standard input, one a line
    #[arg(group = "which", conflicts_with_all = ["prefix", "from", "to", "all"])]
    #[arg(add = ArgValueCompleter::new(suggestions::keys))]
    keys: Vec<String>,

    /// All keys that begin with this text
    #[arg(long, value_name = "TEXT", group = "which", conflicts_with_all = ["from", "to", "all"])]
    prefix: Option<String>,

    /// All keys from this one on, in the order of their bytes
    #[arg(long, value_name = "KEY", group = "which", conflicts_with = "all")]
    from: Option<String>,

    /// All keys before this one
    #[arg(long, value_name = "KEY", group = "which", conflicts_with = "all")]
    to: Option<String>,

    /// Every document of the collection; its indexes stay
    #[arg(long, group = "which")]
    all: bool,

    /// Delete the document only if it is of this version
    #[arg(long, value_name = "VERSION", requires = "keys")]
    if_version: Option<u64>,

    /// Delete nothing, and say how many documents it would be
    #[arg(long, conflicts_with = "if_version")]
    dry_run: bool,
}

/// So many deletions are under way at once.
const UNDER_WAY_MAX: usize = 1000;

impl Delete {
    pub(super) fn run(&self, options: &Options) -> Outcome {
        let (deleted, missing) = ("deleted", "missing");
        let work = |opened: &mut Opened| {
            let (count, absent) = match (&self.keys[..], self.if_version) {
                ([], _) => (self.range(opened)?, 0),
                ([key], Some(version)) => {
                    opened.used.delete_if_version(key.as_str(), Sequence(version)).wait()?;
                    (1, 0)
                }
                (_, Some(_)) => {
                    return Err(Failure::new(Status::Usage, "--if-version is about one key; give one"));
                }
                (keys, None) => self.keys(opened, keys)?,
            };
            let noun = if count == 1 { "document" } else { "documents" };
            let words = match self.dry_run {
                true => format!("{count} {noun} would be deleted"),
                false => format!("deleted {count} {noun}"),
            };
            opened
                .output
                .report(&json!({deleted: count, missing: absent, "dry_run": self.dry_run}), &words)?;
            Ok(if absent == 0 { Status::Good } else { Status::NotFound })
        };
        if self.dry_run { self.place.read(options, work) } else { self.place.write(false, options, work) }
    }

    fn range(&self, Opened { used, .. }: &Opened) -> Result<u64, Failure> {
        let Self { prefix, from, to, .. } = self;
        let range = KeyRange { prefix: prefix.clone(), from: from.clone(), to: to.clone() };
        Ok(match &range.prefix {
            _ if self.dry_run => range.count(used)?,
            _ if range.is_everything() => used.clear().wait()?,
            Some(prefix) => used.delete_prefix(prefix).wait()?,
            None => used.delete_range::<String>(range.bounds()).wait()?,
        })
    }

    /// How many documents were there, and how many were not.
    fn keys(&self, Opened { used, .. }: &Opened, keys: &[String]) -> Result<(u64, u64), Failure> {
        let mut counts = (0, 0);
        GivenKeys::of(keys).each(UNDER_WAY_MAX, |keys| {
            let deletions: Vec<Pending<bool>> = match self.dry_run {
                true => Vec::new(),
                false => keys.iter().map(|key| used.delete(key.as_str())).collect(),
            };
            for was_there in deletions {
                *(if was_there.wait()? { &mut counts.0 } else { &mut counts.1 }) += 1;
            }
            for key in keys.iter().filter(|_| self.dry_run) {
                *(if used.contains(key)? { &mut counts.0 } else { &mut counts.1 }) += 1;
            }
            Ok(())
        })?;
        Ok(counts)
    }
}
