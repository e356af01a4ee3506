//! Facts of the config as an operator writes them.

use std::time::Duration;

use crate::config::model::{HashOn, Placeholder, Template, TemplatePart, UpstreamProtocol, ValueMatch};

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

pub(super) fn wanted(value: &ValueMatch) -> &str {
    match value {
        ValueMatch::Any => "*",
        ValueMatch::Exact(text) => text,
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
