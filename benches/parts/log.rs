//! A line of the access log and the counters, as a worker pays for them. `cargo bench --bench access_log` counts processor time alone.

use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::Criterion;
use http::{HeaderValue, StatusCode};
use tidegate::config::model::{AccessFormat, AccessSink, Log};
use tidegate::http::Text;
use tidegate::observe::access_log::AccessLog;
use tidegate::observe::metrics::Metrics;
use tidegate::observe::{Exchange, Ids};

/// All of it.
pub(crate) fn bench(criterion: &mut Criterion) {
    let metrics = Metrics::new();
    let ids = metrics.assign(&["web".into()], &["api".into()], &["api".into()]);
    let exchange = exchange(&ids);
    let mut group = criterion.benchmark_group("log");
    let worker = metrics.worker();
    group.bench_function("counters", |bencher| bencher.iter(|| worker.ended(&exchange, Instant::now())));
    for (name, access_format) in [("json", AccessFormat::Json), ("combined", AccessFormat::Combined)] {
        let access = AccessSink::File("/dev/null".into());
        let log = Log { access, access_format, ..Log::default() };
        let access_log = AccessLog::start(&log, &metrics).expect("a file for the log");
        let own = access_log.worker();
        group.bench_function(format!("line, {name}"), |bencher| {
            bencher.iter(|| own.write(&exchange, Instant::now()));
        });
        drop(own);
        access_log.shutdown(Duration::from_secs(30));
    }
    group.finish();
}

fn exchange(ids: &Ids) -> Exchange {
    let mut exchange = Exchange::begin(ids.listeners[0], Instant::now());
    exchange.request_id = Some(HeaderValue::from_static("01932f4a5c6d7e8f901234567890abcd"));
    exchange.client = Some([203, 0, 113, 77].into());
    exchange.route = Some(ids.routes[0]);
    exchange.upstream = Some(ids.upstreams[0]);
    exchange.endpoint = Some(Rc::from("10.0.0.17:9000"));
    exchange.authority = Text::visible(Bytes::from_static(b"api.example.com")).expect("visible");
    exchange.target = Text::visible(Bytes::from_static(b"/v1/things/1234?fields=name,size")).expect("visible");
    exchange.user_agent = Some(HeaderValue::from_static("Mozilla/5.0 (X11; Linux x86_64) Chrome/126.0.0.0"));
    exchange.status = Some(StatusCode::OK);
    exchange.response_bytes = 1_024;
    exchange.attempts = 1;
    exchange.complete = true;
    exchange
}
