//! Collectors of OTLP, over HTTP and over gRPC.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::{H2Origin, PATIENCE, eventually, h2_body};

/// A collector over HTTP.
pub struct Collector {
    /// Where it listens.
    pub address: SocketAddr,
    /// What it took: heads in lower case, and messages.
    pub requests: Arc<Mutex<Vec<(String, ExportTraceServiceRequest)>>>,
    /// When it was asked.
    pub times: Arc<Mutex<Vec<Instant>>>,
}

/// What a collector answers.
#[derive(Clone)]
pub struct Answered {
    /// With 200 it takes the spans.
    pub status: u16,
    /// Fields.
    pub head: &'static str,
    /// Body.
    pub body: Vec<u8>,
}

impl Default for Answered {
    fn default() -> Self {
        Self { status: 200, head: "", body: Vec::new() }
    }
}

impl Answered {
    /// It takes the spans but for some.
    pub fn partly(rejected_spans: i64, message: &str) -> Self {
        let partial = ExportTracePartialSuccess { rejected_spans, error_message: message.to_owned() };
        let body = ExportTraceServiceResponse { partial_success: Some(partial) }.encode_to_vec();
        Self { body, ..Self::default() }
    }
}

trait Stream: Read + Write + Send {}
impl<S: Read + Write + Send> Stream for S {}

impl Collector {
    /// One that answers its first requests with these statuses.
    pub fn start(refusals: &[u16]) -> Self {
        let answer = |status: &u16| Answered { status: *status, ..Answered::default() };
        Self::answering(None, refusals.iter().map(answer).collect())
    }

    /// One that answers its first requests so, under TLS where it has settings for it.
    pub fn answering(tls: Option<Arc<ServerConfig>>, answers: Vec<Answered>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let collector = Self { address, requests: Arc::default(), times: Arc::default() };
        let (seen, times) = (collector.requests.clone(), collector.times.clone());
        let answers = Arc::new(Mutex::new(VecDeque::from(answers)));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                let stream: Box<dyn Stream> = match &tls {
                    None => Box::new(stream),
                    Some(tls) => Box::new(StreamOwned::new(ServerConnection::new(Arc::clone(tls)).unwrap(), stream)),
                };
                let (mut stream, seen) = (BufReader::new(stream), seen.clone());
                let (times, answers) = (times.clone(), answers.clone());
                thread::spawn(move || {
                    // The connection is used again, or not.
                    while let Some((head, body)) = read(&mut stream) {
                        times.lock().unwrap().push(Instant::now());
                        let Answered { status, head: fields, body: answer } =
                            answers.lock().unwrap().pop_front().unwrap_or_default();
                        if status == 200 {
                            seen.lock().unwrap().push((head, ExportTraceServiceRequest::decode(&*body).unwrap()));
                        }
                        let head = format!("HTTP/1.1 {status} X\r\n{fields}Content-Length: {}\r\n\r\n", answer.len());
                        stream.get_mut().write_all(&[head.as_bytes(), &answer].concat()).unwrap();
                    }
                });
            }
        });
        collector
    }

    /// The spans that it took.
    pub fn spans(&self) -> Vec<Span> {
        spans(self.requests.lock().unwrap().iter().map(|(_, request)| request))
    }

    /// The spans, once there are so many.
    pub fn wait(&self, count: usize) -> Vec<Span> {
        eventually("the collector has the spans", || self.spans().len() >= count);
        self.spans()
    }
}

fn spans<'a>(requests: impl Iterator<Item = &'a ExportTraceServiceRequest>) -> Vec<Span> {
    let resources = requests.flat_map(|request| request.resource_spans.clone());
    resources.flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans).collect()
}

fn read(stream: &mut BufReader<Box<dyn Stream>>) -> Option<(String, Vec<u8>)> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let lower = head.to_ascii_lowercase();
    let length = lower.split("content-length: ").nth(1)?.split("\r\n").next()?.parse().ok()?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some((lower, body))
}

/// A collector that speaks gRPC.
pub struct GrpcCollector {
    origin: H2Origin,
    /// What it took: fields and messages.
    pub calls: Arc<Mutex<Vec<(HeaderMap, ExportTraceServiceRequest)>>>,
}

impl GrpcCollector {
    /// One that answers its first calls with these codes, where some are given, under TLS where it has settings for it.
    pub fn start(tls: Option<Arc<ServerConfig>>, codes: &[&'static str]) -> Self {
        let calls = Arc::<Mutex<Vec<_>>>::default();
        let (seen, codes) = (calls.clone(), Arc::new(Mutex::new(VecDeque::from(codes.to_vec()))));
        let script = move |request: http::Request<h2::RecvStream>, mut respond: h2::server::SendResponse<Bytes>| {
            let (seen, codes) = (seen.clone(), codes.clone());
            async move {
                assert_eq!(request.uri().path(), "/opentelemetry.proto.collector.trace.v1.TraceService/Export");
                let (head, body) = request.into_parts();
                let (body, _) = h2_body(body).await.unwrap();
                let code = codes.lock().unwrap().pop_front().unwrap_or("0");
                let reply = Response::builder().header("content-type", "application/grpc");
                if code != "0" {
                    // Without a message the status stands in the head.
                    respond.send_response(reply.header("grpc-status", code).body(()).unwrap(), true).unwrap();
                    return;
                }
                assert_eq!((body[0], u32::from_be_bytes(body[1..5].try_into().unwrap())), (0, body.len() as u32 - 5));
                seen.lock().unwrap().push((head.headers, ExportTraceServiceRequest::decode(&body[5..]).unwrap()));
                let mut stream = respond.send_response(reply.body(()).unwrap(), false).unwrap();
                stream.send_data(Bytes::from_static(&[0; 5]), false).unwrap();
                let done = [("grpc-status".parse().unwrap(), HeaderValue::from_static("0"))];
                stream.send_trailers(HeaderMap::from_iter(done)).unwrap();
            }
        };
        let origin = match tls {
            None => H2Origin::scripted(script),
            Some(tls) => H2Origin::under_tls(tls, script),
        };
        Self { origin, calls }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.origin.address
    }

    /// How many connections have come.
    pub fn connections(&self) -> usize {
        self.origin.connections()
    }

    /// The spans that it took.
    pub fn spans(&self) -> Vec<Span> {
        spans(self.calls.lock().unwrap().iter().map(|(_, request)| request))
    }
}
