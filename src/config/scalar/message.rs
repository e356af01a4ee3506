//! What is in a message: fields, methods, hosts, paths.

use std::fmt::Write as _;

use http::{HeaderName, HeaderValue, Method};

use super::{Read, Wrong};
use crate::config::model::ValueMatch;
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
