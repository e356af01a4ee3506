use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, Version};
use proptest::prelude::*;

use super::control::OCTETS;
use super::*;
use crate::config::model::{AccessFormat, AccessSink, Log, LogClient, LogQuery, LogRedaction};
use crate::http::negotiate::Coding;
use crate::http::{Scheme, Text};
use crate::observe::clock::Clock;
use crate::observe::metrics::{Compressed, Metrics};
use crate::observe::redact::Redaction;
use crate::observe::tracing::{SpanId, Trace, TraceId};
use crate::observe::{
    CacheFacts, CacheVerdict, Cause, EdgeFacts, Exchange, Injected, ListenerId, NotRetried, Side, TlsFacts, Try,
};

const WAIT: Duration = Duration::from_secs(20);

fn config(access: AccessSink, access_format: AccessFormat) -> Log {
    Log { access, access_format, ..Log::default() }
}

fn to_file(path: &Path, template: &str) -> Log {
    config(AccessSink::File(path.to_owned()), AccessFormat::Template(template.to_owned()))
}

fn visible(text: &str) -> Text {
    Text::visible(Bytes::copy_from_slice(text.as_bytes())).expect("visible")
}

fn exchange(target: &str) -> Exchange {
    let mut exchange = Exchange::begin(ListenerId(0), Instant::now());
    exchange.target = visible(target);
    exchange.status = StatusCode::from_u16(200).ok();
    exchange
}

/// Every fact is there.
fn full(metrics: &Metrics) -> (Exchange, Instant) {
    let ids = metrics.assign(&["web".into()], &["a\"pi".into()], &["up".into()]);
    let start = Instant::now();
    let mut exchange = Exchange::begin(ids.listeners[0], start);
    exchange.connected = Some(start + Duration::from_micros(1_002));
    exchange.first_byte = Some(start + Duration::from_micros(20_500));
    exchange.request_id = Some(HeaderValue::from_static("0191-abc"));
    exchange.client = Some("203.0.113.9".parse().expect("address"));
    exchange.peer = Some("[2001:db8::1]:4711".parse().expect("address"));
    exchange.route = Some(ids.routes[0]);
    exchange.upstream = Some(ids.upstreams[0]);
    exchange.endpoint = Some(Rc::from("10.0.0.1:80"));
    exchange.method = Method::POST;
    exchange.scheme = Scheme::Https;
    exchange.authority = visible("example.com");
    exchange.target = visible("/a?b=\"c\"");
    exchange.version = Version::HTTP_2;
    exchange.referer = Some(HeaderValue::from_static("https://example.com/"));
    exchange.user_agent = Some(HeaderValue::from_bytes(b"curl \xff \"8\"").expect("a value"));
    exchange.tls = Some(TlsFacts { version: "TLSv1.3", cipher: "TLS13_AES_128_GCM_SHA256", resumed: true });
    exchange.status = Some(StatusCode::BAD_GATEWAY);
    exchange.request_bytes = 12;
    exchange.response_bytes = 3_456;
    exchange.attempts = 3;
    exchange.queued_micros = 2_500;
    exchange.retries.push(Cause::Connect);
    exchange.retries.push(Cause::Status503);
    exchange.not_retried = Some(NotRetried::Budget);
    exchange.hedge_won = true;
    exchange.cache =
        Some(CacheFacts { verdict: CacheVerdict::Miss, reason: Some("vary_miss"), age: Some(7), collapsed: true });
    let injected = Injected { delay: true, abort: true };
    *exchange.edge() = EdgeFacts {
        limit: Some("per_ip".into()),
        dry_run: true,
        user: Some("ann".into()),
        injected,
        ..EdgeFacts::default()
    };
    exchange.encoding = Some((Coding::Br, Compressed::Stored));
    exchange.plain_bytes = 7_000;
    exchange.reused = true;
    exchange.upgraded = true;
    exchange.complete = true;
    exchange.fail(Side::Upstream, "reset");
    exchange.tries.push(Try {
        endpoint: Rc::from("10.0.0.1:80"),
        begun: start,
        took: Duration::from_millis(2),
        status: None,
        failure: Some("reset"),
        reused: true,
        span: 0,
    });
    let (id, span) = (TraceId(0xabc), SpanId(1));
    exchange.trace = Some(Rc::new(Trace { id, span, parent: None, sampled: true, state: None }));
    (exchange, start + Duration::from_micros(1_234_567))
}

