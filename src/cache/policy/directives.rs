//! `Cache-Control` (§5.2): read as leniently as is safe. Names in any case, values as a token or in quotes, unknown directives passed
//! over. Of a directive that occurs twice the first counts (§4.2.1); a number that is none makes a response stale.

use http::header::CACHE_CONTROL;
use http::{HeaderName, HeaderValue};

use crate::http::Headers;

use super::freshness::delta_seconds;

/// A number of seconds; the inner `None` stands for one that is no number.
pub type Seconds = Option<u64>;

/// What a response says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResponseDirectives {
    /// `max-age`
    pub max_age: Option<Seconds>,
    /// `s-maxage`
    pub s_maxage: Option<Seconds>,
    /// `stale-while-revalidate`
    pub stale_while_revalidate: Option<u64>,
    /// `stale-if-error`
    pub stale_if_error: Option<u64>,
    /// `no-store`
    pub no_store: bool,
    /// `no-cache` that names no field.
    pub no_cache: bool,
    /// `private` that names no field.
    pub private: bool,
    /// `public`
    pub public: bool,
    /// `must-revalidate`
    pub must_revalidate: bool,
    /// `proxy-revalidate`
    pub proxy_revalidate: bool,
    /// `must-understand`
    pub must_understand: bool,
    /// A quote was not closed.
    pub malformed: bool,
    /// Fields that `no-cache` and `private` name: a response that has one of them is not stored.
    pub withheld: Vec<HeaderName>,
    /// Whether this was read from a targeted field, which takes the place of `Cache-Control` and `Expires` (RFC 9213 §2.2).
    pub targeted: bool,
}

impl ResponseDirectives {
    /// From `Cache-Control` of a response.
    pub fn read(headers: &Headers) -> Self {
        let mut found = Self::default();
        for line in headers.all(&CACHE_CONTROL) {
            for directive in Directives::of(line) {
                found.take(directive);
            }
        }
        found
    }

    fn take(&mut self, directive: Directive<'_>) {
        let Directive { name, value, broken } = directive;
        self.malformed |= broken;
        let number = || value.and_then(delta_seconds);
        let is = |word: &str| name.eq_ignore_ascii_case(word.as_bytes());
        if is("max-age") {
            self.max_age.get_or_insert_with(number);
        } else if is("s-maxage") {
            self.s_maxage.get_or_insert_with(number);
        } else if is("stale-while-revalidate") {
            self.stale_while_revalidate.get_or_insert_with(|| number().unwrap_or(0));
        } else if is("stale-if-error") {
            self.stale_if_error.get_or_insert_with(|| number().unwrap_or(0));
        } else if is("no-cache") {
            self.no_cache |= !self.withhold(value);
        } else if is("private") {
            self.private |= !self.withhold(value);
        } else {
            self.flag(name);
        }
    }

    fn flag(&mut self, name: &[u8]) {
        let flags: [(&str, &mut bool); 5] = [
            ("no-store", &mut self.no_store),
            ("public", &mut self.public),
            ("must-revalidate", &mut self.must_revalidate),
            ("proxy-revalidate", &mut self.proxy_revalidate),
            ("must-understand", &mut self.must_understand),
        ];
        for (word, flag) in flags {
            *flag |= name.eq_ignore_ascii_case(word.as_bytes());
        }
    }

    /// Notes the fields of a qualified directive; `false` where it names none, and so means all of the response.
    pub(super) fn withhold(&mut self, names: Option<&[u8]>) -> bool {
        let Some(names) = names else { return false };
        let before = self.withheld.len();
        for name in names.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|name| !name.is_empty()) {
            match HeaderName::from_bytes(name) {
                Ok(name) => self.withheld.push(name),
                // What cannot be the name of a field cannot be withheld either.
                Err(_) => return false,
            }
        }
        self.withheld.len() > before
    }
}

/// What a client says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestDirectives {
    /// `no-cache`
    pub no_cache: bool,
    /// `no-store`
    pub no_store: bool,
    /// `only-if-cached`
    pub only_if_cached: bool,
    /// `max-age` in seconds.
    pub max_age: Option<u64>,
    /// `min-fresh` in seconds.
    pub min_fresh: Option<u64>,
    /// `max-stale` in seconds; without a number it is the largest one.
    pub max_stale: Option<u64>,
    /// `stale-if-error` in seconds (RFC 5861 §4).
    pub stale_if_error: Option<u64>,
}

impl RequestDirectives {
    /// Takes in one line of `Cache-Control`.
    pub fn read(&mut self, line: &HeaderValue) {
        for Directive { name, value, .. } in Directives::of(line) {
            let is = |word: &str| name.eq_ignore_ascii_case(word.as_bytes());
            let number = || value.and_then(delta_seconds);
            if is("no-cache") {
                self.no_cache = true;
            } else if is("no-store") {
                self.no_store = true;
            } else if is("only-if-cached") {
                self.only_if_cached = true;
            } else if is("max-age") {
                self.max_age = self.max_age.or_else(number);
            } else if is("min-fresh") {
                self.min_fresh = self.min_fresh.or_else(number);
            } else if is("max-stale") {
                self.max_stale = self.max_stale.or(if value.is_none() { Some(u64::MAX) } else { number() });
            } else if is("stale-if-error") {
                self.stale_if_error = self.stale_if_error.or_else(number);
            }
        }
    }
}

/// One directive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Directive<'a> {
    name: &'a [u8],
    /// What follows the `=`, without its quotes.
    value: Option<&'a [u8]>,
    /// Whether a quote was not closed.
    broken: bool,
}

