//! The program is replaced while it serves. Who asks in the meantime notices nothing.

use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::support::{
    Edge, Folder, Gate, Origin, PATIENCE, Proxy, Wire, config_command, eventually, ok, outcome, python, tool,
};

/// A program that writes its number into a file, so that its successors are found.
struct Lineage {
    proxy: Proxy,
    file: PathBuf,
}

impl Lineage {
    fn start(edge: &Edge, server: &str) -> Self {
        let toml = edge.clone().more(&format!("[server]\nwatch = false\npid_file = \"pid\"\n{server}")).toml();
        let proxy = Proxy::start(&toml);
        let file = proxy.folder.path().join("pid");
        eventually("its number is written", || file.exists());
        Self { proxy, file }
    }

    fn pid(&self) -> Pid {
        let text = std::fs::read_to_string(&self.file).expect("a pid file");
        Pid::from_raw(text.trim().parse().expect("a number")).expect("a process")
    }

    /// Asks the process that serves for an upgrade, and waits until another one does.
    fn upgrade(&self) -> (Pid, Pid) {
        let before = self.pid();
        kill_process(before, Signal::USR2).expect("it lives");
        eventually("another process serves", || self.pid() != before);
        (before, self.pid())
    }
}

impl Drop for Lineage {
    fn drop(&mut self) {
        if self.file.exists() {
            let _ = kill_process(self.pid(), Signal::KILL);
        }
    }
}

fn lives(pid: Pid) -> bool {
    // A process that nobody has waited for is still there, as a zombie.
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    test_kill_process(pid).is_ok() && !stat.contains(") Z ")
}

const ASK: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// Asks until told to stop: on a connection that is kept as long as the proxy keeps it, or on a new one each time.
fn ask_on(address: std::net::SocketAddr, keep: bool, stop: &AtomicBool, asked: &AtomicUsize) {
    let mut wire = Wire::connect(address);
    while !stop.load(Relaxed) {
        let answer = wire.ask(ASK);
        assert_eq!((answer.status(), answer.text().as_str()), (200, "hello"));
        asked.fetch_add(1, Relaxed);
        if !keep || answer.header("connection") == Some("close") {
            wire = Wire::connect(address);
        }
    }
}

#[test]
fn twenty_upgrades_under_load_and_no_request_fails() {
    let origin = Origin::answering(ok("hello"));
    let lineage = Lineage::start(&Edge::to(origin.address), "workers = 2");
    let address = lineage.proxy.addr("web");
    let (stop, asked) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        let clients: Vec<_> = (0..6)
            .map(|client| {
                scope.spawn({
                    let (stop, asked) = (&stop, &asked);
                    move || ask_on(address, client < 4, stop, asked)
                })
            })
            .collect();
        let mut old = Vec::new();
        for _ in 0..20 {
            let before = asked.load(Relaxed);
            old.push(lineage.upgrade().0);
            eventually("requests go on", || asked.load(Relaxed) > before + 20);
        }
        stop.store(true, Relaxed);
        for client in clients {
            client.join().expect("a client that was answered each time");
        }
        eventually("the old ones have ended", || !old.iter().any(|pid| lives(*pid)));
    });
    assert!(asked.load(Relaxed) > 400);
    kill_process(lineage.pid(), Signal::TERM).expect("it lives");
    eventually("the last one removes its number", || !lineage.file.exists());
}

#[test]
fn one_that_cannot_start_changes_nothing() {
    let origin = Origin::answering(ok("hello"));
    let lineage = Lineage::start(&Edge::to(origin.address), "upgrade_timeout = \"10s\"");
    let pid = lineage.pid();
    lineage.proxy.write_config("[listeners.web]\naddress = \"nowhere\"\n");
    kill_process(pid, Signal::USR2).expect("it lives");
    let line = lineage.proxy.wait_for_log(0, "upgrade failed; this process serves on");
    assert_eq!(line["error"], "the new process ended: exit status: 1", "{line}");
    assert_eq!(lineage.pid(), pid);
    assert_eq!(lineage.proxy.get("/").text(), "hello");
    // Mended, it works.
    lineage.proxy.write_config(&Edge::to(origin.address).more("[server]\nwatch = false\npid_file = \"pid\"").toml());
    assert_eq!(lineage.upgrade().0, pid);
    assert_eq!(lineage.proxy.get("/").text(), "hello");
}

