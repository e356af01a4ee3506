//! An endpoint fails, and the client does not hear of it; unless it is safer that it does.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{Request, Response};
use serde_json::Value;

use crate::support::{Edge, Gate, H2Origin, Message, Origin, Proxy, Wire, dead_address, eventually, h2_body, ok};

/// Resets every connection after it has read the request.
fn resetting() -> Origin {
    Origin::scripted(|visit| {
        visit.read_body();
        visit.reset();
    })
}

fn answering(text: &str) -> Origin {
    Origin::answering(ok(text))
}

fn log_line(proxy: &Proxy, number: usize) -> Value {
    serde_json::from_str(&proxy.access_log(number)[number - 1]).unwrap()
}

fn post(proxy: &Proxy, fields: &str, body: &str) -> Message {
    let length = body.len();
    proxy.connect("web").ask(&format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}Content-Length: {length}\r\n\r\n{body}"))
}

#[test]
fn a_dead_endpoint_is_passed_over_by_any_method() {
    let alive = answering("alive");
    let proxy = Edge::to_first_of(&[dead_address(), alive.address]).start();
    assert_eq!(proxy.get("/").text(), "alive");
    assert_eq!(post(&proxy, "", "hello").text(), "alive");
    assert_eq!(alive.request(2).text(), "hello");
    let line = log_line(&proxy, 2);
    assert_eq!((&line["attempts"], &line["retries"]), (&2.into(), &"connect".into()), "{line}");
    assert_eq!(line["endpoint"], alive.address.to_string());
    assert_eq!(proxy.metric("tidegate_upstream_retries_total{upstream=\"app\",cause=\"connect\"}"), 2.0);
}

#[test]
fn an_endpoint_that_resets_is_passed_over() {
    let (broken, alive) = (resetting(), answering("alive"));
    let proxy = Edge::to_first_of(&[broken.address, alive.address]).start();
    assert_eq!(proxy.get("/").text(), "alive");
    assert_eq!(log_line(&proxy, 1)["retries"], "reset");
    assert_eq!(broken.connections(), 1);
}

#[test]
fn a_post_is_not_sent_twice() {
    let (broken, alive) = (resetting(), answering("alive"));
    let proxy = Edge::to_first_of(&[broken.address, alive.address]).start();
    assert_eq!(post(&proxy, "", "pay").status(), 502);
    let line = log_line(&proxy, 1);
    assert_eq!((&line["attempts"], &line["not_retried"]), (&1.into(), &"method".into()), "{line}");
    assert_eq!(alive.requests().len(), 0);
    assert_eq!(proxy.metric("tidegate_upstream_not_retried_total{upstream=\"app\",reason=\"method\"}"), 1.0);
}

#[test]
fn a_post_with_a_key_is_and_with_the_whole_body() {
    let (broken, alive) = (resetting(), answering("alive"));
    let proxy = Edge::to_first_of(&[broken.address, alive.address]).start();
    assert_eq!(post(&proxy, "Idempotency-Key: 7\r\n", "pay").text(), "alive");
    assert_eq!(alive.request(1).text(), "pay");
    // One that streams, and is in the middle when the endpoint fails.
    let mut client = proxy.connect("web");
    client.send("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nfirst,\r\n");
    client.send("8\r\n second,\r\n6\r\n third\r\n0\r\nx-sum: 7\r\n\r\n");
    assert_eq!(client.response("PUT").text(), "alive");
    let request = alive.request(2);
    assert_eq!(request.text(), "first, second, third");
    assert_eq!(request.trailers, [("x-sum".to_owned(), "7".to_owned())]);
}

#[test]
fn the_operator_may_allow_a_post() {
    let (broken, alive) = (resetting(), answering("alive"));
    let proxy =
        Edge::to_first_of(&[broken.address, alive.address]).upstream("retry = { retry_non_idempotent = true }").start();
    assert_eq!(post(&proxy, "", "pay").text(), "alive");
}

