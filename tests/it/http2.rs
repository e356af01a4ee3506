//! HTTP/2 on both sides.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};

use crate::support::{
    Edge, Gate, H2Origin, Origin, Proxy, block_on, eventually, h2_ask, h2_body, h2_connect, h2_ends, h2_reason, ok,
};

fn get(path: &str) -> Request<()> {
    Request::get(format!("http://a.test{path}")).body(()).unwrap()
}

#[test]
fn prior_knowledge_is_enough() {
    let origin = Origin::answering(ok("hello"));
    let proxy = Edge::to(origin.address).start();
    let answer = block_on(async {
        let client = h2_connect(proxy.addr("web")).await;
        let request =
            Request::get("http://a.test:81/x?y").header("cookie", "a=1").header("cookie", "b=2").body(()).unwrap();
        h2_ask(&client, request, b"").await.unwrap()
    });
    assert_eq!((answer.status, &answer.body[..]), (StatusCode::OK, &b"hello"[..]));
    let request = origin.request(1);
    assert_eq!(request.first_line(), "GET /x?y HTTP/1.1");
    assert_eq!(request.header("host"), Some("a.test:81"));
    assert_eq!(request.headers("cookie"), ["a=1; b=2"], "crumbs are joined (RFC 9113 §8.2.3)");
    assert!(request.header("via").unwrap().starts_with("2"), "{}", request.head);
}

#[test]
fn clear_text_can_be_http1_only() {
    let origin = Origin::answering(ok("x"));
    let proxy = Edge::to(origin.address).listener("http2 = false").start();
    let mut client = proxy.connect("web");
    client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    assert!(matches!(client.response("GET").status(), 400 | 505));
}

#[test]
fn a_body_goes_up_and_comes_down() {
    let origin = Origin::scripted(|visit| {
        let body = visit.read_body().text();
        visit.send(ok(&body));
    });
    let proxy = Edge::to(origin.address).start();
    let body = "0123456789".repeat(30_000);
    let answer = block_on(async {
        let client = h2_connect(proxy.addr("web")).await;
        let (response, mut stream) = {
            let mut client = client.ready().await.unwrap();
            client.send_request(Request::post("http://a/").body(()).unwrap(), false).unwrap()
        };
        send_all(&mut stream, body.as_bytes()).await;
        h2_body(response.await.unwrap().into_body()).await.unwrap().0
    });
    assert_eq!(answer.len(), body.len());
    assert_eq!(origin.request(1).text(), body);
}

/// Sends a body as fast as the flow control lets it.
async fn send_all(stream: &mut h2::SendStream<Bytes>, mut body: &[u8]) {
    while !body.is_empty() {
        stream.reserve_capacity(body.len());
        let room = std::future::poll_fn(|cx| stream.poll_capacity(cx)).await.unwrap().unwrap();
        let (now, later) = body.split_at(room.min(body.len()));
        stream.send_data(Bytes::copy_from_slice(now), false).unwrap();
        body = later;
    }
    stream.send_data(Bytes::new(), true).unwrap();
}

#[test]
fn streams_do_not_wait_for_each_other() {
    let gate = Gate::new();
    let origin = Origin::scripted({
        let gate = gate.clone();
        move |visit| {
            if visit.request.first_line().contains("/slow") {
                gate.wait();
            }
            let target = visit.request.first_line().to_owned();
            visit.send(ok(&target));
        }
    });
    let proxy = Edge::to(origin.address).start();
    block_on(async {
        let client = h2_connect(proxy.addr("web")).await;
        let slow = tokio::task::spawn_local({
            let client = client.clone();
            async move { h2_ask(&client, get("/slow"), b"").await.unwrap() }
        });
        let others = (0..50).map(|number| {
            let client = client.clone();
            tokio::task::spawn_local(async move { h2_ask(&client, get(&format!("/{number}")), b"").await.unwrap() })
        });
        for (number, other) in others.collect::<Vec<_>>().into_iter().enumerate() {
            assert_eq!(other.await.unwrap().body, format!("GET /{number} HTTP/1.1").as_bytes());
        }
        gate.open();
        assert_eq!(slow.await.unwrap().status, 200);
    });
}

