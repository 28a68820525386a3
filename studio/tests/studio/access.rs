//! Who is answered: secrets, hosts, origins, sites, headers, cookies, and what a server that only reads refuses. Never looks at what
//! a good request is answered.

use std::net::{IpAddr, TcpStream, UdpSocket};

use ferrumdb_studio::{Options, serve};
use serde_json::{Value, json};

use crate::Served;
use crate::client::Client;
use crate::schema::INTERFACE;

/// Every method and address that is written, and what is besides.
fn everything() -> Vec<(String, String)> {
    let written = INTERFACE["paths"].as_object().unwrap().keys().cloned();
    let others = ["/", "/index.html", "/assets/x.js", "/favicon.ico", "/nothing", "/api/", "/launch"];
    let paths: Vec<_> = written.chain(others.map(str::to_owned)).collect();
    let methods = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"];
    let pairs = paths.iter().flat_map(|path| methods.map(|method| (method.to_owned(), path.clone())));
    pairs.collect()
}

fn cookie_of(served: &Served, client: &Client) -> String {
    let url = served.studio.launch_url();
    let answer = client.send("GET", &url[url.find("/launch").unwrap()..], b"");
    assert_eq!((answer.status, answer.header("location")), (303, Some("./")));
    let cookie = answer.header("set-cookie").unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

#[test]
fn c1_it_listens_on_the_loopback_alone() {
    let served = Served::new(false);
    #[cfg(target_os = "linux")]
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        let port = format!(":{:04X}", served.studio.port());
        let listening = std::fs::read_to_string(table).unwrap_or_default();
        for line in listening.lines().skip(1) {
            let fields: Vec<_> = line.split_whitespace().collect();
            if fields[3] == "0A" && fields[1].ends_with(&port) {
                // 127.0.0.1 and ::1, as the system spells them.
                let loopback = ["0100007F", "00000000000000000000000001000000"];
                assert!(loopback.contains(&fields[1].trim_end_matches(&port)), "{line}");
            }
        }
    }
    // The address by which this machine would speak to others; no packet is sent.
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    if socket.connect("192.0.2.1:9").is_ok() {
        let address: IpAddr = socket.local_addr().unwrap().ip();
        assert!(TcpStream::connect((address, served.studio.port())).is_err(), "{address} is answered");
    }
    assert!(serve(&served.db, Options::new().with_host("0.0.0.0")).is_err());
}

#[test]
fn c2_without_a_secret_nothing_is_answered_whatever_is_asked() {
    let served = Served::new(true);
    let stranger = Client::new(served.studio.port());
    let liar = stranger.clone().bearer(&"0".repeat(64)).with("Cookie", "ferrum_studio_1=1; token=x");
    for (method, path) in everything() {
        for client in [&stranger, &liar] {
            let answer = client.clone().changing().send(&method, &path, b"");
            assert_eq!(answer.status, 401, "{method} {path}");
            assert!(answer.header("content-security-policy").is_some(), "{method} {path}");
        }
    }
}

#[test]
fn c2_a_launch_address_is_worth_a_cookie_once() {
    let served = Served::new(false);
    let client = Client::new(served.studio.port());
    let url = served.studio.launch_url();
    let path = &url[url.find("/launch").unwrap()..];
    let first = client.send("GET", path, b"");
    assert_eq!(first.status, 303);
    assert_eq!(first.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(client.send("GET", path, b"").status, 401, "it was used");
    let page = client.clone().with("Accept", "text/html,*/*;q=0.8").send("GET", "/", b"");
    assert_eq!((page.status, page.header("content-type")), (401, Some("text/html; charset=utf-8")));
    assert!(page.text().contains("Open the address"), "somebody reads it: {}", page.text());
    let code = path.split('=').nth(1).unwrap();
    assert!(!first.header("set-cookie").unwrap().contains(code), "the cookie is another secret");
    assert_eq!(client.bearer(code).send("GET", "/api/session", b"").status, 401);
    let cookie = first.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let known = Client::new(served.studio.port()).with("Cookie", &cookie);
    assert_eq!(known.get("/api/session").status, 200);
    assert_eq!(known.send("GET", path, b"").status, 303, "whoever is known already is led on");
}

#[test]
fn c3_only_the_names_of_the_loopback_are_hosts() {
    let served = Served::new(false);
    let (client, port) = (served.client(), served.studio.port());
    let host = |host: &str| {
        client.clone().without("Host").with("Host", host).send("GET", "/api/session", b"").status
    };
    for good in ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"] {
        assert_eq!(host(&format!("{good}:{port}")), 200, "{good}");
    }
    for bad in [
        "evil.com",
        "localhost.evil.com",
        "0.0.0.0",
        "localhost.",
        "127.0.0.1.evil.com",
        "127.1",
        "[::]",
        "192.168.0.1",
    ] {
        assert_eq!(host(&format!("{bad}:{port}")), 421, "{bad}");
    }
    assert_eq!(host("localhost"), 421, "the port is missing");
    assert_eq!(host(&format!("localhost:{}", port ^ 1)), 421, "another port");
    assert_eq!(host(""), 421);
    let none = client.clone().without("Host");
    assert_eq!(none.send("GET", "/api/session", b"").status, 421);
    let two = client.clone().with("Host", "evil.com");
    assert_eq!(two.send("GET", "/api/session", b"").status, 400);
    for target in ["http://evil.com/api/session".to_owned(), format!("http://127.0.0.1:{port}/api/session")] {
        assert_eq!(client.send("GET", &target, b"").status, 421, "{target}");
    }
}

