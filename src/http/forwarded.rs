//! What the upstream is told about the client: `X-Forwarded-*`, `Forwarded` (RFC 7239), `Via` (RFC 9110 §7.6.3), `X-Request-Id`.
//!
//! Fields of a peer that is not trusted are removed, also under names with `_` for `-`, which many frameworks read as the same. A
//! trusted proxy's chain is kept and the peer added to it. `X-Forwarded-For` is believed before `Forwarded`: a proxy that writes only
//! the former passes on the latter as its client sent it.
//!
//! Nearly all requests come from untrusted peers and without such fields: then all of it but the identifier is made once for a
//! connection, as lines that are written as they are, and a request counts one reference to it.

use std::cell::RefCell;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{FORWARDED, VIA};
use http::{HeaderName, HeaderValue, Version};

use super::headers::SharedFields;
use super::request_id::{self, RequestIds};
use super::sanitize::CleanRequest;
use super::trust::{self, Trusted};
use super::{Headers, Scheme, Text, authority};

/// `X-Forwarded-For`
pub const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// `X-Forwarded-Proto`
pub const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// `X-Forwarded-Host`
pub const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
/// `X-Request-Id`
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The name under which this program stands in `Via`.
const PSEUDONYM: &str = "tidegate";

/// Who asked, as far as it can be known.
#[derive(Clone, Debug)]
pub struct Client {
    /// The client's address, or that of the farthest trusted proxy; none for a unix socket.
    pub address: Option<IpAddr>,
    /// Scheme that the client used.
    pub scheme: Scheme,
    /// Authority that the client used; it is another than the request's where a trusted proxy changed `Host`.
    pub authority: Text,
    /// The identifier of the exchange.
    pub request_id: HeaderValue,
    /// How often the request went through a Tidegate before, by its `Via`; many times is a loop.
    pub passes: usize,
}

/// What holds for all requests of one connection.
#[derive(Debug)]
pub struct PerConnection {
    peer: Option<IpAddr>,
    trusted: bool,
    scheme: Scheme,
    peer_text: Option<String>,
    memo: RefCell<Option<Memo>>,
}

/// The fields that hang on the authority, which a client seldom changes.
#[derive(Clone, Debug)]
struct Memo {
    authority: Text,
    scheme: Scheme,
    version: Version,
    fields: Arc<SharedFields>,
}

/// What a request brought with it.
#[derive(Default)]
struct Brought {
    chain: Option<HeaderValue>,
    forwarded: Option<HeaderValue>,
    proto: Option<HeaderValue>,
    host: Option<HeaderValue>,
    id: Option<HeaderValue>,
    passes: usize,
    /// Whether there was a `Via`: our element of that list is the last one.
    via: bool,
}

impl PerConnection {
    /// For a connection from that peer (after the PROXY protocol; none on a unix socket) to a listener of that scheme.
    pub fn new(peer: Option<IpAddr>, scheme: Scheme, trusted: &Trusted) -> Self {
        let peer = peer.map(|address| address.to_canonical());
        let peer_text = peer.map(address_text);
        Self { peer, trusted: trusted.trusts(peer), scheme, peer_text, memo: RefCell::new(None) }
    }

    /// Finds out who asked, and puts what the upstream is told into the request. To be called once, before routing.
    pub fn apply(&self, request: &mut CleanRequest, trusted: &Trusted, ids: &RequestIds) -> Client {
        let mut brought = self.take(request.headers_mut());
        let mut client = Client {
            address: self.peer,
            scheme: self.scheme,
            authority: request.authority().clone(),
            request_id: brought.id.take().unwrap_or_else(|| ids.next()),
            passes: brought.passes,
        };
        let chain = if self.trusted { self.believe(&brought, trusted, &mut client) } else { None };
        request.set_scheme(client.scheme);
        let version = request.request().version;
        let headers = request.headers_mut();
        match chain {
            Some(chain) => {
                self.append_chain(headers, &chain, &client);
                append_own(headers, client.scheme, version);
            }
            None => {
                let usual = self.usual(&client, version);
                if brought.via {
                    usual.iter().for_each(|(name, value)| headers.append(name.clone(), value.clone()));
                } else {
                    headers.put_in_front(usual);
                }
            }
        }
        headers.append(X_REQUEST_ID, client.request_id.clone());
        client
    }

