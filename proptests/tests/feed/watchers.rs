//! Owns a watcher under test: a feed, and what it has told so far. Never lets a change pass that the model has not.

use ferrumdb_engine::{Error, Fed, Feed, Reader, Sequence, Wanted};

use crate::model::{Model, Told};

pub(crate) struct Watcher {
    pub(crate) feed: Feed,
    pub(crate) wanted: Wanted,
    pub(crate) since: Sequence,
    pub(crate) told: Vec<Told>,
}

impl Watcher {
    /// From now on, or behind `since`.
    pub(crate) fn begin(reader: &Reader, since: Option<Sequence>, wanted: Wanted) -> Result<Self, Error> {
        let from = since.unwrap_or(reader.sequence());
        let feed = reader.feed(since, wanted.clone())?;
        assert_eq!(feed.sequence(), from);
        Ok(Self { feed, wanted, since: from, told: Vec::new() })
    }

    /// Takes at most so many looks; says whether it came to the end.
    pub(crate) fn look(&mut self, looks: u64) -> Result<bool, Error> {
        for _ in 0..looks {
            match self.feed.advance()? {
                Fed::Change(change) => self.told.push(Told::of(&change)),
                Fed::More => {}
                Fed::End => return Ok(true),
            }
        }
        Ok(false)
    }

    /// Everything that there is.
    pub(crate) fn drain(&mut self) -> Result<(), Error> {
        self.look(u64::MAX).map(drop)
    }

    /// That it has told what it must, up to where it is, and so far nothing else.
    pub(crate) fn check(&self, model: &Model, newest: u64) {
        let all = model.told(self.since, newest, &self.wanted);
        assert!(self.told.len() <= all.len(), "{:#?}\n{all:#?}", self.told);
        for (index, told) in self.told.iter().enumerate() {
            assert_eq!(*told, all[index], "change {index} of {}", all.len());
        }
        // What is not told yet lies behind where it would resume.
        let resume = self.feed.sequence().0;
        let passed = all.iter().take_while(|told| told.sequence <= resume).count();
        let partly = self.told.last().is_some_and(|told| !told.ends_commit);
        assert!(passed == self.told.len() || (partly && passed < self.told.len()), "{resume}");
    }

    /// That it has told everything.
    pub(crate) fn check_all(&self, model: &Model, newest: u64) {
        self.check(model, newest);
        assert_eq!(self.told.len(), model.told(self.since, newest, &self.wanted).len());
        assert_eq!(self.feed.sequence().0, newest);
    }
}
