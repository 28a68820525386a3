//! What can be done with the file as a whole, and with files from it and for it. Never looks at who asks.

use ferrumdb::{Config, FerrumDB};
use ferrumdb_studio::{Options, serve};
use serde_json::{Value, json};

use crate::Served;
use crate::client::Client;

#[test]
fn a_file_is_verified_and_compacted_and_tells_what_it_is() {
    let served = Served::new(true);
    for number in 0..50 {
        served.db.set("k", number).wait().unwrap();
    }
    let client = served.client();
    let verified = client.job("/api/verify", &json!({}));
    assert_eq!((&verified["result"]["sound"], &verified["result"]["documents"]), (&json!(true), &json!(1)));
    let before = client.get("/api/overview").json();
    assert!(before["bytes"]["dead"].as_u64().unwrap() > 0);
    let compacted = client.job("/api/compact", &json!({"confirm": "my.db"}));
    let result = &compacted["result"];
    assert!(result["bytes_after"].as_u64() < result["bytes_before"].as_u64(), "{compacted}");
    let after = client.get("/api/overview").json();
    assert_eq!((&before["file"]["generation"], &after["file"]["generation"]), (&json!(1), &json!(2)));
    assert_eq!((&after["file"]["history_floor"], &after["file"]["fsync"]), (&json!(50), &json!("never")));
    assert_eq!(client.get("/api/session").json()["name"], "my.db");
    assert_eq!(client.get("/api/metrics").json()["series"][0]["step_ms"], 1_000);
}

#[test]
fn a_job_can_be_stopped() {
    // Slow enough to be stopped.
    let served = Served::with(true, |config| config.with_compaction_rate(1 << 20));
    for _ in 0..6 {
        served.db.set("big", "x".repeat(1 << 20)).wait().unwrap();
    }
    let client = served.client();
    let begun = client.post("/api/compact", &json!({"confirm": "my.db"})).json();
    assert_eq!(client.post("/api/compact", &json!({"confirm": "my.db"})).error(), "busy", "one at a time");
    let id = &begun["job"]["id"];
    while client.get("/api/jobs").json()["jobs"][0]["done"] == 0 {}
    assert_eq!(client.post("/api/jobs/cancel", &json!({"id": id})).json()["cancelled"], true);
    assert_eq!(client.end_of(id.clone())["state"], "cancelled");
    assert_eq!(served.db.stats().unwrap().generation, 1);
    assert_eq!(client.post("/api/jobs/cancel", &json!({"id": id})).json()["cancelled"], false);
    assert_eq!(client.post("/api/jobs/cancel", &json!({"id": 99})).status, 404);
}

#[test]
fn a_backup_is_a_database_of_a_fixed_name() {
    let served = Served::new(false);
    served.db.set("k", "x".repeat(300_000)).wait().unwrap();
    let client = served.client();
    let job = client.job("/api/backup", &json!({}));
    let made = &job["result"];
    assert_eq!(made["file_name"], format!("my-{}.backup.db", made["sequence"]));
    let address = format!("/api/backup?job={}", job["id"]);
    let answer = client.get(&address);
    let name = answer.header("content-disposition").unwrap();
    assert_eq!(name, format!("attachment; filename={}", made["file_name"]));
    assert_eq!(json!(answer.body.len()), made["bytes"]);
    assert_eq!(answer.header("content-length"), Some(&*made["bytes"].to_string()));
    let path = served.folder.path().join("backup.db");
    std::fs::write(&path, &answer.body).unwrap();
    let db = FerrumDB::open(&path).wait().unwrap();
    assert_eq!(db.get_as::<String>("k").unwrap().unwrap().len(), 300_000);
    assert_eq!(client.get(&address).body, answer.body, "it can be saved again");
    let other = client.job("/api/backup", &json!({}));
    assert_eq!(client.get(&address).error(), "gone", "the newest one is kept");
    assert_eq!(client.get(&format!("/api/backup?job={}", other["id"])).status, 200);
    assert_eq!(client.get("/api/backup").status, 400);
}

