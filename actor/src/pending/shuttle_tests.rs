//! Owns the check of waiting for an answer under every interleaving that shuttle tries: no wake-up is lost, no command is
//! lost or carried out twice, nobody hangs, the end included. Never starts a real thread.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::atomic::AtomicBool;

use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::thread::JoinHandle;

use super::*;
use crate::command::Reply;
use crate::fs::SimFs;
use crate::inbox::Inbox;
use crate::{Config, ErrorKind, FerrumDB, FsyncPolicy};

const ROUNDS: usize = 20_000;
/// Of the models in which a whole database lives.
const ROUNDS_OF_ALL: usize = 1_000;
/// Bytes of an inbox that one command fills, and of one that none does.
const FULL: usize = 1;
const ROOMY: usize = 1 << 20;

fn check(rounds: usize, model: fn()) {
    let mut config = shuttle::Config::new();
    // An opening needs more than a model's thread has.
    config.stack_size = 1 << 20;
    shuttle::Runner::new(RandomScheduler::new(rounds), config.clone()).run(model);
    shuttle::Runner::new(PctScheduler::new(3, rounds), config).run(model);
}

fn link(inbox_bytes: usize, spins: bool) -> (Arc<Link>, Inbox) {
    let (mut link, inbox) = Link::new("x".into(), inbox_bytes, false);
    Arc::get_mut(&mut link).unwrap().spins = spins;
    (link, inbox)
}

fn send(link: &Arc<Link>) -> Pending<()> {
    let (reply, receiver) = Reply::channel();
    link.send(Command::Sync(reply), receiver)
}

/// A writer that answers until the closing comes, then ends as the real one does; it says how many it has answered.
fn writer(link: &Arc<Link>, mut inbox: Inbox) -> JoinHandle<usize> {
    let link = Arc::clone(link);
    shuttle::thread::spawn(move || {
        let mut answered = 0;
        loop {
            match inbox.next(None, false) {
                Some(Command::Sync(reply)) => {
                    answered += 1;
                    reply.answer(Ok(()));
                }
                Some(Command::Close(_)) => break,
                _ => panic!("nothing else was sent"),
            }
        }
        link.end(Ok(()));
        inbox.refuse_rest(&link.closed());
        answered
    })
}

fn close(link: &Arc<Link>, writer: JoinHandle<usize>) -> usize {
    assert!(link.begin_closing());
    link.outbox().insist(Command::Close(None));
    writer.join().unwrap()
}

/// Unparks the thread that made it, and remembers that it did.
struct Flag(thread::Thread, AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.1.store(true, std::sync::atomic::Ordering::SeqCst);
        self.0.unpark();
    }
}

fn flag() -> Arc<Flag> {
    Arc::new(Flag(thread::current(), AtomicBool::new(false)))
}

fn poll<T>(pending: &mut Pending<T>, flag: &Arc<Flag>) -> Poll<Result<T>> {
    Pin::new(pending).poll(&mut Context::from_waker(&Waker::from(Arc::clone(flag))))
}

/// Waits for this waker alone, and then for the answer, as a runtime does.
fn woken<T>(mut pending: Pending<T>, flag: &Arc<Flag>) -> Result<T> {
    while !flag.1.load(std::sync::atomic::Ordering::SeqCst) {
        thread::park();
    }
    match poll(&mut pending, flag) {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("it was woken, and there is no answer"),
    }
}

#[test]
fn an_answer_that_comes_while_its_waiter_goes_to_park_is_not_missed() {
    check(ROUNDS, || {
        let (link, inbox) = link(ROOMY, false);
        let writer = writer(&link, inbox);
        let waiters: Vec<_> = (0..2)
            .map(|_| {
                let link = Arc::clone(&link);
                shuttle::thread::spawn(move || send(&link).wait())
            })
            .collect();
        send(&link).wait().unwrap();
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap().unwrap());
        assert_eq!(close(&link, writer), 3);
    });
}

#[test]
fn a_waiter_that_spins_gets_its_answer_and_is_no_longer_counted() {
    check(ROUNDS, || {
        let (link, inbox) = link(ROOMY, true);
        let writer = writer(&link, inbox);
        let other = {
            let link = Arc::clone(&link);
            shuttle::thread::spawn(move || send(&link).wait())
        };
        send(&link).wait().unwrap();
        other.join().unwrap().unwrap();
        assert_eq!(link.waiters.load(Ordering::Relaxed), 0);
        assert_eq!(close(&link, writer), 2);
    });
}

#[test]
fn what_was_polled_and_dropped_is_carried_out_once_or_has_left_the_line() {
    check(ROUNDS, || {
        let (link, inbox) = link(FULL, false);
        let writer = writer(&link, inbox);
        let dropper = {
            let link = Arc::clone(&link);
            shuttle::thread::spawn(move || {
                let mut pending = send(&link);
                let on_the_spot = pending.is_accepted();
                let answered = poll(&mut pending, &flag()).is_ready();
                usize::from(on_the_spot || answered)
            })
        };
        // Behind it, or before it: what is dropped holds up nobody.
        send(&link).wait().unwrap();
        send(&link).wait().unwrap();
        let at_least = dropper.join().unwrap();
        let answered = close(&link, writer);
        assert!((2 + at_least..=3).contains(&answered), "{answered}, {at_least} of the dropped ones");
    });
}

