//! Facts of the config as an operator writes them.

use std::time::Duration;

use http::{HeaderName, Method};

use crate::config::model::{
    HashOn, Hedge, HedgeAfter, Inject, Mirror, Placeholder, Priority, Template, TemplatePart, UpstreamProtocol,
    ValueMatch,
};
use crate::http::Headers;

pub(super) fn protocol(protocol: UpstreamProtocol) -> &'static str {
    match protocol {
        UpstreamProtocol::Http1 => "http/1.1",
        UpstreamProtocol::H2 => "h2",
        UpstreamProtocol::Auto => "auto",
    }
}

pub(super) fn hash_on(on: &HashOn) -> String {
    match on {
        HashOn::ClientIp => "client_ip".to_owned(),
        HashOn::Path => "path".to_owned(),
        HashOn::Header(name) => format!("header:{name}"),
        HashOn::Cookie(name) => format!("cookie:{name}"),
    }
}

/// `30s`, `250ms`, `off`
pub(super) fn duration(duration: Option<Duration>) -> String {
    match duration {
        None => "off".to_owned(),
        Some(some) if some.subsec_millis() == 0 => format!("{}s", some.as_secs()),
        Some(some) => format!("{}ms", some.as_millis()),
    }
}

/// `16MiB`, `512B`; 0 is no limit.
pub(super) fn limit(octets: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    match units.iter().find(|(shift, _)| octets.trailing_zeros() >= *shift) {
        _ if octets == 0 => "no limit".to_owned(),
        Some((shift, unit)) => format!("{}{unit}", octets >> shift),
        None => format!("{octets}B"),
    }
}

/// The template with the placeholders that nobody knows before the request is there left as they stand.
pub(super) fn keep_unknown(template: &Template, client_known: bool) -> Template {
    let unknown = |one: Placeholder| one == Placeholder::RequestId || one == Placeholder::ClientIp && !client_known;
    let part = |part: &TemplatePart| match part {
        TemplatePart::Placeholder(one) if unknown(*one) => TemplatePart::Literal(format!("{{{}}}", one.name())),
        known => known.clone(),
    };
    Template { parts: template.parts.iter().map(part).collect() }
}

/// Which field tells the upstream what is left, and in which unit.
pub(super) fn deadline(name: Option<&HeaderName>) -> String {
    let unit = if name.is_some_and(|name| name == "grpc-timeout") { "as gRPC writes it" } else { "in milliseconds" };
    name.map_or_else(String::new, |name| format!("{name}: what is left, {unit}"))
}

/// When the route is refused for want of room.
pub(super) fn priority(priority: Priority) -> &'static str {
    match priority {
        Priority::Low => "low: refused first when memory or time run out",
        Priority::Normal => "normal: refused when memory or time run out",
        Priority::High => "high: refused late when memory or time run out",
        Priority::Critical => "critical: never refused for want of memory or time",
    }
}

/// Which copies go where.
pub(super) fn mirror(mirror: &Mirror, upstream: &str) -> String {
    let Mirror { upstream: _, share, max_requests, max_body, timeout } = mirror;
    let body = match max_body {
        0 => "without a body".to_owned(),
        octets => format!("with {} of body at most", limit(*octets as u64)),
    };
    let timeout = duration(Some(*timeout));
    format!("{share} of the requests {body}, to {upstream}; {max_requests} at the same time, each {timeout} at most")
}

/// What goes wrong on purpose, and whether with this request.
pub(super) fn inject(inject: &Inject, headers: &Headers) -> String {
    let Inject { delay, abort, headers: wanted } = inject;
    let delay = delay.as_ref().map(|one| format!("{} wait {}", one.share, duration(Some(one.time))));
    let abort = abort.as_ref().map(|one| format!("{} get {}", one.share, one.status.as_u16()));
    let what = [delay, abort].into_iter().flatten().collect::<Vec<_>>().join(", ");
    let is_for =
        |(name, wanted): &(HeaderName, ValueMatch)| wanted.holds(headers.all(name).map(|value| value.as_bytes()));
    match wanted.iter().find(|one| !is_for(one)) {
        None => what,
        Some((name, wanted)) => format!("not this request: {name} is not {}; of the others {what}", wanted.shown()),
    }
}

/// When a second endpoint is asked too.
pub(super) fn hedge(hedge: Option<&Hedge>, method: &Method) -> String {
    let Some(Hedge { after, min }) = hedge else { return String::new() };
    match after {
        _ if !method.is_safe() => format!("none: {method} is not a safe method"),
        HedgeAfter::P95 => {
            format!("a second endpoint after the upstream's p95, {} at least", duration(Some(*min)))
        }
        HedgeAfter::Time(time) => format!("a second endpoint after {}", duration(Some(*time))),
    }
}
