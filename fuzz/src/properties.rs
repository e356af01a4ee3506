//! What holds for any bytes: nothing panics, and what is let through means one thing to everybody.

use bytes::{Bytes, BytesMut};
use http::{HeaderName, HeaderValue, Method, Version};
use tidegate::cache::key::{Recipe, address_of};
use tidegate::cache::policy::{RequestDirectives, RequestView, ResponseDirectives};
use tidegate::http::conditional::Validators;
use tidegate::http::negotiate::{self, Coding};
use tidegate::http::path::{Backslashes, DotSegments, EncodedSlashes, Escapes, PathPolicy};
use tidegate::http::sanitize::{self, CleanRequest, Limits};
use tidegate::http::{Body, Headers, Length, Request, Scheme, Target, Text, normal, path, range, structured};
use tidegate::wire::h1::encode::{Outgoing, Persistence, RequestLine, request_head};
use tidegate::wire::h1::parse::{self, Framing, HeadLimits, HeadScan};
use tidegate::wire::proxy_protocol;

use super::strict::{self, Reading};

const HEAD: HeadLimits = HeadLimits { head: 16 << 10, field: 8 << 10, fields: 128, target: 8 << 10 };
const LIMITS: Limits =
    Limits { max_fields: 128, max_field_size: 8 << 10, max_target_size: 8 << 10, max_head_size: 16 << 10 };

/// A config is taken or refused, with a report that can be written.
pub fn config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let nothing = |_: &str| None;
    match tidegate::config::parse("fuzz.toml", text, &nothing) {
        Ok(loaded) => drop(loaded),
        Err(problems) => {
            assert!(!problems.render(false).is_empty());
        }
    }
}

/// Lines as the values of one field.
fn lines(bytes: &[u8]) -> Vec<HeaderValue> {
    bytes.split(|byte| *byte == b'\n').filter_map(|line| HeaderValue::from_bytes(line).ok()).collect()
}

fn fields(name: HeaderName, bytes: &[u8]) -> Headers {
    let mut headers = Headers::default();
    lines(bytes).into_iter().for_each(|line| headers.append(name.clone(), line));
    headers
}

/// A PROXY header is known by its front: more bytes do not change what was read.
pub fn proxy_protocol(bytes: &[u8]) {
    let whole = proxy_protocol::parse(bytes);
    if let proxy_protocol::Parse::Done { header_len, .. } = &whole {
        assert!(*header_len <= bytes.len() && *header_len > 0);
        let alone = proxy_protocol::parse(&bytes[..*header_len]);
        assert_eq!(format!("{alone:?}"), format!("{whole:?}"));
    }
}

/// Ranges stay within the content, do not overlap, and are not too many.
pub fn range(bytes: &[u8]) {
    let (length, bytes) = match bytes.split_first_chunk::<4>() {
        Some((length, rest)) => (u64::from(u32::from_be_bytes(*length)), rest),
        None => (1000, bytes),
    };
    let headers = fields(http::header::RANGE, bytes);
    match range::select(&Method::GET, &headers, Validators::default(), length) {
        range::Selection::One(span) => assert!(span.first <= span.last && span.last < length, "{span:?} of {length}"),
        range::Selection::Several(spans) => {
            assert!(spans.iter().all(|span| span.first <= span.last && span.last < length), "{spans:?}");
        }
        _ => {}
    }
}

/// Directives are read in any order of octets.
pub fn cache_control(bytes: &[u8]) {
    let headers = fields(http::header::CACHE_CONTROL, bytes);
    let first = format!("{:?}", ResponseDirectives::read(&headers));
    assert_eq!(first, format!("{:?}", ResponseDirectives::read(&headers)));
    let mut asked = RequestDirectives::default();
    lines(bytes).iter().for_each(|line| asked.read(line));
}

/// Structured fields are read or refused as a whole.
pub fn structured_fields(bytes: &[u8]) {
    let lines = lines(bytes);
    if let Some(dictionary) = structured::dictionary(lines.iter()) {
        for (name, member) in dictionary.iter() {
            assert!(!name.is_empty() && dictionary.member(name) == Some(member), "the last of a name counts");
        }
    }
    let _ = structured::list(lines.iter());
    let _ = structured::item(lines.iter());
}

