//! What an unsafe request makes invalid (§4.4).

use bytes::Bytes;
use http::Method;
use http::header::{CONTENT_LOCATION, LOCATION};

use crate::http::path::{self, PathPolicy};
use crate::http::{Scheme, Target, Text, authority};

use super::{RequestView, ResponseView, tags};

/// The address of something stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Scheme.
    pub scheme: Scheme,
    /// Host and port in lower case, without the scheme's own port.
    pub authority: Text,
    /// Path and query.
    pub target: Target,
    /// By which policy its path was made clean, and that of what is found from it.
    pub paths: PathPolicy,
}

/// What is to be made invalid: every variant stored for these addresses, on every route.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Invalidation {
    /// The address of the request, `Location` and `Content-Location` where they are of the same origin; each once.
    pub addresses: Vec<Address>,
    /// Groups of the request's origin (`Cache-Group-Invalidation`, RFC 9875 §3).
    pub groups: Vec<Box<str>>,
}

impl Invalidation {
    /// Whether nothing becomes invalid.
    pub fn is_empty(&self) -> bool {
        self.addresses.is_empty() && self.groups.is_empty()
    }
}

/// What the final response to a request makes invalid: something only where the method is not known to be safe and the status says
/// that it was done (2xx, 3xx).
pub fn invalidated_by(asked: &RequestView<'_>, response: &ResponseView<'_>) -> Invalidation {
    if is_safe(asked.method) || !(response.status.is_success() || response.status.is_redirection()) {
        return Invalidation::default();
    }
    let here = Address::of(asked);
    let mut addresses = Vec::with_capacity(1);
    for name in [LOCATION, CONTENT_LOCATION] {
        let named = response.headers.text(&name).and_then(|reference| here.resolve(reference));
        let other = |address: &Address| address.same_origin(&here) && *address != here && !addresses.contains(address);
        addresses.extend(named.filter(other));
    }
    addresses.insert(0, here);
    Invalidation { addresses, groups: tags::invalidated_groups(response.headers) }
}

/// Whether the method is registered as safe; of what is unknown, the worst is assumed.
pub fn is_safe(method: &Method) -> bool {
    matches!(method.as_str(), "GET" | "HEAD" | "OPTIONS" | "TRACE" | "PROPFIND" | "REPORT" | "SEARCH" | "QUERY")
}

impl Address {
    /// Of a request (§2: the target URI).
    pub fn of(asked: &RequestView<'_>) -> Self {
        let (scheme, paths) = (asked.scheme, asked.paths);
        Self { scheme, authority: shortest(asked.authority, scheme), target: asked.target.clone(), paths }
    }

    /// An absolute URL of `http` or `https`, brought to the form in which requests are known; `None` where it is none.
    pub fn parse(url: &str, paths: PathPolicy) -> Option<Self> {
        let (scheme, rest) = scheme_of(url.split('#').next().unwrap_or_default())?;
        rest.strip_prefix("//").and_then(|rest| Self::absolute(scheme?, rest, paths))
    }

    /// The same by each of several policies, each address once; the first policy's first. Empty where it is no URL to any of them.
    pub fn by_all(url: &str, policies: &[PathPolicy]) -> Vec<Self> {
        let mut found: Vec<Self> = Vec::new();
        for address in policies.iter().filter_map(|paths| Self::parse(url, *paths)) {
            if !found.iter().any(|known| known.target == address.target) {
                found.push(address);
            }
        }
        found
    }

    /// The URL.
    pub fn url(&self) -> String {
        format!("{}://{}{}", self.scheme.as_str(), self.authority, self.target.as_str())
    }

    /// What a reference means here (RFC 3986 §5.2), without its fragment; `None` where it is no `http` address that could be asked for.
    pub fn resolve(&self, reference: &str) -> Option<Self> {
        let reference = reference.split('#').next().unwrap_or_default();
        if scheme_of(reference).is_some() {
            return Self::parse(reference, self.paths);
        }
        if let Some(rest) = reference.strip_prefix("//") {
            return Self::absolute(self.scheme, rest, self.paths);
        }
        let path = self.target.path();
        let target = match reference.as_bytes().first() {
            None => return Some(self.clone()),
            Some(b'/') => reference.to_owned(),
            Some(b'?') => format!("{path}{reference}"),
            // A relative path stands beside the last segment.
            Some(_) => format!("{}/{reference}", &path[..path.rfind('/')?]),
        };
        Some(Self { target: clean(target, self.paths)?, ..self.clone() })
    }

    /// From what follows `http://`.
    fn absolute(scheme: Scheme, rest: &str, paths: PathPolicy) -> Option<Self> {
        let host_end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (host, target) = rest.split_at(host_end);
        let host = authority::clean(Text::visible(Bytes::copy_from_slice(host.as_bytes()))?)?;
        let slash = if target.starts_with('/') { "" } else { "/" };
        let target = clean(format!("{slash}{target}"), paths)?;
        Some(Self { scheme, authority: shortest(host.as_str(), scheme), target, paths })
    }

    /// Whether both have the same scheme, host and port (RFC 9110 §4.3.1).
    pub fn same_origin(&self, other: &Self) -> bool {
        self.scheme == other.scheme && self.authority == other.authority
    }
}

fn shortest(authority: &str, scheme: Scheme) -> Text {
    let text = Bytes::copy_from_slice(authority::shortest(authority, scheme).as_bytes());
    // What came as an authority was visible ASCII already.
    Text::visible(text).unwrap_or_default()
}

