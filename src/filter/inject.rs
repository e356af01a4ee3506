//! Faults on purpose: which requests wait, and which are answered with an error. Pure: fields and chances in, a verdict out.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use http::{HeaderName, StatusCode};

use crate::config::model::{self, Abort, Delay, ValueMatch};
use crate::http::Headers;

/// The `inject` of a route, compiled.
#[derive(Debug)]
pub struct Inject {
    delay: Option<Delay>,
    abort: Option<Abort>,
    headers: Box<[(HeaderName, ValueMatch)]>,
    /// What it has done. It outlives reloads while the route's name stays.
    pub counts: Arc<InjectCounts>,
}

/// What was injected into a route's exchanges.
#[derive(Debug, Default)]
pub struct InjectCounts {
    /// Those that waited.
    pub delays: AtomicU64,
    /// Those that were answered with an error.
    pub aborts: AtomicU64,
}

/// What is to go wrong with one request: first it waits, then it fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Injection {
    /// How long it waits.
    pub delay: Option<Duration>,
    /// What it is answered with.
    pub abort: Option<StatusCode>,
}

impl Inject {
    /// From the config; `counts` are those of the route so far.
    pub fn compile(inject: &model::Inject, counts: Option<Arc<InjectCounts>>) -> Self {
        let model::Inject { delay, abort, headers } = inject;
        let counts = counts.unwrap_or_default();
        Self { delay: delay.clone(), abort: abort.clone(), headers: headers.as_slice().into(), counts }
    }

    /// Whether requests with these fields are meant at all.
    pub fn is_for(&self, headers: &Headers) -> bool {
        self.headers.iter().all(|(name, wanted)| wanted.holds(headers.all(name).map(|value| value.as_bytes())))
    }

    /// What is to go wrong with a request with these fields; `draw` gives numbers that are evenly distributed.
    pub fn decide(&self, headers: &Headers, mut draw: impl FnMut() -> u64) -> Injection {
        if !self.is_for(headers) {
            return Injection::default();
        }
        let delay = self.delay.as_ref().filter(|delay| delay.share.takes(draw())).map(|delay| delay.time);
        let abort = self.abort.as_ref().filter(|abort| abort.share.takes(draw())).map(|abort| abort.status);
        Injection { delay, abort }
    }
}

impl InjectCounts {
    /// Counts what was decided.
    pub fn count(&self, injection: Injection) {
        self.delays.fetch_add(injection.delay.is_some().into(), Relaxed);
        self.aborts.fetch_add(injection.abort.is_some().into(), Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::config::model::Share;
    use crate::http::key::mix;

    const TIME: Duration = Duration::from_millis(200);

    fn inject(delay: f64, abort: f64, headers: &[(&'static str, ValueMatch)]) -> Inject {
        let headers = headers.iter().map(|(name, wanted)| (HeaderName::from_static(name), wanted.clone())).collect();
        let delay = Some(Delay { time: TIME, share: Share(delay) });
        let abort = Some(Abort { status: StatusCode::BAD_GATEWAY, share: Share(abort) });
        Inject::compile(&model::Inject { delay, abort, headers }, None)
    }

    #[test]
    fn shares_are_drawn_apart() {
        let (inject, none) = (inject(0.2, 0.05, &[]), Headers::new());
        let (mut number, mut both) = (0, 0);
        for _ in 0..100_000 {
            let injection = inject.decide(&none, || {
                number += 1;
                mix(number)
            });
            inject.counts.count(injection);
            both += usize::from(injection.delay == Some(TIME) && injection.abort == Some(StatusCode::BAD_GATEWAY));
        }
        let [delays, aborts] = [&inject.counts.delays, &inject.counts.aborts].map(|count| count.load(Relaxed));
        // Five deviations of each, for a sequence that never changes.
        assert!(delays.abs_diff(20_000) < 633 && aborts.abs_diff(5_000) < 345, "{delays} {aborts}");
        assert!(both.abs_diff(1_000) < 158, "{both}");
    }

    #[test]
    fn only_who_asks_for_it() {
        let wanted = [("x-chaos", ValueMatch::Exact("on".to_owned())), ("x-calm", ValueMatch::Absent)];
        let inject = inject(1.0, 1.0, &wanted);
        let decide = |fields: &[(&'static str, &'static str)]| {
            let field = |(name, value): &(&'static str, &'static str)| {
                (HeaderName::from_static(name), HeaderValue::from_static(value))
            };
            inject.decide(&fields.iter().map(field).collect(), || 7)
        };
        let all = Injection { delay: Some(TIME), abort: Some(StatusCode::BAD_GATEWAY) };
        assert_eq!(decide(&[("x-chaos", "on")]), all);
        for fields in [&[][..], &[("x-chaos", "off")], &[("x-chaos", "on"), ("x-calm", "")]] {
            assert_eq!(decide(fields), Injection::default(), "{fields:?}");
        }
    }
}
