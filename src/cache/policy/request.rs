//! Whether a request may be answered from the cache, and what the client demands (§4, §5.2.1).

use http::header::{
    AUTHORIZATION, CACHE_CONTROL, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE,
};
use http::{HeaderName, Method};

use super::{Bypass, Options, RequestDirectives, RequestView};

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestVerdict {
    /// It goes to the upstream. Its response is not stored, but for the one case of a `POST` that [`super::may_store`] allows.
    Bypass(Bypass),
    /// The cache is asked.
    Lookup(Lookup),
}

/// A request that may be answered from the cache; what was read of it, so that nothing reads it again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lookup {
    /// `HEAD`: answered from what a `GET` stored, never stored itself.
    pub head: bool,
    /// There is a `Range`, to be answered from the whole.
    pub range: bool,
    /// There is a precondition, to be evaluated against what is stored.
    pub conditional: bool,
    /// There is `Authorization`: the response is stored only where it says so (§3.5).
    pub authorized: bool,
    /// `Cache-Control`, where the route lets it count. Where `only_if_cached` is set and nothing usable is stored, the answer is 504.
    pub directives: RequestDirectives,
}

/// Fields by which a request asks to be taken for one of another method.
const METHOD_OVERRIDES: [HeaderName; 3] = [
    HeaderName::from_static("x-http-method-override"),
    HeaderName::from_static("x-http-method"),
    HeaderName::from_static("x-method-override"),
];

/// Fields by which a request asks some origins to be taken for one for another address, which is not the one in the key.
const URL_OVERRIDES: [HeaderName; 3] = [
    HeaderName::from_static("x-original-url"),
    HeaderName::from_static("x-rewrite-url"),
    HeaderName::from_static("x-http-host-override"),
];

/// Looks at a request once.
pub fn request(view: &RequestView<'_>, options: &Options) -> RequestVerdict {
    let head = view.method == Method::HEAD;
    if !head && view.method != Method::GET {
        return RequestVerdict::Bypass(Bypass::Method);
    }
    if view.has_body {
        return RequestVerdict::Bypass(Bypass::Body);
    }
    if view.upgrades {
        return RequestVerdict::Bypass(Bypass::Upgrade);
    }
    let mut lookup = Lookup { head, authorized: view.authenticated, ..Lookup::default() };
    for (name, value) in view.headers.iter() {
        if name == CACHE_CONTROL {
            if options.client_directives {
                lookup.directives.read(value);
            }
        } else if name == RANGE {
            lookup.range = true;
        } else if is_condition(name) {
            lookup.conditional = true;
        } else if name == AUTHORIZATION {
            lookup.authorized = true;
        } else if METHOD_OVERRIDES.contains(name) {
            return RequestVerdict::Bypass(Bypass::MethodOverride);
        } else if URL_OVERRIDES.contains(name) {
            return RequestVerdict::Bypass(Bypass::UrlOverride);
        }
    }
    if lookup.directives.no_store {
        return RequestVerdict::Bypass(Bypass::RequestNoStore);
    }
    RequestVerdict::Lookup(lookup)
}

/// Whether a field is a precondition (RFC 9110 §13.1).
pub(super) fn is_condition(name: &HeaderName) -> bool {
    [IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_MATCH, IF_UNMODIFIED_SINCE, IF_RANGE].contains(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::policy::tests::{Ask, headers};

    #[test]
    fn requests() {
        let lookup = |change: fn(&mut Lookup)| {
            let mut lookup = Lookup::default();
            change(&mut lookup);
            RequestVerdict::Lookup(lookup)
        };
        for (method, fields, want) in [
            (Method::GET, &[][..], lookup(|_| {})),
            (Method::HEAD, &[], lookup(|found| found.head = true)),
            (Method::GET, &[("range", "bytes=0-1")], lookup(|found| found.range = true)),
            (Method::GET, &[("if-none-match", "\"a\"")], lookup(|found| found.conditional = true)),
            (Method::GET, &[("if-range", "\"a\"")], lookup(|found| found.conditional = true)),
            (Method::GET, &[("authorization", "x")], lookup(|found| found.authorized = true)),
            (Method::GET, &[("cookie", "a=b"), ("pragma", "no-cache")], lookup(|_| {})),
            (
                Method::GET,
                &[("cache-control", "only-if-cached")],
                lookup(|found| found.directives.only_if_cached = true),
            ),
            (Method::GET, &[("cache-control", "no-store")], RequestVerdict::Bypass(Bypass::RequestNoStore)),
            (Method::GET, &[("x-http-method-override", "DELETE")], RequestVerdict::Bypass(Bypass::MethodOverride)),
            (Method::GET, &[("x-original-url", "/admin")], RequestVerdict::Bypass(Bypass::UrlOverride)),
            (Method::POST, &[], RequestVerdict::Bypass(Bypass::Method)),
            (Method::OPTIONS, &[], RequestVerdict::Bypass(Bypass::Method)),
        ] {
            let ask = Ask::new(method.clone(), "/", headers(fields));
            assert_eq!(request(&ask.view(), &Options::default()), want, "{method} {fields:?}");
        }
    }

    #[test]
    fn a_body_and_an_upgrade_stay_out() {
        let ask = Ask::get("/");
        let with_body = RequestView { has_body: true, ..ask.view() };
        assert_eq!(request(&with_body, &Options::default()), RequestVerdict::Bypass(Bypass::Body));
        let upgrade = RequestView { upgrades: true, ..ask.view() };
        assert_eq!(request(&upgrade, &Options::default()), RequestVerdict::Bypass(Bypass::Upgrade));
    }

    #[test]
    fn a_route_may_not_listen_to_the_client() {
        let ask = Ask::new(Method::GET, "/", headers(&[("cache-control", "no-store, no-cache")]));
        let options = Options { client_directives: false, ..Options::default() };
        assert_eq!(request(&ask.view(), &options), RequestVerdict::Lookup(Lookup::default()));
    }
}
