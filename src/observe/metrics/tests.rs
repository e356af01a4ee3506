use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{StatusCode, Version};

use super::*;
use crate::observe::{CacheFacts, CacheVerdict, Cause, Exchange, Ids, ListenerId, RouteId, Side, TlsFacts, UpstreamId};

fn names(names: &[&str]) -> Vec<Arc<str>> {
    names.iter().map(|name| Arc::from(*name)).collect()
}

fn ended(ids: &Ids, status: u16, millis: u64) -> (Exchange, Instant) {
    let now = Instant::now();
    let mut exchange = Exchange::begin(ids.listeners[0], now);
    exchange.route = ids.routes.first().copied();
    exchange.upstream = ids.upstreams.first().copied();
    exchange.status = StatusCode::from_u16(status).ok();
    exchange.request_bytes = 10;
    exchange.response_bytes = 100;
    exchange.attempts = 2;
    exchange.retries.push(Cause::Reset);
    exchange.first_byte = Some(now + Duration::from_millis(1));
    (exchange, now + Duration::from_millis(millis))
}

#[test]
fn many_workers_lose_no_count_while_names_come() {
    let metrics = Metrics::new();
    let ids = metrics.assign(&names(&["web"]), &names(&["api"]), &names(&["up"]));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let worker = metrics.worker();
                for _ in 0..20_000 {
                    let (exchange, now) = ended(&ids, 200, 3);
                    worker.begun(exchange.listener);
                    worker.ended(&exchange, now);
                }
            });
        }
        scope.spawn(|| {
            for round in 0..200 {
                let more: Vec<Arc<str>> = (0..round).map(|n| format!("more{n}").into()).collect();
                metrics.assign(&more[..more.len().min(3)], &more, &more);
                metrics.totals();
            }
        });
    });
    let totals = metrics.totals();
    let route = totals.route("api");
    assert_eq!((route.requests, route.server_errors), (80_000, 0));
    assert_eq!((route.request_bytes, route.response_bytes), (800_000, 8_000_000));
    assert_eq!(totals.in_flight(), 0);
    let text = metrics.render(Dialect::Prometheus, |_| ());
    assert!(text.contains("tidegate_upstream_retries_total{upstream=\"up\",cause=\"reset\"} 80000\n"), "{text}");
    assert!(text.contains("tidegate_workers 4\n"));
}

#[test]
fn counters_survive_a_reload_and_a_reused_number_starts_at_zero() {
    let metrics = Metrics::new();
    let ids = metrics.assign(&names(&["web"]), &names(&["old"]), &names(&[]));
    metrics.keep(&[&ids]);
    let worker = metrics.worker();
    let (exchange, now) = ended(&ids, 404, 1);
    worker.ended(&exchange, now);
    for generation in 0..1_000 {
        let routes = names(&[&format!("r{generation}")]);
        let new = metrics.assign(&names(&["web"]), &routes, &[]);
        assert_eq!(metrics.totals().route(&routes[0]), RouteTotals::default());
        let (mut exchange, now) = ended(&ids, 500, 1);
        exchange.route = Some(new.routes[0]);
        worker.ended(&exchange, now);
        assert_eq!(metrics.totals().route(&routes[0]).requests, 1);
        metrics.keep(&[&new]);
    }
    assert_eq!(metrics.totals().route("old"), RouteTotals::default(), "retired long ago");
    assert_eq!(metrics.totals().route("r998").server_errors, 1, "retired, but not long ago");
}

#[test]
fn what_is_unknown_is_counted_nowhere_and_breaks_nothing() {
    let metrics = Metrics::new();
    let worker = metrics.worker();
    let stranger = Ids { listeners: vec![ListenerId(9)], routes: vec![RouteId(7)], upstreams: vec![UpstreamId(5)] };
    let (exchange, now) = ended(&stranger, 200, 1);
    worker.ended(&exchange, now);
    worker.connection_opened(ListenerId(9));
    worker.upstream_opened(UpstreamId(5));
    assert_eq!(metrics.totals().connections(), 0);
}

