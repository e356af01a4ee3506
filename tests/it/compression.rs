//! Compression and decompression between an origin and a client, and the reference tools as judges.

mod browser;
mod dictionaries;
mod variants;

use std::io::{Read, Write};
use std::process::Stdio;
use std::thread;

use crate::support::{Edge, Gate, Origin, Proxy, eventually, ok, outcome, tool};

/// Something like a page, of that many octets.
fn page(octets: usize) -> String {
    let mut text = String::with_capacity(octets + 64);
    let mut row = 0_usize;
    while text.len() < octets {
        let hash = row.wrapping_mul(2_654_435_761) % 99_991;
        text.push_str(&format!("<tr class=\"row\"><td>{row}</td><td>item {hash}</td></tr>\n"));
        row += 1;
    }
    text.truncate(octets);
    text
}

fn html(body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nETag: \"a\"\r\nContent-Length: {length}\r\n\r\n{body}")
}

fn ask(path: &str, fields: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n")
}

/// Decodes with the reference tool of a coding; `None` where it is not installed.
fn decoded(coding: &str, packed: &[u8]) -> Option<Vec<u8>> {
    let (name, flags) = match coding {
        "gzip" => ("gzip", "-dc"),
        "br" => ("brotli", "-dc"),
        _ => ("zstd", "-dqc"),
    };
    let mut child =
        tool(name)?.arg(flags).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let packed = packed.to_vec();
    let writer = thread::spawn(move || input.write_all(&packed));
    let mut out = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut out).unwrap();
    writer.join().unwrap().unwrap();
    assert!(child.wait().unwrap().success(), "{name} refuses it");
    Some(out)
}

fn edge(origin: &Origin) -> Proxy {
    Edge::to(origin.address).route("compress = true").start()
}

#[test]
fn the_reference_tools_read_every_size() {
    let origin = Origin::scripted(|visit| {
        let size = visit.request.first_line().split(' ').nth(1).unwrap()[1..].parse().unwrap();
        visit.send(html(&page(size)));
    });
    let proxy = edge(&origin);
    let mut wire = proxy.connect("web");
    for coding in ["gzip", "br", "zstd"] {
        for size in [0, 1, 511, 512, 513, 100 * 1024, 1024 * 1024] {
            let response = wire.ask(&ask(&format!("/{size}"), &format!("Accept-Encoding: {coding}\r\n")));
            if size < 512 {
                assert_eq!((response.header("content-encoding"), response.text()), (None, page(size)));
                continue;
            }
            assert_eq!(response.header("content-encoding"), Some(coding), "{size}");
            assert_eq!(response.headers("vary"), ["accept-encoding"]);
            assert_eq!(response.header("etag"), Some("W/\"a\""));
            let Some(plain) = decoded(coding, &response.body) else { break };
            assert!(plain == page(size).as_bytes(), "{coding} of {size} octets differs");
        }
    }
}

#[test]
fn a_large_stream_arrives_octet_by_octet() {
    const PIECES: usize = 50;
    let origin = Origin::scripted(|visit| {
        visit.send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n");
        let piece = page(1024 * 1024);
        for _ in 0..PIECES {
            visit.send(format!("{:x}\r\n{piece}\r\n", piece.len()));
        }
        visit.send("0\r\n\r\n");
    });
    let proxy = Edge::to(origin.address).route("compress = { level = 1 }").start();
    let url = format!("http://{}/", proxy.addr("web"));
    let plain = page(1024 * 1024).repeat(PIECES);
    if let Some(mut curl) = tool("curl") {
        let (code, out, problems) = outcome(curl.args(["-sS", "--compressed"]).arg(&url));
        assert_eq!((code, problems.as_str()), (0, ""));
        assert!(out == plain, "curl reads something else");
    }
    // As it is on the wire, and then through the tool of each coding.
    for coding in ["gzip", "br", "zstd"] {
        let Some(mut curl) = tool("curl") else { return };
        let asked = format!("Accept-Encoding: {coding}");
        let packed = curl.args(["-sS", "-H", &asked]).arg(&url).output().unwrap();
        assert!(packed.status.success() && packed.stdout.len() < plain.len() / 2, "{coding}");
        let Some(unpacked) = decoded(coding, &packed.stdout) else { return };
        assert!(unpacked == plain.as_bytes(), "{coding} differs");
    }
    assert!(proxy.memory_kib("VmHWM:") < 150 * 1024, "{} KiB", proxy.memory_kib("VmHWM:"));
}

