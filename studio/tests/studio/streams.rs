//! The streams of events: what they tell, where they go on, and how they end. Never looks at who asks.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::Served;
use crate::schema;

fn data(event: &str) -> Value {
    let line = event.lines().rev().find_map(|line| line.strip_prefix("data: "));
    serde_json::from_str(line.unwrap()).unwrap()
}

#[test]
fn changes_are_told_as_they_are_committed_and_a_reader_goes_on_where_it_was() {
    let served = Served::new(true);
    let client = served.client();
    let mut changes = client.open("/api/changes?prefix=user:&documents=true");
    changes.begin();
    served.db.set("user:1", 1).wait().unwrap();
    served.db.set("session:1", 1).wait().unwrap();
    served.db.set("user:1", 2).wait().unwrap();
    changes.until("event: change\n");
    let first = data(&changes.until("}\n\n"));
    schema::check_named("Change", &first);
    assert_eq!(
        (&first["key"], &first["before"], &first["after"]["text"]),
        (&json!("user:1"), &Value::Null, &json!("1"))
    );
    changes.until("event: change\n");
    let event = changes.until("}\n\n");
    assert_eq!((data(&event)["before"]["text"].as_str(), &event[..6]), (Some("1"), "id: 3\n"));
    drop(changes);
    served.db.delete("user:1").wait().unwrap();
    // As a browser connects again.
    let again = client.with("Last-Event-ID", "3");
    let mut changes = again.open("/api/changes?prefix=user:");
    changes.until("event: change\n");
    assert_eq!(data(&changes.until("}\n\n"))["kind"], "deleted");
}

#[test]
fn a_commit_of_several_changes_is_resumed_as_a_whole() {
    let served = Served::new(true);
    let transaction = ferrumdb::Transaction::new().set("a", 1).set("b", 2);
    served.db.commit(transaction).wait().unwrap();
    let mut changes = served.client().open("/api/changes?since=0");
    changes.until("event: change\n");
    let first = changes.until("}\n\n");
    assert!(!first.contains("id: "), "whoever is cut off here gets both again: {first}");
    changes.until("event: change\n");
    assert!(changes.until("}\n\n").starts_with("id: 1\n"));
}

#[test]
fn what_was_compacted_away_is_said_to_be_gone() {
    let served = Served::new(true);
    for number in 0..10 {
        served.db.set("k", number).wait().unwrap();
    }
    served.db.compact().wait().unwrap();
    let answer = served.client().get("/api/changes?since=1");
    assert_eq!((answer.status, &*answer.error()), (410, "history_dropped"));
    assert_eq!(served.client().get("/api/changes?since=99").error(), "no_such_commit");
}

#[test]
fn figures_and_jobs_are_told_as_they_come() {
    let served = Served::new(true);
    let client = served.client();
    let mut events = client.open("/api/events");
    events.until("event: metrics\n");
    schema::check_named("Sample", &data(&events.until("}\n\n")));
    let begun = client.post("/api/verify", &json!({})).json();
    loop {
        events.until("event: job\n");
        let job = data(&events.until("}\n\n"));
        schema::check_named("Job", &job);
        assert_eq!(job["id"], begun["job"]["id"]);
        if job["state"] == "done" {
            break;
        }
    }
    served.db.set("k", 1).wait().unwrap();
    loop {
        events.until("event: metrics\n");
        let sample = data(&events.until("}\n\n"));
        if sample["writes_per_second"].as_f64() > Some(0.0) {
            assert_eq!(sample["documents"], 1);
            break;
        }
    }
}

#[test]
fn stopping_the_server_ends_its_streams_and_frees_the_database() {
    let ends: Vec<_> = (0..5).map(|_| ends_of_streams()).take_while(|ends| !are_byes(ends)).collect();
    // A machine that stands still meanwhile for longer than a server waits breaks them off, but not each time.
    assert!(ends.len() < 5, "{ends:?}");
}

fn are_byes(ends: &[String; 2]) -> bool {
    ends.iter().all(|end| end.contains("event: bye\n") && end.ends_with("0\r\n\r\n"))
}

/// What streams have told when the server was stopped beneath them.
fn ends_of_streams() -> [String; 2] {
    let served = Served::new(true);
    let client = served.client();
    let mut streams = ["/api/events", "/api/changes"].map(|path| client.open(path));
    for stream in &mut streams {
        stream.begin();
    }
    let idle = client.connect();
    let begun = Instant::now();
    let Served { studio, db, folder } = served;
    studio.stop();
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    let ends = streams.map(|stream| stream.rest());
    drop(idle);
    drop(db);
    let again = ferrumdb::FerrumDB::open(folder.path().join("my.db")).wait();
    assert!(again.is_ok(), "nobody holds it: {again:?}");
    ends
}

#[test]
fn closing_the_database_ends_the_feed_and_is_said_by_every_route() {
    let served = Served::new(false);
    let client = served.client();
    let mut changes = client.open("/api/changes");
    changes.begin();
    served.db.close().wait().unwrap();
    changes.until("event: bye\n");
    let answer = client.get("/api/overview");
    assert_eq!((answer.status, &*answer.error()), (503, "closed"));
}
