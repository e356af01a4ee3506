//! What a client prefers (RFC 9110 §12.5): content codings and media types.

use http::HeaderValue;
use http::header::{ACCEPT, ACCEPT_ENCODING};

use super::Headers;

/// A weight in thousandths, 0 to 1000.
type Weight = u16;

/// A content coding (RFC 9110 §8.4.1) that this program knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Coding {
    /// `zstd` (RFC 8878)
    Zstd,
    /// `br` (RFC 7932)
    Br,
    /// `gzip` (RFC 1952)
    Gzip,
    /// `dcz`: zstd with a dictionary that the client has (RFC 9842 §5)
    Dcz,
    /// `dcb`: brotli with one (RFC 9842 §4)
    Dcb,
    /// None.
    Identity,
}

impl Coding {
    /// The token in `Content-Encoding`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Br => "br",
            Self::Gzip => "gzip",
            Self::Dcz => "dcz",
            Self::Dcb => "dcb",
            Self::Identity => "identity",
        }
    }

    /// The same with a dictionary.
    pub const fn with_dictionary(self) -> Option<Self> {
        match self {
            Self::Zstd | Self::Dcz => Some(Self::Dcz),
            Self::Br | Self::Dcb => Some(Self::Dcb),
            Self::Gzip | Self::Identity => None,
        }
    }

    /// Whether it is of no use without a dictionary.
    pub const fn needs_dictionary(self) -> bool {
        matches!(self, Self::Dcz | Self::Dcb)
    }

    fn is(self, token: &str) -> bool {
        token.eq_ignore_ascii_case(self.as_str()) || self == Self::Gzip && token.eq_ignore_ascii_case("x-gzip")
    }
}

/// The best of the codings that are there, by weight and then by their order; [`Coding::Identity`] is always there.
///
/// Without `Accept-Encoding`, or where nothing is acceptable, that is the identity (§12.5.3).
pub fn coding(headers: &Headers, available: impl IntoIterator<Item = Coding>) -> Coding {
    let mut best = (Coding::Identity, weight(headers, Coding::Identity).unwrap_or(0));
    for coding in available {
        let weight = weight(headers, coding).unwrap_or(0);
        // Where the weights are the same, a coding beats none at all.
        if weight > best.1 || weight == best.1 && weight > 0 && best.0 == Coding::Identity {
            best = (coding, weight);
        }
    }
    best.0
}

/// Whether the client refuses content without a coding: `identity;q=0`, or `*;q=0` where it does not name the identity.
pub fn refuses_identity(headers: &Headers) -> bool {
    weight(headers, Coding::Identity) == Some(0)
}

/// Whether the client takes a coding; one that it does not speak of it does not take, but for the identity.
pub fn takes(headers: &Headers, coding: Coding) -> bool {
    weight(headers, coding).map_or(coding == Coding::Identity, |weight| weight > 0)
}

/// Whether the client takes a coding by its name, and not by `*`.
pub fn names(headers: &Headers, coding: Coding) -> bool {
    let mut elements = headers.all(&ACCEPT_ENCODING).flat_map(elements);
    elements.any(|(token, weight)| coding.is(token) && weight.is_some_and(|weight| weight > 0))
}

/// The weight of a coding, 0 for one that is refused; `None` where the client does not speak of it.
fn weight(headers: &Headers, coding: Coding) -> Option<Weight> {
    let (mut named, mut any) = (None, None);
    for (token, weight) in headers.all(&ACCEPT_ENCODING).flat_map(elements) {
        if coding.is(token) {
            named = named.or(weight);
        } else if token == "*" {
            any = any.or(weight);
        }
    }
    named.or(any)
}

/// The best of the media types that are offered, by weight and then by their order: its place, or `None` where none is acceptable.
/// Without `Accept` that is the first.
pub fn media_type(headers: &Headers, offers: &[&str]) -> Option<usize> {
    if offers.is_empty() || !headers.contains(&ACCEPT) {
        return (!offers.is_empty()).then_some(0);
    }
    let mut best: Option<(usize, Weight)> = None;
    for (place, offer) in offers.iter().enumerate() {
        let weight = media_weight(headers, offer);
        if weight > best.map_or(0, |(_, weight)| weight) {
            best = Some((place, weight));
        }
    }
    best.map(|(place, _)| place)
}

/// The weight of the most specific range that the type is in (§12.5.1).
fn media_weight(headers: &Headers, offer: &str) -> Weight {
    let family = offer.split('/').next().unwrap_or(offer);
    let mut best = (0, 0);
    for (range, weight) in headers.all(&ACCEPT).flat_map(elements) {
        let specific = match range.strip_suffix("/*") {
            _ if range.eq_ignore_ascii_case(offer) => 3,
            Some("*") => 1,
            Some(of) if of.eq_ignore_ascii_case(family) => 2,
            _ => continue,
        };
        if specific > best.0 {
            best = (specific, weight.unwrap_or(0));
        }
    }
    best.1
}

