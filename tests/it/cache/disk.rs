//! The disk tier: what outlives the program, and what never leaves the disk.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rustix::process::Signal;

use super::{ask, assert_asked, counting, response, verdict};
use crate::support::{Edge, Folder, Message, Origin, PATIENCE, Proxy, Visit, eventually};

/// An edge with a cache in that folder.
fn keeping(origin: &Origin, folder: &Path) -> Edge {
    let cache = format!(
        "[cache]\npurge_from = [\"127.0.0.0/8\"]\ndisk = {{ path = \"{}\", size = \"64MiB\" }}\n[server]\nworkers = 2",
        folder.display()
    );
    Edge::to(origin.address).route("cache = true").more(&cache)
}

/// Waits until the disk may be asked for everything that is on it.
fn whole(proxy: &Proxy) {
    eventually("the index is whole", || {
        proxy.metric("tidegate_cache_disk_open") == 1.0 && proxy.metric("tidegate_cache_disk_rebuilding") == 0.0
    });
}

fn written(proxy: &Proxy, responses: usize) {
    eventually("it is on the disk", || proxy.metric("tidegate_cache_disk_written_total") >= responses as f64);
}

fn end(mut proxy: Proxy, signal: Signal) {
    proxy.signal(signal);
    proxy.wait();
}

/// A body of one path and one version of it: every line says both, and which line it is.
fn body(path: &str, version: u64, length: usize) -> String {
    let mut body = format!("{version} {length}\n");
    let mut line = 0;
    while body.len() < length {
        body += &format!("{path} {version} {line}\n");
        line += 1;
    }
    body.truncate(length);
    body
}

/// The version of a body; every octet of it was compared.
fn version(path: &str, text: &str) -> u64 {
    let (first, _) = text.split_once('\n').unwrap_or_else(|| panic!("no body of {path}: {text:?}"));
    let (number, length) = first.split_once(' ').unwrap();
    let (number, length) = (number.parse().unwrap(), length.parse().unwrap());
    assert!(text == body(path, number, length), "a wrong body of {path}, {} octets", text.len());
    number
}

/// How long the bodies of a path are: `/12345/name`.
fn length_of(path: &str) -> usize {
    path.split('/').nth(1).unwrap().parse().unwrap()
}

/// An origin whose bodies say what they are; each answer is a version of its own.
fn telling() -> Origin {
    telling_from(Arc::default())
}

/// The same, from that count on.
fn telling_from(count: Arc<AtomicU64>) -> Origin {
    Origin::scripted(move |visit: &mut Visit<'_>| {
        visit.read_body();
        let path = visit.request.first_line().split(' ').nth(1).unwrap().to_owned();
        let version = count.fetch_add(1, Ordering::SeqCst) + 1;
        let fields = format!("cache-control: max-age=3600\r\netag: \"{version}\"\r\nx-version: {version}\r\n");
        visit.send(response(&fields, &body(&path, version, length_of(&path))));
    })
}

fn checked(path: &str, response: &Message) -> u64 {
    assert_eq!(response.status(), 200, "{}", response.head);
    let version = version(path, &response.text());
    assert_eq!(response.header("x-version"), Some(&*version.to_string()), "head and body belong together");
    version
}

#[test]
fn a_restart_begins_with_what_was_stored() {
    let (origin, folder) = (telling(), Folder::new());
    let path = folder.path().join("cache");
    let paths = ["/500/a", "/70000/b", "/2000000/c"];
    let proxy = keeping(&origin, &path).start();
    whole(&proxy);
    let before: Vec<u64> = paths.map(|path| checked(path, &ask(&proxy, "GET", path, ""))).to_vec();
    written(&proxy, paths.len());
    for file in std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap()) {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
    }
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    end(proxy, Signal::TERM);
    let proxy = keeping(&origin, &path).start();
    whole(&proxy);
    assert_eq!(proxy.metric("tidegate_cache_disk_entries"), 3.0);
    // What is large is sent from the disk, and comes to the memory when it is asked for again.
    for _ in 0..3 {
        for (path, before) in paths.iter().zip(&before) {
            let response = ask(&proxy, "GET", path, "");
            assert!(verdict(&response).starts_with("tidegate; hit"), "{}", response.head);
            assert!(response.header("age").is_some());
            assert_eq!(checked(path, &response), *before);
        }
    }
    assert_asked(&origin, 3);
}

