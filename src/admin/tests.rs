use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

use super::*;
use crate::config::model::{self, ListenAddress, Model};
use crate::observe::chronicle::{
    Chronicle, DockerEndpoint, DockerEvent, DockerState, EndpointEvent, Event, GuardEvent, Reloaded,
};
use crate::observe::lookout::Filter;
use crate::observe::metrics::{Exposition, Kind, Metrics};
use crate::observe::{Cause, Exchange, Side};

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
    drained: Cell<bool>,
    weights: RefCell<Vec<(Arc<str>, u32)>>,
    chronicle: Rc<Chronicle>,
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
            drained: Cell::new(false),
            weights: RefCell::new(vec![("v1".into(), 95), ("v2".into(), 5)]),
            chronicle: Rc::default(),
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
        let down = EndpointState {
            address: "10.0.0.8:9000".to_owned(),
            name: Some("api.internal:9000".to_owned()),
            weight: 2,
            backup: true,
            state: if self.drained.get() { "draining" } else { "down" },
            reason: "connect_refused",
            probe_failure: Some("refused".to_owned()),
            in_flight: 3,
            latency_ms: Some(1.5),
            ..EndpointState::default()
        };
        vec![
            EndpointState { address: "127.0.0.1:9000".to_owned(), state: "up", weight: 1, ..EndpointState::default() },
            down,
        ]
    }

    fn drain(&self, upstream: &str, endpoint: &str, drained: bool) -> Result<(), Unknown> {
        match (upstream, endpoint) {
            ("api", "10.0.0.8:9000") => self.drained.set(drained),
            ("api", other) => return Err(Unknown::Endpoint(other.to_owned())),
            (other, _) => return Err(Unknown::Upstream(other.to_owned())),
        }
        Ok(())
    }

    fn weights(&self, route: &str) -> Option<Vec<(Arc<str>, u32)>> {
        (route == "hello").then(|| self.weights.borrow().clone())
    }

    fn set_weights(&self, route: &str, weights: Option<&BTreeMap<String, u32>>) -> Result<(), Unknown> {
        let known = self.weights(route).ok_or_else(|| Unknown::Split(route.to_owned()))?;
        let Some(weights) = weights else { return Ok(()) };
        let wanted = |(name, weight): (Arc<str>, u32)| (name.clone(), weights.get(&*name).copied().unwrap_or(weight));
        self.weights.replace(known.into_iter().map(wanted).collect());
        Ok(())
    }

    fn certificates(&self) -> Vec<CertificateState> {
        let certificate = |not_after| CertificateState {
            listener: "web".into(),
            names: vec!["example.com".to_owned()],
            source: "site.pem".to_owned(),
            not_after,
        };
        let day = Duration::from_secs(86_400);
        let now = std::time::SystemTime::now();
        vec![certificate(now + day * 30 + day / 2), certificate(now - day / 2)]
    }

    fn tap(&self, filter: Filter) -> Option<tokio::sync::mpsc::Receiver<bytes::Bytes>> {
        if filter != Filter::default() {
            return None;
        }
        let (lines, coming) = tokio::sync::mpsc::channel(2);
        for line in ["{\"status\":200}\n", "{\"status\":502}\n"] {
            lines.try_send(line.into()).expect("room");
        }
        Some(coming)
    }

    fn chronicle(&self) -> Rc<Chronicle> {
        self.chronicle.clone()
    }

    fn explain(&self, question: &[(String, String)]) -> Result<Value, String> {
        if question.is_empty() { Err("url is missing".to_owned()) } else { Ok(json!({ "asked": question })) }
    }

    fn metrics(&self) -> Arc<Metrics> {
        self.metrics.clone()
    }

    fn expose(&self, out: &mut Exposition) {
        out.family("tidegate_extra", Kind::Gauge, "More.").sample(&[], 1_u64);
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

/// On any port of loopback.
fn plain() -> model::Admin {
    model::Admin { address: ListenAddress::Tcp(([127, 0, 0, 1], 0).into()), token: None, hosts: Vec::new() }
}

async fn served(story: impl AsyncFnOnce(Served)) {
    served_with(None, story).await;
}

async fn served_with(token: Option<&str>, story: impl AsyncFnOnce(Served)) {
    let local = tokio::task::LocalSet::new();
    local
        .run_until(async {
            let any = model::Admin { token: token.map(|token| model::Secret::new(token.to_owned())), ..plain() };
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
        assert_eq!((&endpoints[0]["state"], &endpoints[0]["reason"]), (&json!("up"), &Value::Null));
        assert_eq!((&endpoints[0]["name"], &endpoints[1]["name"]), (&Value::Null, &json!("api.internal:9000")));
        assert_eq!((&endpoints[1]["weight"], &endpoints[1]["backup"]), (&json!(2), &json!(true)));
        assert_eq!((&endpoints[1]["state"], &endpoints[1]["reason"]), (&json!("down"), &json!("connect_refused")));
        assert_eq!((&endpoints[1]["in_flight"], &endpoints[1]["latency_ms"]), (&json!(3), &json!(1.5)));

        let routes = admin.json("/api/routes").await;
        assert_eq!(routes[0]["place"], "t.toml:6");
        assert_eq!(routes[0]["path"], json!({ "prefix": "/api" }));
        assert_eq!(routes[0]["hosts"], json!(["*.example.com"]));
        assert_eq!(routes[0]["action"], json!({ "upstream": "api" }));
        assert_eq!((&routes[0]["requests"], &routes[0]["server_errors"]), (&json!(1), &json!(1)));
        assert_eq!(routes[1]["action"], json!({ "respond": { "status": 200 } }));

        assert_eq!(config["config"]["routes"][0]["headers"]["x-key"], "***");
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
            ("DELETE", "/api/log", 405, "allow: GET, HEAD, POST\r\n"),
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
async fn the_index_and_the_guide_have_every_operation() {
    served(async |admin: Served| {
        let (status, head, list) = admin.ask("GET", "/", "Accept: */*\r\n").await;
        assert!(status == 200 && head.contains("content-type: text/plain"), "{head}");
        let (status, head, page) = admin.ask("GET", "/", "Accept: text/html,*/*;q=0.8\r\n").await;
        assert!(status == 200 && head.contains("content-type: text/html"), "{head}");
        assert!(
            head.contains("content-security-policy: default-src 'none'; style-src 'self'; script-src 'self'"),
            "{head}"
        );
        let guide = include_str!("../../docs/admin.md");
        for operations::Operation { method, path, .. } in operations::OPERATIONS {
            assert!(list.contains(path) && page.contains(path), "{path} in the list and on the page");
            assert!(guide.contains(&format!("`{method} {path}")), "{method} {path} in the guide");
        }
    })
    .await;
}

/// What a text quotes after any of these beginnings.
fn quoted<'a>(text: &'a str, beginnings: &[&str]) -> Vec<&'a str> {
    let of =
        |beginning: &&str| text.split(*beginning).skip(1).filter_map(|rest| rest.split('"').next()).collect::<Vec<_>>();
    beginnings.iter().flat_map(of).collect()
}

#[tokio::test]
async fn the_dashboard_is_whole_and_asks_for_nothing_from_elsewhere() {
    served(async |admin: Served| {
        let (_, _, page) = admin.ask("GET", "/", "Accept: text/html\r\n").await;
        let mut wanted: Vec<_> =
            quoted(&page, &["src=\"", "href=\"/dashboard/"]).into_iter().map(str::to_owned).collect();
        let mut seen = Vec::new();
        while let Some(name) = wanted.pop() {
            let path = format!("/dashboard/{}", name.trim_start_matches("/dashboard/").trim_start_matches("./"));
            if seen.contains(&path) {
                continue;
            }
            let (status, head, text) = admin.ask("GET", &path, "").await;
            assert_eq!(status, 200, "{path}");
            let content_type = if path.ends_with(".css") { "text/css" } else { "text/javascript" };
            assert!(head.contains(&format!("content-type: {content_type}")), "{head}");
            wanted.extend(quoted(&text, &["from \""]).into_iter().map(str::to_owned));
            let foreign = text.replace("http://www.w3.org/2000/svg", "").replace("http://${open.address", "");
            assert!(!foreign.contains("://"), "{path} names something elsewhere");
            seen.push(path);
        }
        assert_eq!(seen.len(), 10, "{seen:?}");
        // A style or a script within the page would be refused by its policy.
        assert!(!page.contains("style=") && !page.contains("<style") && !page.contains("onclick"));
        assert_eq!(admin.ask("GET", "/dashboard/other.js", "").await.0, 404);
        assert_eq!(admin.ask("GET", "/dashboard/main.js", "Host: evil.example\r\n").await.0, 403);
    })
    .await;
}

#[tokio::test]
async fn the_token_opens_everything_but_health() {
    served_with(Some("correct-horse-battery"), async |admin: Served| {
        for path in ["/healthz", "/", "/dashboard/main.js"] {
            assert_eq!(admin.ask("GET", path, "").await.0, 200, "{path}");
        }
        for (method, path) in
            [("GET", "/metrics"), ("GET", "/api/config"), ("POST", "/api/reload"), ("GET", "/nothing")]
        {
            let (status, head, _) = admin.ask(method, path, "").await;
            assert_eq!(status, 401, "{path}");
            assert!(head.contains("www-authenticate: Bearer\r\n"), "{head}");
            let wrong = "Authorization: Bearer correct-horse-batterx\r\n";
            assert_eq!(admin.ask(method, path, wrong).await.0, 401, "{path}");
        }
        let token = "Authorization: Bearer correct-horse-battery\r\n";
        for path in ["/metrics", "/api/config"] {
            assert_eq!(admin.ask("GET", path, token).await.0, 200, "{path}");
        }
        assert_eq!(admin.ask("POST", "/api/reload", &format!("{token}Origin: https://evil.example\r\n")).await.0, 200);
    })
    .await;
}

impl Served {
    async fn post(&self, path: &str, body: &str) -> (u16, Value) {
        let stream = TcpStream::connect(self.address).await.expect("it listens");
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        let (mut read, mut write) = stream.into_split();
        // Where it is refused before it was read, the rest finds nobody.
        let _ = write.write_all(format!("{head}{body}").as_bytes()).await;
        let mut answer = String::new();
        read.read_to_string(&mut answer).await.expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        (status, serde_json::from_str(body).expect("JSON"))
    }
}

#[tokio::test]
async fn changes_are_made_and_mistakes_are_explained() {
    served(async |admin: Served| {
        let (status, body) =
            admin.post("/api/endpoints/drain", r#"{"upstream":"api","endpoint":"10.0.0.8:9000"}"#).await;
        assert_eq!((status, &body["drained"]), (200, &json!(true)));
        assert_eq!(admin.json("/api/upstreams").await[0]["endpoints"][1]["state"], "draining");
        let which = r#"{"upstream":"api","endpoint":"10.0.0.8:9000"}"#;
        assert_eq!(admin.post("/api/endpoints/undrain", which).await.1["drained"], false);
        assert_eq!(admin.json("/api/upstreams").await[0]["endpoints"][1]["state"], "down");
        let cases = [
            ("/api/endpoints/drain", r#"{"upstream":"api","endpoint":"10.0.0.9:9000"}"#, 404, "no endpoint"),
            ("/api/endpoints/drain", r#"{"upstream":"x","endpoint":"y"}"#, 404, "no upstream"),
            ("/api/endpoints/drain", r#"{"upstream":"api"}"#, 400, "missing field `endpoint`"),
            ("/api/endpoints/drain", r#"{"upstream":"api","endpoint":"a","force":true}"#, 400, "unknown field `force`"),
            ("/api/splits", "", 400, "the body is not what is asked for"),
            ("/api/splits", r#"{"route":"api","weights":{"v1":1}}"#, 404, "no route \"api\" with a split"),
            ("/api/log", r#"{"level":"loud"}"#, 400, "level is off, error"),
        ];
        for (path, body, status, message) in cases {
            let (seen, answer) = admin.post(path, body).await;
            assert_eq!(seen, status, "{path} {body}");
            assert!(answer["message"].as_str().is_some_and(|text| text.contains(message)), "{answer}");
        }
        let (_, body) = admin.post("/api/splits", r#"{"route":"hello","weights":{"v2":50}}"#).await;
        let expected = json!([{ "upstream": "v1", "weight": 95 }, { "upstream": "v2", "weight": 50 }]);
        assert_eq!(body, json!({ "route": "hello", "weights": expected }));
        let before = admin.json("/api/log").await;
        assert_eq!(admin.post("/api/log", r#"{"level":"error"}"#).await, (200, json!({ "level": "error" })));
        assert_eq!(admin.json("/api/log").await["level"], "error");
        admin.post("/api/log", &before.to_string()).await;
        let (status, _) = admin.post("/api/log", &" ".repeat(asked::MAX_BODY + 1)).await;
        assert_eq!(status, 413);
    })
    .await;
}

/// Fills in something of everything.
fn eventful(fake: &Fake) {
    let time = UNIX_EPOCH + Duration::from_secs(5);
    let refused = |message: &str| Reloaded {
        time,
        cause: "signal",
        result: "refused",
        generation: 7,
        took_ms: 3,
        message: Some(message.to_owned()),
        problems: Some(json!([{}])),
    };
    fake.chronicle.reloads.borrow_mut().push(refused("first"));
    fake.chronicle.reloads.borrow_mut().push(refused("second"));
    let (before, after, reason) = (Some("up"), Some("down"), "refused");
    let (upstream, endpoint) = ("api".into(), "10.0.0.8:9000".into());
    let event = EndpointEvent { time, upstream, endpoint, before, after, reason };
    let (event, message) = (Event::Endpoint(event), "it watches".into());
    let guard = GuardEvent { time, event: "watching", generation: 7, message };
    fake.chronicle.events.borrow_mut().push(Event::Guard(guard));
    let word = || "x".to_owned();
    let docker = DockerEvent { time, container: word(), label: word(), message: word() };
    fake.chronicle.events.borrow_mut().push(Event::Docker(docker));
    let endpoints = vec![DockerEndpoint { container: word(), upstream: "api".into(), address: word() }];
    let state = DockerState { engine: "answers", answered: Some(time), endpoints, ..DockerState::default() };
    fake.chronicle.docker.replace(Some(state));
    fake.chronicle.events.borrow_mut().push(event);
    let line = br#"{"time":"1970-01-01T00:00:01.000Z","fault":"refused","side":"upstream"}"#;
    fake.chronicle.failures.borrow_mut().note(Side::Upstream, line);
    for second in 0..12 {
        let ids = fake.metrics.assign(&["web".into()], &["api".into()], &["api".into()]);
        let mut exchange = Exchange::begin(ids.listeners[0], Instant::now());
        exchange.upstream = Some(ids.upstreams[0]);
        exchange.status = Some(http::StatusCode::OK);
        fake.metrics.worker().ended(&exchange, Instant::now());
        let mut sums = fake.metrics.sums(Instant::now());
        sums.at += Duration::from_secs(second);
        fake.chronicle.series.borrow_mut().note(sums, fake.metrics.names().load().upstreams(), second);
    }
}

#[tokio::test]
async fn a_tap_streams_lines() {
    served(async |admin: Served| {
        let (status, head, body) = admin.ask("GET", "/api/tap", "").await;
        assert_eq!(status, 200);
        assert!(head.contains("content-type: application/x-ndjson\r\n"), "{head}");
        assert!(body.contains("{\"status\":200}\n") && body.contains("{\"status\":502}\n"), "{body}");
        assert_eq!(admin.ask("GET", "/api/tap?filter=status=5xx", "").await.0, 503, "none is free");
        let (status, _, body) = admin.ask("GET", "/api/tap?filter=statu=5xx", "").await;
        assert!(status == 400 && body.contains("did you mean status?"), "{body}");
    })
    .await;
}

#[tokio::test]
async fn what_happened_lately() {
    served(async |admin: Served| {
        eventful(&admin.surface);
        let reloads = admin.json("/api/reloads").await;
        assert_eq!((&reloads[0]["message"], &reloads[1]["message"]), (&json!("second"), &json!("first")));
        assert_eq!(admin.json("/api/events").await[0]["after"], "down");
        assert_eq!(admin.json("/api/faults").await[0]["fault"], "refused");
        assert_eq!(admin.json("/api/faults?side=upstream").await[0]["side"], "upstream");
        assert_eq!(admin.json("/api/faults?side=client").await, json!([]));
        assert_eq!(admin.ask("GET", "/api/faults?side=them", "").await.0, 400);
        let series = admin.json("/api/series?resolution=1s").await;
        assert_eq!((&series["resolution_seconds"], series["samples"].as_array().map(Vec::len)), (&json!(1), Some(11)));
        assert!(series["samples"][3]["upstreams"]["api"]["requests"].as_f64().is_some_and(|rate| rate > 0.5));
        let later = admin.json("/api/series?resolution=1s&since=9").await;
        assert_eq!(later["samples"].as_array().map(Vec::len), Some(2), "{later}");
        assert_eq!(admin.ask("GET", "/api/series?since=now", "").await.0, 400);
        assert_eq!(admin.json("/api/reloads?limit=1").await.as_array().map(Vec::len), Some(1));
        assert_eq!(admin.json("/api/faults?limit=0").await, json!([]));
        assert_eq!(admin.ask("GET", "/api/events?limit=-1", "").await.0, 400);
        assert_eq!(admin.json("/api/series").await["samples"].as_array().map(Vec::len), Some(1));
        assert_eq!(admin.ask("GET", "/api/series?resolution=1m", "").await.0, 400);
        let certificates = admin.json("/api/certificates").await;
        assert_eq!((&certificates[0]["days_left"], &certificates[1]["days_left"]), (&json!(30), &json!(-1)));
        assert_eq!(admin.json("/api/explain?url=http%3A%2F%2Fa%2F").await["asked"][0][1], "http://a/");
        assert_eq!(admin.ask("GET", "/api/explain", "").await.0, 400);
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
    model::Admin { address: ListenAddress::Unix(path.to_owned()), ..plain() }
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
    let error = Admin::bind(&model::Admin { address: ListenAddress::Tcp(address), ..plain() }).err().expect("taken");
    assert_eq!(error.to_string(), format!("the admin address {address} is taken by another program"));
}

/// Whether a value is what a schema of the document says; the ways in which it is not.
fn differences(document: &Value, schema: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        let inner = document.pointer(name.trim_start_matches('#')).unwrap_or_else(|| panic!("{name} is nowhere"));
        return differences(document, inner, value, path, found);
    }
    if let Some(any) = schema["anyOf"].as_array() {
        let fits = |one: &Value| {
            let mut inner = Vec::new();
            differences(document, one, value, path, &mut inner);
            inner.is_empty()
        };
        if !any.iter().any(fits) {
            found.push(format!("{path}: none of anyOf takes {value}"));
        }
        return;
    }
    let kinds: Vec<_> = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        kind => kind.as_str().into_iter().collect(),
    };
    let is = |kind: &str| match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        _ => value.is_null(),
    };
    if !kinds.iter().any(|kind| is(kind)) {
        return found.push(format!("{path}: {value} is not of {kinds:?}"));
    }
    if let (Some(words), true) = (schema["enum"].as_array(), value.is_string())
        && !words.contains(value)
    {
        found.push(format!("{path}: {value} is none of {words:?}"));
    }
    for (place, item) in value.as_array().into_iter().flatten().enumerate() {
        differences(document, &schema["items"], item, &format!("{path}[{place}]"), found);
    }
    let Some(object) = value.as_object() else { return };
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !object.contains_key(name) {
            found.push(format!("{path}: {name} is missing"));
        }
    }
    for (name, inner) in object {
        let at = format!("{path}.{name}");
        match (&schema["properties"][name], &schema["additionalProperties"]) {
            (Value::Null, Value::Bool(false)) => found.push(format!("{at} is not in the document")),
            (Value::Null, more @ Value::Object(_)) => differences(document, more, inner, &at, found),
            (Value::Null, _) => {}
            (schema, _) => differences(document, schema, inner, &at, found),
        }
    }
}

/// Answers without an end, and answers of a cache.
const TAP: &str = "/api/tap";
const LOOKUP: &str = "/api/cache/lookup";
const CACHE: &str = "/api/cache";

#[tokio::test]
async fn the_document_describes_every_operation_and_every_answer() {
    served(async |admin: Served| {
        eventful(&admin.surface);
        let document = admin.json("/api/openapi.json").await;
        let mut described = Vec::new();
        for (path, methods) in document["paths"].as_object().expect("paths") {
            let method = |name: &String| (name.to_ascii_uppercase(), path.clone());
            described.extend(methods.as_object().expect("methods").keys().map(method));
        }
        let mut known: Vec<_> =
            operations::OPERATIONS.iter().map(|one| (one.method.to_owned(), one.path.to_owned())).collect();
        described.sort();
        known.sort();
        assert_eq!(described, known);
        let schema = |method: &str, path: &str, status: &str| {
            document["paths"][path][method]["responses"][status]["content"]["application/json"]["schema"].clone()
        };
        let mut found = Vec::new();
        let reads = operations::OPERATIONS.iter().filter(|one| one.method == "GET" && one.path.starts_with("/api/"));
        let reads = reads.filter(|one| ![TAP, LOOKUP, CACHE].contains(&one.path));
        for path in reads.map(|one| one.path) {
            let query = if path == "/api/explain" { "?url=http://a/" } else { "" };
            let answer = admin.json(&format!("{path}{query}")).await;
            differences(&document, &schema("get", path, "200"), &answer, path, &mut found);
        }
        // There is no cache here to look into.
        let (status, _, answer) = admin.ask("GET", "/api/cache/lookup?url=http://a/", "").await;
        assert_eq!(status, 404);
        let answer = serde_json::from_str(&answer).expect("JSON");
        differences(&document, &schema("get", LOOKUP, "404"), &answer, LOOKUP, &mut found);
        let which = r#"{"upstream":"api","endpoint":"10.0.0.8:9000"}"#;
        let changes = [
            ("/api/endpoints/drain", which, 200),
            ("/api/endpoints/undrain", which, 200),
            ("/api/endpoints/drain", r#"{"upstream":"x","endpoint":"y"}"#, 404),
            ("/api/splits", r#"{"route":"hello","weights":{"v2":50}}"#, 200),
            ("/api/splits", r#"{"route":"hello"}"#, 200),
            ("/api/splits", r#"{"route":1}"#, 400),
            ("/api/log", r#"{"level":"info"}"#, 200),
            ("/api/reload", "", 200),
        ];
        for (path, body, status) in changes {
            let (seen, answer) = admin.post(path, body).await;
            assert_eq!(seen, status, "{path} {body}");
            differences(&document, &schema("post", path, &status.to_string()), &answer, path, &mut found);
        }
        *admin.surface.outcome.borrow_mut() = Err(Refusal { message: "no".to_owned(), problems: json!([{}]) });
        let (_, answer) = admin.post("/api/reload", "").await;
        differences(&document, &schema("post", "/api/reload", "422"), &answer, "/api/reload", &mut found);
        assert!(found.is_empty(), "{found:#?}");
    })
    .await;
}