fn line(format: &AccessFormat, metrics: &Metrics, exchange: &Exchange, now: Instant) -> String {
    let all = LogRedaction { query: LogQuery::Keep, ..LogRedaction::default() };
    redacted(format, metrics, exchange, now, &all)
}

fn redacted(
    format: &AccessFormat,
    metrics: &Metrics,
    exchange: &Exchange,
    now: Instant,
    rules: &LogRedaction,
) -> String {
    let mut clock = Clock::new();
    clock.set(now);
    let mut out = Vec::new();
    let names = metrics.names().load_full();
    let redaction = &Redaction::compile(rules);
    let facts = fields::Facts { exchange, names: &names, clock: &clock, redaction, now };
    Format::compile(format).expect("a format").write(&facts, &mut out);
    String::from_utf8(out).expect("UTF-8")
}

#[test]
fn what_is_redacted_is_in_no_format() {
    let metrics = Metrics::new();
    let (mut exchange, now) = full(&metrics);
    exchange.target = visible("/reset?token=s3cret&page=2");
    exchange.referer = Some(HeaderValue::from_static("https://example.com/?session=s3cret"));
    let rules = LogRedaction {
        query_keep: vec!["page".to_owned()],
        client: LogClient::Mask,
        omit: vec!["user_agent".to_owned()],
        ..LogRedaction::default()
    };
    let template = AccessFormat::Template("{target} {referer} {client_ip} {peer} {user_agent}".to_owned());
    for format in [AccessFormat::Json, AccessFormat::Combined, template] {
        let line = redacted(&format, &metrics, &exchange, now, &rules);
        assert!(!line.contains("s3cret") && !line.contains("curl") && !line.contains("203.0.113.9"), "{line}");
        assert!(line.contains("/reset?token=*&page=2") && line.contains("https://example.com/?session=*"), "{line}");
        assert!(line.contains("203.0.113.0"), "{line}");
    }
}

#[test]
fn a_sample_has_its_share_and_everything_that_failed() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("log");
    let metrics = Metrics::new();
    let (mut exchange, now) = full(&metrics);
    let log = Log { sample: 0.1, ..to_file(&path, "{status}") };
    let log = AccessLog::start(&log, &metrics).expect("a file");
    let worker = log.worker();
    (0..10).for_each(|_| worker.write(&exchange, now));
    exchange.fault = None;
    exchange.status = Some(StatusCode::OK);
    (0..10_000).for_each(|_| worker.write(&exchange, now));
    worker.flush();
    log.settle();
    let text = fs::read_to_string(&path).expect("lines");
    assert_eq!(text.lines().filter(|line| *line == "502").count(), 10);
    let drawn = text.lines().filter(|line| *line == "200").count();
    assert!((950..=1050).contains(&drawn), "{drawn}");
}

fn json(metrics: &Metrics, exchange: &Exchange, now: Instant) -> serde_json::Map<String, serde_json::Value> {
    serde_json::from_str(&line(&AccessFormat::Json, metrics, exchange, now)).expect("JSON")
}

#[test]
fn a_json_line_has_every_fact() {
    let metrics = Metrics::new();
    let (exchange, now) = full(&metrics);
    let seen = json(&metrics, &exchange, now);
    let all: Vec<_> = Field::ALL[..Field::IN_JSON].iter().map(|field| field.name()).collect();
    for name in &all {
        assert!(seen.contains_key(*name), "{name}");
    }
    assert_eq!(seen.len(), all.len());
    let mut expected = serde_json::json!({
        "request_id": "0191-abc", "client_ip": "203.0.113.9", "peer": "[2001:db8::1]:4711", "listener": "web",
        "route": "a\"pi", "upstream": "up", "endpoint": "10.0.0.1:80", "method": "POST", "scheme": "https",
        "authority": "example.com", "target": "/a?b=\"c\"", "protocol": "h2", "status": 502, "request_bytes": 12,
        "response_bytes": 3456, "encoding": "br", "encoding_source": "stored", "plain_bytes": 7000, "duration_ms": 1234.567, "connect_ms": 1.002, "first_byte_ms": 20.5, "attempts": 3,
        "queued_ms": 2.5, "retries": "connect,503", "not_retried": "budget", "hedge": "won",
        "cache": "miss", "cache_reason": "vary_miss", "cache_age": 7, "cache_collapsed": true,
        "reused": true, "fault": "reset", "side": "upstream", "referer": "https://example.com/",
        "user_agent": "curl \u{ff} \"8\"", "tls_version": "TLSv1.3", "tls_cipher": "TLS13_AES_128_GCM_SHA256",
        "tls_resumed": true, "upgraded": true, "complete": true,
    });
    let edge = serde_json::json!({ "rate_limit": "per_ip", "rate_limit_dry_run": true, "user": "ann" });
    let traced = serde_json::json!({
        "trace_id": "00000000000000000000000000000abc",
        "tries": [{ "endpoint": "10.0.0.1:80", "outcome": "reset", "begun_ms": 0.0, "took_ms": 2.0, "reused": true }],
    });
    for more in [edge, traced] {
        expected.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    }
    for (name, value) in expected.as_object().expect("an object") {
        assert_eq!(&seen[name], value, "{name}");
    }
}

