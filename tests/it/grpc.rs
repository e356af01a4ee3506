//! gRPC: HTTP/2 from end to end, and the status in the trailers. `real_clients.rs` does the same with the library itself.

use std::io::Read;
use std::net::TcpListener;
use std::thread;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};

use crate::support::frames::{DATA_FRAME, END_STREAM, FrameClient, PREFACE, headers, settings};
use crate::support::{Edge, Gate, H2Origin, PATIENCE, Proxy, block_on, dead_address, h2_ask, h2_connect, h2_ends};

fn call(method: &str) -> Request<()> {
    Request::post(format!("http://a/echo.Echo/{method}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())
        .unwrap()
}

/// A message in its frame: not compressed, length, bytes.
fn framed(message: &[u8]) -> Vec<u8> {
    let mut frame = vec![0];
    frame.extend((message.len() as u32).to_be_bytes());
    frame.extend(message);
    frame
}

fn status(code: &str) -> HeaderMap {
    HeaderMap::from_iter([("grpc-status".parse().unwrap(), code.parse().unwrap())])
}

fn to(origin: &H2Origin) -> Proxy {
    Edge::to(origin.address).upstream("protocol = \"h2\"").start()
}

#[test]
fn a_call_ends_with_its_status() {
    let origin = H2Origin::scripted(|request, mut respond| async move {
        assert_eq!(request.headers()["te"], "trailers");
        assert_eq!(request.headers()["content-type"], "application/grpc");
        let response = Response::builder().header("content-type", "application/grpc").body(()).unwrap();
        let mut stream = respond.send_response(response, false).unwrap();
        stream.send_data(framed(b"pong").into(), false).unwrap();
        stream.send_trailers(status("0")).unwrap();
    });
    let proxy = to(&origin);
    let answer = block_on(async {
        let client = h2_connect(proxy.addr("web")).await;
        h2_ask(&client, call("Unary"), &framed(b"ping")).await.unwrap()
    });
    assert_eq!(answer.body, framed(b"pong"));
    assert_eq!(answer.trailers["grpc-status"], "0");
}

#[test]
fn a_call_may_fail_with_a_head_alone() {
    let origin = H2Origin::scripted(|_request, mut respond| async move {
        let response = Response::builder()
            .header("content-type", "application/grpc")
            .header("grpc-status", "5")
            .header("grpc-message", "no such thing")
            .body(())
            .unwrap();
        respond.send_response(response, true).unwrap();
    });
    let proxy = to(&origin);
    let answer = block_on(async {
        let client = h2_connect(proxy.addr("web")).await;
        h2_ask(&client, call("Unary"), &framed(b"ping")).await.unwrap()
    });
    assert_eq!((&answer.headers["grpc-status"], answer.body.len()), (&"5".parse::<http::HeaderValue>().unwrap(), 0));
}

#[test]
fn messages_go_to_and_fro_as_they_come() {
    let origin = H2Origin::scripted(|request, mut respond| async move {
        let mut up = request.into_body();
        let mut down = respond.send_response(Response::new(()), false).unwrap();
        while let Some(Ok(data)) = up.data().await {
            up.flow_control().release_capacity(data.len()).unwrap();
            down.send_data(data, false).unwrap();
        }
        down.send_trailers(status("0")).unwrap();
    });
    let proxy = to(&origin);
    block_on(async {
        let mut client = h2_connect(proxy.addr("web")).await.ready().await.unwrap();
        let (response, mut up) = client.send_request(call("Both"), false).unwrap();
        let mut down = response.await.unwrap().into_body();
        for number in 0..20_u8 {
            let message = Bytes::from(framed(&[number; 100]));
            up.send_data(message.clone(), false).unwrap();
            let mut echo = Vec::new();
            while echo.len() < message.len() {
                let data = down.data().await.unwrap().unwrap();
                down.flow_control().release_capacity(data.len()).unwrap();
                echo.extend(data);
            }
            assert_eq!(echo, message);
        }
        up.send_data(Bytes::new(), true).unwrap();
        assert!(h2_ends(&mut down).await);
        assert_eq!(down.trailers().await.unwrap().unwrap()["grpc-status"], "0");
    });
}

#[test]
fn a_deadline_of_the_caller_reaches_the_origin() {
    let origin = H2Origin::scripted(|request, mut respond| async move {
        let response =
            Response::builder().header("x-seen", request.headers()["grpc-timeout"].clone()).body(()).unwrap();
        respond.send_response(response, true).unwrap();
    });
    let proxy = to(&origin);
    block_on(async {
        let client = h2_connect(proxy.addr("web")).await;
        let mut request = call("Unary");
        request.headers_mut().insert("grpc-timeout", "250m".parse().unwrap());
        let answer = h2_ask(&client, request, &framed(b"ping")).await.unwrap();
        let left = answer.headers["x-seen"].to_str().unwrap().strip_suffix('u').unwrap().parse::<u32>().unwrap();
        assert!(left <= 250_000, "what is left of it, in microseconds: {left}");
    });
}

#[test]
fn a_dead_endpoint_is_an_answer_and_no_hang() {
    let dead = dead_address();
    let proxy = Edge::to(dead).upstream("protocol = \"h2\"").start();
    block_on(async {
        let client = h2_connect(proxy.addr("web")).await;
        let answer = h2_ask(&client, call("Unary"), &framed(b"ping")).await.unwrap();
        assert_eq!((answer.status.as_u16(), &answer.headers["grpc-status"]), (200, &"14".parse().unwrap()));
    });
}

#[test]
fn the_last_message_of_a_call_carries_its_end() {
    // An end in a frame of its own is an empty one, and origins that count those close the connection of a client that sends many.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = Edge::to(listener.local_addr().unwrap()).upstream("protocol = \"h2\"").start();
    let answered = Gate::new();
    let over = answered.clone();
    let origin = thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        socket.read_exact(&mut [0; PREFACE.len()]).unwrap();
        let mut origin = FrameClient::over(socket.try_clone().unwrap(), socket, PATIENCE);
        origin.send(settings(&[]));
        let message = origin.wait(|frame| frame.kind == DATA_FRAME).unwrap();
        // 0x88 is `:status: 200` (RFC 7541, appendix A).
        origin.send(headers(1, END_STREAM, [0x88]));
        over.wait();
        message
    });
    let answer = block_on(async {
        let client = h2_connect(proxy.addr("web")).await;
        h2_ask(&client, call("Ping"), &framed(b"ping")).await.unwrap()
    });
    answered.open();
    let message = origin.join().unwrap();
    assert_eq!((answer.status.as_u16(), message.payload), (200, framed(b"ping")));
    assert_eq!(message.flags & END_STREAM, END_STREAM);
}
