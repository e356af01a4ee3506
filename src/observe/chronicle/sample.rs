//! What one span of time brought: the difference of two sums, as rates and quantiles.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::observe::metrics::Sums;
use crate::observe::metrics::histogram::quantile;

/// Upstreams that a sample has; of more, those with the most requests.
const UPSTREAMS: usize = 128;

/// One span of time. Rates are for each second; times are milliseconds, and absent where nothing was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sample {
    /// The end of the span, Unix time in seconds.
    pub time: u64,
    /// Its length in seconds.
    pub seconds: f64,
    /// What clients got.
    #[serde(flatten)]
    pub served: Served,
    /// Connections of clients at its end.
    pub connections: u64,
    /// Exchanges under way at its end.
    pub in_flight: u64,
    /// The share of their time that workers were busy, 0 to 1.
    pub busy: f64,
    /// By name, where there were requests.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub upstreams: BTreeMap<Arc<str>, UpstreamSample>,
}

/// What clients got.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Served {
    /// Exchanges that ended.
    pub requests: f64,
    /// By class of the status.
    pub status: Classes,
    /// Exchanges that failed, whoever's fault it was.
    pub faults: f64,
    /// Octets of request bodies.
    pub request_bytes: f64,
    /// Octets of response bodies.
    pub response_bytes: f64,
    /// The middle one of the durations.
    pub p50_ms: Option<f64>,
    /// Of 20 the slowest.
    pub p95_ms: Option<f64>,
    /// Of 100 the slowest.
    pub p99_ms: Option<f64>,
    /// Answers from the cache.
    pub cache_hits: f64,
    /// Answers on routes with a cache that came from the upstream.
    pub cache_misses: f64,
}

/// Rates by class of the status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Classes {
    /// None: the client was gone before.
    pub none: f64,
    /// 1xx
    #[serde(rename = "1xx")]
    pub informational: f64,
    /// 2xx
    #[serde(rename = "2xx")]
    pub successful: f64,
    /// 3xx
    #[serde(rename = "3xx")]
    pub redirected: f64,
    /// 4xx
    #[serde(rename = "4xx")]
    pub client_error: f64,
    /// 5xx
    #[serde(rename = "5xx")]
    pub server_error: f64,
}

/// What an upstream was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct UpstreamSample {
    /// Exchanges.
    pub requests: f32,
    /// Those of them that ended with 5xx.
    pub errors: f32,
    /// Attempts after the first one.
    pub retries: f32,
    /// The middle one of the times to the first byte.
    pub p50_ms: Option<f32>,
    /// Of 20 the slowest.
    pub p95_ms: Option<f32>,
    /// Of 100 the slowest.
    pub p99_ms: Option<f32>,
}

impl Sample {
    /// What came between two sums; `time` is the end in Unix seconds, `names` has the names of upstreams by their number.
    pub(crate) fn between(before: &Sums, after: &Sums, names: &[Arc<str>], time: u64) -> Self {
        let passed = after.at.saturating_duration_since(before.at).max(Duration::from_millis(1)).as_secs_f64();
        let rate = |before: u64, after: u64| round(after.saturating_sub(before) as f64 / passed);
        let [none, informational, successful, redirected, client_error, server_error] =
            std::array::from_fn(|class| rate(before.classes[class], after.classes[class]));
        let total = |sums: &Sums| sums.classes.iter().sum::<u64>();
        let durations: [u64; _] =
            std::array::from_fn(|place| after.durations[place].saturating_sub(before.durations[place]));
        let millis = |share| quantile(&durations, share).map(|micros| round(micros / 1000.0));
        let served = Served {
            requests: rate(total(before), total(after)),
            status: Classes { none, informational, successful, redirected, client_error, server_error },
            faults: rate(before.faults, after.faults),
            request_bytes: rate(before.request_bytes, after.request_bytes),
            response_bytes: rate(before.response_bytes, after.response_bytes),
            p50_ms: millis(0.5),
            p95_ms: millis(0.95),
            p99_ms: millis(0.99),
            cache_hits: rate(before.cache_hits, after.cache_hits),
            cache_misses: rate(before.cache_misses, after.cache_misses),
        };
        let busy = after.busy.saturating_sub(before.busy).as_secs_f64() / passed / after.workers.max(1) as f64;
        Self {
            time,
            seconds: round(passed),
            served,
            connections: after.connections,
            in_flight: after.in_flight,
            busy: round(busy.clamp(0.0, 1.0)),
            upstreams: upstreams(before, after, names, passed),
        }
    }
}

fn upstreams(before: &Sums, after: &Sums, names: &[Arc<str>], passed: f64) -> BTreeMap<Arc<str>, UpstreamSample> {
    let mut busy: Vec<_> = Vec::new();
    for (number, now) in after.upstreams.iter().enumerate() {
        let none = Default::default();
        let then = before.upstreams.get(number).unwrap_or(&none);
        let requests = now.requests.saturating_sub(then.requests);
        let Some(name) = names.get(number).filter(|_| requests > 0) else { continue };
        let rate = |before: u64, after: u64| round(after.saturating_sub(before) as f64 / passed) as f32;
        let times: [u64; _] = std::array::from_fn(|place| now.first_byte[place].saturating_sub(then.first_byte[place]));
        let millis = |share| quantile(&times, share).map(|micros| round(micros / 1000.0) as f32);
        let sample = UpstreamSample {
            requests: rate(then.requests, now.requests),
            errors: rate(then.errors, now.errors),
            retries: rate(then.retries, now.retries),
            p50_ms: millis(0.5),
            p95_ms: millis(0.95),
            p99_ms: millis(0.99),
        };
        busy.push((requests, name.clone(), sample));
    }
    if busy.len() > UPSTREAMS {
        busy.sort_unstable_by_key(|(requests, ..)| std::cmp::Reverse(*requests));
        busy.truncate(UPSTREAMS);
    }
    busy.into_iter().map(|(_, name, sample)| (name, sample)).collect()
}

/// To three decimals: what a chart can show.
fn round(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::observe::metrics::UpstreamSums;

    #[test]
    fn a_sample_is_the_difference() {
        let start = Instant::now();
        let mut before = Sums::at(start);
        before.classes[2] = 100;
        before.workers = 2;
        let mut after = before.clone();
        after.at = start + Duration::from_secs(2);
        after.busy = Duration::from_secs(1);
        after.classes[2] += 30;
        after.classes[5] += 10;
        after.durations[2] += 40; // 0.5 to 1 ms
        after.cache_hits = 6;
        after.upstreams =
            vec![UpstreamSums::default(), UpstreamSums { requests: 20, errors: 10, ..UpstreamSums::default() }];
        let names: Vec<Arc<str>> = vec!["idle".into(), "api".into()];
        let sample = Sample::between(&before, &after, &names, 77);
        assert_eq!((sample.time, sample.seconds, sample.busy), (77, 2.0, 0.25));
        assert_eq!((sample.served.requests, sample.served.status.successful), (20.0, 15.0));
        assert_eq!((sample.served.status.server_error, sample.served.cache_hits), (5.0, 3.0));
        assert_eq!((sample.served.p50_ms, sample.served.p99_ms), (Some(0.75), Some(0.995)));
        assert_eq!(sample.upstreams.keys().map(|name| &**name).collect::<Vec<_>>(), ["api"]);
        assert_eq!(sample.upstreams["api"].errors, 5.0);
        let idle = Sample::between(&after, &after, &names, 78);
        assert_eq!((idle.served.requests, idle.served.p50_ms, idle.upstreams.len()), (0.0, None, 0));
    }
}
