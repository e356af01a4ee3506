//! Spans as OpenTelemetry has them: an exchange becomes spans of its SDK, and these the messages of OTLP.
//!
//! Names of attributes are those of the semantic conventions for HTTP; what is of this program alone begins with `tidegate.`.

use std::borrow::Cow;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http::Version;
use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue, Value};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanData;
use prost::Message;

use super::Trace;
use super::spans::{Finished, FinishedTry};
use crate::observe::redact::Redaction;
use crate::observe::{Names, Side};

/// A list of attributes in the making.
#[derive(Default)]
struct Attributes(Vec<KeyValue>);

impl Attributes {
    fn add(&mut self, key: &'static str, value: impl Into<Value>) {
        self.0.push(KeyValue::new(key, value));
    }

    fn some(&mut self, key: &'static str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.add(key, value);
        }
    }
}

/// Makes requests for a collector.
pub struct Encoder {
    resource: ResourceAttributesWithSchema,
    scope: InstrumentationScope,
    redaction: Redaction,
    /// The same moment on both clocks.
    base: (Instant, Duration),
}

impl Encoder {
    /// For a service of that name.
    pub fn new(service: &str, redaction: Redaction) -> Self {
        let attributes = [
            KeyValue::new("service.name", service.to_owned()),
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("process.pid", i64::from(std::process::id())),
        ];
        let resource = (&Resource::builder_empty().with_attributes(attributes).build()).into();
        let scope = InstrumentationScope::builder("tidegate").with_version(env!("CARGO_PKG_VERSION")).build();
        Self { resource, scope, redaction, base: (Instant::now(), Duration::ZERO) }
    }

    /// An `ExportTraceServiceRequest` with the spans of these exchanges.
    pub fn encode(&mut self, finished: &[Box<Finished>], names: &Names) -> Vec<u8> {
        self.base = (Instant::now(), SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default());
        let mut spans = Vec::with_capacity(finished.iter().map(|one| one.spans()).sum());
        for one in finished {
            spans.push(self.server_span(one, names));
            spans.extend(one.attempts.iter().enumerate().map(|(place, attempt)| self.client_span(one, place, attempt)));
        }
        let resource_spans = group_spans_by_resource_and_scope(spans, &self.resource);
        ExportTraceServiceRequest { resource_spans }.encode_to_vec()
    }

    fn time(&self, at: Instant) -> SystemTime {
        let (base, wall) = self.base;
        let since_epoch = wall + at.saturating_duration_since(base);
        UNIX_EPOCH + since_epoch.saturating_sub(base.saturating_duration_since(at))
    }

    fn server_span(&self, one: &Finished, names: &Names) -> SpanData {
        let mut all = Attributes::default();
        let route = one.route.map(|route| names.route(route)).filter(|name| !name.is_empty());
        all.add("http.request.method", one.method.to_string());
        all.add("url.scheme", one.scheme.as_str());
        let (path, query) = self.target(one.target.as_str());
        all.add("url.path", path);
        all.some("url.query", query);
        let (host, port) = host_and_port(one.authority.as_str());
        all.some("server.address", Some(host).filter(|host| !host.is_empty()).map(str::to_owned));
        all.some("server.port", port);
        all.add("network.protocol.version", version(one.version));
        let client = one.client.and_then(|client| self.redaction.client(client));
        all.some("client.address", client.map(|client| client.to_string()));
        let peer = one.peer.and_then(|peer| self.redaction.peer(peer));
        all.some("network.peer.address", peer.map(|peer| peer.ip().to_string()));
        let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        all.some("user_agent.original", one.user_agent.as_ref().map(text));
        all.some("http.response.status_code", one.status.map(|status| i64::from(status.as_u16())));
        all.add("http.request.body.size", whole(one.request_bytes));
        all.add("http.response.body.size", whole(one.response_bytes));
        all.some("error.type", one.fault.map(|fault| fault.label));
        all.some("tidegate.request_id", one.request_id.as_ref().map(text));
        all.add("tidegate.listener", names.listener(one.listener).to_owned());
        all.some("tidegate.route", route.map(str::to_owned));
        all.some("tidegate.upstream", one.upstream.map(|upstream| names.upstream(upstream).to_owned()));
        all.some("tidegate.side", one.fault.map(|fault| fault.side.as_str()));
        all.some("tidegate.cache", one.cache.map(|cache| cache.verdict.label()));
        all.some("tidegate.cache_reason", one.cache.and_then(|cache| cache.reason));
        let server_error = one.status.is_some_and(|status| status.is_server_error());
        let failed = server_error || one.fault.is_some_and(|fault| fault.side != Side::Client);
        SpanData {
            parent_span_id: one.trace.parent.map_or(SpanId::INVALID, |parent| SpanId::from(parent.0)),
            parent_span_is_remote: one.trace.parent.is_some(),
            name: route.map_or_else(|| one.method.to_string(), |route| format!("{} {route}", one.method)).into(),
            attributes: all.0,
            status: status(failed, one.fault.map(|fault| fault.label)),
            ..self.span(&one.trace, one.trace.span.0, SpanKind::Server, (one.begun, one.ended))
        }
    }

