//! What a good config means.

use std::time::Duration;

use http::{HeaderName, Method, StatusCode};

use super::{GOOD, good, none};
use crate::config::model::*;
use crate::config::{minimal_proxy, parse};
use crate::http::path::PathPolicy;

fn route(text: &str) -> Route {
    let text = format!(
        "{GOOD}[upstreams.other]\nendpoints = [\"b:1\"]\n[[routes]]\npath = \"/o\"\nupstream = \"other\"\n[[routes]]\nname = \"r\"\n{text}\n"
    );
    good(&text).model.routes.pop().expect("the last route")
}

/// The defaults.
fn abuse_limits() -> AbuseLimits {
    AbuseLimits {
        half_life: Duration::from_secs(1),
        resets: 100,
        provoked_resets: 100,
        settings: 50,
        pings: 100,
        priorities: 100,
        empty_data: 100,
        tiny_data: 10_000,
        window_updates: 100,
        continuations: 100,
        other_frames: 500,
    }
}

#[test]
fn silence_means_the_defaults() {
    let model = good(GOOD).model;
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    assert_eq!(
        model.server,
        Server {
            workers: None,
            drain_delay: None,
            drain_timeout: Duration::from_secs(30),
            guard: None,
            watch: true,
            pid_file: None,
            upgrade_timeout: Duration::from_secs(60),
            zone: None,
            max_connections: 0,
            max_requests: 0,
            max_memory: MemoryLimit::Auto,
            max_delay: Some(Duration::from_millis(100)),
        }
    );
    assert_eq!(model.admin, None);
    let log = Log {
        level: LogLevel::Info,
        format: LogFormat::Text,
        access: AccessSink::Stdout,
        access_format: AccessFormat::Json,
        ..Log::default()
    };
    assert_eq!(model.log, log);
    let limits = ListenerLimits {
        max_connections: 50_000,
        handshake_timeout: seconds(10),
        request_head_timeout: seconds(10),
        idle_timeout: seconds(60),
        request_body_timeout: seconds(30),
        write_timeout: seconds(30),
        max_head_size: 16 << 10,
        max_field_size: 8 << 10,
        max_fields: 128,
        max_target_size: 8 << 10,
        max_streams: 100,
        min_request_rate: 256,
        min_response_rate: 256,
        max_connections_per_client: 10_000,
        max_requests_per_client: 10_000,
        abuse: Some(abuse_limits()),
    };
    let listener = &model.listeners[0];
    assert_eq!((listener.limits, listener.http2, listener.redirect_to_https), (limits, true, None));
    assert_eq!(listener.paths, PathPolicy::default());
    let upstream = &model.upstreams[0];
    assert_eq!((upstream.protocol, upstream.balance), (UpstreamProtocol::Http1, Balance::LeastRequests));
    assert_eq!(
        (upstream.connect_timeout, upstream.response_timeout, upstream.idle_timeout),
        (seconds(3), seconds(30), seconds(55))
    );
    assert_eq!((upstream.max_idle, upstream.max_connections, upstream.max_response_head_size), (256, 0, 32 << 10));
    assert_eq!((upstream.proxy_protocol, &upstream.tls), (None, &None));
    let policies = &model.routes[0].policies;
    assert_eq!(
        (policies.max_body, policies.timeout, policies.preserve_host, policies.max_requests),
        (16 << 20, None, true, 0)
    );
    assert_eq!(policies.upgrades, ["websocket"]);
    assert!(matches!(&model.routes[0].path, PathMatch::Prefix(path) if path == "/"));
}