#[test]
fn what_does_not_apply_is_left_out() {
    let metrics = Metrics::new();
    let exchange = Exchange::begin(ListenerId(7), Instant::now());
    let seen = json(&metrics, &exchange, exchange.start);
    let expected = [
        "time",
        "method",
        "scheme",
        "protocol",
        "request_bytes",
        "response_bytes",
        "duration_ms",
        "attempts",
        "complete",
    ];
    let mut names: Vec<_> = seen.keys().map(String::as_str).collect();
    let mut expected = expected.to_vec();
    names.sort_unstable();
    expected.sort_unstable();
    assert_eq!(names, expected);
}

#[test]
fn the_combined_format_is_what_other_tools_read() {
    let metrics = Metrics::new();
    let (exchange, now) = full(&metrics);
    let line = line(&AccessFormat::Combined, &metrics, &exchange, now);
    let (before, rest) = line.split_once('[').expect("a time");
    let (time, after) = rest.split_once(']').expect("a time");
    assert_eq!(before, "203.0.113.9 - - ");
    assert_eq!((time.len(), &time[2..3], &time[20..]), (26, "/", " +0000"));
    let expected = " \"POST /a?b=\\x22c\\x22 HTTP/2.0\" 502 3456 \"https://example.com/\" \"curl \\xFF \\x228\\x22\"\n";
    assert_eq!(after, expected);
}

#[test]
fn a_template_holds_any_field() {
    let metrics = Metrics::new();
    let (exchange, now) = full(&metrics);
    let template = |text: &str| line(&AccessFormat::Template(text.to_owned()), &metrics, &exchange, now);
    assert_eq!(template("{{{path}}}\t{status}{duration_ms}"), "{/a}\t5021234.567\n");
    for field in Field::ALL {
        let line = template(&format!("{{{}}}", field.name()));
        assert!(line.len() > 1 && line != "-\n", "{field:?}");
    }
    let bare = Exchange::begin(ListenerId(7), now);
    let line = line(&AccessFormat::Template("{client_ip} {status} {listener}".to_owned()), &metrics, &bare, now);
    assert_eq!(line, "- - -\n");
}

#[test]
fn what_is_wrong_with_a_template_and_where() {
    let unknown = |offset, name: &str, nearest| TemplateError::Unknown { offset, name: name.to_owned(), nearest };
    let cases = [
        ("{statsu}", unknown(1, "statsu", Some(Field::Status))),
        ("x {User-Agent}", unknown(3, "User-Agent", Some(Field::UserAgent))),
        ("{banana}", unknown(1, "banana", None)),
        ("{}", unknown(1, "", None)),
        ("{status", TemplateError::Unclosed { offset: 0 }),
        ("{status}}", TemplateError::Unopened { offset: 8 }),
        ("{status}\n", TemplateError::Control { offset: 8, character: '\n' }),
        ("plain", TemplateError::NoField),
    ];
    for (text, error) in cases {
        assert_eq!(Template::parse(text), Err(error), "{text:?}");
    }
    let error = Template::parse("{statsu}").expect_err("unknown");
    assert_eq!(
        (error.to_string().as_str(), error.help().as_str()),
        ("unknown field {statsu}", "did you mean {status}?")
    );
}

