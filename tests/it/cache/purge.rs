//! Taking things out, and looking at what is there.

use serde_json::{Value, json};

use super::{ask, caching, counting, response};
use crate::support::{Edge, Gate, Message, Origin, Proxy, eventually};

#[test]
fn by_method_from_those_who_may() {
    for (range, status, next) in [("127.0.0.0/8", 200, "2"), ("10.0.0.0/8", 403, "1")] {
        let origin = counting("cache-control: max-age=60\r\n");
        let edge = Edge::to(origin.address).route("cache = true").more(&format!("[cache]\npurge_from = [\"{range}\"]"));
        let proxy = edge.start();
        assert_eq!(ask(&proxy, "GET", "/a", "").text(), "1");
        assert_eq!(ask(&proxy, "PURGE", "/a", "").status(), status);
        assert_eq!(ask(&proxy, "GET", "/a", "").text(), next);
    }
}

#[test]
fn by_method_more_than_a_url() {
    let origin = tagging();
    let edge = caching(&origin).more("[cache]\npurge_from = [\"127.0.0.1\"]");
    let proxy = edge.start();
    let number = |path: &str| ask(&proxy, "GET", path, "").text();
    let purged = |path: &str, how: &str| {
        let answer = ask(&proxy, "PURGE", path, &format!("Tidegate-Purge: {how}\r\n"));
        (answer.status(), answer.text())
    };
    for path in ["/a/b", "/a/c", "/d"] {
        assert_eq!(number(path), "1");
    }
    assert_eq!(purged("/a", "prefix").0, 200);
    assert_eq!(["/a/b", "/a/c", "/d"].map(number), ["2", "2", "1"]);
    assert_eq!(purged("/", "tag=(\"b\" \"d\")").0, 200);
    assert_eq!(["/a/b", "/a/c", "/d"].map(number), ["3", "2", "2"]);
    assert_eq!(purged("/elsewhere", "all").0, 200);
    assert_eq!(["/a/b", "/a/c", "/d"].map(number), ["4", "3", "3"]);
    let (status, text) = purged("/d", "softly");
    assert_eq!(status, 400);
    assert!(text.contains("`soft`"), "{text}");
    // What was purged softly is served once more.
    assert_eq!(purged("/d", "soft"), (200, "purged softly\n".to_owned()));
    let soft = ask(&proxy, "GET", "/d", "");
    assert_eq!((soft.text().as_str(), soft.header("age").is_some()), ("3", true), "{}", soft.head);
    eventually("it is validated behind that", || number("/d") == "4");
}

/// An origin that answers with how often that target was asked for, tagged with the words of its path.
fn tagging() -> Origin {
    let counts = std::sync::Mutex::new(std::collections::HashMap::<String, u32>::new());
    Origin::scripted(move |visit| {
        visit.read_body();
        let target = visit.request.first_line().split(' ').nth(1).unwrap().to_owned();
        let number = {
            let mut counts = counts.lock().unwrap();
            let count = counts.entry(target.clone()).or_default();
            *count += 1;
            *count
        };
        let words = target.split('/').collect::<Vec<_>>();
        let groups = words.iter().filter(|word| !word.is_empty()).map(|word| format!("\"{word}\"")).collect::<Vec<_>>();
        let fields = format!(
            "cache-control: max-age=60\r\nsurrogate-key: all {}\r\ncache-tag: {}\r\ncache-groups: {}\r\netag: \"e\"\r\n",
            words.join(" "),
            words.iter().map(|word| format!("tag {word}")).collect::<Vec<_>>().join(","),
            groups.join(", "),
        );
        visit.send(response(&fields, &number.to_string()));
    })
}

