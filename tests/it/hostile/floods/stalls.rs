//! Clients that are slow on purpose, or do nothing at all.

use std::io::Read;
use std::time::{Duration, Instant};

use super::{CALM, MOST_KIB, PATIENCE, abused, assert_put_out, origin_of};
use crate::support::frames::{
    END_STREAM, Fate, FrameClient, HEADERS, PREFACE, RST_STREAM, frame, headers, pseudo, settings, window_update,
};
use crate::support::{Edge, Origin, eventually, ok};

/// A hundred requests for more than a client takes that reads nothing.
fn hundred_requests() -> Vec<u8> {
    (0..100).flat_map(|n| headers(2 * n + 1, END_STREAM, pseudo("GET", "/"))).collect()
}

#[test]
fn a_client_that_reads_nothing_is_put_out_in_time() {
    let origin = origin_of(4 << 20);
    let proxy = Edge::to(origin.address).listener("write_timeout = \"1s\"").start();
    let growth = proxy.growth_kib(|| {
        let mut client = FrameClient::connect(proxy.addr("web"), PATIENCE);
        let window = (1_u32 << 31) - 1;
        client.send([PREFACE, &settings(&[(4, window)]), &window_update(0, window - 65_535)].concat());
        let start = Instant::now();
        client.send(hundred_requests());
        eventually("it is put out", || abused(&proxy, "reads_nothing") >= 1.0);
        assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
        eventually("its streams are gone", || proxy.metric("tidegate_requests_in_flight{listener=\"web\"}") == 0.0);
    });
    assert!(growth < MOST_KIB, "{growth} KiB");
    assert_put_out(&proxy, "reads_nothing");
}

#[test]
fn streams_without_a_window_are_reset() {
    let origin = origin_of(1 << 20);
    let proxy = Edge::to(origin.address).listener("write_timeout = \"300ms\"").start();
    let growth = proxy.growth_kib(|| {
        let mut client = FrameClient::connect(proxy.addr("web"), PATIENCE);
        client.send([PREFACE, &settings(&[(1, 0), (4, 0)])].concat());
        client.send(hundred_requests());
        // Those that were answered first: of the others begins one now and then.
        for n in 0..10 {
            assert_eq!(client.fate(2 * n + 1), Fate::Reset(8), "stream {n}");
        }
    });
    assert!(growth < MOST_KIB, "{growth} KiB");
    assert_eq!(proxy.get("/").status(), 200);
}

/// A stream without a window costs its client nothing: whoever takes nothing of two of them gets no more at once.
#[test]
fn who_takes_nothing_gets_no_more_until_it_does() {
    let origin = origin_of(1000);
    let proxy = Edge::to(origin.address).start();
    let mut client = FrameClient::connect(proxy.addr("web"), PATIENCE);
    let asks = |from: u32, to: u32| (from..to).flat_map(|n| headers(2 * n + 1, END_STREAM, pseudo("GET", "/")));
    client.send([PREFACE, &settings(&[(1, 0), (4, 0)])].concat());
    client.send(asks(0, 2).collect::<Vec<_>>());
    for stream in [1, 3] {
        assert!(client.wait(|frame| frame.kind == HEADERS && frame.stream == stream).is_some(), "{stream}");
    }
    client.send(asks(2, 30).collect::<Vec<_>>());
    // There is one now and then, as the client may want to know more before it takes anything.
    assert!(client.wait(|frame| frame.kind == HEADERS && frame.stream == 5).is_some());
    assert!(origin.visits() < 8, "{} of 30", origin.visits());
    client.send(settings(&[(4, 1 << 20)]));
    for n in 0..30 {
        assert_eq!(client.fate(2 * n + 1), Fate::Response(200), "stream {n}");
    }
    assert_eq!(origin.visits(), 30);
}

/// The client provokes the resets: whoever does it again and again is put out.
#[test]
fn stalling_streams_one_after_the_other_ends_the_connection() {
    let origin = origin_of(1 << 20);
    let keys = "write_timeout = \"100ms\"\nabuse = { half_life = \"1h\" }";
    let proxy = Edge::to(origin.address).listener(keys).start();
    let mut client = FrameClient::connect(proxy.addr("web"), PATIENCE);
    client.send([PREFACE, &settings(&[(1, 0), (4, 0)])].concat());
    for n in 0..200 {
        if !client.send(headers(2 * n + 1, END_STREAM, pseudo("GET", "/"))) {
            break;
        }
        if n % 50 == 49 && client.wait(|frame| frame.kind == RST_STREAM && frame.stream == 2 * n + 1).is_none() {
            break;
        }
    }
    assert_put_out(&proxy, "provoked_resets");
}

#[test]
fn a_window_that_opens_an_octet_at_a_time_is_too_slow() {
    let origin = origin_of(1 << 20);
    let proxy = Edge::to(origin.address).listener("write_timeout = \"500ms\"\nmin_response_rate = \"1KiB\"").start();
    let mut client = FrameClient::connect(proxy.addr("web"), PATIENCE);
    client.send([PREFACE, &settings(&[(1, 0), (4, 0)])].concat());
    client.send(headers(1, END_STREAM, pseudo("GET", "/")));
    let reset = |frame: &crate::support::frames::Frame| frame.kind == RST_STREAM && frame.stream == 1;
    for _ in 0..400 {
        client.send(window_update(1, 1));
        if client.seen.iter().any(reset) {
            break;
        }
        // An answer tells that the octet has had its way.
        assert!(client.wait_for(Duration::from_millis(20)));
    }
    assert_eq!(client.fate(1), Fate::Reset(8));
}