#[test]
fn c3_behind_a_proxy_its_address_is_answered_and_no_other() {
    let db = ferrumdb::FerrumDB::open_in_memory().wait().unwrap();
    let options = Options::new().with_port(0).with_writes(true);
    let public = "https://db.example.org/ferrum/";
    let studio = serve(&db, options.clone().with_public_url(public)).unwrap();
    let url = studio.launch_url();
    assert!(url.starts_with(&format!("{public}launch?code=")) && studio.url() == public, "{url}");
    let own = format!("127.0.0.1:{}", studio.port());
    let client = Client::new(studio.port());
    let by = |host: &str| client.clone().without("Host").with("Host", host);
    // The proxy may say its own name or ours, and leave the path as it is or take off its part.
    let answer = by("db.example.org").send("GET", &url["https://db.example.org".len()..], b"");
    assert_eq!((answer.status, answer.header("location")), (303, Some("./")));
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.ends_with("; Path=/ferrum/; Secure"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap();
    for host in ["db.example.org", &*own] {
        let known = by(host).with("Cookie", cookie);
        for path in ["/ferrum/", "/", "/ferrum/api/session", "/api/session"] {
            assert_eq!(known.send("GET", path, b"").status, 200, "{host}{path}");
        }
        let body = json!({"key": "k", "text": "1", "if_version": 0}).to_string();
        let put = |origin: &str| {
            let page = known.clone().changing().with("Origin", origin);
            page.send("PUT", "/ferrum/api/document", body.as_bytes()).status
        };
        for bad in ["http://db.example.org", "https://evil.com", "https://db.example.org:8443", "null"] {
            assert_eq!(put(bad), 403, "{host} {bad}");
        }
        assert_ne!(put("https://db.example.org"), 403, "{host}");
    }
    for bad in ["evil.com", "db.example.org.evil.com", "db.example.org:80"] {
        assert_eq!(
            by(bad).with("Cookie", cookie).send("GET", "/ferrum/api/session", b"").status,
            421,
            "{bad}"
        );
    }
    assert_eq!(by("db.example.org").send("GET", "/ferrum/api/session", b"").status, 401);
    assert!(serve(&db, options.with_public_url("db.example.org")).is_err());
}

#[test]
fn c4_a_change_needs_what_only_the_page_can_send() {
    let served = Served::new(true);
    let (client, port) = (Client::new(served.studio.port()), served.studio.port());
    let page = client.clone().with("Cookie", &cookie_of(&served, &client));
    let body = json!({"key": "k", "text": "1", "if_version": 0}).to_string();
    let put = |client: Client| client.send("PUT", "/api/document", body.as_bytes()).status;
    let json = ("Content-Type", "application/json");
    let origin = client.origin();
    let full = || page.clone().with(json.0, json.1).with("X-FerrumDB-CSRF", "1");
    assert_eq!(put(full()), 403, "a browser would name its origin");
    for bad in [
        "null",
        "http://evil.com",
        &format!("http://127.0.0.1:{}", port ^ 1),
        &format!("https://127.0.0.1:{port}"),
        &format!("http://localhost:{port}"),
    ] {
        assert_eq!(put(full().with("Origin", bad)), 403, "{bad}");
    }
    let with_origin = page.clone().with("Origin", &origin);
    assert_eq!(put(with_origin.clone().with(json.0, json.1)), 403, "the header is missing");
    for kind in
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonp"]
    {
        assert_eq!(
            put(with_origin.clone().with("X-FerrumDB-CSRF", "1").with("Content-Type", kind)),
            415,
            "{kind}"
        );
    }
    assert_eq!(put(with_origin.clone().with("X-FerrumDB-CSRF", "1")), 415, "no kind is said");
    assert_eq!(served.db.count().unwrap(), 0);
    assert_eq!(put(full().with("Origin", &origin)), 200);
    let bearer = served.client().changing();
    assert_eq!(bearer.send("PUT", "/api/document", body.as_bytes()).status, 409, "a program needs no origin");
    assert_eq!(put(bearer.with("Origin", "http://evil.com")), 403);
}

#[test]
fn c4_no_get_changes_anything() {
    let served = Served::new(true);
    for number in 0..20 {
        served.db.set(format!("user:{number}"), json!({"n": number})).wait().unwrap();
    }
    served.db.create_index("n").wait().unwrap();
    served.db.sync().wait().unwrap();
    let client = served.client();
    let backup = client.job("/api/backup", &json!({}))["id"].clone();
    let stats = served.db.stats().unwrap();
    // The header says how far the file is synced, and behind the log there is room.
    let log = || std::fs::read(served.path()).unwrap()[8192..][..stats.log_bytes as usize].to_vec();
    let before = log();
    let collections = served.db.collections().unwrap();
    for (path, methods) in INTERFACE["paths"].as_object().unwrap() {
        if methods.get("get").is_none() || ["/api/events", "/api/changes"].contains(&&**path) {
            continue;
        }
        let query =
            format!("key=user:1&field=n&equals=1&format=csv&dry_run=false&job={backup}&collection=new");
        let known = |name: &str| {
            let stated = methods["get"]["parameters"].as_array().unwrap();
            stated.iter().any(|parameter| parameter["name"] == name)
        };
        let query: Vec<_> = query.split('&').filter(|pair| known(pair.split('=').next().unwrap())).collect();
        let status = client.get(&format!("{path}?{}", query.join("&"))).status;
        assert!(status == 200 || status == 404, "{path}: {status}");
        let plain: Vec<_> = query.iter().filter(|pair| !pair.starts_with("collection")).copied().collect();
        assert_eq!(client.get(&format!("{path}?{}", plain.join("&"))).status, 200, "{path}");
    }
    assert_eq!(served.db.stats().unwrap().sequence, stats.sequence);
    assert_eq!(served.db.collections().unwrap(), collections);
    assert!(log() == before, "the log was changed");
    for (method, path) in everything().into_iter().filter(|(_, path)| path.starts_with("/api/")) {
        if method == "GET" || INTERFACE["paths"][&*path].get(method.to_lowercase()).is_some() {
            continue;
        }
        assert!(
            [404, 405].contains(&client.clone().changing().send(&method, &path, b"").status),
            "{method} {path}"
        );
    }
}

#[test]
fn c5_what_other_sites_make_a_browser_send_is_refused() {
    let served = Served::new(false);
    let client = served.client();
    let status = |headers: &[(&str, &str)], path: &str| {
        let all = headers.iter().fold(client.clone(), |client, (name, value)| client.with(name, value));
        all.send("GET", path, b"").status
    };
    assert_eq!(status(&[("Sec-Fetch-Site", "same-origin")], "/api/session"), 200);
    for site in ["cross-site", "same-site", "anything"] {
        assert_eq!(status(&[("Sec-Fetch-Site", site)], "/"), 403, "{site}");
        assert_eq!(status(&[("Sec-Fetch-Site", site), ("Sec-Fetch-Mode", "navigate")], "/"), 403, "{site}");
    }
    let none = ("Sec-Fetch-Site", "none");
    assert_eq!(status(&[none, ("Sec-Fetch-Mode", "navigate")], "/"), 200);
    assert_eq!(status(&[none, ("Sec-Fetch-Mode", "cors")], "/api/session"), 403);
    let post = client.clone().changing().with("Sec-Fetch-Site", "none").with("Sec-Fetch-Mode", "navigate");
    assert_eq!(post.send("POST", "/api/verify", b"{}").status, 403);
}

#[test]
fn c6_no_answer_lets_other_origins_in() {
    let served = Served::new(true);
    let client = served.client();
    for (method, path) in everything() {
        if ["/api/events", "/api/changes"].contains(&&*path) && method == "GET" {
            continue;
        }
        let answer = client.send(&method, &path, b"");
        assert!(
            !answer.headers.iter().any(|(name, _)| name.starts_with("access-control-")),
            "{method} {path}"
        );
        if method == "OPTIONS" {
            assert!([404, 405].contains(&answer.status), "{path}: {}", answer.status);
        }
        let preflight =
            client.clone().with("Origin", "http://evil.com").with("Access-Control-Request-Method", "PUT");
        assert_eq!(preflight.send("OPTIONS", &path, b"").status, 403, "{path}");
    }
    assert_eq!(client.send("OPTIONS", "/api/document", b"").status, 405);
}

#[test]
fn c7_streams_pass_the_same_checks() {
    let served = Served::new(false);
    let client = served.client();
    for path in ["/api/events", "/api/changes"] {
        assert_eq!(Client::new(served.studio.port()).send("GET", path, b"").status, 401);
        assert_eq!(client.clone().with("Origin", "http://evil.com").send("GET", path, b"").status, 403);
        assert_eq!(client.clone().with("Sec-Fetch-Site", "same-site").send("GET", path, b"").status, 403);
        let foreign = client.clone().without("Host").with("Host", "evil.com");
        assert_eq!(foreign.send("GET", path, b"").status, 421);
        client.open(path).until("text/event-stream");
    }
}

#[test]
fn c8_the_cookie_belongs_to_its_port_and_to_no_script() {
    let (one, other) = (Served::new(false), Served::new(false));
    let client = Client::new(one.studio.port());
    let url = one.studio.launch_url();
    let answer = client.send("GET", &url[url.find("/launch").unwrap()..], b"");
    let cookie = answer.header("set-cookie").unwrap();
    let parts: Vec<_> = cookie.split("; ").collect();
    assert_eq!(parts[1..], ["HttpOnly", "SameSite=Strict", "Path=/"]);
    assert!(parts[0].starts_with(&format!("ferrum_studio_{}=", one.studio.port())), "{cookie}");
    let known =
        |port: u16| Client::new(port).with("Cookie", parts[0]).send("GET", "/api/session", b"").status;
    assert_eq!((known(one.studio.port()), known(other.studio.port())), (200, 401));
    let renamed = parts[0].replace(&one.studio.port().to_string(), &other.studio.port().to_string());
    let client = Client::new(other.studio.port()).with("Cookie", &renamed);
    assert_eq!(client.send("GET", "/api/session", b"").status, 401, "each server has secrets of its own");
}

#[test]
fn c9_every_answer_has_the_strict_headers() {
    let served = Served::new(false);
    let client = served.client();
    let stranger = Client::new(served.studio.port());
    let refused = client.clone().without("Host").with("Host", "evil.com");
    let asked = [
        client.send("GET", "/", b""),
        client.send("GET", "/api/session", b""),
        client.send("GET", "/api/export?format=csv", b""),
        client.send("GET", "/nothing", b""),
        client.send("DELETE", "/api/document", b""),
        stranger.send("GET", "/", b""),
        refused.send("GET", "/", b""),
    ];
    for answer in asked {
        let policy = answer.header("content-security-policy").unwrap();
        for part in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "connect-src 'self'",
            "img-src 'self' data:",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
        ] {
            assert!(policy.split("; ").any(|stated| stated == part), "{part}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{name}");
        }
    }
}

