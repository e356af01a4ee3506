//! Who may ask: a browser must not be made a tool by a page from elsewhere.
//!
//! A page of `evil.example` can let its own name point to 127.0.0.1 ("DNS rebinding") and then read what is there as if it were its
//! own. Such a request carries the foreign name in `Host`. And any page can send a POST anywhere, but it cannot
//! hide its `Origin`; newer browsers say `Sec-Fetch-Site` too, also where they send no `Origin`.
//!
//! Beyond loopback and a unix socket a token is asked for: whoever shows it is no page that was led here.

use std::net::IpAddr;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use http::header::{AUTHORIZATION, HOST, HeaderMap, ORIGIN};
use http::{HeaderValue, Method, Uri};

use crate::config::model;

/// Who may come in.
#[derive(Clone, Debug)]
pub(crate) struct Gate {
    token: Option<model::Secret>,
    /// Names of this address beside those that nobody else can own, lower case.
    pub(crate) hosts: Vec<String>,
}

impl Gate {
    pub(crate) fn new(admin: &model::Admin) -> Self {
        Self { token: admin.token.clone(), hosts: admin.hosts.clone() }
    }

    pub(crate) fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// Whether a request shows the token, where there is one. The time it takes does not depend on how much of it is right.
    pub(crate) fn knows(&self, headers: &HeaderMap) -> bool {
        let Some(token) = &self.token else { return true };
        let shown = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes).and_then(|value| {
            let (scheme, shown) = value.split_at_checked("Bearer ".len())?;
            scheme.eq_ignore_ascii_case(b"Bearer ").then_some(shown)
        });
        shown.is_some_and(|shown| verify_slices_are_equal(shown, token.reveal().as_bytes()).is_ok())
    }
}

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
pub(crate) fn check(method: &Method, uri: &Uri, headers: &HeaderMap, hosts: &[String]) -> Result<(), Stranger> {
    let named = headers.get_all(HOST).iter().map(text).chain([uri.authority().map_or("", |name| name.as_str())]);
    if !named.filter(|name| !name.is_empty()).all(|name| is_ours(name, hosts)) {
        return Err(Stranger::Host);
    }
    let safe = method == Method::GET || method == Method::HEAD;
    let same = |origin: &HeaderValue| {
        let host = headers.get(HOST).map_or("", text);
        text(origin).split_once("://").is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host))
    };
    if !headers.get_all(ORIGIN).iter().all(same) {
        return Err(Stranger::Origin);
    }
    // Somebody may follow a link to a page that shows something; nothing else may come from elsewhere.
    let site = headers.get("sec-fetch-site").map_or("none", text);
    let follows = safe && headers.get("sec-fetch-mode").map_or("", text) == "navigate";
    if !follows && !matches!(site, "none" | "same-origin") {
        return Err(Stranger::Origin);
    }
    Ok(())
}

/// What is no text is no name either.
fn text(value: &HeaderValue) -> &str {
    value.to_str().unwrap_or("?.?")
}

fn is_ours(authority: &str, hosts: &[String]) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => authority.rsplit_once(':').map_or(authority, |(host, _)| host),
    };
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let named = hosts.contains(&host);
    named
        || host.parse::<IpAddr>().is_ok()
        || !host.contains('.')
        || PRIVATE.iter().any(|ending| host.ends_with(ending))
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
        check(&method.parse().expect("a method"), &Uri::from_static("/api/config"), &headers, &[])
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
        assert_eq!(check(&Method::GET, &uri, &headers, &[]), Err(Stranger::Host));
    }

    #[test]
    fn names_of_the_config_are_ours() {
        let hosts = ["admin.example.com".to_owned()];
        let mut headers = HeaderMap::new();
        for (host, allowed) in [("Admin.Example.com:9180", true), ("admin.example.com.evil.example", false)] {
            headers.insert(HOST, HeaderValue::from_static(host));
            assert_eq!(check(&Method::GET, &Uri::from_static("/"), &headers, &hosts).is_ok(), allowed, "{host}");
        }
    }

    #[test]
    fn the_token_opens() {
        let admin = |token: Option<&str>| model::Admin {
            address: model::ListenAddress::Unix("x".into()),
            token: token.map(|token| model::Secret::new(token.to_owned())),
            hosts: Vec::new(),
        };
        let shown = |value: &'static str| HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(value))]);
        let gate = Gate::new(&admin(Some("correct-horse-battery")));
        let cases = [
            ("Bearer correct-horse-battery", true),
            ("bearer correct-horse-battery", true),
            ("Bearer correct-horse-batter", false),
            ("Bearer correct-horse-battery1", false),
            ("Bearer ", false),
            ("Bearer", false),
            ("Basic correct-horse-battery", false),
        ];
        for (value, known) in cases {
            assert_eq!(gate.knows(&shown(value)), known, "{value}");
        }
        assert!(!gate.knows(&HeaderMap::new()));
        assert!(Gate::new(&admin(None)).knows(&HeaderMap::new()));
    }

    #[test]
    fn what_a_browser_says_of_the_page_counts() {
        let cases = [
            ("GET", "cross-site", "navigate", true),
            ("GET", "cross-site", "no-cors", false),
            ("GET", "same-site", "cors", false),
            ("GET", "same-origin", "cors", true),
            ("GET", "none", "navigate", true),
            ("POST", "cross-site", "navigate", false),
            ("POST", "same-origin", "cors", true),
        ];
        for (method, site, mode, allowed) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, HeaderValue::from_static("localhost"));
            headers.insert("sec-fetch-site", HeaderValue::from_static(site));
            headers.insert("sec-fetch-mode", HeaderValue::from_static(mode));
            let checked = check(&method.parse().expect("a method"), &Uri::from_static("/"), &headers, &[]);
            assert_eq!(checked.is_ok(), allowed, "{method} {site} {mode}");
        }
    }

    #[test]
    fn only_its_own_page_may_change_something() {
        let cases = [
            ("POST", None, Ok(())),
            ("POST", Some("http://localhost:9180"), Ok(())),
            ("POST", Some("http://localhost"), Err(Stranger::Origin)),
            ("POST", Some("https://evil.example"), Err(Stranger::Origin)),
            ("POST", Some("null"), Err(Stranger::Origin)),
            ("GET", Some("https://evil.example"), Err(Stranger::Origin)),
        ];
        for (method, origin, expected) in cases {
            assert_eq!(checked(method, "localhost:9180", origin), expected, "{method} {origin:?}");
        }
    }
}
