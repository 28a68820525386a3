//! Owns the secrets by which the server knows whom it was started for: the cookie, the token of the run, and addresses that
//! work once. Never writes one to a log.

use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

use subtle::ConstantTimeEq;

/// So many addresses that were not used yet are remembered: the newest ones.
const LAUNCHES_MAX: usize = 16;

pub(crate) struct Secrets {
    session: Secret,
    token: Secret,
    launches: Mutex<Vec<Secret>>,
}

/// 256 bits that nobody can guess, as hexadecimal digits.
struct Secret(String);

impl Secrets {
    pub(crate) fn new() -> Self {
        Self { session: Secret::new(), token: Secret::new(), launches: Mutex::default() }
    }

    /// What the cookie holds.
    pub(crate) fn session(&self) -> &str {
        &self.session.0
    }

    /// What a program sends instead of a cookie.
    pub(crate) fn token(&self) -> &str {
        &self.token.0
    }

    pub(crate) fn is_session(&self, text: &str) -> bool {
        self.session.is(text)
    }

    pub(crate) fn is_token(&self, text: &str) -> bool {
        self.token.is(text)
    }

    /// A code that is worth a cookie, once.
    pub(crate) fn new_launch(&self) -> String {
        let mut launches = self.launches.lock().unwrap_or_else(PoisonError::into_inner);
        if launches.len() == LAUNCHES_MAX {
            launches.remove(0);
        }
        let launch = Secret::new();
        let code = launch.0.clone();
        launches.push(launch);
        code
    }

    /// Whether this is such a code. It is none from then on.
    pub(crate) fn spend_launch(&self, code: &str) -> bool {
        let mut launches = self.launches.lock().unwrap_or_else(PoisonError::into_inner);
        let before = launches.len();
        launches.retain(|launch| !launch.is(code));
        launches.len() < before
    }
}

impl Secret {
    fn new() -> Self {
        let bytes: [u8; 32] = rand::random();
        let mut digits = String::with_capacity(64);
        for byte in bytes {
            write!(digits, "{byte:02x}").expect("a text takes whatever is written");
        }
        Self(digits)
    }

    /// In a time that does not tell how much of the text is right.
    fn is(&self, text: &str) -> bool {
        self.0.as_bytes().ct_eq(text.as_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_launch_code_works_once_and_the_secrets_differ() {
        let secrets = Secrets::new();
        let (first, second) = (secrets.new_launch(), secrets.new_launch());
        assert_eq!(first.len(), 64);
        assert!(secrets.spend_launch(&first) && !secrets.spend_launch(&first));
        assert!(secrets.spend_launch(&second) && !secrets.spend_launch(""));
        assert!(secrets.is_session(secrets.session()) && !secrets.is_session(secrets.token()));
        assert!(secrets.is_token(secrets.token()) && !secrets.is_token(&secrets.token()[1..]));
    }
}
