//! Fields that belong to one connection (RFC 9110 §7.6.1), and what `Connection` may name.

use http::HeaderValue;
use http::header::CONNECTION;

use super::Headers;

/// Names in `Connection` that one message may hold; more is abuse.
const MAX_NOMINATED: usize = 16;

/// Whether the field of that lower-case name never passes a proxy. `TE`, `Host` and `Expect` are looked at by themselves.
pub fn is_hop_by_hop(name: &str) -> bool {
    let named = matches!(name, "connection" | "keep-alive" | "proxy-connection" | "transfer-encoding" | "upgrade");
    named || matches!(name, "keep_alive" | "proxy_connection" | "proxy_authorization" | "http2_settings")
}

/// Whether many programs (all that came from CGI, RFC 3875 §4.1.18) take the field of that lower-case name for one of framing.
pub fn is_framing_in_disguise(name: &str) -> bool {
    matches!(name, "content_length" | "transfer_encoding")
}

/// Whether a header rule of the config may name the field of that lower-case name: framing and the connection are the proxy's own.
pub fn may_be_ruled(name: &str) -> bool {
    !is_hop_by_hop(name) && !matches!(name, "content-length" | "trailer" | "te" | "expect")
}

/// Whether `Connection` must not name the field of that name: removing it would change what the message means to the next server, and
/// that is what such a request is made for.
pub fn is_end_to_end(name: &str) -> bool {
    const NAMES: [&str; 22] = [
        "accept",
        "accept-encoding",
        "authorization",
        "cache-control",
        "content-encoding",
        "content-length",
        "content-range",
        "content-type",
        "cookie",
        "date",
        "expect",
        "forwarded",
        "host",
        "if-match",
        "if-none-match",
        "origin",
        "range",
        "set-cookie",
        "trailer",
        "vary",
        "via",
        "x-request-id",
    ];
    let starts = |prefix: &str| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    NAMES.iter().any(|one| one.eq_ignore_ascii_case(name)) || starts("x-forwarded-") || starts("x-real-")
}

/// Whether a field of that lower-case name may stand in a trailer section (RFC 9110 §6.5.1), `_` read as `-`.
pub fn may_trail(name: &str) -> bool {
    if name.contains('_') { may_trail_as(&name.replace('_', "-")) } else { may_trail_as(name) }
}

fn may_trail_as(name: &str) -> bool {
    let refused = is_hop_by_hop(name)
        || is_end_to_end(name)
        || name.starts_with("if-")
        || name.starts_with("proxy-")
        || matches!(
            name,
            "age" | "expires" | "location" | "max-forwards" | "pragma" | "proxy" | "retry-after" | "te" | "warning"
        )
        || matches!(
            name,
            "www-authenticate" | "authentication-info" | "set-cookie2" | "http2-settings" | "strict-transport-security"
        );
    !refused
}

/// Whether the comma-separated list holds that token; parameters of an element do not count.
pub fn has_token(list: &HeaderValue, token: &str) -> bool {
    tokens(list).any(|one| one.split(';').next().is_some_and(|one| one.trim_end().eq_ignore_ascii_case(token)))
}

fn tokens(list: &HeaderValue) -> impl Iterator<Item = &str> {
    // A value with octets above ASCII holds no token that means anything here.
    list.to_str().unwrap_or("").split(',').map(str::trim).filter(|token| !token.is_empty())
}

/// What `Connection` names beside the fields that never pass anyway. Most messages name nothing, and nothing is allocated for them.
#[derive(Debug, Default)]
pub struct Nominated(Vec<HeaderValue>);

/// `Connection` names more fields than a message of good will does.
#[derive(Debug, PartialEq, Eq)]
pub struct TooMany;

impl Nominated {
    /// From the `Connection` fields of a message.
    ///
    /// # Errors
    /// [`TooMany`] beyond 16 names.
    pub fn of(headers: &Headers) -> Result<Self, TooMany> {
        let mut lists = Vec::new();
        let mut names = 0;
        for list in headers.all(&CONNECTION) {
            if is_usual(list) {
                continue;
            }
            names += tokens(list).count();
            lists.push(list.clone());
        }
        if names > MAX_NOMINATED { Err(TooMany) } else { Ok(Self(lists)) }
    }

    /// Whether it names none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it names the field of that lower-case name.
    pub fn contains(&self, name: &str) -> bool {
        self.any(|one| one.eq_ignore_ascii_case(name))
    }

    /// Whether it names one for which `test` says so.
    pub fn any(&self, test: impl Fn(&str) -> bool) -> bool {
        self.0.iter().flat_map(tokens).any(test)
    }
}

/// The values that nearly every message has.
fn is_usual(list: &HeaderValue) -> bool {
    let is = |usual: &str| list.as_bytes().eq_ignore_ascii_case(usual.as_bytes());
    is("keep-alive") || is("close") || is("upgrade") || is("keep-alive, upgrade")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nominated(values: &[&'static str]) -> Result<Nominated, TooMany> {
        Nominated::of(&values.iter().map(|value| (CONNECTION, HeaderValue::from_static(value))).collect())
    }

    #[test]
    fn names_are_found_in_any_field_and_case() {
        let names = nominated(&["close", "X-One ,, x-two", "keep-alive"]).expect("few names");
        assert!(names.contains("x-one") && names.contains("x-two"));
        assert!(!names.contains("x-three") && !names.contains("x"));
    }

    #[test]
    fn the_usual_values_name_nothing() {
        for value in ["close", "Keep-Alive", "Upgrade", "keep-alive, Upgrade"] {
            assert!(nominated(&[value]).expect("few names").0.is_empty(), "{value}");
        }
    }

    #[test]
    fn too_many_names_are_refused() {
        let sixteen = "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p";
        assert!(nominated(&[sixteen]).is_ok());
        assert_eq!(nominated(&[sixteen, "q"]).err(), Some(TooMany));
    }

    #[test]
    fn trailers_say_nothing_of_framing_under_any_name() {
        for name in ["content-length", "content_length", "transfer_encoding", "x_forwarded_for", "set_cookie", "host"] {
            assert!(!may_trail(name), "{name}");
        }
        for name in ["grpc-status", "x-sum", "x_sum", "content-md5"] {
            assert!(may_trail(name), "{name}");
        }
    }

    #[test]
    fn tokens_with_parameters() {
        let list = HeaderValue::from_static("deflate;q=0.5, Trailers ;q=1");
        assert!(has_token(&list, "trailers") && has_token(&list, "deflate"));
        assert!(!has_token(&list, "trailer"));
    }
}