#[test]
fn what_runs_is_finished_by_the_old_one() {
    let gate = Gate::new();
    let origin = Origin::gated_where_slow(&gate, "hello");
    let lineage = Lineage::start(&Edge::to(origin.address), "workers = 1");
    let mut slow = lineage.proxy.connect("web");
    slow.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    eventually("it is with the origin", || origin.visits() == 1);
    let mut idle = lineage.proxy.connect("web");
    assert_eq!(idle.ask(ASK).status(), 200);
    let (old, new) = lineage.upgrade();
    assert_eq!(lineage.proxy.get("/").text(), "hello");
    // A client that has kept its connection may be sending at any moment: it gets one more answer after the drain began, and is told that it is the last.
    eventually("it is told that it was the last answer", || {
        let answer = idle.ask(ASK);
        assert_eq!(answer.status(), 200);
        answer.header("connection") == Some("close")
    });
    assert!(lives(old) && lives(new));
    gate.open();
    assert_eq!(slow.response("GET").text(), "hello");
    eventually("the old one has ended", || !lives(old));
    assert!(lives(new));
}

#[test]
fn sockets_in_files_and_the_admin_address_pass_on() {
    let origin = Origin::answering(ok("hello"));
    let folder = Folder::new();
    let (web, admin) = (folder.path().join("web.sock"), folder.path().join("admin.sock"));
    let edge = Edge::to(origin.address)
        .at(format!("unix:{}", web.display()))
        .more(&format!("[admin]\naddress = \"unix:{}\"", admin.display()));
    let lineage = Lineage::start(&edge, "");
    let ask = |path: &PathBuf, request: &str| Wire::connect_unix(path).ask(request);
    for _ in 0..2 {
        let (old, _) = lineage.upgrade();
        eventually("the old one has ended", || !lives(old));
        assert_eq!(ask(&web, ASK).text(), "hello");
        assert_eq!(ask(&admin, "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n").status(), 200);
    }
    kill_process(lineage.pid(), Signal::TERM).expect("it lives");
    eventually("the last one removes the files", || !web.exists() && !admin.exists());
}

#[test]
fn the_command_waits_and_tells() {
    let origin = Origin::answering(ok("hello"));
    let lineage = Lineage::start(&Edge::to(origin.address), "");
    let config = lineage.proxy.folder.path().join("tidegate.toml");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tidegate"));
    let (old, (code, out, problems)) = (lineage.pid(), outcome(command.arg("upgrade").arg("-c").arg(&config)));
    assert_eq!((code, problems.as_str()), (0, ""));
    let (old, new) = (old.as_raw_nonzero(), lineage.pid().as_raw_nonzero());
    assert_eq!(out, format!("process {new} serves now; process {old} drains\n"));
    // A config that the new process could not use is refused before anything happens.
    lineage.proxy.write_config("[listeners.web]\naddress = \"nowhere\"\n");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tidegate"));
    let (code, _, problems) = outcome(command.arg("upgrade").arg("-c").arg(&config));
    assert!(code == 1 && problems.contains("nothing was started"), "{problems}");
    assert_eq!(lineage.pid().as_raw_nonzero(), new);

    let without = config_command(&Folder::new(), &Edge::to(origin.address).toml(), &["upgrade"]).output().unwrap();
    assert!(String::from_utf8_lossy(&without.stderr).contains("`pid_file`"), "{without:?}");
}