fn send(proxy: &Proxy, body: &str) -> Message {
    let mut wire = crate::support::Wire::connect(proxy.admin());
    wire.send(format!(
        "POST /api/cache/purge HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ));
    wire.response("POST")
}

fn purge(proxy: &Proxy, body: &Value) -> Value {
    let answer = send(proxy, &body.to_string());
    assert_eq!(answer.status(), 200, "{}", answer.text());
    serde_json::from_str(&answer.text()).unwrap()
}

#[test]
fn by_url_prefix_tag_and_all() {
    let paths = ["/a/x", "/a/y", "/b/x", "/b/x?q"];
    for (body, gone, entries) in [
        (json!({ "url": "http://example.org/a/x" }), vec!["/a/x"], vec![1]),
        (json!({ "url": "http://EXAMPLE.org:80/c/../b/x?q" }), vec!["/b/x?q"], vec![1]),
        (json!({ "url": "http://example.org/nothing" }), vec![], vec![0]),
        (json!({ "prefix": "http://example.org/b/" }), vec!["/b/x", "/b/x?q"], vec![2]),
        (json!({ "tag": "a" }), vec!["/a/x", "/a/y"], vec![2]),
        (json!({ "tag": ["tag y", "b"] }), vec!["/a/y", "/b/x", "/b/x?q"], vec![1, 2]),
        (json!({ "all": true }), paths.to_vec(), vec![4]),
    ] {
        let origin = tagging();
        let proxy = caching(&origin).start();
        for path in paths {
            assert_eq!(ask(&proxy, "GET", path, "").text(), "1");
        }
        let answer = purge(&proxy, &body);
        let counted: Vec<_> = answer["purged"].as_array().unwrap().iter().map(|one| one["entries"].clone()).collect();
        assert_eq!(counted, entries, "{body}: {answer}");
        for path in paths {
            let want = if gone.contains(&path) { "2" } else { "1" };
            assert_eq!(ask(&proxy, "GET", path, "").text(), want, "{body} {path}");
        }
        // What is gone takes no memory any more, and is not counted again.
        let again = purge(&proxy, &json!({ "url": "http://example.org/nothing" }));
        assert_eq!(again["purged"][0]["entries"], 0);
        assert!(proxy.metric("tidegate_cache_purges_total") >= 2.0);
    }
}

#[test]
fn softly() {
    let gate = Gate::new();
    let origin = Origin::scripted({
        let gate = gate.clone();
        move |visit| match visit.request.header("if-none-match") {
            None => visit.send(response("cache-control: max-age=60\r\netag: \"e\"\r\nsurrogate-key: t\r\n", "kept")),
            Some(_) => {
                gate.wait();
                visit.send("HTTP/1.1 304 Not Modified\r\netag: \"e\"\r\ncache-control: max-age=60\r\nx-new: 1\r\n\r\n");
            }
        }
    });
    let proxy = caching(&origin).start();
    assert_eq!(ask(&proxy, "GET", "/", "").text(), "kept");
    let answer = purge(&proxy, &json!({ "tag": "t", "soft": true }));
    assert_eq!(
        answer,
        json!({ "result": "purged", "soft": true, "purged": [{ "scope": "tag", "value": "t", "entries": 1 }] })
    );
    // Nobody waits while it is validated.
    let stale = ask(&proxy, "GET", "/", "");
    assert_eq!((stale.text().as_str(), stale.header("x-new")), ("kept", None));
    assert_eq!(look_up(&proxy, "http://example.org/")["stored"][0]["state"], "purged_softly");
    gate.open();
    eventually("it is validated behind", || ask(&proxy, "GET", "/", "").header("x-new") == Some("1"));
    assert_eq!(look_up(&proxy, "http://example.org/")["stored"][0]["state"], "fresh");
}

#[test]
fn a_purge_covers_what_is_under_way() {
    for body in [json!({ "tag": "t" }), json!({ "url": "http://example.org/" }), json!({ "all": true })] {
        let gate = Gate::new();
        let count = std::sync::atomic::AtomicUsize::new(0);
        let origin = Origin::scripted({
            let gate = gate.clone();
            move |visit| {
                let number = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1;
                if number == 1 {
                    gate.wait();
                }
                visit.send(response("cache-control: max-age=60\r\nsurrogate-key: t\r\n", &number.to_string()));
            }
        });
        let proxy = caching(&origin).start();
        let mut first = proxy.connect("web");
        first.send("GET / HTTP/1.1\r\nHost: example.org\r\n\r\n");
        eventually("it is at the origin", || origin.visits() == 1);
        purge(&proxy, &body);
        gate.open();
        assert_eq!(first.response("GET").text(), "1");
        assert_eq!(ask(&proxy, "GET", "/", "").text(), "2", "{body}");
    }
}

#[test]
fn purges_that_are_none() {
    let origin = tagging();
    let proxy = caching(&origin).start();
    for (body, status, word) in [
        ("", 400, "JSON"),
        ("{}", 400, "nothing to purge"),
        ("{ \"tags\": [\"a\"] }", 400, "`tags` is not known"),
        ("{ \"url\": \"/a\" }", 400, "no URL"),
        (&format!("{{ \"tag\": \"{}\" }}", "x".repeat(300_000)), 413, "too large"),
    ] {
        let answer = send(&proxy, body);
        assert_eq!(answer.status(), status, "{}", answer.text());
        assert!(answer.text().contains(word), "{}", answer.text());
    }
    assert_eq!(proxy.ask_admin("GET", "/api/cache/purge").status(), 405);
    let without = Edge::to(origin.address).start();
    assert_eq!(send(&without, "{ \"all\": true }").status(), 404);
}

fn look_up(proxy: &Proxy, url: &str) -> Value {
    let answer = proxy.ask_admin("GET", &format!("/api/cache/lookup?url={url}"));
    assert_eq!(answer.status(), 200, "{}", answer.text());
    serde_json::from_str(&answer.text()).unwrap()
}

#[test]
fn why_it_is_cached_and_why_it_is_not() {
    let origin = Origin::scripted(|visit| {
        let fields = match visit.request.first_line().split(' ').nth(1).unwrap() {
            "/cookie" => "cache-control: max-age=60\r\nset-cookie: a=b\r\n",
            "/private" => "cache-control: private, max-age=60\r\n",
            _ => "cache-control: max-age=60, stale-if-error=5, must-revalidate\r\nvary: x-kind\r\ncache-tag: t\r\n",
        };
        visit.send(response(fields, "four"));
    });
    let proxy = caching(&origin).start();
    for (path, kind) in
        [("/cookie", ""), ("/private", ""), ("/kept?a=1&b", "X-Kind: 1\r\n"), ("/kept?a=1&b", "X-Kind: 2\r\n")]
    {
        ask(&proxy, "GET", path, kind);
    }
    for (path, reason) in [("/cookie", "set_cookie"), ("/private", "private")] {
        let found = look_up(&proxy, &format!("http://example.org{path}"));
        assert_eq!((&found["stored"], &found["not_stored"][0]["reason"]), (&json!([]), &json!(reason)), "{found}");
    }
    let found = look_up(&proxy, "http://Example.org/kept?a=1&b");
    assert_eq!(found["url"], "http://example.org/kept?a=1&b");
    let stored = found["stored"].as_array().unwrap();
    assert_eq!(stored.len(), 2, "{found}");
    for one in stored {
        let told = [&one["state"], &one["status"], &one["lifetime"], &one["body"], &one["vary"], &one["tags"]];
        assert_eq!(told, [&json!("fresh"), &json!(200), &json!(60), &json!(4), &json!(["x-kind"]), &json!(["t"])]);
        assert_eq!((&one["rules"], &one["stale_if_error"]), (&json!(["must_revalidate"]), &json!(0)));
    }
    assert!(look_up(&proxy, "http://example.org/unknown")["message"].as_str().unwrap().contains("nothing is known"));
    assert_eq!(look_up(&proxy, "http%3A%2F%2Fexample.org%2Fkept%3Fa=1%26b")["stored"].as_array().unwrap().len(), 2);
    assert_eq!(proxy.ask_admin("GET", "/api/cache/lookup").status(), 400);
    assert_eq!(proxy.ask_admin("GET", "/api/cache/lookup?url=/a").status(), 400);
}

#[test]
fn groups_of_one_origin() {
    let origin = Origin::scripted({
        let count = std::sync::atomic::AtomicUsize::new(0);
        move |visit| {
            visit.read_body();
            let number = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1;
            let post = visit.request.first_line().starts_with("POST");
            let field = if post { "cache-group-invalidation: \"g\"" } else { "cache-groups: \"g\", \"h\"" };
            let field = if visit.request.first_line().contains("/other") { "cache-groups: \"h\"" } else { field };
            visit.send(response(&format!("cache-control: max-age=60\r\n{field}\r\n"), &number.to_string()));
        }
    });
    let proxy = caching(&origin).start();
    let get = |host: &str, path: &str| {
        let mut wire = proxy.connect("web");
        wire.send(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        wire.response("GET").text()
    };
    for (host, path, number) in [("a", "/1", "1"), ("a", "/2", "2"), ("a", "/other", "3"), ("b", "/1", "4")] {
        assert_eq!(get(host, path), number);
    }
    let mut wire = proxy.connect("web");
    wire.send("POST /form HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(wire.response("POST").text(), "5");
    // Of that origin and that group alone.
    for (host, path, number) in [("a", "/other", "3"), ("b", "/1", "4"), ("a", "/1", "6"), ("a", "/2", "7")] {
        assert_eq!(get(host, path), number, "{host} {path}");
    }
}