#[test]
fn a_backup_tells_how_far_it_is_and_is_stopped() {
    // Slow enough to be stopped.
    let served = Served::with(false, |config| config.with_compaction_rate(1 << 20));
    for number in 0..4 {
        served.db.set(format!("big:{number}"), "x".repeat(1 << 20)).wait().unwrap();
    }
    let client = served.client();
    let begun = client.post("/api/backup", &json!({})).json();
    assert_eq!(client.post("/api/backup", &json!({})).error(), "busy", "one at a time");
    let job = || client.get("/api/jobs").json()["jobs"][0].clone();
    while job()["done"] == 0 {}
    assert!(job()["of"].as_u64().unwrap() > 8 << 20, "{}", job());
    let id = &begun["job"]["id"];
    assert_eq!(client.post("/api/jobs/cancel", &json!({"id": id})).json()["cancelled"], true);
    assert_eq!(client.end_of(id.clone())["state"], "cancelled");
    assert_eq!(served.db.works(), []);
    assert_eq!(client.get(&format!("/api/backup?job={id}")).error(), "gone");
}

#[test]
fn c13_no_path_can_be_given() {
    let served = Served::new(true);
    let client = served.client();
    for path in [
        "/../my.db",
        "/..%2fmy.db",
        "/%2e%2e/my.db",
        "/assets/../../Cargo.toml",
        "/assets/%2e%2e/index.html",
        "/my.db",
        "//etc/passwd",
        "/assets/\\..\\x",
        "/%00",
        "/index.html%00.js",
        "/api/../index.html",
        "/api//session",
    ] {
        let status = client.send("GET", path, b"").status;
        assert!([400, 404].contains(&status), "{path}: {status}");
    }
    for path in [
        "/api/backup?job=1&path=/tmp/x",
        "/api/export?format=csv&file=x",
        "/api/export?format=../x",
        "/api/backup?job=../x",
    ] {
        assert_eq!(client.get(path).status, 400, "{path}");
    }
    served.db.collection("../\"\r\nX-Evil: 1").unwrap().set("k", 1).wait().unwrap();
    let answer = client.get("/api/export?format=csv&collection=../%22%0D%0AX-Evil:%201");
    assert_eq!((answer.status, answer.header("x-evil")), (200, None));
    assert_eq!(answer.header("content-disposition"), Some("attachment; filename=\"my-..____X-Evil__1.csv\""));
}

#[test]
fn c14_a_table_is_harmless_in_a_spreadsheet_and_an_empty_one_is_one() {
    let served = Served::new(false);
    let client = served.client();
    assert_eq!(client.get("/api/export?format=csv").text(), "key\n");
    assert_eq!(client.get("/api/export?format=csv&collection=none").text(), "key\n");
    served.db.set("=cmd|' /C calc'!A0", json!({"@SUM(A1)": "+1", "n": -2, "list": [1]})).wait().unwrap();
    served.db.set("b", json!({"n": "-2", "text": "two\nlines, \"quoted\""})).wait().unwrap();
    let text = client.get("/api/export?format=csv").text().to_owned();
    let mut table = csv_of(&text);
    assert_eq!(table.remove(0), ["key", "'@SUM(A1)", "n", "list", "text"]);
    assert_eq!(table[0], ["'=cmd|' /C calc'!A0", "'+1", "-2", "[1]", ""]);
    assert_eq!(table[1], ["b", "", "'-2", "", "two\nlines, \"quoted\""]);
    served.db.set("c", 7).wait().unwrap();
    let text = client.get("/api/export?format=csv&prefix=c").text().to_owned();
    assert_eq!(text, "key,value\nc,7\n");
}

/// The cells of a table without empty lines.
fn csv_of(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => cell.extend(letters.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut cell)),
            '\n' if !quoted => {
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            letter => cell.push(letter),
        }
    }
    rows
}