#[test]
fn c10_the_page_is_served_whole_compressed_and_from_here_alone() {
    let served = Served::new(false);
    let client = served.client();
    let page = client.send("GET", "/", b"");
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    let text = page.text().to_owned();
    assert!(!text.contains("http://") && !text.contains("https://") && !text.contains("src=\"//"), "{text}");
    assert!(!text.contains("<style") && !text.contains(" style=") && !text.contains(" onload="), "{text}");
    let small = client.clone().with("Accept-Encoding", "gzip, deflate, br").send("GET", "/", b"");
    assert!(small.header("content-encoding") == Some("br") && small.body.len() < page.body.len());
    let named =
        text.split('"').filter_map(|part| part.strip_prefix("./")).filter(|part| part.starts_with("assets/"));
    let mut assets = 0;
    for asset in named {
        let answer = client.send("GET", &format!("/{asset}"), b"");
        assert_eq!(answer.status, 200, "{asset}");
        assert!(answer.header("cache-control").unwrap().contains("immutable"), "{asset}");
        let tag = answer.header("etag").unwrap();
        let again = client.clone().with("If-None-Match", tag).send("GET", &format!("/{asset}"), b"");
        assert_eq!((again.status, again.body.len()), (304, 0), "{asset}");
        assets += 1;
    }
    assert!(assets > 0, "{text}");
}