/// The directives of one line.
struct Directives<'a>(&'a [u8]);

impl<'a> Directives<'a> {
    fn of(line: &'a HeaderValue) -> Self {
        Self(line.as_bytes())
    }
}

impl<'a> Iterator for Directives<'a> {
    type Item = Directive<'a>;

    fn next(&mut self) -> Option<Directive<'a>> {
        let start = self.0.iter().position(|byte| !matches!(byte, b',' | b' ' | b'\t'))?;
        let rest = &self.0[start..];
        let name_end = rest.iter().position(|byte| matches!(byte, b',' | b'=')).unwrap_or(rest.len());
        // A blank before `=` makes it another name, which nobody knows; a blank before `,` is allowed.
        let with_value = rest.get(name_end) == Some(&b'=');
        let name = if with_value { &rest[..name_end] } else { rest[..name_end].trim_ascii_end() };
        if !with_value {
            self.0 = &rest[name_end..];
            return Some(Directive { name, value: None, broken: false });
        }
        let (value, broken, length) = value(&rest[name_end + 1..]);
        self.0 = &rest[name_end + 1 + length..];
        Some(Directive { name, value: Some(value), broken })
    }
}

/// A value, whether a quote in it was left open, and how many octets it takes.
///
/// Behind an open quote, what follows is read as if there were none, so that a `no-store` in it still counts.
fn value(text: &[u8]) -> (&[u8], bool, usize) {
    let to_comma = || memchr::memchr(b',', text).unwrap_or(text.len());
    if text.first() != Some(&b'"') {
        let end = to_comma();
        return (text[..end].trim_ascii_end(), false, end);
    }
    let mut at = 1;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => {
                let behind = memchr::memchr(b',', &text[at..]).map_or(text.len(), |comma| at + comma);
                return (&text[1..at], false, behind);
            }
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    let end = to_comma();
    (&text[..end], true, end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(lines: &[&'static str]) -> ResponseDirectives {
        let headers = lines.iter().map(|line| (CACHE_CONTROL, HeaderValue::from_static(line))).collect();
        ResponseDirectives::read(&headers)
    }

    #[test]
    fn numbers() {
        for (line, want) in [
            ("max-age=3600", Some(Some(3600))),
            ("MaX-aGe=3600", Some(Some(3600))),
            ("max-age=003600", Some(Some(3600))),
            ("max-age=\"3600\"", Some(Some(3600))),
            ("max-age=2147483649", Some(Some(1 << 31))),
            ("max-age=99999999999999999999999", Some(Some(1 << 31))),
            ("foobar, max-age=3600", Some(Some(3600))),
            ("foo=bar;max-age=1,,  max-age=3600 , x", Some(Some(3600))),
            ("max-age=1800, max-age=1", Some(Some(1800))),
            ("max-age=1, max-age=1800", Some(Some(1))),
            ("extension=\"max-age=3600\", max-age=1", Some(Some(1))),
            ("max-age=1, extension=\"a\\\", max-age=3600\"", Some(Some(1))),
            ("max-age=-3600", Some(None)),
            ("max-age='3600'", Some(None)),
            ("max-age=3600.0", Some(None)),
            ("max-age=a3600", Some(None)),
            ("max-age=3600a", Some(None)),
            ("max-age= 3600", Some(None)),
            ("max-age=", Some(None)),
            ("max-age", Some(None)),
            ("max-age=\"3600\"4", Some(Some(3600))),
            ("max-age =3600", None),
            ("s-max-age=1", None),
            ("", None),
        ] {
            assert_eq!(response(&[line]).max_age, want, "{line}");
        }
    }

    #[test]
    fn flags_whatever_their_value() {
        let all = response(&[
            "No-Store, PRIVATE",
            "no-cache=\"\", must-revalidate=1, proxy-revalidate , public,must-understand",
        ]);
        assert!(all.no_store && all.private && all.no_cache && all.must_revalidate);
        assert!(all.proxy_revalidate && all.public && all.must_understand && !all.malformed);
    }

    #[test]
    fn fields_that_are_withheld() {
        for (line, no_cache, private, withheld) in [
            ("no-cache=\"a, B\"", false, false, &["a", "b"][..]),
            ("private=\"a\", no-cache=b", false, false, &["a", "b"]),
            ("no-cache=\" , \"", true, false, &[]),
            ("private=\"not a name\"", false, true, &[]),
            ("no-cache, no-cache=\"a\"", true, false, &["a"]),
        ] {
            let found = response(&[line]);
            assert_eq!((found.no_cache, found.private), (no_cache, private), "{line}");
            assert_eq!(found.withheld, withheld, "{line}");
        }
    }

    #[test]
    fn an_open_quote_hides_nothing() {
        let found = response(&["extension=\"max-age=1, no-store"]);
        assert!(found.malformed && found.no_store);
        assert!(!response(&["extension=\"max-age=1, no-store\""]).no_store);
    }

    #[test]
    fn of_a_client() {
        let mut found = RequestDirectives::default();
        found.read(&HeaderValue::from_static("no-cache, max-stale, max-age=0"));
        found.read(&HeaderValue::from_static("max-age=5, min-fresh=x, only-if-cached, stale-if-error=9, max-stale=1"));
        let want = RequestDirectives {
            no_cache: true,
            only_if_cached: true,
            max_age: Some(0),
            max_stale: Some(u64::MAX),
            stale_if_error: Some(9),
            ..RequestDirectives::default()
        };
        assert_eq!(found, want);
    }
}
