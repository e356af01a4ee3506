//! Probes: an endpoint that is not well gets no requests until it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::{HeaderMap, Response};
use serde_json::Value;

use crate::support::{
    Authority, Edge, Folder, H2Origin, Origin, Proxy, TlsOrigin, dead_address, eventually, ok, tls_server_config,
};

/// Probes as often as a story wants them.
const OFTEN: &str = "interval = \"20ms\"\ntimeout = \"2s\"\n";
/// One probe at the start, and no other within the story.
const ONCE: &str = "interval = \"1h\"\n";
const UNWELL: &str = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";

/// An origin that answers with its name, and whose `/health` says what the flag says.
fn with_health(name: &'static str) -> (Origin, Arc<AtomicBool>) {
    let well = Arc::new(AtomicBool::new(true));
    let flag = Arc::clone(&well);
    let origin = Origin::scripted(move |visit| {
        let probe = visit.request.first_line().starts_with("GET /health ");
        visit.send(if probe && !flag.load(Ordering::SeqCst) { UNWELL.to_owned() } else { ok(name) });
    });
    (origin, well)
}

/// Two endpoints that are probed.
fn two(first: &Origin, second: &Origin, keys: &str) -> Edge {
    let endpoints = format!("{}\", \"{}", first.address, second.address);
    Edge::to(endpoints).upstream(&format!("[upstreams.app.health]\npath = \"/health\"\n{keys}"))
}