#[test]
fn ranges_and_conditions_are_answered_from_the_disk() {
    let (origin, folder) = (telling(), Folder::new());
    let path = "/3000000/large";
    let proxy = keeping(&origin, folder.path()).start();
    whole(&proxy);
    let version = checked(path, &ask(&proxy, "GET", path, ""));
    written(&proxy, 1);
    end(proxy, Signal::KILL);
    for fields in [
        "range: bytes=70000-199999\r\n",
        "range: bytes=-10\r\n",
        "if-none-match: \"1\"\r\n",
        "range: bytes=0-0,9-9\r\n",
    ] {
        let proxy = keeping(&origin, folder.path()).start();
        whole(&proxy);
        let response = ask(&proxy, "GET", path, fields);
        let whole = body(path, version, length_of(path));
        match fields {
            "range: bytes=70000-199999\r\n" => {
                assert_eq!((response.status(), response.text() == whole[70_000..200_000]), (206, true));
            }
            "range: bytes=-10\r\n" => assert_eq!((response.status(), &*response.text()), (206, &whole[2_999_990..])),
            "if-none-match: \"1\"\r\n" => assert_eq!((response.status(), &*response.text()), (304, "")),
            _ => assert!(response.status() == 206 && response.text().contains("bytes 9-9/3000000")),
        }
        let head = ask(&proxy, "HEAD", path, "cache-control: only-if-cached\r\n");
        assert_eq!((head.status(), head.header("content-length")), (200, Some("3000000")));
        end(proxy, Signal::KILL);
    }
    assert_asked(&origin, 1);
}

#[test]
fn a_stale_response_on_the_disk_is_validated() {
    let folder = Folder::new();
    let origin = Origin::scripted(|visit: &mut Visit<'_>| {
        visit.read_body();
        let path = visit.request.first_line().split(' ').nth(1).unwrap().to_owned();
        let fields = "cache-control: max-age=0, stale-if-error=60\r\netag: \"e\"\r\n";
        match visit.request.header("if-none-match") {
            Some("\"e\"") => {
                visit.send("HTTP/1.1 304 Not Modified\r\ncache-control: max-age=600\r\netag: \"e\"\r\n\r\n")
            }
            _ => visit.send(response(fields, &body(&path, 1, length_of(&path)))),
        }
    });
    let paths = ["/100/small", "/1500000/large"];
    let proxy = keeping(&origin, folder.path()).start();
    whole(&proxy);
    paths.iter().for_each(|path| assert_eq!(version(path, &ask(&proxy, "GET", path, "").text()), 1));
    written(&proxy, 2);
    end(proxy, Signal::TERM);
    for turn in 0..2 {
        let proxy = keeping(&origin, folder.path()).start();
        whole(&proxy);
        for path in paths {
            let response = ask(&proxy, "GET", path, "");
            assert_eq!(version(path, &response.text()), 1);
            // The first turn validated it; what that gave is on the disk as well.
            let want = if turn == 0 { "tidegate; fwd=stale; fwd-status=304" } else { "tidegate; hit" };
            assert!(verdict(&response).starts_with(want), "{}", response.head);
        }
        if turn == 0 {
            written(&proxy, 2);
        }
        end(proxy, Signal::TERM);
    }
    assert_asked(&origin, 4);
}

#[test]
fn a_purge_holds_although_the_program_is_killed() {
    let (origin, folder) = (telling(), Folder::new());
    for round in 0..3 {
        let path = format!("/1000/{round}");
        let proxy = keeping(&origin, folder.path()).start();
        whole(&proxy);
        let before = checked(&path, &ask(&proxy, "GET", &path, ""));
        written(&proxy, 1);
        assert_eq!(ask(&proxy, "PURGE", &path, "").status(), 200);
        end(proxy, Signal::KILL);
        let proxy = keeping(&origin, folder.path()).start();
        whole(&proxy);
        assert!(checked(&path, &ask(&proxy, "GET", &path, "")) > before);
        end(proxy, Signal::KILL);
    }
}

/// What the clients of a program that is killed know.
struct Witness {
    /// Versions that the origin has given.
    given: Arc<AtomicU64>,
    /// Versions up to this one of a path were purged.
    purged: Mutex<HashMap<String, u64>>,
    answers: AtomicUsize,
    purges: AtomicUsize,
}