    /// One pass: takes out the fields that are made anew, and everything of that kind that an untrusted peer sent.
    fn take(&self, headers: &mut Headers) -> Brought {
        let mut brought = Brought::default();
        headers.retain(|name, value| {
            let name = name.as_str();
            if name == "via" {
                (brought.via, brought.passes) = (true, brought.passes + passes(value));
                return true;
            }
            if !is_forwarding(name) {
                return true;
            }
            if !self.trusted {
                return false;
            }
            match name {
                "x-forwarded-for" => append_list(&mut brought.chain, value),
                "forwarded" => append_list(&mut brought.forwarded, value),
                "x-forwarded-proto" => brought.proto = Some(value.clone()),
                "x-forwarded-host" => brought.host = Some(value.clone()),
                "x-request-id" => brought.id = Some(value.clone()).filter(request_id::may_keep),
                // Aliases with `_` are nobody's; the others are the trusted proxy's own.
                other => return !other.contains('_'),
            }
            false
        });
        brought
    }

    /// Takes a trusted proxy's word; gives back the nodes that come before the peer, the farthest first.
    fn believe(&self, brought: &Brought, trusted: &Trusted, client: &mut Client) -> Option<Vec<String>> {
        if let Some(scheme) = brought.proto.as_ref().and_then(last_of).and_then(trust::scheme) {
            client.scheme = scheme;
        }
        if let Some(host) = brought.host.as_ref().and_then(last_of).and_then(clean_host) {
            client.authority = host;
        }
        if let Some(chain) = brought.chain.as_ref().and_then(|chain| chain.to_str().ok()) {
            if let Some((_, address)) = trusted.client(chain.rsplit(',').map(str::trim)) {
                client.address = Some(address);
            }
            return Some(chain.split(',').map(|node| node.trim().to_owned()).filter(|node| !node.is_empty()).collect());
        }
        let elements = trust::elements(brought.forwarded.as_ref()?.to_str().ok()?)?;
        let nodes = || elements.iter().map(|element| element.node.as_deref().unwrap_or("unknown"));
        if let Some((at, address)) = trusted.client(nodes().rev()) {
            client.address = Some(address);
            let said = &elements[elements.len() - 1 - at];
            client.scheme = said.proto.unwrap_or(client.scheme);
            if let Some(host) = said.host.as_deref().and_then(clean_host) {
                client.authority = host;
            }
        }
        // A node may be quoted text with commas in it; only addresses go into another list.
        let plain =
            |node| trust::node_address(node).map_or_else(|| "unknown".to_owned(), |address| address.to_string());
        Some(nodes().map(plain).collect())
    }

    fn usual(&self, client: &Client, version: Version) -> Arc<SharedFields> {
        let mut memo = self.memo.borrow_mut();
        let same =
            |memo: &Memo| memo.authority == client.authority && memo.scheme == client.scheme && memo.version == version;
        let memo = match &mut *memo {
            Some(memo) if same(memo) => memo,
            stale => stale.insert(self.remember(client, version)),
        };
        memo.fields.clone()
    }

    fn remember(&self, client: &Client, version: Version) -> Memo {
        let host = client.authority.as_str();
        let (element, proto, via) = (self.element(client), [client.scheme.as_str()], [via(version)]);
        let (peer, host_alone) = (self.peer_text.as_deref().map(|peer| [peer]), [host]);
        let mut told: Vec<(HeaderName, &[&str])> = Vec::with_capacity(5);
        told.extend(peer.as_ref().map(|peer| (X_FORWARDED_FOR, &peer[..])));
        if !host.is_empty() {
            told.push((X_FORWARDED_HOST, &host_alone));
        }
        told.extend([(FORWARDED, &element[..]), (X_FORWARDED_PROTO, &proto), (VIA, &via)]);
        // A copy: the authority may be a slice of a read buffer, which must not live as long as the connection.
        let authority = Text::visible(Bytes::copy_from_slice(host.as_bytes())).unwrap_or_default();
        Memo { authority, scheme: client.scheme, version, fields: SharedFields::of(&told) }
    }

    fn append_chain(&self, headers: &mut Headers, chain: &[String], client: &Client) {
        let mut forwarded = String::with_capacity(64);
        for node in chain {
            write_node(&mut forwarded, node);
            forwarded.push_str(", ");
        }
        forwarded.extend(self.element(client));
        let mut list = chain.join(", ");
        if let Some(peer) = self.peer {
            let comma = if list.is_empty() { "" } else { ", " };
            list.push_str(&format!("{comma}{peer}"));
        }
        let host = HeaderValue::from_bytes(client.authority.as_bytes()).ok().filter(|host| !host.is_empty());
        let fields = [(X_FORWARDED_FOR, value(list)), (X_FORWARDED_HOST, host), (FORWARDED, value(forwarded))];
        for (name, value) in fields {
            if let Some(value) = value {
                headers.append(name, value);
            }
        }
    }

