//! A reload is a transaction, and costs nobody anything.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use crate::support::{Authority, Edge, Folder, Gate, Origin, Proxy, Wire, eventually, ok, tls_config, tls_connect};

/// One listener that answers with a text.
fn answering(text: &str) -> String {
    format!(
        "[listeners.web]\naddress = \"127.0.0.1:0\"\n[[routes]]\nname = \"all\"\nrespond = {{ body = \"{text}\" }}\n"
    )
}

fn ask(client: &mut Wire) -> String {
    client.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").text()
}

#[test]
fn a_connection_that_is_kept_sees_the_new_config() {
    let proxy = Proxy::start(&answering("one"));
    let mut client = proxy.connect("web");
    assert_eq!(ask(&mut client), "one");
    let line = proxy.reload(&answering("two")).unwrap();
    assert_eq!(line["generation"], 2);
    assert_eq!(ask(&mut client), "two");
}

#[test]
fn a_mistake_changes_nothing_and_is_told() {
    let proxy = Proxy::start(&answering("one"));
    let mut client = proxy.connect("web");
    for broken in [
        "this is no TOML",
        "[listeners.web]\naddress = \"127.0.0.1:0\"\nadress = \"x\"\n",
        &answering("two").replace("respond = { body = \"two\" }", "upstream = \"nobody\""),
        &Edge::to("127.0.0.1:1")
            .listener("[listeners.web.tls]\ncertificates = [{ cert = \"none.pem\", key = \"none.key\" }]")
            .toml(),
    ] {
        let line = proxy.reload(broken).unwrap_err();
        assert!(line.to_string().contains("tidegate.toml"), "{broken}: names the file: {line}");
        assert_eq!(ask(&mut client), "one");
    }
    assert_eq!(proxy.metric("tidegate_config_loads_total{result=\"refused\"}"), 4.0);
    assert_eq!(proxy.metric("tidegate_config_generation"), 1.0);
    assert_eq!(proxy.ask_admin("GET", "/readyz").status(), 200);
}

#[test]
fn a_listener_that_cannot_be_bound_changes_nothing() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = Proxy::start(&answering("one"));
    let more = format!("[listeners.more]\naddress = \"{}\"\n", taken.local_addr().unwrap());
    proxy.reload(&format!("{}{more}", answering("two"))).unwrap_err();
    assert_eq!(proxy.get("/").text(), "one");
}

#[test]
fn the_admin_address_reloads_too() {
    let proxy = Proxy::start(&answering("one"));
    proxy.write_config(&answering("two"));
    assert_eq!(proxy.ask_admin("POST", "/api/reload").status(), 200);
    assert_eq!(proxy.get("/").text(), "two");
    proxy.write_config("nonsense");
    let answer = proxy.ask_admin("POST", "/api/reload");
    assert!(answer.status() >= 400, "{}", answer.head);
    assert!(answer.text().contains("tidegate.toml"), "{}", answer.text());
    assert_eq!(proxy.get("/").text(), "two");
}

#[test]
fn a_change_of_the_file_is_seen() {
    let config = |text: &str| answering(text) + "[server]\nworkers = 1\nwatch = true\n";
    let proxy = Proxy::start(&config("one"));
    proxy.write_config(&config("two"));
    proxy.wait_for_log(0, "reloaded");
    assert_eq!(proxy.get("/").text(), "two");
    // As editors and Kubernetes do it: a new file in the place of the old one.
    let written = proxy.log_lines().len();
    let beside = proxy
        .folder
        .write("new.toml", config("three") + "[admin]\naddress = \"127.0.0.1:0\"\n[log]\nformat = \"json\"\n");
    std::fs::rename(beside, proxy.folder.path().join("tidegate.toml")).unwrap();
    proxy.wait_for_log(written, "reloaded");
    assert_eq!(proxy.get("/").text(), "three");
}

#[test]
fn listeners_come_and_go() {
    let both = answering("one") + "[listeners.more]\naddress = \"127.0.0.1:0\"\n";
    let proxy = Proxy::start(&answering("one"));
    let web = proxy.addr("web");
    proxy.reload(&both).unwrap();
    let more = proxy.addr("more");
    let mut kept = Wire::connect(more);
    assert_eq!(ask(&mut kept), "one");
    proxy.reload(&answering("one")).unwrap();
    eventually("the listener is gone", || std::net::TcpStream::connect(more).is_err());
    assert!(kept.is_closed(), "an idle connection of a listener that is gone is closed");
    assert_eq!(proxy.addr("web"), web, "the other listener was not touched");
    assert_eq!(ask(&mut Wire::connect(web)), "one");
}