#[test]
fn streams_are_bounded() {
    let origin = Origin::answering(ok("x"));
    let proxy = Edge::to(origin.address).listener("max_streams = 7").start();
    block_on(async {
        let client = h2_connect(proxy.addr("web")).await;
        h2_ask(&client, get("/"), b"").await.unwrap();
        assert_eq!(client.current_max_send_streams(), 7);
    });
}

#[test]
fn fields_of_http1_connections_are_refused() {
    let origin = Origin::answering(ok("x"));
    let proxy = Edge::to(origin.address).start();
    block_on(async {
        for (name, value) in [
            ("connection", "close"),
            ("keep-alive", "5"),
            ("proxy-connection", "x"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("te", "gzip"),
        ] {
            let client = h2_connect(proxy.addr("web")).await;
            let request = Request::get("http://a/").header(name, value).body(()).unwrap();
            match h2_ask(&client, request, b"").await {
                // The client's library may refuse to send it; the server may reset the stream or answer.
                Err(error) => assert!(
                    error.is_reset() || error.is_go_away() || error.to_string().contains("malformed"),
                    "{error}"
                ),
                Ok(answer) => assert_eq!(answer.status, 400, "{name}"),
            }
        }
    });
    assert_eq!(origin.requests().len(), 0);
}

#[test]
fn a_length_that_is_not_the_bodys_is_an_error() {
    let origin = Origin::scripted(|visit| {
        visit.read_body();
        visit.send(ok("x"));
    });
    let proxy = Edge::to(origin.address).start();
    block_on(async {
        let client = h2_connect(proxy.addr("web")).await;
        let request = Request::post("http://a/").header("content-length", "10").body(()).unwrap();
        match h2_ask(&client, request, b"short").await {
            Ok(answer) => assert_eq!(answer.status, 400),
            Err(error) => assert_eq!(error.reason(), Some(h2::Reason::PROTOCOL_ERROR)),
        }
    });
    assert!(origin.requests().iter().all(|request| request.text() != "short"));
}

#[test]
fn limits_hold_here_too() {
    let origin = Origin::answering(ok("x"));
    let proxy = Edge::to(origin.address).route("max_body = \"1KiB\"").start();
    block_on(async {
        let client = h2_connect(proxy.addr("web")).await;
        let mut crumbs = Request::get("http://a/");
        for number in 0..200 {
            crumbs = crumbs.header("cookie", format!("c{number}=1"));
        }
        let answer = h2_ask(&client, crumbs.body(()).unwrap(), b"").await;
        assert!(answer.as_ref().map_or(true, |answer| answer.status == 431), "{answer:?}");

        let client = h2_connect(proxy.addr("web")).await;
        let answer = h2_ask(&client, get(&format!("/{}", "p".repeat(8200))), b"").await.unwrap();
        assert_eq!(answer.status, 414);
        let request = Request::post("http://a/").header("content-length", "1025").body(()).unwrap();
        let answer = h2_ask(&client, request, &[b'x'; 1025]).await.unwrap();
        assert_eq!(answer.status, 413);
        let answer = h2_ask(&client, Request::post("http://a/").body(()).unwrap(), &[b'x'; 1025]).await.unwrap();
        assert_eq!(answer.status, 413);
        assert!(answer.headers.contains_key("proxy-status"));
        // The connection outlives what was refused on it.
        assert_eq!(h2_ask(&client, get("/"), b"").await.unwrap().status, 200);
    });
}

#[test]
fn a_stream_that_the_client_gives_up_ends_upstream_too() {
    let gone = Gate::new();
    let origin = Origin::scripted({
        let gone = gone.clone();
        move |visit| {
            visit.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
            while visit.wire.try_send(&chunk).is_ok() {}
            gone.open();
        }
    });
    let proxy = Edge::to(origin.address).start();
    block_on(async {
        let mut client = h2_connect(proxy.addr("web")).await.ready().await.unwrap();
        let (response, mut stream) = client.send_request(get("/"), true).unwrap();
        assert_eq!(response.await.unwrap().status(), 200);
        stream.send_reset(h2::Reason::CANCEL);
        tokio::task::spawn_blocking(move || gone.wait()).await.unwrap();
    });
}

#[test]
fn a_response_that_breaks_off_resets_the_stream() {
    let origin = Origin::scripted(|visit| {
        visit.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
        visit.close();
    });
    let proxy = Edge::to(origin.address).start();
    block_on(async {
        let client = h2_connect(proxy.addr("web")).await;
        let outcome = h2_ask(&client, get("/"), b"").await;
        assert!(h2_reason(outcome).is_some_and(|reason| reason != h2::Reason::NO_ERROR));
    });
}

#[test]
fn early_hints_pass_ahead_of_the_response() {
    let origin = Origin::answering(format!("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n{}", ok("page")));
    let proxy = Edge::to(origin.address).start();
    block_on(async {
        let mut client = h2_connect(proxy.addr("web")).await.ready().await.unwrap();
        let (mut response, _) = client.send_request(get("/"), true).unwrap();
        let hints = std::future::poll_fn(|cx| response.poll_informational(cx)).await.unwrap().unwrap();
        assert_eq!(
            (hints.status().as_u16(), &hints.headers()["link"]),
            (103, &"</a.css>".parse::<HeaderValue>().unwrap())
        );
        assert_eq!(h2_body(response.await.unwrap().into_body()).await.unwrap().0, b"page");
    });
}

#[test]
fn the_origin_decides_about_a_body_that_the_client_holds_back() {
    let origin = Origin::scripted(|visit| {
        assert_eq!(visit.request.header("expect"), Some("100-continue"));
        visit.send("HTTP/1.1 100 Continue\r\n\r\n");
        let body = visit.read_body().text();
        visit.send(ok(&body));
    });
    let proxy = Edge::to(origin.address).start();
    block_on(async {
        let mut client = h2_connect(proxy.addr("web")).await.ready().await.unwrap();
        let request = Request::post("http://a/").header("expect", "100-continue").body(()).unwrap();
        let (mut response, mut stream) = client.send_request(request, false).unwrap();
        let interim = std::future::poll_fn(|cx| response.poll_informational(cx)).await.unwrap().unwrap();
        assert_eq!(interim.status(), 100);
        stream.send_data("body".into(), true).unwrap();
        assert_eq!(h2_body(response.await.unwrap().into_body()).await.unwrap().0, b"body");
    });
}

#[test]
fn an_idle_connection_is_told_to_go() {
    let origin = Origin::answering(ok("x"));
    let proxy = Edge::to(origin.address).listener("idle_timeout = \"300ms\"").start();
    block_on(async {
        let stream = tokio::net::TcpStream::connect(proxy.addr("web")).await.unwrap();
        let (client, connection) = h2::client::handshake(stream).await.unwrap();
        let connection = tokio::task::spawn_local(connection);
        assert_eq!(h2_ask(&client, get("/"), b"").await.unwrap().status, 200);
        tokio::time::timeout(std::time::Duration::from_secs(8), connection)
            .await
            .expect("an end in time")
            .unwrap()
            .unwrap();
    });
}

#[test]
fn a_request_body_that_stops_ends_its_stream_alone() {
    let origin = Origin::answering(ok("x"));
    let proxy = Edge::to(origin.address).listener("request_body_timeout = \"300ms\"").start();
    block_on(async {
        let client = h2_connect(proxy.addr("web")).await;
        let mut sender = client.clone().ready().await.unwrap();
        let (response, mut stream) = sender.send_request(Request::post("http://a/").body(()).unwrap(), false).unwrap();
        stream.send_data("half".into(), false).unwrap();
        match tokio::time::timeout(std::time::Duration::from_secs(8), response).await.expect("an end in time") {
            Ok(response) => assert_eq!(response.status(), 408),
            Err(error) => assert!(error.is_reset(), "{error}"),
        }
        assert_eq!(h2_ask(&client, get("/"), b"").await.unwrap().status, 200);
    });
}

#[test]
fn a_client_that_takes_no_byte_is_let_go() {
    let gone = Gate::new();
    let origin = Origin::scripted({
        let gone = gone.clone();
        move |visit| {
            visit.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
            while visit.wire.try_send(&chunk).is_ok() {}
            gone.open();
        }
    });
    let proxy = Edge::to(origin.address).listener("write_timeout = \"300ms\"").start();
    block_on(async {
        let mut client = h2_connect(proxy.addr("web")).await.ready().await.unwrap();
        let (response, _) = client.send_request(get("/"), true).unwrap();
        // Taken, and never read: the window of the stream stays shut.
        let _response = response.await.unwrap();
        tokio::task::spawn_blocking(move || gone.wait()).await.unwrap();
    });
}

#[test]
fn trailers_pass() {
    let origin = Origin::answering(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 3\r\n\r\n",
    );
    let proxy = Edge::to(origin.address).start();
    block_on(async {
        let client = h2_connect(proxy.addr("web")).await;
        let request = Request::get("http://a/").header("te", "trailers").body(()).unwrap();
        let answer = h2_ask(&client, request, b"").await.unwrap();
        assert_eq!(answer.body, b"abc");
        assert_eq!(answer.trailers["x-sum"], "3");
    });
}

/// What an origin of HTTP/2 saw.
type Seen = std::sync::mpsc::Receiver<(http::request::Parts, Vec<u8>, HeaderMap)>;

/// An origin of HTTP/2 that answers with a text and tells what it saw.
fn h2_origin() -> (H2Origin, Seen) {
    let (tell, seen) = std::sync::mpsc::channel();
    let origin = H2Origin::scripted(move |request, mut respond| {
        let tell = tell.clone();
        async move {
            let (parts, body) = request.into_parts();
            let (body, trailers) = h2_body(body).await.unwrap();
            tell.send((parts, body, trailers)).unwrap();
            let mut stream = respond.send_response(Response::new(()), false).unwrap();
            stream.send_data("by h2".into(), false).unwrap();
            stream.send_trailers(HeaderMap::from_iter([("x-sum".parse().unwrap(), "5".parse().unwrap())])).unwrap();
        }
    });
    (origin, seen)
}

#[test]
fn an_upstream_may_speak_http2() {
    let (origin, seen) = h2_origin();
    let proxy: Proxy = Edge::to(origin.address).upstream("protocol = \"h2\"").start();
    let mut client = proxy.connect("web");
    let response = client.ask(
        "POST /x?y HTTP/1.1\r\nHost: a.test\r\nConnection: x-drop\r\nX-Drop: 1\r\nX-Keep: 1\r\nTransfer-Encoding: chunked\r\n\
         TE: trailers\r\n\r\n3\r\nabc\r\n0\r\nX-Up: 1\r\n\r\n",
    );
    assert_eq!((response.status(), response.text().as_str()), (200, "by h2"));
    assert_eq!(response.trailers, [("x-sum".to_owned(), "5".to_owned())]);
    let (parts, body, trailers) = seen.recv().unwrap();
    assert_eq!((parts.method, parts.version), (Method::POST, Version::HTTP_2));
    assert_eq!(parts.uri, "http://a.test/x?y");
    assert_eq!((parts.headers.get("x-keep").is_some(), parts.headers.get("x-drop")), (true, None));
    assert_eq!(parts.headers["x-forwarded-for"], "127.0.0.1");
    assert_eq!((&body[..], &trailers["x-up"]), (&b"abc"[..], &"1".parse::<http::HeaderValue>().unwrap()));
}

#[test]
fn exchanges_share_a_connection_to_an_http2_endpoint() {
    let (origin, _seen) = h2_origin();
    let proxy = Edge::to(origin.address).upstream("protocol = \"h2\"").start();
    assert_eq!(proxy.get("/").text(), "by h2");
    let mut clients: Vec<_> = (0..20).map(|_| proxy.connect("web")).collect();
    for client in &mut clients {
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    for client in &mut clients {
        assert_eq!(client.response("GET").text(), "by h2");
    }
    assert_eq!(origin.connections(), 1);
}

#[test]
fn an_endpoint_that_refuses_a_stream_is_asked_again() {
    let origin = H2Origin::scripted({
        move |request: Request<h2::RecvStream>, mut respond: h2::server::SendResponse<Bytes>| async move {
            thread_local! { static TURN: RefCell<u32> = const { RefCell::new(0) } }
            let turn = TURN.with_borrow_mut(|turn| std::mem::replace(turn, *turn + 1));
            drop(request);
            if turn == 1 {
                // Nothing was done (RFC 9113 §8.7).
                respond.send_reset(h2::Reason::REFUSED_STREAM);
                return;
            }
            let _ = respond.send_response(Response::builder().status(204).body(()).unwrap(), true);
        }
    });
    let proxy = Edge::to(origin.address).upstream("protocol = \"h2\"").start();
    for _ in 0..3 {
        assert_eq!(proxy.get("/").status(), 204);
    }
}

#[test]
fn both_directions_flow_at_once_from_end_to_end() {
    let origin = H2Origin::scripted(|request, mut respond| async move {
        let mut up = request.into_body();
        let mut down = respond.send_response(Response::new(()), false).unwrap();
        while let Some(Ok(data)) = up.data().await {
            up.flow_control().release_capacity(data.len()).unwrap();
            down.send_data(data, false).unwrap();
        }
        down.send_data(Bytes::new(), true).unwrap();
    });
    let proxy = Edge::to(origin.address).upstream("protocol = \"h2\"").start();
    let words = Rc::new(RefCell::new(Vec::new()));
    block_on(async {
        let mut client = h2_connect(proxy.addr("web")).await.ready().await.unwrap();
        let (response, mut up) = client.send_request(Request::post("http://a/").body(()).unwrap(), false).unwrap();
        let mut down = response.await.unwrap().into_body();
        for word in ["one", "two", "three"] {
            up.send_data(Bytes::from_static(word.as_bytes()), false).unwrap();
            let echo = down.data().await.unwrap().unwrap();
            words.borrow_mut().push(echo);
        }
        up.send_data(Bytes::new(), true).unwrap();
        assert!(h2_ends(&mut down).await);
    });
    assert_eq!(*words.borrow(), ["one", "two", "three"]);
}

#[test]
fn a_large_body_does_not_fill_memory() {
    const LARGE: u64 = 512 << 20;
    let origin = Origin::scripted(|visit| {
        visit.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\n\r\n"));
        let block = vec![b'x'; 1 << 20];
        (0..LARGE >> 20).for_each(|_| visit.send(&block));
    });
    let proxy = Edge::to(origin.address).start();
    block_on(async {
        let mut client = h2_connect(proxy.addr("web")).await.ready().await.unwrap();
        let (response, _) = client.send_request(get("/"), true).unwrap();
        let mut body = response.await.unwrap().into_body();
        let mut length = 0;
        while let Some(data) = body.data().await {
            let data = data.unwrap();
            length += data.len() as u64;
            body.flow_control().release_capacity(data.len()).unwrap();
        }
        assert_eq!(length, LARGE);
    });
    eventually("the log line is there", || !proxy.access_log(1).is_empty());
    assert!(proxy.memory_kib("VmHWM") < 64 * 1024, "{} KiB", proxy.memory_kib("VmHWM"));
}
