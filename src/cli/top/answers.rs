//! What the admin address said in one round, and what of it is needed.

use std::collections::BTreeMap;
use std::time::Instant;

use serde_json::Value;

use crate::cli::ask::{AdminAddress, Unanswered};

/// One round of answers.
#[derive(Clone, Debug, Default)]
pub(super) struct Answers {
    pub(super) status: Value,
    pub(super) upstreams: Value,
    pub(super) routes: Value,
    pub(super) events: Value,
    pub(super) faults: Value,
    /// New samples of a second, the oldest first.
    pub(super) samples: Vec<Value>,
}

impl Answers {
    /// Asks for all of it; samples that ended after `since`, in Unix seconds.
    pub(super) fn ask(admin: &AdminAddress, since: u64) -> Result<Self, Unanswered> {
        let mut series = admin.json(&format!("/api/series?resolution=1s&since={since}"))?;
        let samples = match series["samples"].take() {
            Value::Array(samples) => samples,
            _ => Vec::new(),
        };
        Ok(Self {
            status: admin.json("/api/status")?,
            upstreams: admin.json("/api/upstreams")?,
            routes: admin.json("/api/routes")?,
            events: admin.json("/api/events?limit=100")?,
            faults: admin.json("/api/faults?limit=100")?,
            samples,
        })
    }
}

/// What a route had done at some moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Counted {
    pub(super) requests: u64,
    pub(super) client_errors: u64,
    pub(super) server_errors: u64,
    pub(super) response_bytes: u64,
    pub(super) durations: Vec<u64>,
}

impl Counted {
    fn read(route: &Value) -> Self {
        let number = |name: &str| route[name].as_u64().unwrap_or(0);
        let durations = route["durations"].as_array().into_iter().flatten();
        Self {
            requests: number("requests"),
            client_errors: number("client_errors"),
            server_errors: number("server_errors"),
            response_bytes: number("response_bytes"),
            durations: durations.map(|count| count.as_u64().unwrap_or(0)).collect(),
        }
    }

    /// What came since; `None` where it was counted anew.
    pub(super) fn since(&self, before: &Self) -> Option<Self> {
        let durations = self.durations.iter().zip(&before.durations).map(|(now, then)| now.saturating_sub(*then));
        Some(Self {
            requests: self.requests.checked_sub(before.requests)?,
            client_errors: self.client_errors.saturating_sub(before.client_errors),
            server_errors: self.server_errors.saturating_sub(before.server_errors),
            response_bytes: self.response_bytes.saturating_sub(before.response_bytes),
            durations: durations.collect(),
        })
    }
}

/// What all routes had done at some moment.
#[derive(Clone, Debug)]
pub(super) struct Count {
    pub(super) at: Instant,
    pub(super) routes: BTreeMap<String, Counted>,
}

impl Count {
    pub(super) fn read(routes: &Value, at: Instant) -> Self {
        let one = |route: &Value| Some((route["name"].as_str()?.to_owned(), Counted::read(route)));
        Self { at, routes: routes.as_array().into_iter().flatten().filter_map(one).collect() }
    }
}

/// Text of strangers must not move the cursor.
pub(super) fn plain(value: &Value) -> String {
    let text = value.as_str().unwrap_or_default();
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}