#[test]
fn a_request_on_a_listener_that_goes_is_finished() {
    let gate = Gate::new();
    let origin = Origin::gated(&gate, ok("finished"));
    let edge = Edge::to(origin.address);
    let proxy = edge.clone().more("[listeners.more]\naddress = \"127.0.0.1:0\"").start();
    let mut client = proxy.connect("more");
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    eventually("it is with the origin", || origin.visits() == 1);
    proxy.reload(&edge.toml()).unwrap();
    gate.open();
    let response = client.response("GET");
    assert_eq!((response.text().as_str(), response.header("connection")), ("finished", Some("close")));
    assert!(client.is_closed());
}

#[test]
fn connections_to_an_endpoint_that_stays_are_kept() {
    let origin = Origin::answering(ok("x"));
    let edge = Edge::to(origin.address);
    let proxy = edge.start();
    for number in 0..10 {
        assert_eq!(proxy.get("/").text(), "x");
        proxy.reload(&edge.clone().more(&format!("[[routes]]\npath = \"/{number}\"\nrespond = {{ }}")).toml()).unwrap();
    }
    assert_eq!(origin.connections(), 1);
}

#[test]
fn a_certificate_is_replaced_for_new_handshakes() {
    let (old, new) = (Authority::new(), Authority::new());
    let folder = Folder::new();
    let certificate = old.issue(&["a.test"]).write(&folder, "site");
    let toml = format!("{}[listeners.web.tls]\ncertificates = [{certificate}]\n", answering("one"));
    let proxy = Proxy::start_in(folder, &toml);
    let address = proxy.addr("web");
    let mut kept = tls_connect(address, "a.test", &tls_config(&old, &[], None)).unwrap();
    new.issue(&["a.test"]).write(&proxy.folder, "site");
    proxy.reload(&toml).unwrap();
    assert!(tls_connect(address, "a.test", &tls_config(&old, &[], None)).is_err());
    tls_connect(address, "a.test", &tls_config(&new, &[], None)).unwrap();
    assert_eq!(kept.ask("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").text(), "one");
}

/// Clients that ask on kept connections until they are told to stop; each answer must be one of the two origins'.
struct Load {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    clients: Vec<thread::JoinHandle<()>>,
}

impl Load {
    fn start(proxy: &Proxy, clients: usize) -> Self {
        let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let address = proxy.addr("web");
        let client = || {
            let (stop, answered) = (Arc::clone(&stop), Arc::clone(&answered));
            thread::spawn(move || {
                let mut client = Wire::connect(address);
                while !stop.load(Ordering::Relaxed) {
                    let response = client.ask("GET /load HTTP/1.1\r\nHost: a\r\n\r\n");
                    assert_eq!(response.status(), 200, "{response:?}");
                    assert!(["first", "second"].contains(&response.text().as_str()));
                    assert_eq!(response.header("connection"), None, "the connection is kept");
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            })
        };
        let clients = (0..clients).map(|_| client()).collect();
        Self { stop, answered, clients }
    }

    fn stop(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        self.clients.into_iter().for_each(|client| client.join().expect("no client lost a request"));
        self.answered.load(Ordering::Relaxed)
    }
}

#[test]
fn a_hundred_reloads_under_load_lose_nothing() {
    let (first, second) = (Origin::answering(ok("first")), Origin::answering(ok("second")));
    let tunnel = Origin::scripted(crate::websocket::echo);
    let config = |number: usize| {
        let endpoint = if number.is_multiple_of(2) { first.address } else { second.address };
        let routes: String = (0..20)
            .map(|route| format!("[[routes]]\npath = \"/{number}/{route}\"\nrespond = {{ status = 404 }}\n"))
            .collect();
        let tunnel = format!(
            "[upstreams.tunnel]\nendpoints = [\"{}\"]\n[[routes]]\nname = \"ws\"\npath = \"/ws\"\nupstream = \"tunnel\"\n",
            tunnel.address
        );
        Edge::to(endpoint).more(&tunnel).more(&routes).more("[log]\nformat = \"json\"\naccess = \"off\"").toml()
    };
    let proxy = Proxy::start(&config(0));
    let mut socket = crate::websocket::open(proxy.connect("web"), "/ws");
    let load = Load::start(&proxy, 8);
    let mut memory = Vec::new();
    let mut files = Vec::new();
    for number in 1..=100 {
        let before = load.answered.load(Ordering::Relaxed);
        proxy.reload(&config(number)).unwrap();
        eventually("requests flow", || load.answered.load(Ordering::Relaxed) > before + 8);
        socket.send(format!("{number:03}"));
        assert_eq!(socket.exactly(3), format!("{number:03}").into_bytes());
        memory.push(proxy.memory_kib("VmRSS"));
        files.push(proxy.open_files());
    }
    assert!(load.stop() > 800);
    // The first reloads fill caches and pools; from then on nothing may grow. The allocator takes memory in steps of 2 MiB, so one
    // object more may cost a step, and the next thread another.
    assert!(memory[99] < memory[19] + 3 * 2048, "resident memory grows, KiB: {memory:?}");
    assert!(files[99] <= files[19] + 8, "open files grow: {files:?}");
}