#[test]
fn durations_and_sizes() {
    let cases = [
        ("30s", Some(30_000)),
        ("250ms", Some(250)),
        ("1m30s", Some(90_000)),
        ("2h", Some(7_200_000)),
        ("off", None),
        ("0s", None),
    ];
    for (text, milliseconds) in cases {
        let timeout = route(&format!("path = \"/x\"\nupstream = \"good\"\ntimeout = \"{text}\"")).policies.timeout;
        assert_eq!(timeout, milliseconds.map(Duration::from_millis), "{text}");
    }
    for (text, size) in [
        ("\"16MiB\"", 16 << 20),
        ("\"512B\"", 512),
        ("\"64 KiB\"", 64 << 10),
        ("4096", 4096),
        ("\"4096\"", 4096),
        ("0", 0),
    ] {
        let max_body = route(&format!("path = \"/x\"\nupstream = \"good\"\nmax_body = {text}")).policies.max_body;
        assert_eq!(max_body, size, "{text}");
    }
}

#[test]
fn a_listener_in_full() {
    let text = format!(
        "{GOOD}[listeners.a]\naddress = \"unix:/run/x.sock\"\nproxy_protocol = true\ntrusted_proxies = [\"10.0.0.0/8\", \"::1\"]\nhttp2 = false\n\
        idle_timeout = \"off\"\n[listeners.a.tls]\nself_signed = [\"LocalHost\"]\nmin_version = \"1.3\"\nclient_ca = \"ca.pem\"\nclient_auth = \"request\"\n\
        [listeners.b]\naddress = \"[::]:81\"\nredirect_to_https = 8443\n[listeners.c]\naddress = \"[::]:82\"\nredirect_to_https = true\n"
    );
    let model = good(&text).model;
    let [_, a, b, c] = model.listeners.as_slice() else { panic!("four listeners") };
    assert_eq!(a.address, ListenAddress::Unix("/run/x.sock".into()));
    assert_eq!((a.proxy_protocol, a.http2, a.limits.idle_timeout), (true, false, None));
    assert!(a.trusted_proxies[0].contains([10, 9, 8, 7].into()) && a.trusted_proxies[1].prefix == 128);
    let subject_header = HeaderName::from_static("x-client-cert-subject");
    let client_auth = Some(ClientAuth { ca: "ca.pem".into(), required: false, subject_header });
    let tls = ListenerTls {
        certificates: vec![],
        self_signed: vec!["localhost".to_owned()],
        min_version: TlsVersion::V1_3,
        client_auth,
    };
    assert_eq!(a.tls.as_ref(), Some(&tls));
    assert_eq!((b.redirect_to_https, c.redirect_to_https), (Some(8443), Some(443)));
    assert_eq!(model.files, [std::path::PathBuf::from("ca.pem")]);
}

#[test]
fn endpoints() {
    let text = format!(
        "{GOOD}[upstreams.u]\nendpoints = [\"API.internal:80\", \"[::1]:9\", \"unix:///run/a\", {{ address = \"a_b:1\", weight = 3, backup = true }}]\n\
        proxy_protocol = \"v2\"\n[upstreams.u.tls]\n[[routes]]\npath = \"/u\"\nupstream = \"u\"\n"
    );
    let model = good(&text).model;
    let upstream = &model.upstreams[1];
    let shown: Vec<_> = upstream
        .endpoints
        .iter()
        .map(|endpoint| (endpoint.address.to_string(), endpoint.weight, endpoint.backup))
        .collect();
    let expected =
        [("api.internal:80", 1, false), ("[::1]:9", 1, false), ("unix:/run/a", 1, false), ("a_b:1", 3, true)];
    assert_eq!(shown, expected.map(|(address, weight, backup)| (address.to_owned(), weight, backup)));
    assert_eq!(upstream.proxy_protocol, Some(ProxyProtocolVersion::V2));
    assert!(upstream.tls.as_ref().is_some_and(|tls| tls.verify && tls.min_version == TlsVersion::V1_2));
}

