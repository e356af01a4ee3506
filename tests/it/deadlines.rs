//! An exchange has one time for all that it takes, and whoever works for it is told how much is left.

use std::time::{Duration, Instant};

use http::{Request, Response};
use serde_json::Value;

use crate::support::{
    Edge, Gate, H2Origin, Message, Origin, Proxy, Wire, block_on, eventually, h2_ask, h2_connect, ok,
};

const FIELD: &str = "x-deadline-ms";
const NAMED: &str = "deadline_header = \"x-deadline-ms\"";

fn log_line(proxy: &Proxy, number: usize) -> Value {
    serde_json::from_str(&proxy.access_log(number)[number - 1]).unwrap()
}

fn told(request: &Message) -> Option<u64> {
    request.header(FIELD).map(|value| value.parse().unwrap())
}

fn ask(proxy: &Proxy, fields: &str) -> Message {
    proxy.connect("web").ask(&format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n"))
}

/// Reads requests and never answers.
fn silent() -> Origin {
    Origin::scripted(|visit| {
        visit.read_body();
        assert!(visit.wire.is_closed());
        visit.close();
    })
}

fn ejected(proxy: &Proxy, origin: &Origin) -> f64 {
    let endpoint = origin.address;
    proxy.metric(&format!("tidegate_endpoint_ejected{{upstream=\"app\",endpoint=\"{endpoint}\"}}"))
}

#[test]
fn each_attempt_is_told_what_is_left() {
    let broken = Origin::scripted(|visit| {
        visit.read_body();
        visit.reset();
    });
    let alive = Origin::answering(ok("alive"));
    let edge = Edge::to_first_of(&[broken.address, alive.address]);
    let proxy =
        edge.clone().route(NAMED).route("timeout = \"9s\"").upstream("retry = { back_off = \"200ms\" }").start();
    assert_eq!(proxy.get("/").text(), "alive");
    let (first, second) = (told(&broken.request(1)).unwrap(), told(&alive.request(1)).unwrap());
    assert!(first <= 9000 && first > 5000 && second <= first, "{first}, then {second}");
    // A client can make it shorter, and not longer.
    let said = |proxy: &Proxy, value: &str, number: usize| {
        ask(proxy, &format!("X-Deadline-Ms: {value}\r\n"));
        told(&alive.request(number))
    };
    assert!(said(&proxy, "3000", 2).unwrap() <= 3000);
    assert!((5000..=9000).contains(&said(&proxy, "60000", 3).unwrap()));
    assert!((5000..=9000).contains(&said(&proxy, "soon", 4).unwrap()), "what cannot be read is not believed");
    // Where nobody said anything, nothing is told; what a client said and cannot be read is not passed on.
    let proxy = edge.route(NAMED).start();
    assert_eq!(said(&proxy, "soon", 5), None);
    assert!(said(&proxy, "4000", 6).unwrap() <= 4000);
}

#[test]
fn a_client_that_waits_for_a_moment_only_harms_nobody() {
    let (silent, other) = (silent(), silent());
    let endpoints = format!("{}\", \"{}", silent.address, other.address);
    let proxy = Edge::to(endpoints).route(NAMED).start();
    for number in 1..=24 {
        let response = ask(&proxy, "X-Deadline-Ms: 20\r\n");
        assert_eq!(response.status(), 504);
        assert!(response.header("proxy-status").unwrap().contains("client_deadline"), "{}", response.head);
        let line = log_line(&proxy, number);
        assert_eq!((&line["fault"], &line["side"]), (&"client_deadline".into(), &"client".into()), "{line}");
    }
    assert!(silent.connections() + other.connections() > 12);
    assert_eq!(ejected(&proxy, &silent) + ejected(&proxy, &other), 0.0);
}

#[test]
fn waiting_for_room_is_a_part_of_it() {
    let gate = Gate::new();
    let origin = Origin::gated(&gate, ok("at last"));
    let limits = "max_requests = 1\nqueue = { size = 5, timeout = \"15s\" }";
    let proxy = Edge::to(origin.address).upstream(limits).route(NAMED).route("timeout = \"15s\"").start();
    let mut first = proxy.connect("web");
    first.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    eventually("it is with the origin", || origin.visits() == 1);
    let start = Instant::now();
    let response = ask(&proxy, "X-Deadline-Ms: 300\r\n");
    assert_eq!(response.status(), 504);
    assert!(start.elapsed() >= Duration::from_millis(280) && start.elapsed() < Duration::from_secs(8));
    gate.open();
    assert_eq!(first.response("GET").text(), "at last");
    assert_eq!(ask(&proxy, "").status(), 200, "its place is free");
}

/// A client that sends slowly runs out of its own time. That is held against nobody.
#[test]
fn a_slow_upload_is_not_held_against_the_endpoint() {
    let (origin, other) = (silent(), silent());
    let endpoints = format!("{}\", \"{}", origin.address, other.address);
    let proxy = Edge::to(endpoints).route("timeout = \"50ms\"").start();
    for _ in 0..24 {
        let mut client = proxy.connect("web");
        client.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf");
        assert_eq!(client.response("PUT").status(), 504);
    }
    assert_eq!(ejected(&proxy, &origin) + ejected(&proxy, &other), 0.0);
    // One that does not answer to whole requests in time is another matter.
    for _ in 0..24 {
        assert_eq!(ask(&proxy, "").status(), 504);
    }
    assert_eq!(ejected(&proxy, &origin) + ejected(&proxy, &other), 1.0);
}

/// The endpoint's time to answer begins when it has the request.
#[test]
fn an_endpoint_has_its_time_from_the_end_of_the_request() {
    let origin = Origin::answering(ok("got it"));
    let proxy = Edge::to(origin.address).upstream("response_timeout = \"200ms\"").start();
    let mut client = proxy.connect("web");
    client.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf,");
    nothing_for(&mut client, Duration::from_millis(700));
    client.send(" half");
    assert_eq!(client.response("PUT").text(), "got it");
    let silent = silent();
    let proxy = Edge::to(silent.address).upstream("response_timeout = \"200ms\"").start();
    let mut client = proxy.connect("web");
    // The endpoint was asked whether it wants the body, and says nothing.
    client.send("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n");
    assert_eq!(client.response("PUT").status(), 504);
}

/// Waits for an answer that must not come.
fn nothing_for(client: &mut Wire, time: Duration) {
    client.stream.set_read_timeout(Some(time)).unwrap();
    let error = std::io::Read::read(&mut client.stream, &mut [0; 1]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    client.stream.set_read_timeout(Some(crate::support::PATIENCE)).unwrap();
}

fn call(timeout: Option<&str>) -> Request<()> {
    let request = Request::post("http://a/echo.Echo/Unary").header("content-type", "application/grpc");
    let request = request.header("te", "trailers");
    timeout
        .map_or_else(
            || Request::post("http://a/echo.Echo/Unary").header("content-type", "application/grpc"),
            |timeout| request.header("grpc-timeout", timeout),
        )
        .body(())
        .unwrap()
}

/// Answers with what it was told where the path says so, else never.
fn calls() -> H2Origin {
    H2Origin::scripted(|request, mut respond| async move {
        let Some(said) = request.headers().get("grpc-timeout").cloned() else {
            return std::future::pending().await;
        };
        if said.to_str().unwrap().ends_with('u') && said.len() < 8 {
            // Less than a second.
            return std::future::pending().await;
        }
        let response = Response::builder().header("x-seen", said).header("grpc-status", "0").body(()).unwrap();
        respond.send_response(response, true).unwrap();
    })
}

/// An endpoint that was told its time gives up by itself, a little before the gateway would. That is no other failure than the deadline.
#[test]
fn an_endpoint_that_gives_up_in_time_ends_a_call_with_deadline_exceeded() {
    let origin = H2Origin::scripted(|request, mut respond| async move {
        let told = request.headers()["grpc-timeout"].to_str().unwrap();
        let number = told[..told.len() - 1].parse().unwrap();
        let told = if told.ends_with('n') { Duration::from_nanos(number) } else { Duration::from_micros(number) };
        if told < Duration::from_secs(1) {
            tokio::time::sleep(told.saturating_sub(Duration::from_millis(3))).await;
        }
        respond.send_reset(h2::Reason::CANCEL);
    });
    let proxy = Edge::to(origin.address).upstream("protocol = \"h2\"").start();
    block_on(async {
        let client = h2_connect(proxy.addr("web")).await;
        for (timeout, status, fault) in
            [("400m", "4", "client_deadline"), ("30S", "14", "upstream_reset"), ("250m", "4", "client_deadline")]
        {
            let answer = h2_ask(&client, call(Some(timeout)), b"").await.unwrap();
            assert_eq!(answer.headers["grpc-status"], status, "{timeout}: {:?}", answer.headers);
            let said = answer.headers["proxy-status"].to_str().unwrap();
            assert!(said.contains(fault), "{timeout}: {said}");
        }
    });
}

#[test]
fn a_call_ends_with_deadline_exceeded() {
    let origin = calls();
    let edge = Edge::to(origin.address).upstream("protocol = \"h2\"");
    let proxy = edge.clone().route("timeout = \"9s\"").start();
    block_on(async {
        let client = h2_connect(proxy.addr("web")).await;
        let start = Instant::now();
        let answer = h2_ask(&client, call(Some("300m")), b"").await.unwrap();
        assert_eq!((answer.status.as_u16(), &answer.headers["grpc-status"]), (200, &"4".parse().unwrap()));
        assert_eq!(answer.headers["content-type"], "application/grpc");
        assert!(answer.headers["proxy-status"].to_str().unwrap().contains("client_deadline"));
        assert!(start.elapsed() >= Duration::from_millis(280) && start.elapsed() < Duration::from_secs(8));
        // What is left of the shorter one goes on, in microseconds here.
        for (said, most) in [("5S", 5_000_000), ("3M", 9_000_000)] {
            let answer = h2_ask(&client, call(Some(said)), b"").await.unwrap();
            let seen = answer.headers["x-seen"].to_str().unwrap().strip_suffix('u').unwrap().parse::<u64>().unwrap();
            assert!(seen <= most && seen > most / 2, "{said}: {seen}");
        }
    });
    // The route's own time, for a call that said none.
    let proxy = edge.clone().route("timeout = \"200ms\"").start();
    block_on(async {
        let client = h2_connect(proxy.addr("web")).await;
        let answer = h2_ask(&client, call(None), b"").await.unwrap();
        assert_eq!((answer.status.as_u16(), &answer.headers["grpc-status"]), (200, &"4".parse().unwrap()));
        // Who does not speak gRPC gets a status of HTTP.
        let answer = h2_ask(&client, Request::get("http://a/").body(()).unwrap(), b"").await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.headers.contains_key("grpc-status")), (504, false));
    });
    // Told to an upstream although the client said nothing, where the operator names the field.
    let proxy = edge.route("timeout = \"9s\"\ndeadline_header = \"grpc-timeout\"").start();
    block_on(async {
        let client = h2_connect(proxy.addr("web")).await;
        let answer = h2_ask(&client, call(None), b"").await.unwrap();
        assert!(answer.headers["x-seen"].to_str().unwrap().ends_with('u'));
    });
}