/// What a list names, each with its weight; `None` is a weight that is none, and the element does not count.
fn elements(list: &HeaderValue) -> impl Iterator<Item = (&str, Option<Weight>)> {
    list.to_str().unwrap_or("").split(',').filter_map(|element| {
        let mut parts = element.split(';').map(str::trim);
        let name = parts.next().filter(|name| !name.is_empty())?;
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        Some((name, weight.map_or(Some(1000), parse_weight)))
    })
}

/// §12.4.2: 0 to 1 with up to three digits behind the point.
fn parse_weight(text: &str) -> Option<Weight> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let thousandths = fraction
        .bytes()
        .chain(std::iter::repeat(b'0'))
        .take(3)
        .fold(0, |sum, digit| sum * 10 + Weight::from(digit - b'0'));
    match whole {
        "0" => Some(thousandths),
        "1" if thousandths == 0 => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderName;

    fn headers(name: HeaderName, value: &'static str) -> Headers {
        [(name, HeaderValue::from_static(value))].into_iter().collect()
    }

    #[test]
    fn codings() {
        use Coding::{Br, Gzip, Identity, Zstd};
        for (accept, available, want) in [
            ("gzip", vec![Zstd, Br, Gzip], Gzip),
            ("gzip, deflate, br, zstd", vec![Zstd, Br, Gzip], Zstd),
            ("gzip, deflate, br", vec![Zstd, Br, Gzip], Br),
            ("gzip;q=1.0, br;q=0.8", vec![Zstd, Br, Gzip], Gzip),
            ("GZIP", vec![Gzip], Gzip),
            ("x-gzip", vec![Gzip], Gzip),
            ("*", vec![Zstd, Gzip], Zstd),
            ("*;q=0.1, zstd;q=0", vec![Zstd, Gzip], Gzip),
            ("br;q=0, *", vec![Br], Identity),
            ("", vec![Gzip], Identity),
            ("deflate", vec![Gzip], Identity),
            ("identity", vec![Gzip], Identity),
            ("identity, gzip", vec![Gzip], Gzip),
            ("identity, gzip;q=0.5", vec![Gzip], Identity),
            ("identity;q=0.5, gzip", vec![Gzip], Gzip),
            ("identity;q=0, gzip;q=0.001", vec![Gzip], Gzip),
            ("identity;q=0", vec![Gzip], Identity),
            ("*;q=0", vec![Gzip], Identity),
            ("gzip;q=0", vec![Gzip], Identity),
            ("gzip; q=0.000", vec![Gzip], Identity),
            ("gzip ; Q=0.5", vec![Gzip], Gzip),
            ("gzip;q=2", vec![Gzip], Identity),
            ("gzip;q=1.001", vec![Gzip], Identity),
            ("gzip;q=0.1234", vec![Gzip], Identity),
            ("gzip;q=", vec![Gzip], Identity),
            ("gzipx", vec![Gzip], Identity),
            ("gzip", vec![], Identity),
        ] {
            assert_eq!(coding(&headers(ACCEPT_ENCODING, accept), available.clone()), want, "{accept} {available:?}");
        }
        assert_eq!(coding(&Headers::new(), [Gzip]), Identity);
        let two_fields: Headers =
            ["deflate", "br"].into_iter().map(|value| (ACCEPT_ENCODING, HeaderValue::from_static(value))).collect();
        assert_eq!(coding(&two_fields, [Br]), Br);
    }

    #[test]
    fn media_types() {
        let offers = ["text/plain", "text/html", "application/problem+json"];
        for (accept, want) in [
            ("text/html", Some(1)),
            ("text/html,application/xhtml+xml,*/*;q=0.8", Some(1)),
            ("*/*", Some(0)),
            ("application/*", Some(2)),
            ("application/json, application/problem+json;q=0.9, text/*;q=0.1", Some(2)),
            ("text/*, text/plain;q=0", Some(1)),
            ("TEXT/HTML;level=1;q=0.5", Some(1)),
            ("image/png", None),
            ("*/*;q=0", None),
            ("", None),
        ] {
            assert_eq!(media_type(&headers(ACCEPT, accept), &offers), want, "{accept}");
        }
        assert_eq!(media_type(&Headers::new(), &offers), Some(0));
        assert_eq!(media_type(&Headers::new(), &[]), None);
    }
}
