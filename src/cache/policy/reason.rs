//! Why the cache did not answer, or did not store. Each reason is the word in metrics, logs, `Cache-Status` and docs.

/// Why the cache was not asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bypass {
    /// Neither `GET` nor `HEAD`.
    Method,
    /// A `GET` or `HEAD` with a body, which is no part of the key.
    Body,
    /// The client asks for another protocol.
    Upgrade,
    /// The client forbids to store anything of the exchange (§5.2.1.5).
    RequestNoStore,
    /// A field asks the origin to treat the request as one of another method.
    MethodOverride,
    /// A field asks the origin to treat the request as one for another address.
    UrlOverride,
}

impl Bypass {
    /// All of them.
    pub const ALL: &[Self] =
        &[Self::Method, Self::Body, Self::Upgrade, Self::RequestNoStore, Self::MethodOverride, Self::UrlOverride];

    /// The word for it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::Body => "request_body",
            Self::Upgrade => "upgrade",
            Self::RequestNoStore => "request_no_store",
            Self::MethodOverride => "method_override",
            Self::UrlOverride => "url_override",
        }
    }

    /// `fwd` of RFC 9211 §2.2.
    pub const fn fwd(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::RequestNoStore => "request",
            Self::Body | Self::Upgrade | Self::MethodOverride | Self::UrlOverride => "bypass",
        }
    }
}

/// Why a request that the cache was asked for went to the upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Forward {
    /// Nothing is stored for the key.
    Miss,
    /// What is stored for the key was chosen by other request fields (§4.1).
    VaryMiss,
    /// Recently found not to be storable: no request waits for another.
    HitForMiss,
    /// Older than its freshness (§4.2).
    Stale,
    /// `no-cache` of the response: validated at each use (§5.2.2.4).
    ResponseNoCache,
    /// `no-cache` of the client (§5.2.1.4).
    RequestNoCache,
    /// Older than the client's `max-age` (§5.2.1.1).
    RequestMaxAge,
    /// Not fresh for as long as the client's `min-fresh` (§5.2.1.3).
    RequestMinFresh,
    /// Purged softly.
    Purged,
    /// Only a part is stored.
    Partial,
}

impl Forward {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::Miss,
        Self::VaryMiss,
        Self::HitForMiss,
        Self::Stale,
        Self::ResponseNoCache,
        Self::RequestNoCache,
        Self::RequestMaxAge,
        Self::RequestMinFresh,
        Self::Purged,
        Self::Partial,
    ];

    /// The word for it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Miss => "miss",
            Self::VaryMiss => "vary_miss",
            Self::HitForMiss => "hit_for_miss",
            Self::Stale => "stale",
            Self::ResponseNoCache => "no_cache",
            Self::RequestNoCache => "request_no_cache",
            Self::RequestMaxAge => "request_max_age",
            Self::RequestMinFresh => "request_min_fresh",
            Self::Purged => "purged",
            Self::Partial => "partial",
        }
    }

    /// `fwd` of RFC 9211 §2.2.
    pub const fn fwd(self) -> &'static str {
        match self {
            Self::Miss => "uri-miss",
            Self::VaryMiss => "vary-miss",
            Self::HitForMiss => "miss",
            Self::Stale | Self::ResponseNoCache | Self::Purged => "stale",
            Self::RequestNoCache | Self::RequestMaxAge | Self::RequestMinFresh => "request",
            Self::Partial => "partial",
        }
    }
}

/// Why a response is not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NotStored {
    /// The request was none whose response may be stored.
    Method,
    /// The request had a body, asked for another protocol or another method.
    Request,
    /// `no-store` of the client.
    RequestNoStore,
    /// A status that is not final, 304, or an answer to a field that is no part of the key (412, 416, 417, 431).
    Status,
    /// 206 that is no part which could be stored: to a request for the whole, of several parts, or of a length that nobody knows.
    Partial,
    /// `must-understand` with a status that this cache does not know (§5.2.2.3).
    NotUnderstood,
    /// `no-store`.
    NoStore,
    /// `private`, or a field is there that `private` or `no-cache` names.
    Private,
    /// `Cache-Control` with a quote that nobody closed: what it forbids cannot be known.
    Malformed,
    /// The request had `Authorization` and the response does not allow it (§3.5).
    Authorization,
    /// `Set-Cookie`.
    SetCookie,
    /// `Vary: *`, or more names than a variant is chosen by.
    Vary,
    /// Larger than `max_object`.
    TooLarge,
    /// Neither freshness nor a validator: there would be nothing to use it for.
    NoFreshness,
    /// The body broke off.
    Incomplete,
    /// The store had no room, or the variants of the key were too many.
    Refused,
}

impl NotStored {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::Method,
        Self::Request,
        Self::RequestNoStore,
        Self::Status,
        Self::Partial,
        Self::NotUnderstood,
        Self::NoStore,
        Self::Private,
        Self::Malformed,
        Self::Authorization,
        Self::SetCookie,
        Self::Vary,
        Self::TooLarge,
        Self::NoFreshness,
        Self::Incomplete,
        Self::Refused,
    ];

    /// The word for it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::Request => "request",
            Self::RequestNoStore => "request_no_store",
            Self::Status => "status",
            Self::Partial => "partial",
            Self::NotUnderstood => "not_understood",
            Self::NoStore => "no_store",
            Self::Private => "private",
            Self::Malformed => "malformed",
            Self::Authorization => "authorization",
            Self::SetCookie => "set_cookie",
            Self::Vary => "vary",
            Self::TooLarge => "too_large",
            Self::NoFreshness => "no_freshness",
            Self::Incomplete => "incomplete",
            Self::Refused => "refused",
        }
    }

    /// Whether the reason lies in the one request alone, so that what is stored for all stays as it is.
    pub const fn is_of_request(self) -> bool {
        matches!(self, Self::Method | Self::Request | Self::RequestNoStore | Self::Authorization)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::metrics::CACHE_REASONS;

    /// What the metrics have a place for, on each route: all reasons of a miss, of a validation, of what is served stale and of a bypass.
    #[test]
    fn the_metrics_have_a_place_for_every_reason() {
        const STALE: usize = 3;
        const OTHERS: usize = 2;
        let misses = Forward::ALL.len() + NotStored::ALL.len();
        assert!(misses + Forward::ALL.len() + Bypass::ALL.len() + STALE + OTHERS <= CACHE_REASONS);
    }

    #[test]
    fn no_word_stands_for_two_reasons_of_one_kind() {
        let all = |words: Vec<&'static str>| {
            let set: std::collections::HashSet<_> = words.iter().collect();
            assert_eq!(set.len(), words.len(), "{words:?}");
        };
        all(Forward::ALL.iter().map(|why| why.label()).collect());
        all(NotStored::ALL.iter().map(|why| why.label()).collect());
        all(Bypass::ALL.iter().map(|why| why.label()).collect());
    }
}
