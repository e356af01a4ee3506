//! Lies in HTTP/1.1.

use super::{Ask, Liar, Outcome, POISON, Read, Write, assert_clean, edge, over_http1, over_http2};
use crate::support::{Gate, Origin, eventually, ok};

const OK: &str = "HTTP/1.1 200 OK\r\n";

fn error() -> Option<Outcome> {
    None
}

fn content(body: &str) -> Option<Outcome> {
    Some(Outcome::Whole(200, body.to_owned()))
}

fn broken() -> Option<Outcome> {
    Some(Outcome::Broken)
}

/// What is tried, what the upstream says, whether it closes then, and what the client gets; none is an error of ours.
type Case = (&'static str, String, bool, Option<Outcome>);

fn heads() -> Vec<Case> {
    let with = |fields: &str| format!("{OK}{fields}\r\n");
    vec![
        ("no head", "HTTP/1.1 200 OK\r\nX: y".to_owned(), true, error()),
        ("nothing", String::new(), true, error()),
        ("no HTTP", "SSH-2.0-OpenSSH\r\n\r\n".to_owned(), true, error()),
        ("HTTP/2 in the status line", "HTTP/2 200\r\n\r\n".to_owned(), true, error()),
        ("a status of four digits", "HTTP/1.1 2000 OK\r\ncontent-length: 0\r\n\r\n".to_owned(), true, error()),
        ("a status of 99", "HTTP/1.1 099 OK\r\ncontent-length: 0\r\n\r\n".to_owned(), true, error()),
        ("a folded field", with("X: a\r\n b\r\nContent-Length: 0\r\n"), true, error()),
        ("a space before the colon", with("Content-Length : 4\r\n") + "good", true, error()),
        ("a bare line feed", "HTTP/1.1 200 OK\nContent-Length: 0\n\n".to_owned(), true, error()),
        ("NUL in a value", with("X: a\0b\r\nContent-Length: 0\r\n"), true, error()),
        ("CR in a value", with("X: a\rb\r\nContent-Length: 0\r\n"), true, error()),
        ("a field without a colon", with("Nonsense\r\nContent-Length: 0\r\n"), true, error()),
        ("two lengths", with("Content-Length: 4\r\nContent-Length: 5\r\n") + "good!", true, error()),
        ("a list of lengths", with("Content-Length: 4, 5\r\n") + "good!", true, error()),
        ("a length with a sign", with("Content-Length: +4\r\n") + "good", true, error()),
        ("a negative length", with("Content-Length: -1\r\n") + "good", true, error()),
        ("a length beyond 64 bits", with("Content-Length: 99999999999999999999\r\n") + "good", true, error()),
        ("a coding that is none", with("Transfer-Encoding: gold\r\n") + "good", true, error()),
        ("chunked not last", with("Transfer-Encoding: chunked, gzip\r\n") + "good", true, error()),
        (
            "101 that nobody asked for",
            "HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n".to_owned(),
            false,
            error(),
        ),
        ("a head of a mebibyte", with(&"X-Long: yyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n".repeat(1 << 15)), false, error()),
        ("an endless line", format!("{OK}X: {}", "y".repeat(1 << 20)), false, error()),
        ("endless 1xx", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(5000), false, error()),
    ]
}

fn bodies() -> Vec<Case> {
    let sized = |length: usize, body: &str| format!("{OK}Content-Length: {length}\r\n\r\n{body}");
    let chunked = |body: &str| format!("{OK}Transfer-Encoding: chunked\r\n\r\n{body}");
    vec![
        ("as long as it says", sized(4, "well"), true, content("well")),
        ("longer than it says", sized(4, "well and more"), false, content("well")),
        ("another response behind it", sized(4, &format!("well{POISON}")), false, content("well")),
        ("shorter than it says", sized(10, "well"), true, broken()),
        ("shorter, and then silence", sized(10, "well"), false, broken()),
        ("chunks", chunked("4\r\nwell\r\n0\r\n\r\n"), true, content("well")),
        ("chunks and garbage", chunked("4\r\nwell\r\n0\r\n\r\ngarbage"), false, content("well")),
        ("chunks without an end", chunked("4\r\nwell\r\n"), true, broken()),
        ("chunks, and then silence", chunked("4\r\nwell\r\n"), false, broken()),
        ("a chunk that is cut", chunked("8\r\nwell"), true, broken()),
        ("a chunk that is longer", chunked("4\r\nwell and more\r\n0\r\n\r\n"), false, broken()),
        ("a size that is none", chunked("4\r\nwell\r\nzz\r\n"), false, broken()),
        ("a size with a sign", chunked("4\r\nwell\r\n+4\r\nmore\r\n0\r\n\r\n"), false, broken()),
        ("a size beyond 64 bits", chunked("4\r\nwell\r\n10000000000000004\r\nmore\r\n0\r\n\r\n"), false, broken()),
        ("an endless size", chunked(&format!("4\r\nwell\r\n{}", "0".repeat(1 << 16))), false, broken()),
        ("an endless extension", chunked(&format!("4\r\nwell\r\n4;{}", "x".repeat(1 << 20))), false, broken()),
        ("bare line feeds", chunked("4\nwell\n0\n\n"), false, broken()),
        ("endless trailers", chunked(&format!("4\r\nwell\r\n0\r\n{}", "X: y\r\n".repeat(50_000))), false, broken()),
        ("trailers without an end", chunked("4\r\nwell\r\n0\r\nX: y\r\n"), true, broken()),
        ("a trailer that is no field", chunked("4\r\nwell\r\n0\r\nnonsense\r\n\r\n"), false, broken()),
        ("until the end", format!("{OK}\r\nwell"), true, content("well")),
    ]
}

/// By both protocols of clients; where the response has begun a break must show, where it has not there is an error.
fn check(cases: Vec<Case>) {
    for (name, lie, closes, expected) in cases {
        for (protocol, ask) in [("h1", over_http1 as Ask), ("h2", over_http2)] {
            let liar = Liar::saying(lie.clone(), closes);
            let proxy = edge(liar.address).start();
            let outcome = ask(&proxy, "GET");
            match (&expected, &outcome) {
                (None, Outcome::Whole(502 | 504, _)) => {}
                // Broken before anything of the body was passed on is as good as an error.
                (Some(Outcome::Broken), Outcome::Whole(502 | 504, _)) => {}
                (Some(expected), outcome) if expected == outcome => {}
                _ => panic!("{name} over {protocol}: {outcome:?} instead of {expected:?}"),
            }
            assert_clean(&proxy, &format!("{name} over {protocol}"));
            let peak = proxy.memory_kib("VmHWM:");
            assert!(peak < 96 * 1024, "{name} over {protocol}: {peak} KiB");
        }
    }
}

#[test]
fn heads_that_lie_are_errors() {
    check(heads());
}

#[test]
fn bodies_that_lie_never_end_well() {
    check(bodies());
}

#[test]
fn a_body_where_there_is_none_does_not_answer_the_next_request() {
    for (name, method, lie) in [
        ("HEAD", "HEAD", format!("{OK}Content-Length: 4\r\n\r\nevil{POISON}")),
        ("204", "GET", format!("HTTP/1.1 204 No Content\r\n\r\n{POISON}")),
        ("304", "GET", format!("HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\nevil{POISON}")),
    ] {
        let liar = Liar::saying(lie, false);
        let proxy = edge(liar.address).start();
        let outcome = over_http1(&proxy, method);
        assert!(matches!(&outcome, Outcome::Whole(_, body) if body.is_empty()), "{name}: {outcome:?}");
        assert_clean(&proxy, name);
    }
}

#[test]
fn a_response_to_no_request_is_for_nobody() {
    let (told, sent) = (Gate::new(), Gate::new());
    let origin = Origin::scripted({
        let (told, sent) = (told.clone(), sent.clone());
        move |visit| {
            visit.send(ok("mine"));
            if visit.turn == 0 && visit.request.first_line().contains("/first") {
                told.wait();
                visit.send(POISON);
                visit.send(POISON);
                sent.open();
            }
        }
    });
    let proxy = edge(origin.address).start();
    assert_eq!(proxy.get("/first").text(), "mine");
    told.open();
    // What comes when the next request is on its way already could be its answer, for all that HTTP/1.1 can tell.
    sent.wait();
    for _ in 0..20 {
        assert_eq!(proxy.get("/next").text(), "mine");
    }
}

/// An upload that nobody reads to its end: the response passes, and the connection carries no other request.
#[test]
fn a_response_before_the_request_has_ended() {
    let origin = Origin::scripted(|visit| {
        let early = visit.request.first_line().starts_with("POST");
        visit.send(if early {
            "HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\nbig"
        } else {
            "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ngood"
        });
        if early {
            // Its reading ends here: what it was not to read is no request.
            visit.close();
        }
    });
    let proxy = edge(origin.address).start();
    let mut client = proxy.connect("web");
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
    let response = client.response("POST");
    assert_eq!((response.status(), response.text().as_str()), (413, "big"));
    assert_clean(&proxy, "after an early response");
    eventually("each has its own connection", || origin.connections() >= 2);
    assert!(origin.requests().iter().all(|request| !request.first_line().contains("smuggled")));
}

#[test]
fn what_is_not_compressed_as_it_says_breaks_off() {
    let junk = "not gzip at all, whatever it says";
    let cut: &[u8] = &[31, 139, 8, 0, 0, 0, 0, 0, 0, 3, 75, 76];
    for (name, body) in [("junk", junk.as_bytes()), ("cut short", cut), ("empty", b"")] {
        let head =
            format!("{OK}Content-Type: text/plain\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", body.len());
        let liar = Liar::saying([head.as_bytes(), body].concat(), true);
        let proxy = edge(liar.address).route("decompress_response = true").start();
        let outcome = over_http1(&proxy, "GET");
        let told = matches!(outcome, Outcome::Broken | Outcome::Whole(502, _));
        // Nothing at all is no lie that matters: many servers send it so.
        assert!(told || name == "empty", "{name}: {outcome:?}");
        assert_clean(&proxy, name);
    }
}

/// A kibibyte that becomes a gibibyte.
#[test]
fn a_compressed_bomb_is_stopped_or_streams() {
    let mut bomb = Vec::new();
    {
        let mut encoder = flate2::write::GzEncoder::new(&mut bomb, flate2::Compression::best());
        let zeros = vec![0; 1 << 20];
        (0..64).for_each(|_| encoder.write_all(&zeros).unwrap());
        encoder.finish().unwrap();
    }
    let head =
        format!("{OK}Content-Type: text/plain\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", bomb.len());
    let liar = Liar::saying([head.as_bytes(), &bomb].concat(), true);
    let proxy = edge(liar.address).route("decompress_response = true").start();
    let growth = proxy.growth_kib(|| {
        let mut client = proxy.connect("web");
        client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let mut piece = vec![0; 1 << 16];
        while let Ok(1..) = client.stream.read(&mut piece) {}
    });
    assert!(growth < 32 * 1024, "{growth} KiB");
}
