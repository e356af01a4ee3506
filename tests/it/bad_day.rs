//! Bad days with real processes and sockets: what clients see while endpoints die, hang, fail, lag, and come back.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Edge, Folder, Origin, Proxy, Wire, eventually, ok};

/// Each asks one request after the other.
const CLIENTS: usize = 12;

/// A real process that answers with its name, so that it can be killed as a process is: this program, serving itself.
struct Process {
    child: Child,
    address: SocketAddr,
    _folder: Folder,
}

impl Process {
    fn start(name: &str) -> Self {
        Self::start_at(name, "127.0.0.1:0".parse().unwrap())
    }

    fn start_at(name: &str, address: SocketAddr) -> Self {
        let folder = Folder::new();
        let config = folder.write(
            "origin.toml",
            format!(
                "[server]\nworkers = 1\nwatch = false\n[log]\nformat = \"json\"\naccess = \"off\"\n\
                 [listeners.web]\naddress = \"{address}\"\n[[routes]]\nrespond = {{ body = \"{name}\" }}\n"
            ),
        );
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        command.arg("run").arg("-c").arg(config).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let said = std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().unwrap()));
        let mut bound = None;
        let mut rest = said.map_while(Result::ok);
        for line in rest.by_ref() {
            let line: Value = serde_json::from_str(&line).unwrap_or_default();
            if line["message"] == "listening" {
                bound = line["address"].as_str().map(|address| address.parse().unwrap());
            }
            if line["message"] == "ready" {
                break;
            }
        }
        // What it says from now on must not fill the pipe.
        thread::spawn(move || rest.for_each(drop));
        Self { child, address: bound.expect("it listens"), _folder: folder }
    }

    /// SIGKILL: no goodbye on any connection.
    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What clients saw: when an answer came, for which method, and which.
#[derive(Clone, Debug)]
struct Seen {
    begun: Instant,
    took: Duration,
    method: &'static str,
    status: u16,
    text: String,
}

/// Clients that ask one request after the other, until the load ends.
struct Load {
    stop: Arc<AtomicBool>,
    seen: Arc<Mutex<Vec<Seen>>>,
    clients: Vec<JoinHandle<()>>,
}

impl Load {
    /// One in `posts` of the requests is a POST, if that is not 0.
    fn begin(proxy: &Proxy, posts: usize) -> Self {
        let (stop, seen) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let address = proxy.addr("web");
        let client = |number: usize| {
            let (stop, seen) = (Arc::clone(&stop), Arc::clone(&seen));
            thread::spawn(move || {
                let mut wire = Wire::connect(address);
                for turn in number.. {
                    if stop.load(Ordering::SeqCst) {
                        return;
                    }
                    let method = if posts > 0 && turn % posts == 0 { "POST" } else { "GET" };
                    let begun = Instant::now();
                    wire.send(format!("{method} / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"));
                    let response = wire.response(method);
                    let (status, text, took) = (response.status(), response.text(), begun.elapsed());
                    seen.lock().unwrap().push(Seen { begun, took, method, status, text });
                }
            })
        };
        let clients = (0..CLIENTS).map(client).collect();
        Self { stop, seen, clients }
    }

    fn answered(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    /// Waits for so many more answers.
    fn more(&self, count: usize) {
        let before = self.answered();
        eventually("clients are answered", || self.answered() >= before + count);
    }

    fn end(self) -> Vec<Seen> {
        self.stop.store(true, Ordering::SeqCst);
        self.clients.into_iter().for_each(|client| client.join().unwrap());
        Arc::try_unwrap(self.seen).unwrap().into_inner().unwrap()
    }
}

fn failures<'a>(seen: &'a [Seen], method: &str) -> Vec<&'a Seen> {
    seen.iter().filter(|one| one.method == method && one.status != 200).collect()
}

fn ejections(proxy: &Proxy) -> Vec<Value> {
    proxy.log_lines().into_iter().filter(|line| line["message"] == "endpoint ejected").collect()
}

fn three(endpoints: [SocketAddr; 3], keys: &str) -> Proxy {
    let endpoints = endpoints.map(|one| one.to_string()).join("\", \"");
    Edge::to(endpoints).upstream(keys).start()
}

fn well(name: &str) -> Origin {
    Origin::answering(ok(name))
}