#[test]
fn what_is_exported_can_be_imported() {
    let (from, to) = (Served::new(true), Served::new(true));
    from.db.set("a", json!({"n": u64::MAX})).wait().unwrap();
    from.db.set_ex("b", "é", std::time::Duration::from_secs(600)).wait().unwrap();
    from.db.collection("users").unwrap().set("c", 1).wait().unwrap();
    let text = from.client().get("/api/export?format=ndjson&all=1").text().to_owned();
    let client = to.client();
    let preview =
        client.post("/api/import", &json!({"format": "ndjson", "text": text, "preview": true})).json();
    assert_eq!(
        (&preview["documents"], &preview["written"], to.db.count().unwrap()),
        (&json!(3), &json!(0), 0)
    );
    assert_eq!(preview["preview"].as_array().unwrap().len(), 3);
    let stored = client.post("/api/import", &json!({"format": "ndjson", "text": text})).json();
    assert_eq!((&stored["written"], &stored["failed"]), (&json!(3), &json!(0)));
    let lines = |served: &Served| {
        let mut lines: Vec<_> = served.db.export().unwrap().skip(1).map(Result::unwrap).collect();
        lines.sort();
        lines
    };
    assert_eq!(lines(&from), lines(&to));
    let again = client.post("/api/import", &json!({"format": "ndjson", "text": text})).json();
    assert_eq!((&again["written"], &again["skipped"]), (&json!(0), &json!(3)));
    let users = from.client().get("/api/export?format=ndjson&collection=users").text().to_owned();
    let replaced =
        client.post("/api/import", &json!({"format": "ndjson", "text": users, "on_conflict": "replace"}));
    assert_eq!(replaced.json()["written"], 1);
}