#[test]
fn a_field_block_that_does_not_end_is_not_waited_for() {
    let origin = origin_of(1);
    let proxy = Edge::to(origin.address).listener("request_head_timeout = \"300ms\"").start();
    for (end, cut) in [(0, 0), (4, 3)] {
        let mut client = FrameClient::begin(proxy.addr("web"), PATIENCE);
        let block = frame(HEADERS, END_STREAM | end, 1, pseudo("GET", "/"));
        client.send(&block[..block.len() - cut]);
        assert_eq!(client.error_of(1), Fate::GoAway(CALM));
        assert!(client.is_closed());
    }
    assert_put_out(&proxy, "slow_field_block");
}

/// Sends an octet now and then until there is an answer; its beginning.
fn drip(mut client: crate::support::Wire) -> [u8; 12] {
    client.stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let (start, mut answer) = (Instant::now(), [0; 12]);
    while client.stream.read(&mut answer).is_err() {
        assert!(start.elapsed() < PATIENCE, "the drip goes on");
        let _ = client.try_send("x");
    }
    answer
}

#[test]
fn a_head_that_drips_is_too_slow() {
    let origin = origin_of(1);
    let proxy = Edge::to(origin.address).listener("request_head_timeout = \"500ms\"").start();
    let growth = proxy.growth_kib(|| {
        let mut client = proxy.connect("web");
        client.send("GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ");
        assert_eq!(&drip(client), b"HTTP/1.1 408");
    });
    assert!(growth < MOST_KIB, "{growth} KiB");
    assert_eq!(proxy.get("/").status(), 200);
}

/// A client that asks and asks and takes no answer is not read from any more.
#[test]
fn requests_in_a_row_whose_answers_nobody_takes_are_not_piled_up() {
    let origin = origin_of(10_000);
    let proxy = Edge::to(origin.address).listener("write_timeout = \"1s\"").start();
    let growth = proxy.growth_kib(|| {
        let mut client = proxy.connect("web");
        client.stream.set_write_timeout(Some(PATIENCE)).unwrap();
        let requests = "GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(1000);
        // Sixteen mebibytes of requests, if they are taken; the end comes before that.
        let taken = (0..600).take_while(|_| client.try_send(&requests).is_ok()).count();
        assert!(taken < 600, "all of it is taken");
    });
    assert!(growth < MOST_KIB, "{growth} KiB");
    assert_eq!(proxy.get("/").status(), 200);
}

#[test]
fn a_body_that_drips_is_too_slow() {
    let origin = origin_of(1);
    let keys = "request_body_timeout = \"500ms\"\nmin_request_rate = \"1KiB\"";
    let proxy = Edge::to(origin.address).listener(keys).start();
    let growth = proxy.growth_kib(|| {
        let mut client = proxy.connect("web");
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
        assert_eq!(&drip(client), b"HTTP/1.1 408");
    });
    assert!(growth < MOST_KIB, "{growth} KiB");
}

#[test]
fn a_body_that_is_fast_enough_may_take_its_time() {
    let origin = origin_of(1);
    let keys = "request_body_timeout = \"500ms\"\nmin_request_rate = \"1KiB\"";
    let proxy = Edge::to(origin.address).listener(keys).start();
    let mut client = proxy.connect("web");
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8000\r\n\r\n");
    client.stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let mut answer = [0; 12];
    for _ in 0..79 {
        client.send([b'x'; 100]);
        let _ = client.stream.read(&mut answer);
    }
    client.send([b'x'; 100]);
    client.stream.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(client.response("POST").status(), 200);
}

#[test]
fn a_reader_that_drips_is_too_slow() {
    let origin = Origin::scripted(|visit| {
        visit.send("HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n");
        let piece = vec![b'x'; 1 << 16];
        while visit.wire.try_send(&piece).is_ok() {}
    });
    let keys = "write_timeout = \"500ms\"\nmin_response_rate = \"10MiB\"";
    let proxy = Edge::to(origin.address).listener(keys).start();
    let growth = proxy.growth_kib(|| {
        let mut client = proxy.connect("web");
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        let (start, mut piece) = (Instant::now(), [0; 16 << 10]);
        client.stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut total = 0;
        // 16 KiB every 20 ms are 800 KiB a second; what the kernel holds comes at the end.
        while let Ok(read @ 1..) = client.stream.read(&mut piece) {
            total += read;
            assert!(start.elapsed() < 2 * PATIENCE, "the drip goes on");
            std::thread::park_timeout(Duration::from_millis(20));
        }
        assert!(total < 100 << 20);
    });
    assert!(growth < MOST_KIB, "{growth} KiB");
    eventually("the exchange is over", || proxy.access_log(1).iter().any(|line| line.contains("client_write_timeout")));
}

#[test]
fn handshakes_that_never_end_and_silent_connections_are_closed() {
    let origin = Origin::answering(ok("x"));
    let proxy = Edge::to(origin.address)
        .listener("handshake_timeout = \"300ms\"\nidle_timeout = \"300ms\"")
        .more("[listeners.secure]\naddress = \"127.0.0.1:0\"\nhandshake_timeout = \"300ms\"\ntls.self_signed = [\"a\"]")
        .start();
    let growth = proxy.growth_kib(|| {
        let mut silent: Vec<_> = (0..100).map(|n| proxy.connect(if n % 2 == 0 { "web" } else { "secure" })).collect();
        // The first octets of a ClientHello that never comes.
        let mut hello = proxy.connect("secure");
        hello.send([22, 3, 1, 2, 0, 1, 0, 1, 252, 3]);
        let mut preface = proxy.connect("web");
        preface.send(&PREFACE[..10]);
        silent.extend([hello, preface]);
        for client in &mut silent {
            client.rest();
        }
    });
    assert!(growth < MOST_KIB, "{growth} KiB");
    assert_eq!(proxy.get("/").status(), 200);
}
