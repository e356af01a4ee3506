//! Targeted cache control (RFC 9213): a field for this cache alone takes the place of `Cache-Control` and `Expires`.

use http::HeaderName;

use crate::http::Headers;
use crate::http::structured::{self, Bare, Dictionary, Member};

use super::{Options, ResponseDirectives};

/// The field for this program alone; it never leaves the edge.
pub(super) const OURS: HeaderName = HeaderName::from_static("tidegate-cache-control");
/// The field for every cache that a site's own operator runs.
const CDN: HeaderName = HeaderName::from_static("cdn-cache-control");

/// What the response says to this cache: of the first targeted field that is valid and not empty, otherwise of `Cache-Control`.
pub(super) fn directives(headers: &Headers, options: &Options) -> ResponseDirectives {
    let targeted = || {
        [OURS, CDN].iter().find_map(|name| {
            let found = structured::dictionary(headers.all(name)).filter(|found| !found.is_empty())?;
            Some(read(&found))
        })
    };
    if options.targeted
        && let Some(found) = targeted()
    {
        return found;
    }
    ResponseDirectives::read(headers)
}

fn read(found: &Dictionary) -> ResponseDirectives {
    let bare = |name: &str| found.member(name).and_then(Member::bare);
    let flag = |name: &str| bare(name).is_some_and(|value| value.boolean() != Some(false));
    let number = |name: &str| {
        let value = found.member(name)?;
        Some(value.bare().and_then(Bare::integer).and_then(|number| u64::try_from(number).ok()))
    };
    let mut read = ResponseDirectives {
        max_age: number("max-age"),
        s_maxage: number("s-maxage"),
        stale_while_revalidate: number("stale-while-revalidate").map(|number| number.unwrap_or(0)),
        stale_if_error: number("stale-if-error").map(|number| number.unwrap_or(0)),
        no_store: flag("no-store"),
        public: flag("public"),
        must_revalidate: flag("must-revalidate"),
        proxy_revalidate: flag("proxy-revalidate"),
        must_understand: flag("must-understand"),
        targeted: true,
        ..ResponseDirectives::default()
    };
    read.no_cache = flag("no-cache") && !names(&mut read, bare("no-cache"));
    read.private = flag("private") && !names(&mut read, bare("private"));
    read
}

/// Notes the fields that a qualified directive names; `false` where it names none.
fn names(read: &mut ResponseDirectives, value: Option<&Bare>) -> bool {
    read.withhold(value.and_then(Bare::string).map(str::as_bytes))
}
