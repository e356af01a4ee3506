//! What a route decides at the edge: what a good config means, and what is said about bad ones.

use std::time::Duration;

use http::{HeaderName, Method};

use super::bad::check;
use super::{GOOD, good};
use crate::config::Severity;
use crate::config::model::*;

fn edge(text: &str) -> EdgePolicies {
    let text = format!("{GOOD}[[routes]]\npath = \"/x\"\nname = \"r\"\nrespond = {{}}\n{text}\n");
    good(&text).model.routes.pop().expect("the last route").policies.edge
}

#[test]
fn silence_is_off() {
    let edge = edge("");
    assert_eq!(edge.access, Access::default());
    assert!(edge.cors.is_none() && edge.security_headers.is_none());
}

#[test]
fn limits_of_rate() {
    let one = |text: &str| edge(&format!("rate_limit = {text}")).rate_limits.remove(0);
    let limit = RateLimit {
        name: None,
        requests: 100,
        period: Duration::from_secs(1),
        burst: 100,
        key: LimitKey::ClientIp,
        prefix_v4: 32,
        prefix_v6: 64,
        dry_run: false,
        fields: true,
        max_keys: 65_536,
    };
    assert_eq!(one("{ rate = \"100/s\" }"), limit);
    let login = one(
        "{ rate = \"5/1m30s\", burst = 2, key = \"header:X-Tenant\", name = \"login\", prefix_v6 = 48, dry_run = true, fields = false }",
    );
    assert_eq!((login.requests, login.period, login.burst), (5, Duration::from_secs(90), 2));
    assert_eq!(
        (login.name.as_deref(), login.key),
        (Some("login"), LimitKey::Header(HeaderName::from_static("x-tenant")))
    );
    assert_eq!((login.prefix_v6, login.dry_run, login.fields), (48, true, false));
    let several =
        edge("rate_limit = [{ rate = \"9/s\", key = \"fixed\" }, { rate = \"1/d\", key = \"cookie:id\" }]").rate_limits;
    assert_eq!((&several[0].key, &several[1].key), (&LimitKey::Fixed, &LimitKey::Cookie("id".to_owned())));
    assert!(edge("rate_limit = []").rate_limits.is_empty());
    let text = format!(
        "{GOOD}[defaults]\nrate_limit = {{ rate = \"1/s\" }}\n[[routes]]\npath = \"/x\"\nrespond = {{}}\nrate_limit = []\n"
    );
    let routes = good(&text).model.routes;
    assert_eq!(routes.iter().map(|route| route.policies.edge.rate_limits.len()).collect::<Vec<_>>(), [1, 0]);
}

#[test]
fn bandwidths() {
    let found = edge("bandwidth = { download = \"1MiB/s\", per = \"exchange\" }").bandwidth;
    assert_eq!(found, Bandwidth { download: Some(1 << 20), upload: None, per_exchange: true });
    assert_eq!(edge("bandwidth = {}").bandwidth, Bandwidth::default());
}

#[test]
fn browsers() {
    let found = edge(
        "cors = { origins = [\"HTTPS://App.Example:443\", \"http://*.example.org:8080\", \"null\"], headers = [\"X-A\"] }\nsecurity_headers = true",
    );
    let cors = Cors {
        origins: vec![
            OriginPattern::Exact("https://app.example".to_owned()),
            OriginPattern::Below("http://".to_owned(), ".example.org:8080".to_owned()),
            OriginPattern::Exact("null".to_owned()),
        ],
        methods: vec![Method::GET, Method::HEAD, Method::POST],
        headers: CorsHeaders::Only(vec![HeaderName::from_static("x-a")]),
        expose: Vec::new(),
        credentials: false,
        max_age: Duration::from_secs(600),
    };
    assert_eq!(found.cors, Some(cors));
    let headers = SecurityHeaders {
        hsts: Some(Duration::from_secs(365 * 86_400)),
        hsts_subdomains: false,
        hsts_preload: false,
        nosniff: true,
        frame_options: FrameOptions::SameOrigin,
        referrer_policy: Some("strict-origin-when-cross-origin"),
        content_security_policy: None,
        permissions_policy: None,
        replace: false,
    };
    assert_eq!(found.security_headers, Some(headers));
    let found = edge(
        "cors = { origins = [\"*\"], headers = [\"*\"] }\nsecurity_headers = { hsts = \"off\", referrer_policy = \"off\" }",
    );
    let cors = found.cors.expect("on");
    assert_eq!((cors.origins, cors.headers), (vec![OriginPattern::Any], CorsHeaders::Any));
    let headers = found.security_headers.expect("on");
    assert_eq!((headers.hsts, headers.referrer_policy), (None, None));
    assert!(edge("cors = false\nsecurity_headers = false").cors.is_none());
}