#[test]
fn c11_a_server_that_only_reads_refuses_every_change() {
    let served = Served::new(false);
    served.db.set("user:1", 1).wait().unwrap();
    served.db.collection("users").unwrap().set("a", 1).wait().unwrap();
    let before = served.db.stats().unwrap().sequence;
    let client = served.client();
    assert_eq!(client.get("/api/session").json()["access"], "read_only");
    for (method, path, body) in changes() {
        let answer = client.change(method, path, &body);
        assert_eq!((answer.status, &*answer.error()), (403, "read_only"), "{method} {path}");
    }
    assert_eq!(served.db.stats().unwrap().sequence, before);
    assert_eq!(
        client.post("/api/documents/delete", &json!({"keys": ["user:1"], "dry_run": true})).status,
        200
    );
}

/// Every way to change something.
fn changes() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("PUT", "/api/document", json!({"key": "x", "text": "1", "if_version": 0})),
        ("POST", "/api/document/ttl", json!({"key": "user:1", "if_version": 1, "ttl_ms": 1})),
        ("POST", "/api/documents/delete", json!({"keys": ["user:1"]})),
        ("POST", "/api/documents/delete", json!({"prefix": "user", "confirm": "user"})),
        ("POST", "/api/undo", json!({"id": 1})),
        ("POST", "/api/collections/drop", json!({"name": "users", "confirm": "users"})),
        ("POST", "/api/indexes/create", json!({"field": "a"})),
        ("POST", "/api/indexes/drop", json!({"field": "a", "confirm": "a"})),
        ("POST", "/api/compact", json!({"confirm": "my.db"})),
        ("POST", "/api/import", json!({"format": "ndjson", "text": "{\"key\":\"x\",\"value\":1}"})),
    ]
}

