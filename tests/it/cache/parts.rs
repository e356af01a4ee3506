//! Parts of what is stored: which are asked for, put together, and served.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::{ask, assert_asked, caching, verdict};
use crate::support::{Edge, Gate, Message, Origin, Visit, eventually};

const BODY: &str = "0123456789abcdefghij";

/// A route that fetches no more than what is asked for.
fn by_parts(origin: &Origin) -> Edge {
    Edge::to(origin.address).route("cache = { ranges = \"parts\" }").more("[server]\nworkers = 2")
}

/// What a file server says to a request for a body with that entity tag: all of it, or the part, where `If-Range` lets it.
fn served(request: &Message, etag: &str, body: &str) -> String {
    let fields = format!("cache-control: max-age=60\r\netag: {etag}\r\ncontent-type: text/plain\r\n");
    let same = request.header("if-range").is_none_or(|tag| tag == etag);
    let range = request.header("range").filter(|_| same).and_then(|range| range.strip_prefix("bytes="));
    let Some((first, last)) = range.and_then(|range| range.split_once('-')) else {
        return format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n{fields}\r\n{body}", body.len());
    };
    let end = body.len() - 1;
    let first: usize = first.parse().unwrap();
    let last = last.parse().unwrap_or(end).min(end);
    let part = &body[first..=last];
    let (length, total) = (part.len(), body.len());
    format!(
        "HTTP/1.1 206 Partial Content\r\ncontent-length: {length}\r\ncontent-range: bytes {first}-{last}/{total}\r\n\
         {fields}\r\n{part}"
    )
}

fn file(etag: &'static str) -> Origin {
    Origin::scripted(move |visit| visit.send(served(&visit.request, etag, BODY)))
}

/// What the origin was asked for: the ranges, and their conditions.
fn asked_for(origin: &Origin) -> Vec<(Option<String>, Option<String>)> {
    let field = |request: &Message, name: &str| request.header(name).map(str::to_owned);
    origin.requests().iter().map(|request| (field(request, "range"), field(request, "if-range"))).collect()
}

fn owned(pairs: &[(Option<&str>, Option<&str>)]) -> Vec<(Option<String>, Option<String>)> {
    pairs.iter().map(|(range, tag)| (range.map(str::to_owned), tag.map(str::to_owned))).collect()
}

#[test]
fn parts_are_stored_and_completed() {
    let origin = file("\"e\"");
    let proxy = by_parts(&origin).start();
    let part = |range: &str, hit: bool, want: &str| {
        let answer = ask(&proxy, "GET", "/", &format!("Range: bytes={range}\r\n"));
        assert_eq!((answer.status(), answer.text().as_str()), (206, want), "{range}: {}", answer.head);
        assert_eq!(verdict(&answer).contains("; hit"), hit, "{range}: {}", answer.head);
        assert_eq!(answer.header("content-length"), Some(&*want.len().to_string()), "{range}: {}", answer.head);
        assert_eq!(answer.header("content-type"), Some("text/plain"));
        answer
    };
    part("2-5", false, "2345");
    let inner = part("3-4", true, "34");
    assert_eq!(inner.header("content-range"), Some("bytes 3-4/20"));
    // Only what is missing is asked for, and only of the same representation.
    let more = part("4-9", false, "456789");
    assert!(verdict(&more).starts_with("tidegate; fwd=partial; stored"), "{}", more.head);
    part("2-9", true, "23456789");
    assert_eq!(ask(&proxy, "GET", "/", "If-None-Match: \"e\"\r\n").status(), 304, "the part says what it is of");
    assert_eq!(ask(&proxy, "GET", "/", "Range: bytes=20-\r\n").status(), 416, "and how long that is");
    let absent = ask(&proxy, "GET", "/", "Range: bytes=0-1\r\nCache-Control: only-if-cached\r\n");
    assert_eq!(absent.status(), 504);
    // All of it, from both sides of what is there.
    let whole = ask(&proxy, "GET", "/", "");
    assert_eq!((whole.status(), whole.text().as_str()), (200, BODY), "{}", whole.head);
    assert_eq!(whole.header("content-range"), None);
    let again = ask(&proxy, "GET", "/", "");
    assert_eq!((again.text().as_str(), verdict(&again).contains("; hit")), (BODY, true), "{}", again.head);
    part("18-", true, "ij");
    let head = ask(&proxy, "HEAD", "/", "");
    assert_eq!((head.header("content-length"), verdict(&head).contains("; hit")), (Some("20"), true));
    let tag = Some("\"e\"");
    assert_eq!(
        asked_for(&origin),
        owned(&[(Some("bytes=2-5"), None), (Some("bytes=6-9"), tag), (Some("bytes=0-"), tag)])
    );
}

