//! Addresses, address ranges and host names.

use std::net::{IpAddr, SocketAddr};

use super::{Read, Wrong};
use crate::config::model::{Cidr, Collector, EndpointAddress, HostPattern, ListenAddress, OriginPattern};
use crate::config::nearest::quoted;

/// `"0.0.0.0:8080"`, `"[::]:8443"`, `"unix:/run/tidegate.sock"`. The path is as written.
pub(in crate::config) fn listen_address(text: &str) -> Read<ListenAddress> {
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

/// `"10.0.0.2"`, `"10.0.0.2:53"`, `"[fd00::2]:53"`; the port is 53 unless said.
pub(in crate::config) fn nameserver(text: &str) -> Read<SocketAddr> {
    let address = text.parse().or_else(|_| text.parse().map(|address: IpAddr| SocketAddr::new(address, 53)));
    address.ok().filter(|address| address.port() != 0).ok_or_else(|| {
        Wrong::new(
            format!("{} is not the address of a name server", quoted(text)),
            "such as \"10.0.0.2\" or \"10.0.0.2:53\"",
        )
    })
}

/// `"srv:_http._tcp.api.internal"`
fn service(text: &str) -> Read<Option<String>> {
    let Some(name) = text.strip_prefix("srv:") else { return Ok(None) };
    if !is_host_name(name) || !name.starts_with('_') {
        let message = format!("{} is not the name of a service", quoted(name));
        return Err(Wrong::new(message, "write it like \"srv:_http._tcp.api.internal\""));
    }
    Ok(Some(name.to_ascii_lowercase()))
}

/// `"127.0.0.1:9000"`, `"api.internal:9000"`, `"unix:/run/app.sock"`, `"srv:_http._tcp.api.internal"`. The path is as written.
pub(in crate::config) fn endpoint_address(text: &str) -> Read<EndpointAddress> {
    if let Some(path) = unix_path(text)? {
        return Ok(EndpointAddress::Unix(path.into()));
    }
    if let Some(name) = service(text)? {
        return Ok(EndpointAddress::Service(name));
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

/// `"example.com"`, `"*.example.com"`.
pub(in crate::config) fn host_pattern(text: &str) -> Read<HostPattern> {
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

/// `"https://app.example.com"`, `"https://*.example.com"`, `"*"`, `"null"`, as browsers write origins (RFC 6454 §6.2).
pub(in crate::config) fn origin(text: &str) -> Read<OriginPattern> {
    let wrong = |help: String| Wrong::new(format!("{} is no origin", quoted(text)), help);
    match text {
        "*" => return Ok(OriginPattern::Any),
        "null" => return Ok(OriginPattern::Exact(text.to_owned())),
        _ => {}
    }
    let origin = text.to_ascii_lowercase();
    let Some((scheme, rest)) = origin.split_once("://") else {
        return Err(wrong(format!("with its scheme: \"https://{origin}\"")));
    };
    if let Some((host, _)) = rest.split_once('/') {
        return Err(wrong(format!("scheme and host alone: \"{scheme}://{host}\"")));
    }
    let (host, port) = split_port(rest).map_or((rest, None), |(host, port)| (host, Some(port)));
    let port = match (scheme, port) {
        // Browsers leave these out.
        (_, None) | ("https", Some(443)) | ("http", Some(80)) => String::new(),
        (_, Some(port)) => format!(":{port}"),
    };
    let bare = host.strip_prefix("*.").unwrap_or(host);
    let bracketed = bare.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let valid = bracketed.map_or_else(|| is_host_name(bare), |inner| inner.parse::<std::net::Ipv6Addr>().is_ok());
    if !valid || bracketed.is_some() && bare != host {
        return Err(wrong("write it like \"https://app.example.com\" or \"https://*.example.com\"".to_owned()));
    }
    Ok(match host.strip_prefix('*') {
        Some(below) => OriginPattern::Below(format!("{scheme}://"), format!("{below}{port}")),
        None => OriginPattern::Exact(format!("{scheme}://{host}{port}")),
    })
}

/// A name for a certificate: a host name or an address.
pub(in crate::config) fn certificate_name(text: &str) -> Read<String> {
    let name = text.strip_prefix("*.").unwrap_or(text);
    if text.parse::<IpAddr>().is_ok() || is_host_name(name) {
        return Ok(text.to_ascii_lowercase());
    }
    let help = "such as \"localhost\", \"*.example.com\" or \"127.0.0.1\"";
    Err(Wrong::new(format!("{} is no name for a certificate", quoted(text)), help))
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
pub(in crate::config) fn cidr(text: &str) -> Read<Cidr> {
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
/// The URL of an OTLP collector.
pub(in crate::config) fn collector(text: &str) -> Read<Collector> {
    let wrong = |help: &str| Wrong::new(format!("{} is not the URL of a collector", quoted(text)), help);
    let such = "write it like \"http://127.0.0.1:4318\" or \"https://otlp.example.com/v1/traces\"";
    let (scheme, rest) = text.split_once("://").ok_or_else(|| wrong(such))?;
    let tls = match scheme {
        "http" => false,
        "https" => true,
        _ => return Err(wrong("the scheme can be http or https, also for gRPC")),
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let usual = if tls { 443 } else { 80 };
    let (host, port) = match split_port(authority) {
        Some((host, port)) if port != 0 => (host, port),
        _ => (authority, usual),
    };
    let host = host.trim_matches(['[', ']']);
    let known = host.parse::<IpAddr>().is_ok() || is_host_name(host);
    if !known || path.contains(|c: char| c.is_whitespace() || c == '#' || !c.is_ascii_graphic()) {
        return Err(wrong(such));
    }
    let path = if path.len() <= 1 { "" } else { path };
    Ok(Collector { tls, authority: authority.to_owned(), host: host.to_owned(), port, path: path.to_owned() })
}
