//! Parts, heads and conditions from what is stored; validation; invalidation.

use super::{ask, assert_asked, caching, counting, response, verdict};
use crate::support::{Gate, Origin, Visit, Wire, eventually};

const BODY: &str = "0123456789";

fn fixed() -> Origin {
    let fields = "cache-control: max-age=60\r\netag: \"e\"\r\ncontent-type: text/plain\r\n\
                  last-modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
    Origin::answering(response(fields, BODY))
}

#[test]
fn ranges_of_a_whole_object() {
    let origin = fixed();
    let proxy = caching(&origin).start();
    // The first one fetches the whole.
    for _ in 0..2 {
        let part = ask(&proxy, "GET", "/", "Range: bytes=2-4\r\n");
        assert_eq!((part.status(), part.text().as_str()), (206, "234"), "{}", part.head);
        assert_eq!((part.header("content-range"), part.header("content-length")), (Some("bytes 2-4/10"), Some("3")));
    }
    let several = ask(&proxy, "GET", "/", "Range: bytes=0-1,8-\r\n");
    assert_eq!(several.status(), 206);
    assert!(several.header("content-type").unwrap().starts_with("multipart/byteranges"), "{}", several.head);
    assert!(several.text().contains("content-range: bytes 8-9/10\r\n\r\n89"), "{}", several.text());
    let outside = ask(&proxy, "GET", "/", "Range: bytes=10-\r\n");
    assert_eq!((outside.status(), outside.header("content-range")), (416, Some("bytes */10")));
    let same = ask(&proxy, "GET", "/", "Range: bytes=-1\r\nIf-Range: \"e\"\r\n");
    assert_eq!((same.status(), same.text().as_str()), (206, "9"));
    let other = ask(&proxy, "GET", "/", "Range: bytes=-1\r\nIf-Range: \"f\"\r\n");
    assert_eq!((other.status(), other.text().as_str()), (200, BODY));
    assert_asked(&origin, 1);
    assert_eq!(origin.request(1).header("range"), None);
}