impl Witness {
    /// Asks for paths, and purges some, until the program is gone.
    fn hammer(&self, address: SocketAddr, round: usize, client: usize) {
        for turn in 0.. {
            let number = (round * 31 + client * 7919 + turn * 13) % 101;
            // Half of the paths are new in each round.
            let path = format!("/{}/{number}-{}", [300, 5_000, 70_000, 1_200_000][number % 4], number % 2 * round);
            let went_on =
                if (client + turn).is_multiple_of(11) { self.purge(address, &path) } else { self.read(address, &path) };
            if went_on.is_none() {
                return;
            }
            self.answers.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn read(&self, address: SocketAddr, path: &str) -> Option<()> {
        let purged = self.purged.lock().unwrap().get(path).copied().unwrap_or(0);
        let version = checked(path, &exchange(address, "GET", path)?);
        assert!(version > purged, "{path}: version {version} although {purged} was purged");
        Some(())
    }

    fn purge(&self, address: SocketAddr, path: &str) -> Option<()> {
        let given = self.given.load(Ordering::SeqCst);
        assert_eq!(exchange(address, "PURGE", path)?.status(), 200);
        self.purges.fetch_add(1, Ordering::SeqCst);
        let mut purged = self.purged.lock().unwrap();
        let known = purged.entry(path.to_owned()).or_default();
        *known = given.max(*known);
        Some(())
    }
}

/// One exchange with a program that may be killed at any moment; `None` where it was.
fn exchange(address: SocketAddr, method: &str, path: &str) -> Option<Message> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
        .write_all(format!("{method} {path} HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n").as_bytes())
        .ok()?;
    let mut octets = Vec::new();
    stream.read_to_end(&mut octets).ok()?;
    let head = octets.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let message = Message::of(String::from_utf8_lossy(&octets[..head]).into_owned());
    let length: usize = message.header("content-length")?.parse().ok()?;
    (octets.len() - head == length).then(|| Message { body: octets.split_off(head), ..message })
}

#[test]
fn killed_fifty_times_while_it_writes_it_never_serves_a_wrong_octet() {
    const ROUNDS: usize = 50;
    let given = Arc::new(AtomicU64::new(0));
    let (origin, folder) = (telling_from(given.clone()), Folder::new());
    let witness =
        Witness { given, purged: Mutex::default(), answers: AtomicUsize::new(0), purges: AtomicUsize::new(0) };
    let (mut restored, mut largest) = (0.0, 0.0_f64);
    for round in 0..ROUNDS {
        let mut proxy = keeping(&origin, folder.path()).start();
        let address = proxy.addr("web");
        let before = witness.answers.load(Ordering::SeqCst);
        std::thread::scope(|scope| {
            let clients: Vec<_> = (0..4)
                .map(|client| {
                    scope.spawn({
                        let witness = &witness;
                        move || witness.hammer(address, round, client)
                    })
                })
                .collect();
            eventually("the clients are at it", || {
                witness.answers.load(Ordering::SeqCst) >= before + 40 + round * 17 % 60
                    || clients.iter().any(|client| client.is_finished())
            });
            restored += proxy.metric("tidegate_cache_disk_read_total");
            largest = largest.max(proxy.metric("tidegate_cache_disk_bytes"));
            assert_eq!(proxy.metric("tidegate_cache_disk_failures_total{reason=\"checksum\"}"), 0.0);
            proxy.signal(Signal::KILL);
            proxy.wait();
        });
    }
    let written = folder_size(folder.path());
    assert!(written <= 64 << 20 && largest <= f64::from(64 << 20), "{written} {largest}");
    // Otherwise it was no test.
    let purges = witness.purges.load(Ordering::SeqCst);
    assert!(restored > 100.0 && purges > 100, "{restored} were read from the disk, {purges} purges");
    println!("{restored} responses from the disk, {purges} purges, {} answers", witness.answers.load(Ordering::SeqCst));
}

fn folder_size(path: &Path) -> u64 {
    std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
}

#[test]
fn two_processes_never_have_the_folder_at_the_same_time() {
    let (origin, folder) = (telling(), Folder::new());
    let old = keeping(&origin, folder.path()).start();
    whole(&old);
    let version = checked("/5000/a", &ask(&old, "GET", "/5000/a", ""));
    written(&old, 1);
    let new = keeping(&origin, folder.path()).start();
    new.wait_for_log(0, "the disk cache waits: another process owns its folder");
    assert_eq!(new.metric("tidegate_cache_disk_open"), 0.0);
    // It serves without; and what is purged there meanwhile is purged.
    assert!(checked("/5000/b", &ask(&new, "GET", "/5000/b", "")) > version);
    checked("/5000/c", &ask(&old, "GET", "/5000/c", ""));
    written(&old, 2);
    assert_eq!(ask(&new, "PURGE", "/5000/c", "").status(), 200);
    let newest = version + 2;
    end(old, Signal::TERM);
    whole(&new);
    assert_eq!(checked("/5000/a", &ask(&new, "GET", "/5000/a", "")), version);
    assert!(checked("/5000/c", &ask(&new, "GET", "/5000/c", "")) > newest);
}

#[test]
fn a_folder_that_cannot_be_used_costs_no_request() {
    let (origin, folder) = (counting("cache-control: max-age=60\r\n"), Folder::new());
    let path = folder.write("file", "no folder").join("cache");
    let proxy = keeping(&origin, &path).start();
    let said = proxy.wait_for_log(0, "the disk cache is off: its folder cannot be used");
    assert_eq!(said["level"], "error", "{said}");
    for _ in 0..3 {
        assert_eq!(ask(&proxy, "GET", "/a", "").text(), "1");
    }
    assert_eq!(ask(&proxy, "PURGE", "/a", "").status(), 200);
    assert_eq!(ask(&proxy, "GET", "/a", "").text(), "2");
    assert_eq!(proxy.metric("tidegate_cache_disk_failures_total{reason=\"open\"}"), 1.0);
    assert_eq!(proxy.metric("tidegate_cache_disk_open"), 0.0);
}

/// A small file system of its own, until it is dropped.
struct Small(Folder);

impl Small {
    /// `None` where this user may not mount one.
    fn mount(size: &str) -> Option<Self> {
        let folder = Folder::new();
        let options = format!("size={size}");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(folder.path()).output();
        mounted.is_ok_and(|output| output.status.success()).then(|| Self(folder))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).output();
    }
}

