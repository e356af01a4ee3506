//! The names that a certificate is good for, and whether a host is one of them (RFC 9525 §6).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;

/// The subject alternative names of a certificate. The common name does not count (RFC 9525 §2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    exact: Vec<Box<str>>,
    /// `*.example.com` as `example.com`.
    wildcard: Vec<Box<str>>,
    addresses: Vec<IpAddr>,
}

impl Names {
    /// The names in a certificate.
    pub(super) fn of(certificate: &X509Certificate<'_>) -> Self {
        let mut names = Self::default();
        if let Ok(Some(extension)) = certificate.subject_alternative_name() {
            for name in &extension.value.general_names {
                match name {
                    GeneralName::DNSName(name) => names.add_host(name),
                    GeneralName::IPAddress(octets) => names.addresses.extend(address(octets)),
                    _ => {}
                }
            }
        }
        names
    }

    fn add_host(&mut self, name: &str) {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        match name.strip_prefix("*.") {
            Some(parent) if !parent.contains('*') && !parent.is_empty() => self.wildcard.push(parent.into()),
            // A star anywhere else matches nothing.
            None if !name.contains('*') && !name.is_empty() => self.exact.push(name.into()),
            _ => {}
        }
    }

    /// Host names that match as they stand, lower case.
    pub fn exact(&self) -> impl Iterator<Item = &str> {
        self.exact.iter().map(AsRef::as_ref)
    }

    /// Wildcards without their `*.`, lower case.
    pub fn wildcard(&self) -> impl Iterator<Item = &str> {
        self.wildcard.iter().map(AsRef::as_ref)
    }

    /// Whether there is no name at all.
    pub fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.wildcard.is_empty() && self.addresses.is_empty()
    }

    /// Whether the certificate is good for that host: an address as it stands in an authority without its brackets, or a
    /// name in any case, with or without the dot of the root. A wildcard stands for exactly one label.
    pub fn covers(&self, host: &str) -> bool {
        if let Ok(address) = host.parse::<IpAddr>() {
            return self.addresses.contains(&address.to_canonical());
        }
        let host = host.strip_suffix('.').unwrap_or(host);
        self.exact.iter().any(|name| name.eq_ignore_ascii_case(host))
            || host.split_once('.').is_some_and(|(label, parent)| {
                !label.is_empty() && self.wildcard.iter().any(|name| name.eq_ignore_ascii_case(parent))
            })
    }
}

impl std::fmt::Display for Names {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let exact = self.exact.iter().map(ToString::to_string);
        let wildcard = self.wildcard.iter().map(|parent| format!("*.{parent}"));
        let addresses = self.addresses.iter().map(ToString::to_string);
        f.write_str(&exact.chain(wildcard).chain(addresses).collect::<Vec<_>>().join(", "))
    }
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(octets).map(|octets| IpAddr::V4(Ipv4Addr::from(octets)));
    let v6 = <[u8; 16]>::try_from(octets).map(|octets| IpAddr::V6(Ipv6Addr::from(octets)));
    v4.or(v6).ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(hosts: &[&str], addresses: &[&str]) -> Names {
        let mut names = Names::default();
        hosts.iter().for_each(|host| names.add_host(host));
        names.addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        names
    }

    #[test]
    fn a_wildcard_is_one_label_and_an_address_is_itself() {
        let names =
            names(&["Example.com", "*.example.com", "f*.example.org", "*", "*.*.example.net"], &["192.0.2.1", "::1"]);
        let table = [
            ("example.com", true),
            ("EXAMPLE.com", true),
            ("example.com.", true),
            ("a.example.com", true),
            ("A.Example.Com", true),
            ("a.b.example.com", false),
            (".example.com", false),
            ("*.example.com", true),
            ("example.org", false),
            ("foo.example.org", false),
            ("a.b.example.net", false),
            ("com", false),
            ("", false),
            (".", false),
            ("192.0.2.1", true),
            ("::ffff:192.0.2.1", true),
            ("192.0.2.2", false),
            ("::1", true),
            ("0:0:0:0:0:0:0:1", true),
            ("::2", false),
        ];
        for (host, expected) in table {
            assert_eq!(names.covers(host), expected, "{host}");
        }
    }
}