#[test]
fn preconditions_and_heads() {
    let origin = fixed();
    let proxy = caching(&origin).start();
    // The first one fetches without the client's precondition, and answers it.
    for _ in 0..2 {
        let same = ask(&proxy, "GET", "/", "If-None-Match: \"e\"\r\n");
        assert_eq!((same.status(), same.header("etag"), same.header("content-type")), (304, Some("\"e\""), None));
        assert_eq!(same.header("cache-control"), Some("max-age=60"));
    }
    let other = ask(&proxy, "GET", "/", "If-None-Match: \"f\"\r\n");
    assert_eq!((other.status(), other.text().as_str()), (200, BODY));
    let since = ask(&proxy, "GET", "/", "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
    assert_eq!(since.status(), 304);
    assert_eq!(ask(&proxy, "GET", "/", "If-Match: \"f\"\r\n").status(), 412);
    let head = ask(&proxy, "HEAD", "/", "");
    assert_eq!((head.status(), head.header("content-length"), head.body.len()), (200, Some("10"), 0));
    assert!(verdict(&head).starts_with("tidegate; hit"), "{}", head.head);
    assert_asked(&origin, 1);
    assert_eq!(origin.request(1).header("if-none-match"), None);
}

#[test]
fn a_head_stores_nothing() {
    let origin = fixed();
    let proxy = caching(&origin).start();
    for number in 1..3 {
        assert_eq!(ask(&proxy, "HEAD", "/", "").status(), 200);
        assert!(origin.request(number).first_line().starts_with("HEAD "));
    }
}

#[test]
fn what_is_stale_is_validated() {
    let origin = Origin::scripted(|visit| {
        if visit.request.header("if-none-match") == Some("\"e\"") {
            visit.send("HTTP/1.1 304 Not Modified\r\netag: \"e\"\r\ncache-control: max-age=60\r\nx-new: 1\r\n\r\n");
        } else {
            visit.send(response("etag: \"e\"\r\ncache-control: max-age=0\r\nx-old: 1\r\n", BODY));
        }
    });
    let proxy = caching(&origin).start();
    assert_eq!(ask(&proxy, "GET", "/", "").text(), BODY);
    let validated = ask(&proxy, "GET", "/", "");
    assert_eq!((validated.status(), validated.text().as_str()), (200, BODY), "{}", validated.head);
    assert!(verdict(&validated).starts_with("tidegate; fwd=stale; fwd-status=304"), "{}", validated.head);
    assert_eq!((validated.header("x-new"), validated.header("x-old")), (Some("1"), Some("1")));
    let hit = ask(&proxy, "GET", "/", "");
    assert!(verdict(&hit).starts_with("tidegate; hit"), "{}", hit.head);
    assert_eq!((hit.header("x-new"), hit.text().as_str()), (Some("1"), BODY));
    assert_asked(&origin, 2);
}

#[test]
fn what_changed_is_replaced() {
    let origin = counting("etag: \"e\"\r\ncache-control: max-age=0\r\n");
    let proxy = caching(&origin).start();
    for number in ["1", "2", "3"] {
        assert_eq!(ask(&proxy, "GET", "/", "").text(), number);
    }
}

#[test]
fn an_unsafe_method_invalidates() {
    let origin = counting("cache-control: max-age=60\r\nlocation: /other\r\n");
    let proxy = caching(&origin).start();
    assert_eq!(ask(&proxy, "GET", "/", "").text(), "1");
    assert_eq!(ask(&proxy, "GET", "/other", "").text(), "2");
    assert_eq!(ask(&proxy, "GET", "/third", "").text(), "3");
    let posted = ask(&proxy, "POST", "/", "Content-Length: 0\r\n");
    assert_eq!((posted.text().as_str(), verdict(&posted).as_str()), ("4", "tidegate; fwd=method; detail=method"));
    assert_eq!(ask(&proxy, "GET", "/", "").text(), "5");
    assert_eq!(ask(&proxy, "GET", "/other", "").text(), "6");
    assert_eq!(ask(&proxy, "GET", "/third", "").text(), "3");
}

#[test]
fn an_unsafe_method_on_another_route_invalidates_too() {
    let origin = counting("cache-control: max-age=60\r\n");
    let more = "[[routes]]\nname = \"writes\"\nmethods = [\"POST\"]\nupstream = \"app\"";
    let proxy = caching(&origin).more(more).start();
    assert_eq!(ask(&proxy, "GET", "/a", "").text(), "1");
    let post = ask(&proxy, "POST", "/a", "Content-Length: 0\r\n");
    assert_eq!((post.text().as_str(), post.header("cache-status")), ("2", None), "{}", post.head);
    assert_eq!(ask(&proxy, "GET", "/a", "").text(), "3");
}

#[test]
fn only_if_cached() {
    let origin = counting("cache-control: max-age=60\r\n");
    let proxy = caching(&origin).start();
    assert_eq!(ask(&proxy, "GET", "/", "Cache-Control: only-if-cached\r\n").status(), 504);
    assert_eq!(ask(&proxy, "GET", "/", "").text(), "1");
    assert_eq!(ask(&proxy, "GET", "/", "Cache-Control: only-if-cached\r\n").text(), "1");
}

#[test]
fn variants() {
    let origin = counting("cache-control: max-age=60\r\nvary: x-kind\r\n");
    let proxy = caching(&origin).start();
    for (kind, want) in [("a", "1"), ("b", "2"), ("a", "1"), ("b", "2")] {
        assert_eq!(ask(&proxy, "GET", "/", &format!("X-Kind: {kind}\r\n")).text(), want);
    }
    assert_eq!(ask(&proxy, "GET", "/", "").text(), "3");
}

#[test]
fn large_and_broken_bodies_are_not_stored() {
    let large = "x".repeat(100_000);
    let chunked = format!(
        "HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{large}\r\n0\r\n\r\n",
        large.len()
    );
    let known = response("cache-control: max-age=60\r\n", &large);
    let broken = "HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\ncontent-length: 10\r\n\r\n01234";
    let origin = Origin::scripted(move |visit| match visit.request.first_line().split(' ').nth(1).unwrap() {
        "/chunked" => visit.send(&chunked),
        "/known" => visit.send(&known),
        _ => {
            visit.send(broken);
            visit.close();
        }
    });
    let proxy = caching(&origin).more("[cache]\nmax_object = \"64KiB\"").start();
    for path in ["/chunked", "/known"] {
        for _ in 0..3 {
            let response = ask(&proxy, "GET", path, "");
            assert_eq!(response.text().len(), 100_000, "{path}");
            assert!(!verdict(&response).contains("; hit"), "{}", response.head);
        }
    }
    assert_asked(&origin, 6);
    for number in 1..3 {
        let mut wire = proxy.connect("web");
        wire.send("GET /broken HTTP/1.1\r\nHost: example.org\r\n\r\n");
        let head = wire.head().expect("a head");
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert_eq!(wire.rest(), b"01234");
        assert_asked(&origin, 6 + number);
    }
}

#[test]
fn the_first_client_may_leave() {
    let gate = Gate::new();
    let origin = Origin::scripted({
        let gate = gate.clone();
        move |visit| {
            visit.send("HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\ncontent-length: 10\r\n\r\n01234");
            gate.wait();
            visit.send("56789");
        }
    });
    let proxy = caching(&origin).start();
    let mut first = proxy.connect("web");
    first.send("GET / HTTP/1.1\r\nHost: example.org\r\n\r\n");
    assert!(first.head().is_some());
    assert_eq!(first.exactly(5), b"01234");
    drop(first);
    gate.open();
    let second = ask(&proxy, "GET", "/", "");
    assert_eq!(second.text(), BODY);
    assert_asked(&origin, 1);
}

#[test]
fn the_language_that_a_client_wants_most() {
    let fields = "cache-control: max-age=60\r\nvary: accept-language\r\ncontent-language: de\r\n";
    for (route, want) in [("cache = true", "2"), ("cache = { match_language = true }", "1")] {
        let origin = counting(fields);
        let proxy = crate::support::Edge::to(origin.address).route(route).start();
        assert_eq!(ask(&proxy, "GET", "/", "Accept-Language: en, de\r\n").text(), "1");
        assert_eq!(ask(&proxy, "GET", "/", "Accept-Language: de, fr;q=0.5\r\n").text(), want);
    }
}

#[test]
fn what_a_post_brings_for_its_own_address() {
    for (location, next) in [("/form", "1"), ("/elsewhere", "2")] {
        let fields = format!("cache-control: max-age=60\r\ncontent-location: {location}\r\n");
        let origin = counting(Box::leak(fields.into_boxed_str()));
        let proxy = caching(&origin).start();
        let posted = ask(&proxy, "POST", "/form", "Content-Length: 3\r\n\r\na=b");
        assert_eq!(posted.text(), "1");
        assert_eq!(verdict(&posted).contains("stored"), next == "1", "{}", posted.head);
        assert_eq!(ask(&proxy, "GET", "/form", "").text(), next);
        // Another one makes it invalid, and is stored in its place.
        assert_eq!(
            ask(&proxy, "POST", "/form", "Content-Length: 3\r\n\r\na=c").text(),
            if next == "1" { "2" } else { "3" }
        );
        assert_eq!(ask(&proxy, "GET", "/form", "").text(), if next == "1" { "2" } else { "4" });
    }
}

#[test]
fn a_part_of_what_is_too_large_is_not_paid_for_with_all_of_it() {
    let large = "x".repeat(100_000);
    let origin = Origin::scripted(move |visit| match visit.request.header("range") {
        Some("bytes=5-9") => visit
            .send("HTTP/1.1 206 Partial Content\r\ncontent-range: bytes 5-9/100000\r\ncontent-length: 5\r\n\r\nxxxxx"),
        _ => visit.send(response("cache-control: max-age=60\r\n", &large)),
    });
    let proxy = caching(&origin).more("[cache]\nmax_object = \"64KiB\"").start();
    for _ in 0..3 {
        let part = ask(&proxy, "GET", "/", "Range: bytes=5-9\r\n");
        assert_eq!((part.status(), part.text().as_str()), (206, "xxxxx"), "{}", part.head);
    }
    // The whole was asked for once, to be stored.
    eventually("the origin has done with all of them", || origin.requests().len() >= 4);
    assert_eq!(origin.requests().iter().filter(|request| request.header("range").is_none()).count(), 1);
}

#[test]
fn the_date_stands_in_for_when_it_was_modified() {
    // Stale, and served all the same, so that the date can be any.
    let fields =
        "cache-control: max-age=1, stale-while-revalidate=2000000000\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
    let origin = Origin::answering(response(fields, BODY));
    let proxy = caching(&origin).start();
    assert_eq!(ask(&proxy, "GET", "/", "").status(), 200);
    for (since, status) in [("36", 200), ("37", 304), ("38", 304)] {
        let asked = format!("If-Modified-Since: Sun, 06 Nov 1994 08:49:{since} GMT\r\n");
        assert_eq!(ask(&proxy, "GET", "/", &asked).status(), status, "{since}");
    }
}

#[test]
fn cookies_that_an_origin_sets() {
    for (word, first, then) in [("refuse", "1", None), ("drop", "0", None), ("store", "0", Some("a=0"))] {
        let count = std::sync::atomic::AtomicUsize::new(0);
        let origin = Origin::scripted(move |visit| {
            let number = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst).to_string();
            visit.send(response(&format!("cache-control: max-age=60\r\nset-cookie: a={number}\r\n"), &number));
        });
        let edge = crate::support::Edge::to(origin.address).route(&format!("cache = {{ set_cookie = \"{word}\" }}"));
        let proxy = edge.start();
        // Who asked first gets the cookie in any case.
        assert_eq!(ask(&proxy, "GET", "/", "").header("set-cookie"), Some("a=0"), "{word}");
        let again = ask(&proxy, "GET", "/", "");
        assert_eq!(again.text(), first, "{word}");
        let cookie = again.header("set-cookie");
        assert_eq!(cookie, if word == "refuse" { Some("a=1") } else { then }, "{word}");
    }
}

