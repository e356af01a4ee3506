//! `traceparent` (W3C Trace Context, level 1).

use std::fmt;

use http::HeaderValue;

/// `trace-id`: 16 octets, not all zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceId(pub u128);

/// `parent-id`: 8 octets, not all zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpanId(pub u64);

/// The value of `tracestate`, which is passed on as it came.
pub type Tracestate = HeaderValue;

/// The sampled flag (§3.2.2.3.1).
const SAMPLED: u8 = 1;

/// The length of version 00: `00-` 32 `-` 16 `-` 2.
const LENGTH: usize = 55;

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Where an exchange belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The trace.
    pub id: TraceId,
    /// The span of this exchange.
    pub span: SpanId,
    /// Whose child it is.
    pub parent: Option<SpanId>,
    /// Whether it is told to the collector.
    pub sampled: bool,
    /// `tracestate` of the parent.
    pub state: Option<Tracestate>,
}

impl Trace {
    /// Reads `traceparent`: trace, parent, and whether that one is sampled. `None` where it is malformed: then a new trace begins (§3.2.2.5).
    pub fn parse(value: &[u8]) -> Option<(TraceId, SpanId, bool)> {
        let (known, rest) = value.split_at_checked(LENGTH)?;
        let version = hex(&known[..2])?;
        // A later version may say more behind it; version 00 says nothing more, and ff is forbidden.
        let whole = if version == 0 { rest.is_empty() } else { rest.first().is_none_or(|byte| *byte == b'-') };
        let dashes = [known[2], known[35], known[52]] == [b'-'; 3];
        if version == 0xff || !whole || !dashes {
            return None;
        }
        let (id, parent, flags) = (hex(&known[3..35])?, hex(&known[36..52])?, hex(&known[53..55])?);
        let sampled = flags as u8 & SAMPLED != 0;
        (id != 0 && parent != 0).then_some((TraceId(id), SpanId(parent as u64), sampled))
    }

    /// What an upstream is told: `span` is the attempt.
    pub fn traceparent(&self, span: SpanId) -> HeaderValue {
        let text = format!("00-{}-{span}-{:02x}", self.id, u8::from(self.sampled));
        HeaderValue::from_str(&text).expect("hexadecimal digits and dashes are a value")
    }
}

/// Lower case hexadecimal digits, at most 32.
fn hex(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0, |number: u128, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u128::from(value))
    })
}