#[test]
fn a_full_disk_stores_nothing_and_fails_nobody() {
    let Some(small) = Small::mount("3m") else {
        println!("skipped: this user may not mount a file system");
        return;
    };
    let origin = telling();
    let proxy = keeping(&origin, small.0.path()).start();
    whole(&proxy);
    let paths: Vec<String> = (0..40).map(|at| format!("/200000/{at}")).collect();
    for path in &paths {
        checked(path, &ask(&proxy, "GET", path, ""));
    }
    let said = proxy.wait_for_log(0, "the disk cache stores nothing for now");
    assert_eq!(said["level"], "error", "{said}");
    paths.iter().for_each(|path| assert!(verdict(&ask(&proxy, "GET", path, "")).starts_with("tidegate; hit")));
    assert!(proxy.metric("tidegate_cache_disk_failures_total{reason=\"write\"}") >= 1.0);
    let state = || serde_json::from_str::<serde_json::Value>(&proxy.ask_admin("GET", "/api/cache").text()).unwrap();
    // It tries again every half minute, which may be just now.
    eventually("the state says so", || {
        state()["disk"]["state"] == "failing" || state()["disk"]["failures"]["write"].as_u64() > Some(0)
    });
    assert_eq!(state()["disk"]["path"], small.0.path().to_str().unwrap());
    let kept = proxy.metric("tidegate_cache_disk_entries");
    assert!((1.0..20.0).contains(&kept), "{kept}");
    // A purge is noted although the disk is full: something has to go for it.
    let purged = checked(&paths[0], &ask(&proxy, "GET", &paths[0], ""));
    assert_eq!(ask(&proxy, "PURGE", &paths[0], "").status(), 200);
    let times = proxy.log_lines().iter().filter(|line| line["message"] == said["message"]).count();
    assert_eq!(times, 1, "said once");
    end(proxy, Signal::KILL);
    let proxy = keeping(&origin, small.0.path()).start();
    whole(&proxy);
    for path in &paths {
        let version = checked(path, &ask(&proxy, "GET", path, ""));
        assert!(path != &paths[0] || version > purged);
    }
    end(proxy, Signal::TERM);
}
