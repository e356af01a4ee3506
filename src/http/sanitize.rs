//! The only maker of a clean request or response. What comes out is safe to route, to store and to write onto another connection;
//! what two servers could read in two ways is refused (defaults.md §4.3).
//!
//! The codecs have settled the framing before. Here go the fields of one hop (RFC 9110 §7.6.1), `Host` becomes the authority, and the
//! path is made clean. `Content-Length` stays only where it says the same as the body, or where it describes a body that is not there
//! (HEAD, 304); a writer takes the framing from the body.

mod clean;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, COOKIE, HOST, TE};
use http::{HeaderName, HeaderValue, Method, StatusCode, Version};

pub use self::clean::{CleanRequest, CleanResponse};
use super::hop::{self, Nominated};
use super::path::{self, PathPolicy};
pub use super::refusal::{BadResponse, Refusal};
use super::{BodyError, Headers, Interim, Length, Request, Response, Text, Upgrade, authority};

/// What a request may have of everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Fields, each cookie crumb counted.
    pub max_fields: usize,
    /// Octets of one field, name and value.
    pub max_field_size: usize,
    /// Octets of path and query.
    pub max_target_size: usize,
    /// Octets of all fields, 32 added for each (RFC 9113 §6.5.2).
    pub max_head_size: usize,
}

/// A refused request and why; the request is there for the log and to end its body.
#[derive(Debug)]
pub struct Refused {
    /// Why.
    pub refusal: Refusal,
    /// What was refused, perhaps changed in part.
    pub request: Request,
}

/// Checks a request that a codec has read, and takes from it what belongs to the client's connection only.
///
/// # Errors
/// [`Refused`]: the request must be answered with [`Refusal::status`] and, in HTTP/1, the connection closed after it.
pub fn request(mut request: Request, limits: Limits, paths: PathPolicy) -> Result<CleanRequest, Box<Refused>> {
    match check(&mut request, limits, paths) {
        Ok(()) => Ok(CleanRequest { request, paths }),
        Err(refusal) => Err(Box::new(Refused { refusal, request })),
    }
}

fn check(request: &mut Request, limits: Limits, paths: PathPolicy) -> Result<(), Refusal> {
    measure(request, limits)?;
    check_method(request)?;
    settle_host(request)?;
    strip_request(request)?;
    check_length(&mut request.headers, request.body.length()).map_err(|_| Refusal::ContentLength)?;
    if !path::is_plain(request.target.path(), paths) {
        // The clone shares its bytes, and the request keeps its target where it is refused.
        request.target = path::clean(request.target.clone(), paths)?;
    }
    Ok(())
}

/// The HTTP/1 codec has held octets to the limits while it read; the h2 crate knows only the sum.
fn measure(request: &Request, limits: Limits) -> Result<(), Refusal> {
    if request.target.text().len() > limits.max_target_size {
        return Err(Refusal::TargetTooLong);
    }
    if request.headers.len() > limits.max_fields {
        return Err(Refusal::TooManyFields);
    }
    if request.version < Version::HTTP_2 {
        return Ok(());
    }
    let field_fits =
        |name: &http::HeaderName, value: &HeaderValue| name.as_str().len() + value.len() <= limits.max_field_size;
    let fits = request.headers.list_size() <= limits.max_head_size
        && request.headers.iter().all(|(name, value)| field_fits(name, value));
    fits.then_some(()).ok_or(Refusal::FieldsTooLarge)
}

fn check_method(request: &mut Request) -> Result<(), Refusal> {
    let tunnel = matches!(request.upgrade, Some(Upgrade::ExtendedConnect(_)));
    if request.method == Method::TRACE || (request.method == Method::CONNECT) != tunnel {
        return Err(Refusal::Method);
    }
    if tunnel && request.version != Version::HTTP_2 || request.target.path() == "*" && request.method != Method::OPTIONS
    {
        return Err(Refusal::Target);
    }
    if request.version == Version::HTTP_10 {
        // RFC 9110 §7.8: an Upgrade in HTTP/1.0 must be ignored, and §10.1.1 the same for 100-continue.
        request.upgrade = None;
        request.expects_continue = false;
    }
    Ok(())
}

