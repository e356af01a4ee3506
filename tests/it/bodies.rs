//! Bodies stream both ways, and their ends are told truthfully.

use std::io::Write;
use std::net::SocketAddr;

use crate::support::{Edge, Folder, Gate, Origin, Proxy, Wire, eventually, ok};

#[test]
fn a_request_body_by_length_arrives() {
    let origin = Origin::answering(ok("done"));
    let proxy = Edge::to(origin.address).start();
    let body = "x".repeat(300_000);
    let response = proxy
        .connect("web")
        .ask(&format!("POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
    assert_eq!(response.text(), "done");
    let request = origin.request(1);
    assert_eq!(request.header("content-length"), Some("300000"));
    assert_eq!(request.body.len(), body.len());
}

#[test]
fn a_chunked_request_arrives_with_its_trailers() {
    let origin = Origin::answering(ok("done"));
    let proxy = Edge::to(origin.address).start();
    let response = proxy.connect("web").ask(
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n\
         5;ext=1\r\nhello\r\n6\r\n world\r\n0\r\nX-Sum: 11\r\n\r\n",
    );
    assert_eq!(response.status(), 200);
    let request = origin.request(1);
    assert_eq!(request.text(), "hello world");
    assert_eq!(request.trailers, [("x-sum".to_owned(), "11".to_owned())]);
}

#[test]
fn a_chunked_response_arrives_with_its_trailers() {
    let origin = Origin::answering(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 5\r\n\r\n",
    );
    let proxy = Edge::to(origin.address).start();
    let mut client = proxy.connect("web");
    let response = client.ask("GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: TE\r\n\r\n");
    assert_eq!(response.text(), "abcde");
    assert_eq!(response.trailers, [("x-sum".to_owned(), "5".to_owned())]);
    // The connection goes on behind the trailers.
    assert_eq!(client.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").text(), "abcde");
}

#[test]
fn a_client_of_http_1_0_gets_no_chunks() {
    let origin = Origin::answering("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
    let proxy = Edge::to(origin.address).start();
    let mut client = proxy.connect("web");
    client.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n");
    let response = client.response("GET");
    assert_eq!((response.status(), response.text().as_str()), (200, "abc"));
    assert_eq!(response.header("transfer-encoding"), None);
    assert!(client.is_closed());
}

#[test]
fn a_client_of_http_1_0_may_keep_its_connection() {
    let origin = Origin::answering(ok("abc"));
    let proxy = Edge::to(origin.address).start();
    let mut client = proxy.connect("web");
    for _ in 0..2 {
        let response = client.ask("GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
        assert_eq!(response.text(), "abc");
        assert_eq!(response.header("connection").map(str::to_lowercase).as_deref(), Some("keep-alive"));
    }
}

#[test]
fn a_response_that_ends_with_its_connection_arrives_whole() {
    let origin = Origin::scripted(|visit| {
        visit.send("HTTP/1.1 200 OK\r\n\r\nuntil the end");
        visit.close();
    });
    let proxy = Edge::to(origin.address).start();
    let mut client = proxy.connect("web");
    for _ in 0..2 {
        assert_eq!(client.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").text(), "until the end");
    }
}

#[test]
fn responses_without_a_body_leave_the_connection_in_order() {
    let origin = Origin::scripted(|visit| {
        let response = match visit.request.first_line().split(' ').nth(1).unwrap() {
            "/204" => "HTTP/1.1 204 No Content\r\n\r\n".to_owned(),
            "/304" => "HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\nETag: \"a\"\r\n\r\n".to_owned(),
            "/head" => "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n".to_owned(),
            _ => ok("body"),
        };
        visit.send(response);
    });
    let proxy = Edge::to(origin.address).start();
    let mut client = proxy.connect("web");
    let response = client.ask("GET /204 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!((response.status(), response.header("content-length")), (204, None));
    assert_eq!(client.ask("GET /304 HTTP/1.1\r\nHost: a\r\n\r\n").status(), 304);
    let response = client.ask("HEAD /head HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!((response.status(), response.header("content-length")), (200, Some("100")));
    assert_eq!(client.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").text(), "body");
    assert_eq!(origin.connections(), 1);
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let origin = Origin::echoing_target();
    let proxy = Edge::to(origin.address).start();
    let mut client = proxy.connect("web");
    let requests: String = (0..20)
        .map(|number| match number % 2 {
            0 => format!("GET /{number} HTTP/1.1\r\nHost: a\r\n\r\n"),
            _ => format!("POST /{number} HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nxyz"),
        })
        .collect();
    client.send(requests);
    for number in 0..20 {
        assert_eq!(client.response("GET").text(), format!("/{number}"));
    }
}

#[test]
fn connections_to_an_endpoint_are_used_again() {
    let origin = Origin::answering(ok("x"));
    let proxy = Edge::to(origin.address).start();
    for _ in 0..20 {
        assert_eq!(proxy.get("/").status(), 200);
    }
    assert_eq!(origin.connections(), 1);
}

#[test]
fn the_origin_decides_about_a_body_that_the_client_holds_back() {
    let asked = Gate::new();
    let origin = Origin::scripted({
        let asked = asked.clone();
        move |visit| {
            assert_eq!(visit.request.header("expect").map(str::to_lowercase).as_deref(), Some("100-continue"));
            asked.wait();
            visit.send("HTTP/1.1 100 Continue\r\n\r\n");
            let body = visit.read_body().text();
            visit.send(ok(&body));
        }
    });
    let proxy = Edge::to(origin.address).start();
    let mut client = proxy.connect("web");
    client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
    asked.open();
    assert_eq!(client.response("POST").status(), 100);
    client.send("body");
    assert_eq!(client.response("POST").text(), "body");
}

#[test]
fn a_client_need_not_wait_for_100() {
    // The origin knows nothing of `Expect`; the client waits for a while, and then sends.
    let origin = Origin::scripted(|visit| {
        let body = visit.read_body().text();
        visit.send(ok(&body));
    });
    for protocol in ["http/1.1", "h2"] {
        let h2 = crate::support::H2Origin::scripted(|request, mut respond| async move {
            let body = crate::support::h2_body(request.into_body()).await.unwrap().0;
            let mut stream = respond.send_response(http::Response::new(()), false).unwrap();
            stream.send_data(body.into(), true).unwrap();
        });
        let address = if protocol == "h2" { h2.address } else { origin.address };
        let proxy = Edge::to(address).upstream(&format!("protocol = \"{protocol}\"")).start();
        let mut client = proxy.connect("web");
        client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
        eventually("the head is with the origin", || origin.connections() == 1 || h2.connections() == 1);
        client.send("body");
        assert_eq!(client.response("POST").text(), "body", "{protocol}");
    }
}

#[test]
fn a_body_that_the_origin_refuses_is_never_sent() {
    let origin = Origin::scripted(|visit| {
        visit.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        visit.close();
    });
    let proxy = Edge::to(origin.address).start();
    let mut client = proxy.connect("web");
    client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
    assert_eq!(client.response("POST").status(), 413);
}

#[test]
fn early_hints_pass_ahead_of_the_response() {
    let gate = Gate::new();
    let origin = Origin::scripted({
        let gate = gate.clone();
        move |visit| {
            visit.send("HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n");
            gate.wait();
            visit.send("HTTP/1.1 103 Early Hints\r\nLink: </b.css>; rel=preload\r\n\r\n");
            visit.send(ok("page"));
        }
    });
    let proxy = Edge::to(origin.address).start();
    let mut client = proxy.connect("web");
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let hints = client.response("GET");
    assert_eq!((hints.status(), hints.header("link")), (103, Some("</a.css>; rel=preload")));
    gate.open();
    assert_eq!(client.response("GET").header("link"), Some("</b.css>; rel=preload"));
    assert_eq!(client.response("GET").text(), "page");
}

#[test]
fn a_client_of_http_1_0_gets_no_interim_response() {
    let origin = Origin::answering(format!("HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n{}", ok("page")));
    let proxy = Edge::to(origin.address).start();
    let response = proxy.connect("web").ask("GET / HTTP/1.0\r\nHost: a\r\n\r\n");
    assert_eq!((response.status(), response.text().as_str()), (200, "page"));
}

#[test]
fn a_response_flows_while_it_is_made() {
    let gate = Gate::new();
    let origin = Origin::scripted({
        let gate = gate.clone();
        move |visit| {
            visit.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
            visit.send("d\r\ndata: first\n\n\r\n");
            gate.wait();
            visit.send("e\r\ndata: second\n\n\r\n0\r\n\r\n");
        }
    });
    let proxy = Edge::to(origin.address).start();
    let mut client = proxy.connect("web");
    client.send("GET /events HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n");
    assert!(client.head().unwrap().starts_with("HTTP/1.1 200"));
    assert_eq!(client.chunk().unwrap(), b"data: first\n\n");
    gate.open();
    assert_eq!(client.chunk().unwrap(), b"data: second\n\n");
    assert_eq!(client.chunk(), None);
}

#[test]
fn a_request_flows_while_it_is_made() {
    let first = Gate::new();
    let origin = Origin::scripted({
        let first = first.clone();
        move |visit| {
            assert_eq!(visit.wire.chunk().unwrap(), b"one");
            first.open();
            assert_eq!(visit.wire.chunk().unwrap(), b"two");
            assert_eq!(visit.wire.chunk(), None);
            visit.wire.line();
            visit.send(ok("both"));
        }
    });
    let proxy = Edge::to(origin.address).start();
    let mut client = proxy.connect("web");
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n");
    first.wait();
    client.send("3\r\ntwo\r\n0\r\n\r\n");
    assert_eq!(client.response("POST").text(), "both");
}

#[test]
fn both_directions_flow_at_the_same_time() {
    let origin = Origin::scripted(|visit| {
        visit.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        while let Some(chunk) = visit.wire.chunk() {
            visit.send(format!("{:x}\r\n{}\r\n", chunk.len(), String::from_utf8(chunk).unwrap()));
        }
        visit.wire.line();
        visit.send("0\r\n\r\n");
    });
    let proxy = Edge::to(origin.address).start();
    let mut client = proxy.connect("web");
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert!(client.head().unwrap().starts_with("HTTP/1.1 200"));
    for word in ["ping", "pong", "ding"] {
        client.send(format!("4\r\n{word}\r\n"));
        assert_eq!(client.chunk().unwrap(), word.as_bytes());
    }
    client.send("0\r\n\r\n");
    assert_eq!(client.chunk(), None);
}

#[test]
fn a_response_that_breaks_off_is_not_passed_off_as_whole() {
    for response in [
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\nhalf",
    ] {
        let origin = Origin::scripted(move |visit| {
            visit.send(response);
            visit.close();
        });
        let proxy = Edge::to(origin.address).start();
        let mut client = proxy.connect("web");
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert!(client.head().unwrap().starts_with("HTTP/1.1 200"), "{response}");
        let rest = String::from_utf8_lossy(&client.rest()).into_owned();
        assert!(rest.contains("half") && !rest.contains("0\r\n\r\n"), "{response}: {rest:?}");
    }
}

#[test]
fn an_upload_that_breaks_off_reaches_no_end() {
    let begun = Gate::new();
    let origin = Origin::scripted({
        let begun = begun.clone();
        move |visit| {
            assert_eq!(visit.wire.chunk().unwrap(), b"half");
            begun.open();
            assert!(visit.wire.is_closed(), "the end of a body that has no end");
        }
    });
    let proxy = Edge::to(origin.address).start();
    let mut client = proxy.connect("web");
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n");
    begun.wait();
    drop(client);
    eventually("the origin sees it break off", || origin.requests().len() == 1);
}

#[test]
fn a_client_that_goes_takes_its_download_with_it() {
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
    let proxy = Edge::to(origin.address).start();
    let mut client = proxy.connect("web");
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(client.head().is_some());
    drop(client);
    gone.wait();
}

#[test]
fn a_slow_reader_holds_the_origin_back() {
    let origin = Origin::scripted(|visit| {
        visit.send("HTTP/1.1 200 OK\r\nContent-Length: 268435456\r\n\r\n");
        let block = vec![b'x'; 1 << 20];
        for _ in 0..256 {
            visit.send(&block);
        }
    });
    let proxy = Edge::to(origin.address).start();
    let mut client = proxy.connect("web");
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(client.head().is_some());
    let mut before = 0;
    // The sockets fill up, and then nothing moves: the program's memory has come to rest.
    eventually("memory comes to rest", || {
        let now = proxy.memory_kib("VmRSS");
        std::mem::replace(&mut before, now) == now
    });
    assert!(proxy.memory_kib("VmHWM") < 64 * 1024, "{} KiB", proxy.memory_kib("VmHWM"));
    client.discard(268_435_456);
    assert!(proxy.memory_kib("VmHWM") < 64 * 1024, "{} KiB", proxy.memory_kib("VmHWM"));
}

const LARGE: u64 = 4 << 30;

#[test]
fn four_gibibytes_come_down_in_little_memory() {
    let origin = Origin::scripted(|visit| {
        visit.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\n\r\n"));
        let block = vec![b'x'; 1 << 20];
        for _ in 0..LARGE >> 20 {
            visit.send(&block);
        }
    });
    let proxy = Edge::to(origin.address).start();
    let mut client = proxy.connect("web");
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(client.head().unwrap().contains("4294967296"));
    client.discard(LARGE);
    assert!(proxy.memory_kib("VmHWM") < 64 * 1024, "{} KiB", proxy.memory_kib("VmHWM"));
}

#[test]
fn four_gibibytes_go_up_in_little_memory() {
    let origin = Origin::scripted(|visit| {
        visit.wire.discard(LARGE);
        visit.send(ok("all there"));
    });
    let proxy = Edge::to(origin.address).route("max_body = 0").start();
    let mut client = proxy.connect("web");
    client.send(format!("PUT /large HTTP/1.1\r\nHost: a\r\nContent-Length: {LARGE}\r\n\r\n"));
    let block = vec![b'x'; 1 << 20];
    for _ in 0..LARGE >> 20 {
        client.stream.write_all(&block).unwrap();
    }
    assert_eq!(client.response("PUT").text(), "all there");
    assert!(proxy.memory_kib("VmHWM") < 64 * 1024, "{} KiB", proxy.memory_kib("VmHWM"));
}

#[test]
fn listeners_speak_ipv6_and_unix_sockets() {
    let origin = Origin::answering(ok("x"));
    let folder = Folder::new();
    let socket = folder.path().join("web.sock");
    let more = format!("[listeners.local]\naddress = \"unix:{}\"", socket.display());
    let edge = Edge::to(origin.address).at("[::1]:0");
    let proxy = edge.more(&more).start_in(folder);
    let address: SocketAddr = proxy.addr("web");
    assert!(address.is_ipv6());
    assert_eq!(proxy.get("/").text(), "x");
    assert_eq!(origin.request(1).header("x-forwarded-for"), Some("::1"));
    assert!(origin.request(1).header("forwarded").unwrap().contains("for=\"[::1]\""));
    let mut client = Wire::connect_unix(&socket);
    assert_eq!(client.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").text(), "x");
}

#[test]
fn an_endpoint_may_be_a_unix_socket() {
    let folder = Folder::new();
    let socket = folder.path().join("app.sock");
    Origin::on_unix(&socket, ok("by unix"));
    let proxy: Proxy = Edge::to(format!("unix:{}", socket.display())).start_in(folder);
    assert_eq!(proxy.get("/").text(), "by unix");
    assert_eq!(proxy.get("/").text(), "by unix");
}
