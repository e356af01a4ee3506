use std::time::{Duration, Instant};

use http::{HeaderValue, StatusCode};

use super::*;
use crate::config::model::{AccessSink, Log};
use crate::observe::access_log::{AccessLog, Facts};
use crate::observe::clock::Clock;
use crate::observe::metrics::Metrics;
use crate::observe::redact::Redaction;
use crate::observe::{Exchange, Ids, Names, Side};

fn exchange(ids: &Ids) -> Exchange {
    let mut exchange = Exchange::begin(ids.listeners[0], Instant::now());
    exchange.route = Some(ids.routes[0]);
    exchange.status = Some(StatusCode::SERVICE_UNAVAILABLE);
    exchange.client = "10.0.0.7".parse().ok();
    exchange.user_agent = Some(HeaderValue::from_static("curl/8.5"));
    exchange.complete = true;
    exchange
}

fn log(metrics: &Metrics) -> AccessLog {
    let log = Log { access: AccessSink::Off, ..Log::default() };
    AccessLog::start(&log, metrics).expect("nothing to open")
}

fn ids(metrics: &Metrics) -> Ids {
    metrics.assign(&["web".into()], &["api".into()], &[])
}

#[test]
fn filters_and_what_they_take() {
    let metrics = Metrics::new();
    let ids = ids(&metrics);
    let exchange = exchange(&ids);
    let names: Names = Names::clone(&metrics.names().load());
    let clock = Clock::new();
    let facts = Facts {
        exchange: &exchange,
        names: &names,
        clock: &clock,
        redaction: &Redaction::default(),
        now: exchange.start + Duration::from_millis(300),
    };
    let cases = [
        ("", true),
        ("route=api", true),
        ("route!=api", false),
        ("route=ap*", true),
        ("route=*", true),
        ("listener=web status=5xx", true),
        ("listener=web status!=5xx", false),
        ("status=503", true),
        ("status>=500 status<504", true),
        ("status>503", false),
        ("duration_ms>250 duration_ms<=300", true),
        ("duration_ms<250", false),
        ("user_agent~curl", true),
        ("user_agent~wget", false),
        ("client_ip=10.0.0.7", true),
        ("complete=true", true),
        ("fault", false),
        ("!fault", true),
        ("upstream=api", false),
        ("upstream!=api", true),
        ("user_agent>5", false),
    ];
    for (text, expected) in cases {
        assert_eq!(Filter::parse(text).map(|filter| filter.takes(&facts)), Ok(expected), "{text}");
    }
}

#[test]
fn what_is_no_filter() {
    let cases = [
        ("rout=api", "there is no field \"rout\"; did you mean route?"),
        ("=api", "there is no field \"=api\""),
        ("bananas", "the fields are those of the access log"),
        ("status>many", "\"many\" is no number"),
    ];
    for (text, message) in cases {
        let error = Filter::parse(text).expect_err(text).to_string();
        assert!(error.contains(message), "{text}: {error}");
    }
    assert_eq!(Filter::parse(&"fault ".repeat(17)), Err(FilterError::Long));
}

#[test]
fn a_tap_sees_what_it_asked_for_and_misses_what_it_has_no_room_for() {
    let metrics = Metrics::new();
    let ids = ids(&metrics);
    let access_log = log(&metrics);
    let (lookout, _failed) = Lookout::new(&metrics, &access_log);
    let worker = lookout.worker(&access_log.worker());
    let exchange = exchange(&ids);
    worker.ended(&exchange, Instant::now());
    let all = lookout.watch(Filter::default()).expect("a place");
    let none = lookout.watch(Filter::parse("route=other").expect("a filter")).expect("a place");
    (0..3).for_each(|_| worker.ended(&exchange, Instant::now()));
    let text = String::from_utf8(all.take(1 << 20)).expect("text");
    assert_eq!(text.lines().filter(|line| line.contains("\"route\":\"api\"")).count(), 3, "{text}");
    assert_eq!((none.take(1), all.missed()), (Vec::new(), 0));
    (0..2000).for_each(|_| worker.ended(&exchange, Instant::now()));
    let lines = all.take(1 << 30).iter().filter(|byte| **byte == b'\n').count() as u64;
    assert!(lines <= 1024, "{lines}");
    assert_eq!(lines + all.missed(), 2000);
    let more: Vec<_> = (0..14).map(|_| lookout.watch(Filter::default()).expect("a place")).collect();
    assert!(lookout.watch(Filter::default()).is_none());
    drop(more);
    assert!(lookout.watch(Filter::default()).is_some());
}

#[test]
fn failures_are_told_and_a_flood_of_them_is_cut() {
    let metrics = Metrics::new();
    let ids = ids(&metrics);
    let access_log = log(&metrics);
    let (lookout, failed) = Lookout::new(&metrics, &access_log);
    let worker = lookout.worker(&access_log.worker());
    let mut exchange = exchange(&ids);
    exchange.status = Some(StatusCode::OK);
    worker.ended(&exchange, Instant::now());
    assert!(failed.try_recv().is_err(), "it did not fail");
    exchange.status = Some(StatusCode::BAD_GATEWAY);
    worker.ended(&exchange, Instant::now());
    assert_eq!(failed.try_recv().map(|failed| failed.side).ok(), Some(Side::Upstream));
    exchange.fail(Side::Client, "client_gone");
    let now = Instant::now();
    (0..10_000).for_each(|_| worker.ended(&exchange, now));
    assert_eq!(failed.try_iter().filter(|failed| failed.side == Side::Client).count(), 99);
    worker.ended(&exchange, now + Duration::from_secs(2));
    assert!(failed.try_recv().is_ok());
}

#[test]
fn what_is_remembered_is_the_line_of_the_access_log_to_the_millisecond() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("access.log");
    let metrics = Metrics::new();
    let exchange = exchange(&ids(&metrics));
    let config = Log { access: AccessSink::File(path.clone()), ..Log::default() };
    let access_log = AccessLog::start(&config, &metrics).expect("a file");
    let (lookout, failed) = Lookout::new(&metrics, &access_log);
    let lines = access_log.worker();
    let worker = lookout.worker(&lines);
    lines.write(&exchange, exchange.start);
    // Late in the second for which the difference of the two clocks is believed: a clock read only now would show another time.
    let now = exchange.start + Duration::from_millis(900);
    lines.write(&exchange, now);
    worker.ended(&exchange, now);
    lines.flush();
    assert!(access_log.shutdown(Duration::from_secs(60)));
    let remembered = failed.try_recv().map(|failed| failed.line).expect("a failure");
    let written = std::fs::read_to_string(path).expect("a log");
    assert_eq!(written.lines().nth(1), std::str::from_utf8(&remembered).ok());
}
