//! One text to one value: durations, sizes, addresses, names. Pure; each failure says what would be right.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Method};
use regex::Regex;

use super::model::{Cidr, EndpointAddress, HashOn, HostPattern, ListenAddress, Template, ValueMatch};
use super::nearest::{nearest, quoted};

/// Why a text is no such value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) message: String,
    pub(super) help: String,
    /// Which octets of the text, where that is less than all of it.
    pub(super) part: Option<(usize, usize)>,
}

impl Wrong {
    pub(super) fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into(), part: None }
    }
}

/// What a text becomes.
pub(super) type Read<T> = Result<T, Wrong>;

/// `"30s"`, `"250ms"`, `"1m30s"`; `"off"` and `"0s"` are `None`.
pub(super) fn duration(text: &str) -> Read<Option<Duration>> {
    const UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
    let wrong = |help: &str| Wrong::new(format!("{} is not a duration", quoted(text)), help);
    let example = "write it like \"30s\", \"250ms\", \"1m30s\" or \"off\"";
    if text == "off" {
        return Ok(None);
    }
    let mut rest = text;
    let mut total = 0_u64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let number = rest[..digits].parse::<u64>().map_err(|_| wrong(example))?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len());
        let unit = &rest[..letters];
        rest = &rest[letters..];
        let Some((_, scale)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            let help = match unit {
                "" if digits == text.len() => format!("with a unit: \"{text}s\" or \"{text}ms\""),
                "" => example.to_owned(),
                _ => format!("{} is no unit; the units are ms, s, m, h and d", quoted(unit)),
            };
            return Err(wrong(&help));
        };
        total = number.checked_mul(*scale).and_then(|part| total.checked_add(part)).ok_or_else(|| wrong(example))?;
    }
    if text.is_empty() {
        return Err(wrong(example));
    }
    if total > 365 * 86_400_000 {
        return Err(Wrong::new(format!("{} is more than a year", quoted(text)), "write \"off\" for no limit at all"));
    }
    Ok(Some(Duration::from_millis(total)).filter(|duration| !duration.is_zero()))
}

/// `"16MiB"`, `"512B"`, `"65536"`.
pub(super) fn size(text: &str) -> Read<u64> {
    const UNITS: [(&str, u32); 5] = [("", 0), ("B", 0), ("KiB", 10), ("MiB", 20), ("GiB", 30)];
    let example = "write it like \"512B\", \"64KiB\", \"16MiB\" or \"2GiB\"";
    let wrong = |help: String| Wrong::new(format!("{} is not a size", quoted(text)), help);
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().map_err(|_| wrong(example.to_owned()))?;
    let unit = text[digits..].trim_start();
    let Some((_, shift)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        let guess = match unit.to_ascii_lowercase().chars().next() {
            Some('k') => "KiB",
            Some('m') => "MiB",
            Some('g') => "GiB",
            Some('b') => "B",
            _ => return Err(wrong(example.to_owned())),
        };
        return Err(wrong(format!("write \"{number}{guess}\"; the units are B, KiB, MiB and GiB")));
    };
    number.checked_mul(1 << shift).ok_or_else(|| wrong(example.to_owned()))
}

/// Octets as a person writes them.
pub(super) fn show_size(octets: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    let fits = units.iter().find(|(shift, _)| octets != 0 && octets.trailing_zeros() >= *shift);
    fits.map_or_else(|| format!("{octets}B"), |(shift, unit)| format!("{}{unit}", octets >> shift))
}

/// `"0.0.0.0:8080"`, `"[::]:8443"`, `"unix:/run/tidegate.sock"`. The path is as written.
pub(super) fn listen_address(text: &str) -> Read<ListenAddress> {
    if let Some(path) = unix_path(text)? {
        return Ok(ListenAddress::Unix(path.into()));
    }
    text.parse().map(ListenAddress::Tcp).map_err(|_| {
        let message = format!("{} is not an address to listen on", quoted(text));
        Wrong::new(message, listen_address_help(text))
    })
}

