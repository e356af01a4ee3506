//! What of an exchange is kept out of logs, taps and traces. Cookies, `Authorization` and bodies are never in them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::config::model::{LogClient, LogQuery, LogRedaction};
use crate::observe::access_log::Field;

/// What stands in the place of a value.
const MASK: &[u8] = b"*";

/// The rules, ready to be followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redaction {
    query: LogQuery,
    /// Parameters whose values are not secret.
    kept: Box<[Box<[u8]>]>,
    client: LogClient,
    omitted: [bool; Field::ALL.len()],
}

impl Default for Redaction {
    fn default() -> Self {
        Self::compile(&LogRedaction::default())
    }
}

impl Redaction {
    /// From the config.
    pub fn compile(rules: &LogRedaction) -> Self {
        let mut omitted = [false; Field::ALL.len()];
        rules.omit.iter().filter_map(|name| Field::named(name)).for_each(|field| omitted[field as usize] = true);
        let kept = rules.query_keep.iter().map(|name| name.as_bytes().into()).collect();
        Self { query: rules.query, kept, client: rules.client, omitted }
    }

    /// Whether a field is left out.
    pub(crate) fn omits(&self, field: Field) -> bool {
        self.omitted[field as usize]
    }

    /// Whether something in there is not to be seen: a target, or the value of `Referer`.
    pub(crate) fn touches(&self, target: &[u8]) -> bool {
        self.query != LogQuery::Keep && memchr::memchr(b'?', target).is_some()
    }

    /// Gives a target piece by piece, with what may be seen of its query.
    pub(crate) fn pieces<'a>(&self, target: &'a [u8], mut each: impl FnMut(&'a [u8])) {
        let (path, query) = target.split_at(memchr::memchr(b'?', target).unwrap_or(target.len()));
        each(path);
        let Some(query) = query.strip_prefix(b"?") else { return };
        match self.query {
            LogQuery::Keep => {
                each(b"?");
                each(query);
            }
            LogQuery::Drop => each(b"?*"),
            LogQuery::Redact => {
                for (place, pair) in query.split(|byte| *byte == b'&').enumerate() {
                    each(if place == 0 { b"?" } else { b"&" });
                    let name = pair.split(|byte| *byte == b'=').next().unwrap_or(pair);
                    if name.len() == pair.len() || self.kept.iter().any(|kept| **kept == *name) {
                        each(pair);
                    } else {
                        each(&pair[..=name.len()]);
                        each(MASK);
                    }
                }
            }
        }
    }

    /// The address of a client as it may be seen: whole, or its network.
    pub(crate) fn client(&self, address: IpAddr) -> Option<IpAddr> {
        match self.client {
            LogClient::Keep => Some(address),
            LogClient::Drop => None,
            LogClient::Mask => Some(match address.to_canonical() {
                IpAddr::V4(address) => Ipv4Addr::from_bits(address.to_bits() & !0xff).into(),
                IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !0 << 80).into(),
            }),
        }
    }

    /// The other end of a connection likewise; a port says nothing where the address is masked.
    pub(crate) fn peer(&self, peer: SocketAddr) -> Option<SocketAddr> {
        let address = self.client(peer.ip())?;
        let port = if self.client == LogClient::Keep { peer.port() } else { 0 };
        Some(SocketAddr::new(address, port))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(rules: &LogRedaction, target: &str) -> String {
        let (redaction, mut out) = (Redaction::compile(rules), Vec::new());
        redaction.pieces(target.as_bytes(), |piece| out.extend_from_slice(piece));
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn queries() {
        let rules = LogRedaction { query_keep: vec!["page".to_owned()], ..LogRedaction::default() };
        let cases = [
            ("/a", "/a"),
            ("/a?", "/a?"),
            ("/a?token=s3cret&page=2&x", "/a?token=*&page=2&x"),
            ("/a?token=&t=a=b&pages=3&&=x", "/a?token=*&t=*&pages=*&&=*"),
            ("https://r.example/?q=1#f", "https://r.example/?q=*"),
        ];
        for (target, expected) in cases {
            assert_eq!(shown(&rules, target), expected, "{target}");
        }
        assert_eq!(shown(&LogRedaction { query: LogQuery::Drop, ..rules.clone() }, "/a?b=c"), "/a?*");
        assert_eq!(shown(&LogRedaction { query: LogQuery::Keep, ..rules }, "/a?b=c"), "/a?b=c");
    }

    #[test]
    fn clients() {
        let mask = Redaction::compile(&LogRedaction { client: LogClient::Mask, ..LogRedaction::default() });
        let client = |text: &str| mask.client(text.parse().expect("an address")).map(|address| address.to_string());
        assert_eq!(client("203.0.113.9").as_deref(), Some("203.0.113.0"));
        assert_eq!(client("::ffff:203.0.113.9").as_deref(), Some("203.0.113.0"));
        assert_eq!(client("2001:db8:1:2:3::9").as_deref(), Some("2001:db8:1::"));
        let peer = mask.peer("203.0.113.9:4711".parse().expect("an address"));
        assert_eq!(peer.map(|peer| peer.to_string()).as_deref(), Some("203.0.113.0:0"));
        let drop = Redaction::compile(&LogRedaction { client: LogClient::Drop, ..LogRedaction::default() });
        assert_eq!(drop.client("203.0.113.9".parse().expect("an address")), None);
    }
}