/// `Host` becomes the authority (RFC 9112 §3.2, RFC 9113 §8.3.1), or confirms the one of the target.
fn settle_host(request: &mut Request) -> Result<(), Refusal> {
    let mut hosts = request.headers.all(&HOST);
    let host = hosts.next();
    if hosts.next().is_some() {
        return Err(Refusal::HostRepeated);
    }
    let host = host.filter(|host| request.authority.is_empty() || host.as_bytes() != request.authority.as_bytes());
    let host = host.map(clean_host).transpose()?;
    drop(hosts);
    if request.authority.is_empty() {
        return match host {
            Some(host) => {
                request.authority = host;
                Ok(())
            }
            None if request.version == Version::HTTP_10 => Ok(()),
            None => Err(Refusal::HostMissing),
        };
    }
    request.authority = authority::clean(std::mem::take(&mut request.authority)).ok_or(Refusal::HostMalformed)?;
    let differs = |host: &Text| !authority::same(host.as_str(), request.authority.as_str(), request.scheme);
    if host.as_ref().is_some_and(differs) { Err(Refusal::HostMismatch) } else { Ok(()) }
}

/// `http` gives no way to share a value's bytes; a codec that has set the authority to the same bytes spares the copy.
fn clean_host(host: &HeaderValue) -> Result<Text, Refusal> {
    Text::visible(Bytes::copy_from_slice(host.as_bytes())).and_then(authority::clean).ok_or(Refusal::HostMalformed)
}

/// One pass over the fields: those of the hop go, and what the hop said for us is kept elsewhere.
fn strip_request(request: &mut Request) -> Result<(), Refusal> {
    let http2 = request.version >= Version::HTTP_2;
    let nominated = Nominated::of(&request.headers).map_err(|_| Refusal::Connection)?;
    if nominated.any(hop::is_end_to_end) {
        return Err(Refusal::Connection);
    }
    let (mut refusal, mut te_trailers, mut cookies) = (None, false, 0_usize);
    let (mut expects, version) = (request.expects_continue, request.version);
    request.headers.retain(|name, value| match name.as_str() {
        "cookie" => {
            cookies += 1;
            true
        }
        "host" | "proxy" | "proxy-authorization" | "http2-settings" => false,
        "te" => {
            te_trailers |= hop::has_token(value, "trailers");
            if http2 && !value.as_bytes().eq_ignore_ascii_case(b"trailers") {
                refusal = Some(Refusal::ConnectionField);
            }
            false
        }
        "expect" => {
            if !value.as_bytes().eq_ignore_ascii_case(b"100-continue") {
                refusal = Some(Refusal::Expectation);
            }
            expects |= version != Version::HTTP_10;
            false
        }
        other if hop::is_hop_by_hop(other) => {
            if http2 {
                refusal = Some(Refusal::ConnectionField);
            }
            false
        }
        other if hop::is_framing_in_disguise(other) => {
            refusal = Some(Refusal::FramingDisguised);
            false
        }
        other => !nominated.contains(other),
    });
    request.expects_continue = expects;
    if te_trailers {
        request.headers.append(TE, HeaderValue::from_static("trailers"));
    }
    if cookies > 1 {
        join_cookies(&mut request.headers);
    }
    refusal.map_or(Ok(()), Err)
}

/// The crumbs of HTTP/2 become one field (RFC 9113 §8.2.3), so that every reader sees the same cookies.
fn join_cookies(headers: &mut Headers) {
    let mut joined = Vec::with_capacity(headers.all(&COOKIE).map(|crumb| crumb.len() + 2).sum());
    for crumb in headers.all(&COOKIE).filter(|crumb| !crumb.is_empty()) {
        if !joined.is_empty() {
            joined.extend_from_slice(b"; ");
        }
        joined.extend_from_slice(crumb.as_bytes());
    }
    // Values joined by visible octets are a value.
    if let Ok(value) = HeaderValue::from_maybe_shared(Bytes::from(joined)) {
        headers.set(COOKIE, value);
    }
}

