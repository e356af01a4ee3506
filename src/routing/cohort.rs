//! The place of a client in a split, and the cookie that it keeps it in.
//!
//! A place is one of a million. It says nothing about arms: weights decide what a place leads to, so a change of weights moves no more
//! clients than it must (see [`super::split`]), and a rollback brings back those who moved. So few places are shared by many clients of a
//! large site, and the cookie tells nobody apart who is not told apart otherwise. It is no secret and no right: a client may take any
//! place that it likes, and everything else is as if it had come without.

use std::sync::Arc;

use http::HeaderValue;

use crate::config::model::SplitCookie;
use crate::http::cookie;
use crate::http::key::KeySource;

/// How many places there are: an arm's share is true to about one in ten thousand.
pub const PLACES: u32 = 1_000_000;

/// A client's place, below [`PLACES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place(u32);

impl Place {
    /// One by chance; `random` is any number, evenly distributed.
    pub fn draw(random: u64) -> Self {
        // The high half of the product is below the number of places, and as even as `random`.
        Self(u32::try_from((u128::from(random) * u128::from(PLACES)) >> 64).unwrap_or(0))
    }

    /// The place that a cookie says, in the one way of writing it.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let digits = (1..=6).contains(&value.len()) && value.iter().all(u8::is_ascii_digit);
        let canonical = value.len() == 1 || value.first() != Some(&b'0');
        if !digits || !canonical {
            return None;
        }
        // Six digits are below a million.
        Some(Self(value.iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0'))))
    }

    /// What arms are drawn by.
    pub fn key(self) -> u64 {
        self.0.into()
    }
}

/// The cookie of a split.
#[derive(Clone, Debug)]
pub struct Cohorts {
    name: Arc<str>,
    /// What follows the value, in clear text and under TLS.
    attributes: Arc<[String; 2]>,
}

impl Cohorts {
    /// From the config.
    pub fn compile(cookie: &SplitCookie) -> Self {
        let SplitCookie { name, max_age, same_site } = cookie;
        let attributes =
            [false, true].map(|tls| cookie::attributes(same_site.label(), tls || same_site.needs_tls(), *max_age));
        Self { name: name.as_str().into(), attributes: attributes.into() }
    }

    /// The place that the request's cookie says: the first that is one.
    pub fn place(&self, source: &KeySource<'_>) -> Option<Place> {
        cookie::values(source.headers, &self.name).find_map(Place::parse)
    }

    /// `Set-Cookie` for a client that has got that place.
    pub fn set(&self, place: Place, tls: bool) -> Option<HeaderValue> {
        let attributes = &self.attributes[usize::from(tls)];
        HeaderValue::try_from(format!("{}={}{attributes}", self.name, place.0)).ok()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::HeaderName;

    use super::*;
    use crate::config::model::SameSite;
    use crate::http::Headers;

    #[test]
    fn what_is_a_place() {
        let cases: [(&[u8], Option<u32>); 14] = [
            (b"0", Some(0)),
            (b"7", Some(7)),
            (b"10", Some(10)),
            (b"999999", Some(999_999)),
            (b"1000000", None),
            (b"", None),
            (b"00", None),
            (b"07", None),
            (b"+7", None),
            (b"-1", None),
            (b"7 ", None),
            (b"\"7\"", None),
            (b"0x7", None),
            (b"99999999999999999999999999", None),
        ];
        for (value, expected) in cases {
            assert_eq!(Place::parse(value).map(|place| place.0), expected, "{value:?}");
        }
        assert_eq!((Place::draw(0), Place::draw(u64::MAX)), (Place(0), Place(PLACES - 1)));
        assert_eq!(Place::draw(u64::MAX / 2), Place(PLACES / 2 - 1));
    }

    #[test]
    fn a_client_comes_back_with_what_it_was_given() {
        let mut cookie =
            SplitCookie { name: "cohort".to_owned(), max_age: Some(Duration::from_secs(60)), same_site: SameSite::Lax };
        let cohorts = Cohorts::compile(&cookie);
        let set = |cohorts: &Cohorts, tls| {
            let value = cohorts.set(Place(42), tls).expect("a cookie");
            value.to_str().expect("plain").to_owned()
        };
        let plain = "cohort=42; Path=/; HttpOnly; SameSite=Lax";
        assert_eq!(set(&cohorts, false), format!("{plain}; Max-Age=60"));
        assert_eq!(set(&cohorts, true), format!("{plain}; Secure; Max-Age=60"));
        cookie.max_age = None;
        assert_eq!(set(&Cohorts::compile(&cookie), false), plain);
        let place = |value: &'static str| {
            let field = (HeaderName::from_static("cookie"), HeaderValue::from_static(value));
            let headers: Headers = [field].into_iter().collect();
            cohorts.place(&KeySource { client: None, target: "/", headers: &headers })
        };
        assert_eq!(place("a=b; cohort=42"), Some(Place(42)));
        assert_eq!(place("cohort=evil; cohort=7; cohort=8"), Some(Place(7)), "the first that is one");
        assert_eq!(place("cohort=1000000; cohorts=1"), None);
    }
}