#[test]
fn c11_what_is_lost_for_good_must_be_typed() {
    let served = Served::new(true);
    served.db.collection("users").unwrap().set("a", 1).wait().unwrap();
    let client = served.client();
    let refused = |path: &str, body: Value| {
        let answer = client.post(path, &body);
        assert_eq!(answer.status, 400, "{path} {body}");
    };
    refused("/api/collections/drop", json!({"name": "users", "confirm": "user"}));
    refused("/api/collections/drop", json!({"name": "users"}));
    refused("/api/compact", json!({"confirm": ""}));
    refused("/api/documents/delete", json!({"prefix": ""}));
    refused("/api/documents/delete", json!({"prefix": "", "confirm": ""}));
    refused("/api/documents/delete", json!({"prefix": "", "confirm": "users"}));
    refused("/api/documents/delete", json!({"collection": "users", "prefix": "", "confirm": ""}));
    refused("/api/documents/delete", json!({"collection": "users", "prefix": "", "confirm": "root"}));
    refused("/api/documents/delete", json!({"prefix": "a", "confirm": ""}));
    refused("/api/indexes/drop", json!({"field": "a", "confirm": "b"}));
    assert_eq!(served.db.collections().unwrap().len(), 1);
    served.db.set("b", 1).wait().unwrap();
    for body in [
        json!({"prefix": "", "confirm": "root"}),
        json!({"collection": "users", "prefix": "", "confirm": "users"}),
    ] {
        assert_eq!(client.job("/api/documents/delete", &body)["result"]["deleted"], 1, "{body}");
    }
    assert_eq!(
        client.post("/api/collections/drop", &json!({"name": "users", "confirm": "users"})).status,
        200
    );
    assert_eq!(served.db.collections().unwrap().len(), 0);
}

#[test]
fn c15_the_key_of_an_encrypted_database_is_in_no_answer() {
    const PASSPHRASE: &str = "correct horse battery staple";
    let served = Served::with(true, |config| config.with_passphrase(PASSPHRASE));
    served.db.set("user:1", 1).wait().unwrap();
    let client = served.client();
    assert_eq!(client.get("/api/overview").json()["file"]["encrypted"], true);
    for (path, methods) in INTERFACE["paths"].as_object().unwrap() {
        if methods.get("get").is_none() || ["/api/events", "/api/changes"].contains(&&**path) {
            continue;
        }
        let answer = client.get(path);
        let told = String::from_utf8_lossy(&answer.body).into_owned() + &format!("{:?}", answer.headers);
        assert!(!told.contains(PASSPHRASE), "{path}");
    }
    let written = INTERFACE.to_string();
    assert!(!written.contains("passphrase") && !written.contains("rekey"), "no route takes a key");
}