#[test]
fn an_endpoint_that_is_killed_under_load() {
    let (mut first, second, third) = (Process::start("first"), Process::start("second"), Process::start("third"));
    let proxy = three([first.address, second.address, third.address], "");
    let load = Load::begin(&proxy, 5);
    load.more(500);
    first.kill();
    let killed = Instant::now();
    load.more(2000);
    eventually("it is ejected", || !ejections(&proxy).is_empty());
    let ejected = Instant::now();
    load.more(1000);
    let seen = load.end();
    assert_eq!(ejections(&proxy)[0]["reason"], "gateway_failures");
    // Whoever asks for what may be asked twice notices nothing, not even before the ejection.
    assert!(failures(&seen, "GET").is_empty(), "{:?}", failures(&seen, "GET"));
    // Of the others those that were with it in that moment, and no later one.
    let posts = failures(&seen, "POST");
    assert!(posts.len() <= CLIENTS && posts.iter().all(|one| one.begun <= killed), "{posts:?}");
    let after: Vec<_> = seen.iter().filter(|one| one.begun > ejected).collect();
    assert!(after.len() > 500 && after.iter().all(|one| one.text != "first" && one.status == 200));
    assert!(seen.iter().any(|one| one.begun < killed && one.text == "first"), "it had its share before");
}

#[test]
fn an_endpoint_that_accepts_and_never_answers() {
    let asked = Arc::new(AtomicUsize::new(0));
    let silent = Origin::scripted({
        let asked = Arc::clone(&asked);
        move |visit| {
            asked.fetch_add(1, Ordering::SeqCst);
            visit.read_body();
            assert!(visit.wire.is_closed());
            visit.close();
        }
    });
    let (second, third) = (well("second"), well("third"));
    let proxy = three([silent.address, second.address, third.address], "retry = { try_timeout = \"250ms\" }");
    let load = Load::begin(&proxy, 0);
    eventually("it is ejected", || !ejections(&proxy).is_empty());
    let (ejected, before) = (Instant::now(), asked.load(Ordering::SeqCst));
    load.more(1000);
    let seen = load.end();
    assert!(failures(&seen, "GET").is_empty(), "{:?}", failures(&seen, "GET"));
    // Each of its attempts had its time and no more, and from then on nobody waits.
    let patient = seen.iter().map(|one| one.took).max().unwrap();
    assert!(patient < Duration::from_secs(5), "{patient:?}");
    let slow = seen.iter().filter(|one| one.begun > ejected && one.took > Duration::from_millis(240)).count();
    assert!(slow <= CLIENTS, "{slow} waited although it is ejected");
    assert!(asked.load(Ordering::SeqCst) <= before + CLIENTS);
}

#[test]
fn an_endpoint_that_answers_half_with_500() {
    let turn = Arc::new(AtomicUsize::new(0));
    let half = Origin::scripted({
        let turn = Arc::clone(&turn);
        move |visit| {
            visit.read_body();
            let bad = turn.fetch_add(1, Ordering::SeqCst).is_multiple_of(2);
            visit.send(if bad {
                "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n".to_owned()
            } else {
                ok("half")
            });
        }
    });
    let (second, third) = (well("second"), well("third"));
    let proxy = three([half.address, second.address, third.address], "outlier = { interval = \"500ms\" }");
    let load = Load::begin(&proxy, 0);
    eventually("it is ejected", || !ejections(&proxy).is_empty());
    assert_eq!(ejections(&proxy)[0]["reason"], "success_rate");
    assert_eq!(ejections(&proxy)[0]["endpoint"], half.address.to_string());
    let ejected = Instant::now();
    load.more(1000);
    let seen = load.end();
    // 500 is an answer of the service and goes to the client; after the ejection there is none any more but what was on its way.
    let late: Vec<_> = failures(&seen, "GET").into_iter().filter(|one| one.begun > ejected).collect();
    assert!(late.is_empty(), "{late:?}");
    assert!(!failures(&seen, "GET").is_empty(), "it did answer with 500 before");
}

