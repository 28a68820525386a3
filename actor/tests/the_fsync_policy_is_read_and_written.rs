//! Owns the proof that policies are spelled as documented, both ways. Never sets the environment of its own process.
#![allow(clippy::print_stdout, reason = "a test that runs itself speaks through a pipe")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use ferrumdb::{Config, ErrorKind, FsyncPolicy};

#[test]
fn every_spelling_is_read_in_any_case() {
    for (text, policy) in [
        ("always", FsyncPolicy::Always),
        ("ALWAYS", FsyncPolicy::Always),
        (" Never ", FsyncPolicy::Never),
        ("periodic", FsyncPolicy::Periodic(Duration::from_millis(100))),
        ("Periodic:250", FsyncPolicy::Periodic(Duration::from_millis(250))),
        ("periodic:0", FsyncPolicy::Periodic(Duration::ZERO)),
        ("periodic:0.5", FsyncPolicy::Periodic(Duration::from_micros(500))),
    ] {
        assert_eq!(text.parse::<FsyncPolicy>().unwrap(), policy, "{text}");
    }
}

#[test]
fn anything_else_is_refused_and_told_what_is_possible() {
    for text in [
        "",
        "sometimes",
        "always:5",
        "never:",
        "periodic:",
        "periodic:-1",
        "periodic:1e3",
        "periodic:+5",
        "periodic:x",
        "periodic:1.",
        "periodic:.5",
        "periodic:0.1234567",
        "periodic:99999999999999999999",
        "periodic: 5",
    ] {
        let error = text.parse::<FsyncPolicy>().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{text}");
        assert!(error.to_string().contains("always, never, periodic"), "{error}");
    }
}

#[test]
fn what_is_written_is_read_back() {
    for policy in [
        FsyncPolicy::Always,
        FsyncPolicy::Never,
        FsyncPolicy::Periodic(Duration::from_millis(100)),
        FsyncPolicy::Periodic(Duration::from_nanos(1)),
        FsyncPolicy::Periodic(Duration::new(3, 141_592_653)),
        FsyncPolicy::Periodic(Duration::from_millis(u64::MAX)),
    ] {
        assert_eq!(policy.to_string().parse::<FsyncPolicy>().unwrap(), policy);
    }
    assert_eq!(FsyncPolicy::Periodic(Duration::from_millis(250)).to_string(), "periodic:250");
}

#[test]
fn the_environment_sets_the_policy() {
    // The test runs itself again, once for each value, and says then what it finds.
    const NAME: &str = "the_environment_sets_the_policy";
    if std::env::var_os("TELL_THE_POLICY").is_some() {
        let found = Config::new("data.db").from_env().map(|config| config.fsync_policy());
        println!("found {found:?}");
        return;
    }
    let found = |value: Option<&str>| {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", NAME, "--nocapture"])
            .env("TELL_THE_POLICY", "1")
            .env_remove("FERRUMDB_FSYNC");
        command.envs(value.map(|value| ("FERRUMDB_FSYNC", value)));
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    assert!(found(None).contains("found Ok(Always)"));
    assert!(found(Some("")).contains("found Ok(Always)"));
    assert!(found(Some("NEVER")).contains("found Ok(Never)"));
    assert!(found(Some("periodic:7")).contains("found Ok(Periodic(7ms))"));
    let refused = found(Some("sometimes"));
    assert!(refused.contains("FERRUMDB_FSYNC cannot be") && refused.contains("always, never"), "{refused}");
}