#[test]
fn a_health_check_without_curl() {
    let origin = Origin::answering(ok("hello"));
    let folder = Folder::new();
    let admin = format!("unix:{}", folder.path().join("admin.sock").display());
    let toml = Edge::to(origin.address).more(&format!("[admin]\naddress = \"{admin}\"")).toml();
    let beside = Folder::new();
    let check = |arguments: &[&str]| outcome(&mut config_command(&beside, &toml, arguments));
    let (code, _, problem) = check(&["healthcheck"]);
    assert!(code == 1 && problem.contains("does not answer /healthz"), "{problem}");
    let mut proxy = Proxy::start(&toml);
    assert_eq!(check(&["healthcheck"]), (0, "alive\n".to_owned(), String::new()));
    assert_eq!(check(&["healthcheck", "--ready"]), (0, "ready\n".to_owned(), String::new()));
    proxy.term();
    proxy.wait();
    assert_eq!(check(&["healthcheck"]).0, 1);
}

#[test]
fn a_supervisor_opens_the_sockets_and_is_told() {
    let Some(mut python) = python("socket") else { return };
    let origin = Origin::answering(ok("hello"));
    let folder = Folder::new();
    let told = UnixDatagram::bind(folder.path().join("notify")).expect("bound");
    told.set_read_timeout(Some(PATIENCE)).expect("an option");
    // A free port, found by the system and bound again by the script, with a request waiting in its queue before the program starts.
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("bound").local_addr().expect("bound").port();
    let toml =
        Edge::to(origin.address).at(format!("127.0.0.1:{port}")).more("[server]\nworkers = 2\nwatch = false").toml();
    let config = folder.write("tidegate.toml", toml);
    let script = "import os, socket, sys\n\
        s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)\n\
        s.bind(('127.0.0.1', int(sys.argv[1]))); s.listen()\n\
        c = socket.create_connection(('127.0.0.1', int(sys.argv[1]))); c.sendall(b'GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n')\n\
        os.set_inheritable(c.fileno(), True)\n\
        os.dup2(s.fileno(), 3) if s.fileno() != 3 else os.set_inheritable(3, True)\n\
        os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()))\n\
        os.execv(sys.argv[2], [sys.argv[2], 'run', '-c', sys.argv[3]])\n";
    python.args(["-c", script, &port.to_string(), env!("CARGO_BIN_EXE_tidegate")]).arg(&config);
    python.env("NOTIFY_SOCKET", folder.path().join("notify")).env("WATCHDOG_USEC", "200000");
    let mut child = python.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("python");
    let hear = || {
        let mut text = [0; 256];
        let length = told.recv(&mut text).expect("a word");
        String::from_utf8_lossy(&text[..length]).into_owned()
    };
    assert_eq!(hear().trim(), "READY=1");
    assert_eq!(hear().trim(), "WATCHDOG=1");
    // Any number of connections: both workers accept on the one socket.
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    for _ in 0..10 {
        assert_eq!(Wire::connect(address).ask(ASK).text(), "hello");
    }
    assert!(origin.connections() >= 1);
    let pid = Pid::from_child(&child);
    kill_process(pid, Signal::HUP).expect("it lives");
    let until = |word: &str| while !hear().contains(word) {};
    until("RELOADING=1");
    until("READY=1");
    kill_process(pid, Signal::TERM).expect("it lives");
    until("STOPPING=1");
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

#[test]
fn the_unit_for_systemd_is_one_that_systemd_takes() {
    let Some(mut analyze) = tool("systemd-analyze") else { return };
    let folder = Folder::new();
    let units = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/systemd");
    let names = ["tidegate.service", "tidegate.socket"];
    for name in names {
        let unit = std::fs::read_to_string(units.join(name)).expect("a unit");
        // systemd looks whether the program is there.
        folder.write(name, unit.replace("/usr/bin/tidegate", env!("CARGO_BIN_EXE_tidegate")));
    }
    let paths = names.map(|name| folder.path().join(name));
    assert_eq!(outcome(analyze.arg("verify").args(&paths)), (0, String::new(), String::new()));
    // How much the process could do to the system, from 0 to 100; systemd itself calls up to 20 safe.
    let mut analyze = tool("systemd-analyze").expect("it was there");
    let (code, _, told) = outcome(analyze.args(["security", "--offline=true", "--threshold=20"]).arg(&paths[0]));
    assert_eq!(code, 0, "{told}");
}
