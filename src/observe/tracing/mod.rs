//! Traces: where an exchange belongs (W3C Trace Context), and what is told about it to a collector (OpenTelemetry, OTLP).
//!
//! A worker hands what it knows of a sampled exchange into a bounded queue and wakes nobody; the control thread makes spans of it.

mod lineage;
mod otlp;
mod spans;

pub use lineage::{SpanId, Trace, TraceId, Tracestate};
pub use otlp::Encoder;
pub use spans::{Finished, SpanCounts, Spans, WorkerSpans};

#[cfg(test)]
mod tests;
