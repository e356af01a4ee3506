//! The admin address: what operators and their programs see and change.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::{Edge, Message, Origin, Proxy, Wire, eventually, ok};

fn get(proxy: &Proxy, path: &str) -> Value {
    let answer = proxy.ask_admin("GET", path);
    assert_eq!(answer.status(), 200, "{path}: {}", answer.text());
    serde_json::from_str(&answer.text()).unwrap()
}

fn post(proxy: &Proxy, path: &str, body: &Value) -> Message {
    let body = body.to_string();
    let head = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    Wire::connect(proxy.admin()).ask(&head)
}

fn two(one: &Origin, other: &Origin) -> String {
    format!(
        "[listeners.web]\naddress = \"127.0.0.1:0\"\n[upstreams.one]\nendpoints = [\"{}\"]\n\
         [upstreams.other]\nendpoints = [\"{}\"]\n[[routes]]\nname = \"split\"\n\
         split = [{{ upstream = \"one\", weight = 1 }}, {{ upstream = \"other\", weight = 0 }}]\n",
        one.address, other.address
    )
}

#[test]
fn weights_of_a_split_change_by_hand_and_outlive_a_reload() {
    let (one, other) = (Origin::answering(ok("one")), Origin::answering(ok("other")));
    let proxy = Proxy::start(&two(&one, &other));
    assert_eq!(proxy.get("/").text(), "one");
    let answer = post(&proxy, "/api/splits", &json!({ "route": "split", "weights": { "one": 0, "other": 9 } }));
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(proxy.get("/").text(), "other");
    let weights = json!([{ "upstream": "one", "weight": 0 }, { "upstream": "other", "weight": 9 }]);
    assert_eq!(get(&proxy, "/api/routes")[0]["weights_in_force"], weights);
    proxy.reload(&two(&one, &other)).unwrap();
    assert_eq!(proxy.get("/").text(), "other", "the config says the same as before");
    let nothing = post(&proxy, "/api/splits", &json!({ "route": "split", "weights": { "other": 0 } }));
    assert_eq!(nothing.status(), 400, "{}", nothing.text());
    proxy.reload(&two(&one, &other).replace("weight = 1 ", "weight = 2 ")).unwrap();
    assert_eq!(proxy.get("/").text(), "one", "the config says something else");
    assert_eq!(
        post(&proxy, "/api/splits", &json!({ "route": "split", "weights": { "other": 1, "one": 0 } })).status(),
        200
    );
    assert_eq!(post(&proxy, "/api/splits", &json!({ "route": "split", "weights": null })).status(), 200);
    assert_eq!(proxy.get("/").text(), "one");
}

#[test]
fn an_endpoint_is_drained_and_taken_back() {
    let (one, other) = (Origin::answering(ok("one")), Origin::answering(ok("other")));
    let toml = format!(
        "[listeners.web]\naddress = \"127.0.0.1:0\"\n[upstreams.api]\nbalance = \"round_robin\"\nendpoints = [\"{}\", \"{}\"]\n\
         [[routes]]\nname = \"api\"\nupstream = \"api\"\n",
        one.address, other.address
    );
    let proxy = Proxy::start(&toml);
    let which = json!({ "upstream": "api", "endpoint": one.address.to_string() });
    assert_eq!(post(&proxy, "/api/endpoints/drain", &which).status(), 200);
    assert!((0..6).all(|_| proxy.get("/").text() == "other"));
    proxy.reload(&toml).unwrap();
    assert!((0..6).all(|_| proxy.get("/").text() == "other"), "a reload does not touch it");
    let endpoints = get(&proxy, "/api/upstreams")[0]["endpoints"].clone();
    assert_eq!(endpoints[0]["state"], "draining");
    assert_eq!((&endpoints[1]["state"], &endpoints[1]["attempts"]), (&json!("up"), &json!(12)));
    eventually("the drain is an event", || {
        get(&proxy, "/api/events").as_array().is_some_and(|all| all.iter().any(|event| event["after"] == "draining"))
    });
    assert_eq!(post(&proxy, "/api/endpoints/undrain", &which).status(), 200);
    eventually("it gets its share again", || proxy.get("/").text() == "one");
    let unknown = post(&proxy, "/api/endpoints/drain", &json!({ "upstream": "api", "endpoint": "10.0.0.1:1" }));
    assert_eq!(unknown.status(), 404, "{}", unknown.text());
}

#[test]
fn failures_and_traffic_are_remembered() {
    let toml = "[listeners.web]\naddress = \"127.0.0.1:0\"\n[upstreams.api]\nendpoints = [\"127.0.0.1:1\"]\n\
                [[routes]]\nname = \"api\"\npath_prefix = \"/api\"\nupstream = \"api\"\n[[routes]]\nname = \"hello\"\nrespond = { status = 200 }\n";
    let proxy = Proxy::start(toml);
    assert_eq!(proxy.get("/api/x?secret=1").status(), 502);
    assert_eq!(proxy.get("/").status(), 200);
    eventually("the failure is remembered", || {
        !get(&proxy, "/api/faults?side=upstream").as_array().unwrap().is_empty()
    });
    let fault = get(&proxy, "/api/faults")[0].clone();
    let line: Value = serde_json::from_str(&proxy.access_log(1)[0]).unwrap();
    assert_eq!(fault, line, "the same as in the access log");
    assert_eq!(
        (&fault["route"], &fault["fault"], &fault["side"]),
        (&json!("api"), &json!("connect_refused"), &json!("upstream"))
    );
    eventually("the traffic is in the series", || {
        let series = get(&proxy, "/api/series?resolution=1s");
        let samples = series["samples"].as_array().unwrap();
        let sum = |name: &str| samples.iter().map(|one| one["status"][name].as_f64().unwrap()).sum::<f64>();
        sum("5xx") > 0.5
            && sum("2xx") > 0.5
            && samples.iter().any(|one| one["upstreams"]["api"]["errors"].as_f64() > Some(0.5))
    });
}