#[test]
fn an_endpoint_that_is_half_a_second_slower() {
    let slow = Origin::scripted(|visit| {
        visit.read_body();
        // This is the fault itself, not a way to wait for something.
        thread::sleep(Duration::from_millis(500));
        visit.send(ok("slow"));
    });
    let (second, third) = (well("second"), well("third"));
    let keys = "balance = \"random\"\noutlier = { interval = \"1s\", latency_requests = 10 }";
    let proxy = three([slow.address, second.address, third.address], keys);
    let load = Load::begin(&proxy, 4);
    eventually("it is ejected", || !ejections(&proxy).is_empty());
    assert_eq!(ejections(&proxy)[0]["reason"], "latency");
    assert_eq!(ejections(&proxy)[0]["endpoint"], slow.address.to_string());
    let ejected = Instant::now();
    load.more(2000);
    let seen = load.end();
    assert!(seen.iter().all(|one| one.status == 200), "slow is not broken");
    assert!(seen.iter().all(|one| one.begun < ejected || one.text != "slow"));
    let after = seen.iter().filter(|one| one.begun > ejected).map(|one| one.took).max().unwrap();
    assert!(after < Duration::from_millis(450), "{after:?}");
}

/// Nobody is left: errors come at once and say so; and the first request after the return is answered.
#[test]
fn a_whole_upstream_goes_and_comes_back() {
    let mut processes: Vec<_> = ["first", "second", "third"].into_iter().map(Process::start).collect();
    let addresses: Vec<_> = processes.iter().map(|process| process.address).collect();
    let keys = "[upstreams.app.health]\npath = \"/\"\ninterval = \"100ms\"\ntimeout = \"2s\"\nrise = 1\nfall = 2\n";
    let proxy = three([addresses[0], addresses[1], addresses[2]], keys);
    let load = Load::begin(&proxy, 3);
    load.more(300);
    processes.iter_mut().for_each(Process::kill);
    let killed = Instant::now();
    load.more(500);
    eventually("all are down", || {
        proxy.log_lines().iter().filter(|line| line["message"] == "endpoint down").count() == 3
    });
    load.more(100);
    let back: Vec<_> = ["first", "second", "third"].into_iter().zip(&addresses).collect();
    let processes: Vec<_> = back.into_iter().map(|(name, address)| Process::start_at(name, *address)).collect();
    let returned = Instant::now();
    eventually("all are up", || proxy.log_lines().iter().filter(|line| line["message"] == "endpoint up").count() >= 3);
    load.more(1000);
    let seen = load.end();
    let gone: Vec<_> = seen.iter().filter(|one| one.begun > killed && one.status != 200).collect();
    assert!(gone.iter().all(|one| matches!(one.status, 502..=504)), "{gone:?}");
    assert!(!gone.is_empty() && gone.iter().all(|one| one.took < Duration::from_secs(5)), "errors come at once");
    // While all are down all are tried (a panic), so that the first sign of life is used.
    let late: Vec<_> = gone.iter().filter(|one| one.begun > returned).collect();
    assert!(late.is_empty(), "{late:?}");
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    seen.iter().filter(|one| one.begun > returned).for_each(|one| *names.entry(&one.text).or_default() += 1);
    assert_eq!(names.len(), 3, "all of them serve again: {names:?}");
    drop(processes);
}

/// After its ejection an endpoint that is well again has its share.
#[test]
fn an_endpoint_that_recovers_has_requests_again() {
    let broken = Arc::new(AtomicBool::new(true));
    let first = Origin::scripted({
        let broken = Arc::clone(&broken);
        move |visit| {
            visit.read_body();
            if broken.load(Ordering::SeqCst) { visit.reset() } else { visit.send(ok("first")) }
        }
    });
    let (second, third) = (well("second"), well("third"));
    let keys = "slow_start = \"500ms\"\noutlier = { base_ejection = \"1s\" }";
    let proxy = three([first.address, second.address, third.address], keys);
    let load = Load::begin(&proxy, 0);
    eventually("it is ejected", || !ejections(&proxy).is_empty());
    broken.store(false, Ordering::SeqCst);
    proxy.wait_for_log(0, "endpoint is back");
    load.more(3000);
    let seen = load.end();
    assert!(failures(&seen, "GET").is_empty(), "{:?}", failures(&seen, "GET"));
    let last = &seen[seen.len() - 1000..];
    let share = last.iter().filter(|one| one.text == "first").count();
    assert!(share > 100, "{share} of 1000");
}
