use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

use super::*;
use crate::config::model::{self, ListenAddress, Model};
use crate::observe::metrics::{Exposition, Kind, Metrics};
use crate::observe::{Cause, Exchange};

const CONFIG: &str = r#"
[listeners.web]
address = "127.0.0.1:8080"
[upstreams.api]
endpoints = ["127.0.0.1:9000", { address = "10.0.0.8:9000", weight = 2, backup = true }]
[[routes]]
name = "api"
hosts = ["*.example.com"]
path_prefix = "/api"
headers = { "x-key" = "s3cret" }
upstream = "api"
[routes.request_headers.set]
authorization = "Bearer s3cret"
[[routes]]
name = "hello"
respond = { body = "s3cret", headers = { "x-more" = "s3cret" } }
"#;

struct Fake {
    readiness: Cell<Readiness>,
    world: RefCell<World>,
    metrics: Arc<Metrics>,
    outcome: RefCell<Result<u64, Refusal>>,
}

impl Fake {
    fn new() -> Rc<Self> {
        let model = Arc::new(model());
        let world = World { generation: 7, loaded: UNIX_EPOCH + Duration::from_secs(1), model };
        Rc::new(Self {
            readiness: Cell::new(Readiness::Starting),
            world: RefCell::new(world),
            metrics: Metrics::new(),
            outcome: RefCell::new(Ok(8)),
        })
    }
}

impl Surface for Fake {
    fn readiness(&self) -> Readiness {
        self.readiness.get()
    }

    fn world(&self) -> World {
        self.world.borrow().clone()
    }

    fn endpoints(&self, upstream: &str) -> Vec<EndpointState> {
        assert_eq!(upstream, "api");
        vec![EndpointState {
            address: "10.0.0.8:9000".to_owned(),
            state: "down",
            reason: "connect_refused",
            in_flight: 3,
        }]
    }

    fn metrics(&self) -> Arc<Metrics> {
        self.metrics.clone()
    }

    fn expose(&self, out: &mut Exposition) {
        out.family("tidegate_extra", Kind::Gauge, "More.").sample(&[], 1);
    }

    fn reload(&self) -> ReloadOutcome {
        let outcome = self.outcome.borrow().clone();
        Box::pin(async { outcome })
    }
}

fn model() -> Model {
    crate::config::parse("t.toml", CONFIG, &|_| None).unwrap_or_else(|problems| panic!("{problems}")).model
}

/// A running admin address and what it shows.
struct Served {
    surface: Rc<Fake>,
    address: std::net::SocketAddr,
}