#[test]
fn the_end_of_a_body_completes_its_beginning() {
    let origin = file("\"e\"");
    let proxy = by_parts(&origin).start();
    assert_eq!(ask(&proxy, "GET", "/", "Range: bytes=0-4\r\n").text(), "01234");
    assert_eq!(ask(&proxy, "GET", "/", "").text(), BODY);
    assert_eq!(ask(&proxy, "GET", "/", "").text(), BODY);
    assert_eq!(asked_for(&origin), owned(&[(Some("bytes=0-4"), None), (Some("bytes=5-"), Some("\"e\""))]));
}

#[test]
fn parts_of_two_representations_are_never_put_together() {
    // The second one says that it has changed; the third one does not look at the condition; then both are asked again.
    let count = Arc::new(AtomicUsize::new(0));
    let origin = Origin::scripted(move |visit: &mut Visit<'_>| {
        let answer = match count.fetch_add(1, Ordering::SeqCst) {
            0 => served(&visit.request, "\"a\"", BODY),
            1 => served(&visit.request, "\"b\"", "ABCDEFGHIJKLMNOPQRST"),
            2 => served(&visit.request, "\"c\"", BODY),
            _ => {
                let mut request = visit.request.clone();
                request.head = request.head.replace("if-range", "x-ignored").replace("If-Range", "x-ignored");
                served(&request, "\"d\"", "ABCDEFGHIJKLMNOPQRST")
            }
        };
        visit.send(answer);
    });
    let proxy = by_parts(&origin).start();
    let part = |path: &str, range: &str| ask(&proxy, "GET", path, &format!("Range: bytes={range}\r\n")).text();
    assert_eq!(part("/one", "0-4"), "01234");
    assert_eq!(part("/one", "3-6"), "DEFG", "from the whole that came instead");
    assert_eq!(part("/one", "0-4"), "ABCDE");
    assert_eq!(part("/two", "0-4"), "01234");
    assert_eq!(part("/two", "3-6"), "DEFG", "asked again, for all that is wanted");
    assert_eq!(part("/two", "3-6"), "DEFG");
    let ranges = |range: &'static str| (Some(range), None);
    assert_eq!(
        asked_for(&origin)[2..],
        owned(&[ranges("bytes=0-4"), (Some("bytes=5-6"), Some("\"c\"")), ranges("bytes=3-6")])[..]
    );
}

#[test]
fn without_a_strong_validator_parts_stay_alone() {
    let origin = file("W/\"e\"");
    let proxy = by_parts(&origin).start();
    for _ in 0..2 {
        assert_eq!(ask(&proxy, "GET", "/", "Range: bytes=0-4\r\n").text(), "01234");
    }
    assert_eq!(ask(&proxy, "GET", "/", "Range: bytes=3-6\r\n").text(), "3456");
    assert_eq!(ask(&proxy, "GET", "/", "").text(), BODY);
    let ranges = [Some("bytes=0-4"), Some("bytes=3-6"), None];
    assert_eq!(asked_for(&origin), owned(&ranges.map(|range| (range, None))));
}

