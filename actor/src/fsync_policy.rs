//! Owns when a commit is synced, and how that is spelled in settings. Never syncs anything itself.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::error::{Cause, Error, Result};

const PERIOD_DEFAULT: Duration = Duration::from_millis(100);
pub(crate) const ADVICE: &str = "say always, never, periodic, or periodic:MILLISECONDS";

/// When a write is acknowledged, and what a power cut may take.
///
/// Under every policy, a crash of the process alone loses nothing acknowledged, and what a power cut leaves is a
/// prefix of the commits, in their order.
///
/// ```
/// use ferrumdb::FsyncPolicy;
/// use std::time::Duration;
///
/// assert_eq!("periodic:250".parse::<FsyncPolicy>()?, FsyncPolicy::Periodic(Duration::from_millis(250)));
/// assert_eq!(FsyncPolicy::default(), FsyncPolicy::Always);
/// # Ok::<(), ferrumdb::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum FsyncPolicy {
    /// The answer comes after the sync: nothing acknowledged is ever lost. Commits that wait together share a sync.
    #[default]
    Always,
    /// The answer comes after the append; a sync runs this often, beside further commits, while there is something
    /// to sync. A power cut loses at most the last `max(d, s) + s` of acknowledged work, `s` being the longest sync.
    Periodic(Duration),
    /// The answer comes after the append; the operating system decides when to write. [`crate::FerrumDB::sync`] and
    /// closing sync all the same.
    Never,
}

impl FromStr for FsyncPolicy {
    type Err = Error;

    /// Reads `always`, `never`, `periodic` (100 ms) or `periodic:MILLISECONDS`, in any case of letters.
    fn from_str(text: &str) -> Result<Self> {
        let lower = text.trim().to_ascii_lowercase();
        let policy = match lower.split_once(':') {
            None => match lower.as_str() {
                "always" => Some(Self::Always),
                "never" => Some(Self::Never),
                "periodic" => Some(Self::Periodic(PERIOD_DEFAULT)),
                _ => None,
            },
            Some(("periodic", period)) => parse_milliseconds(period).map(Self::Periodic),
            Some(_) => None,
        };
        policy.ok_or_else(|| {
            Error::new(Cause::Setting { setting: "the fsync policy", value: text.to_owned(), advice: ADVICE })
        })
    }
}

impl fmt::Display for FsyncPolicy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Always => formatter.write_str("always"),
            Self::Never => formatter.write_str("never"),
            Self::Periodic(period) => {
                let (whole, part) = (period.as_millis(), period.subsec_nanos() % 1_000_000);
                if part == 0 {
                    write!(formatter, "periodic:{whole}")
                } else {
                    write!(formatter, "periodic:{whole}.{part:06}")
                }
            }
        }
    }
}

/// Digits, and up to six more behind a point. Never a sign, never an exponent.
fn parse_milliseconds(text: &str) -> Option<Duration> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(part) || part.len() > 6 {
        return None;
    }
    let milliseconds: u64 = whole.parse().ok()?;
    let nanoseconds: u64 = format!("{part:0<6}").parse().ok()?;
    Duration::from_millis(milliseconds).checked_add(Duration::from_nanos(nanoseconds))
}
