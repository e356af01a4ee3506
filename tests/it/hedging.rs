//! One endpoint is slow, a second one is asked beside it, and the client has the first answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{Request, Response};
use serde_json::Value;

use crate::support::{Edge, Gate, H2Origin, Message, Origin, Proxy, Wire, eventually, ok};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const SOON: &str = "hedge = { after = \"30ms\" }";

fn log_line(proxy: &Proxy, number: usize) -> Value {
    serde_json::from_str(&proxy.access_log(number)[number - 1]).unwrap()
}

fn hedges(proxy: &Proxy) -> (f64, f64) {
    let made = proxy.metric("tidegate_upstream_retries_total{upstream=\"app\",cause=\"hedge\"}");
    (made, proxy.metric("tidegate_upstream_hedges_won_total{upstream=\"app\"}"))
}

fn in_flight(proxy: &Proxy) -> Vec<u64> {
    let state: Value = serde_json::from_str(&proxy.ask_admin("GET", "/api/upstreams").text()).unwrap();
    let endpoints = state[0]["endpoints"].as_array().unwrap();
    endpoints.iter().map(|endpoint| endpoint["in_flight"].as_u64().unwrap()).collect()
}

/// Never answers, and opens the gate when its connection is closed.
fn silent(gone: &Gate) -> Origin {
    let gone = gone.clone();
    Origin::scripted(move |visit| {
        visit.read_body();
        assert!(visit.wire.is_closed());
        gone.open();
        visit.close();
    })
}

