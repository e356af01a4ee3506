//! `Cache-Status` (RFC 9211): what this cache did with a request, and why.

use http::{HeaderName, StatusCode};

use crate::http::Headers;
use crate::http::structured::Writer;

use super::policy::{Bypass, Forward};

/// `cache-status`
pub const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// Where the answer came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// From what was stored (`hit`).
    Hit,
    /// From what was stored although a request went to the upstream first, or was to go: why it went, and what was wrong with its answer.
    StaleOnError(Forward),
    /// From the upstream, because of this (`fwd`).
    Forwarded(Forward),
    /// From the upstream; the cache was not asked.
    Bypassed(Bypass),
    /// From nowhere: the client wanted nothing but what was stored (504).
    OnlyIfCached,
}

/// What is told of one exchange.
#[derive(Clone, Copy, Debug)]
pub struct CacheStatus<'a> {
    /// Where the answer came from.
    pub outcome: Outcome,
    /// Status of the upstream's answer, where there was one and it is not the answer's own (`fwd-status`).
    pub fwd_status: Option<StatusCode>,
    /// Whether the upstream's answer is being stored (`stored`).
    pub stored: bool,
    /// Whether the request waited for the fetch of another one (`collapsed`).
    pub collapsed: bool,
    /// Seconds of freshness left; negative where it is stale (`ttl`).
    pub ttl: Option<i64>,
    /// The key, only where somebody debugs (`key`).
    pub key: Option<&'a str>,
    /// The reason in our own word, where it says more than `fwd` (`detail`).
    pub detail: Option<&'static str>,
}

impl CacheStatus<'_> {
    /// With nothing but where the answer came from, and the reason for it.
    pub const fn new(outcome: Outcome) -> Self {
        let detail = match outcome {
            Outcome::Hit => None,
            Outcome::StaleOnError(_) => Some("stale_if_error"),
            Outcome::Forwarded(why) => Some(why.label()),
            Outcome::Bypassed(why) => Some(why.label()),
            Outcome::OnlyIfCached => Some("only_if_cached"),
        };
        Self { outcome, fwd_status: None, stored: false, collapsed: false, ttl: None, key: None, detail }
    }

    /// Adds the member of this cache behind those of the caches nearer to the origin (§2).
    pub fn append(&self, headers: &mut Headers, identity: &str) {
        let mut writer = Writer::token(identity);
        writer = match self.outcome {
            Outcome::Hit => writer.flag("hit"),
            Outcome::StaleOnError(why) | Outcome::Forwarded(why) => writer.token_parameter("fwd", why.fwd()),
            Outcome::Bypassed(why) => writer.token_parameter("fwd", why.fwd()),
            Outcome::OnlyIfCached => writer,
        };
        if let Some(status) = self.fwd_status {
            writer = writer.integer("fwd-status", status.as_u16().into());
        }
        if let Some(ttl) = self.ttl {
            writer = writer.integer("ttl", ttl);
        }
        if self.stored {
            writer = writer.flag("stored");
        }
        if self.collapsed {
            writer = writer.flag("collapsed");
        }
        if let Some(key) = self.key {
            writer = writer.string("key", key);
        }
        if let Some(detail) = self.detail {
            writer = writer.token_parameter("detail", detail);
        }
        headers.append(CACHE_STATUS, writer.value());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::structured;

    fn written(status: CacheStatus<'_>) -> String {
        let mut headers = Headers::new();
        status.append(&mut headers, "Tidegate");
        assert!(structured::list(headers.all(&CACHE_STATUS)).is_some());
        headers.text(&CACHE_STATUS).unwrap().to_owned()
    }

    #[test]
    fn members() {
        let hit = CacheStatus { ttl: Some(376), ..CacheStatus::new(Outcome::Hit) };
        assert_eq!(written(hit), "Tidegate; hit; ttl=376");
        let miss = CacheStatus { stored: true, collapsed: true, ..CacheStatus::new(Outcome::Forwarded(Forward::Miss)) };
        assert_eq!(written(miss), "Tidegate; fwd=uri-miss; stored; collapsed; detail=miss");
        let validated = CacheStatus {
            fwd_status: Some(StatusCode::NOT_MODIFIED),
            ttl: Some(-5),
            key: Some("http://a/\"x\""),
            ..CacheStatus::new(Outcome::Forwarded(Forward::Stale))
        };
        let want = r#"Tidegate; fwd=stale; fwd-status=304; ttl=-5; key="http://a/\"x\""; detail=stale"#;
        assert_eq!(written(validated), want);
        let bypassed = CacheStatus::new(Outcome::Bypassed(Bypass::Method));
        assert_eq!(written(bypassed), "Tidegate; fwd=method; detail=method");
        assert_eq!(written(CacheStatus::new(Outcome::OnlyIfCached)), "Tidegate; detail=only_if_cached");
        let stood_in = CacheStatus::new(Outcome::StaleOnError(Forward::Stale));
        assert_eq!(written(stood_in), "Tidegate; fwd=stale; detail=stale_if_error");
    }

    #[test]
    fn it_stands_behind_the_others() {
        let mut headers = Headers::new();
        headers.append(CACHE_STATUS, http::HeaderValue::from_static("Origin; hit"));
        CacheStatus::new(Outcome::Hit).append(&mut headers, "Tidegate");
        let names = structured::list(headers.all(&CACHE_STATUS)).unwrap();
        assert_eq!(names.len(), 2);
        assert_eq!(names[1].bare(), Some(&structured::Bare::Token("Tidegate".into())));
    }
}