impl Served {
    async fn ask(&self, method: &str, path: &str, more: &str) -> (u16, String, String) {
        let stream = TcpStream::connect(self.address).await.expect("it listens");
        ask(stream, &format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{more}")).await
    }

    async fn json(&self, path: &str) -> Value {
        let (status, head, body) = self.ask("GET", path, "").await;
        assert_eq!(status, 200, "{head}");
        assert!(head.contains("content-type: application/json\r\n"), "{head}");
        serde_json::from_str(&body).expect("JSON")
    }
}

/// Sends a head without its end and gives status, head and body.
async fn ask(mut stream: impl AsyncRead + AsyncWrite + Unpin, head: &str) -> (u16, String, String) {
    stream.write_all(format!("{head}Connection: close\r\n\r\n").as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).expect("a status").parse().expect("a status");
    (status, head.to_owned() + "\r\n", body.to_owned())
}

async fn served(story: impl AsyncFnOnce(Served)) {
    let local = tokio::task::LocalSet::new();
    local
        .run_until(async {
            let any = model::Admin { address: ListenAddress::Tcp(([127, 0, 0, 1], 0).into()) };
            let admin = Admin::bind(&any).expect("a port");
            let ListenAddress::Tcp(address) = *admin.address() else { panic!("TCP") };
            let surface = Fake::new();
            let task = tokio::task::spawn_local(admin.serve(surface.clone()));
            story(Served { surface, address }).await;
            task.abort();
        })
        .await;
}

#[tokio::test]
async fn readiness_follows_the_server_and_health_does_not() {
    served(async |admin: Served| {
        for (readiness, status) in
            [(Readiness::Starting, 503), (Readiness::Ready, 200), (Readiness::Draining, 503), (Readiness::Ready, 200)]
        {
            admin.surface.readiness.set(readiness);
            let (seen, _, body) = admin.ask("GET", "/readyz", "").await;
            assert_eq!((seen, body), (status, format!("{}\n", readiness.label())));
            assert_eq!(admin.ask("GET", "/healthz", "").await.0, 200);
        }
    })
    .await;
}

#[tokio::test]
async fn metrics_come_in_the_type_that_prometheus_asks_for() {
    served(async |admin: Served| {
        let (status, head, body) = admin.ask("GET", "/metrics", "").await;
        assert_eq!(status, 200);
        assert!(head.contains("content-type: text/plain; version=0.0.4; charset=utf-8\r\n"), "{head}");
        assert!(body.contains("\ntidegate_build_info{version=\"") && body.ends_with("\ntidegate_extra 1\n"), "{body}");
        let (status, head, body) = admin.ask("HEAD", "/metrics", "").await;
        assert_eq!((status, body.as_str()), (200, ""));
        assert!(head.contains("content-length: "), "{head}");
    })
    .await;
}

#[tokio::test]
async fn the_state_is_shown_and_secrets_are_not() {
    served(async |admin: Served| {
        let metrics = &admin.surface.metrics;
        let ids = metrics.assign(&["web".into()], &["api".into()], &["api".into()]);
        let mut exchange = Exchange::begin(ids.listeners[0], Instant::now());
        exchange.route = Some(ids.routes[0]);
        exchange.upstream = Some(ids.upstreams[0]);
        exchange.status = Some(http::StatusCode::BAD_GATEWAY);
        exchange.attempts = 2;
        exchange.retries.push(Cause::Reset);
        metrics.worker().ended(&exchange, Instant::now());

        let config = admin.json("/api/config").await;
        assert_eq!(config["generation"], 7);
        assert_eq!(config["loaded_at"], "1970-01-01T00:00:01.000Z");
        assert_eq!(config["listeners"][0]["address"], "127.0.0.1:8080");
        assert_eq!((&config["upstreams"], &config["routes"]), (&json!(["api"]), &json!(["api", "hello"])));

        let upstreams = admin.json("/api/upstreams").await;
        assert_eq!((&upstreams[0]["attempts"], &upstreams[0]["retries"]), (&json!(2), &json!(1)));
        let endpoints = &upstreams[0]["endpoints"];
        assert_eq!(endpoints[0]["state"], Value::Null, "nobody knows");
        let expected = json!({
            "address": "10.0.0.8:9000", "weight": 2, "backup": true,
            "state": "down", "reason": "connect_refused", "in_flight": 3,
        });
        assert_eq!(endpoints[1], expected);

        let routes = admin.json("/api/routes").await;
        assert_eq!(routes[0]["place"], "t.toml:6");
        assert_eq!(routes[0]["path"], json!({ "prefix": "/api" }));
        assert_eq!(routes[0]["hosts"], json!(["*.example.com"]));
        assert_eq!(routes[0]["action"], json!({ "upstream": "api" }));
        assert_eq!((&routes[0]["requests"], &routes[0]["server_errors"]), (&json!(1), &json!(1)));
        assert_eq!(routes[1]["action"], json!({ "respond": { "status": 200 } }));

        for path in ["/", "/api/config", "/api/upstreams", "/api/routes", "/metrics"] {
            let (_, head, body) = admin.ask("GET", path, "").await;
            assert!(!body.contains("s3cret"), "{path}: {body}");
            assert!(head.contains("cache-control: no-store\r\n") && head.contains("nosniff"), "{head}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_reload_says_what_came_of_it() {
    served(async |admin: Served| {
        let (status, _, body) = admin.ask("POST", "/api/reload", "Content-Length: 0\r\n").await;
        let body: Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!((status, body), (200, json!({ "result": "published", "generation": 8 })));
        let problems = json!([{ "file": "t.toml", "line": 3, "message": "unknown key" }]);
        let refusal = Refusal { message: "1 problem in t.toml".to_owned(), problems: problems.clone() };
        *admin.surface.outcome.borrow_mut() = Err(refusal);
        let (status, _, body) = admin.ask("POST", "/api/reload", "").await;
        let body: Value = serde_json::from_str(&body).expect("JSON");
        let expected = json!({ "result": "refused", "message": "1 problem in t.toml", "problems": problems });
        assert_eq!((status, body), (422, expected));
    })
    .await;
}

#[tokio::test]
async fn strangers_are_refused_and_probes_are_not() {
    served(async |admin: Served| {
        let foreign = async |method: &str, path: &str| {
            let stream = TcpStream::connect(admin.address).await.expect("it listens");
            ask(stream, &format!("{method} {path} HTTP/1.1\r\nHost: evil.example\r\n")).await.0
        };
        for path in ["/", "/api/config", "/api/upstreams", "/api/routes"] {
            assert_eq!(foreign("GET", path).await, 403, "{path}");
        }
        assert_eq!(foreign("POST", "/api/reload").await, 403);
        for path in ["/healthz", "/metrics"] {
            assert_eq!(foreign("GET", path).await, 200, "{path}");
        }
        let origin = |origin: &str| format!("Origin: {origin}\r\n");
        assert_eq!(admin.ask("POST", "/api/reload", &origin("https://evil.example")).await.0, 403);
        assert_eq!(admin.ask("POST", "/api/reload", &origin("http://localhost")).await.0, 200);
    })
    .await;
}

#[tokio::test]
async fn what_is_not_there_and_what_is_asked_wrongly() {
    served(async |admin: Served| {
        let cases = [
            ("GET", "/nothing", 404, ""),
            ("DELETE", "/nothing", 404, ""),
            ("GET", "/api/reload", 405, "allow: POST\r\n"),
            ("POST", "/api/config", 405, "allow: GET, HEAD\r\n"),
            ("PUT", "/", 405, "allow: GET, HEAD\r\n"),
        ];
        for (method, path, status, field) in cases {
            let (seen, head, body) = admin.ask(method, path, "").await;
            assert_eq!(seen, status, "{method} {path}");
            assert!(head.contains(field), "{head}");
            assert!(serde_json::from_str::<Value>(&body).is_ok());
        }
    })
    .await;
}

#[tokio::test]
async fn the_index_names_every_page_of_the_guide() {
    served(async |admin: Served| {
        let (status, head, body) = admin.ask("GET", "/", "").await;
        assert_eq!(status, 200);
        assert!(head.contains("content-security-policy: default-src 'none'"), "{head}");
        let guide = include_str!("../../docs/admin.md");
        for (path, _) in answer::PAGES.iter().chain(&[("/api/reload", "")]) {
            assert!(body.contains(path), "{path} in the index");
            assert!(guide.contains(&format!("{path}`")), "{path} in the guide");
        }
    })
    .await;
}

#[tokio::test]
async fn a_connection_is_kept_for_the_next_request() {
    served(async |admin: Served| {
        let mut stream = TcpStream::connect(admin.address).await.expect("it listens");
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("sent");
        let mut seen = Vec::new();
        while !seen.ends_with(b"alive\n") {
            assert_ne!(stream.read_buf(&mut seen).await.expect("an answer"), 0);
        }
        assert_eq!(ask(stream, "GET /healthz HTTP/1.1\r\nHost: a\r\n").await.0, 200);
    })
    .await;
}

fn at(path: &Path) -> model::Admin {
    model::Admin { address: ListenAddress::Unix(path.to_owned()) }
}

#[tokio::test]
async fn a_socket_file_is_taken_over_only_from_the_dead() {
    let folder = tempfile::tempdir().expect("a folder");
    let path: PathBuf = folder.path().join("admin.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).expect("a socket that nobody listens on"));
    let local = tokio::task::LocalSet::new();
    local
        .run_until(async {
            let admin = Admin::bind(&at(&path)).expect("taken over");
            let error = Admin::bind(&at(&path)).err().expect("somebody listens");
            assert_eq!(error.to_string(), format!("the admin socket {} is used by another program", path.display()));
            let task = tokio::task::spawn_local(admin.serve(Fake::new()));
            let stream = UnixStream::connect(&path).await.expect("it listens");
            assert_eq!(ask(stream, "GET /api/config HTTP/1.1\r\nHost: localhost\r\n").await.0, 200);
            task.abort();
            assert!(task.await.is_err_and(|end| end.is_cancelled()));
        })
        .await;
    assert!(!path.exists(), "it is taken away at the end");
}

#[tokio::test]
async fn a_port_that_is_taken_is_one_clear_sentence() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address");
    let error = Admin::bind(&model::Admin { address: ListenAddress::Tcp(address) }).err().expect("taken");
    assert_eq!(error.to_string(), format!("the admin address {address} is taken by another program"));
}
