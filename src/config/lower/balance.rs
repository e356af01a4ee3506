//! `[upstreams.NAME]`: which endpoint takes a request, and when one is kept out.

use std::sync::Arc;

use crate::config::fields::Fields;
use crate::config::model::{Balance, HashOn, Outlier, Spread, Sticky, StickySecret};
use crate::config::raw::Table;
use crate::config::scalar::{self, Wrong};

/// Octets of a secret.
const SHORTEST: usize = 16;

/// What `balance` needs beside its name.
pub(super) fn spread(at: &Fields<'_>, balance: Balance) -> Spread {
    let hash_on = at.parsed("hash_on", scalar::hash_on).unwrap_or(HashOn::ClientIp);
    let hash_balance_factor = at.parsed("hash_balance_factor", scalar::factor).unwrap_or(150);
    let hashes = matches!(balance, Balance::Hash | Balance::Maglev);
    if let Some(found) = at.find("hash_on").filter(|_| !hashes && hash_on != HashOn::ClientIp) {
        found.no_effect("`hash_on` has no effect with this `balance`", "write balance = \"hash\" or \"maglev\"");
    }
    if let Some(found) =
        at.find("hash_balance_factor").filter(|_| balance != Balance::Hash && hash_balance_factor != 150)
    {
        found.no_effect("`hash_balance_factor` has no effect with this `balance`", "write balance = \"hash\"");
    }
    Spread {
        hash_on,
        hash_balance_factor,
        sticky: at.section("sticky").and_then(|at| sticky(&at)),
        slow_start: at.duration("slow_start"),
        panic_threshold: at.parsed("panic_threshold", scalar::percent).unwrap_or_default(),
    }
}

/// A zone's name; an empty one, such as from an unset variable, is none.
pub(super) fn zone(at: &Fields<'_>) -> Option<Arc<str>> {
    let text = at.find("zone")?.text()?;
    (!text.is_empty()).then(|| text.as_ref().into())
}

fn sticky(at: &Fields<'_>) -> Option<Sticky> {
    if let (Some(_), Some(found)) = (at.find("secret"), at.find("secret_file")) {
        found.conflict("`secret` and `secret_file` in one place", "keep one of them");
    }
    let secret = at.parsed("secret", |text| match text.len() {
        0..SHORTEST => Err(Wrong::new("this secret is too short", "16 characters or more, by chance")),
        _ => Ok(StickySecret::Text(text.to_owned())),
    });
    let file = at.file("secret_file").map(StickySecret::File);
    let (max_age, same_site) = (at.duration("max_age"), at.word("same_site"));
    let cookie = at.required("cookie")?.parsed(scalar::cookie_name)?;
    Some(Sticky { cookie, secret: secret.or(file), max_age, same_site })
}

/// `[upstreams.NAME.outlier]`
pub(super) fn outlier(upstream: &Fields<'_>) -> Outlier {
    let nothing = Table::default();
    let at = upstream.section_or("outlier", &nothing);
    Outlier {
        enabled: at.boolean("enabled"),
        consecutive_failures: at.count("consecutive_failures"),
        interval: at.duration("interval").unwrap_or(Outlier::PLAIN.interval),
        base_ejection: at.duration("base_ejection").unwrap_or_default(),
        max_ejection: at.duration("max_ejection").unwrap_or_default(),
        max_ejected: at.parsed("max_ejected", scalar::percent).unwrap_or_default(),
        success_rate: at.boolean("success_rate"),
        success_rate_margin: at.parsed("success_rate_margin", scalar::percent).unwrap_or_default(),
        success_rate_requests: at.count("success_rate_requests"),
        latency: at.boolean("latency"),
        latency_factor: at.count("latency_factor"),
        latency_margin: at.duration("latency_margin").unwrap_or_default(),
        latency_requests: at.count("latency_requests"),
    }
}
