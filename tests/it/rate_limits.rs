//! How often, and how fast.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::frames::{
    DATA_FRAME, END_STREAM, Fate, FrameClient, PREFACE, headers, pseudo, settings, window_update,
};
use crate::support::{Edge, Folder, Message, Origin, PATIENCE, Proxy, ok, try_start};

const TRUST: &str = "trusted_proxies = [\"127.0.0.0/8\"]";

fn limited(limit: &str) -> (Origin, Proxy) {
    let origin = Origin::answering(ok("fine"));
    let proxy = Edge::to(origin.address).listener(TRUST).route(&format!("rate_limit = {limit}")).start();
    (origin, proxy)
}

fn ask(proxy: &Proxy, path: &str, fields: &str) -> Message {
    proxy.connect("web").ask(&format!("GET {path} HTTP/1.1\r\nHost: a\r\n{fields}\r\n"))
}

fn statuses(proxy: &Proxy, count: usize, path: &str, fields: &str) -> Vec<u16> {
    (0..count).map(|_| ask(proxy, path, fields).status()).collect()
}

#[test]
fn a_burst_then_a_refusal_that_says_when() {
    let (origin, proxy) = limited("{ rate = \"60/h\", burst = 3 }");
    let first = ask(&proxy, "/", "");
    assert_eq!(first.header("ratelimit-policy"), Some("\"default\";q=3;w=180"));
    assert_eq!(first.header("ratelimit"), Some("\"default\";r=2;t=60"));
    assert_eq!(statuses(&proxy, 2, "/", ""), [200, 200]);
    let refused = ask(&proxy, "/", "Accept: application/problem+json\r\n");
    assert_eq!((refused.status(), refused.header("retry-after")), (429, Some("60")));
    assert_eq!(refused.header("ratelimit"), Some("\"default\";r=0;t=60"));
    assert_eq!(refused.header("proxy-status"), Some("tidegate; error=http_request_denied; details=\"rate_limited\""));
    let problem: Value = serde_json::from_str(&refused.text()).unwrap();
    assert_eq!(problem["status"], 429);
    assert_eq!(origin.requests().len(), 3);
    let line: Value = serde_json::from_str(&proxy.access_log(4)[3]).unwrap();
    assert_eq!((&line["fault"], &line["rate_limit"]), (&"rate_limited".into(), &"all".into()));
    assert_eq!(proxy.metric("tidegate_rate_limited_total{limit=\"all\",mode=\"refused\"}"), 1.0);
    assert_eq!(proxy.metric("tidegate_rate_limit_keys{limit=\"all\"}"), 1.0);
}

#[test]
fn what_counts_together() {
    let (_origin, proxy) = limited("{ rate = \"2/h\" }");
    let from = |client: &str| ask(&proxy, "/", &format!("X-Forwarded-For: {client}\r\n")).status();
    assert_eq!(["192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2"].map(from), [200, 200, 429, 200]);
    // A /64 is one client, whatever addresses it makes up.
    assert_eq!(["2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8:0:1::1"].map(from), [200, 200, 429, 200]);
    let (_origin, proxy) = limited("{ rate = \"1/h\", key = \"header:X-Tenant\" }");
    let of = |fields: &str| ask(&proxy, "/", fields).status();
    assert_eq!(["X-Tenant: a\r\n", "X-Tenant: a\r\n", "X-Tenant: b\r\n"].map(of), [200, 429, 200]);
    assert_eq!(["", ""].map(of), [200, 429], "without it, the address");
    let (_origin, proxy) = limited("{ rate = \"1/h\", key = \"path\" }");
    let to = |path: &str| ask(&proxy, path, "").status();
    assert_eq!(["/a?1", "/a?2", "/b"].map(to), [200, 429, 200]);
    let (_origin, proxy) = limited("{ rate = \"1/h\", key = \"fixed\" }");
    assert_eq!(["/a", "/b"].map(|path| ask(&proxy, path, "").status()), [200, 429]);
}