    /// `for=…;host=…;proto=…` of the peer, in parts.
    fn element<'a>(&'a self, client: &'a Client) -> [&'a str; 10] {
        let peer = self.peer_text.as_deref().unwrap_or("unknown");
        let [open, close] = if self.peer.is_some_and(|peer| peer.is_ipv6()) { ["\"[", "]\""] } else { ["", ""] };
        let host = client.authority.as_str();
        let named = if host.is_empty() { "" } else { ";host=" };
        // A clean authority has nothing that would need an escape between the quotes.
        let quote = if host.bytes().all(trust::is_token) { "" } else { "\"" };
        ["for=", open, peer, close, named, quote, host, quote, ";proto=", client.scheme.as_str()]
    }
}

/// An address as text; of the kind that most are without the formatting of the standard library, as this is done for each connection.
fn address_text(address: IpAddr) -> String {
    let IpAddr::V4(address) = address else { return address.to_string() };
    let mut text = String::with_capacity(15);
    for (at, octet) in address.octets().into_iter().enumerate() {
        text.push_str(if at == 0 { "" } else { "." });
        text.push_str(itoa::Buffer::new().format(octet));
    }
    text
}

/// `for=` of a node that somebody else named: an address, or `unknown` for what is none.
fn write_node(out: &mut String, node: &str) {
    match trust::node_address(node) {
        Some(IpAddr::V4(address)) => out.push_str(&format!("for={address}")),
        Some(IpAddr::V6(address)) => out.push_str(&format!("for=\"[{address}]\"")),
        None => out.push_str("for=unknown"),
    }
}

/// `x-forwarded-*`, `forwarded`, `x-real-ip`, `x-request-id`, and the same with `_` for any `-`.
fn is_forwarding(name: &str) -> bool {
    let bytes = name.as_bytes();
    let is_like = |want: &str| {
        bytes.len() == want.len()
            && bytes.iter().zip(want.bytes()).all(|(byte, want)| *byte == want || *byte == b'_' && want == b'-')
    };
    match bytes.first() {
        Some(b'x') => bytes.get(..12).is_some_and(like_prefix) || is_like("x-request-id") || is_like("x-real-ip"),
        Some(b'f') => name == "forwarded",
        _ => false,
    }
}

fn like_prefix(start: &[u8]) -> bool {
    start.iter().zip(b"x-forwarded-").all(|(byte, want)| byte == want || *byte == b'_' && *want == b'-')
}

/// How often this program stands in a `Via` field.
fn passes(via: &HeaderValue) -> usize {
    let by = |element: &str| element.split_ascii_whitespace().nth(1) == Some(PSEUDONYM);
    via.to_str().map_or(0, |list| list.split(',').filter(|element| by(element)).count())
}

/// What this program says of itself and of the way that the client took.
fn append_own(headers: &mut Headers, scheme: Scheme, version: Version) {
    headers.append(X_FORWARDED_PROTO, HeaderValue::from_static(scheme.as_str()));
    headers.append(VIA, HeaderValue::from_static(via(version)));
}

fn via(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "1.0 tidegate",
        Version::HTTP_2 => "2.0 tidegate",
        _ => "1.1 tidegate",
    }
}

/// Several fields of one name are one list (RFC 9110 §5.3).
fn append_list(list: &mut Option<HeaderValue>, more: &HeaderValue) {
    *list = match list.take() {
        None => Some(more.clone()),
        Some(list) => HeaderValue::from_bytes(&[list.as_bytes(), b", ", more.as_bytes()].concat()).ok(),
    };
}

/// The last element of a list: what the nearest proxy said.
fn last_of(list: &HeaderValue) -> Option<&str> {
    list.to_str().ok()?.rsplit(',').next().map(str::trim)
}

fn clean_host(host: &str) -> Option<Text> {
    authority::clean(Text::visible(Bytes::copy_from_slice(host.as_bytes()))?)
}