#[test]
fn the_page_of_the_guide_lists_every_field() {
    let page = include_str!("../../../docs/access-log.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let listed: Vec<_> = rows.map(|(name, _)| name).collect();
    let fields: Vec<_> = Field::ALL.iter().map(|field| field.name()).collect();
    assert_eq!(listed, fields);
}

proptest! {
    #[test]
    fn hostile_values_make_one_line_of_json(
        agent in proptest::collection::vec(any::<u8>().prop_filter("a field value", |b| *b == 9 || (*b >= 32 && *b != 127)), 0..40),
        target in "/[!-~]{0,40}",
        name in "\\PC{0,12}|(?s).{0,8}",
    ) {
        let metrics = Metrics::new();
        let ids = metrics.assign(&[name.as_str().into()], &[], &[]);
        let mut exchange = exchange(&target);
        exchange.listener = ids.listeners[0];
        exchange.user_agent = HeaderValue::from_bytes(&agent).ok();
        let text = line(&AccessFormat::Json, &metrics, &exchange, exchange.start);
        prop_assert_eq!(text.find('\n'), Some(text.len() - 1));
        let seen: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        prop_assert_eq!(seen["target"].as_str(), Some(target.as_str()));
        if let Ok(agent) = String::from_utf8(agent) {
            prop_assert_eq!(seen["user_agent"].as_str(), Some(agent.as_str()));
        }
        let combined = line(&AccessFormat::Combined, &metrics, &exchange, exchange.start);
        prop_assert_eq!(combined.matches('"').count(), 6);
        prop_assert!(combined.trim_end_matches('\n').bytes().all(|byte| (32..127).contains(&byte)));
    }
}

fn started(log: &Log) -> (Arc<Metrics>, AccessLog) {
    let metrics = Metrics::new();
    let access = AccessLog::start(log, &metrics).expect("it starts");
    (metrics, access)
}

fn write(log: &WorkerAccessLog, target: &str) {
    log.write(&exchange(target), Instant::now());
}

#[test]
fn lines_of_many_workers_are_all_there_and_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("access.log");
    let (_metrics, log) = started(&to_file(&path, "{target}"));
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let log = log.clone();
            scope.spawn(move || {
                let own = log.worker();
                (0..20_000).for_each(|line| write(&own, &format!("/{worker}/{line}")));
            });
        }
    });
    assert!(log.shutdown(WAIT));
    let text = fs::read_to_string(&path).expect("the log");
    let mut next = [0; 4];
    for line in text.lines() {
        let (worker, number) = line[1..].split_once('/').expect("a whole line");
        let next = &mut next[worker.parse::<usize>().expect("a worker")];
        assert_eq!(number.parse::<u64>().expect("a number"), *next, "in order and without a gap");
        *next += 1;
    }
    assert_eq!(next, [20_000; 4]);
    assert_eq!((log.dropped(), log.counts.written.load(Relaxed)), (0, 80_000));
    assert_eq!(fs::metadata(&path).expect("the log").permissions().mode() & 0o027, 0, "not for everybody");
}

#[tokio::test(start_paused = true)]
async fn a_lone_line_is_written_soon_and_an_idle_worker_has_no_timer() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("access.log");
    let (_metrics, log) = started(&to_file(&path, "{target}"));
    let worker = log.worker();
    let local = tokio::task::LocalSet::new();
    local.spawn_local(worker.clone().keep_flushing());
    local
        .run_until(async {
            for round in ["/one", "/two"] {
                tokio::time::sleep(Duration::from_secs(3_600)).await;
                assert!(!worker.has_timer());
                write(&worker, round);
                assert!(worker.has_lines() && worker.has_timer());
                tokio::time::sleep(worker::FLUSH_AFTER * 2).await;
                assert!(!worker.has_lines());
            }
        })
        .await;
    assert!(log.shutdown(WAIT));
    assert_eq!(fs::read_to_string(&path).expect("the log"), "/one\n/two\n");
}

#[test]
fn a_file_that_was_moved_away_is_opened_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, old) = (folder.path().join("access.log"), folder.path().join("access.log.1"));
    let (_metrics, log) = started(&to_file(&path, "{target}"));
    let worker = log.worker();
    write(&worker, "/before");
    worker.flush();
    log.settle();
    fs::rename(&path, &old).expect("moved");
    write(&worker, "/still-old");
    worker.flush();
    log.settle();
    log.reopen();
    write(&worker, "/after");
    worker.flush();
    assert!(log.shutdown(WAIT));
    assert_eq!(fs::read_to_string(&old).expect("the old log"), "/before\n/still-old\n");
    assert_eq!(fs::read_to_string(&path).expect("the new log"), "/after\n");
}

