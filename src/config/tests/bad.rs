//! Bad configs, and what is said about each: line, column, key, message, help.

use super::{GOOD, none};
use crate::config::{Severity, parse};

type Case = (&'static str, (usize, usize), &'static str, &'static str, &'static str);

/// Each is one mistake in front of a config that is good: exactly one problem.
pub(super) fn check(severity: Severity, cases: &[Case]) {
    for (text, place, key, message, help) in cases {
        let text = format!("{text}\n{GOOD}");
        let problems = match parse("t.toml", &text, &none) {
            Ok(loaded) => loaded.warnings,
            Err(problems) => problems,
        };
        let all = || format!("{text}\n{}", problems.render(false));
        assert_eq!(problems.len(), 1, "{}", all());
        let problem = problems.iter().next().expect("one problem");
        let (_, line, column) = problems.position(problem).unwrap_or_else(|| panic!("{}", all()));
        assert_eq!(
            (problem.severity, (line, column), problem.key_path.as_str()),
            (severity, *place, *key),
            "{}",
            all()
        );
        assert!(problem.message.contains(message), "{message:?}\n{}", all());
        assert!(problem.help.as_deref().unwrap_or_default().contains(help), "{help:?}\n{}", all());
    }
}

#[test]
fn keys_of_sections_in_sections() {
    check(
        Severity::Error,
        &[(
            "[listeners.x]\naddress = \"127.0.0.1:1\"\nabuse = { ping = 1 }",
            (3, 11),
            "listeners.x.abuse.ping",
            "no key \"ping\"",
            "did you mean `pings`?",
        )],
    );
}

#[test]
fn keys() {
    check(
        Severity::Error,
        &[
            ("[sever]", (1, 2), "sever", "no key \"sever\"", "did you mean `server`?"),
            ("[server]\nworker = 2", (2, 1), "server.worker", "no key", "did you mean `workers`?"),
            ("[server]\nDrain-Timeout = \"2s\"", (2, 1), "server.Drain-Timeout", "no key", "`drain_timeout`"),
            ("[server]\naddress = \"\"", (2, 1), "server.address", "no key", "a key of [admin]"),
            (
                "[listeners.a]\naddress = \"[::]:1\"\ntimeout = \"1s\"",
                (3, 1),
                "listeners.a.timeout",
                "no key",
                "a key of [defaults]",
            ),
            ("[listeners.a]\nadress = \"[::]:1\"", (2, 1), "listeners.a.adress", "no key", "did you mean `address`?"),
            (
                "[listeners.a]\nhttp2 = true",
                (1, 1),
                "listeners.a.address",
                "`address` is missing",
                "address = \"0.0.0.0:8080\"",
            ),
            (
                "[log]\nbananas = 1",
                (2, 1),
                "log.bananas",
                "no key",
                "the keys here are level, format, access, access_format, sample, query, query_keep, client and omit",
            ),
            (
                "[[routes]]\nname = \"x\"\nkache = true\nupstream = \"good\"\npath = \"/x\"",
                (3, 1),
                "routes.x.kache",
                "no key",
                "",
            ),
            (
                "[\"listeners\".\"grün\"]\naddress = \"[::]:1\"\nx = 1",
                (3, 1),
                "listeners.grün.x",
                "no key \"x\"",
                "the keys here",
            ),
            ("server = 3", (1, 10), "server", "expected a table, found an integer", ""),
            ("listeners.\"a\\nb\".address = \"[::]:1\"", (1, 11), "listeners.a\\nb", "cannot be a name", "letters"),
        ],
    );
}

#[test]
fn keys_of_what_is_watched() {
    check(
        Severity::Error,
        &[
            ("[admin]", (1, 1), "admin.address", "missing", "127.0.0.1:9180"),
            (
                "[admin]\naddress = \"0.0.0.0:9180\"",
                (2, 11),
                "admin.address",
                "can be reached from other machines",
                "add token = \"${TIDEGATE_ADMIN_TOKEN}\"",
            ),
            ("[log]\nsample = \"101%\"", (2, 10), "log.sample", "not a share", "0% to 100%"),
            (
                "[log]\nomit = [\"user_agnt\"]",
                (2, 9),
                "log.omit[0]",
                "no field of the access log",
                "did you mean \"user_agent\"?",
            ),
            (
                "[tracing]\nendpoint = \"grpc://a:1\"",
                (2, 12),
                "tracing.endpoint",
                "not the URL of a collector",
                "http or https",
            ),
            (
                "[tracing]\nprotocol = \"grpc\"\nendpoint = \"http://a:1/v1/traces\"",
                (1, 1),
                "tracing",
                "a collector of gRPC has no path",
                "http://127.0.0.1:4317",
            ),
            ("[tracing]\nendpoint = \"http://\"", (2, 12), "tracing.endpoint", "not the URL of a collector", "4318"),
            (
                "[admin]\naddress = \"127.0.0.1:9180\"\ntoken = \"short\"",
                (3, 9),
                "admin.token",
                "too short for a secret",
                "16 visible characters or more",
            ),
        ],
    );
}

