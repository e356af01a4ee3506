//! A head: read, made clean, told who asked, written.

use std::net::{IpAddr, Ipv4Addr};

use bytes::{Bytes, BytesMut};
use criterion::{BatchSize, Criterion};
use http::{HeaderValue, Method, StatusCode, Version};
use tidegate::http::forwarded::PerConnection;
use tidegate::http::path::PathPolicy;
use tidegate::http::request_id::RequestIds;
use tidegate::http::sanitize::{self, CleanRequest, Limits};
use tidegate::http::trust::Trusted;
use tidegate::http::{Body, Headers, Request, Response, Scheme, Target};
use tidegate::wire::h1::encode::{Outgoing, Persistence, RequestLine, request_head, response_head};
use tidegate::wire::h1::parse::{self, HeadLimits, HeadScan, TransferCodings};

/// As wrk sends it.
const SMALL: &[u8] = b"GET /small HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n";

/// As a browser sends it.
const BROWSER: &[u8] = b"GET /catalogue/shoes/?colour=red&size=42 HTTP/1.1\r\n\
Host: shop.example.com\r\n\
User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36\r\n\
Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n\
Accept-Encoding: gzip, deflate, br, zstd\r\n\
Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\n\
Cache-Control: max-age=0\r\n\
Connection: keep-alive\r\n\
Cookie: session=0123456789abcdef0123456789abcdef; theme=dark; basket=17\r\n\
Referer: https://shop.example.com/catalogue/\r\n\
Sec-Fetch-Dest: document\r\n\
Sec-Fetch-Mode: navigate\r\n\
Sec-Fetch-Site: same-origin\r\n\
Upgrade-Insecure-Requests: 1\r\n\r\n";

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\n\
Server: origin\r\n\
Date: Mon, 01 Jan 2024 00:00:00 GMT\r\n\
Content-Type: text/html; charset=utf-8\r\n\
Content-Length: 1024\r\n\
Last-Modified: Sun, 31 Dec 2023 00:00:00 GMT\r\n\
ETag: \"6590b280-400\"\r\n\
Cache-Control: max-age=3600\r\n\
Vary: Accept-Encoding\r\n\r\n";

const LIMITS: HeadLimits = HeadLimits { head: 16 << 10, field: 8 << 10, fields: 128, target: 8 << 10 };
const CLEAN: Limits =
    Limits { max_fields: 128, max_field_size: 8 << 10, max_target_size: 8 << 10, max_head_size: 16 << 10 };
const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 77));

/// All of it.
pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("heads");
    for (name, head) in [("small", SMALL), ("browser", BROWSER)] {
        group.bench_function(format!("find the end, {name}"), |bencher| {
            bencher.iter(|| HeadScan::default().find(std::hint::black_box(head), &LIMITS));
        });
        group.bench_function(format!("read a request, {name}"), |bencher| {
            bencher.iter_batched(|| BytesMut::from(head), |head| parse::request(head, &LIMITS), BatchSize::SmallInput);
        });
        group.bench_function(format!("make a request clean, {name}"), |bencher| {
            bencher.iter_batched(
                || read(head),
                |request| sanitize::request(request, CLEAN, PathPolicy::default()),
                BatchSize::SmallInput,
            );
        });
        group.bench_function(format!("tell who asked, {name}"), |bencher| {
            let (trusted, ids) = (Trusted::default(), RequestIds::seeded(1, 2));
            let connection = PerConnection::new(Some(CLIENT), Scheme::Https, &trusted);
            let told = |mut request: CleanRequest| (connection.apply(&mut request, &trusted, &ids), request);
            bencher.iter_batched(|| clean(head), told, BatchSize::SmallInput);
        });
        group.bench_function(format!("write a request, {name}"), |bencher| {
            let request = clean(head);
            let line = RequestLine {
                method: request.method(),
                target: request.target().as_str().as_bytes(),
                host: request.authority().as_bytes(),
                headers: request.headers(),
            };
            let mut out = BytesMut::with_capacity(4096);
            bencher.iter(|| {
                out.clear();
                request_head(&mut out, &line, Outgoing::None, Persistence::Implied);
                out.len()
            });
        });
    }
    group.bench_function("read a response", |bencher| {
        let read = |head| parse::response(head, &LIMITS, TransferCodings::Chunked);
        bencher.iter_batched(|| BytesMut::from(ANSWER), read, BatchSize::SmallInput);
    });
    group.bench_function("make a response clean", |bencher| {
        let clean = |response| sanitize::response(response, &Method::GET);
        bencher.iter_batched(answer, clean, BatchSize::SmallInput);
    });
    group.bench_function("write a response", |bencher| {
        let headers = answer().headers;
        let mut out = BytesMut::with_capacity(4096);
        bencher.iter(|| {
            out.clear();
            response_head(&mut out, StatusCode::OK, &headers, Outgoing::Length(1024), Persistence::Implied);
            out.len()
        });
    });
    group.finish();
}

fn read(head: &[u8]) -> Request {
    let head = parse::request(BytesMut::from(head), &LIMITS).expect("a request");
    Request {
        method: head.method,
        scheme: Scheme::Https,
        authority: head.host.expect("a host"),
        target: Target::parse(head.target).expect("a target"),
        version: Version::HTTP_11,
        headers: head.headers,
        upgrade: None,
        expects_continue: false,
        body: Body::Empty,
    }
}

/// A request as the pipeline sees it.
pub(crate) fn clean(head: &[u8]) -> CleanRequest {
    sanitize::request(read(head), CLEAN, PathPolicy::default()).expect("a clean request")
}

/// A browser's request.
pub(crate) fn browser() -> CleanRequest {
    clean(BROWSER)
}

/// The fields of an answer that may be stored.
pub(crate) fn answer_fields() -> Headers {
    let mut headers = answer().headers;
    headers.set(http::header::DATE, HeaderValue::from_static("Mon, 01 Jan 2024 00:00:00 GMT"));
    headers
}

fn answer() -> Response {
    let head = parse::response(BytesMut::from(ANSWER), &LIMITS, TransferCodings::Chunked).expect("a response");
    Response { status: head.status, headers: head.headers, body: Body::full(Bytes::from(vec![b'x'; 1024])) }
}