fn put(client: &mut Wire, method: &str, body: &str) -> Message {
    client.send(format!(
        "{method} / HTTP/1.1\r\nHost: a\r\nIdempotency-Key: 1\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ));
    client.response(method)
}

#[test]
fn the_second_endpoint_answers_and_the_first_is_let_go() {
    let gone = Gate::new();
    let (slow, alive) = (silent(&gone), Origin::answering(ok("alive")));
    let proxy = Edge::to_first_of(&[slow.address, alive.address]).route(SOON).start();
    let mut client = proxy.connect("web");
    assert_eq!(client.ask(GET).text(), "alive");
    gone.wait();
    let line = log_line(&proxy, 1);
    assert_eq!(
        (&line["attempts"], &line["retries"], &line["hedge"]),
        (&2.into(), &"hedge".into(), &"won".into()),
        "{line}"
    );
    assert_eq!(line["endpoint"], alive.address.to_string());
    eventually("their places are free", || in_flight(&proxy) == [0, 0]);
    eventually("all is counted", || hedges(&proxy) == (1.0, 1.0));
    assert_eq!(client.ask(GET).text(), "alive", "the client's connection is as good as before");
}

#[test]
fn the_first_answers_after_all_and_the_second_is_let_go() {
    let (asked, gone) = (Gate::new(), Gate::new());
    let first = Origin::gated(&asked, ok("first"));
    let second = Origin::scripted({
        let (asked, gone) = (asked.clone(), gone.clone());
        move |visit| {
            // What comes before an answer is the first one's alone.
            visit.send("HTTP/1.1 103 Early Hints\r\nLink: </second>\r\n\r\n");
            asked.open();
            assert!(visit.wire.is_closed());
            gone.open();
            visit.close();
        }
    });
    let proxy = Edge::to_first_of(&[first.address, second.address]).route(SOON).start();
    let response = proxy.get("/");
    assert_eq!((response.status(), response.text().as_str()), (200, "first"));
    gone.wait();
    let line = log_line(&proxy, 1);
    assert_eq!((&line["attempts"], &line["hedge"]), (&2.into(), &"lost".into()), "{line}");
    assert_eq!(line["endpoint"], first.address.to_string());
    eventually("their places are free", || in_flight(&proxy) == [0, 0]);
    eventually("all is counted", || hedges(&proxy) == (1.0, 0.0));
}

#[test]
fn a_quick_answer_needs_no_hedge_and_without_the_key_there_is_none() {
    let (quick, second) = (Origin::answering(ok("quick")), Origin::answering(ok("second")));
    let edge = Edge::to_first_of(&[quick.address, second.address]);
    let proxy = edge.clone().route("hedge = { after = \"10s\" }").start();
    assert_eq!(proxy.get("/").text(), "quick");
    assert_eq!(hedges(&proxy), (0.0, 0.0));
    let gate = Gate::new();
    let slow = Origin::gated(&gate, ok("slow"));
    let proxy = Edge::to_first_of(&[slow.address, second.address]).start();
    let mut client = proxy.connect("web");
    client.send(GET);
    eventually("it is with the origin", || slow.visits() == 1);
    assert_eq!(in_flight(&proxy), [1, 0]);
    gate.open();
    assert_eq!(client.response("GET").text(), "slow");
    assert_eq!(second.connections(), 0);
}

/// To ask twice must change nothing: that an endpoint may act on it twice (PUT, or a key) is not enough.
#[test]
fn unsafe_methods_are_never_hedged() {
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        let gate = Gate::new();
        let (slow, second) = (Origin::gated(&gate, ok("slow")), Origin::answering(ok("second")));
        let proxy = Edge::to_first_of(&[slow.address, second.address])
            .upstream("retry = { retry_non_idempotent = true }")
            .route("hedge = { after = \"1ms\" }")
            .start();
        // A safe one beside it has its second attempt, and so the time for one was there.
        let mut unsafe_one = proxy.connect("web");
        unsafe_one.send(format!("{method} / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"));
        eventually("it is with the origin", || slow.visits() == 1);
        assert_eq!(proxy.get("/").text(), "second");
        gate.open();
        assert_eq!(unsafe_one.response(method).text(), "slow", "{method}");
        assert_eq!(second.request(1).first_line(), "GET / HTTP/1.1");
        assert_eq!(second.connections(), 1);
        eventually("all is counted", || hedges(&proxy) == (1.0, 1.0));
    }
}

#[test]
fn a_body_goes_with_both_where_all_of_it_is_kept() {
    let gone = Gate::new();
    let (slow, second) = (silent(&gone), Origin::answering(ok("second")));
    let edge = Edge::to_first_of(&[slow.address, second.address]).route(SOON);
    let proxy = edge.clone().start();
    let mut client = proxy.connect("web");
    client.send("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    client.send("3\r\ndef\r\n0\r\n\r\n");
    assert_eq!(client.response("GET").text(), "second");
    assert_eq!(second.request(1).text(), "abcdef");
    // More than is kept: the first endpoint has it alone.
    let gate = Gate::new();
    let slow = Origin::gated(&gate, ok("slow"));
    let proxy = Edge::to_first_of(&[slow.address, second.address])
        .upstream("retry = { replay_body = \"10B\" }")
        .route("hedge = { after = \"1ms\" }")
        .start();
    let mut client = proxy.connect("web");
    client.send(format!("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n20\r\n{}\r\n", "x".repeat(32)));
    client.send(format!("20\r\n{}\r\n0\r\n\r\n", "x".repeat(32)));
    eventually("it is with the origin", || slow.visits() == 1);
    assert_eq!(proxy.get("/").text(), "second", "time has passed");
    gate.open();
    assert_eq!(client.response("GET").text(), "slow");
    assert_eq!(put(&mut client, "PUT", "abc").text(), "slow");
}

#[test]
fn the_budget_holds_for_hedges() {
    const CLIENTS: usize = 10;
    let gate = Gate::new();
    let slow = Origin::gated(&gate, ok("slow"));
    let also_slow = Origin::gated(&gate, ok("slow"));
    let proxy = Edge::to_first_of(&[slow.address, also_slow.address])
        .upstream("retry = { budget = \"0%\", budget_min = 2 }")
        .route("hedge = { after = \"5ms\" }")
        .start();
    let mut clients: Vec<Wire> = (0..CLIENTS).map(|_| proxy.connect("web")).collect();
    clients.iter_mut().for_each(|client| client.send(GET));
    eventually("the budget is used", || slow.visits() == CLIENTS && also_slow.visits() == 2);
    gate.open();
    for client in &mut clients {
        assert_eq!(client.response("GET").text(), "slow");
    }
    // Once the gate is open places in the budget are free again, and a client that still waits may take one: for a hedge that is perhaps cancelled
    // before it has said a word.
    eventually("all is counted", || hedges(&proxy).0 >= also_slow.visits() as f64);
    assert!(also_slow.connections() >= 2);
    let none = Edge::to_first_of(&[slow.address, also_slow.address])
        .upstream("retry = { budget = \"0%\", budget_min = 0 }")
        .route("hedge = { after = \"1ms\" }")
        .start();
    assert_eq!(none.get("/").text(), "slow");
    assert_eq!(hedges(&none), (0.0, 0.0));
}

/// An answer that is no good waits for the other one.
#[test]
fn a_failure_does_not_win() {
    let (asked, unwell) = (Gate::new(), "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy");
    let first = Origin::gated(&asked, ok("first"));
    let second = Origin::scripted({
        let asked = asked.clone();
        move |visit| {
            visit.send(unwell);
            asked.open();
        }
    });
    let proxy = Edge::to_first_of(&[first.address, second.address]).route(SOON).start();
    assert_eq!(proxy.get("/").text(), "first");
    // Where both are no good the client gets the answer that there is.
    let asked = Gate::new();
    let first = Origin::gated(&asked, unwell.to_owned());
    let second = Origin::scripted({
        let asked = asked.clone();
        move |visit| {
            asked.open();
            visit.reset();
        }
    });
    let proxy = Edge::to_first_of(&[first.address, second.address]).route(SOON).start();
    let response = proxy.get("/");
    assert_eq!((response.status(), response.text().as_str()), (503, "busy"));
    eventually("their places are free", || in_flight(&proxy) == [0, 0]);
}

#[test]
fn the_time_is_the_upstreams_own() {
    let (gone, slow) = (Gate::new(), Arc::new(AtomicUsize::new(0)));
    let first = Origin::scripted({
        let (gone, slow) = (gone.clone(), Arc::clone(&slow));
        move |visit| {
            if slow.load(Ordering::SeqCst) == 0 {
                visit.send(ok("first"));
                return;
            }
            assert!(visit.wire.is_closed());
            gone.open();
            visit.close();
        }
    });
    let second = Origin::answering(ok("second"));
    let edge = Edge::to_first_of(&[first.address, second.address]).route("hedge = true");
    let proxy = edge.start();
    let mut client = proxy.connect("web");
    for _ in 0..400 {
        client.ask(GET);
    }
    let made = hedges(&proxy).0;
    assert!(made < 40.0, "{made} of 400 is more than one in twenty by far");
    // What was measured outlives a reload.
    proxy.reload(&edge.clone().more("[[routes]]\npath = \"/other\"\nrespond = {}").toml()).unwrap();
    slow.store(1, Ordering::SeqCst);
    assert_eq!(client.ask(GET).text(), "second");
    gone.wait();
}

#[test]
fn a_client_that_leaves_ends_both() {
    let (one, other) = (Gate::new(), Gate::new());
    let (first, second) = (silent(&one), silent(&other));
    let proxy = Edge::to_first_of(&[first.address, second.address]).route(SOON).start();
    let mut client = proxy.connect("web");
    client.send(GET);
    eventually("both are asked", || first.visits() + second.visits() == 2);
    drop(client);
    one.wait();
    other.wait();
    eventually("their places are free", || in_flight(&proxy) == [0, 0]);
}

/// An endpoint that loses every time answers nobody, though no attempt at it fails.
#[test]
fn one_that_always_loses_is_ejected() {
    let gone = Gate::new();
    let (slow, alive) = (silent(&gone), Origin::answering(ok("alive")));
    let endpoints = format!("{}\", \"{}", slow.address, alive.address);
    let proxy = Edge::to(endpoints).upstream("balance = \"round_robin\"").route("hedge = { after = \"2ms\" }").start();
    let mut client = proxy.connect("web");
    eventually("it is ejected", || {
        assert_eq!(client.ask(GET).text(), "alive");
        proxy.log_lines().iter().any(|line| line["message"] == "endpoint ejected")
    });
    let line = proxy.wait_for_log(0, "endpoint ejected");
    assert_eq!((&line["reason"], &line["endpoint"]), (&"latency".into(), &slow.address.to_string().into()));
}

#[test]
fn a_stream_of_http2_is_reset() {
    let gone = Gate::new();
    let slow = H2Origin::scripted({
        let gone = gone.clone();
        move |_request: Request<h2::RecvStream>, mut respond| {
            let gone = gone.clone();
            async move {
                let reason = std::future::poll_fn(|cx| respond.poll_reset(cx)).await.unwrap();
                assert_eq!(reason, h2::Reason::CANCEL);
                gone.open();
            }
        }
    });
    let alive = H2Origin::scripted(|_request, mut respond| async move {
        respond.send_response(Response::builder().header("x-from", "alive").body(()).unwrap(), true).unwrap();
    });
    let proxy = Edge::to_first_of(&[slow.address, alive.address]).upstream("protocol = \"h2\"").route(SOON).start();
    assert_eq!(proxy.get("/").header("x-from"), Some("alive"));
    gone.wait();
    assert_eq!(slow.connections(), 1);
    assert_eq!(proxy.get("/").header("x-from"), Some("alive"));
    assert_eq!(slow.connections(), 1, "the connection itself stays");
}