#[test]
fn types_and_quantities() {
    check(
        Severity::Error,
        &[
            (
                "[server]\nwatch = \"yes\"",
                (2, 9),
                "server.watch",
                "expected a boolean, found a string",
                "without the quotes",
            ),
            ("[server]\nworkers = 0", (2, 11), "server.workers", "0 is out of range", "1 to 1024"),
            ("[server]\nworkers = 0xFFFFFFFFFFFFFFFFFFF", (2, 11), "server.workers", "out of range", "1 to 1024"),
            ("[server]\nworkers = \"many\"", (2, 11), "server.workers", "not a number of workers", "\"auto\""),
            ("[server]\ndrain_timeout = 30", (2, 17), "server.drain_timeout", "expected a duration", "write \"30s\""),
            ("[server]\ndrain_timeout = \"30\"", (2, 17), "server.drain_timeout", "not a duration", "\"30s\""),
            ("[server]\ndrain_timeout = \"30 s\"", (2, 17), "server.drain_timeout", "not a duration", "like \"30s\""),
            ("[server]\ndrain_timeout = \"3 Minuten\"", (2, 17), "server.drain_timeout", "not a duration", "like"),
            (
                "[server]\ndrain_timeout = \"3min\"",
                (2, 17),
                "server.drain_timeout",
                "not a duration",
                "ms, s, m, h and d",
            ),
            ("[server]\ndrain_timeout = \"\"", (2, 17), "server.drain_timeout", "not a duration", "like"),
            ("[server]\ndrain_timeout = \"-1s\"", (2, 17), "server.drain_timeout", "not a duration", "like"),
            ("[server]\ndrain_timeout = \"off\"", (2, 17), "server.drain_timeout", "cannot be \"off\"", "\"0s\""),
            (
                "[server]\ndrain_timeout = \"99999999999999999999s\"",
                (2, 17),
                "server.drain_timeout",
                "not a duration",
                "",
            ),
            ("[server]\ndrain_timeout = \"400d\"", (2, 17), "server.drain_timeout", "more than a year", "off"),
            ("[log]\nlevel = \"inf\"", (2, 9), "log.level", "\"inf\" is not one", "did you mean \"info\"?"),
            ("[log]\nformat = \"xml\"", (2, 10), "log.format", "not one", "\"text\" or \"json\""),
            ("[log]\naccess_format = \"jsn\"", (2, 17), "log.access_format", "no format", "\"json\""),
            (
                "[log]\naccess_format = \"{time} {statsu}\"",
                (2, 26),
                "log.access_format",
                "unknown field {statsu}",
                "did you mean {status}?",
            ),
            ("[log]\naccess = []", (2, 10), "log.access", "expected a path, found a list", ""),
            ("[defaults]\nmax_body = \"16MB\"", (2, 12), "defaults.max_body", "not a size", "write \"16MiB\""),
            ("[defaults]\nmax_body = \"x\"", (2, 12), "defaults.max_body", "not a size", "like \"512B\""),
            ("[defaults]\nmax_body = -1", (2, 12), "defaults.max_body", "-1 is out of range", ""),
            ("[defaults]\nmax_body = 1.5", (2, 12), "defaults.max_body", "found a fraction", ""),
            ("[defaults]\nmax_body = \"99999999999GiB\"", (2, 12), "defaults.max_body", "not a size", ""),
            ("[defaults]\ntimeout = 1979-05-27", (2, 11), "defaults.timeout", "found a date", ""),
            (
                "[listeners.a]\naddress = \"[::]:1\"\nmax_head_size = \"1B\"",
                (3, 17),
                "listeners.a.max_head_size",
                "1B is out of range",
                "1KiB to 1MiB",
            ),
        ],
    );
}

