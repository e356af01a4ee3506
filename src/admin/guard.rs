//! Who may ask: a browser must not be made a tool by a page from elsewhere.
//!
//! A page of `evil.example` can let its own name point to 127.0.0.1 ("DNS rebinding") and then read what is there as if it were its
//! own. Such a request carries the foreign name in `Host`. And any page can send a POST anywhere, but it cannot
//! hide its `Origin`.

use std::net::IpAddr;

use http::header::{HOST, HeaderMap, ORIGIN};
use http::{HeaderValue, Method, Uri};

/// Why a request is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stranger {
    /// `Host` is a name that anybody could own.
    Host,
    /// A page from elsewhere sent it.
    Origin,
}

impl Stranger {
    /// The sentence for whoever asked.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Host => {
                "this host name could belong to anybody; ask by IP address, by localhost, or by a name without a dot"
            }
            Self::Origin => "pages from elsewhere may not do this",
        }
    }
}

/// Endings of names that nobody can own in the public DNS (RFC 6761, RFC 6762, RFC 8375, RFC 9476, and what ICANN reserved).
const PRIVATE: [&str; 8] =
    [".localhost", ".local", ".internal", ".home.arpa", ".test", ".alt", ".svc", ".cluster.local"];

/// Whether a page or a change of state may be asked for like this.
pub(crate) fn check(method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), Stranger> {
    let named = headers.get_all(HOST).iter().map(text).chain([uri.authority().map_or("", |name| name.as_str())]);
    if !named.filter(|name| !name.is_empty()).all(is_ours) {
        return Err(Stranger::Host);
    }
    let safe = method == Method::GET || method == Method::HEAD;
    let same = |origin: &HeaderValue| {
        let host = headers.get(HOST).map_or("", text);
        text(origin).split_once("://").is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host))
    };
    if !safe && !headers.get_all(ORIGIN).iter().all(same) {
        return Err(Stranger::Origin);
    }
    Ok(())
}

/// What is no text is no name either.
fn text(value: &HeaderValue) -> &str {
    value.to_str().unwrap_or("?.?")
}

fn is_ours(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => authority.rsplit_once(':').map_or(authority, |(host, _)| host),
    };
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    host.parse::<IpAddr>().is_ok() || !host.contains('.') || PRIVATE.iter().any(|ending| host.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(method: &str, host: &str, origin: Option<&str>) -> Result<(), Stranger> {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.parse().expect("a value"));
        if let Some(origin) = origin {
            headers.insert(ORIGIN, origin.parse().expect("a value"));
        }
        check(&method.parse().expect("a method"), &Uri::from_static("/api/config"), &headers)
    }

    #[test]
    fn names_that_anybody_could_own_are_refused() {
        let cases = [
            ("127.0.0.1:9180", true),
            ("10.1.2.3", true),
            ("[::1]:9180", true),
            ("localhost", true),
            ("LOCALHOST.:9180", true),
            ("tidegate:9180", true),
            ("edge.prod.svc.cluster.local", true),
            ("box.internal:9180", true),
            ("evil.example", false),
            ("evil.example:9180", false),
            ("localhost.evil.example", false),
            ("127.0.0.1.evil.example", false),
            ("evil.example.:9180", false),
            ("ünï.example", false),
        ];
        for (host, allowed) in cases {
            let expected = if allowed { Ok(()) } else { Err(Stranger::Host) };
            assert_eq!(checked("GET", host, None), expected, "{host}");
        }
    }

    #[test]
    fn a_target_with_a_name_is_looked_at_too() {
        let uri = Uri::from_static("http://evil.example/api/config");
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static("localhost"));
        assert_eq!(check(&Method::GET, &uri, &headers), Err(Stranger::Host));
    }

    #[test]
    fn only_its_own_page_may_change_something() {
        let cases = [
            ("POST", None, Ok(())),
            ("POST", Some("http://localhost:9180"), Ok(())),
            ("POST", Some("http://localhost"), Err(Stranger::Origin)),
            ("POST", Some("https://evil.example"), Err(Stranger::Origin)),
            ("POST", Some("null"), Err(Stranger::Origin)),
            ("GET", Some("https://evil.example"), Ok(())),
        ];
        for (method, origin, expected) in cases {
            assert_eq!(checked(method, "localhost:9180", origin), expected, "{method} {origin:?}");
        }
    }
}
