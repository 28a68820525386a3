//! Owns a client that sends exactly what it is told to. Never follows a redirect, and never mends an answer.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::schema;

const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Clone)]
pub(crate) struct Client {
    port: u16,
    headers: Vec<(String, String)>,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// An answer that is read as it comes.
pub(crate) struct Coming {
    stream: TcpStream,
    text: String,
}

impl Client {
    pub(crate) fn new(port: u16) -> Self {
        Self { port, headers: vec![("Host".to_owned(), format!("127.0.0.1:{port}"))] }
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.with("Authorization", &format!("Bearer {token}"))
    }

    /// The same with one header more.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self
    }

    /// The same as a page of the server's own changes something.
    pub(crate) fn changing(self) -> Self {
        self.with("Content-Type", "application/json").with("X-FerrumDB-CSRF", "1")
    }

    pub(crate) fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn send(&self, method: &str, path: &str, body: &[u8]) -> Answer {
        let mut stream = self.connect();
        // A server that has answered before it has read everything may have closed its side.
        let sent = stream.write_all(&self.request(method, path, body));
        let (begun, mut bytes, mut piece) = (Instant::now(), Vec::new(), [0; 16 << 10]);
        let read = loop {
            match read(&mut stream, &mut piece) {
                Ok(read @ 1..) => bytes.extend_from_slice(&piece[..read]),
                end => break end,
            }
            assert!(begun.elapsed() < PATIENCE, "{method} {path}: the answer has no end");
        };
        assert!(!bytes.is_empty(), "{method} {path}: no answer: {sent:?}, {read:?}");
        Answer::parse(&bytes)
    }

    /// What a route answers; it is held against the written interface.
    pub(crate) fn get(&self, path: &str) -> Answer {
        let answer = self.send("GET", path, b"");
        schema::check("get", path, &answer);
        answer
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.change("POST", path, body)
    }

    pub(crate) fn put(&self, path: &str, body: &Value) -> Answer {
        self.change("PUT", path, body)
    }

    pub(crate) fn change(&self, method: &str, path: &str, body: &Value) -> Answer {
        let answer = self.clone().changing().send(method, path, body.to_string().as_bytes());
        schema::check(&method.to_lowercase(), path, &answer);
        answer
    }

    /// Begins a job, and waits until it is over.
    pub(crate) fn job(&self, path: &str, body: &Value) -> Value {
        let begun = self.post(path, body);
        assert_eq!(begun.status, 202, "{begun:?}");
        self.end_of(begun.json()["job"]["id"].clone())
    }

    pub(crate) fn end_of(&self, id: Value) -> Value {
        let begun = Instant::now();
        loop {
            let jobs = self.get("/api/jobs").json();
            let job = jobs["jobs"].as_array().unwrap().iter().find(|job| job["id"] == id).unwrap();
            if job["state"] != "running" {
                return job.clone();
            }
            assert!(begun.elapsed() < PATIENCE, "{job}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Opens a stream.
    pub(crate) fn open(&self, path: &str) -> Coming {
        let mut stream = self.connect();
        stream.write_all(&self.request("GET", path, b"")).unwrap();
        Coming { stream, text: String::new() }
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    fn request(&self, method: &str, path: &str, body: &[u8]) -> Vec<u8> {
        let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        [head.as_bytes(), body].concat()
    }
}

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines.map(|line| line.split_once(": ").unwrap());
        let headers: Vec<_> = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
        let body = bytes[end + 4..].to_vec();
        let is_chunked =
            headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked");
        Self { status, headers, body: if is_chunked { unchunked(&body) } else { body } }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| json!(self.text()))
    }

    /// The word for the error.
    pub(crate) fn error(&self) -> String {
        self.json()["error"]["kind"].as_str().unwrap_or_default().to_owned()
    }
}

impl Coming {
    /// Waits until an event stream has begun: what happens from then on is told.
    pub(crate) fn begin(&mut self) -> String {
        self.until("\n: \n")
    }

    /// Waits until the answer holds this text, and gives everything up to there.
    pub(crate) fn until(&mut self, wanted: &str) -> String {
        let mut piece = [0; 4096];
        loop {
            if let Some(found) = self.text.find(wanted) {
                let rest = self.text.split_off(found + wanted.len());
                return std::mem::replace(&mut self.text, rest);
            }
            let read = read(&mut self.stream, &mut piece).unwrap();
            assert!(read > 0, "the stream has ended before {wanted:?}: {}", self.text);
            self.text.push_str(&String::from_utf8_lossy(&piece[..read]));
        }
    }

    /// Waits for the end.
    pub(crate) fn rest(mut self) -> String {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).unwrap();
        self.text + &String::from_utf8_lossy(&rest)
    }
}

/// Reads what is there. A read that has a limit of time is interrupted when the process was stopped and goes on.
fn read(stream: &mut TcpStream, piece: &mut [u8]) -> io::Result<usize> {
    loop {
        match stream.read(piece) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

fn unchunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    loop {
        let end = bytes.windows(2).position(|window| window == b"\r\n").expect("the answer was broken off");
        let length = usize::from_str_radix(std::str::from_utf8(&bytes[..end]).unwrap(), 16).unwrap();
        if length == 0 {
            return whole;
        }
        whole.extend_from_slice(&bytes[end + 2..end + 2 + length]);
        bytes = &bytes[end + 4 + length..];
    }
}