#[test]
fn upgrades() {
    check(
        Severity::Error,
        &[
            (
                "[defaults]\nupgrades = \"websocket\"",
                (2, 12),
                "defaults.upgrades",
                "expected a list, found a string",
                "[\"websocket\"]",
            ),
            (
                "[defaults]\nupgrades = [\"websocket\", \"H2C\"]",
                (2, 26),
                "defaults.upgrades[1]",
                "never switched to",
                "`protocol = \"h2\"`",
            ),
        ],
    );
}

#[test]
fn addresses() {
    let listen = |address: &str| format!("[listeners.a]\naddress = \"{address}\"\n{GOOD}");
    let cases = [
        ("8080", "\"0.0.0.0:8080\""),
        (":8080", "\"0.0.0.0:8080\""),
        ("*:8080", "\"[::]:8080\""),
        ("localhost:8080", "\"127.0.0.1:8080\""),
        ("example.com:80", "not to a name"),
        ("127.0.0.1", "\"127.0.0.1:8080\""),
        ("::1", "\"[::1]:8080\""),
        ("0.0.0.0:99999", "like"),
        ("unix:", "/run/app.sock"),
        ("", "like"),
    ];
    for (address, help) in cases {
        let problems = parse("t.toml", &listen(address), &none).expect_err(address);
        let problem = problems.iter().next().expect("a problem");
        assert_eq!((problems.len(), problem.key_path.as_str()), (1, "listeners.a.address"), "{problems}");
        assert!(problem.help.as_deref().unwrap_or_default().contains(help), "{address}: {problems}");
    }
    check(
        Severity::Error,
        &[
            (
                "[listeners.a]\naddress = \"[::]:1\"\n[listeners.b]\naddress = \"[::]:1\"",
                (4, 11),
                "listeners.b.address",
                "listener \"a\" has the same",
                "of its own",
            ),
            (
                "[listeners.a]\naddress = \"[::1]:1\"\n[admin]\naddress = \"[::1]:1\"",
                (4, 11),
                "admin.address",
                "listener \"a\" has the same",
                "",
            ),
            (
                "[listeners.a]\naddress = \"[::]:1\"\ntrusted_proxies = [\"10.0.0.0/8\", \"10.0.0.1/8\"]",
                (3, 34),
                "listeners.a.trusted_proxies[1]",
                "beyond its prefix",
                "10.0.0.0/8",
            ),
            (
                "[listeners.a]\naddress = \"[::]:1\"\ntrusted_proxies = [\"10.0.0.0/33\"]",
                (3, 20),
                "listeners.a.trusted_proxies[0]",
                "not an address range",
                "at most 32",
            ),
            (
                "[listeners.a]\naddress = \"[::]:1\"\ntrusted_proxies = [\"ten\"]",
                (3, 20),
                "listeners.a.trusted_proxies[0]",
                "not an address range",
                "10.0.0.0/8",
            ),
        ],
    );
}

#[test]
fn listeners_and_tls() {
    check(
        Severity::Error,
        &[
            (
                "[listeners.a]\naddress = \"[::]:1\"\n[listeners.a.tls]",
                (3, 1),
                "listeners.a.tls",
                "needs a certificate",
                "self_signed",
            ),
            (
                "[listeners.a]\naddress = \"[::]:1\"\ntls = { certificates = [{ cert = \"a\" }] }",
                (3, 25),
                "listeners.a.tls.certificates[0].key",
                "`key` is missing",
                "key =",
            ),
            (
                "[listeners.a]\naddress = \"[::]:1\"\ntls = { self_signed = [\"a b\"] }",
                (3, 24),
                "listeners.a.tls.self_signed[0]",
                "no name for a certificate",
                "localhost",
            ),
            (
                "[listeners.a]\naddress = \"[::]:1\"\ntls = { self_signed = [\"a\"], min_version = 1.2 }",
                (3, 44),
                "listeners.a.tls.min_version",
                "found a fraction",
                "write \"1.2\"",
            ),
            (
                "[listeners.a]\naddress = \"[::]:1\"\ntls = { self_signed = [\"a\"], client_auth = \"request\" }",
                (3, 44),
                "listeners.a.tls.client_auth",
                "needs `client_ca`",
                "client_ca =",
            ),
            (
                "[listeners.a]\naddress = \"[::]:1\"\nredirect_to_https = true\ntls = { self_signed = [\"a\"] }",
                (3, 21),
                "listeners.a.redirect_to_https",
                "speaks TLS itself",
                "clear-text",
            ),
            (
                "[listeners.a]\naddress = \"[::]:1\"\nredirect_to_https = 70000",
                (3, 21),
                "listeners.a.redirect_to_https",
                "out of range",
                "1 to 65535",
            ),
        ],
    );
}