/// A coding that is chosen is one that the client takes.
pub fn accept_encoding(bytes: &[u8]) {
    let headers = fields(http::header::ACCEPT_ENCODING, bytes);
    let chosen = negotiate::coding(&headers, [Coding::Zstd, Coding::Br, Coding::Gzip]);
    if [Coding::Zstd, Coding::Br, Coding::Gzip].contains(&chosen) {
        assert!(negotiate::takes(&headers, chosen), "{chosen:?}");
    }
    let _ = negotiate::refuses_identity(&headers);
}

fn target(bytes: &[u8]) -> Option<Target> {
    Target::parse(Text::visible(Bytes::copy_from_slice(bytes))?)
}

/// One of all policies.
fn policy(number: u8) -> PathPolicy {
    let slashes = [EncodedSlashes::Keep, EncodedSlashes::Reject, EncodedSlashes::Decode];
    PathPolicy {
        merge_slashes: number & 1 > 0,
        dot_segments: if number & 2 > 0 { DotSegments::Reject } else { DotSegments::Resolve },
        backslashes: if number & 4 > 0 { Backslashes::Slash } else { Backslashes::Reject },
        escapes: if number & 8 > 0 { Escapes::Normal } else { Escapes::Keep },
        encoded_slashes: slashes[usize::from(number >> 4) % 3],
    }
}

/// A clean path is clean for everybody: again, decoded once, and with encoded slashes as slashes; and the upstream, the cache and
/// the routes know the same one. The first byte chooses the policy.
pub fn path(bytes: &[u8]) {
    let Some((number, bytes)) = bytes.split_first() else { return };
    let policy = policy(*number);
    let Some(target) = target(bytes) else { return };
    let Ok(clean) = path::clean(target.clone(), policy) else { return };
    assert_eq!(
        path::clean(clean.clone(), policy).map(|again| again.as_str().to_owned()),
        Ok(clean.as_str().to_owned())
    );
    assert_eq!(clean.query(), target.query());
    let path = clean.path();
    if path == "*" {
        return;
    }
    let decoded = path::unescape(path).expect("a clean path has no broken escape");
    for segment in decoded.split(|byte| matches!(byte, b'/' | b'\\')) {
        let name = segment.split(|byte| *byte == b';').next().unwrap_or_default();
        assert!(name != b"." && name != b"..", "{path}");
    }
    assert!(!decoded.contains(&0));
    assert!(!(policy.merge_slashes && path.contains("//")), "{path}");
    let separators = decoded.iter().filter(|byte| matches!(byte, b'/' | b'\\')).count();
    let plain = path.bytes().filter(|byte| *byte == b'/').count();
    assert!(policy.encoded_slashes == EncodedSlashes::Keep || separators == plain, "{path}");
    assert!(policy.escapes == Escapes::Keep || normal::normal(path, &mut String::new()) == path, "{path}");
    one_path(target, &clean, policy);
}

/// What routes are given, what is written to the upstream and what the cache files it under.
fn one_path(target: Target, clean: &Target, policy: PathPolicy) {
    let request = Request {
        method: Method::GET,
        scheme: Scheme::Http,
        authority: Text::from_static("a.example"),
        target,
        version: Version::HTTP_11,
        headers: Headers::default(),
        upgrade: None,
        expects_continue: false,
        body: Body::Empty,
    };
    let large = Limits { max_target_size: usize::MAX, ..LIMITS };
    let request = sanitize::request(request, large, policy).expect("its path is clean");
    let (mut rooms, routed) = ([String::new(), String::new()], request.target().path());
    assert_eq!(routed, clean.path());
    let line = RequestLine {
        method: request.method(),
        target: request.target().as_str().as_bytes(),
        host: request.authority().as_bytes(),
        headers: request.headers(),
    };
    let mut out = BytesMut::new();
    request_head(&mut out, &line, Outgoing::None, Persistence::Implied);
    let Reading::Whole(upstream, _) = strict::request(&out) else { panic!("{}", String::from_utf8_lossy(&out)) };
    assert_eq!(upstream.line, format!("GET {}", clean.as_str()));
    let mut key = Vec::new();
    Recipe::default().write(&RequestView::of(&request), None, &mut key);
    assert_eq!(
        key[address_of(&key)].escape_ascii().to_string(),
        format!("http://a.example{}", clean.as_str()).as_bytes().escape_ascii().to_string()
    );
    // Whoever compares normal forms, here or behind, compares the same.
    let [ours, theirs] = &mut rooms;
    let behind = upstream.line.trim_start_matches("GET ").split('?').next().unwrap_or_default();
    assert_eq!(normal::normal(routed, ours), normal::normal(behind, theirs));
}

