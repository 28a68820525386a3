//! Owns the tests of compactions whose thread has ended too soon: each plays the writer. Never starts one.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use ferrumdb_engine::fs::MemoryFs;
use ferrumdb_engine::{
    CollectionId, Durability, EncodedDocument, Key, Limits, Options, Reader, Transaction, open,
};

use super::*;
use crate::command::Answer;
use crate::inbox::Inbox;

const ROOT: CollectionId = CollectionId::ROOT;

/// A writer without a thread.
struct Played {
    writer: Writer,
    reader: Reader,
    link: Arc<Link>,
    inbox: Inbox,
    compactions: Compactions,
}

impl Played {
    fn new() -> Self {
        let (writer, reader) = open(Options::new("/my.db"), Arc::new(MemoryFs::new())).unwrap();
        let (link, inbox) = Link::new("/my.db".into(), 1 << 20, false);
        Self { writer, reader, link, inbox, compactions: Compactions::default() }
    }

    /// Some keys, each set twice.
    fn set_twice(&mut self) {
        for number in 0..200 {
            let mut transaction = Transaction::new();
            let document = EncodedDocument::from_json(b"1", &Limits::default()).unwrap();
            transaction.set(ROOT, Key::from(format!("k{}", number % 100)), document, None);
            self.writer.commit(&[transaction], Durability::Appended).unwrap();
        }
    }

    fn want(&mut self) -> oneshot::Receiver<Answer<CompactionReport>> {
        let (reply, receiver) = Reply::channel();
        self.compactions.want(reply);
        receiver
    }

    /// Carries out what compactions ask, until none is wanted or under way. One whose answer is kept back takes its thread for
    /// ended, after its file was put in place.
    fn tend(&mut self, keeps_back: bool) {
        while self.compactions.is_wanted() || self.compactions.running.is_some() {
            if self.compactions.is_wanted() {
                self.compactions.begin(&mut self.writer, &self.link);
            }
            match self.inbox.next(None, false) {
                Some(Command::InstallCompaction(compaction, reply)) => {
                    let answer = self.compactions.install(&mut self.writer, *compaction);
                    assert!(matches!(answer, CompactionAnswer::Installed(..)));
                    if !keeps_back {
                        reply.send(answer).unwrap();
                    }
                }
                Some(Command::FinishRelocation(relocation, reply)) => {
                    self.writer.finish_relocation(&relocation);
                    assert_eq!(
                        self.writer.held_generations(),
                        1,
                        "it is not for the writer to close the old file"
                    );
                    reply.send(relocation).unwrap();
                }
                Some(Command::CompactionDone(outcome)) => self.compactions.finish(&self.writer, outcome),
                _ => {}
            }
        }
    }
}

#[test]
fn what_a_compaction_has_left_is_moved_before_the_next_one() {
    let mut played = Played::new();
    played.set_twice();
    let first = played.want();
    played.tend(true);
    assert!(first.recv().unwrap().result.is_err(), "its thread has ended too soon");
    assert!(played.writer.unfinished_relocation().is_some());
    played.set_twice();

    let second = played.want();
    played.tend(false);
    let report = second.recv().unwrap().result.unwrap();
    // Of each key, the version that the first had kept and one of the two behind it; and the end of its base section.
    assert_eq!(report.records_dropped, 201);
    assert!(played.writer.unfinished_relocation().is_none());
    assert_eq!(played.reader.count(ROOT), 100);
    assert!((0..100).all(|number| played.reader.get(ROOT, &format!("k{number}")).unwrap().is_some()));
}

#[test]
fn who_gives_up_waiting_gets_no_compaction_behind_what_is_moved() {
    let mut played = Played::new();
    played.set_twice();
    let _first = played.want();
    played.tend(true);
    let second = played.want();
    played.compactions.begin(&mut played.writer, &played.link);
    assert!(played.compactions.cancel(), "somebody waits");
    assert_eq!(second.recv().unwrap().result.unwrap_err().kind(), crate::ErrorKind::Cancelled);
    assert!(!played.compactions.cancel(), "nobody waits any more");
    played.tend(false);
    assert!(played.writer.unfinished_relocation().is_none(), "the rest is moved all the same");
}