#[test]
fn listeners_that_do_not_do_what_they_say() {
    check(
        Severity::Warning,
        &[
            (
                "[listeners.a]\naddress = \"[::]:1\"\nredirect_to_https = true",
                (1, 1),
                "listeners.a",
                "no listener speaks TLS",
                "[listeners.NAME.tls]",
            ),
            (
                "[listeners.a]\naddress = \"[::]:1\"\nproxy_protocol = true",
                (3, 18),
                "listeners.a.proxy_protocol",
                "nobody is trusted",
                "trusted_proxies",
            ),
        ],
    );
}

#[test]
fn discovery() {
    let server = "resolver.nameservers[0]";
    check(
        Severity::Error,
        &[
            ("[resolver]\nnameservers = [\"dns.test\"]", (2, 16), server, "no", "10.0.0.2:53"),
            ("[resolver]\nnameservers = [\"10.0.0.1:0\"]", (2, 16), server, "not the address of a name server", ""),
            ("[resolver]\nfamily = \"v4\"", (2, 10), "resolver.family", "not one of the values", "ipv4"),
            ("[resolver]\nlookup_timeout = \"0s\"", (2, 18), "resolver.lookup_timeout", "cannot be 0", "1s"),
            ("[resolver]\nmin_ttl = \"off\"", (2, 11), "resolver.min_ttl", "", ""),
            ("[resolver]\nmax_ttl = \"10ms\"", (2, 11), "resolver.max_ttl", "below `min_ttl`", "at least"),
            ("[resolver]\nttl = 1", (2, 1), "resolver.ttl", "no key", ""),
        ],
    );
}

#[test]
fn upstreams() {
    let route = "\n[[routes]]\npath = \"/u\"\nupstream = \"u\"";
    let cases = [
        ("[]", (2, 13), "upstreams.u.endpoints", "needs an endpoint", "127.0.0.1:9000"),
        ("[\"http://a:1/x\"]", (2, 14), "upstreams.u.endpoints[0]", "not the address", "\"a:1\""),
        (
            "[\"https://a\"]",
            (2, 14),
            "upstreams.u.endpoints[0]",
            "not the address",
            "\"a:443\", and add [upstreams.NAME.tls]",
        ),
        ("[\"a\"]", (2, 14), "upstreams.u.endpoints[0]", "not the address", "\"a:80\""),
        ("[\"srv:api.test\"]", (2, 14), "upstreams.u.endpoints[0]", "not the name of a service", "srv:_http._tcp"),
        ("[\"10.0.0.1\"]", (2, 14), "upstreams.u.endpoints[0]", "not the address", "\"10.0.0.1:80\""),
        ("[\"10.0.0.256:80\"]", (2, 14), "upstreams.u.endpoints[0]", "not the address", "no host name"),
        ("[\"a:0\"]", (2, 14), "upstreams.u.endpoints[0]", "not the address", ""),
        ("[\"a b:1\"]", (2, 14), "upstreams.u.endpoints[0]", "not the address", "no host name"),
        ("[\"a:1\", \"b:1\", \"A:1\"]", (2, 28), "upstreams.u.endpoints[2]", "listed twice", "`weight`"),
        (
            "[{ address = \"a:1\", weight = 0 }]",
            (2, 42),
            "upstreams.u.endpoints[0].weight",
            "out of range",
            "1 to 65535",
        ),
        ("[{ adres = \"a:1\" }]", (2, 16), "upstreams.u.endpoints[0].adres", "no key", "`address`"),
        (
            "[3]",
            (2, 14),
            "upstreams.u.endpoints[0]",
            "expected an address such as \"127.0.0.1:9000\" or a table, found an integer",
            "",
        ),
        (
            "[\"a:1\"]\nbalance = \"round-robin\"",
            (3, 11),
            "upstreams.u.balance",
            "not one",
            "did you mean \"round_robin\"?",
        ),
        ("[\"a:1\"]\nprotocol = \"http2\"", (3, 12), "upstreams.u.protocol", "not one", ""),
        ("[\"a:1\"]\ntls = { cert = \"a\" }", (3, 16), "upstreams.u.tls.cert", "`cert` needs `key`", "both"),
        ("[\"a:1\"]\nproxy_protocol = \"v3\"", (3, 18), "upstreams.u.proxy_protocol", "not one", "\"v1\""),
    ];
    for (value, place, key, message, help) in cases {
        let text: &'static str = format!("[upstreams.u]\nendpoints = {value}{route}").leak();
        check(Severity::Error, &[(text, place, key, message, help)]);
    }
    check(
        Severity::Warning,
        &[(
            "[upstreams.u]\nendpoints = [\"a:1\"]",
            (1, 12),
            "upstreams.u",
            "no route uses upstream \"u\"",
            "remove it",
        )],
    );
}