fn listen_address_help(text: &str) -> String {
    if text.parse::<u16>().is_ok() {
        return format!("write \"0.0.0.0:{text}\", \"[::]:{text}\" or \"127.0.0.1:{text}\"");
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        return format!("add the port: \"{}\"", SocketAddr::new(address, 8080));
    }
    match split_port(text) {
        Some(("" | "*", port)) => format!("write \"0.0.0.0:{port}\" or \"[::]:{port}\""),
        Some(("localhost", port)) => format!("write \"127.0.0.1:{port}\" or \"[::1]:{port}\""),
        Some((host, port)) if host.parse::<std::net::Ipv6Addr>().is_ok() => format!("write \"[{host}]:{port}\""),
        Some((_, port)) => format!("a listener binds to an address, not to a name: \"0.0.0.0:{port}\""),
        None => "write it like \"0.0.0.0:8080\", \"[::]:8443\" or \"unix:/run/tidegate.sock\"".to_owned(),
    }
}

fn split_port(text: &str) -> Option<(&str, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    Some((host, port.parse().ok()?))
}

fn unix_path(text: &str) -> Read<Option<&str>> {
    /// `sun_path` on Linux, with its final NUL.
    const LONGEST: usize = 107;
    let Some(path) = text.strip_prefix("unix:") else { return Ok(None) };
    let path = path.strip_prefix("//").unwrap_or(path);
    if path.is_empty() || path.contains('\0') {
        return Err(Wrong::new("a unix socket needs a path", "write it like \"unix:/run/app.sock\""));
    }
    if path.len() > LONGEST {
        let message = format!("the path of a unix socket has at most {LONGEST} octets; this one has {}", path.len());
        return Err(Wrong::new(message, "choose a shorter path"));
    }
    Ok(Some(path))
}

/// `"127.0.0.1:9000"`, `"api.internal:9000"`, `"unix:/run/app.sock"`. The path is as written.
pub(super) fn endpoint_address(text: &str) -> Read<EndpointAddress> {
    if let Some(path) = unix_path(text)? {
        return Ok(EndpointAddress::Unix(path.into()));
    }
    let wrong = |help: String| Wrong::new(format!("{} is not the address of an endpoint", quoted(text)), help);
    if let Some((scheme, rest)) = text.split_once("://") {
        let rest = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let port = if scheme == "https" { 443 } else { 80 };
        let rest = if split_port(rest).is_some() { rest.to_owned() } else { format!("{rest}:{port}") };
        let tls = if scheme == "https" { ", and add [upstreams.NAME.tls] for TLS" } else { "" };
        return Err(wrong(format!("no scheme and no path: \"{rest}\"{tls}")));
    }
    if let Ok(address) = text.parse::<SocketAddr>() {
        return if address.port() == 0 {
            Err(wrong("a port from 1 to 65535".to_owned()))
        } else {
            Ok(EndpointAddress::Ip(address))
        };
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        return Err(wrong(format!("add the port: \"{}\"", SocketAddr::new(address, 80))));
    }
    let Some((host, port)) = split_port(text).filter(|(_, port)| *port != 0) else {
        let named = is_host_name(text);
        return Err(wrong(match named {
            true => format!("add the port: \"{text}:80\""),
            false => "write it like \"127.0.0.1:9000\", \"api.internal:9000\" or \"unix:/run/app.sock\"".to_owned(),
        }));
    };
    if host.parse::<std::net::Ipv6Addr>().is_ok() {
        return Err(wrong(format!("write \"[{host}]:{port}\"")));
    }
    if !is_host_name(host) || looks_like_ipv4(host) {
        return Err(wrong(format!("{} is no host name: letters, digits, - and dots", quoted(host))));
    }
    Ok(EndpointAddress::Name { host: host.to_ascii_lowercase(), port })
}

/// RFC 1123 §2.1, and the underscore that container names have.
fn is_host_name(host: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.len() <= 253 && host.strip_suffix('.').unwrap_or(host).split('.').all(label)
}

/// A name whose last label is a number can only be a mistyped address.
fn looks_like_ipv4(host: &str) -> bool {
    host.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()))
}

