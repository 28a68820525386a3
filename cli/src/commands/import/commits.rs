//! Owns the transactions of an import: what goes into one, how many are under way, what has been acknowledged. Never
//! counts a document before its commit has answered.

use std::collections::VecDeque;
use std::ops::Range;

use ferrumdb::{Error, ErrorKind, FerrumDB, Key, Sequence, Timestamp, Transaction};

use super::Stored;
use super::source::Place;
use crate::exit::{Failure, Status};
use crate::in_flight::Answer;
use crate::output::Output;
use crate::progress::Work;

const BATCH_DOCUMENTS_MAX: usize = 500;
const BATCH_BYTES_MAX: usize = 1 << 20;
/// How many commits may be under way at once.
const IN_FLIGHT_MAX: usize = 8;

/// The documents of one transaction, as they stood in the input.
#[derive(Default)]
pub(super) struct Batch {
    texts: Vec<u8>,
    documents: Vec<Noted>,
}

struct Noted {
    collection: Option<Key>,
    key: Key,
    range: Range<usize>,
    expires_at: Option<Timestamp>,
    place: Place,
}

impl Batch {
    pub(super) fn add(&mut self, stored: Stored<'_>, place: Place) {
        let Stored { collection, key, text, expires_at } = stored;
        let start = self.texts.len();
        self.texts.extend_from_slice(text);
        self.documents.push(Noted { collection, key, range: start..self.texts.len(), expires_at, place });
    }

    pub(super) fn is_full(&self) -> bool {
        self.documents.len() >= BATCH_DOCUMENTS_MAX || self.texts.len() >= BATCH_BYTES_MAX
    }

    fn transaction(&self) -> Transaction {
        (0..self.documents.len()).fold(Transaction::new(), |transaction, index| self.set(transaction, index))
    }

    /// Adds the document of this number to a transaction.
    fn set(&self, transaction: Transaction, index: usize) -> Transaction {
        let Noted { collection, key, range, expires_at, .. } = &self.documents[index];
        let text = &self.texts[range.clone()];
        let transaction = match collection {
            Some(name) => transaction.in_collection(name.clone()),
            None => transaction.in_root(),
        };
        match expires_at {
            Some(at) => transaction.set_raw_until(key.clone(), text, *at),
            None => transaction.set_raw(key.clone(), text),
        }
    }
}

/// The commits of one import.
pub(super) struct Commits<'a> {
    db: &'a FerrumDB,
    in_flight: VecDeque<(Answer<Sequence>, u64)>,
    acknowledged: u64,
    output: Option<Output>,
    work: Work,
}

impl<'a> Commits<'a> {
    /// With an output, each acknowledged commit is told there.
    pub(super) fn new(db: &'a FerrumDB, output: Option<Output>, work: Work) -> Self {
        Self { db, in_flight: VecDeque::new(), acknowledged: 0, output, work }
    }

    /// How many documents were committed.
    pub(super) fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// Commits a batch, and takes the answers that are here.
    pub(super) fn submit(&mut self, batch: Batch, bytes_read: u64) -> Result<(), Failure> {
        if batch.documents.is_empty() {
            return Ok(());
        }
        let mut answer = Answer::Coming(self.db.commit(batch.transaction()));
        if answer.is_here()
            && let Answer::Here(Err(error)) = &answer
            && is_about_a_document(error)
        {
            self.settle()?;
            return self.find_the_refused(&batch);
        }
        self.in_flight.push_back((answer, batch.documents.len() as u64));
        while let Some((answer, _)) = self.in_flight.front_mut()
            && (answer.is_here() || self.in_flight.len() >= IN_FLIGHT_MAX)
        {
            self.settle_oldest()?;
        }
        self.work.reach(bytes_read, &format!("{} documents", self.acknowledged));
        Ok(())
    }

    /// Waits for all answers.
    pub(super) fn settle(&mut self) -> Result<(), Failure> {
        while !self.in_flight.is_empty() {
            self.settle_oldest()?;
        }
        Ok(())
    }

    /// Commits what was read before a bad place, and says that it stays.
    pub(super) fn stop(&mut self, batch: Batch, status: Status, message: &str) -> Failure {
        match self.submit(batch, 0).and_then(|()| self.settle()) {
            Ok(()) => self.stopped(status, message),
            Err(failure) => failure,
        }
    }

    fn settle_oldest(&mut self) -> Result<(), Failure> {
        let Some((answer, documents)) = self.in_flight.pop_front() else { return Ok(()) };
        match answer.wait() {
            Ok(sequence) => self.acknowledge(documents, sequence),
            Err(error) => Err(self.failed(&error)),
        }
    }

    fn acknowledge(&mut self, documents: u64, sequence: Sequence) -> Result<(), Failure> {
        self.acknowledged += documents;
        if let Some(output) = &mut self.output {
            output.line(&format!("{} documents, sequence {sequence}", self.acknowledged))?;
            output.flush()?;
        }
        Ok(())
    }

    /// A transaction is refused as a whole; one by one, its documents show which it was.
    fn find_the_refused(&mut self, batch: &Batch) -> Result<(), Failure> {
        for (index, Noted { place, .. }) in batch.documents.iter().enumerate() {
            match self.db.commit(batch.set(Transaction::new(), index)).wait() {
                Ok(sequence) => self.acknowledge(1, sequence)?,
                Err(error) => {
                    return Err(self.stopped(Status::of(error.kind()), &format!("{place}: {error}")));
                }
            }
        }
        Ok(())
    }

    /// A commit failed: those behind it may have succeeded all the same.
    fn failed(&mut self, error: &Error) -> Failure {
        let rest = std::mem::take(&mut self.in_flight);
        let beyond: u64 =
            rest.into_iter().filter_map(|(answer, count)| answer.wait().ok().map(|_| count)).sum();
        let mut failure = self.stopped(Status::of(error.kind()), &error.to_string());
        if beyond > 0 {
            failure.message.push_str(&format!(", and so were {beyond} documents behind a gap"));
        }
        failure
    }

    pub(super) fn stopped(&self, status: Status, message: &str) -> Failure {
        let stays = match self.acknowledged {
            0 => "nothing was imported".to_owned(),
            1 => "the document before it was imported".to_owned(),
            count => format!("the {count} documents before it were imported"),
        };
        Failure::new(status, format!("{message}; {stays}"))
    }
}

/// Whether trying again with other documents would help.
fn is_about_a_document(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::InvalidJson | ErrorKind::TooLarge | ErrorKind::NotSerializable)
}
