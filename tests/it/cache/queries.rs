//! Queries that mean the same (`No-Vary-Search`).

use super::{ask, assert_asked, caching, counting, response, verdict};
use crate::support::{Edge, Gate, Origin, eventually};

const RULE: &str = "cache-control: max-age=60\r\nno-vary-search: key-order, params=(\"utm\")\r\n";

#[test]
fn what_does_not_count_does_not_miss() {
    let origin = counting(RULE);
    let proxy = caching(&origin).start();
    assert_eq!(ask(&proxy, "GET", "/p?a=1&utm=x&b=2", "").text(), "1");
    for same in ["/p?a=1&utm=x&b=2", "/p?b=2&a=1", "/p?utm=other&a=%31&b=2", "/p?a=1&b=2&utm"] {
        let hit = ask(&proxy, "GET", same, "");
        assert_eq!(hit.text(), "1", "{same}");
        assert!(verdict(&hit).starts_with("tidegate; hit"), "{same}: {}", hit.head);
    }
    assert_eq!(ask(&proxy, "GET", "/p?a=2&b=2", "").text(), "2");
    assert_eq!(ask(&proxy, "GET", "/p?utm=1", "").text(), "3");
    assert_eq!(ask(&proxy, "GET", "/p", "Cache-Control: only-if-cached\r\n").text(), "3");
    // Another path has no rule yet.
    assert_eq!(ask(&proxy, "GET", "/q?a=1&b=2", "").text(), "4");
    assert_asked(&origin, 4);
}

#[test]
fn what_was_stored_without_a_rule_answers_its_own_query_alone() {
    let origin = Origin::scripted(|visit| {
        let target = visit.request.first_line().split(' ').nth(1).unwrap().to_owned();
        let fields = if target.contains("plain") { "cache-control: max-age=60\r\n" } else { RULE };
        visit.send(response(fields, &target));
    });
    let proxy = caching(&origin).start();
    for target in ["/p?plain", "/p?a=1", "/p?plain"] {
        assert_eq!(ask(&proxy, "GET", target, "").text(), target);
    }
    assert_asked(&origin, 2);
    assert_eq!(ask(&proxy, "GET", "/p?plain", "Cache-Control: only-if-cached\r\n").text(), "/p?plain");
    assert_eq!(ask(&proxy, "GET", "/p?plain&utm=1", "").text(), "/p?plain&utm=1");
    assert_eq!(ask(&proxy, "GET", "/p?utm=1&a=1", "").text(), "/p?a=1");
}

#[test]
fn a_rule_that_changes_serves_nothing_by_the_other() {
    let origin = Origin::scripted(|visit| {
        let target = visit.request.first_line().split(' ').nth(1).unwrap().to_owned();
        let rule = if target.contains("new") { "params=(\"new\")" } else { "params=(\"old\")" };
        visit.send(response(&format!("cache-control: max-age=60\r\nno-vary-search: {rule}\r\n"), &target));
    });
    let proxy = caching(&origin).start();
    assert_eq!(ask(&proxy, "GET", "/p?a&old=1", "").text(), "/p?a&old=1");
    assert_eq!(ask(&proxy, "GET", "/p?b&new=1", "").text(), "/p?b&new=1");
    // Now `old` counts and `new` does not: the first answer must not come for what it never spoke of.
    assert_eq!(ask(&proxy, "GET", "/p?a&new=2", "").text(), "/p?a&new=2");
    assert_eq!(ask(&proxy, "GET", "/p?b&new=3", "").text(), "/p?b&new=1");
}

#[test]
fn what_makes_one_invalid_makes_all_invalid() {
    let origin = counting(RULE);
    let proxy = Edge::to(origin.address).route("cache = true").more("[cache]\npurge_from = [\"127.0.0.0/8\"]").start();
    for (number, method, fields) in [(1, "POST", "Content-Length: 0\r\n"), (3, "PURGE", "")] {
        assert_eq!(ask(&proxy, "GET", "/p?a=1&utm=1", "").text(), number.to_string());
        assert_eq!(ask(&proxy, method, "/p?utm=2&a=1", fields).status(), 200);
        let after = if method == "POST" { number + 2 } else { number + 1 };
        assert_eq!(ask(&proxy, "GET", "/p?a=1&utm=1", "").text(), after.to_string(), "{method}");
    }
}

#[test]
fn one_fetch_for_queries_that_mean_the_same() {
    let gate = Gate::new();
    let origin = Origin::scripted({
        let gate = gate.clone();
        move |visit| {
            let target = visit.request.first_line().split(' ').nth(1).unwrap().to_owned();
            if target.contains("slow") {
                gate.wait();
            }
            visit.send(response(RULE, &target));
        }
    });
    let proxy = caching(&origin).start();
    assert_eq!(ask(&proxy, "GET", "/p?first", "").text(), "/p?first");
    let asking: Vec<_> = (0..3)
        .map(|number| {
            let mut wire = proxy.connect("web");
            wire.send(format!("GET /p?slow&utm={number} HTTP/1.1\r\nHost: example.org\r\n\r\n"));
            std::thread::spawn(move || wire.response("GET").text())
        })
        .collect();
    eventually("all are there", || proxy.metric("tidegate_requests_in_flight{listener=\"web\"}") as usize >= 3);
    gate.open();
    let mut seen: Vec<_> = asking.into_iter().map(|one| one.join().unwrap()).collect();
    seen.dedup();
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_asked(&origin, 2);
}