const ROUTES: &[Case] = &[
    ("", (1, 1), "routes.r", "does nothing", "`upstream`, `split`, `redirect`, `respond` or `files`"),
    ("upstream = \"god\"", (4, 12), "routes.r.upstream", "no upstream \"god\"", "did you mean \"good\"?"),
    ("upstream = \"10.0.0.1:80\"", (4, 12), "routes.r.upstream", "no upstream", "endpoints = [\"10.0.0.1:80\"]"),
    ("upstream = \"other\"", (4, 12), "routes.r.upstream", "no upstream", "the upstreams are \"good\""),
    (
        "upstream = \"good\"\nlisteners = [\"goood\"]",
        (5, 14),
        "routes.r.listeners[0]",
        "no listener \"goood\"",
        "\"good\"",
    ),
    ("upstream = \"good\"\nlisteners = []", (5, 13), "routes.r.listeners", "no listener", "leave `listeners` out"),
    (
        "upstream = \"good\"\nredirect = { to = \"/\" }",
        (1, 1),
        "routes.r",
        "this one has `upstream` and `redirect`",
        "keep one",
    ),
    (
        "upstream = \"good\"\npath_prefix = \"/y\"",
        (1, 1),
        "routes.r",
        "`path` and `path_prefix` in one route",
        "keep one",
    ),
    ("upstream = \"good\"\nhosts = [\"a.com:80\"]", (5, 10), "routes.r.hosts[0]", "not a host", "\"a.com\""),
    ("upstream = \"good\"\nhosts = [\"http://a.com/\"]", (5, 10), "routes.r.hosts[0]", "not a host", "\"a.com\""),
    ("upstream = \"good\"\nhosts = [\"*\"]", (5, 10), "routes.r.hosts[0]", "not a host", "leave `hosts` out"),
    ("upstream = \"good\"\nhosts = [\"a.*.com\"]", (5, 10), "routes.r.hosts[0]", "not a host", "first label"),
    ("upstream = \"good\"\nhosts = [\"münchen.de\"]", (5, 10), "routes.r.hosts[0]", "not a host", "xn--"),
    ("upstream = \"good\"\nmethods = [\"get\"]", (5, 12), "routes.r.methods[0]", "not a method", "\"GET\""),
    ("upstream = \"good\"\nmethods = [\"G T\"]", (5, 12), "routes.r.methods[0]", "not a method", ""),
    ("upstream = \"good\"\nheaders = { \"x y\" = \"1\" }", (5, 13), "routes.r.headers.x y", "not a field name", ""),
    ("upstream = \"good\"\nheaders = { a = 1 }", (5, 17), "routes.r.headers.a", "found an integer", "write \"1\""),
    (
        "upstream = \"good\"\nrewrite = { regex = \"(\", to = \"\" }",
        (5, 21),
        "routes.r.rewrite.regex",
        "unclosed group",
        "",
    ),
    (
        "upstream = \"good\"\nrewrite = { regex = \"a\", to = \"$1\" }",
        (5, 31),
        "routes.r.rewrite.to",
        "no group \"1\"",
        "$0",
    ),
    (
        "upstream = \"good\"\nrewrite = { regex = \"a\", to = \"$1x\" }",
        (5, 31),
        "routes.r.rewrite.to",
        "no group \"1x\"",
        "${1}",
    ),
    (
        "upstream = \"good\"\nstrip_prefix = \"/y\"",
        (5, 16),
        "routes.r.strip_prefix",
        "no path of this route begins with \"/y\"",
        "\"/x\"",
    ),
    ("upstream = \"good\"\nstrip_prefix = \"x\"", (5, 16), "routes.r.strip_prefix", "not a path", "\"/x\""),
    (
        "upstream = \"good\"\nstrip_prefix = \"/x\"\nrewrite = { regex = \"a\", to = \"b\" }",
        (6, 11),
        "routes.r.rewrite",
        "in one place",
        "keep one",
    ),
    (
        "upstream = \"good\"\nrequest_headers.set.connection = \"x\"",
        (5, 21),
        "routes.r.request_headers.set.connection",
        "belongs to the connection",
        "leave it out",
    ),
    (
        "upstream = \"good\"\nrequest_headers.set.x = \"a{hots}\"",
        (5, 28),
        "routes.r.request_headers.set.x",
        "unknown placeholder {hots}",
        "{host}",
    ),
    (
        "upstream = \"good\"\nrequest_headers.add.x = \"a\\nb\"",
        (5, 25),
        "routes.r.request_headers.add.x",
        "control character",
        "",
    ),
    (
        "upstream = \"good\"\nresponse_headers.remove = [\"a:\"]",
        (5, 28),
        "routes.r.response_headers.remove[0]",
        "not a field name",
        "",
    ),
    ("upstream = \"good\"\nsplit_on = \"client_ip\"", (5, 12), "routes.r.split_on", "needs `split`", ""),
    ("split = []", (4, 9), "routes.r.split", "between nothing", "weight"),
    ("split = [{ upstream = \"good\", weight = 0 }]", (4, 9), "routes.r.split", "every weight is 0", "above 0"),
    (
        "split = [{ upstream = \"good\" }, { upstream = \"good\" }]",
        (4, 46),
        "routes.r.split[1].upstream",
        "twice",
        "add the weights",
    ),
    (
        "split = [{ upstream = \"good\" }]\nsplit_on = \"ip\"",
        (5, 12),
        "routes.r.split_on",
        "nothing to decide by",
        "\"client_ip\"",
    ),
    ("upstream = \"good\"\nsplit_cookie = \"a\"", (5, 16), "routes.r.split_cookie", "needs `split`", ""),
    (
        "split = [{ upstream = \"good\" }]\nsplit_on = \"path\"\nsplit_cookie = \"a\"",
        (6, 16),
        "routes.r.split_cookie",
        "`split_on` and `split_cookie`",
        "keep one",
    ),
    (
        "split = [{ upstream = \"good\" }]\nsplit_cookie = \"a b\"",
        (5, 16),
        "routes.r.split_cookie",
        "cannot be the name of a cookie",
        "",
    ),
    (
        "upstream = \"good\"\ncookies = { a = { present = false, regex = \"x\" } }",
        (5, 17),
        "routes.r.cookies.a",
        "is not clear",
        "exactly one of",
    ),
    ("upstream = \"good\"\nmirror = true", (5, 10), "routes.r.mirror.upstream", "`upstream` is missing", "shadow"),
    (
        "respond = { }\nmirror = { upstream = \"good\" }",
        (5, 10),
        "routes.r.mirror",
        "only what goes upstream has a copy",
        "",
    ),
    ("upstream = \"good\"\ninject = { }", (5, 10), "routes.r.inject", "injects nothing", "`abort`"),
    (
        "upstream = \"good\"\ninject = { delay = { time = \"11m\", share = \"1%\" } }",
        (5, 29),
        "routes.r.inject.delay.time",
        "nobody waits",
        "10 minutes",
    ),
    (
        "upstream = \"good\"\ninject = { abort = { status = 200, share = \"1%\" } }",
        (5, 31),
        "routes.r.inject.abort.status",
        "out of range",
        "400 to 599",
    ),
    ("redirect = { to = \"example.com\" }", (4, 19), "routes.r.redirect.to", "nowhere to go", "https://"),
    (
        "redirect = { to = \"/\", status = 200 }",
        (4, 33),
        "routes.r.redirect.status",
        "200 is out of range",
        "301, 302, 303, 307 or 308",
    ),
    ("redirect = \"/\"", (4, 12), "routes.r.redirect", "expected a table, found a string", ""),
    ("respond = { status = 999 }", (4, 22), "routes.r.respond.status", "out of range", "200 to 599"),
    ("respond.headers.a = \"b\\r\\nc\"", (4, 21), "routes.r.respond.headers.a", "not a field value", "line breaks"),
    ("files = { }", (4, 9), "routes.r.files.root", "missing", "root ="),
    ("files = { root = \"\" }", (4, 18), "routes.r.files.root", "not a path", ""),
    ("files = { root = \"/\", fallback = \"../x\" }", (4, 34), "routes.r.files.fallback", "leads out", "inside"),
    (
        "files = { root = \"/\", types = { \".a\" = \"text/plain\" } }",
        (4, 33),
        "routes.r.files.types..a",
        "without its dot",
        "write a",
    ),
    ("files = { root = \"/\", types = { a = \"text\" } }", (4, 37), "routes.r.files.types.a", "not a content type", ""),
    ("upstream = \"${UP}\"", (4, 13), "routes.r.upstream", "variable UP is not set", "${UP:-...}"),
    ("respond = {}\ndeadline_header = \"te\"", (5, 19), "routes.r.deadline_header", "belongs to the connection", ""),
    (
        "respond = {}\ndeadline_header = \"cookie\"",
        (5, 19),
        "routes.r.deadline_header",
        "something else",
        "x-deadline-ms",
    ),
    ("respond = {}\ndeadline_header = \"a b\"", (5, 19), "routes.r.deadline_header", "not a field name", ""),
    ("respond = {}\nhedge = { after = \"p99\" }", (5, 19), "routes.r.hedge.after", "not a duration", ""),
    ("respond = {}\nhedge = { after = \"0s\" }", (5, 19), "routes.r.hedge.after", "each request", "200ms"),
    ("respond = {}\nhedge = \"yes\"", (5, 9), "routes.r.hedge", "expected a boolean or a table", ""),
    ("respond = {}\nhedge = { before = 1 }", (5, 11), "routes.r.hedge.before", "", ""),
    ("upstream = \"${UP\"", (4, 13), "routes.r.upstream", "no reference", "${NAME:-default}"),
];

