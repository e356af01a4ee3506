//! Families of samples as they are gathered; the client library of Prometheus writes them, in either format.
//!
//! The library's own counters are not used: they are shared between threads, and ours are not. So a family is gathered here at a scrape,
//! and handed to the library as what it calls a collector.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, prometheus_text, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::registry::Registry;

use super::Dialect;

/// What a family counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Buckets, a sum and a count.
    Histogram,
}

/// A label and its value.
pub type Label<'a> = (&'static str, &'a str);

/// What was gathered so far.
#[derive(Debug, Default)]
pub struct Exposition {
    dialect: Dialect,
    families: Families,
}

impl Exposition {
    /// Nothing yet, for that format.
    pub fn new(dialect: Dialect) -> Self {
        Self { dialect, families: Families::default() }
    }

    /// Begins a family; its samples follow. Each family may be begun once, and the name of a counter ends in `_total`.
    pub fn family(&mut self, name: &'static str, kind: Kind, help: &'static str) -> Family<'_> {
        // The two formats do not escape the same in it.
        debug_assert!(!help.contains(['\\', '"', '\n']), "{help}");
        debug_assert_eq!(kind == Kind::Counter, name.ends_with("_total"), "{name}");
        self.families.0.push(Gathered { name, kind, help, samples: Vec::new() });
        Family(self.families.0.last_mut().expect("one was pushed"))
    }

    /// The whole text.
    pub fn into_text(self) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self.families));
        let mut out = String::new();
        let written = match self.dialect {
            Dialect::Prometheus => prometheus_text::encode(&mut out, &registry),
            Dialect::OpenMetrics => text::encode(&mut out, &registry),
        };
        written.expect("writing to memory cannot fail");
        out
    }
}

/// Samples of one family.
#[derive(Debug)]
pub struct Family<'a>(&'a mut Gathered);

