//! The command that serves a database, as a process: what it prints, whom it answers, and how it ends. Never needs a browser.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use tempfile::tempdir;

/// A server that ends with the test.
struct Web {
    child: Child,
    output: BufReader<ChildStdout>,
    told: serde_json::Value,
}

impl Web {
    fn start(path: &Path, arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_ferrumdb"))
            .args(["web", "--json", "--port", "0"])
            .args(arguments)
            .arg(path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        Self { child, output, told: serde_json::from_str(&line).unwrap() }
    }

    fn get(&self, path: &str, header: &str) -> String {
        let port = self.told["port"].as_u64().unwrap() as u16;
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let head =
            format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{header}Connection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn session(&self) -> String {
        let token = self.told["token"].as_str().unwrap();
        self.get("/api/session", &format!("Authorization: Bearer {token}\r\n"))
    }

    fn interrupt(mut self) -> Option<i32> {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        self.output.read_to_string(&mut String::new()).unwrap();
        self.child.wait().unwrap().code()
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn set(path: &Path, key: &str) -> bool {
    let mut set = Command::new(env!("CARGO_BIN_EXE_ferrumdb"));
    set.arg("set").arg(path).args([key, "1"]).stdout(Stdio::null()).stderr(Stdio::null());
    set.status().unwrap().success()
}

#[test]
fn the_address_works_once_and_ctrl_c_ends_the_server_well() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("my.db");
    assert!(set(&path, "one"));
    let web = Web::start(&path, &["--write"]);
    assert_eq!(web.told["writes"], true);
    assert!(!set(&path, "two"), "the server owns the file");
    let url = web.told["url"].as_str().unwrap();
    let launch = &url[url.find("/launch").unwrap()..];
    assert!(web.get(launch, "").starts_with("HTTP/1.1 303 "), "{launch}");
    assert!(web.get(launch, "").starts_with("HTTP/1.1 401 "), "it has been used");
    assert!(web.session().contains(r#""access":"write""#), "{}", web.session());
    assert_eq!(web.interrupt(), Some(0));
    assert!(set(&path, "two"), "the file is free");
}

#[test]
fn without_write_the_file_is_followed_and_others_may_write_it() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("my.db");
    assert!(set(&path, "one"));
    let web = Web::start(&path, &[]);
    assert!(web.session().contains(r#""access":"follower""#), "{}", web.session());
    assert!(set(&path, "two"), "the file is free");
    assert_eq!(web.interrupt(), Some(0));
}