#[test]
fn memory_is_bounded_by_all_that_it_holds() {
    // Each stored response is a few octets of body, and far more of key, of fields, and of what the table needs.
    const REQUESTS: usize = 7_000;
    let fields = format!("cache-control: max-age=600\r\nx-filling: {}\r\n", "f".repeat(1500));
    let answer = response(&fields, "ok");
    let origin = Origin::scripted(move |visit: &mut Visit<'_>| {
        visit.read_body();
        visit.send(&answer);
    });
    let proxy = caching(&origin).more("[cache]\nmemory = \"8MiB\"").start();
    let fill = |wire: &mut Wire, number: usize| {
        wire.ask(&format!("GET /{number}/{} HTTP/1.1\r\nHost: example.org\r\n\r\n", "k".repeat(1500)));
    };
    let mut wire = proxy.connect("web");
    // Connections, buffers and the code itself are there after a few.
    (0..500).for_each(|number| fill(&mut wire, number));
    let before = proxy.memory_kib("VmRSS:");
    (500..REQUESTS).for_each(|number| fill(&mut wire, number));
    let grown = proxy.memory_kib("VmRSS:").saturating_sub(before);
    // All of them would take more than 30 MiB; what an allocator keeps free is not what the cache holds.
    assert!(grown < 18 * 1024, "{grown} KiB more with 8 MiB of cache");
}

#[test]
fn variants_of_a_key_are_bounded() {
    let origin = counting("cache-control: max-age=60\r\nvary: x-kind\r\n");
    let proxy = caching(&origin).more("[cache]\nmax_variants = 2").start();
    let number = |kind: &str| ask(&proxy, "GET", "/", &format!("X-Kind: {kind}\r\n")).text();
    // The oldest goes for the third one, and for the fourth.
    for (kind, want) in
        [("a", "1"), ("b", "2"), ("a", "1"), ("c", "3"), ("b", "2"), ("c", "3"), ("a", "4"), ("c", "3"), ("b", "5")]
    {
        assert_eq!(number(kind), want, "{kind}");
    }
    let answer = proxy.ask_admin("GET", "/api/cache/lookup?url=http://example.org/").text();
    let found: serde_json::Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(found["stored"].as_array().unwrap().len(), 2, "{found}");
    assert_asked(&origin, 5);
}