/// The request in a head, where it is one that could go on.
fn clean_request(bytes: &[u8]) -> Option<(CleanRequest, Framing)> {
    let end = HeadScan::default().find(bytes, &HEAD).ok()??;
    let head = parse::request(BytesMut::from(&bytes[..end]), &HEAD).ok()?;
    let target = Target::parse(head.target)?;
    let mut headers = head.headers;
    if head.framing == Framing::Chunked {
        headers.remove(&http::header::CONTENT_LENGTH);
    }
    let body = match head.framing {
        Framing::None | Framing::UntilClose => Body::Empty,
        Framing::Length(length @ ..=4096) => Body::Full(vec![b'x'; length as usize].into()),
        Framing::Length(_) => return None,
        Framing::Chunked => Body::Empty,
    };
    let request = Request {
        method: head.method,
        scheme: Scheme::Http,
        authority: head.host.unwrap_or_default(),
        target,
        version: head.version,
        headers,
        upgrade: None,
        expects_continue: false,
        body,
    };
    Some((sanitize::request(request, LIMITS, PathPolicy::default()).ok()?, head.framing))
}

/// No bytes make the codec or the cleaning panic, and a clean request stays clean.
pub fn sanitize(bytes: &[u8]) {
    let Some((clean, _)) = clean_request(bytes) else { return };
    let (host, target) = (clean.authority().clone(), clean.target().as_str().to_owned());
    let again = sanitize::request(clean.into_request(), LIMITS, PathPolicy::default()).expect("what is clean is clean");
    assert_eq!((again.authority().as_str(), again.target().as_str()), (host.as_str(), target.as_str()));
}

/// What goes on is one request to two other readers, and means what was understood.
pub fn differential(bytes: &[u8]) {
    let Some((clean, framing)) = clean_request(bytes) else { return };
    let mut headers = clean.headers().clone();
    headers.remove(&http::header::CONTENT_LENGTH);
    let (outgoing, body): (Outgoing, Vec<u8>) = match (framing, clean.request().body.length()) {
        (Framing::Chunked, _) => (Outgoing::Chunked, b"4\r\nbody\r\n0\r\n\r\n".to_vec()),
        (Framing::Length(_), Length::Known(length)) => (Outgoing::Length(length), vec![b'x'; length as usize]),
        _ => (Outgoing::None, Vec::new()),
    };
    let line = RequestLine {
        method: clean.method(),
        target: clean.target().as_str().as_bytes(),
        host: clean.authority().as_bytes(),
        headers: &headers,
    };
    let mut out = BytesMut::new();
    request_head(&mut out, &line, outgoing, Persistence::Implied);
    out.extend_from_slice(&body);
    by_httparse(&out, &clean, &body);
    by_strict(&out, &clean, outgoing);
}

fn by_httparse(out: &[u8], clean: &CleanRequest, body: &[u8]) {
    let mut storage = [httparse::EMPTY_HEADER; 256];
    let mut request = httparse::Request::new(&mut storage);
    let shown = || String::from_utf8_lossy(out).into_owned();
    let length = match request.parse(out) {
        Ok(httparse::Status::Complete(length)) => length,
        other => panic!("{other:?}: {}", shown()),
    };
    assert_eq!(length, out.len() - body.len(), "where the head ends: {}", shown());
    assert_eq!(request.method, Some(clean.method().as_str()));
    assert_eq!(request.path, Some(clean.target().as_str()));
    assert_eq!(request.version, Some(1));
    let count = |name: &str| request.headers.iter().filter(|field| field.name.eq_ignore_ascii_case(name)).count();
    assert_eq!(count("host"), 1, "{}", shown());
    assert!(count("content-length") + count("transfer-encoding") <= 1, "{}", shown());
}

fn by_strict(out: &[u8], clean: &CleanRequest, outgoing: Outgoing) {
    match strict::request(out) {
        Reading::Whole(request, length) => {
            assert_eq!(length, out.len(), "one request, and nothing behind it");
            assert_eq!(request.line, format!("{} {}", clean.method(), clean.target().as_str()));
            assert_eq!(request.all("host"), [clean.authority().as_bytes()]);
            let body = match outgoing {
                Outgoing::Chunked => 4,
                Outgoing::Length(length) => length as usize,
                _ => 0,
            };
            assert_eq!(request.body.len(), body);
        }
        Reading::Part => panic!("not whole: {}", String::from_utf8_lossy(out)),
        Reading::Wrong(why) => panic!("{why}: {}", String::from_utf8_lossy(out)),
    }
    assert_ne!(clean.request().version, Version::HTTP_09);
}