fn busy() -> (Arc<Metrics>, WorkerMetrics) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let metrics = Metrics::new();
    let ids = metrics.assign(&names(&["we\"b\\\n", "b"]), &names(&["api {x=\"1\"}"]), &names(&["up"]));
    metrics.published(3, true);
    metrics.keep(&[&ids]);
    metrics.reload_failed();
    let worker = metrics.worker();
    for status in [0, 101, 200, 204, 301, 404, 503] {
        for version in [Version::HTTP_10, Version::HTTP_11, Version::HTTP_2] {
            let (mut exchange, now) = ended(&ids, status, u64::from(status) * 300);
            exchange.version = version;
            exchange.cache =
                Some(CacheFacts { verdict: CacheVerdict::Miss, reason: Some("miss"), age: Some(7), collapsed: true });
            exchange.fail(Side::Upstream, "refused");
            worker.begun(exchange.listener);
            worker.ended(&exchange, now);
            exchange.route = None;
            worker.ended(&exchange, now);
        }
    }
    worker.connection_opened(ids.listeners[1]);
    worker.connection_refused(ids.listeners[1], Refused::MaxConnections);
    let agreed = TlsFacts { version: "TLSv1.3", cipher: "TLS_AES_128_GCM_SHA256", resumed: true };
    metrics.watch(runtime.handle().metrics());
    worker.handshake(ids.listeners[1], &agreed, Duration::from_millis(3));
    worker.upstream_connected(ids.upstreams[0], Duration::from_millis(1));
    worker.upstream_opened(ids.upstreams[0]);
    worker.upstream_failed(ids.upstreams[0]);
    worker.upstream_reused(ids.upstreams[0]);
    (metrics, worker)
}

#[test]
fn the_text_is_what_prometheus_reads() {
    let (metrics, _worker) = busy();
    let families = parse(&metrics.render(Dialect::Prometheus, |out| {
        out.family("extra", Kind::Gauge, "More.").sample(&[], 1_u64);
    }));
    let value = |family: &str, sample: &str| families[family].samples[sample];
    assert_eq!(value("tidegate_connections_open", "tidegate_connections_open{listener=\"b\"}"), 1.0);
    assert_eq!(value("tidegate_config_generation", "tidegate_config_generation"), 3.0);
    let version = "tidegate_tls_versions_total{listener=\"b\",version=\"TLSv1.3\"}";
    assert_eq!(value("tidegate_tls_versions_total", version), 1.0);
    assert_eq!(value("tidegate_tls_handshake_seconds", "tidegate_tls_handshake_seconds_sum{listener=\"b\"}"), 0.003);
    let connects = "tidegate_upstream_connect_seconds_count{upstream=\"up\"}";
    assert_eq!(
        families["tidegate_upstream_connect_seconds"].samples.get(connects),
        Some(&1.0),
        "{:?}",
        families["tidegate_upstream_connect_seconds"].samples
    );
    assert_eq!(value("tidegate_faults_total", "tidegate_faults_total{side=\"upstream\",fault=\"refused\"}"), 42.0);
    let reasons = "tidegate_cache_reasons_total";
    let why = |listener: &str| {
        format!("{reasons}{{listener=\"{listener}\",route=\"api {{x=\\\"1\\\"}}\",verdict=\"miss\",reason=\"miss\"}}")
    };
    assert_eq!(families[reasons].samples.values().sum::<f64>(), 42.0, "{:?}", families[reasons].samples);
    assert!(
        families[reasons].samples.keys().any(|key| *key == why("we\\\"b\\\\\\n")),
        "{:?}",
        families[reasons].samples
    );
    assert_eq!(
        families["tidegate_cache_age_seconds"]
            .samples
            .iter()
            .filter(|(key, _)| key.contains("_sum{"))
            .map(|(_, sum)| sum)
            .sum::<f64>(),
        7.0 * 42.0
    );
    assert_eq!(value("extra", "extra"), 1.0);
}

#[test]
fn the_page_of_the_guide_lists_every_family() {
    let (metrics, _worker) = busy();
    let families = parse(&metrics.render(Dialect::Prometheus, |_| ()));
    let page = include_str!("../../../docs/metrics.md");
    // What workers do not count stands below.
    let page = page.split("## Endpoints").next().expect("a beginning");
    let listed: BTreeMap<_, _> = page
        .lines()
        .filter(|line| line.starts_with("| `tidegate_") || line.starts_with("| `process_"))
        .map(|line| {
            let cells: Vec<_> = line.split('|').map(|cell| cell.trim().replace('`', "")).collect();
            (cells[1].clone(), (cells[2].clone(), cells[3].clone(), cells[4].clone()))
        })
        .collect();
    let rendered: BTreeMap<_, _> = families
        .into_iter()
        .map(|(name, family)| (name, (family.kind, family.labels.join(", "), family.help)))
        .collect();
    assert_eq!(listed, rendered);
}

