//! When there is too much to do, some of it is refused early, and what runs is finished.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::frames::{FrameClient, SETTINGS};
use crate::support::{Edge, Gate, Origin, PATIENCE, Proxy, Wire, eventually, ok};

/// Routes of all classes, by their paths; `/wait` is of the lowest.
const CLASSES: &str = "\
[[routes]]\nname = \"low\"\npath_prefix = \"/low\"\nupstream = \"app\"\npriority = \"low\"\n\
[[routes]]\nname = \"high\"\npath_prefix = \"/high\"\nupstream = \"app\"\npriority = \"high\"\n\
[[routes]]\nname = \"health\"\npath = \"/health\"\nrespond.status = 204\npriority = \"critical\"\n";

const SERVER: &str = "[server]\nworkers = 1\nwatch = false\n";

fn status(proxy: &Proxy, path: &str) -> u16 {
    proxy.get(path).status()
}

/// SETTINGS_MAX_CONCURRENT_STREAMS of a new HTTP/2 connection (RFC 9113 §6.5.2).
fn granted_streams(proxy: &Proxy) -> u32 {
    let mut client = FrameClient::begin(proxy.addr("web"), PATIENCE);
    let settings = client.wait(|frame| frame.kind == SETTINGS && frame.flags == 0).unwrap();
    let streams = settings.payload.chunks(6).find(|setting| setting[..2] == [0, 3]).unwrap();
    u32::from_be_bytes(streams[2..].try_into().unwrap())
}