#[test]
fn a_dry_run_refuses_nothing_and_tells() {
    let (origin, proxy) = limited("{ rate = \"1/h\", dry_run = true }");
    let both = [ask(&proxy, "/", ""), ask(&proxy, "/", "")];
    assert_eq!(both.each_ref().map(|response| (response.status(), response.header("ratelimit"))), [(200, None); 2]);
    assert_eq!(origin.requests().len(), 2);
    let line: Value = serde_json::from_str(&proxy.access_log(2)[1]).unwrap();
    assert_eq!(
        (&line["rate_limit"], &line["rate_limit_dry_run"], &line["fault"]),
        (&"all".into(), &true.into(), &Value::Null)
    );
    assert_eq!(proxy.metric("tidegate_rate_limited_total{limit=\"all\",mode=\"dry_run\"}"), 1.0);
}

#[test]
fn several_limits_and_limits_of_several_routes() {
    let origin = Origin::answering(ok("fine"));
    let shared = "{ rate = \"3/h\", key = \"fixed\", name = \"both\" }";
    let proxy = Edge::to(origin.address)
        .route(&format!("rate_limit = [{{ rate = \"2/h\", key = \"path\", fields = false }}, {shared}]"))
        .more(&format!("[[routes]]\npath_prefix = \"/b\"\nupstream = \"app\"\nrate_limit = {shared}"))
        .start();
    let first = ask(&proxy, "/a", "");
    assert_eq!(first.headers("ratelimit"), ["\"both\";r=2;t=1200"]);
    assert_eq!(statuses(&proxy, 2, "/a", ""), [200, 429], "by the first");
    assert_eq!(statuses(&proxy, 2, "/b", ""), [200, 429], "by the one that both share");
    let differs = Edge::to("127.0.0.1:1")
        .route(&format!("rate_limit = {shared}"))
        .more("[[routes]]\npath_prefix = \"/b\"\nupstream = \"app\"\nrate_limit = { rate = \"4/h\", name = \"both\" }");
    let (code, said) = try_start(Folder::new(), &differs.toml());
    assert!(code == 1 && said.contains("another route has a limit named \"both\" with other values"), "{said}");
}

#[test]
fn a_reload_that_changes_nothing_of_it_gives_nobody_a_new_burst() {
    let origin = Origin::answering(ok("fine"));
    let edge = |limit: &str| {
        let keys = format!("rate_limit = {limit}");
        Edge::to(origin.address).listener(TRUST).route(&keys).toml()
    };
    let proxy = Proxy::start(&edge("{ rate = \"2/h\" }"));
    assert_eq!(statuses(&proxy, 3, "/", ""), [200, 200, 429]);
    proxy.reload(&edge("{ rate = \"2/h\", dry_run = true }")).expect("reloads");
    assert_eq!(ask(&proxy, "/", "").status(), 200);
    proxy.reload(&edge("{ rate = \"2/h\" }")).expect("reloads");
    assert_eq!(ask(&proxy, "/", "").status(), 429);
    proxy.reload(&edge("{ rate = \"3/h\" }")).expect("reloads");
    assert_eq!(ask(&proxy, "/", "").status(), 200, "another limit begins anew");
}

#[test]
fn all_workers_count_together() {
    let origin = Origin::answering(ok("fine"));
    let edge = Edge::to(origin.address).route("rate_limit = { rate = \"40/d\" }");
    let proxy = Proxy::start(&format!("{}\n[server]\nworkers = 2\nwatch = false\n", edge.toml()));
    let passed = std::thread::scope(|scope| {
        let one = || (0..20).filter(|_| ask(&proxy, "/", "").status() == 200).count();
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(one)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
    });
    assert_eq!(passed, 40);
}

#[test]
fn a_flood_of_keys_takes_no_memory_and_frees_no_one() {
    let (_origin, proxy) = limited("{ rate = \"10/h\", key = \"header:X-Key\", max_keys = 64 }");
    let mut client = proxy.connect("web");
    let mut of = |key: &str| client.ask(&format!("GET / HTTP/1.1\r\nHost: a\r\nX-Key: {key}\r\n\r\n")).status();
    let hot: Vec<_> = (0..11).map(|_| of("hot")).collect();
    assert_eq!((hot[9], hot[10]), (200, 429));
    let before = proxy.memory_kib("VmRSS");
    assert!((0..5000).all(|key| of(&format!("k{key}")) == 200));
    assert_eq!(of("hot"), 429, "it is still known");
    assert!(proxy.metric("tidegate_rate_limit_keys{limit=\"all\"}") <= 64.0);
    assert!(proxy.metric("tidegate_rate_limit_evicted_total{limit=\"all\"}") > 4900.0);
    let grown = proxy.memory_kib("VmRSS").saturating_sub(before);
    assert!(grown < 8 * 1024, "{grown} KiB");
}