#[test]
fn a_large_body_goes_once() {
    let (broken, alive) = (resetting(), answering("alive"));
    let proxy =
        Edge::to_first_of(&[broken.address, alive.address]).upstream("retry = { replay_body = \"1KiB\" }").start();
    let mut client = proxy.connect("web");
    client.send("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    let chunk = format!("400\r\n{}\r\n", "x".repeat(1024));
    client.send(format!("{chunk}{chunk}0\r\n\r\n"));
    assert_eq!(client.response("PUT").status(), 502);
    assert_eq!(log_line(&proxy, 1)["not_retried"], "body");
    assert_eq!(alive.requests().len(), 0);
}

#[test]
fn a_status_is_retried_where_the_operator_says_so() {
    let busy = Origin::answering("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy");
    let alive = answering("alive");
    let edge = Edge::to_first_of(&[busy.address, alive.address]);
    let response = edge.start().get("/");
    assert_eq!((response.status(), response.text().as_str()), (503, "busy"));
    let proxy = edge.upstream("retry = { on = [\"503\"] }").start();
    assert_eq!(proxy.get("/").text(), "alive");
    assert_eq!(post(&proxy, "", "pay").text(), "busy");
    assert_eq!(log_line(&proxy, 1)["retries"], "503");
    assert_eq!(log_line(&proxy, 2)["not_retried"], "method");
}

/// A response that nobody wants and that does not end takes its connection with it.
#[test]
fn a_response_that_is_not_passed_on_is_let_go() {
    let gone = Gate::new();
    let busy = Origin::scripted({
        let gone = gone.clone();
        move |visit| {
            visit.send("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 1000\r\n\r\nbusy");
            assert!(visit.wire.is_closed());
            gone.open();
        }
    });
    let alive = answering("alive");
    let proxy = Edge::to_first_of(&[busy.address, alive.address]).upstream("retry = { on = [\"503\"] }").start();
    assert_eq!(proxy.get("/").text(), "alive");
    gone.wait();
}

#[test]
fn an_endpoint_that_never_answers_has_its_time_and_no_more() {
    let gone = Gate::new();
    let silent = Origin::scripted({
        let gone = gone.clone();
        move |visit| {
            visit.read_body();
            assert!(visit.wire.is_closed());
            gone.open();
        }
    });
    let alive = answering("alive");
    let edge = Edge::to_first_of(&[silent.address, alive.address]);
    let proxy = edge.upstream("retry = { try_timeout = \"200ms\" }").start();
    assert_eq!(proxy.get("/").text(), "alive");
    gone.wait();
    assert_eq!(log_line(&proxy, 1)["retries"], "timeout");
    assert_eq!(post(&proxy, "", "pay").status(), 504);
    let line = log_line(&proxy, 2);
    assert_eq!((&line["fault"], &line["not_retried"]), (&"try_timeout".into(), &"method".into()), "{line}");
}

#[test]
fn attempts_are_counted_and_end() {
    let broken: Vec<_> = (0..4).map(|_| resetting()).collect();
    let addresses: Vec<_> = broken.iter().map(|origin| origin.address).collect();
    let proxy = Edge::to_first_of(&addresses).start();
    assert_eq!(proxy.get("/").status(), 502);
    let line = log_line(&proxy, 1);
    assert_eq!((&line["attempts"], &line["not_retried"]), (&3.into(), &"attempts".into()), "{line}");
    assert_eq!(broken.iter().map(Origin::connections).sum::<usize>(), 3);
    // A single endpoint may be asked again for what it did not answer.
    let lone = resetting();
    let proxy = Edge::to(lone.address).start();
    assert_eq!(proxy.get("/").status(), 502);
    assert_eq!(lone.connections(), 3);
    let proxy = Edge::to(lone.address).upstream("retry = { max_attempts = 1 }").start();
    assert_eq!(proxy.get("/").status(), 502);
    assert_eq!(lone.connections(), 4);
}

/// Everything fails at once: what is tried again is a share of what runs, and not a multiple.
#[test]
fn a_retry_storm_stays_within_the_budget() {
    const CLIENTS: usize = 40;
    let (fail, answer) = (Gate::new(), Gate::new());
    let asked = Arc::new(AtomicUsize::new(0));
    let origin = Origin::scripted({
        let (fail, answer, asked) = (fail.clone(), answer.clone(), Arc::clone(&asked));
        move |visit| {
            if asked.fetch_add(1, Ordering::SeqCst) < CLIENTS {
                fail.wait();
                visit.reset();
            } else {
                answer.wait();
                visit.send(ok("at last"));
            }
        }
    });
    let proxy = Edge::to(origin.address).start();
    let mut clients: Vec<Wire> = (0..CLIENTS).map(|_| proxy.connect("web")).collect();
    clients.iter_mut().for_each(|client| client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    eventually("all are with the origin", || asked.load(Ordering::SeqCst) == CLIENTS);
    fail.open();
    // Retries wait at the gate, and keep their places: the others find none.
    let refused = "tidegate_upstream_not_retried_total{upstream=\"app\",reason=\"budget\"}";
    eventually("the others have given up", || {
        proxy.metric(refused) as usize + asked.load(Ordering::SeqCst) == CLIENTS + CLIENTS
    });
    let retried = asked.load(Ordering::SeqCst) - CLIENTS;
    assert!((3..=CLIENTS / 5).contains(&retried), "{retried} retries of {CLIENTS}");
    answer.open();
    let statuses: Vec<_> = clients.iter_mut().map(|client| client.response("GET").status()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), retried);
    assert_eq!(statuses.iter().filter(|status| **status == 502).count(), CLIENTS - retried);
    // The places are free again.
    assert_eq!(proxy.get("/").status(), 200);
}

/// REFUSED_STREAM says that nothing was done: a call is made again, body and all.
#[test]
fn a_stream_that_was_refused_is_sent_again() {
    let turn = Arc::new(AtomicUsize::new(0));
    let origin = H2Origin::scripted({
        let turn = Arc::clone(&turn);
        move |request: Request<h2::RecvStream>, mut respond| {
            let first = turn.fetch_add(1, Ordering::SeqCst) == 1;
            async move {
                let body = h2_body(request.into_body()).await.unwrap().0;
                if first {
                    respond.send_reset(h2::Reason::REFUSED_STREAM);
                    return;
                }
                let mut stream = respond.send_response(Response::new(()), false).unwrap();
                stream.send_data(body.into(), true).unwrap();
            }
        }
    });
    let proxy = Edge::to(origin.address).upstream("protocol = \"h2\"").start();
    // The first one opens the connection that the second one uses.
    assert_eq!(post(&proxy, "", "one").text(), "one");
    let mut client = proxy.connect("web");
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    client.send("2\r\ntw\r\n1\r\no\r\n0\r\n\r\n");
    assert_eq!(client.response("POST").text(), "two");
    assert_eq!(log_line(&proxy, 2)["retries"], "unprocessed");
}