#[test]
fn reloads_are_remembered_with_their_reasons() {
    let toml = "[listeners.web]\naddress = \"127.0.0.1:0\"\n[[routes]]\nname = \"hello\"\nrespond = { status = 200 }\n";
    let proxy = Proxy::start(toml);
    proxy.reload(&toml.replace("respond", "nonsense = 1\nrespond")).unwrap_err();
    proxy.reload(toml).unwrap();
    let reloads = get(&proxy, "/api/reloads");
    let outcome =
        |place: usize| (reloads[place]["cause"].as_str().unwrap(), reloads[place]["result"].as_str().unwrap());
    assert_eq!(
        [outcome(0), outcome(1), outcome(2)],
        [("signal", "published"), ("signal", "refused"), ("start", "published")]
    );
    assert!(reloads[1]["message"].as_str().unwrap().contains("nonsense"), "{reloads:#}");
    assert!(reloads[1]["problems"][0]["key"].as_str().unwrap().ends_with("nonsense"), "{reloads:#}");
    assert_eq!((&reloads[1]["generation"], &reloads[0]["generation"]), (&json!(1), &json!(2)));
}

#[test]
fn explain_and_the_level_of_the_log() {
    let proxy = Proxy::start(
        "[listeners.web]\naddress = \"127.0.0.1:0\"\n[[routes]]\nname = \"hello\"\npath_prefix = \"/hello\"\nrespond = { status = 200 }\n",
    );
    let report = get(&proxy, "/api/explain?url=http%3A%2F%2Flocalhost%2Fhello%2Fyou&header=A%3A+b");
    assert!(report.to_string().contains("\"hello\""), "{report:#}");
    let bad = proxy.ask_admin("GET", "/api/explain?url=ftp://x/");
    assert!(bad.status() == 400 && bad.text().contains("not http or https"), "{}", bad.text());
    assert_eq!(get(&proxy, "/api/log")["level"], "info");
    assert_eq!(post(&proxy, "/api/log", &json!({ "level": "debug" })).status(), 200);
    assert_eq!(get(&proxy, "/api/log")["level"], "debug");
}

#[test]
fn an_address_beyond_loopback_asks_for_the_token() {
    let toml = "[admin]\naddress = \"0.0.0.0:0\"\ntoken = \"correct-horse-battery\"\n[listeners.web]\naddress = \"127.0.0.1:0\"\n\
                [[routes]]\nname = \"hello\"\nrespond = { status = 200 }\n";
    let proxy = Proxy::start(toml);
    let port = proxy.admin().port();
    let ask = |more: &str, path: &str| {
        let mut wire = Wire::connect(([127, 0, 0, 1], port).into());
        wire.ask(&format!("GET {path} HTTP/1.1\r\nHost: edge.example.com\r\n{more}\r\n")).status()
    };
    assert_eq!((ask("", "/healthz"), ask("", "/metrics"), ask("", "/api/config")), (200, 401, 403));
    let token = "Authorization: Bearer correct-horse-battery\r\n";
    assert_eq!((ask(token, "/metrics"), ask(token, "/api/config")), (200, 200));
}

#[test]
fn tap_shows_what_was_asked_for() {
    let proxy = Proxy::start(
        &Edge::to("127.0.0.1:1")
            .more("[[routes]]\nname = \"hello\"\npath = \"/hello\"\nrespond = { status = 200 }")
            .toml(),
    );
    let tap = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        command.args(["tap", "--admin", &proxy.admin().to_string(), "--count", "2"]).args(more);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let mut json = tap(&["--json", "status=200", "target=/hello*"]);
    let mut text = tap(&["route=hello"]);
    // Taps see what ends after they were opened; when that is, nobody tells.
    let mut lines = BufReader::new(json.stdout.take().unwrap()).lines();
    let first = std::thread::scope(|scope| {
        let first = scope.spawn(|| lines.next().unwrap().unwrap());
        while !first.is_finished() || text.try_wait().unwrap().is_none() {
            proxy.get("/nothing");
            proxy.get("/hello");
        }
        first.join().unwrap()
    });
    let exchange: Value = serde_json::from_str(&first).unwrap();
    assert_eq!((&exchange["route"], &exchange["status"]), (&json!("hello"), &json!(200)));
    let output = text.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success());
    assert!(
        said.lines().count() == 2 && said.lines().all(|line| line.contains(" 200 ") && line.contains("route=hello")),
        "{said}"
    );
    assert!(json.wait().unwrap().success());
    let refused = tap(&["statu=200"]).wait_with_output().unwrap();
    assert!(!refused.status.success());
    assert!(String::from_utf8(refused.stderr).unwrap().contains("did you mean status?"));
}