#[test]
fn bodies_pass_at_the_rate() {
    let origin = Origin::scripted(|visit| {
        visit.read_body();
        let body = "x".repeat(96 * 1024);
        visit.send(ok(&body));
    });
    let proxy =
        Edge::to(origin.address).route("bandwidth = { download = \"128KiB/s\", upload = \"128KiB/s\" }").start();
    let body = "y".repeat(96 * 1024);
    let mut client = proxy.connect("web");
    let begun = Instant::now();
    client.send(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
    let response = client.response("POST");
    let took = begun.elapsed();
    assert_eq!((response.status(), response.body.len()), (200, 96 * 1024));
    assert_eq!(origin.request(1).body.len(), 96 * 1024);
    // Twice 96 KiB at 128 KiB a second, but for what is let through at once.
    assert!(took > Duration::from_millis(1300), "{took:?}");
    let begun = Instant::now();
    assert_eq!(client.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").status(), 200);
    assert!(begun.elapsed() > Duration::from_millis(600), "the next on the connection has no new burst");
    let seen: HashSet<_> = proxy.access_log(2).iter().map(|line| line.contains("\"complete\":true")).collect();
    assert_eq!(seen, HashSet::from([true]));
}

/// The streams of a connection share its rate: opening more of them makes nothing faster.
#[test]
fn streams_of_a_connection_share_the_rate() {
    const OCTETS: usize = 64 * 1024;
    let origin = Origin::answering(ok(&"x".repeat(OCTETS)));
    let proxy = Edge::to(origin.address).route("bandwidth = { download = \"128KiB/s\" }").start();
    let mut client = FrameClient::connect(proxy.addr("web"), PATIENCE);
    client.send([PREFACE, &settings(&[(1, 0), (4, 1 << 20)]), &window_update(0, 1 << 20)].concat());
    let begun = Instant::now();
    client.send([1, 3, 5].map(|stream| headers(stream, END_STREAM, pseudo("GET", "/"))).concat());
    assert_eq!([1, 3, 5].map(|stream| client.fate(stream)), [Fate::Response(200); 3]);
    let took = begun.elapsed();
    let octets = client.seen.iter().filter(|frame| frame.kind == DATA_FRAME).map(|frame| frame.payload.len());
    assert_eq!(octets.sum::<usize>(), 3 * OCTETS);
    // 192 KiB at 128 KiB a second, but for what is let through at once.
    assert!(took > Duration::from_millis(1100), "{took:?}");
}

#[test]
fn who_authenticated_counts_wherever_it_comes_from() {
    let origin = Origin::answering(ok("fine"));
    let folder = Folder::new();
    // The SHA-256 of "one" and of "two".
    let keys = [
        ("ann", "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"),
        ("bob", "3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3"),
    ];
    folder.write("keys", keys.map(|(name, digest)| format!("{name}:{digest}\n")).concat());
    let route = "auth = { api_keys = { file = \"keys\", header = \"x-api-key\" } }\n\
                 rate_limit = { rate = \"1/h\", key = \"identity\" }";
    let proxy = Edge::to(origin.address).listener(TRUST).route(route).start_in(folder);
    let by = |key: &str, client: &str| {
        ask(&proxy, "/", &format!("X-Api-Key: {key}\r\nX-Forwarded-For: {client}\r\n")).status()
    };
    assert_eq!(by("one", "192.0.2.1"), 200);
    assert_eq!(by("one", "192.0.2.2"), 429, "the same one from elsewhere");
    assert_eq!(by("two", "192.0.2.1"), 200, "another from the same place");
    // Whoever is nobody is refused before, and takes nothing from anybody.
    assert_eq!([by("three", "192.0.2.1"), by("three", "192.0.2.1")], [401, 401]);
    assert_eq!(origin.requests().len(), 2);
}