fn value(text: String) -> Option<HeaderValue> {
    HeaderValue::from_maybe_shared(Bytes::from(text)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{Body, Request, Target, sanitize};
    use http::Method;

    const LIMITS: sanitize::Limits =
        sanitize::Limits { max_fields: 128, max_field_size: 8192, max_target_size: 8192, max_head_size: 16384 };

    fn asked(authority: &str, fields: &[(&str, &str)]) -> CleanRequest {
        let field = |(name, value): &(&str, &str)| {
            (name.parse().expect("a name"), HeaderValue::from_str(value).expect("a value"))
        };
        let request = Request {
            method: Method::GET,
            scheme: Scheme::Http,
            authority: Text::visible(Bytes::copy_from_slice(authority.as_bytes())).expect("visible"),
            target: Target::parse(Text::from_static("/")).expect("a path"),
            version: if authority.is_empty() { Version::HTTP_10 } else { Version::HTTP_11 },
            headers: fields.iter().map(field).collect(),
            upgrade: None,
            expects_continue: false,
            body: Body::Empty,
        };
        sanitize::request(request, LIMITS, Default::default()).expect("clean")
    }

    fn trusted() -> Trusted {
        Trusted::new([("10.0.0.0".parse().expect("an address"), 8), ("127.0.0.1".parse().expect("an address"), 32)])
    }

    fn applied(peer: Option<&str>, authority: &str, fields: &[(&str, &str)]) -> (Client, Vec<String>) {
        let peer = peer.map(|peer| peer.parse().expect("an address"));
        let connection = PerConnection::new(peer, Scheme::Http, &trusted());
        let mut request = asked(authority, fields);
        let client = connection.apply(&mut request, &trusted(), &RequestIds::seeded(1, 1));
        let seen = |(name, value): (&HeaderName, &HeaderValue)| format!("{name}: {}", value.to_str().unwrap_or("?"));
        let id = |line: &String| !line.starts_with("x-request-id");
        assert_eq!(request.scheme(), client.scheme);
        (client, request.headers().iter().map(seen).filter(id).collect())
    }

    #[test]
    fn an_untrusted_peer_is_told_about_and_not_believed() {
        let spoofed = [
            ("x-forwarded-for", "1.1.1.1"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "evil"),
            ("x-forwarded-port", "443"),
            ("x-forwarded-prefix", "/x"),
            ("x_forwarded_for", "1.1.1.1"),
            ("x-forwarded_for", "1.1.1.1"),
            ("x-real-ip", "1.1.1.1"),
            ("x_real_ip", "1.1.1.1"),
            ("x-request-id", "mine"),
            ("forwarded", "for=1.1.1.1"),
            ("x-other", "stays"),
        ];
        let (client, seen) = applied(Some("192.0.2.7"), "a.example:8080", &spoofed);
        let want = [
            "x-forwarded-for: 192.0.2.7",
            "x-forwarded-host: a.example:8080",
            "forwarded: for=192.0.2.7;host=\"a.example:8080\";proto=http",
            "x-forwarded-proto: http",
            "via: 1.1 tidegate",
            "x-other: stays",
        ];
        assert_eq!(seen, want);
        assert_eq!(client.address, Some("192.0.2.7".parse().expect("an address")));
        assert_eq!((client.scheme, client.authority.as_str(), client.passes), (Scheme::Http, "a.example:8080", 0));
        assert_ne!(client.request_id, "mine");
    }

    #[test]
    fn every_kind_of_peer_has_its_form() {
        for (peer, authority, want) in [
            (
                Some("2001:db8::1"),
                "a",
                vec!["x-forwarded-for: 2001:db8::1", "forwarded: for=\"[2001:db8::1]\";host=a;proto=http"],
            ),
            (
                Some("::ffff:192.0.2.1"),
                "a",
                vec!["x-forwarded-for: 192.0.2.1", "forwarded: for=192.0.2.1;host=a;proto=http"],
            ),
            (
                Some("192.0.2.1"),
                "[::1]:80",
                vec!["x-forwarded-for: 192.0.2.1", "forwarded: for=192.0.2.1;host=\"[::1]:80\";proto=http"],
            ),
            (Some("192.0.2.1"), "", vec!["x-forwarded-for: 192.0.2.1", "forwarded: for=192.0.2.1;proto=http"]),
            (None, "a", vec!["forwarded: for=unknown;host=a;proto=http"]),
        ] {
            let (_, mut seen) = applied(peer, authority, &[]);
            seen.retain(|line| line.starts_with("x-forwarded-for") || line.starts_with("forwarded"));
            assert_eq!(seen, want);
        }
    }

    #[test]
    fn a_trusted_chain_is_believed_and_continued() {
        let fields = [
            ("x-forwarded-for", "6.6.6.6, 192.0.2.9"),
            ("x-forwarded-for", "10.0.0.2"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "Public.example"),
            ("x-forwarded-port", "443"),
            ("x-request-id", "abc-1"),
            ("forwarded", "for=6.6.6.6;proto=http"),
        ];
        let (client, seen) = applied(Some("10.0.0.1"), "inner", &fields);
        let want = [
            "x-forwarded-port: 443",
            "x-forwarded-for: 6.6.6.6, 192.0.2.9, 10.0.0.2, 10.0.0.1",
            "x-forwarded-host: public.example",
            "forwarded: for=6.6.6.6, for=192.0.2.9, for=10.0.0.2, for=10.0.0.1;host=public.example;proto=https",
            "x-forwarded-proto: https",
            "via: 1.1 tidegate",
        ];
        assert_eq!(seen, want);
        assert_eq!(client.address, Some("192.0.2.9".parse().expect("an address")));
        assert_eq!((client.scheme, client.authority.as_str()), (Scheme::Https, "public.example"));
        assert_eq!(client.request_id, "abc-1");
    }

    #[test]
    fn forwarded_alone_is_believed_by_element() {
        let field = "for=\"6.6.6.6, 7.7.7.7\";proto=http, for=\"[2001:db8::9]:99\";proto=https;host=public, for=10.0.0.2;proto=http;host=x";
        let (client, seen) = applied(Some("10.0.0.1"), "inner", &[("forwarded", field)]);
        assert_eq!(client.address, Some("2001:db8::9".parse().expect("an address")));
        assert_eq!((client.scheme, client.authority.as_str()), (Scheme::Https, "public"));
        assert_eq!(seen[0], "x-forwarded-for: unknown, 2001:db8::9, 10.0.0.2, 10.0.0.1");
        assert_eq!(
            seen[2],
            "forwarded: for=unknown, for=\"[2001:db8::9]\", for=10.0.0.2, for=10.0.0.1;host=public;proto=https"
        );
    }

    #[test]
    fn what_a_trusted_proxy_may_say_wrongly() {
        for (name, value) in [
            ("forwarded", "for=1.1.1.1;;"),
            ("x-forwarded-proto", "gopher"),
            ("x-forwarded-host", "a b"),
            ("x-forwarded-for", "unknown"),
            ("x-forwarded-for", "1.1.1.1, nonsense"),
        ] {
            let (client, _) = applied(Some("10.0.0.1"), "inner", &[(name, value)]);
            assert_eq!(client.address, Some("10.0.0.1".parse().expect("an address")), "{name}: {value}");
            assert_eq!((client.scheme, client.authority.as_str()), (Scheme::Http, "inner"), "{name}: {value}");
        }
    }

    #[test]
    fn of_several_words_the_nearest_counts() {
        let (client, _) = applied(
            Some("10.0.0.1"),
            "inner",
            &[("x-forwarded-proto", "http, https"), ("x-forwarded-host", "evil, good")],
        );
        assert_eq!((client.scheme, client.authority.as_str()), (Scheme::Https, "good"));
    }

    #[test]
    fn a_unix_peer_counts_as_the_loopback() {
        let (client, seen) = applied(None, "a", &[("x-forwarded-for", "192.0.2.9")]);
        assert_eq!(client.address, Some("192.0.2.9".parse().expect("an address")));
        assert_eq!(seen[0], "x-forwarded-for: 192.0.2.9");
        assert_eq!(seen[2], "forwarded: for=192.0.2.9, for=unknown;host=a;proto=http");
    }

    #[test]
    fn via_is_continued_and_counted() {
        let (client, seen) =
            applied(Some("192.0.2.1"), "a", &[("via", "1.1 x, 1.1 tidegate (c)"), ("via", "2.0 tidegate")]);
        assert_eq!(client.passes, 2);
        let via: Vec<_> = seen.iter().filter(|line| line.starts_with("via")).collect();
        assert_eq!(via, ["via: 1.1 x, 1.1 tidegate (c)", "via: 2.0 tidegate", "via: 1.1 tidegate"]);
    }

    #[test]
    fn values_are_made_once_for_an_authority() {
        let connection = PerConnection::new("192.0.2.1".parse().ok(), Scheme::Https, &trusted());
        let address = |authority| {
            let mut request = asked(authority, &[]);
            let _ = connection.apply(&mut request, &trusted(), &RequestIds::seeded(1, 1));
            let value = request.headers().first(&FORWARDED).cloned().expect("set");
            (value.as_bytes().as_ptr(), value)
        };
        let (one, other) = (address("a"), address("a"));
        assert_eq!(one, other);
        assert_eq!(address("b").1, "for=192.0.2.1;host=b;proto=https");
        assert_eq!(address("a").1, one.1);
    }
}
