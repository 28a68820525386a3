//! What a server takes of a client, and no more: none of it may reach the database or other clients. Never looks at who asks.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::Served;

/// That the server answers, and the database takes writes.
fn assert_alive(served: &Served) {
    assert_eq!(served.client().get("/api/session").status, 200);
    served.db.set("alive", 1).wait().unwrap();
}

#[test]
fn c12_requests_are_bounded_in_every_direction() {
    let served = Served::new(true);
    let client = served.client();
    let text = "x".repeat(17 << 20);
    let large = client.put("/api/document", &json!({"key": "k", "text": text, "if_version": 0}));
    assert_eq!((large.status, &*large.error()), (413, "too_large"));
    assert_alive(&served);
    let long = client.send("GET", &format!("/api/keys?prefix={}", "x".repeat(61_000)), b"");
    assert_eq!(long.status, 414);
    let longer = client.send("GET", &format!("/api/keys?prefix={}", "x".repeat(200_000)), b"");
    assert!([414, 431].contains(&longer.status), "{}", longer.status);
    let many = (0..100).fold(client.clone(), |client, number| client.with(&format!("x-{number}"), "1"));
    assert_eq!(many.send("GET", "/api/session", b"").status, 431);
    let wide = client.clone().with("x-wide", &"x".repeat(200_000));
    assert_eq!(wide.send("GET", "/api/session", b"").status, 431);
    let deep = format!("{{\"field\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    assert_eq!(client.clone().changing().send("POST", "/api/indexes/create", deep.as_bytes()).status, 400);
    let deep = "[".repeat(10_000) + &"]".repeat(10_000);
    let stored = client.put("/api/document", &json!({"key": "k", "text": deep, "if_version": 0}));
    assert!([413, 422].contains(&stored.status), "{stored:?}");
    for path in
        ["/api/keys?limit=1001", "/api/tree?limit=501", "/api/history?key=k&limit=101", "/api/keys?limit=-1"]
    {
        assert_eq!(client.get(path).status, 400, "{path}");
    }
    let keys: Vec<_> = (0..10_001).map(|number| number.to_string()).collect();
    assert_eq!(client.post("/api/documents/delete", &json!({"keys": keys})).status, 400);
    assert_alive(&served);
}

#[test]
fn c12_too_many_connections_are_closed_and_others_go_on() {
    let served = Served::new(false);
    let client = served.client();
    let mut open: Vec<TcpStream> = (0..64).map(|_| client.connect()).collect();
    // The server takes them in their order, so that this one is one too many.
    let mut refused = client.connect();
    assert_eq!(refused.read(&mut [0; 1]).unwrap_or(0), 0, "it is closed");
    served.db.set("alive", 1).wait().unwrap();
    let mut first = open.swap_remove(0);
    let head =
        format!("GET / HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n\r\n", served.studio.port());
    first.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    first.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    drop((first, open));
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(60) {
        let mut stream = client.connect();
        let mut answer = String::new();
        if stream.write_all(head.as_bytes()).is_ok()
            && stream.read_to_string(&mut answer).is_ok()
            && !answer.is_empty()
        {
            return;
        }
    }
    panic!("no place has become free");
}

#[test]
fn c12_too_many_streams_are_refused_and_calls_go_on() {
    let served = Served::new(false);
    let client = served.client();
    let mut open: Vec<_> = (0..16).map(|_| client.open("/api/changes")).collect();
    for stream in &mut open {
        stream.begin();
    }
    let refused = client.get("/api/events");
    assert_eq!((refused.status, &*refused.error()), (503, "busy"));
    assert_alive(&served);
}

#[test]
fn c12_whoever_sends_a_head_too_slowly_is_let_go() {
    let served = Served::new(false);
    let mut slow = served.client().connect();
    let begun = Instant::now();
    slow.write_all(b"GET /api/session HTTP/1.1\r\n").unwrap();
    // One more line every now and then keeps nobody waiting.
    let mut writer = slow.try_clone().unwrap();
    let drip = std::thread::spawn(move || {
        while begun.elapsed() < Duration::from_secs(50) && writer.write_all(b"X-Slow: 1\r\n").is_ok() {
            std::thread::sleep(Duration::from_millis(500));
        }
    });
    let mut answer = Vec::new();
    let _ = slow.read_to_end(&mut answer);
    assert!(begun.elapsed() < Duration::from_secs(40), "{:?}", begun.elapsed());
    assert_alive(&served);
    drop(slow);
    drip.join().unwrap();
}

#[test]
fn a_reader_who_does_not_read_holds_up_nobody() {
    let served = Served::new(true);
    let client = served.client();
    let mut still = client.open("/api/changes?documents=true");
    still.begin();
    let text = "x".repeat(100_000);
    for number in 0..200 {
        served.db.set(format!("k{}", number % 10), &text).wait().unwrap();
        served.db.set("done", number).wait().unwrap();
    }
    assert_alive(&served);
    // It is told everything, only later.
    for number in 0..200 {
        still.until(&format!("\"key\":\"k{}\"", number % 10));
        still.until("\"key\":\"done\"");
    }
}
