//! In which of two text formats the metrics are written.

/// A text format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// The text format of Prometheus, version 0.0.4.
    #[default]
    Prometheus,
    /// OpenMetrics 1.0.0.
    OpenMetrics,
}

impl Dialect {
    /// The one that the values of `Accept` ask for. Without a word about it, that of Prometheus.
    pub fn accepted<'a>(values: impl Iterator<Item = &'a str>) -> Self {
        let (mut open, mut plain) = (0.0, 0.0);
        for range in values.flat_map(|value| value.split(',')) {
            let mut parts = range.split(';').map(str::trim);
            let best = match parts.next().unwrap_or_default().to_ascii_lowercase().as_str() {
                "application/openmetrics-text" => &mut open,
                "text/plain" | "text/*" | "*/*" => &mut plain,
                _ => continue,
            };
            let parameter = |part: &'a str| part.split_once('=').map(|(name, value)| (name.trim(), value.trim()));
            let parameters: Vec<_> = parts.filter_map(parameter).collect();
            let value = |wanted: &str| parameters.iter().find(|(name, _)| *name == wanted).map(|(_, value)| *value);
            let quality = value("q").and_then(|quality| quality.parse().ok()).unwrap_or(1.0_f64);
            *best = quality.max(*best);
        }
        if open > 0.0 && open >= plain { Self::OpenMetrics } else { Self::Prometheus }
    }

    /// What `Content-Type` says.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => prometheus_client::encoding::prometheus_text::CONTENT_TYPE,
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_scrapers_accept() {
        let prometheus = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
                          application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.1";
        let cases = [
            (prometheus, Dialect::OpenMetrics),
            ("application/openmetrics-text", Dialect::OpenMetrics),
            ("Application/OpenMetrics-Text; q=0.5, text/plain; q=0.9", Dialect::Prometheus),
            ("application/openmetrics-text;q=0", Dialect::Prometheus),
            ("text/plain;version=0.0.4", Dialect::Prometheus),
            ("text/html,*/*;q=0.8", Dialect::Prometheus),
            ("", Dialect::Prometheus),
        ];
        for (accept, expected) in cases {
            assert_eq!(Dialect::accepted([accept].into_iter()), expected, "{accept}");
        }
    }
}