#[test]
fn the_waker_of_the_last_poll_is_the_one_that_is_woken() {
    check(ROUNDS, || {
        let (link, inbox) = link(FULL, false);
        let writer = writer(&link, inbox);
        let other = {
            let link = Arc::clone(&link);
            shuttle::thread::spawn(move || send(&link).wait())
        };
        let mut pending = send(&link).then(|()| Ok(7));
        let (first, last) = (flag(), flag());
        let answer = match poll(&mut pending, &first) {
            Poll::Ready(answer) => answer,
            Poll::Pending => match poll(&mut pending, &last) {
                Poll::Ready(answer) => answer,
                Poll::Pending => woken(pending, &last),
            },
        };
        assert_eq!(answer.unwrap(), 7);
        other.join().unwrap().unwrap();
        assert_eq!(close(&link, writer), 2);
    });
}

#[test]
fn what_one_thread_has_polled_another_can_wait_for() {
    check(ROUNDS, || {
        let (link, inbox) = link(FULL, true);
        let writer = writer(&link, inbox);
        let (mut one, mut two) = (send(&link), send(&link));
        let answers: Vec<_> = [&mut one, &mut two].map(|pending| poll(pending, &flag())).into();
        let waiters: Vec<_> = [one, two]
            .into_iter()
            .zip(answers)
            .filter(|(_, answer)| answer.is_pending())
            .map(|(pending, _)| shuttle::thread::spawn(move || pending.wait()))
            .collect();
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap().unwrap());
        assert_eq!(close(&link, writer), 2);
    });
}

#[test]
fn a_command_without_room_goes_in_at_its_first_poll_and_never_without_one() {
    check(ROUNDS, || {
        let (link, inbox) = link(FULL, false);
        let (first, dropped, mut held) = (send(&link), send(&link), send(&link));
        assert_eq!([&first, &dropped, &held].map(|pending| pending.is_accepted()), [true, false, false]);
        let writer = writer(&link, inbox);
        drop(dropped);
        let flag = flag();
        let answer = match poll(&mut held, &flag) {
            Poll::Ready(answer) => answer,
            Poll::Pending => woken(held, &flag),
        };
        answer.unwrap();
        drop(first);
        assert_eq!(close(&link, writer), 2, "the first and the one that was polled");
    });
}

#[test]
fn a_writer_that_goes_leaves_nobody_waiting() {
    check(ROUNDS, || {
        let (link, mut inbox) = link(FULL, true);
        let writer = {
            let link = Arc::clone(&link);
            shuttle::thread::spawn(move || {
                // It panics with one command in its hands.
                let in_hand = inbox.next(None, false);
                drop(in_hand);
                let error = link.end_in_panic("a model".into());
                inbox.refuse_rest(&error);
            })
        };
        let waiter = {
            let link = Arc::clone(&link);
            shuttle::thread::spawn(move || send(&link).wait())
        };
        let mut polled = send(&link);
        let flag = flag();
        let answer = match poll(&mut polled, &flag) {
            Poll::Ready(answer) => answer,
            Poll::Pending => woken(polled, &flag),
        };
        let kinds = [answer, waiter.join().unwrap()].map(|answer| answer.unwrap_err().kind());
        let expected = |kind| matches!(kind, ErrorKind::InDoubt | ErrorKind::Poisoned);
        assert!(kinds.into_iter().all(expected), "{kinds:?}");
        writer.join().unwrap();
        assert_eq!(send(&link).wait().unwrap_err().kind(), ErrorKind::Poisoned);
    });
}

fn open(sim: &SimFs) -> FerrumDB {
    let config = Config::new("/x.db").with_fsync_policy(FsyncPolicy::Never).with_inbox_bytes(FULL);
    FerrumDB::open(config.with_file_system(Arc::new(sim.process()))).wait().unwrap()
}

#[test]
fn the_last_handle_may_go_while_pendings_wait() {
    check(ROUNDS_OF_ALL, || {
        let sim = SimFs::new(1);
        let db = open(&sim);
        let (accepted, mut held) = (db.set("a", 1), db.set("b", 2));
        let flag = flag();
        let held = match poll(&mut held, &flag) {
            Poll::Ready(answer) => shuttle::thread::spawn(move || answer),
            Poll::Pending => shuttle::thread::spawn(move || held.wait()),
        };
        let waiter = shuttle::thread::spawn(move || accepted.wait());
        drop(db);
        // The drop has returned, so the file is free, and what was accepted is in it.
        let db = open(&sim);
        assert_eq!(db.get_as::<u32>("a").unwrap(), Some(1));
        waiter.join().unwrap().unwrap();
        let held = held.join().unwrap();
        assert_eq!(db.contains("b").unwrap(), held.is_ok(), "{held:?}");
    });
}

#[test]
fn closing_and_dropping_answer_everyone_who_writes_beside_them() {
    check(ROUNDS_OF_ALL, || {
        let sim = SimFs::new(1);
        let db = open(&sim);
        let users: Vec<_> = (0..2)
            .map(|user| {
                let db = db.clone();
                shuttle::thread::spawn(move || {
                    let written = db.set(format!("{user}"), user).wait();
                    db.close().wait().unwrap();
                    written
                })
            })
            .collect();
        drop(db);
        let written: Vec<_> = users.into_iter().map(|user| user.join().unwrap()).collect();
        let db = open(&sim);
        for (user, written) in written.iter().enumerate() {
            assert_eq!(db.contains(format!("{user}")).unwrap(), written.is_ok(), "{user}: {written:?}");
        }
        assert!(written.iter().any(|written| written.is_ok()), "nobody closes before it has written");
    });
}
