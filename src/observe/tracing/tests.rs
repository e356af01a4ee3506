use std::rc::Rc;
use std::time::{Duration, Instant};

use http::StatusCode;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

use super::*;
use crate::http::Text;
use crate::observe::metrics::Metrics;
use crate::observe::redact::Redaction;
use crate::observe::{Exchange, Side, Try};

#[test]
fn parents_and_what_is_none() {
    let id = "4bf92f3577b34da6a3ce929d0e0e4736";
    let parsed = |text: &str| Trace::parse(text.as_bytes());
    let expected = (TraceId(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736), SpanId(0x00f0_67aa_0ba9_02b7), true);
    assert_eq!(parsed(&format!("00-{id}-00f067aa0ba902b7-01")), Some(expected));
    assert_eq!(parsed(&format!("00-{id}-00f067aa0ba902b7-02")), Some((expected.0, expected.1, false)));
    assert_eq!(parsed(&format!("cc-{id}-00f067aa0ba902b7-01-what-comes")), Some(expected), "a later version");
    let none = [
        String::new(),
        format!("00-{id}-00f067aa0ba902b7"),
        format!("00-{id}-00f067aa0ba902b7-01-more"),
        format!("00-{id}-00f067aa0ba902b7-01."),
        format!("cc-{id}-00f067aa0ba902b7-01."),
        format!("ff-{id}-00f067aa0ba902b7-01"),
        format!("00-{}-00f067aa0ba902b7-01", id.to_uppercase()),
        format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
        format!("00-{id}-0000000000000000-01"),
        format!("00_{id}-00f067aa0ba902b7-01"),
    ];
    for text in none {
        assert_eq!(parsed(&text), None, "{text}");
    }
}

#[test]
fn what_an_upstream_is_told_can_be_read_again() {
    let trace = Trace { id: TraceId(7), span: SpanId(8), parent: None, sampled: true, state: None };
    let told = trace.traceparent(SpanId(9));
    assert_eq!(told, "00-00000000000000000000000000000007-0000000000000009-01");
    assert_eq!(Trace::parse(told.as_bytes()), Some((TraceId(7), SpanId(9), true)));
}

fn attribute<'a>(span: &'a Span, key: &str) -> Option<&'a Value> {
    span.attributes.iter().find(|pair| pair.key == key)?.value.as_ref()?.value.as_ref()
}

fn text(text: &str) -> Value {
    Value::StringValue(text.to_owned())
}

#[test]
fn the_published_types_read_what_is_written() {
    let metrics = Metrics::new();
    let ids = metrics.assign(&["web".into()], &["api".into()], &["up".into()]);
    let start = Instant::now();
    let mut exchange = Exchange::begin(ids.listeners[0], start);
    exchange.route = Some(ids.routes[0]);
    exchange.upstream = Some(ids.upstreams[0]);
    exchange.target = Text::visible("/a?token=s3cret".into()).expect("a target");
    exchange.authority = Text::visible("example.com:8443".into()).expect("an authority");
    exchange.status = Some(StatusCode::BAD_GATEWAY);
    exchange.fail(Side::Upstream, "connect_refused");
    let parent = Some(SpanId(5));
    exchange.trace = Some(Rc::new(Trace { id: TraceId(7), span: SpanId(8), parent, sampled: true, state: None }));
    exchange.tries.push(Try {
        endpoint: Rc::from("10.0.0.1:9000"),
        begun: start,
        took: Duration::from_millis(3),
        status: None,
        failure: Some("connect_refused"),
        reused: false,
        span: 9,
    });
    let (spans, coming) = Spans::new();
    spans.ended(&exchange, start + Duration::from_millis(5));
    let finished: Vec<_> = coming.try_iter().collect();
    let bytes = Encoder::new("edge", Redaction::default()).encode(&finished, &metrics.names().load());
    let read = ExportTraceServiceRequest::decode(&*bytes).expect("a request");
    let resource = read.resource_spans[0].resource.as_ref().expect("a resource");
    assert!(resource.attributes.iter().any(|pair| pair.key == "service.name"));
    let [server, client] = &read.resource_spans[0].scope_spans[0].spans[..] else { panic!("two spans: {read:#?}") };
    assert_eq!((server.name.as_str(), server.kind, client.kind), ("GET api", 2, 3));
    assert_eq!(server.trace_id, 7_u128.to_be_bytes());
    assert_eq!((&*server.parent_span_id, &*server.span_id), (&5_u64.to_be_bytes()[..], &8_u64.to_be_bytes()[..]));
    assert_eq!((&*client.parent_span_id, &*client.span_id), (&8_u64.to_be_bytes()[..], &9_u64.to_be_bytes()[..]));
    assert_eq!(server.end_time_unix_nano - server.start_time_unix_nano, 5_000_000);
    assert_eq!(client.end_time_unix_nano - client.start_time_unix_nano, 3_000_000);
    assert_eq!(attribute(server, "url.query"), Some(&text("token=*")));
    assert_eq!(attribute(server, "server.port"), Some(&Value::IntValue(8443)));
    assert_eq!(attribute(server, "http.response.status_code"), Some(&Value::IntValue(502)));
    assert_eq!(attribute(server, "error.type"), Some(&text("connect_refused")));
    assert_eq!(attribute(client, "server.address"), Some(&text("10.0.0.1")));
    assert_eq!(attribute(client, "tidegate.reused"), Some(&Value::BoolValue(false)));
    assert_eq!(server.status.as_ref().map(|status| status.code), Some(2));
}

#[test]
fn what_is_not_sampled_is_not_told_and_a_full_queue_is_counted() {
    let exchange = |sampled| {
        let mut exchange = Exchange::begin(crate::observe::ListenerId(0), Instant::now());
        exchange.trace = Some(Rc::new(Trace { id: TraceId(7), span: SpanId(8), parent: None, sampled, state: None }));
        exchange
    };
    let (spans, coming) = Spans::new();
    spans.ended(&exchange(false), Instant::now());
    assert!(coming.try_recv().is_err());
    (0..3000).for_each(|_| spans.ended(&exchange(true), Instant::now()));
    let taken = coming.try_iter().count() as u64;
    assert_eq!(taken + spans.counts().dropped.load(std::sync::atomic::Ordering::Relaxed), 3000);
    assert!(taken >= 1000);
}
