//! Containers with labels become endpoints and routes as they start, become healthy and stop.

use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;

use serde_json::{Value, json};

use crate::support::{
    Engine, Folder, Gate, Message, Origin, Proxy, Wire, config_command, container, eventually, ok, outcome, tool,
};

/// A route of the file, and an engine.
const CONFIG: &str = "[listeners.web]\naddress = \"127.0.0.1:0\"\n[discovery.docker]\nsocket = \"docker.sock\"\nsettle = \"10ms\"\n\
    [[routes]]\nname = \"mine\"\nhosts = [\"mine.test\"]\nrespond = { body = \"mine\" }\n";

fn ask(proxy: &Proxy, host: &str) -> Message {
    proxy.connect("web").ask(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"))
}

fn answers(proxy: &Proxy, host: &str, text: &str) -> bool {
    let answer = ask(proxy, host);
    answer.status() == 200 && answer.text() == text
}

fn discovery(proxy: &Proxy) -> Value {
    let whole: Value = serde_json::from_str(&proxy.ask_admin("GET", "/api/discovery").text()).expect("JSON");
    whole["docker"].clone()
}

/// A container of that name in front of an origin, for the host `NAME.test`.
fn web(name: &str, origin: &Origin) -> Value {
    container(name, origin.address.port(), &[("tidegate.route.host", &format!("{name}.test"))])
}

fn health(mut container: Value, status: &str) -> Value {
    container["State"]["Health"] = json!({ "Status": status });
    container
}

#[test]
fn containers_come_become_healthy_and_go_while_others_are_served() {
    let [a, b] = ["a", "b"].map(|name| Origin::answering(ok(name)));
    let folder = Folder::new();
    let engine = Engine::at(&folder.path().join("docker.sock"), &[web("a", &a)]);
    let proxy = Proxy::start_in(folder, CONFIG);
    assert_eq!(ask(&proxy, "a.test").text(), "a", "it is there before anybody is told that the program is ready");
    let (stop, asked) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut wire = proxy.connect("web");
            while !stop.load(Relaxed) {
                let answer = wire.ask("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
                assert_eq!((answer.text().as_str(), answer.header("connection")), ("a", None), "it is not disturbed");
                asked.fetch_add(1, Relaxed);
            }
        });
        engine.now(&[web("a", &a), health(web("b", &b), "starting")], "start", "b");
        eventually("the engine was asked about it", || engine.asked().iter().any(|line| line.contains("/idb/")));
        assert_eq!(ask(&proxy, "b.test").status(), 404, "it says that it is not healthy yet");
        engine.now(&[web("a", &a), health(web("b", &b), "healthy")], "health_status: healthy", "b");
        eventually("it is served", || answers(&proxy, "b.test", "b"));
        engine.now(&[web("a", &a), health(web("b", &b), "unhealthy")], "health_status: unhealthy", "b");
        eventually("it is served no more", || ask(&proxy, "b.test").status() == 404);
        stop.store(true, Relaxed);
    });
    assert_eq!(a.connections(), 1, "the connection to it was kept over all that");
    assert_eq!(ask(&proxy, "mine.test").text(), "mine");
    assert!(engine.asked().iter().all(|line| line.starts_with("GET ")), "{:?}", engine.asked());
    assert!(asked.load(Relaxed) > 0);
}

#[test]
fn one_that_is_asked_to_stop_finishes_what_it_has() {
    let gate = Gate::new();
    let slow = Origin::gated(&gate, ok("finished"));
    let other = Origin::answering(ok("other"));
    let folder = Folder::new();
    let labels = [("tidegate.route.host", "a.test"), ("tidegate.upstream", "a")];
    let replica = |name: &str, origin: &Origin| container(name, origin.address.port(), &labels);
    let engine = Engine::at(&folder.path().join("docker.sock"), &[replica("one", &slow)]);
    let proxy = Proxy::start_in(folder, CONFIG);
    let mut client = proxy.connect("web");
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    eventually("it is with the container", || slow.visits() == 1);
    let both = [replica("one", &slow), replica("two", &other)];
    engine.now(&both, "start", "two");
    eventually("there are two", || discovery(&proxy)["endpoints"].as_array().is_some_and(|list| list.len() == 2));
    // The engine still has it among those that run.
    engine.now(&both, "kill", "one");
    eventually("it gets nothing new", || discovery(&proxy)["endpoints"][0]["container"] == "two");
    (0..5).for_each(|_| assert_eq!(ask(&proxy, "a.test").text(), "other"));
    gate.open();
    assert_eq!(client.response("GET").text(), "finished");
    engine.now(&[replica("two", &other)], "die", "one");
    (0..5).for_each(|_| assert_eq!(ask(&proxy, "a.test").text(), "other"));
}