#[test]
fn what_a_route_matches() {
    let route = route(
        "listeners = [\"good\", \"good\"]\nhosts = [\"Example.COM\", \"*.example.com.\", \"[::1]\"]\npath_regex = '^/v\\d'\nmethods = [\"GET\", \"PURGE\"]\n\
        headers = { X-Env = \"canary\", cookie = \"*\" }\nquery = { debug = \"1\" }\nupstream = \"good\"",
    );
    assert_eq!(route.listeners, [0]);
    let (exact, wildcard) =
        (|host: &str| HostPattern::Exact(host.to_owned()), HostPattern::Wildcard("example.com".to_owned()));
    assert_eq!(route.hosts, [exact("example.com"), wildcard, exact("[::1]")]);
    assert!(matches!(&route.path, PathMatch::Regex(regex) if regex.as_str() == "^/v\\d"));
    assert_eq!(route.methods, [Method::GET, Method::from_bytes(b"PURGE").expect("a method")]);
    let value = |text: &str| ValueMatch::Exact(text.to_owned());
    assert!(route.headers.contains(&(HeaderName::from_static("x-env"), value("canary"))));
    assert!(route.headers.contains(&(HeaderName::from_static("cookie"), ValueMatch::Any)));
    assert_eq!(route.query, [("debug".to_owned(), value("1"))]);
}

#[test]
fn values_may_be_there_or_not_and_match() {
    let route = route(
        "path = \"/x\"\nupstream = \"good\"\nheaders = { a = { present = false }, b = { exact = \"*\" } }\n\
         cookies = { Beta = \"1\", c = { regex = \"^v[0-9]$\" }, d = { present = true } }\nquery = { q = { present = false } }",
    );
    let regex = |text| ValueMatch::Regex(regex::Regex::new(text).expect("a regex"));
    let exact = |text: &str| ValueMatch::Exact(text.to_owned());
    let header = HeaderName::from_static;
    assert_eq!(route.headers, [(header("a"), ValueMatch::Absent), (header("b"), exact("*"))]);
    let cookies = [("Beta", exact("1")), ("c", regex("^v[0-9]$")), ("d", ValueMatch::Any)];
    assert_eq!(route.cookies, cookies.map(|(name, value)| (name.to_owned(), value)));
    assert_eq!(route.query, [("q".to_owned(), ValueMatch::Absent)]);
}

#[test]
fn releases() {
    let split = |cookie: &str| {
        let split = "split = [{ upstream = \"good\" }, { upstream = \"other\" }]";
        match route(&format!("path = \"/x\"\n{split}\nsplit_cookie = {cookie}")).action {
            Action::Split(split) => split.cookie.expect("a cookie"),
            other => panic!("{other:?}"),
        }
    };
    let days = |days: u64| Some(Duration::from_secs(days * 86_400));
    let mut cookie = SplitCookie { name: "cohort".to_owned(), max_age: days(30), same_site: SameSite::Lax };
    assert_eq!(split("\"cohort\""), cookie);
    (cookie.max_age, cookie.same_site) = (None, SameSite::Strict);
    assert_eq!(split("{ name = \"cohort\", max_age = \"off\", same_site = \"strict\" }"), cookie);
    let policies = route("path = \"/x\"\nupstream = \"good\"\nmirror = { upstream = \"other\" }\ninject = { delay = { time = \"1s\", share = \"0.5%\" } }").policies;
    let timeout = Duration::from_secs(10);
    let mirror = Mirror { upstream: 1, share: Share(1.0), max_requests: 100, max_body: 64 << 10, timeout };
    assert_eq!(policies.mirror, Some(mirror));
    let delay = Some(Delay { time: Duration::from_secs(1), share: Share(0.005) });
    assert_eq!(policies.inject, Some(Inject { delay, abort: None, headers: Vec::new() }));
    let policies = route("path = \"/x\"\nupstream = \"good\"\nmirror = false\ninject = { abort = { share = \"100%\" }, headers = { a = \"*\" } }").policies;
    let abort = Some(Abort { status: StatusCode::SERVICE_UNAVAILABLE, share: Share(1.0) });
    let headers = vec![(HeaderName::from_static("a"), ValueMatch::Any)];
    assert_eq!((policies.mirror, policies.inject), (None, Some(Inject { delay: None, abort, headers })));
}