#[test]
fn routes() {
    for (text, place, key, message, help) in ROUTES {
        let text: &'static str = format!("[[routes]]\nname = \"r\"\npath = \"/x\"\n{text}").leak();
        check(Severity::Error, &[(text, *place, key, message, help)]);
    }
}

#[test]
fn routes_that_do_not_do_what_they_say() {
    let cases = [
        ("path = \"/x\"\nmethods = [\"GTE\"]", (4, 12), "routes.r.methods[0]", "no registered method", "\"GET\""),
        (
            "strip_prefix = \"/x\"",
            (3, 16),
            "routes.r.strip_prefix",
            "also matches paths without",
            "path_prefix = \"/x\"",
        ),
        (
            "path = \"/x\"\nresponse_headers = { set = { a = \"1\" }, remove = [\"a\"] }",
            (4, 50),
            "routes.r.response_headers.remove",
            "set anyway",
            "",
        ),
    ];
    for (text, place, key, message, help) in cases {
        let hosts = if text.starts_with("strip") { "hosts = [\"a.com\"]" } else { "" };
        let text: &'static str = format!("[[routes]]\nname = \"r\"\n{text}\nupstream = \"good\"\n{hosts}").leak();
        check(Severity::Warning, &[(text, place, key, message, help)]);
    }
    check(
        Severity::Warning,
        &[
            (
                "[[routes]]\nhosts = [\"a\"]\nmethods = [\"GET\", \"PUT\"]\nupstream = \"good\"\n[[routes]]\nhosts = [\"A.\"]\nmethods = [\"PUT\", \"GET\"]\nupstream = \"good\"",
                (5, 1),
                "routes.route-2",
                "never matches: \"route-1\" comes first",
                "tell them apart",
            ),
            (
                "[[routes]]\npath = \"/x\"\nrespond = { status = 204, body = \"x\" }",
                (3, 34),
                "routes.route-1.respond.body",
                "a 204 response has no content",
                "leave `body` out",
            ),
            (
                "[upstreams.u]\nendpoints = [\"a:1\"]\ntls = { verify = false, ca = \"x\" }\n[[routes]]\npath = \"/u\"\nupstream = \"u\"",
                (3, 30),
                "upstreams.u.tls.ca",
                "no effect",
                "verify",
            ),
            ("[tracing]\nendpoint = \"http://a:1\"\ntls = { ca = \"x\" }", (3, 7), "tracing.tls", "no effect", "https"),
        ],
    );
    // Another method, another host or another listener makes it another route.
    let text = format!(
        "[[routes]]\nupstream = \"good\"\nmethods = [\"GET\"]\n[[routes]]\nhosts = [\"a\"]\nupstream = \"good\"\n{GOOD}"
    );
    assert!(parse("t.toml", &text, &none).is_ok_and(|loaded| loaded.warnings.is_empty()));
}

