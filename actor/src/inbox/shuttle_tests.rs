//! Owns the check of the inbox under every interleaving that shuttle tries: nothing is lost, nothing comes twice,
//! nobody hangs, the end included. Never starts a real thread.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::command::Reply;
use crate::error::Cause;
use crate::sync::oneshot;

const CALLERS: usize = 3;
const COMMANDS: usize = 2;
const ROUNDS: usize = 20_000;

type Answer = oneshot::Receiver<crate::command::Answer<()>>;

/// How a command went in.
enum Entered {
    OnTheSpot(Answer),
    InLine(Answer, Place),
    /// It stood in the line and left it.
    Left,
    /// The inbox had ended.
    Refused,
}

fn enter(outbox: &Outbox, leaves: bool) -> Entered {
    let (reply, answer) = Reply::channel();
    match outbox.offer(Command::Sync(reply)) {
        Ok(()) => Entered::OnTheSpot(answer),
        Err(command) => match outbox.enter_line(command) {
            Ok(place) if leaves => {
                drop(place);
                Entered::Left
            }
            Ok(place) => Entered::InLine(answer, place),
            Err(_command) => Entered::Refused,
        },
    }
}

/// Carries out commands until `count` were seen or a closing comes; says how many.
fn serve(inbox: &mut Inbox, count: usize) -> usize {
    for served in 0..count {
        match inbox.next(None, false) {
            Some(Command::Sync(reply)) => reply.answer(Ok(())),
            Some(Command::Close(_)) => return served,
            _ => panic!("nothing else was sent"),
        }
    }
    count
}

#[test]
fn every_command_comes_out_once_however_it_went_in() {
    let model = || {
        let (outbox, mut inbox) = channel(1, false);
        let outbox = Arc::new(outbox);
        let callers: Vec<_> = (0..CALLERS)
            .map(|_| {
                let outbox = Arc::clone(&outbox);
                shuttle::thread::spawn(move || {
                    (0..COMMANDS).map(|_| enter(&outbox, false)).collect::<Vec<_>>()
                })
            })
            .collect();
        // A lost wake-up shows as a deadlock here, which shuttle reports.
        assert_eq!(serve(&mut inbox, CALLERS * COMMANDS), CALLERS * COMMANDS);
        for entered in callers.into_iter().flat_map(|caller| caller.join().unwrap()) {
            match entered {
                Entered::OnTheSpot(answer) => assert!(answer.try_recv().unwrap().result.is_ok()),
                Entered::InLine(answer, place) => {
                    assert!(answer.try_recv().unwrap().result.is_ok());
                    drop(place);
                }
                Entered::Left | Entered::Refused => panic!("nobody left, and nothing ended"),
            }
        }
        assert!(inbox.try_next().is_none());
    };
    shuttle::check_random(model, ROUNDS);
    shuttle::check_pct(model, ROUNDS, 3);
}

#[test]
fn at_the_end_everyone_is_answered_or_has_left() {
    let model = || {
        let (outbox, mut inbox) = channel(1, false);
        let outbox = Arc::new(outbox);
        let callers: Vec<_> = (0..CALLERS)
            .map(|caller| {
                let outbox = Arc::clone(&outbox);
                shuttle::thread::spawn(move || {
                    (0..COMMANDS).map(|number| enter(&outbox, (caller + number) % 2 == 1)).collect::<Vec<_>>()
                })
            })
            .collect();
        let closer = {
            let outbox = Arc::clone(&outbox);
            shuttle::thread::spawn(move || {
                let (reply, answer) = Reply::channel();
                outbox.insist(Command::Close(Some(reply))).then_some(answer)
            })
        };
        serve(&mut inbox, usize::MAX);
        let error = Error::new(Cause::Closed { path: "x".into() });
        for reply in inbox.refuse_rest(&error) {
            reply.answer(Ok(()));
        }
        drop(inbox);
        drop(closer.join().unwrap());
        let entered: Vec<_> = callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect();
        for entered in entered {
            match entered {
                // Sent between the end and the inbox's own end, it was dropped: that is an answer, too.
                Entered::OnTheSpot(answer) => {
                    assert!(!matches!(answer.try_recv(), Err(oneshot::TryRecvError::Empty)))
                }
                // Nobody in the line may be left behind: the line is closed and emptied under its lock.
                Entered::InLine(answer, place) => {
                    assert!(answer.try_recv().is_ok());
                    drop(place);
                }
                Entered::Left | Entered::Refused => {}
            }
        }
    };
    shuttle::check_random(model, ROUNDS);
    shuttle::check_pct(model, ROUNDS, 3);
}

#[test]
fn what_is_queued_is_never_told_as_less_than_nothing() {
    let model = || {
        let (outbox, mut inbox) = channel(usize::MAX, false);
        let outbox = Arc::new(outbox);
        let teller = {
            let outbox = Arc::clone(&outbox);
            shuttle::thread::spawn(move || outbox.depth().1)
        };
        let mut bytes = 0;
        for _ in 0..COMMANDS {
            let (reply, _answer) = Reply::channel();
            let command = Command::Sync(reply);
            bytes += command.bytes() as u64;
            assert!(outbox.offer(command).is_ok());
            serve(&mut inbox, 1);
        }
        let told = teller.join().unwrap();
        assert!(told <= bytes, "{told} of {bytes}");
    };
    shuttle::check_random(model, ROUNDS);
    shuttle::check_pct(model, ROUNDS, 3);
}
