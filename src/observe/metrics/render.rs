//! Which families there are. `docs/metrics.md` lists them, and a test holds it to this file.

use std::sync::atomic::Ordering::Relaxed;
use std::time::SystemTime;

use super::cached;
use super::cells::{BUCKETS, bound};
use super::compression::{self, Compressed, Decoded, Uncompressed, Undecoded};
use super::exposition::{Exposition, Kind, Label, Seconds};
use super::worker::{Handshake, Refused, TLS_VERSIONS, listener, route, upstream};
use super::{Metrics, Process, Totals};
use crate::observe::{Abuse, Cause, NotRetried, log};

/// What clients and upstreams did.
pub(super) fn traffic(out: &mut Exposition, totals: &Totals) {
    requests(out, totals);
    durations(out, totals);
    connections(out, totals);
    upstreams(out, totals);
    compressed(out, totals);
    decompressed(out, totals);
    cached::render(out, totals);
    let mut faults =
        out.family("tidegate_faults_total", Kind::Counter, "Failed exchanges by whose fault it was and why.");
    for ((side, fault), count) in &totals.faults {
        faults.sample(&[("side", side), ("fault", fault)], count);
    }
}

fn requests(out: &mut Exposition, totals: &Totals) {
    let mut family =
        out.family("tidegate_requests_total", Kind::Counter, "Exchanges that ended, by the class of the status.");
    for ((listener, route), cells) in &totals.routes {
        let counts = &cells[route::REQUESTS..][..route::CLASSES.len() * route::PROTOCOLS.len()];
        for (place, &count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let status = route::CLASSES[place / route::PROTOCOLS.len()];
            let protocol = route::PROTOCOLS[place % route::PROTOCOLS.len()];
            let labels = [("listener", &**listener), ("route", &**route), ("status", status), ("protocol", protocol)];
            family.sample(&labels, count);
        }
    }
    let bytes = [
        ("tidegate_request_body_bytes_total", route::REQUEST_BYTES, "Octets of request bodies that were read."),
        ("tidegate_response_body_bytes_total", route::RESPONSE_BYTES, "Octets of response bodies that were written."),
    ];
    for (name, place, help) in bytes {
        let mut family = out.family(name, Kind::Counter, help);
        for ((listener, route), cells) in &totals.routes {
            family.sample(&[("listener", listener), ("route", route)], cells[place]);
        }
    }
}