#[test]
fn labels_that_cannot_be_heard_concern_nobody_else() {
    let (good, bad) = (Origin::answering(ok("good")), Origin::answering(ok("bad")));
    let folder = Folder::new();
    let port = bad.address.port();
    let thief = container("thief", port, &[("tidegate.route.host", "mine.test")]);
    let typo = container("typo", port, &[("tidegate.route.hots", "typo.test")]);
    let _engine = Engine::at(&folder.path().join("docker.sock"), &[thief, typo, web("good", &good)]);
    let proxy = Proxy::start_in(folder, CONFIG);
    assert_eq!(
        (ask(&proxy, "mine.test").text(), ask(&proxy, "good.test").text()),
        ("mine".to_owned(), "good".to_owned())
    );
    let line = proxy.wait_for_log(0, "a container is not heard");
    assert_eq!((&line["container"], &line["label"]), (&"thief".into(), &"tidegate.route.host".into()), "{line}");
    let docker = discovery(&proxy);
    let unheard: Vec<_> =
        docker["unheard"].as_array().expect("a list").iter().map(|one| one["container"].clone()).collect();
    assert_eq!((docker["engine"].as_str(), unheard), (Some("answers"), vec!["thief".into(), "typo".into()]));
    let events = proxy.ask_admin("GET", "/api/events").text();
    assert!(events.contains("\"kind\": \"docker\"") && events.contains("belongs to the route"), "{events}");
    // A reload of the file keeps the containers; what the file names now is its own.
    proxy.reload(&CONFIG.replace("\"mine.test\"", "\"mine.test\", \"good.test\"")).expect("a config");
    assert_eq!(ask(&proxy, "good.test").text(), "mine");
    proxy.reload(CONFIG).expect("a config");
    assert_eq!(ask(&proxy, "good.test").text(), "good");
    proxy
        .reload(&CONFIG.replace("[discovery.docker]\nsocket = \"docker.sock\"\nsettle = \"10ms\"\n", ""))
        .expect("a config");
    assert_eq!(ask(&proxy, "good.test").status(), 404);
    assert_eq!(discovery(&proxy), Value::Null);
}

#[test]
fn while_the_engine_is_away_what_it_said_stays() {
    let [a, b] = ["a", "b"].map(|name| Origin::answering(ok(name)));
    let folder = Folder::new();
    let socket = folder.path().join("docker.sock");
    // Neither a check nor a start needs it.
    let (code, _, problems) = outcome(&mut config_command(&folder, CONFIG, &["check"]));
    assert_eq!(code, 0, "{problems}");
    let proxy = Proxy::start_in(folder, CONFIG);
    proxy.wait_for_log(0, "the docker engine does not answer; what it said before stays");
    assert_eq!(ask(&proxy, "mine.test").text(), "mine");
    let first = Engine::at(&socket, &[web("a", &a)]);
    eventually("it is found", || answers(&proxy, "a.test", "a"));
    first.vanish();
    eventually("it is missed", || discovery(&proxy)["engine"] == "unreachable");
    assert_eq!(proxy.metric("tidegate_discovery_failing{source=\"docker\"}"), 1.0);
    // A file that cannot be used has no say in what containers do, and containers do not put it in force.
    proxy.write_config("nonsense");
    assert_eq!(ask(&proxy, "a.test").text(), "a");
    let second = Engine::at(&socket, &[web("a", &a), web("b", &b)]);
    eventually("it is found again, with what has happened", || answers(&proxy, "b.test", "b"));
    assert_eq!((second.readers(), proxy.metric("tidegate_discovery_failing{source=\"docker\"}")), (1, 0.0));
}

/// With a real engine: `cargo test --test it containers:: -- --ignored`.
#[test]
#[ignore = "it needs a docker engine"]
fn a_container_of_a_real_engine() {
    let (Some(_), Some(busybox)) = (tool("docker"), tool("busybox")) else { return };
    let folder = Folder::new();
    let docker = |arguments: &[&str]| {
        let (code, out, problems) = outcome(Command::new("docker").args(arguments));
        assert_eq!(code, 0, "docker {arguments:?}: {out}{problems}");
        out.trim().to_owned()
    };
    for inside in ["bin", "www"] {
        std::fs::create_dir_all(folder.path().join("image").join(inside)).expect("a folder");
    }
    std::fs::copy(busybox.get_program(), folder.path().join("image/bin/busybox")).expect("a static busybox");
    folder.write("image/www/index.html", "from a container");
    let (image, tar) = (folder.path().join("image"), folder.path().join("image.tar"));
    assert_eq!(outcome(Command::new("tar").arg("-C").arg(image).arg("-cf").arg(&tar).arg(".")).0, 0);
    let image = docker(&["import", &tar.display().to_string()]);
    let config = CONFIG.replace("docker.sock", "/var/run/docker.sock");
    let proxy = Proxy::start(&config);
    let serve = ["/bin/busybox", "httpd", "-f", "-p", "8080", "-h", "/www"];
    let labels = ["-l", "tidegate.route.host=real.test", "-l", "tidegate.port=8080", "-l", "tidegate.network=bridge"];
    let name = format!("tidegate-story-{}", std::process::id());
    let id = docker(&[&["run", "-d", "--name", &name][..], &labels, &[&image], &serve].concat());
    let is_known = || discovery(&proxy)["endpoints"].to_string().contains(&name);
    eventually("it is served", || answers(&proxy, "real.test", "from a container"));
    assert_eq!(Wire::connect(proxy.addr("web")).ask("GET / HTTP/1.1\r\nHost: mine.test\r\n\r\n").text(), "mine");
    docker(&["pause", &id]);
    // Before that is known, a request would wait for it.
    eventually("it is paused, and served no more", || !is_known());
    assert_eq!(ask(&proxy, "real.test").status(), 404);
    docker(&["unpause", &id]);
    eventually("it is served again", || answers(&proxy, "real.test", "from a container"));
    docker(&["rm", "-f", &id]);
    eventually("it is gone", || !is_known());
    docker(&["rmi", "-f", &image]);
}