/// `"10.0.0.0/8"`, `"::1"`.
pub(super) fn cidr(text: &str) -> Read<Cidr> {
    let wrong = |help: String| Wrong::new(format!("{} is not an address range", quoted(text)), help);
    let example = || wrong("write it like \"10.0.0.0/8\", \"2001:db8::/32\" or one address".to_owned());
    let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
    let address: IpAddr = address.parse().map_err(|_| example())?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let prefix = match prefix {
        None => most,
        Some(prefix) => {
            let prefix = prefix.parse::<u8>().map_err(|_| example())?;
            Some(prefix)
                .filter(|&prefix| prefix <= most)
                .ok_or_else(|| wrong(format!("the prefix is at most {most} bits")))?
        }
    };
    let range = Cidr { address: network(address, prefix), prefix };
    if range.address != address {
        let help = format!("write \"{}/{prefix}\" for the range, or \"{address}\" for the one address", range.address);
        return Err(Wrong::new(format!("{} has bits set beyond its prefix", quoted(text)), help));
    }
    Ok(range)
}

fn network(address: IpAddr, prefix: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
            IpAddr::V4((v4.to_bits() & mask).into())
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
            IpAddr::V6((v6.to_bits() & mask).into())
        }
    }
}

/// A field name that rules and predicates may use (RFC 9110 §5.1).
pub(super) fn header_name(text: &str) -> Read<HeaderName> {
    HeaderName::from_bytes(text.as_bytes()).map_err(|_| {
        let help = match text {
            _ if text.starts_with(':') => "names with a colon are not fields; use `hosts`, `path` or `methods`",
            _ => "letters, digits and - such as \"x-request-id\"",
        };
        Wrong::new(format!("{} is not a field name", quoted(text)), help)
    })
}

/// A field name whose field a rule may change.
pub(super) fn rule_header_name(text: &str) -> Read<HeaderName> {
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
pub(super) fn header_value(text: &str) -> Read<HeaderValue> {
    HeaderValue::from_str(text).map_err(|_| {
        Wrong::new(format!("{} is not a field value", quoted(text)), "no line breaks and no control characters but tab")
    })
}

/// `"canary"`, or `"*"` for anything.
pub(super) fn value_match(text: &str) -> Read<ValueMatch> {
    Ok(if text == "*" { ValueMatch::Any } else { ValueMatch::Exact(text.to_owned()) })
}

/// A method; they are case-sensitive (RFC 9110 §9.1).
pub(super) fn method(text: &str) -> Read<Method> {
    let wrong = |help: String| Wrong::new(format!("{} is not a method", quoted(text)), help);
    let method = Method::from_bytes(text.as_bytes()).map_err(|_| wrong("such as \"GET\" or \"POST\"".to_owned()))?;
    if text.bytes().any(|b| b.is_ascii_lowercase()) {
        return Err(wrong(format!("methods are upper case: \"{}\"", text.to_ascii_uppercase())));
    }
    Ok(method)
}

/// A registered method close to one that is not, if there is any.
pub(super) fn method_meant(method: &Method) -> Option<&'static str> {
    const COMMON: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];
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
    let known = COMMON.iter().chain(&OTHERS).any(|one| *one == method.as_str());
    if known { None } else { nearest(method.as_str(), COMMON) }
}

/// `"example.com"`, `"*.example.com"`.
pub(super) fn host_pattern(text: &str) -> Read<HostPattern> {
    let wrong = |help: String| Wrong::new(format!("{} is not a host", quoted(text)), help);
    let host = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    if host.is_empty() || host == "*" {
        return Err(wrong("leave `hosts` out to match any host".to_owned()));
    }
    if let Some((_, rest)) = host.split_once("://") {
        return Err(wrong(format!("the host alone: \"{}\"", rest.split(['/', ':']).next().unwrap_or_default())));
    }
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let valid = address.parse::<std::net::Ipv6Addr>().is_ok();
        return if valid {
            Ok(HostPattern::Exact(host))
        } else {
            Err(wrong("no IPv6 address in the brackets".to_owned()))
        };
    }
    if host.parse::<std::net::Ipv6Addr>().is_ok() {
        return Err(wrong(format!("write \"[{host}]\"")));
    }
    if let Some((name, _)) = split_port(&host) {
        return Err(wrong(format!("without the port: \"{name}\" (routes choose ports by `listeners`)")));
    }
    if !host.is_ascii() {
        return Err(wrong("international names in their ASCII form, which begins with xn--".to_owned()));
    }
    let (wildcard, name) = host.strip_prefix("*.").map_or((false, host.as_str()), |name| (true, name));
    if name.contains('*') {
        return Err(wrong("a * can only be the first label: \"*.example.com\"".to_owned()));
    }
    if !is_host_name(name) {
        return Err(wrong("write it like \"example.com\" or \"*.example.com\"".to_owned()));
    }
    let name = name.to_owned();
    Ok(if wildcard { HostPattern::Wildcard(name) } else { HostPattern::Exact(name) })
}

