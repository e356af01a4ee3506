//! `[resolver]`, and the file of `endpoints_file`.

use crate::config::fields::{Fields, Scope};
use crate::config::keys::ENDPOINTS_FILE;
use crate::config::model::{Endpoint, Resolver};
use crate::config::raw::Table;
use crate::config::scalar;
use crate::config::source::Span;

pub(super) fn resolver(at: &Fields<'_>) -> Resolver {
    let resolver = Resolver {
        nameservers: at.list("nameservers", scalar::nameserver),
        hosts_file: at.boolean("hosts_file"),
        family: at.word("family"),
        timeout: at.duration("lookup_timeout").unwrap_or_default(),
        min_ttl: at.duration("min_ttl").unwrap_or_default(),
        max_ttl: at.duration("max_ttl").unwrap_or_default(),
    };
    for (key, zero) in [("lookup_timeout", resolver.timeout.is_zero()), ("min_ttl", resolver.min_ttl.is_zero())] {
        if let Some(found) = at.find(key).filter(|_| zero) {
            found.wrong(scalar::Wrong::new(format!("`{key}` cannot be 0"), "such as \"1s\""));
        }
    }
    if let Some(found) = at.find("min_ttl").or(at.find("max_ttl")).filter(|_| resolver.max_ttl < resolver.min_ttl) {
        found.conflict("`max_ttl` is below `min_ttl`", "an answer counts for at least `min_ttl` and at most `max_ttl`");
    }
    resolver
}

/// The endpoints of such a file. None at all are what the file says, if it says so.
pub(in crate::config) fn endpoints_of_file<'a>(scope: &'a Scope<'a>, table: &'a Table) -> Vec<Endpoint> {
    let whole = Span { file: 0, start: 0, end: 0 };
    let at = Fields::open(scope, &ENDPOINTS_FILE, String::new(), (table, whole, None));
    at.required("endpoints").map(|found| super::upstream::endpoints(&found)).unwrap_or_default()
}
