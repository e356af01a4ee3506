//! What a line of the access log and the counters cost a worker: `cargo bench --bench access_log`.

use std::hint::black_box;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use tidegate::config::model::{AccessFormat, AccessSink, Log};
use tidegate::http::Text;
use tidegate::observe::access_log::AccessLog;
use tidegate::observe::lookout::Lookout;
use tidegate::observe::metrics::Metrics;
use tidegate::observe::tracing::Spans;
use tidegate::observe::{Exchange, Ids, Observer};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROUNDS: u32 = 2_000_000;
const AGENT: &str =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36";

fn main() {
    let metrics = Metrics::new();
    let ids = metrics.assign(&["web".into()], &["api".into()], &["api".into()]);
    let worker = metrics.worker();
    let exchange = exchange(&ids);
    report("counters", ROUNDS, || worker.ended(&exchange, Instant::now()));
    report("the clock alone", ROUNDS, || {
        black_box(Instant::now());
    });

    let only = std::env::args().nth(1).filter(|name| !name.starts_with("--"));
    let formats = [
        ("line, json", AccessFormat::Json),
        ("line, combined", AccessFormat::Combined),
        ("line, template", AccessFormat::Template("{time} {client_ip} {method} {path} {status}".to_owned())),
    ];
    for (name, access_format) in formats {
        if only.as_ref().is_some_and(|only| !name.contains(only.as_str())) {
            continue;
        }
        // The worker's cost is asked for, not the disk's.
        let access = AccessSink::File("/dev/null".into());
        let log = Log { access, access_format, ..Log::default() };
        let access_log = AccessLog::start(&log, &metrics).expect("a file for the log");
        let own = access_log.worker();
        let lookout = Lookout::new(&metrics, &access_log).0.worker(&own);
        report(name, ROUNDS, || own.write(&exchange, Instant::now()));
        let observer = Observer::new(worker.clone(), own, lookout, Spans::new().0);
        report("  with counters and the exchange itself", ROUNDS, || {
            let exchange = black_box(Box::new(exchange.clone()));
            observer.begun(exchange.listener);
            observer.ended(&exchange, Instant::now());
        });
        drop(observer);
        access_log.shutdown(Duration::from_secs(30));
        println!("  dropped {}", access_log.dropped());
    }
}

fn exchange(ids: &Ids) -> Exchange {
    let now = Instant::now();
    let mut exchange = Exchange::begin(ids.listeners[0], now);
    exchange.connected = Some(now);
    exchange.first_byte = Some(now);
    exchange.request_id = Some(HeaderValue::from_static("01932f4a5c6d7e8f901234567890abcd"));
    exchange.client = Some([203, 0, 113, 77].into());
    exchange.peer = Some(([203, 0, 113, 77], 51234).into());
    exchange.route = Some(ids.routes[0]);
    exchange.upstream = Some(ids.upstreams[0]);
    exchange.endpoint = Some(Rc::from("10.0.0.17:9000"));
    exchange.authority = Text::visible(Bytes::from_static(b"api.example.com")).expect("visible");
    exchange.target = Text::visible(Bytes::from_static(b"/v1/things/1234?fields=name,size")).expect("visible");
    exchange.user_agent = Some(HeaderValue::from_static(AGENT));
    exchange.status = Some(StatusCode::OK);
    exchange.response_bytes = 1_024;
    exchange.attempts = 1;
    exchange.reused = true;
    exchange.complete = true;
    exchange
}

/// Processor time of this thread a step: the median of nine runs.
fn report(name: &str, rounds: u32, mut step: impl FnMut()) {
    let mut runs: Vec<_> = (0..9)
        .map(|_| {
            let before = processor_time();
            (0..rounds / 9).for_each(|_| step());
            (processor_time() - before) as f64 / f64::from(rounds / 9)
        })
        .collect();
    runs.sort_by(f64::total_cmp);
    println!("{name:<42} {:>6.0} ns (best {:.0})", runs[4], runs[0]);
}

/// What this thread has run so far, in nanoseconds. Time in which another program had the core does not count.
fn processor_time() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    text.split(' ').next().and_then(|word| word.parse().ok()).expect("nanoseconds")
}