#[test]
fn one_route_in_single_brackets() {
    let text = "[listeners.a]\naddress = \"[::]:1\"\n[routes]\nrespond = { body = \"x\" }";
    let problems = parse("t.toml", text, &none).expect_err("no list");
    assert_eq!(problems.len(), 1, "{problems}");
    assert!(
        problems
            .to_string()
            .starts_with("t.toml:3:1 routes: expected a list of tables, found a table; write [[routes]]")
    );
}

#[test]
fn no_listener_at_all() {
    for text in ["", "# nothing\n", "[server]\n", "[listeners]\n"] {
        let problems = parse("t.toml", text, &none).expect_err("nothing to serve");
        assert!(problems.to_string().contains("there is no listener; add [listeners.web]"), "{problems}");
        problems.render(true);
    }
}

#[test]
fn names_that_are_there_twice() {
    check(
        Severity::Error,
        &[(
            "[[routes]]\nname = \"a\"\npath = \"/1\"\nupstream = \"good\"\n[[routes]]\nname = \"a\"\npath = \"/2\"\nupstream = \"good\"",
            (6, 8),
            "routes.a.name",
            "another route named \"a\"",
            "of its own",
        )],
    );
}

#[test]
fn what_is_no_toml() {
    let cases = [
        ("[server\nworkers = 1", (1, 8), "unclosed table"),
        ("[server]\nworkers = ", (2, 11), "a value is missing"),
        ("[server]\nworkers = auto", (2, 11), "this is no value"),
        ("[server]\nworkers", (2, 8), "key with no value"),
        ("[server]\nwatch = true\nwatch = false", (3, 1), "\"watch\" is there twice"),
        ("[server]\n[log]\n[server]", (3, 2), "\"server\" is there twice"),
        ("[log]\naccess = \"x", (2, 12), ""),
        ("[log]\naccess = \"\\q\"", (2, 12), ""),
        ("\u{0}", (1, 2), ""),
        ("[listeners.grün]", (1, 14), "invalid unquoted key"),
    ];
    for (text, place, message) in cases {
        let problems = parse("t.toml", text, &none).expect_err(text);
        let problem = problems.iter().next().expect("a problem");
        let (_, line, column) = problems.position(problem).expect("a place");
        assert_eq!((line, column, problem.kind.label()), (place.0, place.1, "syntax"), "{}", problems.render(false));
        assert!(problem.message.contains(message), "{}", problems.render(false));
    }
}