#[test]
fn a_body_that_broke_off_is_completed() {
    let count = AtomicUsize::new(0);
    let origin = Origin::scripted(move |visit: &mut Visit<'_>| {
        let answer = served(&visit.request, "\"e\"", BODY);
        if count.fetch_add(1, Ordering::SeqCst) == 0 {
            visit.send(&answer[..answer.len() - 8]);
            return visit.close();
        }
        visit.send(answer);
    });
    let proxy = caching(&origin).start();
    let mut wire = proxy.connect("web");
    wire.send("GET / HTTP/1.1\r\nHost: example.org\r\n\r\n");
    assert!(wire.head().unwrap().starts_with("HTTP/1.1 200"));
    assert_eq!(wire.rest(), &BODY.as_bytes()[..12]);
    // Who waits for it gets it whole, at once or after the part is there.
    let whole = ask(&proxy, "GET", "/", "");
    assert_eq!((whole.status(), whole.text().as_str()), (200, BODY), "{}", whole.head);
    assert_eq!(asked_for(&origin)[1], (Some("bytes=12-".to_owned()), Some("\"e\"".to_owned())));
    assert!(verdict(&ask(&proxy, "GET", "/", "")).contains("; hit"));
    assert_asked(&origin, 2);
}

#[test]
fn parts_of_what_is_too_large_are_stored() {
    let large = Arc::new("0123456789".repeat(10_000));
    let body = large.clone();
    let origin = Origin::scripted(move |visit| visit.send(served(&visit.request, "\"e\"", &body)));
    let proxy = caching(&origin).more("[cache]\nmax_object = \"64KiB\"").start();
    for _ in 0..2 {
        assert_eq!(ask(&proxy, "GET", "/", "Range: bytes=5-9\r\n").text(), "56789");
    }
    assert_eq!(ask(&proxy, "GET", "/", "Range: bytes=5-19\r\n").text(), "567890123456789");
    let whole = ask(&proxy, "GET", "/", "");
    assert_eq!(whole.text(), *large);
    assert!(verdict(&ask(&proxy, "GET", "/", "Range: bytes=7-17\r\n")).contains("; hit"), "what was there still is");
    eventually("the origin has done with all of them", || origin.requests().len() >= 4);
    let tag = Some("\"e\"");
    let wanted = [(None, None), (Some("bytes=5-9"), None), (Some("bytes=10-19"), tag), (None, None)];
    assert_eq!(asked_for(&origin), owned(&wanted));
}

#[test]
fn a_purge_takes_parts_too() {
    let origin = file("\"e\"");
    let proxy = by_parts(&origin).more("[cache]\npurge_from = [\"127.0.0.1\"]").start();
    assert_eq!(ask(&proxy, "GET", "/", "Range: bytes=0-4\r\n").text(), "01234");
    assert_eq!(ask(&proxy, "PURGE", "/", "").status(), 200);
    assert_eq!(ask(&proxy, "GET", "/", "Range: bytes=3-6\r\n").text(), "3456");
    assert_eq!(asked_for(&origin)[1], (Some("bytes=3-6".to_owned()), None), "nothing was there to be completed");
}

#[test]
fn a_crowd_for_a_part_is_one_request() {
    let gate = Gate::new();
    let origin = Origin::scripted({
        let gate = gate.clone();
        move |visit: &mut Visit<'_>| {
            gate.wait();
            visit.send(served(&visit.request, "\"e\"", BODY));
        }
    });
    let proxy = by_parts(&origin).start();
    let clients: Vec<_> = (0..20)
        .map(|_| {
            let mut wire = proxy.connect("web");
            wire.send("GET / HTTP/1.1\r\nHost: example.org\r\nRange: bytes=2-5\r\n\r\n");
            thread::spawn(move || wire.response("GET"))
        })
        .collect();
    let there = || proxy.metric("tidegate_requests_in_flight{listener=\"web\"}") as usize;
    eventually("the crowd is there", || there() >= 20);
    gate.open();
    let answers: Vec<_> = clients.into_iter().map(|client| client.join().unwrap()).collect();
    assert!(answers.iter().all(|answer| (answer.status(), answer.text().as_str()) == (206, "2345")));
    assert_asked(&origin, 1);
}
