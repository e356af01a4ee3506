//! Traces: what upstreams are told, what a collector gets, and that log, metrics and trace say the same of one request.

use std::net::SocketAddr;

use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::{Value, json};

use crate::support::{
    Answered, Authority, Collector, Edge, Folder, GrpcCollector, Origin, Proxy, eventually, ok, tls_server_config,
    try_start,
};

fn attribute(span: &Span, key: &str) -> Option<Value> {
    match span.attributes.iter().find(|pair| pair.key == key)?.value.as_ref()?.value.as_ref()? {
        Any::StringValue(text) => Some(json!(text)),
        Any::IntValue(number) => Some(json!(number)),
        Any::BoolValue(flag) => Some(json!(flag)),
        other => panic!("{other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn traced(edge: Edge, collector: &Collector, more: &str) -> Proxy {
    edge.more(&format!("[tracing]\nendpoint = \"http://{}\"\nservice_name = \"edge\"\n{more}", collector.address))
        .start()
}

const PARENT: &str = "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7";

fn ask(proxy: &Proxy, path: &str, more: &str) -> u16 {
    proxy.connect("web").ask(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{more}\r\n")).status()
}

#[test]
fn a_sampled_parent_is_followed_to_the_collector_and_to_the_upstream() {
    let (collector, origin) = (Collector::start(&[]), Origin::answering(ok("hello")));
    let proxy = traced(Edge::to(origin.address), &collector, "headers = { \"x-api-key\" = \"k\" }");
    let more = format!("traceparent: 00-{PARENT}-01\r\ntracestate: a=1\r\ntracestate: b=2\r\n");
    assert_eq!(ask(&proxy, "/x?token=s3cret&page=2", &more), 200);
    let spans = collector.wait(2);
    let [server, client] = &spans[..] else { panic!("{spans:#?}") };
    assert_eq!(hex(&server.trace_id) + "-" + &hex(&server.parent_span_id), PARENT);
    assert_eq!((&client.trace_id, &client.parent_span_id), (&server.trace_id, &server.span_id));
    let told = origin.request(1);
    assert_eq!(told.header("traceparent").unwrap(), format!("00-{}-{}-01", &PARENT[..32], hex(&client.span_id)));
    assert_eq!(told.headers("tracestate"), ["a=1", "b=2"]);
    assert_eq!(attribute(server, "url.query"), Some(json!("token=*&page=*")));
    assert_eq!(attribute(client, "tidegate.endpoint"), Some(json!(origin.address.to_string())));
    assert!(server.start_time_unix_nano <= client.start_time_unix_nano);
    assert!(client.end_time_unix_nano <= server.end_time_unix_nano);
    let requests = collector.requests.lock().unwrap();
    let (head, request) = &requests[0];
    assert!(head.starts_with("post /v1/traces http/1.1\r\n"), "{head}");
    assert!(
        head.contains("\r\nx-api-key: k\r\n") && head.contains("content-type: application/x-protobuf\r\n"),
        "{head}"
    );
    let resource = request.resource_spans[0].resource.as_ref().unwrap();
    let service = resource.attributes.iter().find(|pair| pair.key == "service.name").unwrap();
    assert_eq!(service.value.as_ref().unwrap().value, Some(Any::StringValue("edge".to_owned())));
}

#[test]
fn what_is_not_sampled_is_told_upstream_and_not_to_the_collector() {
    let (collector, origin) = (Collector::start(&[]), Origin::answering(ok("hello")));
    let proxy = traced(Edge::to(origin.address), &collector, "sample = \"0%\"");
    assert_eq!(ask(&proxy, "/", &format!("traceparent: 00-{PARENT}-00\r\n")), 200);
    assert_eq!(ask(&proxy, "/", "traceparent: 00-nonsense\r\ntracestate: a=1\r\n"), 200);
    assert_eq!(ask(&proxy, "/", &format!("traceparent: 00-{PARENT}-01\r\n")), 200);
    assert_eq!(collector.wait(2).len(), 2, "of the last one alone");
    let parent = |number| origin.request(number).header("traceparent").unwrap().to_owned();
    assert!(parent(1).starts_with(&format!("00-{}-", &PARENT[..32])) && parent(1).ends_with("-00"), "{}", parent(1));
    assert!(parent(2).ends_with("-00") && !parent(2).contains("nonsense"), "{}", parent(2));
    assert_eq!(origin.request(2).header("tracestate"), None, "it belonged to what could not be read");
    let line: Value = serde_json::from_str(&proxy.access_log(2)[1]).unwrap();
    assert_eq!(line["trace_id"].as_str().unwrap(), &parent(2)[3..35]);
}

#[test]
fn without_tracing_the_fields_pass_as_they_came() {
    let origin = Origin::answering(ok("hello"));
    let proxy = Edge::to(origin.address).start();
    assert_eq!(ask(&proxy, "/", "traceparent: 00-nonsense\r\ntracestate: a=1\r\n"), 200);
    let told = origin.request(1);
    assert_eq!((told.header("traceparent").unwrap(), told.header("tracestate").unwrap()), ("00-nonsense", "a=1"));
}

#[test]
fn a_collector_that_is_busy_is_asked_again_and_one_that_refuses_is_not() {
    let collector = Collector::start(&[503, 200, 400]);
    let proxy = traced(
        Edge::to("127.0.0.1:1").more("[[routes]]\nname = \"hello\"\npath = \"/hello\"\nrespond = { status = 200 }"),
        &collector,
        "sample = \"100%\"",
    );
    assert_eq!(ask(&proxy, "/hello", ""), 200);
    assert_eq!(collector.wait(1).len(), 1);
    eventually("it is counted", || proxy.metric("tidegate_spans_total{result=\"exported\"}") == 1.0);
    assert_eq!(ask(&proxy, "/hello", ""), 200);
    eventually("it is counted", || proxy.metric("tidegate_spans_total{result=\"failed\"}") == 1.0);
    proxy.wait_for_log(0, "the collector does not take spans");
    assert_eq!(ask(&proxy, "/hello", ""), 200);
    proxy.wait_for_log(0, "the collector takes spans again");
}

#[test]
fn a_collector_of_grpc_is_called_and_asked_again_where_that_may_help() {
    let collector = GrpcCollector::start(None, &["14", "0", "3"]);
    let proxy = Edge::to("127.0.0.1:1")
        .more("[[routes]]\nname = \"hello\"\npath = \"/hello\"\nrespond = { status = 200 }")
        .more(&format!(
            "[tracing]\nprotocol = \"grpc\"\nendpoint = \"http://{}\"\nsample = \"100%\"\nheaders = {{ \"x-api-key\" = \"k\" }}",
            collector.address()
        ))
        .start();
    let result = |result: &str| proxy.metric(&format!("tidegate_spans_total{{result=\"{result}\"}}"));
    assert_eq!(ask(&proxy, "/hello", ""), 200);
    eventually("it is unavailable, and has them the second time", || result("exported") == 1.0);
    {
        let calls = collector.calls.lock().unwrap();
        let field = |name: &str| calls[0].0.get(name).and_then(|value| value.to_str().ok());
        assert_eq!((field("te"), field("content-type")), (Some("trailers"), Some("application/grpc")));
        assert_eq!(field("x-api-key"), Some("k"));
    }
    assert_eq!(ask(&proxy, "/hello", ""), 200);
    eventually("an argument that it does not like is not sent again", || result("failed") == 1.0);
    proxy.wait_for_log(0, "the collector does not take spans");
    // More than a stream may hold before the collector has read it.
    let mut client = proxy.connect("web");
    let request = format!("GET /hello?{} HTTP/1.1\r\nHost: a\r\n\r\n", "x&".repeat(2000));
    for _ in 0..100 {
        assert_eq!(client.ask(&request).status(), 200);
    }
    eventually("all of them are told", || result("exported") == 101.0);
    assert_eq!((collector.spans().len(), collector.connections()), (101, 1));
}

const HELLO: &str = "[[routes]]\nname = \"hello\"\npath = \"/hello\"\nrespond = { status = 200 }";

/// What became of spans, as the metrics say.
fn result(proxy: &Proxy, result: &str) -> f64 {
    proxy.metric(&format!("tidegate_spans_total{{result=\"{result}\"}}"))
}

/// A program that trusts an authority of its own, and shows a certificate, to a collector under TLS.
fn secured(protocol: &str, address: SocketAddr, trusted: &Authority, own: &Authority) -> Proxy {
    let folder = Folder::new();
    folder.write("ca.pem", trusted.pem());
    own.issue_client("gateway").write(&folder, "gateway");
    let edge = Edge::to("127.0.0.1:1").more(HELLO).more(&format!(
        "[tracing]\nprotocol = \"{protocol}\"\nendpoint = \"https://{address}\"\nsample = \"100%\"\n\
         [tracing.tls]\nca = \"ca.pem\"\ncert = \"gateway.pem\"\nkey = \"gateway.key\""
    ));
    edge.start_in(folder)
}

#[test]
fn a_collector_under_tls_is_verified_and_told_who_we_are() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let settings = |protocol: &str| tls_server_config(&authority.issue(&["127.0.0.1"]), &[protocol], Some(&authority));
    let http = Collector::answering(Some(settings("http/1.1")), Vec::new());
    let grpc = GrpcCollector::start(Some(settings("h2")), &[]);
    for (protocol, address) in [("http", http.address), ("grpc", grpc.address())] {
        let proxy = secured(protocol, address, &authority, &authority);
        assert_eq!(ask(&proxy, "/hello", ""), 200);
        eventually("it has the span", || result(&proxy, "exported") == 1.0);
        // It is not whom the config trusts, or does not trust us.
        for (trusted, own) in [(&stranger, &authority), (&authority, &stranger)] {
            let proxy = secured(protocol, address, trusted, own);
            assert_eq!(ask(&proxy, "/hello", ""), 200);
            proxy.wait_for_log(0, "the collector does not take spans");
            assert_eq!((result(&proxy, "exported"), result(&proxy, "failed")), (0.0, 1.0), "{protocol}");
        }
    }
    assert_eq!((http.spans().len(), grpc.spans().len()), (1, 1));
}

#[test]
fn files_of_tls_to_a_collector_are_looked_at_before_a_config_is_in_force() {
    let toml = |tls: &str| {
        let tracing = format!("[tracing]\nendpoint = \"https://127.0.0.1:1\"\n[tracing.tls]\n{tls}");
        Edge::to("127.0.0.1:1").more(&tracing).toml()
    };
    let (code, said) = try_start(Folder::new(), &toml("ca = \"gone.pem\""));
    assert!(code == 1 && said.contains("tracing.tls.ca") && said.contains("gone.pem"), "{code} {said}");
    let proxy = Proxy::start(&toml("verify = false"));
    let refused = proxy.reload(&toml("ca = \"gone.pem\"")).unwrap_err();
    assert!(refused.to_string().contains("tracing.tls.ca"), "{refused}");
}

#[test]
fn spans_that_a_collector_does_not_want_are_counted_though_it_took_the_others() {
    let partial = |rejected| Answered::partly(rejected, "too old");
    let http = Collector::answering(None, vec![partial(1), partial(0), partial(7)]);
    let proxy = traced(Edge::to("127.0.0.1:1").more(HELLO), &http, "sample = \"100%\"");
    for (exported, failed) in [(0.0, 1.0), (1.0, 1.0), (1.0, 2.0)] {
        assert_eq!(ask(&proxy, "/hello", ""), 200);
        eventually("it is counted", || (result(&proxy, "exported"), result(&proxy, "failed")) == (exported, failed));
    }
    let line = proxy.wait_for_log(0, "the collector takes a part of the spans");
    assert_eq!((&line["rejected"], &line["error"]), (&json!(1), &json!("too old")));
}

#[test]
fn a_collector_is_left_alone_for_as_long_as_it_asks() {
    let busy = Answered { status: 503, head: "Retry-After: 2\r\n", ..Answered::default() };
    let http = Collector::answering(None, vec![busy]);
    let proxy = traced(Edge::to("127.0.0.1:1").more(HELLO), &http, "sample = \"100%\"");
    assert_eq!(ask(&proxy, "/hello", ""), 200);
    eventually("it has the span", || result(&proxy, "exported") == 1.0);
    let times = http.times.lock().unwrap();
    assert!(times.len() == 2 && (times[1] - times[0]).as_millis() >= 1990, "{times:?}");
}

#[test]
fn the_last_spans_are_told_before_the_end() {
    let collector = Collector::start(&[]);
    let mut proxy = traced(
        Edge::to("127.0.0.1:1").more("[[routes]]\nname = \"hello\"\npath = \"/hello\"\nrespond = { status = 200 }"),
        &collector,
        "sample = \"100%\"",
    );
    assert_eq!(ask(&proxy, "/hello", ""), 200);
    proxy.term();
    assert!(proxy.wait().success());
    assert_eq!(collector.spans().len(), 1);
}

fn faults(proxy: &Proxy) -> Value {
    serde_json::from_str(&proxy.ask_admin("GET", "/api/faults").text()).unwrap()
}

#[test]
fn log_metrics_and_trace_of_a_request_that_failed_agree() {
    let collector = Collector::start(&[]);
    let bad = Origin::answering("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
    let other = Origin::scripted(|visit| visit.close());
    let proxy = traced(
        Edge::to_first_of(&[bad.address, other.address])
            .upstream("retry = { on = [\"connect\", \"reset\", \"503\"], max_attempts = 2 }"),
        &collector,
        "sample = \"100%\"",
    );
    let status = ask(&proxy, "/x", "");
    let line: Value = serde_json::from_str(&proxy.access_log(1)[0]).unwrap();
    let spans = collector.wait(3);
    let [server, first, second] = &spans[..] else { panic!("{spans:#?}") };

    // The answer, the log and the span of the request.
    assert_eq!(
        (status, &line["status"], attribute(server, "http.response.status_code")),
        (502, &json!(502), Some(json!(502)))
    );
    let fault = line["fault"].as_str().unwrap();
    assert_eq!(attribute(server, "error.type"), Some(json!(fault)));
    assert_eq!(server.status.as_ref().unwrap().message, fault);
    assert_eq!((&line["side"], attribute(server, "tidegate.side")), (&json!("upstream"), Some(json!("upstream"))));
    assert_eq!(line["trace_id"].as_str().unwrap(), hex(&server.trace_id));
    assert_eq!(attribute(server, "tidegate.request_id"), Some(line["request_id"].clone()));
    assert_eq!((&line["route"], &line["upstream"]), (&json!("all"), &json!("app")));
    assert_eq!(
        (attribute(server, "tidegate.route"), attribute(server, "tidegate.upstream")),
        (Some(json!("all")), Some(json!("app")))
    );
    let millis = line["duration_ms"].as_f64().unwrap();
    let span = (server.end_time_unix_nano - server.start_time_unix_nano) as f64 / 1e6;
    assert!((millis - span).abs() < 0.002, "{millis} and {span}");

    // Its attempts.
    let tries = line["tries"].as_array().unwrap();
    assert_eq!((line["attempts"].as_u64(), tries.len(), &line["retries"]), (Some(2), 2, &json!("503")));
    for (told, span) in tries.iter().zip([first, second]) {
        assert_eq!(attribute(span, "tidegate.endpoint"), Some(told["endpoint"].clone()));
        let outcome = told["outcome"].as_str().unwrap();
        let status = attribute(span, "http.response.status_code").map(|status| status.to_string());
        let error = attribute(span, "error.type").map(|error| error.as_str().unwrap().to_owned());
        assert_eq!(status.or(error).as_deref(), Some(outcome));
    }
    assert_eq!(tries[1]["outcome"].as_str(), Some(fault));
    assert_eq!(attribute(second, "http.request.resend_count"), Some(json!(1)));

    // The metrics.
    let count = |name: &str| proxy.metric(name);
    assert_eq!(
        count("tidegate_requests_total{listener=\"web\",route=\"all\",status=\"5xx\",protocol=\"http/1.1\"}"),
        1.0
    );
    assert_eq!(count(&format!("tidegate_faults_total{{side=\"upstream\",fault=\"{fault}\"}}")), 1.0);
    assert_eq!(count("tidegate_upstream_attempts_total{upstream=\"app\"}"), 2.0);
    assert_eq!(count("tidegate_upstream_retries_total{upstream=\"app\",cause=\"503\"}"), 1.0);
    assert_eq!(count("tidegate_upstream_responses_total{upstream=\"app\",status=\"5xx\"}"), 1.0);
    let sum = count("tidegate_request_duration_seconds_sum{listener=\"web\",route=\"all\"}");
    assert!((sum * 1000.0 - millis).abs() < 0.002, "{sum} and {millis}");
    let endpoint = |address: SocketAddr, result: &str| {
        count(&format!(
            "tidegate_endpoint_attempts_total{{upstream=\"app\",endpoint=\"{address}\",result=\"{result}\"}}"
        ))
    };
    assert_eq!((endpoint(bad.address, "5xx"), endpoint(other.address, "failed")), (1.0, 1.0));

    // And what the admin address remembers.
    eventually("it is remembered", || faults(&proxy)[0] == line);
}