#[test]
fn several_syntax_errors_and_what_stands_before_them() {
    let text = "[server]\nworkers = 0\nwatch = = true\n[log]\nlevel = 3\n[[routes]\nupstream = \"x\"\n";
    let problems = parse("t.toml", text, &none).expect_err("bad");
    let lines: Vec<_> = problems.iter().map(|problem| problems.position(problem).map(|(_, line, _)| line)).collect();
    assert_eq!(lines[..2], [Some(2), Some(3)], "{problems}");
    assert!(lines.contains(&Some(6)), "{problems}");
    // What stands behind, or is missing, may be a consequence: nothing is said about it.
    assert!(problems.iter().all(|problem| problem.kind.is_local() && problem.key_path != "log.level"), "{problems}");
}

#[test]
fn the_disk_of_the_cache() {
    check(
        Severity::Error,
        &[
            (
                "[cache]\ndisk = { size = \"1GiB\" }",
                (2, 8),
                "cache.disk.path",
                "`path` is missing",
                "/var/cache/tidegate",
            ),
            ("[cache]\ndisk = { path = \"/c\" }", (2, 8), "cache.disk.size", "`size` is missing", "10GiB"),
            ("[cache]\ndisk = { path = \"\", size = \"1GiB\" }", (2, 17), "cache.disk.path", "not a path", ""),
            ("[cache]\ndisk = { path = \"/c\", size = \"1MiB\" }", (2, 30), "cache.disk.size", "1MiB", "64MiB"),
            ("[cache]\ndisk = \"/c\"", (2, 8), "cache.disk", "a table", ""),
        ],
    );
}