    fn client_span(&self, one: &Finished, place: usize, attempt: &FinishedTry) -> SpanData {
        let mut all = Attributes::default();
        all.add("http.request.method", one.method.to_string());
        let (host, port) = host_and_port(&attempt.endpoint);
        all.add("server.address", host.to_owned());
        all.some("server.port", port);
        all.some("http.response.status_code", attempt.status.map(|status| i64::from(status.as_u16())));
        all.some("http.request.resend_count", Some(place as i64).filter(|count| *count > 0));
        all.some("error.type", attempt.failure);
        all.add("tidegate.endpoint", attempt.endpoint.clone());
        all.add("tidegate.reused", attempt.reused);
        let refused = attempt.status.is_some_and(|status| status.is_client_error() || status.is_server_error());
        let failed = refused || attempt.failure.is_some();
        SpanData {
            parent_span_id: SpanId::from(one.trace.span.0),
            name: one.method.to_string().into(),
            attributes: all.0,
            status: status(failed, attempt.failure),
            ..self.span(&one.trace, attempt.span, SpanKind::Client, (attempt.begun, attempt.begun + attempt.took))
        }
    }

    /// A span about which nothing is said yet.
    fn span(&self, trace: &Trace, id: u64, kind: SpanKind, (begun, ended): (Instant, Instant)) -> SpanData {
        // One that cannot be read is told upstream, and not here.
        let state =
            trace.state.as_ref().and_then(|state| state.to_str().ok()?.parse().ok()).unwrap_or(TraceState::NONE);
        SpanData {
            span_context: SpanContext::new(trace.id.0.into(), id.into(), TraceFlags::SAMPLED, false, state),
            parent_span_id: SpanId::INVALID,
            parent_span_is_remote: false,
            span_kind: kind,
            name: Cow::Borrowed(""),
            start_time: self.time(begun),
            end_time: self.time(ended),
            attributes: Vec::new(),
            dropped_attributes_count: 0,
            events: Default::default(),
            links: Default::default(),
            status: Status::Unset,
            instrumentation_scope: self.scope.clone(),
        }
    }

    /// Path and query as they may be seen.
    fn target(&self, target: &str) -> (String, Option<String>) {
        let mut shown = Vec::with_capacity(target.len());
        self.redaction.pieces(target.as_bytes(), |piece| shown.extend_from_slice(piece));
        let shown = String::from_utf8_lossy(&shown);
        match shown.split_once('?') {
            Some((path, query)) => (path.to_owned(), Some(query.to_owned())),
            None => (shown.into_owned(), None),
        }
    }
}

fn status(failed: bool, why: Option<&'static str>) -> Status {
    if failed { Status::error(why.unwrap_or_default()) } else { Status::Unset }
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn host_and_port(authority: &str) -> (&str, Option<i64>) {
    match authority.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?))) {
        Some((host, port)) => (host.trim_matches(['[', ']']), Some(port)),
        None => (authority.trim_matches(['[', ']']), None),
    }
}

fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_2 => "2",
        Version::HTTP_10 => "1.0",
        _ => "1.1",
    }
}