#[test]
fn bad_ones() {
    let e = Severity::Error;
    check(
        e,
        &[
            ("[defaults]\nallow = [\"10.0.0.1/8\"]", (2, 10), "defaults.allow[0]", "bits set beyond", "10.0.0.0/8"),
            ("[defaults]\ndeny = [\"localhost\"]", (2, 9), "defaults.deny[0]", "not an address range", "one address"),
            (
                "[defaults]\nallow = [\"10.0.0.0/8\"]\ndeny = [\"10.0.0.0/8\"]",
                (3, 8),
                "defaults.deny",
                "in `allow` as well",
                "the smaller range",
            ),
            ("[defaults]\ncors = true", (2, 8), "defaults.cors", "names no origin", "origins = "),
            ("[defaults]\ncors = {}", (2, 8), "defaults.cors.origins", "missing", "https://app.example.com"),
            ("[defaults]\ncors = { origins = [] }", (2, 20), "defaults.cors.origins", "no origin", "cors = false"),
            (
                "[defaults]\ncors = { origins = [\"app.example\"] }",
                (2, 21),
                "defaults.cors.origins[0]",
                "is no origin",
                "https://app.example",
            ),
            (
                "[defaults]\ncors = { origins = [\"https://a.example/\"] }",
                (2, 21),
                "defaults.cors.origins[0]",
                "is no origin",
                "\"https://a.example\"",
            ),
            (
                "[defaults]\ncors = { origins = [\"https://a.*.example\"] }",
                (2, 21),
                "defaults.cors.origins[0]",
                "is no origin",
                "https://*.example.com",
            ),
            (
                "[defaults]\ncors = { origins = [\"*\"], credentials = true }",
                (2, 41),
                "defaults.cors.credentials",
                "every page",
                "name the origins",
            ),
            (
                "[defaults]\nsecurity_headers = { hsts_preload = true }",
                (2, 37),
                "defaults.security_headers.hsts_preload",
                "preload lists",
                "hsts_subdomains = true",
            ),
            (
                "[defaults]\nsecurity_headers = { frame_options = \"denied\" }",
                (2, 38),
                "defaults.security_headers.frame_options",
                "not one of the values",
                "\"deny\"",
            ),
            (
                "[defaults]\nsecurity_headers = { content_security_policy = \" \" }",
                (2, 48),
                "defaults.security_headers.content_security_policy",
                "says nothing",
                "leave the key out",
            ),
        ],
    );
}

#[test]
fn bad_limits() {
    check(
        Severity::Error,
        &[
            ("[defaults]\nrate_limit = true", (2, 14), "defaults.rate_limit", "expected a table or a list", ""),
            ("[defaults]\nrate_limit = {}", (2, 14), "defaults.rate_limit.rate", "missing", "100/s"),
            ("[defaults]\nrate_limit = { rate = \"100\" }", (2, 23), "defaults.rate_limit.rate", "not a rate", "600/m"),
            (
                "[defaults]\nrate_limit = [{ rate = \"0/s\" }]",
                (2, 24),
                "defaults.rate_limit[0].rate",
                "not a rate",
                "at least one",
            ),
            (
                "[defaults]\nrate_limit = { rate = \"1001/ms\" }",
                (2, 23),
                "defaults.rate_limit.rate",
                "not a rate",
                "a million",
            ),
            (
                "[defaults]\nrate_limit = { rate = \"1/s\", key = \"ip\" }",
                (2, 36),
                "defaults.rate_limit.key",
                "nothing to count by",
                "client_ip",
            ),
            (
                "[defaults]\nrate_limit = { rate = \"1/s\", burst = 0 }",
                (2, 38),
                "defaults.rate_limit.burst",
                "out of range",
                "1 to 1048576",
            ),
            (
                "[defaults]\nrate_limit = { rate = \"1/s\", name = \"größe\" }",
                (2, 37),
                "defaults.rate_limit.name",
                "response field",
                "ASCII",
            ),
            (
                "[defaults]\nbandwidth = { download = \"1MiB\" }",
                (2, 26),
                "defaults.bandwidth.download",
                "not a rate",
                "1MiB/s",
            ),
            (
                "[defaults]\nbandwidth = { upload = \"0B/s\" }",
                (2, 24),
                "defaults.bandwidth.upload",
                "not a rate",
                "at least",
            ),
        ],
    );
}

#[test]
fn authentication() {
    let auth = |text: &str| edge(&format!("auth = {{ {text} }}")).auth.expect("on");
    let basic = auth("basic = { users = { ann = \"$2y$x\" } }");
    assert_eq!(
        (basic.realm.as_str(), basic.user_header.as_ref().map(HeaderName::as_str)),
        ("tidegate", Some("x-auth-user"))
    );
    assert!(!format!("{basic:?}").contains("$2y"), "a hash is in no debug text");
    let jwt = auth("user_header = \"off\", jwt = { secret = \"0123\", claims = { \"X-Email\" = \"email\" } }");
    assert_eq!(jwt.names(), [HeaderName::from_static("x-email")]);
    assert!(!format!("{jwt:?}").contains("0123"));
    let forward = auth("forward = { upstream = \"good\", response_headers = [\"x-groups\"] }").forward.expect("on");
    assert_eq!((forward.upstream, forward.path.as_str(), forward.timeout), (0, "/", Duration::from_secs(5)));
    assert!(edge("auth = false").auth.is_none());
}

#[test]
fn bad_authentication() {
    let at = "defaults.auth";
    check(
        Severity::Error,
        &[
            ("[defaults]\nauth = true", (2, 8), at, "names no way", "basic"),
            ("[defaults]\nauth = {}", (2, 8), at, "no way to authenticate", "forward"),
            ("[defaults]\nauth = { basic = {} }", (2, 18), "defaults.auth.basic", "nobody can", "`users` or `file`"),
            ("[defaults]\nauth = { jwt = {} }", (2, 16), "defaults.auth.jwt", "from one place", "jwks"),
            (
                "[defaults]\nauth = { jwt = { jwks = \"ftp://x/\" } }",
                (2, 25),
                "defaults.auth.jwt.jwks",
                "is no URL",
                "https://",
            ),
            (
                "[defaults]\nauth = { jwt = { jwks_file = \"x\", algorithms = [\"none\"] } }",
                (2, 49),
                "defaults.auth.jwt.algorithms[0]",
                "no algorithm",
                "RS256",
            ),
            (
                "[defaults]\nauth = { forward = { upstream = \"nowhere\" } }",
                (2, 33),
                "defaults.auth.forward.upstream",
                "no upstream",
                "good",
            ),
        ],
    );
}
