//! The attempts of an exchange, one by one. Most exchanges have one, about which the exchange itself says all; those cost no list.

use std::io::Write;
use std::rc::Rc;
use std::time::{Duration, Instant};

use http::StatusCode;

/// Attempts that are remembered; there are rarely more than two.
const MOST: usize = 16;

/// One attempt.
#[derive(Clone, Debug)]
pub struct Try {
    /// Where.
    pub endpoint: Rc<str>,
    /// When it began.
    pub begun: Instant,
    /// How long it took, to the head of the response or to its failure.
    pub took: Duration,
    /// The status that came.
    pub status: Option<StatusCode>,
    /// Why none came, the word of the fault; `outrun` where another attempt was faster.
    pub failure: Option<&'static str>,
    /// Whether it used a connection that was open already.
    pub reused: bool,
    /// Its span, where the exchange is traced; 0 where it is not.
    pub span: u64,
}

/// The attempts in order. Empty, it allocates nothing.
#[derive(Clone, Debug, Default)]
#[expect(clippy::box_collection, reason = "an exchange without a list carries one word for it, not three")]
pub struct Tries(Option<Box<Vec<Try>>>);

impl Tries {
    /// Notes one more, as long as there is room.
    pub fn push(&mut self, attempt: Try) {
        let list = self.0.get_or_insert_default();
        if list.len() < MOST {
            list.push(attempt);
        }
    }

    /// In order.
    pub fn list(&self) -> &[Try] {
        self.0.as_ref().map_or(&[], |list| list)
    }

    /// As a list of JSON.
    pub(crate) fn write_json(&self, start: Instant, out: &mut Vec<u8>) {
        for (place, attempt) in self.list().iter().enumerate() {
            out.push(if place == 0 { b'[' } else { b',' });
            out.extend_from_slice(b"{\"endpoint\":\"");
            super::escape::json(out, attempt.endpoint.as_bytes());
            out.extend_from_slice(b"\",\"outcome\":\"");
            attempt.write_outcome(out);
            let (at, took) = (millis(attempt.begun.saturating_duration_since(start)), millis(attempt.took));
            // Writing to memory cannot fail.
            let _ = write!(out, "\",\"begun_ms\":{at:.3},\"took_ms\":{took:.3},\"reused\":{}}}", attempt.reused);
        }
        out.push(b']');
    }

    /// As text: `10.0.0.1:9000 connect_refused 0.412, 10.0.0.2:9000 200 12.034`.
    pub(crate) fn write_text(&self, out: &mut Vec<u8>) {
        for (place, attempt) in self.list().iter().enumerate() {
            out.extend_from_slice(if place == 0 { b"" } else { b", " });
            super::escape::text(out, attempt.endpoint.as_bytes());
            out.push(b' ');
            attempt.write_outcome(out);
            let _ = write!(out, " {:.3}", millis(attempt.took));
        }
    }
}

impl Try {
    fn write_outcome(&self, out: &mut Vec<u8>) {
        match (self.failure, self.status) {
            (Some(failure), _) => out.extend_from_slice(failure.as_bytes()),
            (None, Some(status)) => out.extend_from_slice(status.as_str().as_bytes()),
            (None, None) => out.extend_from_slice(b"none"),
        }
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_attempts() {
        let start = Instant::now();
        let mut tries = Tries::default();
        assert!(tries.list().is_empty() && size_of::<Tries>() == 8);
        let attempt = |failure, status, millis| Try {
            endpoint: Rc::from("10.0.0.1:80"),
            begun: start + Duration::from_millis(millis),
            took: Duration::from_micros(1_500),
            status,
            failure,
            reused: false,
            span: 0,
        };
        tries.push(attempt(Some("connect_refused"), None, 0));
        tries.push(attempt(None, Some(StatusCode::OK), 2));
        let mut out = Vec::new();
        tries.write_json(start, &mut out);
        let value: serde_json::Value = serde_json::from_slice(&out).expect("JSON");
        assert_eq!(value[0]["outcome"], "connect_refused");
        assert_eq!(
            value[1],
            serde_json::json!({ "endpoint": "10.0.0.1:80", "outcome": "200", "begun_ms": 2.0, "took_ms": 1.5, "reused": false })
        );
        out.clear();
        tries.write_text(&mut out);
        assert_eq!(out, b"10.0.0.1:80 connect_refused 1.500, 10.0.0.1:80 200 1.500");
        (0..100).for_each(|_| tries.push(attempt(None, None, 0)));
        assert_eq!(tries.list().len(), MOST);
    }
}