#[test]
fn a_reload_changes_sink_and_format_and_loses_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (one, two) = (folder.path().join("one.log"), folder.path().join("two.log"));
    let (_metrics, log) = started(&to_file(&one, "{target}"));
    let (busy, idle) = (log.worker(), log.worker());
    write(&busy, "/a");
    write(&idle, "/kept");
    let change = log.prepare(&to_file(&one, "{status} {target}")).expect("the same file");
    log.apply(change);
    write(&busy, "/b");
    let change = log.prepare(&to_file(&two, "{target}")).expect("another file");
    log.apply(change);
    write(&busy, "/c");
    let change = log.prepare(&config(AccessSink::Off, AccessFormat::Json)).expect("off");
    log.apply(change);
    write(&busy, "/nowhere");
    drop((busy, idle));
    assert!(log.shutdown(WAIT));
    let lines = |path| {
        let text = fs::read_to_string(path).expect("a log");
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(lines(&one), ["/a", "/kept", "200 /b"]);
    assert_eq!(lines(&two), ["/c"]);
    assert_eq!(log.dropped(), 0);
}

#[test]
fn a_change_that_cannot_be_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("access.log");
    let (_metrics, log) = started(&to_file(&path, "{target}"));
    let nowhere = folder.path().join("missing/access.log");
    let error = log.prepare(&to_file(&nowhere, "{target}")).err().expect("no folder");
    assert!(error.to_string().starts_with(&format!("cannot open the access log {}: ", nowhere.display())), "{error}");
    let worker = log.worker();
    write(&worker, "/a");
    drop(worker);
    assert!(log.shutdown(WAIT));
    assert_eq!(fs::read_to_string(&path).expect("the log"), "/a\n");
}

#[test]
fn a_pipe_that_nobody_reads_delays_nobody_and_takes_bounded_memory() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("pipe");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).expect("a pipe");
    let error = AccessLog::start(&to_file(&path, "{target}"), &Metrics::new()).err().expect("no reader");
    assert!(error.to_string().ends_with("is a pipe that nobody reads"), "{error}");
    let mut options = fs::OpenOptions::new();
    let mut reader = options.read(true).write(true).open(&path).expect("a reader that does not read");

    let (metrics, log) = started(&to_file(&path, "{target}"));
    let worker = log.worker();
    let long = format!("/{}", "x".repeat(4_000));
    let (lines, began) = (10_000, Instant::now());
    (0..lines).for_each(|_| write(&worker, &long));
    worker.flush();
    assert!(began.elapsed() < Duration::from_secs(10), "40 MB are formatted, not waited for");
    assert!(log.queue.octets.load(Relaxed) <= OCTETS);
    let dropped = log.dropped();
    assert!(dropped > lines / 2 && dropped < lines, "{dropped}");
    assert!(
        metrics
            .render(crate::observe::metrics::Dialect::Prometheus, |_| ())
            .contains(&format!("\ntidegate_access_log_dropped_total {dropped}\n"))
    );
    assert!(!log.shutdown(Duration::from_millis(10)), "the pipe is full");

    // Somebody reads: what waited is written, whole.
    let mut text = vec![0; (lines - dropped) as usize * (long.len() + 1)];
    reader.read_exact(&mut text).expect("the lines");
    assert!(text.split(|byte| *byte == b'\n').all(|line| line.is_empty() || line == long.as_bytes()));
}

#[test]
fn a_full_disk_drops_lines_and_says_how_many() {
    let (_metrics, log) = started(&to_file(Path::new("/dev/full"), "{target}"));
    let worker = log.worker();
    for _ in 0..3 {
        write(&worker, "/a");
        worker.flush();
    }
    assert!(log.shutdown(WAIT));
    assert_eq!(log.dropped(), 3);
}

/// Takes so many octets, then refuses, then takes again.
struct Moody {
    taken: Vec<u8>,
    room: usize,
}

impl io::Write for Moody {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        if self.room == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let taken = text.len().min(self.room);
        self.room -= taken;
        self.taken.extend_from_slice(&text[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl writer::Sink for Moody {
    fn wait(&self) {}
}

#[test]
fn a_line_that_broke_off_does_not_swallow_the_next_one() {
    let mut output = writer::Output::new(Moody { taken: Vec::new(), room: 6 });
    assert!(output.write(b"one\n", 1));
    assert!(!output.write(b"two\nthree\n", 2));
    assert_eq!(output.refused(), Some(2));
    output.sink_mut().room = 100;
    assert!(output.write(b"four\n", 1));
    assert_eq!(output.refused(), None);
    assert_eq!(output.sink_mut().taken, b"one\ntw\nfour\n");
}