fn durations(out: &mut Exposition, totals: &Totals) {
    let help = "From the first byte of the request to the last byte of the response.";
    let mut family = out.family("tidegate_request_duration_seconds", Kind::Histogram, help);
    for ((listener, route), cells) in &totals.routes {
        let labels: [Label<'_>; 2] = [("listener", listener), ("route", route)];
        family.histogram(&labels, buckets(&cells[route::DURATION..]), cells[route::DURATION + BUCKETS]);
    }
    let of_upstreams = [
        (
            "tidegate_upstream_first_byte_seconds",
            upstream::FIRST_BYTE,
            "From the first byte of the request to the head of the upstream's response.",
        ),
        (
            "tidegate_upstream_connect_seconds",
            upstream::CONNECT,
            "How long it took to make a connection to an endpoint, TLS included.",
        ),
        (
            "tidegate_upstream_queue_seconds",
            upstream::QUEUED,
            "How long exchanges that had to wait for room at the upstream did so.",
        ),
    ];
    for (name, first, help) in of_upstreams {
        let mut family = out.family(name, Kind::Histogram, help);
        for (name, cells) in &totals.upstreams {
            family.histogram(&[("upstream", name)], buckets(&cells[first..]), cells[first + BUCKETS]);
        }
    }
}

fn buckets(cells: &[u64]) -> impl Iterator<Item = (Option<u64>, u64)> {
    cells[..BUCKETS].iter().enumerate().map(|(bucket, count)| (bound(bucket), *count))
}

fn connections(out: &mut Exposition, totals: &Totals) {
    let mut single = |name, kind, help, value: fn(&[u64; listener::CELLS]) -> u64| {
        let mut family = out.family(name, kind, help);
        for (listener, cells) in &totals.listeners {
            family.sample(&[("listener", listener)], value(cells));
        }
    };
    single("tidegate_connections_total", Kind::Counter, "Connections of clients that were served.", |cells| {
        cells[listener::OPENED]
    });
    single("tidegate_connections_open", Kind::Gauge, "Connections of clients that are open.", |cells| {
        cells[listener::OPENED].saturating_sub(cells[listener::CLOSED])
    });
    single("tidegate_requests_in_flight", Kind::Gauge, "Exchanges that have begun and not ended.", |cells| {
        cells[listener::BEGUN].saturating_sub(cells[listener::ENDED])
    });
    let help = "Connections that were closed for what the client did, and why.";
    let mut family = out.family("tidegate_connections_abused_total", Kind::Counter, help);
    for (name, cells) in &totals.listeners {
        for why in Abuse::ALL {
            family.sample(&[("listener", name), ("reason", why.label())], cells[listener::ABUSED + why as usize]);
        }
    }
    let help = "Connections that were closed without being served, and why.";
    let mut family = out.family("tidegate_connections_refused_total", Kind::Counter, help);
    for (name, cells) in &totals.listeners {
        for why in Refused::ALL {
            family.sample(&[("listener", name), ("reason", why.label())], cells[listener::REFUSED + why as usize]);
        }
    }
    let help = "TLS handshakes with clients, and how they ended.";
    let mut family = out.family("tidegate_tls_handshakes_total", Kind::Counter, help);
    for (name, cells) in &totals.listeners {
        for how in Handshake::ALL {
            family.sample(&[("listener", name), ("result", how.label())], cells[listener::HANDSHAKES + how as usize]);
        }
    }
    let help = "TLS handshakes with clients that were done, by the version that was agreed on.";
    let mut family = out.family("tidegate_tls_versions_total", Kind::Counter, help);
    for (name, cells) in &totals.listeners {
        for (place, version) in TLS_VERSIONS.iter().enumerate() {
            family.sample(&[("listener", name), ("version", version)], cells[listener::TLS_VERSIONS + place]);
        }
    }
    let help = "How long TLS handshakes with clients took that were done.";
    let mut family = out.family("tidegate_tls_handshake_seconds", Kind::Histogram, help);
    for (name, cells) in &totals.listeners {
        let sum = cells[listener::HANDSHAKE + BUCKETS];
        family.histogram(&[("listener", name)], buckets(&cells[listener::HANDSHAKE..]), sum);
    }
}

fn upstreams(out: &mut Exposition, totals: &Totals) {
    let counters = [
        ("tidegate_upstream_requests_total", upstream::REQUESTS, "Exchanges that an upstream was asked for."),
        ("tidegate_upstream_attempts_total", upstream::ATTEMPTS, "How often an endpoint was tried."),
        ("tidegate_upstream_connects_total", upstream::OPENED, "Connections that were made to endpoints."),
        (
            "tidegate_upstream_connect_failures_total",
            upstream::FAILED,
            "Connections to endpoints that could not be made.",
        ),
        ("tidegate_upstream_reused_total", upstream::REUSED, "Attempts on a connection that was open already."),
    ];
    for (name, place, help) in counters {
        let mut family = out.family(name, Kind::Counter, help);
        for (name, cells) in &totals.upstreams {
            family.sample(&[("upstream", name)], cells[place]);
        }
    }
    let help = "Exchanges that an upstream was asked for, by the class of the status that the client got.";
    let mut family = out.family("tidegate_upstream_responses_total", Kind::Counter, help);
    for (name, cells) in &totals.upstreams {
        for (class, status) in route::CLASSES.iter().enumerate() {
            family.sample(&[("upstream", name), ("status", status)], cells[upstream::STATUS + class]);
        }
    }
    let help = "Attempts after the first one, and why they were made.";
    let mut family = out.family("tidegate_upstream_retries_total", Kind::Counter, help);
    for (name, cells) in &totals.upstreams {
        for cause in Cause::ALL {
            family.sample(&[("upstream", name), ("cause", cause.label())], cells[upstream::RETRIES + cause as usize]);
        }
    }
    let help = "Exchanges whose last attempt could have been followed by another, and why it was not.";
    let mut family = out.family("tidegate_upstream_not_retried_total", Kind::Counter, help);
    for (name, cells) in &totals.upstreams {
        for why in NotRetried::ALL {
            family.sample(&[("upstream", name), ("reason", why.label())], cells[upstream::NOT_RETRIED + why as usize]);
        }
    }
    let help = "Hedges whose answer was the one that counted.";
    let mut family = out.family("tidegate_upstream_hedges_won_total", Kind::Counter, help);
    for (name, cells) in &totals.upstreams {
        family.sample(&[("upstream", name)], cells[upstream::HEDGES_WON]);
    }
    let help = "Connections to endpoints that are open.";
    let mut family = out.family("tidegate_upstream_connections_open", Kind::Gauge, help);
    for (name, cells) in &totals.upstreams {
        family.sample(&[("upstream", name)], cells[upstream::OPENED].saturating_sub(cells[upstream::CLOSED]));
    }
}

fn compressed(out: &mut Exposition, totals: &Totals) {
    let help = "Responses that went out compressed, and how that came to be.";
    let mut family = out.family("tidegate_compressed_responses_total", Kind::Counter, help);
    for (place, coding) in compression::CODINGS.iter().enumerate() {
        for how in Compressed::ALL {
            let count = totals.compression.0[compression::responses(place, how)];
            family.sample(&[("encoding", coding.as_str()), ("source", how.label())], count);
        }
    }
    let counters = [
        (
            "tidegate_compression_plain_bytes_total",
            compression::PLAIN_BYTES,
            "Octets of these responses before compression.",
        ),
        ("tidegate_compression_bytes_total", compression::BYTES, "Octets of these responses that were written."),
    ];
    for (name, first, help) in counters {
        let mut family = out.family(name, Kind::Counter, help);
        for (place, coding) in compression::CODINGS.iter().enumerate() {
            family.sample(&[("encoding", coding.as_str())], totals.compression.0[first + place]);
        }
    }
    let help = "Responses of routes that compress which stayed as they were, and why.";
    let mut family = out.family("tidegate_uncompressed_responses_total", Kind::Counter, help);
    for why in Uncompressed::ALL {
        family.sample(&[("reason", why.label())], totals.compression.0[compression::REASONS + why as usize]);
    }
}

fn decompressed(out: &mut Exposition, totals: &Totals) {
    let counters = [
        (
            "tidegate_decompression_bytes_total",
            compression::DECODED_FROM,
            "Octets with a coding of bodies that were decompressed.",
        ),
        (
            "tidegate_decompression_plain_bytes_total",
            compression::DECODED_TO,
            "Octets without a coding that these bodies became.",
        ),
    ];
    for (name, first, help) in counters {
        let mut family = out.family(name, Kind::Counter, help);
        for side in Decoded::ALL {
            for (place, coding) in compression::CODINGS.iter().enumerate() {
                let count = totals.compression.0[compression::decoded(first, side, place)];
                family.sample(&[("encoding", coding.as_str()), ("side", side.label())], count);
            }
        }
    }
    let help = "Bodies that were not decompressed, or not to their end, and why.";
    let mut family = out.family("tidegate_decompression_refused_total", Kind::Counter, help);
    for side in Decoded::ALL {
        for why in Undecoded::ALL {
            let count = totals.compression.0[compression::undecoded(side, why)];
            family.sample(&[("reason", why.label()), ("side", side.label())], count);
        }
    }
}

/// How it was built.
const PROFILE: &str = if cfg!(debug_assertions) { "debug" } else { "release" };

/// What the program did.
pub(super) fn program(out: &mut Exposition, metrics: &Metrics) {
    let reloads = &metrics.reloads;
    out.family("tidegate_config_loads_total", Kind::Counter, "Configs that were put in force, refused or taken back.")
        .sample(&[("result", "published")], reloads.succeeded.load(Relaxed))
        .sample(&[("result", "refused")], reloads.failed.load(Relaxed))
        .sample(&[("result", "rolled_back")], reloads.rolled_back.load(Relaxed));
    out.family("tidegate_config_generation", Kind::Gauge, "Generation of the config in force.")
        .sample(&[], reloads.generation.load(Relaxed));
    out.family("tidegate_config_loaded_seconds", Kind::Gauge, "When the config in force was loaded, Unix time.")
        .sample(&[], reloads.last_succeeded.load(Relaxed));
    let lines = &metrics.access_log;
    out.family("tidegate_access_log_lines_total", Kind::Counter, "Lines that were written to the access log.")
        .sample(&[], lines.written.load(Relaxed));
    out.family("tidegate_access_log_dropped_total", Kind::Counter, "Lines that the access log was too slow for.")
        .sample(&[], lines.dropped.load(Relaxed));
    out.family("tidegate_log_dropped_total", Kind::Counter, "Lines of the program's log that stderr was too slow for.")
        .sample(&[], log::dropped());
    out.family("tidegate_workers", Kind::Gauge, "Worker threads.").sample(&[], metrics.workers());
    let help = "For how long each worker was busy; its rate is the busy share of the worker.";
    let mut busy = out.family("tidegate_worker_busy_seconds_total", Kind::Counter, help);
    for (worker, time) in metrics.busy().iter().enumerate() {
        busy.sample(&[("worker", &worker.to_string())], Seconds(time.as_micros() as u64));
    }
    out.family("tidegate_build_info", Kind::Gauge, "Always 1; the labels say which build it is.")
        .sample(&[("version", env!("CARGO_PKG_VERSION")), ("profile", PROFILE)], 1_u64);
}

/// What the kernel says, under the names that every exporter uses.
pub(super) fn process(out: &mut Exposition, process: Process, started: SystemTime) {
    let started = started.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_micros() as u64;
    out.family("process_start_time_seconds", Kind::Gauge, "When the process started, Unix time.")
        .sample(&[], Seconds(started));
    let gauges = [
        ("process_open_fds", "Open file descriptors.", process.open_files),
        ("process_max_fds", "Limit of open file descriptors.", process.max_files),
        ("process_resident_memory_bytes", "Resident memory.", process.resident_bytes),
        ("process_threads", "Threads of the process.", process.threads),
    ];
    for (name, help, value) in gauges {
        if let Some(value) = value {
            out.family(name, Kind::Gauge, help).sample(&[], value);
        }
    }
    if let Some(millis) = process.cpu_millis {
        out.family("process_cpu_seconds_total", Kind::Counter, "Processor time in user and kernel mode.")
            .sample(&[], Seconds(millis * 1000));
    }
}