#[test]
fn actions() {
    let split = route("path = \"/x\"\nsplit = [{ upstream = \"good\", weight = 95 }, { upstream = \"other\" }]\nsplit_on = \"cookie:id\"").action;
    let sticky = Some(HashOn::Cookie("id".to_owned()));
    assert!(
        matches!(split, Action::Split(split) if split == Split { arms: vec![(0, 95), (1, 1)], sticky, cookie: None })
    );
    let redirect = route("path = \"/x\"\nredirect = { to = \"https://a{uri}\" }").action;
    assert!(
        matches!(redirect, Action::Redirect(redirect) if redirect.status == StatusCode::PERMANENT_REDIRECT && redirect.to.to_string() == "https://a{uri}")
    );
    let Action::Respond(respond) = route("path = \"/x\"\nrespond = { body = \"ü\" }").action else {
        panic!("respond")
    };
    assert_eq!(
        (respond.status, &respond.body[..], respond.headers[0].1.as_bytes()),
        (StatusCode::OK, "ü".as_bytes(), &b"text/plain; charset=utf-8"[..])
    );
    let Action::Files(files) = route("path_prefix = \"/x\"\nfiles = { root = \"www\", fallback = \"/app.html\", types = { Wasm = \"application/wasm\" } }").action else { panic!("files") };
    assert_eq!(
        (files.root.to_str(), files.index.as_str(), files.fallback.as_deref()),
        (Some("www"), "index.html", Some("app.html"))
    );
    assert_eq!(
        (files.types.get("wasm").map(String::as_str), files.precompressed, files.hidden),
        (Some("application/wasm"), true, false)
    );
}

#[test]
fn defaults_lie_under_every_route() {
    let text = format!(
        "{GOOD}\
        [defaults]\nmax_body = \"1MiB\"\nstrip_prefix = \"/a\"\npreserve_host = false\n\
        response_headers = {{ set = {{ a = \"1\", b = \"1\", c = \"1\" }}, add = {{ d = \"1\" }}, remove = [\"server\"] }}\n\
        [[routes]]\nname = \"r\"\npath_prefix = \"/r\"\nupstream = \"good\"\nmax_body = 5\nrewrite = {{ regex = \"^/(?<n>.)\", to = \"/${{n}}/$0\" }}\n\
        response_headers = {{ set = {{ b = \"2\" }}, remove = [\"c\"] }}\n"
    );
    let model = good(&text).model;
    let (plain, own) = (&model.routes[0].policies, &model.routes[1].policies);
    assert_eq!((plain.max_body, own.max_body, plain.preserve_host, own.preserve_host), (1 << 20, 5, false, false));
    assert_eq!((plain.strip_prefix.as_deref(), &own.strip_prefix), (Some("/a"), &None));
    // A group of the expression is no environment variable.
    assert_eq!(own.rewrite.as_ref().map(|rewrite| rewrite.to.as_str()), Some("/${n}/$0"));
    let rules = &own.response_headers;
    let shown = |fields: &[(HeaderName, Template)]| {
        fields.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>()
    };
    assert_eq!(shown(&rules.set), ["a=1", "b=2"]);
    assert_eq!(shown(&rules.add), ["d=1"]);
    assert_eq!(rules.remove, ["server", "c"]);
    assert_eq!(own.request_headers, HeaderRules::default());
}

#[test]
fn a_bad_default_is_said_once() {
    let text = format!(
        "{GOOD}[[routes]]\npath = \"/x\"\nupstream = \"good\"\n[defaults]\ntimeout = \"soon\"\nrewrite = {{ regex = \"(\", to = \"x\" }}\n"
    );
    let problems = parse("t.toml", &text, &none).expect_err("a bad default");
    let keys: Vec<_> = problems.iter().map(|problem| problem.key_path.as_str()).collect();
    assert_eq!(keys, ["defaults.timeout", "defaults.rewrite.regex"]);
}

