//! Owns the tests of the inbox alone: room, the line, and their end. Never starts a writer.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use ferrumdb_engine::{CollectionId, Transaction};

use super::*;
use crate::Key;
use crate::command::{Reply, Write, WriteReply};
use crate::transaction::Counts;

/// Room for two commands: the second goes in while less than the bound waits.
const ROOM_FOR_TWO: usize = 300;

/// A command, and the receiver by which it is known.
fn command() -> (Command, oneshot::Receiver<crate::command::Answer<()>>) {
    let (reply, receiver) = Reply::channel();
    (Command::Sync(reply), receiver)
}

fn answer(command: Option<Command>) {
    match command {
        Some(Command::Sync(reply)) => reply.answer(Ok(())),
        _ => panic!("there was no command, or another"),
    }
}

#[test]
fn while_somebody_stands_in_the_line_nobody_goes_in_past_it() {
    let (outbox, mut inbox) = channel(ROOM_FOR_TWO, false);
    let (first, second, third, fourth) = (command(), command(), command(), command());
    assert!(outbox.offer(first.0).is_ok() && outbox.offer(second.0).is_ok());
    let Err(third_command) = outbox.offer(third.0) else { panic!("the inbox has no bound") };
    let Ok(_place) = outbox.enter_line(third_command) else { panic!("the line is closed") };
    answer(inbox.try_next());
    answer(inbox.try_next());
    assert!(outbox.offer(fourth.0).is_err(), "there is room, but not for one who comes later");
    answer(inbox.try_next());
    assert!(inbox.try_next().is_none());
    assert!([first.1, second.1, third.1].iter().all(|receiver| receiver.try_recv().unwrap().result.is_ok()));
    assert!(outbox.offer(command().0).is_ok(), "the line is empty again");
}

#[test]
fn what_leaves_the_line_does_not_come_out_of_it() {
    let (outbox, mut inbox) = channel(1, false);
    assert!(outbox.offer(command().0).is_ok());
    let (leaving, staying) = (command(), command());
    let Ok(place) = outbox.enter_line(leaving.0) else { panic!("the line is closed") };
    let Ok(_stays) = outbox.enter_line(staying.0) else { panic!("the line is closed") };
    drop(place);
    answer(inbox.try_next());
    answer(inbox.try_next());
    assert!(inbox.try_next().is_none());
    assert!(staying.1.try_recv().unwrap().result.is_ok());
    assert!(matches!(leaving.1.try_recv(), Err(oneshot::TryRecvError::Disconnected)));
}

#[test]
fn the_rest_is_refused_and_nothing_gets_in_after_it() {
    let (outbox, mut inbox) = channel(1, false);
    let (queued, in_line) = (command(), command());
    assert!(outbox.offer(queued.0).is_ok());
    let Ok(_place) = outbox.enter_line(in_line.0) else { panic!("the line is closed") };
    let (reply, closing) = Reply::channel();
    assert!(outbox.insist(Command::Close(Some(reply))));
    let error = Error::new(crate::error::Cause::Closed { path: "x".into() });
    let closings = inbox.refuse_rest(&error);
    assert_eq!(closings.len(), 1);
    closings.into_iter().for_each(|reply| reply.answer(Ok(())));
    assert!(closing.try_recv().unwrap().result.is_ok());
    assert!(queued.1.try_recv().unwrap().result.is_err() && in_line.1.try_recv().unwrap().result.is_err());
    assert!(outbox.enter_line(command().0).is_err());
    assert!(!outbox.insist(Command::SyncDone));
}

#[test]
fn the_deadline_comes_when_nothing_else_does() {
    let (outbox, mut inbox) = channel(1, false);
    assert!(inbox.next(Some(Instant::now()), false).is_none());
    assert!(outbox.offer(command().0).is_ok());
    answer(inbox.next(Some(Instant::now()), false));
    drop(outbox);
    assert!(matches!(inbox.next(None, false), Some(Command::Close(None))), "without callers, it is over");
}

#[test]
fn many_deletions_of_short_keys_count_as_the_memory_that_they_take() {
    const DELETIONS: usize = 1_000;
    let write = || {
        let mut transaction = Transaction::new();
        (0..DELETIONS).for_each(|_| transaction.delete(CollectionId::ROOT, Key::from("k")));
        let (reply, _) = Reply::channel();
        Command::Write(Write::new(transaction, Counts::default(), WriteReply::Sequence(reply)))
    };
    let (outbox, mut inbox) = channel(16 * DELETIONS, false);
    assert!(outbox.offer(write()).is_ok(), "one goes in, whatever its size");
    assert!(outbox.offer(write()).is_err(), "a deletion takes more than its key");
    assert!(matches!(inbox.try_next(), Some(Command::Write(_))));
    assert_eq!(outbox.depth(), (0, 0), "what went in came out");
    assert!(outbox.offer(write()).is_ok());
}
