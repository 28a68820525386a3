//! Owns what a database is opened with besides its path: the policy, and the key. Never takes a secret from an argument, and
//! never shows one.

use std::io::{self, IsTerminal, Read};
use std::path::Path;

use ferrumdb::{Config, EncryptionKey, Restore};
use zeroize::Zeroizing;

use crate::exit::{Failure, Status};
use crate::interrupt::{self, Caught};
use crate::options::Options;

const VARIABLE: &str = "FERRUMDB_PASSPHRASE";
const KEY_BYTES: usize = 32;
/// A longer file is no key.
const KEY_FILE_BYTES_MAX: u64 = 1024;

/// What a database is opened with.
pub(crate) struct Access<'o> {
    options: &'o Options,
    secret: Option<Secret>,
}

/// What opens an encrypted database.
pub(crate) enum Secret {
    Key(Zeroizing<[u8; KEY_BYTES]>),
    Passphrase(Zeroizing<String>),
}

impl<'o> Access<'o> {
    /// What the options say of the database at a path. A passphrase that is to make a new one is asked for twice.
    pub(crate) fn of(options: &'o Options, database: &Path) -> Result<Self, Failure> {
        let secret = match (&options.key_file, in_environment(VARIABLE)?) {
            (Some(file), _) => Some(Secret::in_file(file)?),
            (None, Some(passphrase)) => Some(passphrase),
            _ if options.passphrase => Some(Secret::asked("Passphrase", VARIABLE, !database.exists())?),
            _ => None,
        };
        Ok(Self { options, secret })
    }

    /// Whether there is a key or a passphrase.
    pub(crate) fn has_secret(&self) -> bool {
        self.secret.is_some()
    }

    /// The configuration for the database at `path`, with the policy that the environment sets where none was given.
    pub(crate) fn config(&self, path: &Path) -> Result<Config, Failure> {
        let config = Config::new(path).with_lock_timeout(self.options.wait.unwrap_or_default());
        let config = match self.options.fsync {
            Some(policy) => config.with_fsync_policy(policy),
            None => config.from_env()?,
        };
        let config = if self.options.read_only { config.read_only() } else { config };
        Ok(match &self.secret {
            Some(Secret::Key(key)) => config.with_encryption(**key),
            Some(Secret::Passphrase(passphrase)) => config.with_passphrase(passphrase.as_str()),
            None => config,
        })
    }

    /// The same for a restore.
    pub(crate) fn restore(&self, restore: Restore) -> Restore {
        match &self.secret {
            Some(Secret::Key(key)) => restore.with_encryption(**key),
            Some(Secret::Passphrase(passphrase)) => restore.with_passphrase(passphrase.as_str()),
            None => restore,
        }
    }
}

impl Secret {
    /// The key in a file: its 32 bytes, or 64 hexadecimal digits.
    pub(crate) fn in_file(path: &Path) -> Result<Self, Failure> {
        key_in(path).map(Self::Key)
    }

    /// The passphrase that somebody types on the terminal, unseen; twice, if it is to be the new one of something.
    pub(crate) fn asked(prompt: &str, variable: &str, is_new: bool) -> Result<Self, Failure> {
        asked(prompt, variable, is_new).map(Self::Passphrase)
    }

    /// The key for the database.
    pub(crate) fn encryption_key(&self) -> EncryptionKey {
        match self {
            Self::Key(key) => EncryptionKey::from_bytes(**key),
            Self::Passphrase(passphrase) => EncryptionKey::from_passphrase(passphrase),
        }
    }
}

/// The passphrase in a variable of the environment, unless that is empty.
pub(crate) fn in_environment(variable: &str) -> Result<Option<Secret>, Failure> {
    match std::env::var_os(variable) {
        Some(passphrase) if !passphrase.is_empty() => {
            let passphrase = passphrase.into_string();
            let passphrase = passphrase.map_err(|_| usage(format!("{variable} is not UTF-8")))?;
            Ok(Some(Secret::Passphrase(Zeroizing::new(passphrase))))
        }
        _ => Ok(None),
    }
}

fn key_in(path: &Path) -> Result<Zeroizing<[u8; KEY_BYTES]>, Failure> {
    let unreadable = |error: io::Error| {
        Failure::new(Status::Io, format!("could not read the key in {}: {error}", path.display()))
    };
    let mut bytes = Zeroizing::new(Vec::with_capacity(KEY_FILE_BYTES_MAX as usize));
    let file = std::fs::File::open(path).map_err(unreadable)?;
    file.take(KEY_FILE_BYTES_MAX).read_to_end(&mut bytes).map_err(unreadable)?;
    parse_key(&bytes).ok_or_else(|| {
        usage(format!(
            "{} holds no key; it must be 32 bytes, or 64 hexadecimal digits, as `openssl rand -hex 32` prints them",
            path.display()
        ))
    })
}

fn parse_key(bytes: &[u8]) -> Option<Zeroizing<[u8; KEY_BYTES]>> {
    if let Ok(key) = <[u8; KEY_BYTES]>::try_from(bytes) {
        return Some(Zeroizing::new(key));
    }
    let digits = bytes.trim_ascii();
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    if digits.len() != 2 * KEY_BYTES {
        return None;
    }
    for (byte, pair) in key.iter_mut().zip(digits.chunks(2)) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16);
        *byte = u8::try_from(digit(0)? << 4 | digit(1)?).ok()?;
    }
    Some(key)
}

fn asked(prompt: &str, variable: &str, is_new: bool) -> Result<Zeroizing<String>, Failure> {
    if !io::stdin().is_terminal() {
        return Err(usage(format!("there is no terminal to ask for a passphrase on; set {variable}")));
    }
    // Whoever ends the program here would leave a terminal that shows no letters.
    let caught = interrupt::catch()?;
    let ask = |prompt: &str| {
        let answer = rpassword::prompt_password(prompt).map(Zeroizing::new);
        answer.map_err(|error| unasked(&error, &caught))
    };
    let passphrase = ask(&format!("{prompt}: "))?;
    if is_new && ask("The same again: ")? != passphrase {
        return Err(usage("the two passphrases differ".to_owned()));
    }
    Ok(passphrase)
}

fn unasked(error: &io::Error, caught: &Caught) -> Failure {
    match error.kind() {
        io::ErrorKind::Interrupted => {
            caught.settle();
            Failure::interrupted()
        }
        _ => Failure::new(Status::Io, format!("could not ask for the passphrase: {error}")),
    }
}

fn usage(message: String) -> Failure {
    Failure::new(Status::Usage, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_32_bytes_or_64_digits_and_nothing_else() {
        let key = [0xAB; KEY_BYTES];
        let digits = "aB".repeat(KEY_BYTES);
        for good in [key.to_vec(), digits.clone().into_bytes(), format!(" {digits}\n").into_bytes()] {
            assert_eq!(parse_key(&good).as_deref(), Some(&key));
        }
        for bad in
            [&b""[..], &[7; 31], &[7; 33], &[7; 64], &digits.as_bytes()[1..], "é".repeat(32).as_bytes()]
        {
            assert_eq!(parse_key(bad), None);
        }
    }
}