#[test]
fn events_are_not_held_back() {
    for (types, coding) in [("", None), ("types = [\"text/event-stream\"]", Some("gzip"))] {
        let gate = Gate::new();
        let seen = gate.clone();
        let origin = Origin::scripted(move |visit| {
            visit.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
            visit.send("9\r\ndata: 1\n\n\r\n");
            seen.wait();
            visit.send("9\r\ndata: 2\n\n\r\n0\r\n\r\n");
        });
        let proxy = Edge::to(origin.address).route(&format!("compress = {{ {types} }}")).start();
        let mut wire = proxy.connect("web");
        wire.send(ask("/", "Accept-Encoding: gzip\r\n"));
        let head = wire.head().unwrap().to_lowercase();
        assert_eq!(coding.is_some(), head.contains("content-encoding: gzip"), "{head}");
        // The first event comes although the origin waits for us to have it.
        let first = wire.chunk().unwrap();
        let mut decoder = flate2::write::GzDecoder::new(Vec::new());
        if coding.is_some() {
            decoder.write_all(&first).unwrap();
            decoder.flush().unwrap();
            assert_eq!(decoder.get_ref(), b"data: 1\n\n");
        } else {
            assert_eq!(first, b"data: 1\n\n");
        }
        gate.open();
        let mut rest = Vec::new();
        while let Some(chunk) = wire.chunk() {
            rest.extend(chunk);
        }
        if coding.is_some() {
            decoder.write_all(&rest).unwrap();
            rest = decoder.finish().unwrap().split_off(9);
        }
        assert_eq!(rest, b"data: 2\n\n");
    }
}