#[test]
fn lines_that_are_no_documents_are_told_and_the_others_are_stored() {
    let served = Served::new(true);
    let client = served.client();
    let text = "{\"id\":1,\"n\":1}\n\nnot json\n{\"id\":\"two\"}\n{\"no\":1}\n{\"id\":3,\"id\":3}\n";
    let body = json!({"format": "ndjson", "text": text, "key_field": "id", "line": 11});
    let told = client.post("/api/import", &body).json();
    assert_eq!((&told["written"], &told["failed"]), (&json!(2), &json!(3)), "{told}");
    let lines: Vec<_> =
        told["errors"].as_array().unwrap().iter().map(|error| error["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [13, 15, 16]);
    assert_eq!(served.db.get("1").unwrap().unwrap(), json!({"id": 1, "n": 1}));
    let table = "key,name,age\nc,Carol,64\nd,,\"0064\"\ne,too,many,cells\n";
    let told =
        client.post("/api/import", &json!({"format": "csv", "text": table, "collection": "people"})).json();
    assert_eq!((&told["written"], &told["failed"]), (&json!(2), &json!(1)), "{told}");
    let people = served.db.collection("people").unwrap();
    assert_eq!(people.get("c").unwrap().unwrap(), json!({"name": "Carol", "age": 64}));
    assert_eq!(people.get("d").unwrap().unwrap(), json!({"age": "0064"}));
    assert_eq!(client.post("/api/import", &json!({"format": "csv", "text": "a,b\n1,2\n"})).status, 400);
}

#[test]
fn a_document_with_the_fields_of_an_export_is_stored_whole() {
    let served = Served::new(true);
    let client = served.client();
    let line = "{\"key\":\"color\",\"value\":\"red\"}";
    let body = json!({"format": "ndjson", "text": line, "key_field": "value"});
    assert_eq!(client.post("/api/import", &body).json()["written"], 1);
    assert_eq!(served.db.get("red").unwrap().unwrap(), json!({"key": "color", "value": "red"}));
    let export = format!("{{\"ferrumdb_export\":1}}\n{line}");
    let body = json!({"format": "ndjson", "text": export, "key_field": "value"});
    assert_eq!(client.post("/api/import", &body).json()["written"], 1);
    assert_eq!(served.db.get("color").unwrap().unwrap(), json!("red"));
}

#[test]
fn later_pieces_of_a_file_are_read_as_its_first_one() {
    let served = Served::new(true);
    let client = served.client();
    let post = |body: Value| client.post("/api/import", &body).json();
    // Somebody has named a field, and then chosen an export.
    let first = "{\"ferrumdb_export\":1}\n{\"key\":\"a\",\"value\":1}\n";
    let told = post(json!({"format": "ndjson", "text": first, "key_field": "id"}));
    assert_eq!((&told["written"], &told["export"]), (&json!(1), &json!(true)), "{told}");
    let later = "{\"key\":\"b\",\"value\":2}\nno document\n";
    let body = json!({"format": "ndjson", "text": later, "key_field": "id", "line": 3, "export": true});
    let told = post(body);
    assert_eq!((&told["written"], &told["errors"][0]["line"]), (&json!(1), &json!(4)), "{told}");
    assert_eq!(served.db.get("b").unwrap().unwrap(), json!(2));
    let told = post(json!({"format": "ndjson", "text": "{\"id\":\"c\"}\n", "key_field": "id"}));
    assert_eq!((&told["written"], &told["export"]), (&json!(1), &json!(false)), "{told}");

    let head = "id,name\n";
    let body = json!({"format": "csv", "text": format!("{head}d,Dora\n"), "key_field": "id"});
    assert_eq!(post(body)["written"], 1);
    let later = "e,\"two\nlines\"\nf,Fay,more\n";
    let told = post(json!({"format": "csv", "text": later, "key_field": "id", "line": 3, "head": head}));
    assert_eq!((&told["written"], &told["errors"][0]["line"]), (&json!(1), &json!(5)), "{told}");
    assert_eq!(served.db.get("e").unwrap().unwrap(), json!({"name": "two\nlines"}));
}

#[test]
fn cells_of_a_table_are_stored_as_they_are_spelled() {
    let served = Served::new(true);
    let table = "key,price,big,list\na,1.10,5E10,\"[1.10,2]\"\nb,1,1,[18446744073709551616]\n";
    let told = served.client().post("/api/import", &json!({"format": "csv", "text": table})).json();
    assert_eq!((&told["written"], &told["failed"]), (&json!(1), &json!(1)), "no number is rounded: {told}");
    let stored = served.db.get_raw("a").unwrap().unwrap();
    assert_eq!(std::str::from_utf8(&stored).unwrap(), r#"{"price":"1.10","big":"5E10","list":[1.10,2]}"#);
}

#[cfg(unix)]
#[test]
fn a_follower_is_shown_live_and_cannot_be_changed() {
    let owner = Served::new(true);
    owner.db.set("one", 1).wait().unwrap();
    let follower = FerrumDB::open(Config::new(owner.path()).read_only()).wait().unwrap();
    let studio = serve(&follower, Options::new().with_port(0).with_writes(true)).unwrap();
    let client = Client::new(studio.port()).bearer(studio.token());
    assert_eq!(client.get("/api/session").json()["access"], "follower");
    assert_eq!(
        client.put("/api/document", &json!({"key": "x", "text": "1", "if_version": 0})).error(),
        "read_only"
    );
    assert_eq!(client.post("/api/backup", &json!({})).error(), "read_only");
    let mut changes = client.open("/api/changes");
    changes.begin();
    owner.db.set("two", 2).wait().unwrap();
    changes.until("event: change\n");
    changes.until("\"key\":\"two\"");
    while client.get("/api/document?key=two").status != 200 {}
    let overview = client.get("/api/overview").json();
    assert_eq!((&overview["lag"]["error"], &overview["file"]["fsync"]), (&Value::Null, &Value::Null));
    assert_eq!(client.job("/api/verify", &json!({}))["result"]["sound"], true);
}
