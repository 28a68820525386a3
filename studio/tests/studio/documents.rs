//! What can be done with documents: read, changed, deleted, brought back, found, and listed, by page and as a tree. Never looks at
//! who asks.

use std::time::Duration;

use ferrumdb::Transaction;
use serde_json::{Value, json};

use crate::Served;

fn fill(served: &Served, keys: impl Iterator<Item = String>) {
    let all =
        keys.enumerate().fold(Transaction::new(), |all, (number, key)| all.set(key, json!({"n": number})));
    served.db.commit(all).wait().unwrap();
}

fn names(answer: &Value, list: &str, name: &str) -> Vec<String> {
    let items = answer[list].as_array().unwrap().iter();
    items.map(|item| item[name].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_document_is_changed_only_if_it_is_what_was_seen() {
    let served = Served::new(true);
    let client = served.client();
    let text = r#"{"id": 18446744073709551615, "x": 1.50}"#;
    let created = client.put("/api/document", &json!({"key": "k", "text": text, "if_version": 0})).json();
    assert_eq!(created["text"], r#"{"id":18446744073709551615,"x":1.50}"#, "numbers keep their spelling");
    let put = |text: &str, version: &Value| {
        client.put("/api/document", &json!({"key": "k", "text": text, "if_version": version}))
    };
    let second = put("2", &created["version"]);
    assert_eq!(second.status, 200);
    let conflict = put("3", &created["version"]);
    assert_eq!((conflict.status, &*conflict.error()), (409, "conflict"));
    assert_eq!((&conflict.json()["yours"], &conflict.json()["current"]["text"]), (&json!("3"), &json!("2")));
    let again = client.put("/api/document", &json!({"key": "k", "text": "4", "if_version": 0}));
    assert_eq!(again.status, 409, "there is one");
    let broken = put("{", &second.json()["version"]);
    assert_eq!((broken.status, &*broken.error()), (422, "invalid_json"));
    let deletion = |version: &Value| {
        client.post("/api/documents/delete", &json!({"keys": ["k"], "if_version": version}))
    };
    assert_eq!(deletion(&created["version"]).json()["current"]["text"], "2");
    assert_eq!(deletion(&second.json()["version"]).json()["deleted"], 1);
    let gone = put("5", &second.json()["version"]);
    assert_eq!((gone.status, &gone.json()["current"]), (409, &Value::Null));
    assert_eq!(client.get("/api/document?key=k").status, 404);
}

#[test]
fn a_change_keeps_the_expiry_unless_it_says_another() {
    let served = Served::new(true);
    served.db.set_ex("k", 1, Duration::from_secs(600)).wait().unwrap();
    let client = served.client();
    let mut version = client.get("/api/document?key=k").json()["version"].clone();
    let expires_at = served.db.info("k").unwrap().unwrap().expires_at;
    let mut put = |more: Value| {
        let mut body = json!({"key": "k", "text": "2", "if_version": version});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = client.put("/api/document", &body).json();
        version = answer["version"].clone();
        answer["ttl_ms"].clone()
    };
    put(json!({}));
    assert_eq!(served.db.info("k").unwrap().unwrap().expires_at, expires_at);
    assert!(put(json!({"ttl_ms": 500_000})).as_u64().unwrap() <= 500_000);
    assert_eq!(put(json!({"ttl_ms": null})), Value::Null);
    let ttl = |ttl_ms: Value| {
        client.post("/api/document/ttl", &json!({"key": "k", "if_version": version, "ttl_ms": ttl_ms}))
    };
    let expiring = ttl(json!(600_000));
    assert!(expiring.json()["ttl_ms"].as_u64().unwrap() > 300_000, "{expiring:?}");
    assert_eq!(ttl(Value::Null).status, 409, "the expiry is a version of its own");
}

#[test]
fn any_text_is_a_key() {
    let served = Served::new(true);
    let client = served.client();
    for (key, encoded) in
        [("", ""), ("a b+c", "a%20b%2Bc"), ("/../é\0\"<img>", "%2F..%2F%C3%A9%00%22%3Cimg%3E")]
    {
        assert_eq!(
            client.put("/api/document", &json!({"key": key, "text": "1", "if_version": 0})).status,
            200
        );
        assert_eq!(client.get(&format!("/api/document?key={encoded}")).json()["key"], key);
    }
    assert_eq!(client.get("/api/document?key=%FF").status, 400, "two keys would become one");
    assert_eq!(client.get("/api/document").status, 400);
    assert_eq!(client.get("/api/document?key=a&key=b").status, 400);
    assert_eq!(client.get("/api/document?key=a&path=/etc/passwd").status, 400);
}

#[test]
fn a_page_of_keys_begins_anywhere() {
    let served = Served::new(false);
    fill(&served, (0..3_000).map(|n| format!("k{n:05}")));
    let client = served.client();
    let page = |query: &str| client.get(&format!("/api/keys?limit=3&{query}")).json();
    assert_eq!(names(&page("prefix=k"), "keys", "key"), ["k00000", "k00001", "k00002"]);
    assert_eq!(page("prefix=k001")["total"], 100);
    assert_eq!(names(&page("offset=2500"), "keys", "key"), ["k02500", "k02501", "k02502"]);
    assert_eq!(names(&page("after=k02998"), "keys", "key"), ["k02999"]);
    assert_eq!(page("after=k02998")["more"], false);
    assert_eq!(
        names(&page("reverse=true&offset=1&prefix=k000"), "keys", "key"),
        ["k00098", "k00097", "k00096"]
    );
    assert_eq!(page("preview=1")["keys"][1]["preview"], r#"{"n":1}"#);
    assert_eq!(page("collection=none")["total"], 0);
    assert_eq!(client.get("/api/keys?limit=1001").status, 400);
}

#[test]
fn the_tree_counts_and_weighs_branches_without_walking_them() {
    let served = Served::new(false);
    let keys =
        (0..2_000).map(|n| format!("user:{}:{n:04}", n % 2)).chain(["user".to_owned(), "zoo".to_owned()]);
    fill(&served, keys);
    let client = served.client();
    let top = client.get("/api/tree").json();
    assert_eq!(names(&top, "nodes", "path"), ["user", "user:", "zoo"]);
    let users = &top["nodes"][1];
    assert_eq!(
        (&users["keys"], &users["exact"], &users["kind"]),
        (&json!(2_000), &json!(false), &json!("branch"))
    );
    let exact: u64 = (0..2_000_u64).map(|n| json!({"n": n}).to_string().len() as u64).sum();
    assert!(users["bytes"].as_u64().unwrap().abs_diff(exact) < exact / 20, "{users} of {exact}");
    let below = client.get("/api/tree?prefix=user:").json();
    assert_eq!(names(&below, "nodes", "name"), ["0", "1"]);
    assert_eq!(below["nodes"][0]["keys"], 1_000);
    let first = client.get("/api/tree?limit=2").json();
    let rest = client.get(&format!("/api/tree?limit=2&after={}", first["next"].as_str().unwrap())).json();
    assert_eq!((names(&rest, "nodes", "path"), &rest["next"]), (vec!["zoo".to_owned()], &Value::Null));
    assert_eq!(client.get("/api/tree?delimiter=").status, 400);
    let by_letter = client.get("/api/tree?delimiter=o&prefix=z").json();
    assert_eq!((&by_letter["nodes"][0]["path"], &by_letter["nodes"][0]["name"]), (&json!("zo"), &json!("")));
}

#[test]
fn a_bulk_deletion_is_counted_before_and_undone_after() {
    let served = Served::new(true);
    let db = &served.db;
    fill(&served, (0..12_000).map(|n| format!("log:{n:05}")));
    db.set_ex("log:expires", "x", Duration::from_secs(600)).wait().unwrap();
    db.set("user", 1).wait().unwrap();
    let expires_at = db.info("log:expires").unwrap().unwrap().expires_at;
    let client = served.client();
    let dry = client.post("/api/documents/delete", &json!({"prefix": "log:", "dry_run": true})).json();
    assert_eq!((&dry["documents"], db.count().unwrap()), (&json!(12_001), 12_002));
    let before = db.stats().unwrap().sequence.0;
    let job = client.job("/api/documents/delete", &json!({"prefix": "log:", "confirm": "log:"}));
    assert_eq!((&job["state"], &job["result"]["deleted"]), (&json!("done"), &json!(12_001)));
    assert_eq!(db.count().unwrap(), 1);
    assert_eq!(db.stats().unwrap().sequence.0, before + 1, "with one commit");
    // What is there by then stays; what others have deleted stays deleted.
    db.set("log:00007", "new").wait().unwrap();
    db.delete("user").wait().unwrap();
    let undo = &job["result"]["undo"]["id"];
    let undone = client.job("/api/undo", &json!({"id": undo}));
    assert_eq!(undone["result"], json!({"restored": 12_000, "kept": 1}));
    assert_eq!((db.count().unwrap(), db.get_as("log:00007").unwrap()), (12_001, Some("new".to_owned())));
    assert_eq!(db.get("log:11999").unwrap().unwrap(), json!({"n": 11_999}));
    assert_eq!(db.info("log:expires").unwrap().unwrap().expires_at, expires_at);
    let again = client.post("/api/undo", &json!({"id": undo}));
    assert_eq!((again.status, &*again.error()), (410, "gone"));
}

#[test]
fn an_undo_that_was_stopped_can_go_on() {
    let served = Served::new(true);
    fill(&served, (0..20_000).map(|n| format!("log:{n:05}")));
    let client = served.client();
    let job = client.job("/api/documents/delete", &json!({"prefix": "log:", "confirm": "log:"}));
    let id = &job["result"]["undo"]["id"];
    let begun = client.post("/api/undo", &json!({"id": id})).json();
    client.post("/api/jobs/cancel", &json!({"id": begun["job"]["id"]}));
    // It may have come to its end before it was stopped, and nothing is left to do.
    if client.end_of(begun["job"]["id"].clone())["state"] == "cancelled" {
        let undos = client.get("/api/undo").json();
        let left = 20_000 - served.db.count().unwrap();
        assert_eq!((&undos["undos"][0]["id"], &undos["undos"][0]["documents"]), (id, &json!(left)));
        let undone = client.job("/api/undo", &json!({"id": id}));
        assert_eq!(undone["result"], json!({"restored": left, "kept": 0}));
    }
    assert_eq!(served.db.count().unwrap(), 20_000);
    assert_eq!(client.get("/api/undo").json()["undos"], json!([]));
}

#[test]
fn a_selection_is_deleted_with_one_commit_and_comes_back() {
    let served = Served::new(true);
    let users = served.db.collection("users").unwrap();
    for key in ["a", "b", "c"] {
        users.set(key, key).wait().unwrap();
    }
    let client = served.client();
    let before = served.db.stats().unwrap().sequence.0;
    let body = json!({"collection": "users", "keys": ["a", "b", "nobody"]});
    let deleted = client.post("/api/documents/delete", &body).json();
    assert_eq!((&deleted["deleted"], users.count().unwrap()), (&json!(2), 1));
    assert_eq!(served.db.stats().unwrap().sequence.0, before + 1);
    assert_eq!(client.get("/api/undo").json()["undos"][0], deleted["undo"]);
    let undone = client.job("/api/undo", &json!({"id": deleted["undo"]["id"]}));
    assert_eq!(
        (&undone["result"]["restored"], users.get_as("b").unwrap()),
        (&json!(2), Some("b".to_owned()))
    );
    for wrong in
        [json!({}), json!({"keys": ["a"], "prefix": "a"}), json!({"keys": ["a", "b"], "if_version": 1})]
    {
        assert_eq!(client.post("/api/documents/delete", &wrong).status, 400, "{wrong}");
    }
}

#[test]
fn documents_are_found_by_values_with_an_index_and_without() {
    let served = Served::new(true);
    for (key, age) in [("alice", json!(31)), ("bob", json!(17)), ("carol", json!(64)), ("dave", json!("31"))]
    {
        served.db.set(key, json!({"age": age, "a.b": {"c": 1}})).wait().unwrap();
    }
    let client = served.client();
    let find = |query: &str| client.get(&format!("/api/find?field=age&{query}")).json();
    for index in [false, true] {
        if index {
            let job = client.job("/api/indexes/create", &json!({"field": "age"}));
            assert!(job["result"]["sequence"].is_u64(), "{job}");
        }
        assert_eq!(find("equals=31")["index"], index);
        assert_eq!(names(&find("equals=31"), "keys", "key"), ["alice"]);
        assert_eq!(names(&find("equals=%2231%22"), "keys", "key"), ["dave"]);
        assert_eq!(names(&find("from=17&to=31"), "keys", "key"), ["bob", "alice"]);
        assert_eq!(names(&find("above=17&reverse=true"), "keys", "key"), ["carol", "alice"]);
        assert_eq!(names(&find("above=17&limit=1&offset=1"), "keys", "key"), ["carol"]);
        assert_eq!(find("above=0&limit=1")["more"], true);
    }
    assert_eq!(
        names(&client.get("/api/find?field=%5B%22a.b%22,%22c%22%5D&equals=1").json(), "keys", "key").len(),
        4
    );
    for wrong in ["equals=1&from=2", "from=1&above=1", "equals=x", "offset=10001"] {
        assert_eq!(client.get(&format!("/api/find?field=age&{wrong}")).status, 400, "{wrong}");
    }
    let created = client.post("/api/indexes/create", &json!({"field": ["age"]}));
    assert_eq!((created.status, &*created.error()), (409, "index_exists"));
    let listed = client.get("/api/indexes").json();
    assert_eq!((&listed["indexes"][0]["name"], &listed["indexes"][0]["entries"]), (&json!("age"), &json!(4)));
    assert_eq!(client.post("/api/indexes/drop", &json!({"field": "age", "confirm": "age"})).status, 200);
    assert_eq!(client.get("/api/indexes").json()["indexes"], json!([]));
}

#[test]
fn a_key_tells_its_history_by_pages_and_an_old_text_can_be_stored_again() {
    let served = Served::new(true);
    for number in 0..5 {
        served.db.set("k", number).wait().unwrap();
    }
    served.db.delete("k").wait().unwrap();
    let client = served.client();
    let first = client.get("/api/history?key=k&limit=3").json();
    let texts = |answer: &Value| {
        let versions = answer["versions"].as_array().unwrap().iter();
        versions.map(|version| version["text"].as_str().unwrap_or("-").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(
        (texts(&first), &first["more"]),
        (vec!["-".to_owned(), "4".to_owned(), "3".to_owned()], &json!(true))
    );
    let before = first["versions"][2]["sequence"].as_u64().unwrap();
    let rest = client.get(&format!("/api/history?key=k&before={before}")).json();
    assert_eq!(
        (texts(&rest), &rest["more"]),
        (vec!["2".to_owned(), "1".to_owned(), "0".to_owned()], &json!(false))
    );
    let restored = client.put("/api/document", &json!({"key": "k", "text": "2", "if_version": 0}));
    assert_eq!((restored.status, served.db.get_as("k").unwrap()), (200, Some(2)));
}