#[test]
fn a_page_that_pauses_shows_its_beginning() {
    let gate = Gate::new();
    let seen = gate.clone();
    let origin = Origin::scripted(move |visit| {
        let begin = page(3000);
        visit.send(format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6000\r\n\r\n{begin}"));
        seen.wait();
        visit.send(begin);
    });
    let proxy = edge(&origin);
    let mut wire = proxy.connect("web");
    wire.send(ask("/", "Accept-Encoding: gzip\r\n"));
    wire.head().unwrap();
    let mut decoder = flate2::write::GzDecoder::new(Vec::new());
    while decoder.get_ref().len() < 3000 {
        decoder.write_all(&wire.chunk().unwrap()).unwrap();
        decoder.flush().unwrap();
    }
    gate.open();
    while let Some(chunk) = wire.chunk() {
        decoder.write_all(&chunk).unwrap();
    }
    assert_eq!(decoder.finish().unwrap(), page(3000).repeat(2).into_bytes());
}

#[test]
fn tags_match_when_they_come_back() {
    let origin = Origin::scripted(|visit| {
        // One that compares octet by octet.
        let known =
            visit.request.header("if-none-match").is_some_and(|tags| tags.split(", ").any(|tag| tag == "\"a\""));
        if known {
            visit.send("HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n");
        } else {
            visit.send(html(&page(2000)));
        }
    });
    let proxy = edge(&origin);
    let mut wire = proxy.connect("web");
    let first = wire.ask(&ask("/", "Accept-Encoding: br\r\n"));
    let again =
        wire.ask(&ask("/", &format!("Accept-Encoding: br\r\nIf-None-Match: {}\r\n", first.header("etag").unwrap())));
    assert_eq!((again.status(), again.header("etag")), (304, Some("W/\"a\"")));
    let plain = wire.ask(&ask("/", "If-None-Match: \"a\"\r\n"));
    assert_eq!((plain.status(), plain.header("etag")), (304, Some("\"a\"")));
}

#[test]
fn the_log_and_the_metrics_say_what_was_saved() {
    let origin = Origin::answering(html(&page(100_000)));
    let proxy = edge(&origin);
    let packed = proxy.connect("web").ask(&ask("/", "Accept-Encoding: zstd\r\n"));
    let line: serde_json::Value = serde_json::from_str(&proxy.access_log(1)[0]).unwrap();
    assert_eq!((line["encoding"].as_str(), line["plain_bytes"].as_u64()), (Some("zstd"), Some(100_000)));
    assert_eq!(line["response_bytes"].as_u64(), Some(packed.body.len() as u64));
    assert_eq!(line["encoding_source"].as_str(), Some("passing"));
    assert_eq!(compressed(&proxy, "zstd", "passing"), 1.0);
    let counted = |name: &str| proxy.metric(&format!("{name}{{encoding=\"zstd\"}}"));
    assert_eq!(counted("tidegate_compression_plain_bytes_total"), 100_000.0);
    assert_eq!(counted("tidegate_compression_bytes_total"), packed.body.len() as f64);
}

/// Responses that went out in that coding, from there.
fn compressed(proxy: &Proxy, coding: &str, source: &str) -> f64 {
    proxy.metric(&format!("tidegate_compressed_responses_total{{encoding=\"{coding}\",source=\"{source}\"}}"))
}

/// A body of gzip.
fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(9));
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn an_upstream_gets_plain_requests() {
    let origin = Origin::scripted(|visit| {
        let length = visit.read_body().body.len();
        visit.send(ok(&length.to_string()));
    });
    let proxy = Edge::to(origin.address).route("decompress_request = true\nmax_body = \"1MiB\"").start();
    let post = |coding: &str, body: &[u8]| {
        let mut wire = proxy.connect("web");
        let length = body.len();
        let head = format!("Content-Encoding: {coding}\r\nContent-Length: {length}\r\n\r\n");
        wire.send(format!("POST / HTTP/1.1\r\nHost: localhost\r\n{head}"));
        let _ = wire.try_send(body); // who is refused may find the connection closed
        let response = wire.response("POST");
        (response.status(), response.text())
    };
    let plain = page(100_000);
    assert_eq!(post("gzip", &gzip(plain.as_bytes())), (200, "100000".to_owned()));
    let request = origin.request(1);
    assert_eq!((request.header("content-encoding"), request.text()), (None, plain));
    assert_eq!(post("gzip", &gzip(page(2 << 20).as_bytes())).0, 413);
    assert_eq!(post("gzip", &gzip(&vec![0; 900_000])).0, 413, "not too large, but too dense");
    assert_eq!(post("gzip", b"no gzip at all").0, 400);
    assert_eq!(post("compress", b"x").0, 415);
    let counted = |name: &str, labels: &str| {
        proxy.metric(&format!("tidegate_decompression_{name}_total{{{labels},side=\"request\"}}"))
    };
    for (reason, count) in [("too_large", 1.0), ("too_dense", 1.0), ("malformed", 1.0), ("unknown_coding", 1.0)] {
        eventually(reason, || counted("refused", &format!("reason=\"{reason}\"")) == count);
    }
    eventually("octets are counted", || counted("plain_bytes", "encoding=\"gzip\"") > 100_000.0);
    assert!(counted("bytes", "encoding=\"gzip\"") < counted("plain_bytes", "encoding=\"gzip\""));
}

#[test]
fn a_client_without_codings_gets_plain_responses() {
    let packed = gzip(page(50_000).as_bytes());
    let origin = Origin::scripted(move |visit| {
        let length = packed.len();
        visit.send(format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: gzip\r\nContent-Length: {length}\r\n\r\n"
        ));
        visit.send(&packed);
    });
    let proxy = Edge::to(origin.address).route("decompress_response = true").start();
    let plain = proxy.get("/");
    assert_eq!((plain.header("content-encoding"), plain.text()), (None, page(50_000)));
    assert_eq!(plain.headers("vary"), ["accept-encoding"]);
    let packed = proxy.connect("web").ask(&ask("/", "Accept-Encoding: gzip\r\n"));
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
}
