//! What is in a message: fields, methods, hosts, paths.

use std::fmt::Write as _;

use http::{HeaderName, HeaderValue, Method};

use super::{Read, Wrong};
use crate::config::model::{StatusRange, ValueMatch};
use crate::config::nearest::{nearest, quoted};

/// A field name that rules and predicates may use (RFC 9110 §5.1).
pub(in crate::config) fn header_name(text: &str) -> Read<HeaderName> {
    HeaderName::from_bytes(text.as_bytes()).map_err(|_| {
        let help = match text {
            _ if text.starts_with(':') => "names with a colon are not fields; use `hosts`, `path` or `methods`",
            _ => "letters, digits and - such as \"x-request-id\"",
        };
        Wrong::new(format!("{} is not a field name", quoted(text)), help)
    })
}

/// A field name whose field a rule may change.
pub(in crate::config) fn rule_header_name(text: &str) -> Read<HeaderName> {
    const OURS: [&str; 8] = [
        "connection",
        "content-length",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    let name = header_name(text)?;
    if OURS.contains(&name.as_str()) {
        let message = format!("{} belongs to the connection, not to the message", quoted(text));
        return Err(Wrong::new(message, "the proxy sets it itself; leave it out"));
    }
    Ok(name)
}

/// A field value (RFC 9110 §5.5).
pub(in crate::config) fn header_value(text: &str) -> Read<HeaderValue> {
    HeaderValue::from_str(text).map_err(|_| {
        Wrong::new(format!("{} is not a field value", quoted(text)), "no line breaks and no control characters but tab")
    })
}

/// `"canary"`, or `"*"` for anything.
pub(in crate::config) fn value_match(text: &str) -> Read<ValueMatch> {
    Ok(if text == "*" { ValueMatch::Any } else { ValueMatch::Exact(text.to_owned()) })
}

/// A method; they are case-sensitive (RFC 9110 §9.1).
pub(in crate::config) fn method(text: &str) -> Read<Method> {
    let wrong = |help: String| Wrong::new(format!("{} is not a method", quoted(text)), help);
    let method = Method::from_bytes(text.as_bytes()).map_err(|_| wrong("such as \"GET\" or \"POST\"".to_owned()))?;
    if text.bytes().any(|b| b.is_ascii_lowercase()) {
        return Err(wrong(format!("methods are upper case: \"{}\"", text.to_ascii_uppercase())));
    }
    Ok(method)
}

/// A registered method close to one that is not, if there is any.
pub(in crate::config) fn method_meant(method: &Method) -> Option<&'static str> {
    const WELL_KNOWN: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];
    const OTHERS: [&str; 12] = [
        "PURGE",
        "QUERY",
        "REPORT",
        "SEARCH",
        "COPY",
        "MOVE",
        "LOCK",
        "UNLOCK",
        "MKCOL",
        "PROPFIND",
        "PROPPATCH",
        "LINK",
    ];
    let known = WELL_KNOWN.iter().chain(&OTHERS).any(|one| *one == method.as_str());
    if known { None } else { nearest(method.as_str(), WELL_KNOWN) }
}

/// A path or the beginning of one.
pub(in crate::config) fn path(text: &str) -> Read<String> {
    let wrong = |help: String| Wrong::new(format!("{} is not a path", quoted(text)), help);
    if let Some(at) = text.find(['?', '#']) {
        return Err(wrong(format!("the path alone: {}; `query` matches parameters", quoted(&text[..at]))));
    }
    if !text.starts_with('/') {
        return Err(wrong(format!("a path begins with a slash: {}", quoted(&format!("/{text}")))));
    }
    if text.bytes().any(|b| b.is_ascii_control() || b == b' ' || !b.is_ascii()) {
        return Err(wrong(format!("percent-encoded: {}", quoted(&percent_encoded(text)))));
    }
    Ok(text.to_owned())
}

/// A path, perhaps with a query: what a request line names.
pub(in crate::config) fn request_target(text: &str) -> Read<String> {
    let (path, query) = text.split_once('?').map_or((text, ""), |(path, query)| (path, query));
    self::path(path)?;
    if !query.bytes().all(|b| b.is_ascii_graphic() && b != b'#') {
        let help = format!("percent-encoded: {}", quoted(&percent_encoded(text)));
        return Err(Wrong::new(format!("{} is not a path", quoted(text)), help));
    }
    Ok(text.to_owned())
}

/// A host, perhaps with a port: what `Host` says.
pub(in crate::config) fn authority(text: &str) -> Read<String> {
    match text.parse::<http::uri::Authority>() {
        Ok(authority) if !text.contains('@') && !authority.host().is_empty() => Ok(text.to_owned()),
        _ => {
            let help = "a host, perhaps with a port: \"api.internal\" or \"api.internal:8080\"";
            Err(Wrong::new(format!("{} is no host", quoted(text)), help))
        }
    }
}

/// `"200"`, `"200-299"`
pub(in crate::config) fn status_range(text: &str) -> Read<StatusRange> {
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    let number = |text: &str| text.parse::<u16>().ok().filter(|status| (100..=599).contains(status));
    match (number(from), number(to)) {
        (Some(from), Some(to)) if from <= to => Ok(StatusRange { from, to }),
        _ => {
            let help = "a status or a range of them, 100 to 599: \"204\" or \"200-299\"";
            Err(Wrong::new(format!("{} is no status", quoted(text)), help))
        }
    }
}

fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, b| {
        if b.is_ascii_graphic() {
            out.push(b.into());
        } else {
            let _ = write!(out, "%{b:02X}"); // writing to a String cannot fail
        }
        out
    })
}