impl Family<'_> {
    /// One sample.
    pub fn sample(&mut self, labels: &[Label<'_>], value: impl Into<Number>) -> &mut Self {
        self.add(labels, Value::Number(value.into()))
    }

    /// One histogram: the counts of the buckets by upper bound in microseconds (`None`: no bound), and the sum of
    /// all in microseconds; both are written in seconds.
    pub fn histogram(
        &mut self,
        labels: &[Label<'_>],
        buckets: impl Iterator<Item = (Option<u64>, u64)>,
        sum: u64,
    ) -> &mut Self {
        let bound = |bound: Option<u64>| bound.map_or(f64::INFINITY, |bound| Seconds(bound).into());
        let buckets = buckets.map(|(upper, count)| (bound(upper), count)).collect();
        self.add(labels, Value::Histogram { sum: Seconds(sum).into(), buckets })
    }

    fn add(&mut self, labels: &[Label<'_>], value: Value) -> &mut Self {
        let labels = labels.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        self.0.samples.push(Sample { labels, value });
        self
    }
}

/// Microseconds, written as seconds.
#[derive(Clone, Copy, Debug)]
pub struct Seconds(pub u64);

impl From<Seconds> for f64 {
    fn from(micros: Seconds) -> Self {
        micros.0 as Self / 1e6
    }
}

/// The value of a sample.
#[derive(Clone, Copy, Debug)]
pub enum Number {
    /// Written without a fraction.
    Whole(u64),
    /// Written with one.
    Fraction(f64),
}

impl From<u64> for Number {
    fn from(number: u64) -> Self {
        Self::Whole(number)
    }
}

impl From<&u64> for Number {
    fn from(number: &u64) -> Self {
        Self::Whole(*number)
    }
}

impl From<usize> for Number {
    fn from(number: usize) -> Self {
        Self::Whole(number as u64)
    }
}

impl From<bool> for Number {
    fn from(yes: bool) -> Self {
        Self::Whole(yes.into())
    }
}

impl From<Seconds> for Number {
    fn from(micros: Seconds) -> Self {
        Self::Fraction(micros.into())
    }
}

#[derive(Debug, Default)]
struct Families(Vec<Gathered>);

#[derive(Debug)]
struct Gathered {
    name: &'static str,
    kind: Kind,
    help: &'static str,
    samples: Vec<Sample>,
}

#[derive(Debug)]
struct Sample {
    labels: Vec<(&'static str, String)>,
    value: Value,
}

#[derive(Debug)]
enum Value {
    Number(Number),
    /// Each bucket counts what is not in the one before it.
    Histogram {
        sum: f64,
        buckets: Vec<(f64, u64)>,
    },
}

impl Collector for Families {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|family| family.encode(&mut encoder))
    }
}

impl Gathered {
    fn encode(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        // The library puts the suffix where its format has it.
        let (name, kind) = match self.kind {
            Kind::Counter => (self.name.strip_suffix("_total").unwrap_or(self.name), MetricType::Counter),
            Kind::Gauge => (self.name, MetricType::Gauge),
            Kind::Histogram => (self.name, MetricType::Histogram),
        };
        let mut encoder = encoder.encode_descriptor(name, self.help, None, kind)?;
        self.samples.iter().try_for_each(|sample| sample.encode(self.kind, encoder.encode_family(&sample.labels)?))
    }
}

impl Sample {
    fn encode(&self, kind: Kind, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        const NONE: Option<&Exemplar<NoLabelSet, f64>> = None;
        match (&self.value, kind) {
            (Value::Number(Number::Whole(count)), Kind::Counter) => encoder.encode_counter(count, NONE),
            (Value::Number(Number::Fraction(count)), Kind::Counter) => encoder.encode_counter(count, NONE),
            (Value::Number(Number::Whole(number)), _) => encoder.encode_gauge(number),
            (Value::Number(Number::Fraction(number)), _) => encoder.encode_gauge(number),
            (Value::Histogram { sum, buckets }, _) => {
                let count = buckets.iter().map(|(_, count)| count).sum();
                encoder.encode_histogram::<NoLabelSet>(*sum, count, buckets, None)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_labels_stay_inside_their_quotes() {
        for (dialect, family, end) in [(Dialect::Prometheus, "x_total", ""), (Dialect::OpenMetrics, "x", "# EOF\n")] {
            let mut out = Exposition::new(dialect);
            out.family("x_total", Kind::Counter, "X.").sample(&[("a", "q\"\\\n}"), ("b", "")], 3_u64);
            assert_eq!(
                out.into_text(),
                format!("# HELP {family} X.\n# TYPE {family} counter\nx_total{{a=\"q\\\"\\\\\\n}}\",b=\"\"}} 3\n{end}")
            );
        }
    }

    #[test]
    fn open_metrics_differ_in_a_few_places() {
        let mut out = Exposition::new(Dialect::OpenMetrics);
        out.family("x_total", Kind::Counter, "X.").sample(&[], 3_u64);
        out.family("d_seconds", Kind::Histogram, "D.").histogram(&[], [(Some(2_000_000), 1), (None, 0)].into_iter(), 5);
        let text = out.into_text();
        let (counter, histogram) = text.split_at(text.find("# HELP d_seconds").expect("the histogram"));
        assert_eq!(counter, "# HELP x X.\n# TYPE x counter\nx_total 3\n");
        let mut lines: Vec<_> = histogram.lines().collect();
        assert_eq!((lines[1], lines.pop()), ("# TYPE d_seconds histogram", Some("# EOF")));
        let mut samples = lines.split_off(2);
        samples.sort_unstable();
        let expected = [
            "d_seconds_bucket{le=\"+Inf\"} 1",
            "d_seconds_bucket{le=\"2.0\"} 1",
            "d_seconds_count 1",
            "d_seconds_sum 0.000005",
        ];
        assert_eq!(samples, expected);
    }

    #[test]
    fn a_histogram_is_cumulative() {
        let mut out = Exposition::default();
        let buckets = [(Some(250), 2), (Some(2_000_000), 0), (None, 1)];
        out.family("d_seconds", Kind::Histogram, "D.").histogram(&[("r", "a")], buckets.into_iter(), 1_500_100);
        let text = out.into_text();
        let samples: Vec<_> = text.lines().skip(2).collect();
        let expected = [
            "d_seconds_bucket{r=\"a\",le=\"0.00025\"} 2",
            "d_seconds_bucket{r=\"a\",le=\"2\"} 2",
            "d_seconds_bucket{r=\"a\",le=\"+Inf\"} 3",
            "d_seconds_sum{r=\"a\"} 1.5001",
            "d_seconds_count{r=\"a\"} 3",
        ];
        assert_eq!(samples, expected);
    }

    #[test]
    fn a_sum_of_seconds_loses_no_microsecond() {
        for (micros, text) in
            [(0, "0.0"), (1, "0.000001"), (86_400_000_001, "86400.000001"), (1 << 52, "4503599627.370496")]
        {
            let mut out = Exposition::default();
            out.family("s_total", Kind::Counter, "S.").sample(&[], Seconds(micros));
            assert!(out.into_text().ends_with(&format!("\ns_total {text}\n")), "{micros}");
        }
    }
}
