//! Encrypted databases by every command: with a key file, with a passphrase in the environment, and refused without.
#![allow(clippy::unwrap_used, reason = "a test may fail this way")]

mod common;

use std::fs;
use std::path::Path;

use common::{ferrumdb, run};
use tempfile::tempdir;

const PASSPHRASE: &str = "correct horse";

/// Runs the command with the key file, if it is given, or else the passphrase, if it is.
fn with(folder: &Path, key: Option<&str>, arguments: &[&str], input: &str) -> (i32, String, String) {
    use std::io::Write;
    let mut command = ferrumdb(folder);
    match key {
        Some("") => drop(command.env("FERRUMDB_PASSPHRASE", PASSPHRASE)),
        Some(file) => drop(command.args(["--key-file", file])),
        None => {}
    }
    let mut child = command.args(arguments).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).ok();
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn every_command_opens_an_encrypted_database_with_its_key_and_none_without() {
    let folder = tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("raw.key"), [0xAB; 32]).unwrap();
    fs::write(folder.join("hex.key"), format!("{}\n", "ab".repeat(32))).unwrap();
    fs::write(folder.join("other.key"), [1; 32]).unwrap();
    fs::write(folder.join("docs.ndjson"), "{\"planted\":\"needle\"}\n{\"n\":2}\n").unwrap();
    for (key, same) in [("raw.key", "hex.key"), ("", "")] {
        let good = |arguments: &[&str], input: &str| {
            let (status, out, err) = with(folder, Some(key), arguments, input);
            assert_eq!(status, 0, "{arguments:?}: {err}");
            out
        };
        good(&["import", "my.db", "docs.ndjson", "--progress=none"], "");
        assert_eq!(good(&["my.db"], "GET 2\n"), "{\"n\":2}\n");
        let (status, out, err) = with(folder, Some(same), &["my.db"], "COUNT\n");
        assert_eq!((status, out.as_str(), err.as_str()), (0, "2\n", ""));
        assert!(good(&["export", "my.db", "--progress=none"], "").contains("needle"));
        good(&["backup", "my.db", "copy.db", "--progress=none"], "");
        good(&["restore", "copy.db", "--to", "restored.db", "--progress=none"], "");
        assert_eq!(good(&["restored.db"], "COUNT\n"), "2\n");
        assert!(good(&["verify", "my.db"], "").contains("sound"));
        good(&["repair", "my.db", "--to", "saved.db"], "");
        for file in ["my.db", "copy.db", "restored.db", "saved.db"] {
            let bytes = fs::read(folder.join(file)).unwrap();
            assert!(!bytes.windows(6).any(|window| window == b"needle"), "{file}");
        }
        let before = fs::read(folder.join("my.db")).unwrap();
        for arguments in [
            &["my.db"][..],
            &["import", "my.db", "docs.ndjson", "--progress=none"],
            &["export", "my.db", "--progress=none"],
            &["backup", "my.db", "no.db", "--progress=none"],
            &["restore", "copy.db", "--to", "no.db", "--progress=none"],
            &["verify", "my.db"],
            &["repair", "my.db", "--to", "no.db"],
        ] {
            for wrong in [None, Some("other.key")] {
                let (status, out, err) = with(folder, wrong, arguments, "COUNT\n");
                assert_eq!((status, out.as_str()), (2, ""), "{arguments:?}: {err}");
                assert_eq!(err.lines().count(), 1, "{err}");
                assert_eq!(wrong.is_none(), err.contains("--key-file FILE, or --passphrase"), "{err}");
            }
        }
        assert_eq!(fs::read(folder.join("my.db")).unwrap(), before);
        assert!(!folder.join("no.db").exists());
        for file in ["my.db", "copy.db", "restored.db", "saved.db"] {
            fs::remove_file(folder.join(file)).unwrap();
        }
        let _ = fs::remove_file(folder.join("my.db.hint"));
    }
}

#[test]
fn what_is_no_key_is_told_and_shown_nowhere() {
    let folder = tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("short.key"), "secret").unwrap();
    let (status, out, err) = with(folder, Some("short.key"), &["my.db"], "COUNT\n");
    assert_eq!((status, out.as_str()), (2, ""));
    assert!(err.contains("short.key holds no key") && !err.contains("secret"), "{err}");
    let (status, _, err) = with(folder, Some("missing.key"), &["my.db"], "");
    assert!(status == 5 && err.contains("could not read the key in missing.key"), "{err}");
    // Nobody sits at a pipe.
    let (status, _, err) = run(folder, &["my.db", "--passphrase"], "COUNT\n");
    assert!(status == 2 && err.contains("set FERRUMDB_PASSPHRASE"), "{err}");
    assert!(!folder.join("my.db").exists());
}

#[test]
fn another_passphrase_opens_the_database_after_a_rekey_and_the_old_one_no_more() {
    let folder = tempdir().unwrap();
    let folder = folder.path();
    assert_eq!(with(folder, Some(""), &["set", "my.db", "a", "needle"], "").0, 0);
    let rekeyed = |old: &str, new: &str, more: &[&str]| {
        let mut command = ferrumdb(folder);
        command.env("FERRUMDB_PASSPHRASE", old).env("FERRUMDB_NEW_PASSPHRASE", new);
        let output = command.args(["rekey", "my.db", "--new-passphrase"]).args(more).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(rekeyed("wrong", "new", &[]).0, 2);
    assert_eq!(rekeyed(PASSPHRASE, "battery staple", &["--renew"]), (0, String::new()));
    let (status, _, err) = with(folder, Some(""), &["get", "my.db", "a"], "");
    assert!(status == 2 && err.contains("the encryption key is wrong"), "{err}");
    assert_eq!(rekeyed("battery staple", PASSPHRASE, &[]), (0, String::new()));
    assert_eq!(with(folder, Some(""), &["get", "my.db", "a"], "").1, "\"needle\"\n");
    let (status, _, err) = with(folder, Some(""), &["rekey", "my.db", "--new-passphrase"], "");
    assert!(status == 2 && err.contains("FERRUMDB_NEW_PASSPHRASE"), "{err}");
    assert_eq!(with(folder, Some(""), &["rekey", "my.db"], "").0, 2, "it does not say to which key");
    run(folder, &["set", "plain.db", "a", "1"], "");
    let plain = ferrumdb(folder).args(["rekey", "plain.db", "--new-passphrase"]).output().unwrap();
    assert_eq!(plain.status.code(), Some(2), "a database without a key gets none");
}