/// Who answers the next requests.
fn answers(proxy: &Proxy) -> Vec<String> {
    let mut client = proxy.connect("web");
    (0..20).map(|_| client.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").text()).collect()
}

fn only(proxy: &Proxy, name: &str) -> bool {
    answers(proxy).iter().all(|one| one == name)
}

fn is_up(proxy: &Proxy, endpoint: impl std::fmt::Display) -> f64 {
    proxy.metric(&format!("tidegate_endpoint_up{{upstream=\"app\",endpoint=\"{endpoint}\"}}"))
}

#[test]
fn an_endpoint_that_fails_gets_no_requests_and_comes_back() {
    let ((first, first_well), (second, _)) = (with_health("first"), with_health("second"));
    let proxy = two(&first, &second, OFTEN).start();
    eventually("both serve", || ["first", "second"].iter().all(|name| answers(&proxy).iter().any(|one| one == name)));
    eventually("both were probed", || [&first, &second].iter().all(|one| is_up(&proxy, one.address) == 1.0));

    first_well.store(false, Ordering::SeqCst);
    let down = proxy.wait_for_log(0, "endpoint down");
    assert_eq!(
        (&down["upstream"], &down["reason"], &down["detail"]),
        (&"app".into(), &"status".into(), &"status 503".into())
    );
    assert_eq!(down["endpoint"], first.address.to_string());
    assert!(only(&proxy, "second"));
    assert_eq!((is_up(&proxy, first.address), is_up(&proxy, second.address)), (0.0, 1.0));
    let state: Value = serde_json::from_str(&proxy.ask_admin("GET", "/api/upstreams").text()).unwrap();
    assert_eq!(
        (&state[0]["endpoints"][0]["state"], &state[0]["endpoints"][0]["reason"]),
        (&"down".into(), &"status".into())
    );
    assert_eq!(state[0]["endpoints"][1]["state"], "up");
    assert!(proxy.metric("tidegate_probes_total{upstream=\"app\",result=\"failed\"}") >= 3.0);

    first_well.store(true, Ordering::SeqCst);
    proxy.wait_for_log(0, "endpoint up");
    eventually("it serves again", || answers(&proxy).iter().any(|one| one == "first"));
    let lines = proxy.log_lines();
    let told = |what: &str| lines.iter().filter(|line| line["message"] == what).count();
    assert_eq!((told("endpoint down"), told("endpoint up")), (1, 1), "each change is told once");
}

#[test]
fn at_the_start_one_failure_decides() {
    let ((first, first_well), (second, _)) = (with_health("first"), with_health("second"));
    first_well.store(false, Ordering::SeqCst);
    let proxy = two(&first, &second, ONCE).start();
    proxy.wait_for_log(0, "endpoint down");
    assert!(only(&proxy, "second"));
}

/// What a probe said is perhaps not true any more, and there is nobody else to ask.
#[test]
fn one_that_is_down_is_asked_where_nobody_else_answers() {
    let (folder, (second, second_well)) = (Folder::new(), with_health("second"));
    second_well.store(false, Ordering::SeqCst);
    let socket = folder.path().join("first.sock");
    Origin::on_unix(&socket, "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nfirst".to_owned());
    let edge = |keys: &str| {
        let endpoints = format!("unix:{}\", \"{}", socket.display(), second.address);
        Edge::to(endpoints).upstream(&format!("{keys}\n[upstreams.app.health]\npath = \"/health\"\n{ONCE}")).start()
    };
    let (proxy, strict) = (edge(""), edge("panic_threshold = \"0%\""));
    for proxy in [&proxy, &strict] {
        proxy.wait_for_log(0, "endpoint down");
        assert!(only(proxy, "first"));
    }
    std::fs::remove_file(&socket).unwrap();
    let answer = proxy.get("/");
    assert_eq!((answer.status(), answer.text().as_str()), (200, "second"));
    let line: Value = serde_json::from_str(&proxy.access_log(21)[20]).unwrap();
    assert_eq!((&line["attempts"], &line["retries"]), (&2.into(), &"connect".into()), "{line}");
    // Where the operator wants no panic, what is said of an endpoint holds.
    assert_eq!(strict.get("/").status(), 502);
    let line: Value = serde_json::from_str(&strict.access_log(21)[20]).unwrap();
    assert_eq!((&line["attempts"], &line["not_retried"]), (&1.into(), &"endpoint".into()), "{line}");
}

#[test]
fn what_was_found_out_survives_a_reload() {
    let ((first, first_well), (second, _)) = (with_health("first"), with_health("second"));
    first_well.store(false, Ordering::SeqCst);
    let edge = two(&first, &second, ONCE);
    let proxy = edge.start();
    proxy.wait_for_log(0, "endpoint down");
    // The endpoint would pass now, but its next probe is an hour away.
    first_well.store(true, Ordering::SeqCst);
    for number in 0..5 {
        let more = format!("[[routes]]\npath = \"/{number}\"\nrespond = {{ }}");
        proxy.reload(&edge.clone().more(&more).toml()).unwrap();
        assert!(only(&proxy, "second"));
    }
    let probes = |origin: &Origin| origin.requests().iter().filter(|one| one.head.starts_with("GET /health")).count();
    eventually("both were probed", || probes(&first) + probes(&second) >= 2);
    assert_eq!((probes(&first), probes(&second)), (1, 1), "no probe was begun anew");

    // Under another plan it is probed at once, and the first result decides.
    proxy.reload(&two(&first, &second, "interval = \"59m\"\n").toml()).unwrap();
    proxy.wait_for_log(0, "endpoint up");
    eventually("it was probed", || probes(&first) == 2);

    // Without probes, nothing is known.
    first_well.store(false, Ordering::SeqCst);
    let written = proxy.log_lines().len();
    proxy.reload(&two(&first, &second, "interval = \"58m\"\n").toml()).unwrap();
    proxy.wait_for_log(written, "endpoint down");
    proxy.reload(&Edge::to(format!("{}\", \"{}", first.address, second.address)).toml()).unwrap();
    assert_eq!(is_up(&proxy, first.address), 1.0);
    eventually("it serves again", || answers(&proxy).iter().any(|one| one == "first"));
}

#[test]
fn a_probe_asks_as_it_was_told() {
    let origin = Origin::answering(ok("all systems go"));
    let keys = "[upstreams.app.health]\npath = \"/live?deep=1\"\nhost = \"app.test:81\"\nbody = \"systems\"\n";
    let proxy = Edge::to(origin.address).upstream(keys).start();
    let request = origin.request(1);
    assert_eq!(request.first_line(), "GET /live?deep=1 HTTP/1.1");
    assert_eq!(request.header("host"), Some("app.test:81"));
    assert!(request.header("user-agent").unwrap().starts_with("tidegate-probe/"));
    eventually("it passed", || proxy.metric("tidegate_probes_total{upstream=\"app\",result=\"passed\"}") == 1.0);
}

#[test]
fn every_failure_has_its_reason() {
    let dead = dead_address();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let plain = Origin::answering(ok("well"));
    let closes = Origin::scripted(|visit| visit.close());
    let nonsense = Origin::answering("HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n");
    let cases = [
        ("refused", dead, "", "connect_refused"),
        ("refused-tcp", dead, "type = \"tcp\"", "connect_refused"),
        ("silent", silent.local_addr().unwrap(), "timeout = \"50ms\"", "timeout"),
        ("status", plain.address, "status = [\"204\", \"500-599\"]", "status"),
        ("body", plain.address, "body = \"splendid\"", "body"),
        ("closed", closes.address, "", "closed"),
        ("nonsense", nonsense.address, "", "malformed_response"),
    ];
    let upstreams: String = cases
        .iter()
        .map(|(name, address, keys, _)| {
            format!(
                "[upstreams.{name}]\nendpoints = [\"{address}\"]\n[upstreams.{name}.health]\n{ONCE}{keys}\n\
                 [[routes]]\npath = \"/{name}\"\nupstream = \"{name}\"\n"
            )
        })
        .collect();
    let proxy = Edge::to(plain.address).more(&upstreams).start();
    for (name, _, _, reason) in cases {
        let told = || {
            let lines = proxy.log_lines();
            let ours = |line: &&Value| line["message"] == "endpoint down" && line["upstream"] == name;
            lines.iter().find(ours).map(|line| line["reason"].as_str().unwrap().to_owned())
        };
        eventually(name, || told().is_some());
        assert_eq!(told().as_deref(), Some(reason), "{name}");
    }
    // A TCP probe asks nothing, so a silent endpoint passes.
    let tcp = format!("[upstreams.app.health]\ntype = \"tcp\"\n{ONCE}");
    let proxy = Edge::to(silent.local_addr().unwrap()).upstream(&tcp).start();
    eventually("it passed", || proxy.metric("tidegate_probes_total{upstream=\"app\",result=\"passed\"}") == 1.0);
}

#[test]
fn probes_speak_tls_where_requests_do() {
    let (folder, authority) = (Folder::new(), Authority::new());
    folder.write("ca.pem", authority.pem());
    let config = tls_server_config(&authority.issue(&["app.test"]), &["http/1.1"], None);
    let origin = TlsOrigin::answering(config, ok("well"));
    let edge = |name: &str, kind: &str| {
        let tls = format!("[upstreams.app.tls]\nca = \"ca.pem\"\nserver_name = \"{name}\"\n");
        Edge::to(origin.address).upstream(&format!("{tls}[upstreams.app.health]\ntype = \"{kind}\"\n{ONCE}"))
    };
    let proxy = edge("app.test", "http").start_in(folder);
    eventually("it passed", || proxy.metric("tidegate_probes_total{upstream=\"app\",result=\"passed\"}") == 1.0);
    assert_eq!(origin.handshakes()[0].server_name.as_deref(), Some("app.test"));
    for kind in ["http", "tcp"] {
        let written = proxy.log_lines().len();
        proxy.reload(&edge("other.test", kind).toml()).unwrap();
        assert_eq!(proxy.wait_for_log(written, "endpoint down")["reason"], "upstream_tls_error", "{kind}");
        proxy.reload(&edge("app.test", kind).toml()).unwrap();
    }
}

/// An origin of `grpc.health.v1` whose answer is that byte; 0 is none at all.
fn grpc_origin(status: u8) -> H2Origin {
    H2Origin::scripted(move |request, mut respond| async move {
        assert_eq!(request.uri().path(), "/grpc.health.v1.Health/Check");
        assert_eq!(
            (&request.headers()["content-type"], &request.headers()["te"]),
            (&"application/grpc".parse().unwrap(), &"trailers".parse().unwrap())
        );
        let (message, _) = crate::support::h2_body(request.into_body()).await.unwrap();
        let head = Response::builder().header("content-type", "application/grpc");
        // The name of the service in its frame.
        if message != [0, 0, 0, 0, 6, 10, 4, b'e', b'c', b'h', b'o'] {
            let response = head.header("grpc-status", "5").body(()).unwrap();
            return drop(respond.send_response(response, true).unwrap());
        }
        let mut stream = respond.send_response(head.body(()).unwrap(), false).unwrap();
        stream.send_data(Bytes::copy_from_slice(&[0, 0, 0, 0, 2, 8, status]), false).unwrap();
        stream.send_trailers(HeaderMap::from_iter([("grpc-status".parse().unwrap(), "0".parse().unwrap())])).unwrap();
    })
}

#[test]
fn grpc_endpoints_are_asked_in_grpc() {
    let edge = |origin: &H2Origin, service: &str| {
        let health = format!("[upstreams.app.health]\ntype = \"grpc\"\nservice = \"{service}\"\n{ONCE}");
        Edge::to(origin.address).upstream(&format!("protocol = \"h2\"\n{health}"))
    };
    let serving = grpc_origin(1);
    let proxy = edge(&serving, "echo").start();
    eventually("it passed", || proxy.metric("tidegate_probes_total{upstream=\"app\",result=\"passed\"}") == 1.0);
    proxy.reload(&edge(&grpc_origin(2), "echo").toml()).unwrap();
    assert_eq!(proxy.wait_for_log(0, "endpoint down")["reason"], "not_serving");
    let written = proxy.log_lines().len();
    proxy.reload(&edge(&serving, "other").toml()).unwrap();
    assert_eq!(proxy.wait_for_log(written, "endpoint down")["detail"], "grpc-status 5");
}
