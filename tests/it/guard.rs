//! A reload that does harm is taken back.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{Edge, Origin, Proxy, Wire, eventually, ok};

const FAILING: &str = "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 6\r\n\r\nbroken";

/// Two routes: `all`, to that endpoint, and one that never changes.
fn config(endpoint: SocketAddr, window: &str) -> String {
    Edge::to(endpoint)
        .upstream("outlier = { enabled = false }")
        .more("[[routes]]\nname = \"same\"\npath = \"/same\"\nrespond = { body = \"same\" }")
        .more(&format!("[server]\nworkers = 1\nwatch = false\nguard = {{ window = \"{window}\", min_requests = 20 }}"))
        .toml()
}

/// Asks on two connections that are kept, until the work is done; gives back how often either had to connect again.
fn under_load(proxy: &Proxy, asked: &AtomicUsize, work: impl FnOnce()) -> usize {
    let (address, stop) = (proxy.addr("web"), AtomicBool::new(false));
    let client = |path: &'static str| {
        let (stop, asked) = (&stop, &asked);
        move || {
            let (mut wire, mut connects) = (Wire::connect(address), 0);
            while !stop.load(Relaxed) {
                let answer = wire.ask(&format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
                assert!(path == "/" || answer.text() == "same", "the other route: {}", answer.head);
                asked.fetch_add(usize::from(path == "/"), Relaxed);
                if answer.header("connection") == Some("close") {
                    (wire, connects) = (Wire::connect(address), connects + 1);
                }
            }
            connects
        }
    };
    thread::scope(|scope| {
        let _stopped = Stop(&stop);
        let clients = [scope.spawn(client("/")), scope.spawn(client("/same"))];
        work();
        stop.store(true, Relaxed);
        clients.into_iter().map(|client| client.join().expect("it was answered each time")).sum()
    })
}

/// Whatever comes of it, the clients end.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

fn json(proxy: &Proxy, path: &str) -> Value {
    serde_json::from_str(&proxy.ask_admin("GET", path).text()).expect("JSON")
}

/// The kinds of what the guard did, the first one first.
fn events(proxy: &Proxy) -> Vec<String> {
    let events = json(proxy, "/api/events");
    let guard = events.as_array().expect("a list").iter().filter(|event| event["kind"] == "guard");
    let mut events: Vec<_> = guard.map(|event| event["event"].as_str().expect("a word").to_owned()).collect();
    events.reverse();
    events
}

#[test]
fn a_reload_to_a_broken_upstream_goes_back_by_itself() {
    let (good, bad) = (Origin::answering(ok("good")), Origin::answering(FAILING));
    let (first, broken) = (config(good.address, "60s"), config(bad.address, "60s"));
    let proxy = Proxy::start(&first);
    let asked = AtomicUsize::new(0);
    let connects = under_load(&proxy, &asked, || {
        eventually("there is something to compare with", || asked.load(Relaxed) > 100);
        assert_eq!(proxy.reload(&broken).expect("it is a config")["generation"], 2);
        let line = proxy.wait_for_log(0, "the guard has taken the config back");
        // The last ones before the reload may have ended after it.
        let why = line["why"].as_str().expect("why");
        assert!(why.starts_with("route \"all\": ") && why.contains(" requests failed, and 0.0% of "), "{line}");
        eventually("the good one serves again", || proxy.get("/").text() == "good");
    });
    assert_eq!(connects, 0, "nobody's connection was closed");
    let results = ["published", "refused", "rolled_back"];
    let loads = |result: &str| proxy.metric(&format!("tidegate_config_loads_total{{result=\"{result}\"}}"));
    assert_eq!(results.map(loads), [2.0, 0.0, 1.0]);
    assert_eq!(proxy.metric("tidegate_config_generation"), 3.0);
    assert_eq!(events(&proxy), ["watching", "rolled_back"]);
    let latest = json(&proxy, "/api/reloads")[0].clone();
    assert_eq!(
        (&latest["cause"], &latest["result"], &latest["generation"]),
        (&"guard".into(), &"rolled_back".into(), &3.into())
    );
    let guard = json(&proxy, "/api/status")["guard"].clone();
    assert_eq!((&guard["state"], &guard["last"]["cause"]), (&"ready".into(), &"error_rate".into()), "{guard}");

    // The same content is refused, with the reason; by the admin address too.
    let before = proxy.log_lines().len();
    proxy.signal(Signal::HUP);
    let line = proxy.wait_for_reload(before).expect_err("refused");
    assert!(line["problems"].as_str().is_some_and(|why| why.contains("this config was taken back at")), "{line}");
    let answer = proxy.ask_admin("POST", "/api/reload");
    assert_eq!(answer.status(), 422);
    assert!(answer.text().contains(" requests failed"), "{}", answer.text());
    assert_eq!(proxy.get("/").text(), "good");
    // An upgrade would put it in force without anybody who knows better: the new process refuses it as well.
    let before = proxy.log_lines().len();
    proxy.signal(Signal::USR2);
    proxy.wait_for_log(before, "upgrade failed; this process serves on");
    assert!(proxy.log_lines().iter().any(|line| line.to_string().contains("this config was taken back: ")));
    assert_eq!(proxy.get("/").text(), "good");
    // Changed, it is taken.
    assert_eq!(proxy.reload(&format!("{broken}# again\n")).expect("it has changed")["generation"], 4);
    assert_eq!(proxy.get("/").status(), 500);
}

#[test]
fn a_good_reload_stays_and_an_upgrade_waits_for_that() {
    let (old, new) = (Origin::answering(ok("old")), Origin::answering(ok("new")));
    let proxy = Proxy::start(&config(old.address, "2s"));
    let asked = AtomicUsize::new(0);
    under_load(&proxy, &asked, || {
        eventually("there is something to compare with", || asked.load(Relaxed) > 100);
        // What the next process finds: it cannot be used, so that this one goes on.
        proxy.reload(&config(new.address, "2s")).expect("a config");
        proxy.write_config("nonsense");
        proxy.signal(Signal::USR2);
        proxy.wait_for_log(0, "the upgrade waits until the guard has decided");
        proxy.wait_for_log(0, "the guard lets the config stay");
        proxy.wait_for_log(0, "upgrade failed; this process serves on");
    });
    assert_eq!(events(&proxy), ["watching", "kept"]);
    assert_eq!(proxy.get("/").text(), "new");
    assert_eq!(json(&proxy, "/api/status")["guard"]["refused"], Value::Null);
}

#[test]
fn a_quiet_route_decides_nothing() {
    let (good, bad) = (Origin::answering(ok("good")), Origin::answering(FAILING));
    let proxy = Proxy::start(&config(good.address, "1s"));
    (0..5).for_each(|_| assert_eq!(proxy.get("/").status(), 200));
    proxy.reload(&config(bad.address, "1s")).expect("a config");
    (0..5).for_each(|_| assert_eq!(proxy.get("/").status(), 500));
    let line = proxy.wait_for_log(0, "the guard lets the config stay");
    assert_eq!(line["why"], "there were too few requests to tell; it stays");
    assert_eq!(events(&proxy), ["watching", "undecided"]);
    assert_eq!(proxy.get("/").status(), 500);
}
