//! What is in `deploy/observability/`, and Prometheus itself: it scrapes the program, and the rules evaluate.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::support::{Edge, Folder, Origin, Proxy, Wire, eventually, ok, tool};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("deploy/observability")
}

fn run(command: &mut Command) -> (bool, String) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

/// A scraper that asks for one of the formats.
fn scrape(proxy: &Proxy, accept: &str) -> String {
    Wire::connect(proxy.admin()).ask(&format!("GET /metrics HTTP/1.1\r\nHost: edge\r\nAccept: {accept}\r\n\r\n")).text()
}

#[test]
fn the_rules_are_right_and_fire_when_they_should() {
    for arguments in [
        &["check", "rules", "alerts.yml"][..],
        &["check", "config", "prometheus.yml"],
        &["test", "rules", "alerts_test.yml"],
    ] {
        let Some(mut promtool) = tool("promtool") else { return };
        let (good, said) = run(promtool.args(arguments).current_dir(folder()));
        assert!(good, "{arguments:?}: {said}");
    }
}

#[test]
fn the_metrics_pass_the_linter() {
    let Some(mut promtool) = tool("promtool") else { return };
    let origin = Origin::answering(ok("hello"));
    let proxy = Edge::to(origin.address).start();
    assert_eq!(proxy.get("/").status(), 200);
    let mut lint = promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut lint.stdin.take().unwrap(), scrape(&proxy, "text/plain").as_bytes()).unwrap();
    let output = lint.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    // Names that are older than this linter.
    let known = |line: &&str| !line.is_empty() && !line.contains("tidegate_config_loaded_seconds");
    assert_eq!(said.lines().filter(known).collect::<Vec<_>>(), Vec::<&str>::new());
}

/// Names of metrics in a text.
fn metrics(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let ours = words.filter(|word| word.starts_with("tidegate_") || word.starts_with("process_"));
    let base = |word: &str| {
        let bare = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| word.strip_suffix(suffix));
        bare.unwrap_or(word).to_owned()
    };
    ours.map(base).collect()
}

#[test]
fn dashboard_and_rules_use_metrics_that_there_are() {
    let guide = metrics(include_str!("../../docs/metrics.md"));
    for file in ["alerts.yml", "grafana.json"] {
        let text = std::fs::read_to_string(folder().join(file)).unwrap();
        let unknown: Vec<_> = metrics(&text).difference(&guide).cloned().collect();
        assert!(unknown.is_empty(), "{file}: {unknown:?}");
    }
}

/// A running Prometheus that scrapes a program each second.
struct Prometheus {
    child: Child,
    address: SocketAddr,
    _folder: Folder,
}

impl Prometheus {
    fn start(mut program: Command, proxy: &Proxy) -> Self {
        let own = Folder::new();
        let config = std::fs::read_to_string(folder().join("prometheus.yml")).unwrap();
        let config = config.replace("127.0.0.1:9180", &proxy.admin().to_string()).replace("15s", "1s");
        let config = own.write("prometheus.yml", config);
        own.write("alerts.yml", std::fs::read_to_string(folder().join("alerts.yml")).unwrap());
        let mut child = program
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", own.path().join("data").display()))
            .args(["--web.listen-address=127.0.0.1:0", "--log.format=logfmt"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = loop {
            let line = lines.next().expect("it says where it listens").unwrap();
            let address = line.split("address=").nth(1).filter(|_| line.to_lowercase().contains("listening on"));
            if let Some(address) = address {
                break address.split_whitespace().next().unwrap().parse().unwrap();
            }
        };
        // It must not wait for a reader of its log.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address, _folder: own }
    }

    fn ask(&self, path: &str) -> Value {
        let answer = Wire::connect(self.address).ask(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        serde_json::from_str(&answer.text()).unwrap_or_default()
    }

    fn query(&self, expression: &str) -> Value {
        let plain = |byte: u8| byte.is_ascii_alphanumeric();
        let encoded: String = expression
            .bytes()
            .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
            .collect();
        self.ask(&format!("/api/v1/query?query={encoded}"))
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn prometheus_scrapes_and_the_rules_evaluate() {
    let Some(program) = tool("prometheus") else { return };
    let origin = Origin::answering(ok("hello"));
    let proxy = Edge::to(origin.address).upstream("outlier = { enabled = false }").start();
    let prometheus = Prometheus::start(program, &proxy);
    eventually("it is scraped", || {
        proxy.get("/");
        let seen = prometheus.query("tidegate_requests_total{route=\"all\",status=\"2xx\"}");
        seen["data"]["result"][0]["value"][1].as_str().is_some_and(|value| value != "0")
    });
    assert_eq!(prometheus.query("up{job=\"tidegate\"}")["data"]["result"][0]["value"][1], "1");

    // Rules: all healthy; then an endpoint that somebody drained makes two of them wait.
    let rules = || {
        let answer = prometheus.ask("/api/v1/rules");
        let groups = answer["data"]["groups"].as_array().cloned().unwrap_or_default();
        groups.iter().flat_map(|group| group["rules"].as_array().cloned().unwrap()).collect::<Vec<_>>()
    };
    eventually("all rules are evaluated", || {
        let rules = rules();
        rules.len() >= 15 && rules.iter().all(|rule| rule["health"] == "ok")
    });
    let body = format!("{{\"upstream\":\"app\",\"endpoint\":\"{}\"}}", origin.address);
    let drain =
        format!("POST /api/endpoints/drain HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    assert_eq!(Wire::connect(proxy.admin()).ask(&drain).status(), 200);
    let pending = |name: &str| rules().iter().any(|rule| rule["name"] == name && rule["state"] == "pending");
    eventually("the alerts wait", || pending("TidegateEndpointDown") && pending("TidegateUpstreamDown"));

    // Every panel of the dashboard is an expression that Prometheus takes.
    let dashboard: Value =
        serde_json::from_str(&std::fs::read_to_string(folder().join("grafana.json")).unwrap()).unwrap();
    let mut count = 0;
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let mut expression =
                target["expr"].as_str().unwrap().replace("$__rate_interval", "1m").replace("$job", "tidegate");
            for name in ["instance", "route", "upstream"] {
                expression = expression.replace(&format!("${name}"), ".*");
            }
            let answer = prometheus.query(&expression);
            assert_eq!(answer["status"], "success", "{}: {expression}: {answer}", panel["title"]);
            count += 1;
        }
    }
    assert!(count > 25, "{count}");
}
