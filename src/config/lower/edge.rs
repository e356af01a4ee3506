//! What a route decides at the edge, and what it tells browsers.

use std::time::Duration;

use http::HeaderValue;

use super::auth::auth;
use super::compress::switched;
use super::names::Names;
use crate::config::fields::Fields;
use crate::config::model::{
    Access, Bandwidth, Cors, CorsHeaders, EdgePolicies, LimitKey, OriginPattern, RateLimit, SecurityHeaders,
};
use crate::config::nearest::quoted;
use crate::config::raw::Shape;
use crate::config::scalar::{self, Wrong};
use crate::config::words::{PerExchange, ReferrerPolicy};

const YEAR: Duration = Duration::from_secs(365 * 86_400);

pub(super) fn policies(at: &Fields<'_>, upstreams: &Names<'_>) -> EdgePolicies {
    EdgePolicies {
        access: access(at),
        rate_limits: rate_limits(at),
        bandwidth: at.section("bandwidth").map(|at| bandwidth(&at)).unwrap_or_default(),
        auth: auth(at, upstreams),
        cors: cors(at),
        security_headers: switched(at, "security_headers", security_headers),
    }
}

fn access(at: &Fields<'_>) -> Access {
    let access = Access { allow: at.list("allow", scalar::cidr), deny: at.list("deny", scalar::cidr) };
    let both = access.deny.iter().find(|range| access.allow.contains(range));
    if let (Some(range), Some(found)) = (both, at.find("deny")) {
        let message = format!("\"{}/{}\" is in `allow` as well", range.address, range.prefix);
        found.conflict(message, "keep it in one of them; for an exception, name the smaller range");
    }
    access
}

fn rate_limits(at: &Fields<'_>) -> Vec<RateLimit> {
    let Some(found) = at.find("rate_limit") else { return Vec::new() };
    if let Shape::Table(_) = found.node.shape {
        return found.section().and_then(|at| rate_limit(&at)).into_iter().collect();
    }
    found.items().iter().filter_map(|item| item.section()).filter_map(|at| rate_limit(&at)).collect()
}

fn rate_limit(at: &Fields<'_>) -> Option<RateLimit> {
    let rate = at.required("rate").and_then(|found| found.parsed(scalar::rate));
    let name = at.parsed("name", scalar::limit_name);
    let key = at.parsed("key", scalar::limit_key);
    let burst = at.integer("burst");
    if let Some(found) = at.find("max_keys").filter(|_| key == Some(LimitKey::Fixed)) {
        found.no_effect("with key = \"fixed\" there is one key", "leave `max_keys` out");
    }
    let limit = RateLimit {
        name,
        requests: 1,
        period: Duration::ZERO,
        burst: 1,
        key: key.unwrap_or(LimitKey::ClientIp),
        prefix_v4: at.count("prefix_v4"),
        prefix_v6: at.count("prefix_v6"),
        dry_run: at.boolean("dry_run"),
        fields: at.boolean("fields"),
        max_keys: at.count("max_keys"),
    };
    let (requests, period) = rate?;
    Some(RateLimit { requests, period, burst: burst.unwrap_or(requests).min(1 << 20), ..limit })
}

fn bandwidth(at: &Fields<'_>) -> Bandwidth {
    Bandwidth {
        download: at.parsed("download", scalar::byte_rate),
        upload: at.parsed("upload", scalar::byte_rate),
        per_exchange: at.word::<PerExchange>("per").0,
    }
}

fn cors(at: &Fields<'_>) -> Option<Cors> {
    let found = at.find("cors")?;
    if !matches!(found.node.shape, Shape::Table(_)) {
        if found.boolean()? {
            found.wrong(Wrong::new(
                "`true` names no origin",
                "such as cors = { origins = [\"https://app.example.com\"] }",
            ));
        }
        return None;
    }
    let at = found.section()?;
    let origins = at.required("origins").map(|found| found.items()).unwrap_or_default();
    let origins: Vec<_> = origins.iter().filter_map(|item| item.parsed(scalar::origin)).collect();
    if let Some(found) =
        at.find("origins").filter(|found| matches!(&found.node.shape, Shape::List(list) if list.is_empty()))
    {
        found.wrong(Wrong::new("no origin may use this route", "write cors = false, or name an origin"));
    }
    let credentials = at.boolean("credentials");
    if let Some(found) = at.find("credentials").filter(|_| credentials && origins.contains(&OriginPattern::Any)) {
        found.conflict("`credentials` for the origin \"*\": every page could act as its visitor", "name the origins");
    }
    let headers = at.list("headers", |text| if text == "*" { Ok(None) } else { scalar::header_name(text).map(Some) });
    let any = headers.iter().any(Option::is_none);
    Some(Cors {
        origins,
        methods: at.list("methods", scalar::method),
        headers: if any { CorsHeaders::Any } else { CorsHeaders::Only(headers.into_iter().flatten().collect()) },
        expose: at.list("expose", scalar::header_name),
        credentials,
        max_age: at.duration("max_age").unwrap_or_default(),
    })
}

fn security_headers(at: &Fields<'_>) -> SecurityHeaders {
    let value = |text: &str| scalar::header_value(text).and_then(|value| not_empty(text, value));
    let headers = SecurityHeaders {
        hsts: at.duration("hsts"),
        hsts_subdomains: at.boolean("hsts_subdomains"),
        hsts_preload: at.boolean("hsts_preload"),
        nosniff: at.boolean("nosniff"),
        frame_options: at.word("frame_options"),
        referrer_policy: at.word::<ReferrerPolicy>("referrer_policy").0,
        content_security_policy: at.parsed("content_security_policy", value),
        permissions_policy: at.parsed("permissions_policy", value),
        replace: at.boolean("replace"),
    };
    let ready = headers.hsts_subdomains && headers.hsts.is_some_and(|hsts| hsts >= YEAR);
    if let Some(found) = at.find("hsts_preload").filter(|_| headers.hsts_preload && !ready) {
        let help = "set hsts_subdomains = true and leave `hsts` at a year or more";
        found.conflict("the preload lists take no host without its subdomains and a year", help);
    }
    headers
}

fn not_empty(text: &str, value: HeaderValue) -> scalar::Read<HeaderValue> {
    if text.trim().is_empty() {
        return Err(Wrong::new(format!("{} says nothing", quoted(text)), "leave the key out"));
    }
    Ok(value)
}