/// A path or the beginning of one.
pub(super) fn path(text: &str) -> Read<String> {
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

/// A regular expression without back-references, in linear time.
pub(super) fn regex(text: &str) -> Read<Regex> {
    Regex::new(text).map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => {
            Wrong::new("this regular expression is too large", "smaller repetitions, or fewer of them")
        }
        error => {
            let all = error.to_string();
            let reason = all.lines().rev().find_map(|line| line.trim().strip_prefix("error: "));
            let message = format!("not a regular expression: {}", reason.unwrap_or("it cannot be read"));
            Wrong::new(message, "the syntax is that of https://docs.rs/regex; '...' quotes spare double backslashes")
        }
    })
}

/// A text with placeholders.
pub(super) fn template(text: &str) -> Read<Template> {
    Template::parse(text).map_err(|error| Wrong {
        message: error.to_string(),
        help: error.help(),
        part: Some(error.span()),
    })
}

/// `"client_ip"`, `"path"`, `"header:NAME"`, `"cookie:NAME"`.
pub(super) fn hash_on(text: &str) -> Read<HashOn> {
    match text.split_once(':') {
        None if text == "client_ip" => Ok(HashOn::ClientIp),
        None if text == "path" => Ok(HashOn::Path),
        Some(("header", name)) => header_name(name).map(HashOn::Header),
        Some(("cookie", name)) if HeaderName::from_bytes(name.as_bytes()).is_ok() => {
            Ok(HashOn::Cookie(name.to_owned()))
        }
        _ => {
            let help = "\"client_ip\", \"path\", \"header:NAME\" or \"cookie:NAME\"";
            Err(Wrong::new(format!("{} is nothing to decide by", quoted(text)), help))
        }
    }
}

/// A name of a listener, an upstream or a route: it appears in logs, metrics and messages.
pub(super) fn name(text: &str) -> Read<()> {
    const LONGEST: usize = 100;
    let plain = |c: char| c.is_alphanumeric() || "._-/:@+ ".contains(c);
    if text.is_empty() || text.chars().count() > LONGEST || !text.chars().all(plain) || text.trim() != text {
        let help = format!("1 to {LONGEST} letters, digits, or any of . _ - / : @ +");
        return Err(Wrong::new(format!("{} cannot be a name", quoted(text)), help));
    }
    Ok(())
}

/// A protocol to upgrade to (RFC 9110 §7.8), lower case.
pub(super) fn upgrade(text: &str) -> Read<String> {
    match HeaderName::from_bytes(text.replace('/', "-").as_bytes()) {
        Ok(_) => Ok(text.to_ascii_lowercase()),
        Err(_) => Err(Wrong::new(format!("{} is not a protocol", quoted(text)), "such as \"websocket\"")),
    }
}

/// A name for a certificate: a host name or an address.
pub(super) fn certificate_name(text: &str) -> Read<String> {
    let name = text.strip_prefix("*.").unwrap_or(text);
    if text.parse::<IpAddr>().is_ok() || is_host_name(name) {
        return Ok(text.to_ascii_lowercase());
    }
    let help = "such as \"localhost\", \"*.example.com\" or \"127.0.0.1\"";
    Err(Wrong::new(format!("{} is no name for a certificate", quoted(text)), help))
}

/// One file name or a path below a folder: nothing that leads out of it.
pub(super) fn inner_path(text: &str) -> Read<String> {
    use std::path::Component::{CurDir, Normal};
    let path = text.strip_prefix('/').unwrap_or(text);
    let inside = Path::new(path).components().all(|part| matches!(part, Normal(_) | CurDir));
    if path.is_empty() || !inside || path.contains('\0') {
        let help = "a path inside `root`, such as \"index.html\"";
        return Err(Wrong::new(format!("{} leads out of the folder", quoted(text)), help));
    }
    Ok(path.to_owned())
}