/// Holds `Content-Length` to the body; it goes where the body's end is not known ahead.
fn check_length(headers: &mut Headers, body: Length) -> Result<(), BadResponse> {
    match (said_length(headers)?, body) {
        (Some(said), Length::Known(octets)) if said != octets => Err(BadResponse::ContentLength),
        (Some(_), Length::Unknown) => {
            headers.remove(&CONTENT_LENGTH);
            Ok(())
        }
        _ => Ok(()),
    }
}

fn said_length(headers: &Headers) -> Result<Option<u64>, BadResponse> {
    let mut values = headers.all(&CONTENT_LENGTH);
    let Some(value) = values.next() else { return Ok(None) };
    let said = if values.next().is_none() { number(value.as_bytes()) } else { None };
    said.map(Some).ok_or(BadResponse::ContentLength)
}

fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Checks the response of an upstream to a request of that method, and takes from it what belongs to the upstream's connection only.
///
/// `Upgrade` stays on a 101, for the codec that switches the client's connection.
///
/// # Errors
/// [`BadResponse`]: the exchange fails with 502.
pub fn response(mut response: Response, method: &Method) -> Result<CleanResponse, BadResponse> {
    strip_response(&mut response.headers, response.status);
    let status = response.status;
    if status.is_informational() || status == StatusCode::NO_CONTENT {
        response.headers.remove(&CONTENT_LENGTH);
    } else if method == Method::HEAD || status == StatusCode::NOT_MODIFIED {
        // It tells of the body that a GET would have had.
        said_length(&response.headers)?;
    } else {
        check_length(&mut response.headers, response.body.length())?;
    }
    Ok(CleanResponse(response))
}

/// A response that the program makes itself; what it says is its author's word.
pub fn own(mut response: Response) -> CleanResponse {
    strip_response(&mut response.headers, response.status);
    CleanResponse(response)
}

/// A response that was checked before it was stored.
pub fn stored(response: Response) -> CleanResponse {
    CleanResponse(response)
}

/// An interim response, without the fields of the upstream's connection and without a length.
pub fn interim(mut interim: Interim) -> Interim {
    strip_response(&mut interim.headers, interim.status);
    interim.headers.remove(&CONTENT_LENGTH);
    interim
}

fn strip_response(headers: &mut Headers, status: StatusCode) {
    // An upstream that names fields without end gains nothing by it: the names are then not looked at.
    let nominated = Nominated::of(headers).unwrap_or_default();
    headers.retain(|name, _| match name.as_str() {
        "upgrade" => status == StatusCode::SWITCHING_PROTOCOLS,
        "te" | "proxy-authenticate" | "proxy-authentication-info" | "http2-settings" => false,
        name if hop::is_hop_by_hop(name) => false,
        name => nominated.is_empty() || hop::is_end_to_end(name) || !nominated.contains(name),
    });
}