struct Parsed {
    kind: String,
    help: String,
    labels: Vec<String>,
    samples: BTreeMap<String, f64>,
}

/// Reads the text format strictly: help, type, then samples of that family and no other; no sample twice; histograms
/// cumulative with a last bucket that equals the count.
fn parse(text: &str) -> BTreeMap<String, Parsed> {
    assert!(text.ends_with('\n'));
    let mut families = BTreeMap::new();
    let mut current: Option<(String, Parsed)> = None;
    let mut help: Option<(String, String)> = None;
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            if let Some((name, family)) = current.take() {
                assert!(families.insert(name, family).is_none(), "a family twice before {line}");
            }
            let (name, text) = rest.split_once(' ').expect("a help text");
            help = Some((name.to_owned(), text.to_owned()));
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a type");
            let (helped, help) = help.take().expect("help before type");
            assert_eq!(name, helped);
            assert!(matches!(kind, "counter" | "gauge" | "histogram"));
            assert_eq!(kind == "counter", name.ends_with("_total"), "{name}");
            let family = Parsed { kind: kind.to_owned(), help, labels: Vec::new(), samples: BTreeMap::new() };
            current = Some((name.to_owned(), family));
        } else {
            let (name, family) = current.as_mut().expect("a type before samples");
            sample(line, name, family);
        }
    }
    families.extend(current);
    families.values().for_each(|family| check_histogram(&family.samples));
    families
}

fn sample(line: &str, family: &str, parsed: &mut Parsed) {
    let name_end = line.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':')).expect("a value");
    let suffix = line[..name_end].strip_prefix(family).expect("a sample of the family");
    let suffixes: &[&str] = if parsed.kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
    assert!(suffixes.contains(&suffix), "{line}");
    let mut rest = &line[name_end..];
    let mut seen = HashSet::new();
    if let Some(labels) = rest.strip_prefix('{') {
        rest = labels;
        loop {
            let (label, after) = rest.split_once("=\"").expect("a label");
            assert!(label.chars().all(|c| c.is_ascii_lowercase() || c == '_') && seen.insert(label), "{line}");
            rest = &after[end_of_value(after) + 1..];
            if label != "le" && !parsed.labels.iter().any(|known| known == label) {
                parsed.labels.push(label.to_owned());
            }
            match rest.strip_prefix(',') {
                Some(more) => rest = more,
                None => break,
            }
        }
        rest = rest.strip_prefix('}').expect("the end of the labels");
    }
    let value: f64 = rest.strip_prefix(' ').expect("one space").parse().expect("a number");
    let key = line[..line.len() - rest.len()].to_owned();
    assert!(parsed.samples.insert(key, value).is_none(), "twice: {line}");
}

fn end_of_value(text: &str) -> usize {
    let mut bytes = text.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => return at,
            b'\\' => assert!(matches!(bytes.next(), Some((_, b'\\' | b'"' | b'n'))), "{text}"),
            _ => {}
        }
    }
    panic!("no end of the value: {text}");
}

fn check_histogram(samples: &BTreeMap<String, f64>) {
    for (key, count) in samples.iter().filter(|(key, _)| key.contains("_seconds_count")) {
        let labels = key.split_once('{').map_or("", |(_, labels)| labels.trim_end_matches('}'));
        let prefix = key.split_once("_count").expect("a count").0;
        let mut bounds = Vec::new();
        for (bucket, value) in samples.iter().filter(|(key, _)| key.starts_with(&format!("{prefix}_bucket{{{labels}")))
        {
            let bound = bucket.rsplit_once("le=\"").expect("a bound").1.trim_end_matches("\"}");
            bounds.push((bound.parse::<f64>().expect("a bound"), *value));
        }
        bounds.sort_by(|a, b| a.0.total_cmp(&b.0));
        let ages = prefix == "tidegate_cache_age_seconds";
        assert_eq!(bounds.len(), if ages { cached::AGES.len() + 1 } else { cells::BUCKETS });
        assert!(bounds.is_sorted_by(|a, b| a.1 <= b.1), "{bounds:?}");
        assert_eq!(bounds.last(), Some(&(f64::INFINITY, *count)));
    }
}
