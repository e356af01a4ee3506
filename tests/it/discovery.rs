//! Endpoints that names, services and files stand for: they come and go while requests run.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{
    Edge, Folder, Gate, NameServer, Origin, Proxy, Said, config_command, eventually, free_port, ok, outcome, try_start,
};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const POST: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";

/// Origins at 127.0.0.1, 127.0.0.2 and so on, all on one port; each answers with its name.
fn at_one_port(names: &[&'static str]) -> Vec<Origin> {
    let address = |place: usize, port| (format!("127.0.0.{}", place + 1), port);
    let port = (0..50).find_map(|_| {
        let first = TcpListener::bind(address(0, 0)).unwrap();
        let port = first.local_addr().unwrap().port();
        (1..names.len()).all(|place| TcpListener::bind(address(place, port)).is_ok()).then_some(port)
    });
    let port = port.expect("a port that is free at all of these addresses");
    let origin = |(place, name): (usize, &&'static str)| {
        let name = *name;
        Origin::at(address(place, port), move |visit| {
            visit.read_body();
            visit.send(ok(name));
        })
    };
    names.iter().enumerate().map(origin).collect()
}

/// Forwards to a name at the port of these origins.
fn by_name(name: &str, origins: &[Origin], names: &NameServer) -> Edge {
    Edge::to(format!("{name}:{}", origins[0].address.port()))
        .upstream("balance = \"round_robin\"")
        .more(&names.section())
}

/// Who answers the next requests, and how often.
fn who(proxy: &Proxy, count: usize) -> BTreeMap<String, usize> {
    let mut client = proxy.connect("web");
    let mut seen = BTreeMap::new();
    for _ in 0..count {
        *seen.entry(client.ask(GET).text()).or_default() += 1;
    }
    seen
}

fn names_of(seen: &BTreeMap<String, usize>) -> Vec<&str> {
    seen.keys().map(String::as_str).collect()
}

fn endpoints(proxy: &Proxy) -> f64 {
    proxy.metric("tidegate_upstream_endpoints{upstream=\"app\"}")
}

fn failing(proxy: &Proxy, source: &str) -> f64 {
    proxy.metric(&format!("tidegate_discovery_failing{{source=\"{source}\"}}"))
}

fn upstream(proxy: &Proxy) -> Value {
    let all: Value = serde_json::from_slice(&proxy.ask_admin("GET", "/api/upstreams").body).unwrap();
    all[0].clone()
}

#[test]
fn a_name_stands_for_all_its_addresses() {
    let origins = at_one_port(&["one", "two"]);
    let names = NameServer::start();
    names.addresses("app.test", &["127.0.0.1", "127.0.0.2"], 3600);
    let proxy = by_name("app.test", &origins, &names).route("preserve_host = false").start();
    assert_eq!(names_of(&who(&proxy, 10)), ["one", "two"]);
    assert_eq!(endpoints(&proxy), 2.0);
    let port = origins[0].address.port();
    assert_eq!(origins[0].request(1).header("host"), Some(format!("app.test:{port}").as_str()));
    let endpoint = &upstream(&proxy)["endpoints"][1];
    assert_eq!(
        (&endpoint["address"], &endpoint["name"]),
        (&format!("127.0.0.2:{port}").into(), &format!("app.test:{port}").into())
    );
    assert_eq!(names.asked("app.test"), 1, "the answer is good for an hour");
    let line: Value = serde_json::from_str(&proxy.access_log(1)[0]).unwrap();
    assert!(line["endpoint"].as_str().unwrap().starts_with("127.0.0."), "{line}");
}

/// AAAA records beside A records: both are endpoints, and each family may go.
#[test]
fn a_name_stands_for_its_addresses_of_both_families() {
    let named = |name: &'static str| move |visit: &mut crate::support::Visit<'_>| visit.send(ok(name));
    // A machine without IPv6 has no way to show it.
    if TcpListener::bind("[::1]:0").is_err() {
        return println!("skipped: there is no ::1 here");
    }
    let port = free_port();
    let _origins = [Origin::at(("127.0.0.1", port), named("four")), Origin::at(("::1", port), named("six"))];
    let names = NameServer::start();
    names.addresses("app.test", &["127.0.0.1", "::1"], 0);
    let edge = Edge::to(format!("app.test:{port}")).upstream("balance = \"round_robin\"").more(&names.section());
    let proxy = edge.start();
    assert_eq!(names_of(&who(&proxy, 6)), ["four", "six"]);
    let shown: Vec<_> =
        upstream(&proxy)["endpoints"].as_array().unwrap().iter().map(|one| one["address"].clone()).collect();
    assert_eq!(shown, [format!("127.0.0.1:{port}"), format!("[::1]:{port}")]);
    names.addresses("app.test", &["::1"], 0);
    eventually("the other one is alone", || names_of(&who(&proxy, 4)) == ["six"]);
    let only = edge.more("family = \"ipv4\"");
    names.addresses("app.test", &["127.0.0.1", "::1"], 0);
    proxy.reload(&only.toml()).unwrap();
    eventually("IPv4 alone is asked for", || names_of(&who(&proxy, 6)) == ["four"]);
}

/// An answer that is too long for UDP says so (TC, RFC 1035 §4.1.1), and is asked for by TCP (RFC 7766 §5).
#[test]
fn a_long_answer_comes_by_tcp() {
    let origins = at_one_port(&["one", "two"]);
    let names = NameServer::start();
    let addresses = ["127.0.0.1", "127.0.0.2"].map(|one| one.parse().unwrap());
    names.say("app.test", Said::TooLong(addresses.to_vec(), 3600));
    let proxy = by_name("app.test", &origins, &names).start();
    assert_eq!(names_of(&who(&proxy, 10)), ["one", "two"]);
    assert_eq!((endpoints(&proxy), failing(&proxy, "dns:app.test")), (2.0, 0.0));
    assert!(names.asked_by_tcp() >= 1);
}

#[test]
fn a_change_of_dns_under_load_fails_no_request() {
    let origins = at_one_port(&["one", "two", "three"]);
    let names = NameServer::start();
    names.addresses("app.test", &["127.0.0.1", "127.0.0.2"], 0);
    let proxy = Arc::new(by_name("app.test", &origins, &names).start());
    let (stop, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let clients: Vec<_> = (0..4)
        .map(|number| {
            let (proxy, stop, asked) = (Arc::clone(&proxy), Arc::clone(&stop), Arc::clone(&asked));
            thread::spawn(move || {
                let mut client = proxy.connect("web");
                while !stop.load(Ordering::SeqCst) {
                    let response = client.ask(if number % 2 == 0 { GET } else { POST });
                    assert_eq!(response.status(), 200, "{}", response.head);
                    asked.fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    let more = || {
        let before = asked.load(Ordering::SeqCst);
        eventually("requests go on", || asked.load(Ordering::SeqCst) > before + 200);
    };
    more();
    let kept = origins[1].connections();
    for addresses in [
        &["127.0.0.2", "127.0.0.3"][..],
        &["127.0.0.2"],
        &["127.0.0.1", "127.0.0.2", "127.0.0.3"],
        &["127.0.0.2", "127.0.0.3"],
    ] {
        names.addresses("app.test", addresses, 0);
        eventually("the answer is in use", || {
            let shown: Vec<_> = upstream(&proxy)["endpoints"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| one["address"].as_str().unwrap().split(':').next().unwrap().to_owned())
                .collect();
            shown == addresses
        });
        more();
    }
    let before = origins[0].requests().len();
    more();
    stop.store(true, Ordering::SeqCst);
    clients.into_iter().for_each(|client| client.join().unwrap());
    assert_eq!(origins[0].requests().len(), before, "who is out of the answer gets no request");
    assert!(!origins[2].requests().is_empty());
    assert!(
        origins[1].connections() <= kept + 3,
        "an endpoint that stays keeps its connections: {kept}, then {}",
        origins[1].connections()
    );
}

#[test]
fn what_runs_on_an_endpoint_that_is_gone_finishes_and_then_its_connection_ends() {
    let (gate, closed) = (Gate::new(), Gate::new());
    let names = NameServer::start();
    let first = Origin::scripted({
        let (gate, closed) = (gate.clone(), closed.clone());
        move |visit| {
            visit.send("HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nfirst");
            gate.wait();
            visit.send("one");
            if visit.wire.is_closed() {
                closed.open();
            }
        }
    });
    let second = Origin::at(("127.0.0.2", first.address.port()), |visit| visit.send(ok("second")));
    names.addresses("app.test", &["127.0.0.1"], 0);
    let proxy = by_name("app.test", std::slice::from_ref(&first), &names).start();
    let mut client = proxy.connect("web");
    client.send(GET);
    assert!(client.head().unwrap().starts_with("HTTP/1.1 200"));
    names.addresses("app.test", &["127.0.0.2"], 0);
    let line = proxy.wait_for_log(0, "endpoints changed");
    assert_eq!(
        (&line["added"], &line["removed"]),
        (&second.address.to_string().into(), &first.address.to_string().into())
    );
    assert_eq!(proxy.get("/").text(), "second");
    gate.open();
    assert_eq!(client.exactly(8), b"firstone");
    closed.wait();
}

#[test]
fn while_dns_fails_the_last_answer_stays() {
    let origins = at_one_port(&["one", "two"]);
    let names = NameServer::start();
    names.addresses("app.test", &["127.0.0.1", "127.0.0.2"], 0);
    let proxy = by_name("app.test", &origins, &names).start();
    for (said, reason) in [
        (Said::NxDomain, "nxdomain"),
        (Said::ServFail, "servfail"),
        (Said::Silence, "timeout"),
        (Said::Addresses(Vec::new(), 0), "no_records"),
    ] {
        let from = proxy.log_lines().len();
        names.say("app.test", said);
        let line = proxy.wait_for_log(from, "cannot look up a name; the last answer stays");
        assert_eq!((&line["source"], &line["reason"]), (&"dns:app.test".into(), &reason.into()));
        assert_eq!(names_of(&who(&proxy, 10)), ["one", "two"], "{reason}");
        assert_eq!((failing(&proxy, "dns:app.test"), endpoints(&proxy)), (1.0, 2.0));
        let failed = format!("tidegate_discovery_updates_total{{source=\"dns:app.test\",result=\"{reason}\"}}");
        assert!(proxy.metric(&failed) >= 1.0);
    }
    let from = proxy.log_lines().len();
    names.addresses("app.test", &["127.0.0.2"], 0);
    proxy.wait_for_log(from, "discovery works again");
    eventually("the new answer is in use", || names_of(&who(&proxy, 4)) == ["two"]);
    assert_eq!(failing(&proxy, "dns:app.test"), 0.0);
}

#[test]
fn a_start_waits_for_dns_but_not_for_ever() {
    let origins = at_one_port(&["one"]);
    let names = NameServer::start();
    names.say("app.test", Said::Silence);
    let begun = Instant::now();
    let proxy = by_name("app.test", &origins, &names).start();
    let took = begun.elapsed();
    assert!(took > Duration::from_millis(900) && took < Duration::from_secs(10), "{took:?}");
    let line = proxy.wait_for_log(0, "cannot look up a name; it has no endpoints yet");
    assert_eq!((&line["source"], &line["reason"]), (&"dns:app.test".into(), &"timeout".into()));
    let response = proxy.get("/");
    assert_eq!(response.status(), 502, "{}", response.head);
    assert!(response.header("proxy-status").unwrap().contains("error=dns_error"), "{}", response.head);
    let endpoint = &upstream(&proxy)["endpoints"][0];
    assert_eq!((&endpoint["state"], &endpoint["reason"]), (&"down".into(), &"dns_error".into()));
    assert_eq!(endpoints(&proxy), 0.0);
    names.addresses("app.test", &["127.0.0.1"], 0);
    eventually("it has endpoints", || proxy.get("/").status() == 200);
    assert_eq!(proxy.ask_admin("GET", "/readyz").status(), 200);
}

#[test]
fn a_reload_that_changes_names_has_their_answers_first() {
    let origins = at_one_port(&["one", "two"]);
    let names = NameServer::start();
    names.addresses("a.test", &["127.0.0.1"], 3600);
    names.addresses("b.test", &["127.0.0.2"], 3600);
    let edge = |name| by_name(name, &origins, &names).toml();
    let proxy = Proxy::start(&edge("a.test"));
    assert_eq!(names_of(&who(&proxy, 2)), ["one"]);
    for (name, answer, generation) in [("b.test", "two", 2), ("a.test", "one", 3)] {
        let line = proxy.reload(&edge(name)).unwrap();
        assert_eq!(line["generation"], generation);
        assert_eq!(names_of(&who(&proxy, 4)), [answer]);
    }
    assert_eq!((failing(&proxy, "dns:a.test"), failing(&proxy, "dns:b.test")), (0.0, 0.0));
    let text = proxy.ask_admin("GET", "/metrics").text();
    assert!(!text.contains("dns:b.test"), "what nobody asks for is forgotten");
}

#[test]
fn a_service_says_where_how_much_and_in_which_order() {
    let origins = at_one_port(&["one", "two", "backup"]);
    let names = NameServer::start();
    let port = origins[0].address.port();
    for (place, host) in ["a.test", "b.test", "c.test"].into_iter().enumerate() {
        names.addresses(host, &[&format!("127.0.0.{}", place + 1)], 3600);
    }
    let services = |first: u16| vec![(first, 3, port, "a.test"), (10, 1, port, "b.test"), (20, 9, port, "c.test")];
    names.say("_http._tcp.app.test", Said::Services(services(10), 0));
    let proxy =
        Edge::to("srv:_http._tcp.app.test").upstream("balance = \"round_robin\"").more(&names.section()).start();
    assert_eq!(who(&proxy, 40), BTreeMap::from([("one".to_owned(), 30), ("two".to_owned(), 10)]));
    let shown = upstream(&proxy);
    assert_eq!(shown["endpoints"][2]["backup"], true, "{shown}");
    assert_eq!(shown["endpoints"][1]["name"], format!("a.test:{port}"), "{shown}");
    // Another order, and another target that was not asked for yet: the old one serves until the new one is known.
    names.say("_http._tcp.app.test", Said::Services(vec![(1, 1, port, "new.test"), (2, 1, port, "b.test")], 0));
    names.say("new.test", Said::Silence);
    proxy.wait_for_log(0, "cannot look up a name; it has no endpoints yet");
    names.addresses("new.test", &["127.0.0.3"], 3600);
    eventually("the new target serves", || names_of(&who(&proxy, 4)) == ["backup"]);
}

/// A story of files: a proxy whose only endpoints are those of a file of that name.
fn by_file(folder: Folder, file: &str) -> Proxy {
    let toml = Edge::to("")
        .upstream("")
        .toml()
        .replace("endpoints = [\"\"]", &format!("endpoints_file = \"{file}\"\nbalance = \"round_robin\""));
    Proxy::start_in(folder, &toml)
}

fn listed(addresses: &[SocketAddr]) -> String {
    let all: Vec<_> = addresses.iter().map(|one| format!("  \"{one}\"")).collect();
    format!("endpoints = [\n{}\n]\n", all.join(",\n"))
}

#[test]
fn a_file_of_endpoints_is_watched_and_a_bad_one_changes_nothing() {
    let [one, two] = ["one", "two"].map(|name| Origin::answering(ok(name)));
    let folder = Folder::new();
    folder.write("list.toml", listed(&[one.address]));
    let proxy = by_file(folder, "list.toml");
    assert_eq!(names_of(&who(&proxy, 4)), ["one"]);
    // Written in place.
    proxy.folder.write("list.toml", listed(&[one.address, two.address]));
    eventually("both serve", || names_of(&who(&proxy, 4)) == ["one", "two"]);
    // Another file takes its name.
    let next = proxy.folder.write(
        "next",
        format!(
            "[[endpoints]]\naddress = \"{}\"\nweight = 3\nzone = \"a\"\n\n[[endpoints]]\naddress = \"{}\"\n",
            one.address, two.address
        ),
    );
    std::fs::rename(next, proxy.folder.path().join("list.toml")).unwrap();
    eventually("weights hold", || who(&proxy, 8)["one"] == 6);
    assert_eq!(upstream(&proxy)["endpoints"][0]["zone"], "a");
    // A mistake in line 3, and then none of a file at all.
    let source = format!("file:{}", proxy.folder.path().join("list.toml").display());
    for (content, problem) in [
        (Some(format!("endpoints = [\n\"{}\",\n\"nonsense\",\n]", two.address)), "list.toml:3:1"),
        (None, "cannot be read"),
    ] {
        let from = proxy.log_lines().len();
        match content {
            Some(content) => drop(proxy.folder.write("list.toml", content)),
            None => std::fs::remove_file(proxy.folder.path().join("list.toml")).unwrap(),
        }
        let line = proxy.wait_for_log(from, "an endpoints file cannot be used; what it said before stays");
        assert!(line["problems"].as_str().unwrap().contains(problem), "{line}");
        assert_eq!(who(&proxy, 8)["one"], 6, "as before");
        assert_eq!(failing(&proxy, &source), 1.0);
    }
    let from = proxy.log_lines().len();
    proxy.folder.write("list.toml", listed(&[two.address]));
    proxy.wait_for_log(from, "discovery works again");
    eventually("only two serves", || names_of(&who(&proxy, 4)) == ["two"]);
    assert!(!proxy.log_lines().iter().any(|line| line["message"] == "reloaded"), "that was no reload");
    // Nobody at all, said in so many words.
    proxy.folder.write("list.toml", "endpoints = []");
    eventually("nobody serves", || proxy.get("/").status() == 503);
    assert!(proxy.get("/").header("proxy-status").unwrap().contains("no_endpoint"));
}

#[test]
fn a_link_to_a_file_may_be_swapped_and_json_is_read_too() {
    let [one, two] = ["one", "two"].map(|name| Origin::answering(ok(name)));
    let folder = Folder::new();
    folder.write("1/list.json", format!("{{\"endpoints\": [\"{}\"]}}", one.address));
    folder.write("2/list.json", format!("[{{\"address\": \"{}\", \"weight\": 2}}]", two.address));
    let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, folder.path().join(name)).unwrap();
    // As Kubernetes does it: the file is a link through a link that is swapped.
    link("1", "..data");
    link("..data/list.json", "list.json");
    link("2", "..new");
    let proxy = by_file(folder, "list.json");
    assert_eq!(names_of(&who(&proxy, 4)), ["one"]);
    std::fs::rename(proxy.folder.path().join("..new"), proxy.folder.path().join("..data")).unwrap();
    eventually("the other file counts", || names_of(&who(&proxy, 4)) == ["two"]);
    assert_eq!(upstream(&proxy)["endpoints"][0]["weight"], 2);
}

#[test]
fn a_bad_file_of_endpoints_is_a_mistake_of_the_config() {
    let toml = "[listeners.web]\naddress = \"127.0.0.1:0\"\n\n[upstreams.app]\nendpoints_file = \"list.toml\"\n\n[[routes]]\nupstream = \"app\"\n";
    let folder = Folder::new();
    let (code, _, errors) = outcome(&mut config_command(&folder, toml, &["check"]));
    assert_eq!(code, 1);
    assert!(errors.contains("list.toml") && errors.contains("cannot be read"), "{errors}");
    folder.write("list.toml", "endpoints = [\n  { address = \"a:1\", wieght = 2 },\n]\n");
    let (code, _, errors) = outcome(&mut config_command(&folder, toml, &["check"]));
    assert_eq!(code, 1);
    assert!(errors.contains("list.toml:2:") && errors.contains("did you mean `weight`?"), "{errors}");
    let (code, errors) = try_start(folder, toml);
    assert_eq!(code, 1);
    assert!(errors.contains("list.toml:2:"), "{errors}");
}

#[test]
fn a_whole_upstream_goes_and_comes_back() {
    let origins = at_one_port(&["one", "two"]);
    let names = NameServer::start();
    names.addresses("app.test", &["127.0.0.1", "127.0.0.2"], 0);
    let proxy = by_name("app.test", &origins, &names).start();
    assert_eq!(names_of(&who(&proxy, 4)), ["one", "two"]);
    let addresses: Vec<_> = origins.iter().map(|origin| origin.address).collect();
    origins.iter().for_each(Origin::stop);
    let mut client = proxy.connect("web");
    for _ in 0..40 {
        let response = client.ask(GET);
        assert!(matches!(response.status(), 502 | 503), "{}", response.head);
    }
    drop(origins);
    let _back: Vec<_> = addresses.iter().map(|address| Origin::at(address, |visit| visit.send(ok("back")))).collect();
    eventually("it serves again", || proxy.get("/").text() == "back");
    for _ in 0..20 {
        assert_eq!(client.ask(GET).status(), 200, "whoever is ejected, one of them serves");
    }
}