#[test]
fn memory_that_runs_out_is_kept_for_those_that_matter() {
    let gate = Gate::new();
    let origin = Origin::scripted({
        let gate = gate.clone();
        move |visit| {
            if visit.request.first_line().contains("wait") {
                visit.send("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf");
                gate.wait();
                visit.send("rest");
            } else {
                visit.send(ok("fine"));
            }
        }
    });
    let config = |server: &str| Edge::to(origin.address).more(CLASSES).more(SERVER).more(server).toml();
    let proxy = Proxy::start(&config("max_memory = \"off\""));
    assert_eq!((status(&proxy, "/low"), status(&proxy, "/"), granted_streams(&proxy)), (200, 200, 100));
    let mut running = proxy.connect("web");
    running.send("GET /low/wait HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(running.exactly(15), b"HTTP/1.1 200 OK");
    // A reload costs some memory by itself, once.
    proxy.reload(&config("max_memory = \"100GiB\"")).unwrap();
    let resident = proxy.memory_kib("VmRSS:");
    proxy.reload(&config(&format!("max_memory = \"{}KiB\"", resident * 1000 / 925))).unwrap();
    eventually("low and normal are refused", || (status(&proxy, "/low"), status(&proxy, "/")) == (503, 503));
    let refused = proxy.get("/");
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert!(refused.header("proxy-status").unwrap().contains("overloaded"), "{}", refused.head);
    assert_eq!((status(&proxy, "/high"), status(&proxy, "/health")), (200, 204));
    assert_eq!(granted_streams(&proxy), 25);
    gate.open();
    // The head goes on where it was left.
    let mut rest = String::new();
    while !rest.ends_with("halfrest") {
        rest.push_str(std::str::from_utf8(&running.exactly(1)).unwrap());
    }
    let line = proxy.wait_for_log(0, "overloaded: some new work is refused");
    assert_eq!((&line["cause"], &line["level"]), (&"memory".into(), &"high".into()));
    // Beyond all of it no new connection is taken either.
    let mut open = proxy.connect("web");
    assert_eq!(open.ask("GET /health HTTP/1.1\r\nHost: a\r\n\r\n").status(), 204);
    proxy.reload(&config(&format!("max_memory = \"{}KiB\"", resident / 2))).unwrap();
    eventually("new connections are refused", || {
        proxy.metric("tidegate_connections_refused_total{listener=\"web\",reason=\"overloaded\"}") >= 1.0 || {
            let mut wire = proxy.connect("web");
            let _ = wire.try_send("GET /health HTTP/1.1\r\nHost: a\r\n\r\n");
            wire.head();
            false
        }
    });
    assert_eq!(open.ask("GET /health HTTP/1.1\r\nHost: a\r\n\r\n").status(), 204);
    assert_eq!(open.ask("GET /high HTTP/1.1\r\nHost: a\r\n\r\n").status(), 503);
    proxy.reload(&config("max_memory = \"off\"")).unwrap();
    eventually("all are served again", || {
        let mut wire = proxy.connect("web");
        wire.try_send("GET /low HTTP/1.1\r\nHost: a\r\n\r\n").is_ok()
            && wire.head().is_some_and(|head| head.starts_with("HTTP/1.1 200"))
    });
}

/// A process that gets the processor for moments only is late with everything.
#[test]
fn time_that_runs_out_is_kept_for_those_that_matter() {
    let origin = Origin::answering(ok("fine"));
    let proxy = Edge::to(origin.address).more(CLASSES).more(SERVER).more("max_delay = \"5ms\"").start();
    assert_eq!(status(&proxy, "/low"), 200);
    let over = Arc::new(AtomicBool::new(false));
    thread::scope(|scope| {
        let (proxy, over) = (&proxy, &over);
        scope.spawn(move || {
            while !over.load(Ordering::SeqCst) {
                proxy.signal(Signal::STOP);
                thread::park_timeout(Duration::from_millis(150));
                proxy.signal(Signal::CONT);
                thread::park_timeout(Duration::from_millis(5));
            }
        });
        let refused = (0..200).any(|_| status(proxy, "/low") == 503);
        let critical = status(proxy, "/health");
        over.store(true, Ordering::SeqCst);
        assert!(refused, "low is refused while the process is late");
        assert_eq!(critical, 204);
    });
    eventually("all are served again", || status(&proxy, "/low") == 200);
}

#[test]
fn the_process_has_limits_of_its_own() {
    let gate = Gate::new();
    let origin = Origin::gated(&gate, ok("late"));
    let more = "[listeners.other]\naddress = \"127.0.0.1:0\"\n";
    let proxy = Edge::to(origin.address).more(more).more(SERVER).more("max_connections = 4\nmax_requests = 2").start();
    let ask = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut waiting = [proxy.connect("web"), proxy.connect("other")];
    waiting.iter_mut().for_each(|wire| wire.send(ask));
    eventually("both are with the origin", || origin.visits() == 2);
    let mut third = proxy.connect("web");
    let refused = third.ask(ask);
    assert_eq!(refused.status(), 503);
    assert!(refused.header("proxy-status").unwrap().contains("server_full"), "{}", refused.head);
    let mut fourth = proxy.connect("other");
    assert_eq!(fourth.ask(ask).status(), 503);
    let mut fifth = proxy.connect("web");
    let _ = fifth.try_send(ask);
    assert!(fifth.is_closed());
    assert_eq!(
        proxy.metric("tidegate_connections_refused_total{listener=\"web\",reason=\"server_max_connections\"}"),
        1.0
    );
    gate.open();
    assert!(waiting.iter_mut().all(|wire| wire.response("GET").text() == "late"));
    assert_eq!(third.ask(ask).status(), 200);
}

/// Without descriptors the accept loop waits, does not spin, and goes on when there are some again.
#[test]
fn running_out_of_descriptors_is_no_end() {
    let origin = Origin::answering(ok("fine"));
    let proxy = Edge::to(origin.address).start();
    let ask = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut good = proxy.connect("web");
    assert_eq!(good.ask(ask).status(), 200);
    let before = proxy.limit_files(proxy.open_files() + 3);
    let mut many: Vec<Wire> = (0..20).map(|_| proxy.connect("web")).collect();
    proxy.wait_for_log(0, "cannot accept connections; trying on");
    let (busy, start) = (proxy.cpu_time(), Instant::now());
    // Those that have a connection are served meanwhile.
    while start.elapsed() < Duration::from_secs(1) {
        assert_eq!(good.ask(ask).status(), 200);
        thread::park_timeout(Duration::from_millis(50));
    }
    let busy = proxy.cpu_time() - busy;
    assert!(busy < Duration::from_millis(400), "the loop spins: {busy:?} of a second");
    proxy.limit_files(before);
    assert!(many.iter_mut().all(|wire| wire.ask(ask).status() == 200), "those that waited are served");
    proxy.wait_for_log(0, "accepting again");
}

#[test]
fn the_limit_of_open_files_is_raised() {
    let origin = Origin::answering(ok("fine"));
    let proxy = Edge::to(origin.address).start();
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum;
    assert_eq!(proxy.metric("process_max_fds"), limit.map_or(f64::INFINITY, |limit| limit as f64));
}

/// A worker that needs memory is given a page, not 2 MiB to clear first.
#[test]
fn memory_comes_in_small_steps() {
    let proxy = Edge::to("127.0.0.1:1").start();
    assert_eq!(proxy.memory_kib("THP_enabled:"), 0);
}