/// Takes from a trailer section what would change how the message before it was framed, routed, authorised or understood
/// (RFC 9110 §6.5.1), or what only this proxy says.
///
/// # Errors
/// [`BodyError::Malformed`] where there are more fields than `limits` allows a head, or larger ones.
pub fn trailers(trailers: &mut Headers, limits: Limits) -> Result<(), BodyError> {
    let large = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len() > limits.max_field_size;
    if trailers.len() > limits.max_fields || trailers.list_size() > limits.max_head_size || trailers.iter().any(large) {
        return Err(BodyError::Malformed);
    }
    trailers.retain(|name, _| hop::may_trail(name.as_str()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{Body, Scheme, Target};

    const LIMITS: Limits =
        Limits { max_fields: 128, max_field_size: 8192, max_target_size: 8192, max_head_size: 16384 };

    /// Head lines as on the wire: `GET /path`, then `name: value`.
    fn asked(version: Version, line: &str, fields: &[(&str, &str)]) -> Request {
        let (method, target) = line.split_once(' ').expect("method and target");
        let text = |text: &str| Text::visible(bytes::Bytes::copy_from_slice(text.as_bytes())).expect("visible");
        Request {
            method: method.parse().expect("a method"),
            scheme: Scheme::Http,
            authority: Text::default(),
            target: Target::parse(text(target)).expect("origin form"),
            version,
            headers: fields.iter().map(|(name, value)| field(name, value)).collect(),
            upgrade: None,
            expects_continue: false,
            body: Body::Empty,
        }
    }

    fn field(name: &str, value: &str) -> (HeaderName, HeaderValue) {
        (name.parse().expect("a name"), HeaderValue::from_str(value).expect("a value"))
    }

    fn seen(headers: &Headers) -> Vec<String> {
        headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap_or("?"))).collect()
    }

    fn refusal(given: Request) -> Option<Refusal> {
        request(given, LIMITS, PathPolicy::default()).err().map(|refused| refused.refusal)
    }

    const H1: Version = Version::HTTP_11;
    const H2: Version = Version::HTTP_2;
    const HOST_A: (&str, &str) = ("host", "a");

    #[test]
    fn fields_of_the_hop_go() {
        for (given, want) in [
            (vec![HOST_A, ("connection", "close"), ("x", "1")], vec!["x: 1"]),
            (vec![HOST_A, ("keep-alive", "timeout=5"), ("proxy-connection", "keep-alive")], vec![]),
            (vec![HOST_A, ("transfer-encoding", "chunked"), ("trailer", "x-sum")], vec!["trailer: x-sum"]),
            (vec![HOST_A, ("connection", "X-One, close"), ("x-one", "1"), ("x-two", "2")], vec!["x-two: 2"]),
            (vec![HOST_A, ("connection", "close"), ("connection", "x-one"), ("X-One", "1"), ("x-one", "2")], vec![]),
            (vec![HOST_A, ("connection", "upgrade"), ("upgrade", "websocket")], vec![]),
            (vec![HOST_A, ("connection", "Upgrade, HTTP2-Settings"), ("http2-settings", "AAMAAABk")], vec![]),
            (vec![HOST_A, ("proxy", "http://evil"), ("proxy-authorization", "Basic eA==")], vec![]),
            (vec![HOST_A, ("keep_alive", "5"), ("Proxy_Connection", "close"), ("x_y", "1")], vec!["x_y: 1"]),
            (vec![HOST_A, ("authorization", "Basic eA==")], vec!["authorization: Basic eA=="]),
            (vec![HOST_A, ("connection", "te"), ("te", "trailers, deflate;q=0.5")], vec!["te: trailers"]),
            (vec![HOST_A, ("te", "deflate")], vec![]),
            (vec![HOST_A, ("te", "trailersx")], vec![]),
            (vec![HOST_A, ("expect", "100-Continue")], vec![]),
            (vec![HOST_A, ("cookie", "a=1"), ("x", "1"), ("cookie", "b=2")], vec!["cookie: a=1; b=2", "x: 1"]),
            (vec![HOST_A, ("cookie", "a=1; b=2")], vec!["cookie: a=1; b=2"]),
            (vec![HOST_A, ("content-length", "0")], vec!["content-length: 0"]),
        ] {
            let clean =
                request(asked(H1, "GET /", &given), LIMITS, PathPolicy::default()).map_err(|refused| refused.refusal);
            assert_eq!(
                clean.map(|clean| seen(clean.headers())),
                Ok(want.iter().map(|&text| text.to_owned()).collect()),
                "{given:?}"
            );
        }
    }

    #[test]
    fn requests_that_are_refused() {
        use Refusal as R;
        for (version, line, fields, want) in [
            (H1, "GET /", vec![], R::HostMissing),
            (H2, "GET /", vec![], R::HostMissing),
            (H1, "GET /", vec![HOST_A, HOST_A], R::HostRepeated),
            (H2, "GET /", vec![HOST_A, HOST_A], R::HostRepeated),
            (H1, "GET /", vec![("host", "")], R::HostMalformed),
            (H1, "GET /", vec![("host", "a b")], R::HostMalformed),
            (H1, "GET /", vec![("host", "a,b")], R::HostMalformed),
            (H1, "GET /", vec![("host", "u@a")], R::HostMalformed),
            (H1, "GET /", vec![("host", "a:99999")], R::HostMalformed),
            (Version::HTTP_10, "GET /", vec![("host", "a/b")], R::HostMalformed),
            (H1, "GET *", vec![HOST_A], R::Target),
            (H1, "GET /a%zz", vec![HOST_A], R::PathEscape),
            (H1, "GET /a%00", vec![HOST_A], R::PathByte),
            (H1, "GET /..%2f", vec![HOST_A], R::PathAmbiguous),
            (H1, "GET /../a", vec![HOST_A], R::PathAboveRoot),
            (H1, "TRACE /", vec![HOST_A], R::Method),
            (H1, "CONNECT /", vec![HOST_A], R::Method),
            (H2, "CONNECT /", vec![HOST_A], R::Method),
            (H1, "GET /", vec![HOST_A, ("connection", "close, authorization")], R::Connection),
            (H1, "GET /", vec![HOST_A, ("connection", "Host")], R::Connection),
            (H1, "GET /", vec![HOST_A, ("connection", "content-length")], R::Connection),
            (H1, "GET /", vec![HOST_A, ("connection", "X-Forwarded-For")], R::Connection),
            (H1, "GET /", vec![HOST_A, ("connection", "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q")], R::Connection),
            (H2, "GET /", vec![HOST_A, ("connection", "close")], R::ConnectionField),
            (H2, "GET /", vec![HOST_A, ("keep-alive", "timeout=5")], R::ConnectionField),
            (H2, "GET /", vec![HOST_A, ("proxy-connection", "close")], R::ConnectionField),
            (H2, "GET /", vec![HOST_A, ("transfer-encoding", "chunked")], R::ConnectionField),
            (H2, "GET /", vec![HOST_A, ("upgrade", "websocket")], R::ConnectionField),
            (H2, "GET /", vec![HOST_A, ("te", "gzip")], R::ConnectionField),
            (H2, "GET /", vec![HOST_A, ("te", "trailers, gzip")], R::ConnectionField),
            (H1, "GET /", vec![HOST_A, ("content_length", "5")], R::FramingDisguised),
            (H1, "GET /", vec![HOST_A, ("Transfer_Encoding", "chunked")], R::FramingDisguised),
            (H2, "GET /", vec![HOST_A, ("transfer_encoding", "chunked")], R::FramingDisguised),
            (H1, "GET /", vec![HOST_A, ("expect", "200-ok")], R::Expectation),
            (H1, "GET /", vec![HOST_A, ("content-length", "1")], R::ContentLength),
            (H1, "GET /", vec![HOST_A, ("content-length", "0"), ("content-length", "0")], R::ContentLength),
            (H1, "GET /", vec![HOST_A, ("content-length", "+0")], R::ContentLength),
            (H1, "GET /", vec![HOST_A, ("content-length", "0, 0")], R::ContentLength),
            (H2, "GET /", vec![HOST_A, ("content-length", "")], R::ContentLength),
        ] {
            assert_eq!(refusal(asked(version, line, &fields)), Some(want), "{version:?} {line} {fields:?}");
        }
    }

    #[test]
    fn host_and_authority() {
        for (version, authority, host, want) in [
            (H1, "", Some("Example.COM:8080"), Ok("example.com:8080")),
            (H1, "a", Some("A"), Ok("a")),
            (H1, "a", Some("a:80"), Ok("a")),
            (H1, "a:80", Some("a"), Ok("a:80")),
            (H1, "A", None, Ok("a")),
            (H1, "a", Some("b"), Err(Refusal::HostMismatch)),
            (H1, "a", Some("a:81"), Err(Refusal::HostMismatch)),
            (H1, "a", Some("a,b"), Err(Refusal::HostMalformed)),
            (H1, "u@a", Some("a"), Err(Refusal::HostMalformed)),
            (H2, "a", None, Ok("a")),
            (H2, "a", Some("b"), Err(Refusal::HostMismatch)),
            (H2, "", Some("a"), Ok("a")),
            (H2, "a,b", None, Err(Refusal::HostMalformed)),
            (Version::HTTP_10, "", None, Ok("")),
        ] {
            let fields: Vec<_> = host.iter().map(|host| ("host", *host)).collect();
            let mut given = asked(version, "GET /", &fields);
            given.authority = Text::visible(bytes::Bytes::copy_from_slice(authority.as_bytes())).expect("visible");
            let clean = request(given, LIMITS, PathPolicy::default()).map_err(|refused| refused.refusal);
            let got = clean.as_ref().map(|clean| clean.authority().as_str()).map_err(|refusal| *refusal);
            assert_eq!(got, want, "{version:?} {authority} {host:?}");
            assert!(!clean.is_ok_and(|clean| clean.headers().contains(&HOST)));
        }
    }

    #[test]
    fn http2_keeps_what_it_may_have() {
        let mut given = asked(H2, "CONNECT /chat", &[HOST_A, ("te", "trailers"), ("sec-websocket-version", "13")]);
        given.upgrade = Some(Upgrade::ExtendedConnect(Text::from_static("websocket")));
        let clean = request(given, LIMITS, PathPolicy::default()).expect("clean");
        assert_eq!(seen(clean.headers()), ["sec-websocket-version: 13", "te: trailers"]);
        let mut given = asked(H1, "CONNECT /chat", &[HOST_A]);
        given.upgrade = Some(Upgrade::ExtendedConnect(Text::from_static("websocket")));
        assert_eq!(refusal(given), Some(Refusal::Target));
        let mut given = asked(H2, "GET /chat", &[HOST_A]);
        given.upgrade = Some(Upgrade::ExtendedConnect(Text::from_static("websocket")));
        assert_eq!(refusal(given), Some(Refusal::Method));
    }

    #[test]
    fn options_of_the_server_and_the_clean_path() {
        let clean = |line| {
            request(asked(H1, line, &[HOST_A]), LIMITS, PathPolicy::default())
                .expect("clean")
                .target()
                .as_str()
                .to_owned()
        };
        assert_eq!(clean("OPTIONS *"), "*");
        assert_eq!(clean("GET /a/./b/../c?d=/../e"), "/a/c?d=/../e");
    }

    #[test]
    fn http10_has_no_upgrade_and_no_interim() {
        let mut given = asked(Version::HTTP_10, "GET /", &[("expect", "100-continue")]);
        given.upgrade = Some(Upgrade::Http1(Text::from_static("websocket")));
        given.expects_continue = true;
        let clean = request(given, LIMITS, PathPolicy::default()).expect("clean");
        assert_eq!((&clean.request().upgrade, clean.request().expects_continue), (&None, false));
        let clean = request(asked(H2, "PUT /", &[HOST_A, ("expect", "100-continue")]), LIMITS, PathPolicy::default())
            .expect("clean");
        assert!(clean.request().expects_continue);
    }

    #[test]
    fn limits_hold() {
        let few = Limits { max_fields: 3, max_field_size: 16, max_target_size: 4, max_head_size: 100 };
        let refusal = |given| request(given, few, PathPolicy::default()).err().map(|refused| refused.refusal);
        let crumbs = [HOST_A, ("cookie", "a"), ("cookie", "b"), ("cookie", "c")];
        assert_eq!(refusal(asked(H2, "GET /", &crumbs)), Some(Refusal::TooManyFields));
        assert_eq!(refusal(asked(H2, "GET /", &crumbs[..2])), None);
        assert_eq!(refusal(asked(H1, "GET /1234", &[HOST_A])), Some(Refusal::TargetTooLong));
        assert_eq!(refusal(asked(H2, "GET /", &[HOST_A, ("x", "0123456789abcdef")])), Some(Refusal::FieldsTooLarge));
        assert_eq!(
            refusal(asked(H2, "GET /", &[HOST_A, ("x", "0123456789"), ("y", "0123456789")])),
            Some(Refusal::FieldsTooLarge)
        );
    }

    fn answered(status: u16, fields: &[(&str, &str)]) -> Response {
        let mut response = Response::new(StatusCode::from_u16(status).expect("a status"));
        response.headers = fields.iter().map(|(name, value)| field(name, value)).collect();
        response
    }

    #[test]
    fn responses_lose_the_fields_of_the_hop() {
        for (status, given, want) in [
            (
                200,
                vec![("connection", "keep-alive"), ("keep-alive", "timeout=5"), ("etag", "\"a\"")],
                vec!["etag: \"a\""],
            ),
            (
                200,
                vec![("connection", "x-a, content-type"), ("x-a", "1"), ("content-type", "a/b")],
                vec!["content-type: a/b"],
            ),
            (
                407,
                vec![("proxy-authenticate", "Basic"), ("www-authenticate", "Basic")],
                vec!["www-authenticate: Basic"],
            ),
            (426, vec![("connection", "upgrade"), ("upgrade", "h2c")], vec![]),
            (101, vec![("connection", "upgrade"), ("upgrade", "websocket")], vec!["upgrade: websocket"]),
            (200, vec![("transfer-encoding", "chunked"), ("trailer", "x")], vec!["trailer: x"]),
            (204, vec![("content-length", "0")], vec![]),
            (304, vec![("content-length", "7")], vec!["content-length: 7"]),
        ] {
            let clean = response(answered(status, &given), &Method::GET).expect("clean");
            assert_eq!(seen(clean.headers()), want, "{status} {given:?}");
        }
        let head = response(answered(200, &[("content-length", "7")]), &Method::HEAD).expect("clean");
        assert_eq!(seen(head.headers()), ["content-length: 7"]);
    }

    #[test]
    fn responses_with_a_wrong_length_are_refused() {
        for (method, fields) in [
            (Method::GET, vec![("content-length", "7")]),
            (Method::GET, vec![("content-length", "0"), ("content-length", "0")]),
            (Method::HEAD, vec![("content-length", "x")]),
            (Method::HEAD, vec![("content-length", "1, 1")]),
        ] {
            let got = response(answered(200, &fields), &method).err();
            assert_eq!(got, Some(BadResponse::ContentLength), "{method} {fields:?}");
        }
    }

    #[test]
    fn an_unknown_end_has_no_length() {
        struct Endless;
        impl super::super::BodyStream for Endless {
            fn poll_frame(
                &mut self,
                _: &mut std::task::Context<'_>,
            ) -> std::task::Poll<Option<Result<super::super::Frame, BodyError>>> {
                std::task::Poll::Ready(None)
            }
            fn length(&self) -> Length {
                Length::Unknown
            }
        }
        let given = answered(200, &[("content-length", "7")]).with_body(Body::stream(Endless));
        assert!(response(given, &Method::GET).expect("clean").headers().is_empty());
    }

    #[test]
    fn interim_responses_are_stripped() {
        let headers =
            answered(200, &[("connection", "close"), ("content-length", "3"), ("link", "</a>; rel=preload")]).headers;
        let hints = interim(Interim { status: StatusCode::EARLY_HINTS, headers });
        assert_eq!(seen(&hints.headers), ["link: </a>; rel=preload"]);
    }

    #[test]
    fn trailers_carry_no_control_fields() {
        let fields = [
            ("grpc-status", "0"),
            ("grpc-message", "ok"),
            ("x-sum", "1"),
            ("etag", "\"a\""),
            ("content-length", "5"),
            ("transfer-encoding", "chunked"),
            ("host", "a"),
            ("set-cookie", "a=b"),
            ("cookie", "a=b"),
            ("authorization", "x"),
            ("content-type", "a/b"),
            ("x-forwarded-for", "1.1.1.1"),
            ("forwarded", "for=1.1.1.1"),
            ("if-match", "*"),
            ("location", "/"),
            ("connection", "close"),
            ("te", "x"),
        ];
        let mut given = answered(200, &fields).headers;
        assert_eq!(trailers(&mut given, LIMITS), Ok(()));
        assert_eq!(seen(&given), ["grpc-status: 0", "grpc-message: ok", "x-sum: 1", "etag: \"a\""]);
        let mut given = answered(200, &fields).headers;
        assert_eq!(trailers(&mut given, Limits { max_fields: 3, ..LIMITS }), Err(BodyError::Malformed));
    }
}
