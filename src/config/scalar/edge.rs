//! Rates, and what limits count by.

use std::sync::Arc;
use std::time::Duration;

use super::{Read, Wrong, duration, hash_on, name, size};
use crate::config::model::{HashOn, LimitKey};
use crate::config::nearest::quoted;

/// `"100/s"`, `"5/10s"`, `"1000/d"`: requests, and the time.
pub(in crate::config) fn rate(text: &str) -> Read<(u32, Duration)> {
    const FASTEST: u64 = 1_000_000;
    let wrong = |help: &str| Wrong::new(format!("{} is not a rate", quoted(text)), help);
    let example = "write it like \"100/s\", \"600/m\" or \"5/10s\"";
    let (requests, period) = text.split_once('/').ok_or_else(|| wrong(example))?;
    let requests = requests.trim().parse::<u32>().map_err(|_| wrong(example))?;
    let period = period.trim();
    let bare = period.starts_with(|c: char| c.is_alphabetic());
    let period = duration(&if bare { format!("1{period}") } else { period.to_owned() });
    let period = period.map_err(|_| wrong(example))?.ok_or_else(|| wrong(example))?;
    if requests == 0 {
        return Err(wrong("at least one request; a route that nobody may use has deny = [\"0.0.0.0/0\", \"::/0\"]"));
    }
    if u128::from(requests) * 1000 > u128::from(FASTEST) * period.as_millis() {
        return Err(wrong("at most a million requests in a second"));
    }
    Ok((requests, period))
}

/// `"1MiB/s"`, in octets of a second.
pub(in crate::config) fn byte_rate(text: &str) -> Read<u64> {
    let wrong = |help: &str| Wrong::new(format!("{} is not a rate", quoted(text)), help);
    let octets = text.strip_suffix("/s").ok_or_else(|| wrong("octets of a second: \"1MiB/s\""))?;
    match size(octets.trim_end()) {
        Ok(0) => Err(wrong("at least \"1B/s\"; leave the key out for no limit")),
        Ok(octets) => Ok(octets),
        Err(Wrong { help, .. }) => Err(wrong(&help)),
    }
}

/// `"client_ip"`, `"path"`, `"fixed"`, `"identity"`, `"header:NAME"`, `"cookie:NAME"`.
pub(in crate::config) fn limit_key(text: &str) -> Read<LimitKey> {
    match text {
        "fixed" => return Ok(LimitKey::Fixed),
        "identity" => return Ok(LimitKey::Identity),
        _ => {}
    }
    match hash_on(text) {
        Ok(HashOn::ClientIp) => Ok(LimitKey::ClientIp),
        Ok(HashOn::Path) => Ok(LimitKey::Path),
        Ok(HashOn::Header(name)) => Ok(LimitKey::Header(name)),
        Ok(HashOn::Cookie(name)) => Ok(LimitKey::Cookie(name)),
        Err(_) => {
            let help = "\"client_ip\", \"path\", \"header:NAME\", \"cookie:NAME\", \"identity\" or \"fixed\"";
            Err(Wrong::new(format!("{} is nothing to count by", quoted(text)), help))
        }
    }
}

/// A name of a limit, which stands in response fields: ASCII.
pub(in crate::config) fn limit_name(text: &str) -> Read<Arc<str>> {
    name(text)?;
    if !text.is_ascii() {
        return Err(Wrong::new(format!("{} cannot stand in a response field", quoted(text)), "use ASCII letters"));
    }
    Ok(text.into())
}