#[test]
fn the_environment() {
    let env = |name: &str| match name {
        "N" => Some("3".to_owned()),
        "YES" => Some("true".to_owned()),
        "PORT" => Some("81".to_owned()),
        _ => None,
    };
    let text = "[server]\nworkers = \"${N}\"\nwatch = \"${NOT:-false}\"\ndrain_timeout = \"${N}s\"\n[listeners.a]\naddress = \"127.0.0.1:${PORT}\"\nmax_fields = \"1${N}\"\n\
        redirect_to_https = \"${YES}\"\nmax_head_size = \"${N}KiB\"\n[listeners.b]\naddress = \"[::]:1\"\ntls.self_signed = [\"${HOST:-localhost}\"]\n[[routes]]\nrespond.body = \"$${N} ${N}\"\n";
    let model = parse("t.toml", text, &env).unwrap_or_else(|problems| panic!("{problems}")).model;
    assert_eq!(
        model.server,
        Server {
            workers: Some(3),
            drain_delay: None,
            drain_timeout: Duration::from_secs(3),
            guard: None,
            watch: false,
            pid_file: None,
            upgrade_timeout: Duration::from_secs(60),
            zone: None,
            max_connections: 0,
            max_requests: 0,
            max_memory: MemoryLimit::Auto,
            max_delay: Some(Duration::from_millis(100)),
        }
    );
    let listener = &model.listeners[0];
    assert_eq!((listener.address.to_string().as_str(), listener.limits.max_fields), ("127.0.0.1:81", 13));
    assert_eq!((listener.redirect_to_https, listener.limits.max_head_size), (Some(443), 3 << 10));
    assert!(matches!(&model.routes[0].action, Action::Respond(respond) if respond.body == "${N} 3"));
    let bad = parse("t.toml", &text.replace("1${N}", "${YES}"), &env).expect_err("no number");
    assert!(bad.to_string().contains("listeners.a.max_fields: \"true\" is not an integer"), "{bad}");
}

#[test]
fn a_route_without_a_name_has_its_number() {
    let text = GOOD.replace("name = \"good\"\n", "");
    let model = good(&format!("{text}[[routes]]\nname = \"x\"\npath = \"/x\"\nupstream = \"good\"\n")).model;
    assert_eq!(model.routes.iter().map(|route| &*route.name).collect::<Vec<_>>(), ["route-1", "x"]);
    assert_eq!((model.routes[1].place.line, &*model.routes[1].place.file), (7, "t.toml"));
}

#[test]
fn a_proxy_without_a_file() {
    let model = minimal_proxy("127.0.0.1:0", &["127.0.0.1:9000", "https://example.com"]).expect("a proxy").model;
    assert_eq!(model.upstreams[0].endpoints[1].address.to_string(), "example.com:443");
    assert!(model.upstreams[0].tls.is_some());
    let model = minimal_proxy("unix:/run/x", &["http://example.com/", "unix:/run/y"]).expect("a proxy").model;
    assert_eq!(
        (model.upstreams[0].endpoints[0].address.to_string().as_str(), &model.upstreams[0].tls),
        ("example.com:80", &None)
    );
    assert!(minimal_proxy("${X}", &["a:1"]).is_err());
    assert!(minimal_proxy::<&str>("[::]:1", &[]).is_err());
}

#[test]
fn a_regex_beside_a_route_for_all_the_rest_is_no_mistake() {
    for rest in ["", "path_prefix = \"/\"\n"] {
        let text = format!(
            "{GOOD}[[routes]]\n{rest}upstream = \"good\"\nhosts = [\"a\"]\n[[routes]]\nhosts = [\"a\"]\npath_regex = \"^/v[0-9]\"\nupstream = \"good\"\n"
        );
        assert_eq!(good(&text).model.routes.len(), 3);
    }
}