/// The path as the front of the program makes it, so that it is the path of a key.
fn clean(target: String, paths: PathPolicy) -> Option<Target> {
    path::clean(Target::parse(Text::visible(target.into())?)?, paths).ok()
}

/// The scheme of a reference and what follows its colon; the inner `None` is one that is not ours.
fn scheme_of(reference: &str) -> Option<(Option<Scheme>, &str)> {
    let (scheme, rest) = reference.split_once(':')?;
    let part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    if !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) || !scheme.bytes().all(part) {
        return None;
    }
    let ours = [Scheme::Http, Scheme::Https].into_iter().find(|known| scheme.eq_ignore_ascii_case(known.as_str()));
    Some((ours, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::policy::tests::{Ask, headers};
    use http::StatusCode;

    #[test]
    fn references() {
        let ask = Ask::new(Method::POST, "/a/b?q", headers(&[]));
        let here = Address::of(&RequestView { authority: "example.org:80", ..ask.view() });
        for (reference, want) in [
            ("", Some("http://example.org/a/b?q")),
            ("#x", Some("http://example.org/a/b?q")),
            ("c", Some("http://example.org/a/c")),
            ("./c?d#e", Some("http://example.org/a/c?d")),
            ("../c", Some("http://example.org/c")),
            ("?x", Some("http://example.org/a/b?x")),
            ("/c", Some("http://example.org/c")),
            ("//other.org:8080/c", Some("http://other.org:8080/c")),
            ("https://Example.ORG:443", Some("https://example.org/")),
            ("HTTP://example.org?x", Some("http://example.org/?x")),
            ("mailto:a@b", None),
            ("http:c", None),
            ("http://a b/", None),
            ("http://user@example.org/", None),
            ("../../c", None),
            ("a/%zz", None),
            ("/a b", None),
            ("/a:b", Some("http://example.org/a:b")),
        ] {
            assert_eq!(here.resolve(reference).as_ref().map(Address::url).as_deref(), want, "{reference}");
        }
    }

    #[test]
    fn references_are_made_clean_like_requests() {
        let merge = PathPolicy { merge_slashes: true, ..PathPolicy::default() };
        let ask = Ask::new(Method::POST, "/a/b", headers(&[]));
        let here = Address::of(&RequestView { paths: merge, ..ask.view() });
        for (reference, want) in [("/c//d", "/c/d"), ("c//../d", "/a/d"), ("http://example.org//c//d", "/c/d")] {
            assert_eq!(here.resolve(reference).map(|found| found.target.as_str().to_owned()).as_deref(), Some(want));
        }
        let both = Address::by_all("http://example.org/c//d", &[PathPolicy::default(), merge]);
        assert_eq!(
            both.iter().map(Address::url).collect::<Vec<_>>(),
            ["http://example.org/c//d", "http://example.org/c/d"]
        );
        assert_eq!(Address::by_all("http://example.org/c", &[PathPolicy::default(), merge]).len(), 1);
        assert!(Address::by_all("no URL", &[merge]).is_empty());
    }

    fn invalid(method: &str, status: u16, fields: &[(&str, &str)]) -> Vec<String> {
        let ask = Ask::new(Method::from_bytes(method.as_bytes()).unwrap(), "/a", headers(&[]));
        let fields = headers(fields);
        let response = ResponseView { status: StatusCode::from_u16(status).unwrap(), headers: &fields };
        invalidated_by(&ask.view(), &response).addresses.iter().map(Address::url).collect()
    }

    #[test]
    fn unsafe_requests_that_were_done() {
        const HERE: &str = "http://example.org/a";
        for method in ["POST", "PUT", "DELETE", "PATCH", "M-SEARCH", "FOO"] {
            assert_eq!(invalid(method, 200, &[]), [HERE], "{method}");
            assert_eq!(invalid(method, 303, &[]), [HERE], "{method}");
            assert!(invalid(method, 400, &[]).is_empty(), "{method}");
            assert!(invalid(method, 500, &[("location", "/b")]).is_empty(), "{method}");
        }
        for method in ["GET", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "SEARCH", "QUERY"] {
            assert!(invalid(method, 200, &[("location", "/b")]).is_empty(), "{method}");
        }
    }

    #[test]
    fn what_the_response_names_beside() {
        const HERE: &str = "http://example.org/a";
        let found = invalid("POST", 201, &[("location", "/b"), ("content-location", "c?d")]);
        assert_eq!(found, [HERE, "http://example.org/b", "http://example.org/c?d"]);
        assert_eq!(invalid("POST", 201, &[("location", "/b"), ("content-location", "/b")]).len(), 2);
        assert_eq!(invalid("POST", 201, &[("location", "/a")]), [HERE]);
        for elsewhere in ["https://example.org/b", "http://other.org/b", "http://example.org:8080/b", "//other.org/b"] {
            assert_eq!(invalid("POST", 201, &[("location", elsewhere)]), [HERE], "{elsewhere}");
        }
    }

    #[test]
    fn groups() {
        let ask = Ask::new(Method::POST, "/a", headers(&[]));
        let fields = headers(&[("cache-group-invalidation", "\"g\", \"h\"")]);
        let response = ResponseView { status: StatusCode::NO_CONTENT, headers: &fields };
        assert_eq!(invalidated_by(&ask.view(), &response).groups, ["g".into(), "h".into()] as [Box<str>; 2]);
        let ask = Ask::get("/a");
        assert!(invalidated_by(&ask.view(), &response).is_empty());
    }
}
