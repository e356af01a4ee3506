//! The text format of Prometheus, version 0.0.4: families of samples, each with its help and type in front.

use std::fmt::{self, Write};

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

impl Kind {
    /// The word after `# TYPE`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A label and its value.
pub type Label<'a> = (&'a str, &'a str);

/// The text as it grows.
#[derive(Debug, Default)]
pub struct Exposition {
    text: String,
}

impl Exposition {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins a family; its samples follow. Each family may be begun once.
    pub fn family(&mut self, name: &'static str, kind: Kind, help: &str) -> Family<'_> {
        let help = help.replace('\\', r"\\").replace('\n', r"\n");
        self.write(format_args!("# HELP {name} {help}\n# TYPE {name} {}\n", kind.as_str()));
        Family { out: self, name }
    }

    /// The whole text.
    pub fn into_text(self) -> String {
        self.text
    }

    fn write(&mut self, text: fmt::Arguments<'_>) {
        self.text.write_fmt(text).expect("writing to memory cannot fail");
    }

    fn labels(&mut self, labels: &[Label<'_>]) {
        for (index, (name, value)) in labels.iter().enumerate() {
            self.text.push(if index == 0 { '{' } else { ',' });
            self.text.push_str(name);
            self.text.push_str("=\"");
            for character in value.chars() {
                match character {
                    '\\' => self.text.push_str(r"\\"),
                    '"' => self.text.push_str("\\\""),
                    '\n' => self.text.push_str(r"\n"),
                    other => self.text.push(other),
                }
            }
            self.text.push('"');
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
    }
}

/// Samples of one family.
#[derive(Debug)]
pub struct Family<'a> {
    out: &'a mut Exposition,
    name: &'static str,
}

impl Family<'_> {
    /// One sample.
    pub fn sample(&mut self, labels: &[Label<'_>], value: impl fmt::Display) -> &mut Self {
        self.suffixed("", labels, value)
    }

    /// One histogram: the counts of the buckets by upper bound in microseconds (`None`: no bound), and the sum of
    /// all in microseconds; both are written in seconds.
    pub fn histogram(
        &mut self,
        labels: &[Label<'_>],
        buckets: impl Iterator<Item = (Option<u64>, u64)>,
        sum: u64,
    ) -> &mut Self {
        let mut count = 0;
        for (bound, in_bucket) in buckets {
            count += in_bucket;
            let bound = bound.map_or_else(|| "+Inf".to_owned(), |bound| Seconds(bound).to_string());
            let mut with_bound = labels.to_vec();
            with_bound.push(("le", &bound));
            self.suffixed("_bucket", &with_bound, count);
        }
        self.suffixed("_sum", labels, Seconds(sum)).suffixed("_count", labels, count)
    }

    fn suffixed(&mut self, suffix: &str, labels: &[Label<'_>], value: impl fmt::Display) -> &mut Self {
        self.out.write(format_args!("{}{suffix}", self.name));
        self.out.labels(labels);
        self.out.write(format_args!(" {value}\n"));
        self
    }
}

/// Microseconds, written as seconds without the zeros at the end.
#[derive(Clone, Copy, Debug)]
pub struct Seconds(pub u64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, micros) = (self.0 / 1_000_000, self.0 % 1_000_000);
        if micros == 0 {
            return write!(f, "{whole}");
        }
        let fraction = format!("{micros:06}");
        write!(f, "{whole}.{}", fraction.trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_labels_stay_inside_their_quotes() {
        let mut out = Exposition::new();
        out.family("x_total", Kind::Counter, "A \\ and\na line.").sample(&[("a", "q\"\\\n}"), ("b", "")], 3);
        assert_eq!(
            out.into_text(),
            "# HELP x_total A \\\\ and\\na line.\n# TYPE x_total counter\nx_total{a=\"q\\\"\\\\\\n}\",b=\"\"} 3\n"
        );
    }

    #[test]
    fn a_histogram_is_cumulative() {
        let mut out = Exposition::new();
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
}
