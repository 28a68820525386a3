//! Owns the readable text of operations, both ways. Never carries one out.

use std::fmt;
use std::str::FromStr;

use super::{COLLECTIONS, Change, Damage, Failure, KEYS, OPERATIONS, Op, OpList};

impl fmt::Display for OpList {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "seed {}", self.seed)?;
        self.ops.iter().try_for_each(|op| writeln!(formatter, "{op}"))
    }
}

impl fmt::Display for Op {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Commit { group, synced } => {
                write!(formatter, "commit {}", if *synced { "synced" } else { "appended" })?;
                for (index, transaction) in group.iter().enumerate() {
                    formatter.write_str(if index == 0 { "" } else { " |" })?;
                    for Change { key, document } in transaction {
                        match document {
                            Some(number) => write!(formatter, " {key}={number}")?,
                            None => write!(formatter, " {key}-")?,
                        }
                    }
                }
                Ok(())
            }
            Self::DeleteRange { from, to, synced } => {
                let durability = if *synced { "synced" } else { "appended" };
                write!(formatter, "delete-range {durability} {from} {to}")
            }
            Self::Order(key) => write!(formatter, "order {key}"),
            Self::Sync => formatter.write_str("sync"),
            Self::BeginSync => formatter.write_str("begin-sync"),
            Self::RunSync => formatter.write_str("run-sync"),
            Self::FinishSync => formatter.write_str("finish-sync"),
            Self::Mark => formatter.write_str("mark"),
            Self::Compact(units) => write!(formatter, "compact {units}"),
            Self::Close => formatter.write_str("close"),
            Self::Drop => formatter.write_str("drop"),
            Self::Open => formatter.write_str("open"),
            Self::Kill => formatter.write_str("kill"),
            Self::PowerCut(seed) => write!(formatter, "power-cut {seed}"),
            Self::Fail(failure) => write!(formatter, "fail {failure}"),
            Self::Snapshot => formatter.write_str("snapshot"),
            Self::Release(index) => write!(formatter, "release {index}"),
            Self::Flip(seed) => write!(formatter, "flip {seed}"),
            Self::Shorten(seed) => write!(formatter, "shorten {seed}"),
            Self::Forge(seed) => write!(formatter, "forge {seed}"),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = OPERATIONS.iter().find(|(_, operation)| *operation == self.operation);
        let name = named.map_or("any", |(name, _)| name);
        let often = if self.always { "always" } else { "once" };
        write!(formatter, "{name} {} {often} ", self.nth)?;
        match self.damage {
            Damage::Error => formatter.write_str("error"),
            Damage::Full => formatter.write_str("full"),
            Damage::Short(bytes) => write!(formatter, "short {bytes}"),
            Damage::Partial(bytes) => write!(formatter, "partial {bytes}"),
            Damage::Interrupted => formatter.write_str("interrupted"),
            Damage::Crash(seed) => write!(formatter, "crash {seed}"),
            Damage::Lie => formatter.write_str("lie"),
        }
    }
}

impl FromStr for OpList {
    type Err = String;

    /// Reads the text that it is displayed as; empty lines and lines that begin with `#` say nothing.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut list = Self { seed: 0, ops: Vec::new() };
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            match line.strip_prefix("seed ") {
                Some(seed) => list.seed = number(Some(seed))?,
                None => list.ops.push(line.parse().map_err(|error| format!("{line}: {error}"))?),
            }
        }
        Ok(list)
    }
}

impl FromStr for Op {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let mut words = line.split_whitespace();
        Ok(match words.next().unwrap_or_default() {
            "commit" => {
                let synced = words.next() == Some("synced");
                let mut group = vec![Vec::new()];
                for word in words {
                    match word {
                        "|" => group.push(Vec::new()),
                        change => group.last_mut().expect("it begins with one").push(change.parse()?),
                    }
                }
                Self::Commit { group, synced }
            }
            "delete-range" => {
                let synced = words.next() == Some("synced");
                let (from, to): (usize, usize) = (number(words.next())?, number(words.next())?);
                if from.max(to) >= KEYS.len() {
                    return Err("no such key".to_owned());
                }
                Self::DeleteRange { from, to, synced }
            }
            "order" => match number(words.next())? {
                key if key < KEYS.len() => Self::Order(key),
                _ => return Err("no such collection".to_owned()),
            },
            "sync" => Self::Sync,
            "begin-sync" => Self::BeginSync,
            "run-sync" => Self::RunSync,
            "finish-sync" => Self::FinishSync,
            "mark" => Self::Mark,
            "compact" => Self::Compact(number(words.next())?),
            "close" => Self::Close,
            "drop" => Self::Drop,
            "open" => Self::Open,
            "kill" => Self::Kill,
            "power-cut" => Self::PowerCut(number(words.next())?),
            "fail" => Self::Fail(failure(&words.collect::<Vec<_>>())?),
            "snapshot" => Self::Snapshot,
            "release" => Self::Release(number(words.next())?),
            "flip" => Self::Flip(number(words.next())?),
            "shorten" => Self::Shorten(number(words.next())?),
            "forge" => Self::Forge(number(words.next())?),
            _ => return Err("no such operation".to_owned()),
        })
    }
}

impl FromStr for Change {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let (key, document) = match (word.split_once('='), word.strip_suffix('-')) {
            (Some((key, document)), _) => (key, Some(number(Some(document))?)),
            (None, Some(key)) => (key, None),
            _ => return Err("neither `key=document` nor `key-`".to_owned()),
        };
        let key = number(Some(key))?;
        let is_there = key < KEYS.len() || document.is_none() && key < KEYS.len() + COLLECTIONS.len();
        if is_there { Ok(Self { key, document }) } else { Err("no such key".to_owned()) }
    }
}

fn failure(words: &[&str]) -> Result<Failure, String> {
    let [name, nth, often, damage, rest @ ..] = words else { return Err("too few words".to_owned()) };
    let named = OPERATIONS.iter().find(|(known, _)| known == name).ok_or("no such call")?;
    let given = rest.first().copied();
    let damage = match *damage {
        "error" => Damage::Error,
        "full" => Damage::Full,
        "short" => Damage::Short(number(given)?),
        "partial" => Damage::Partial(number(given)?),
        "interrupted" => Damage::Interrupted,
        "crash" => Damage::Crash(number(given)?),
        "lie" => Damage::Lie,
        _ => return Err("no such damage".to_owned()),
    };
    Ok(Failure { operation: named.1, nth: number(Some(nth))?, always: *often == "always", damage })
}

fn number<T: FromStr>(word: Option<&str>) -> Result<T, String> {
    word.and_then(|word| word.parse().ok()).ok_or_else(|| "a number is missing".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn every_operation_is_read_as_it_was_written() {
        let mut random = Random::new(1);
        let mut list = OpList { seed: 5, ops: (0..2_000).map(|_| Op::random(&mut random)).collect() };
        let damage = Damage::Lie;
        list.ops.push(Op::Fail(Failure { operation: OPERATIONS[2].1, nth: 1, always: true, damage }));
        assert_eq!(list.to_string().parse(), Ok(list));
        for bad in ["commit synced 9=1", "commit synced a", "fail any 1", "fly", "power-cut x"] {
            assert!(bad.parse::<OpList>().is_err(), "{bad}");
        }
    }
}
