//! Which certificate a client is served.
//!
//! The name that the client asks for decides: exact names, then wildcards. Among the certificates for that name the first whose
//! key can sign in a scheme that the client knows: ECDSA, then Ed25519, then RSA, then the order of the file. Without a name, or
//! where no certificate has it: the first in the file whose key the client can use.

use std::collections::HashMap;
use std::sync::Arc;

use rustls::SignatureScheme;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::certificate::Certificate;

/// The certificates of a listener, by name.
#[derive(Debug)]
pub(super) struct Certificates {
    list: Vec<Arc<Certificate>>,
    exact: HashMap<Box<str>, Vec<usize>>,
    wildcard: HashMap<Box<str>, Vec<usize>>,
}

impl Certificates {
    /// In the order of the file; at least one.
    pub(super) fn new(list: Vec<Arc<Certificate>>) -> Self {
        let mut by_rank: Vec<usize> = (0..list.len()).collect();
        by_rank.sort_by_key(|&at| (list[at].rank(), at));
        let (mut exact, mut wildcard) =
            (HashMap::<Box<str>, Vec<usize>>::new(), HashMap::<Box<str>, Vec<usize>>::new());
        for at in by_rank {
            list[at].names().exact().for_each(|name| exact.entry(name.into()).or_default().push(at));
            list[at].names().wildcard().for_each(|name| wildcard.entry(name.into()).or_default().push(at));
        }
        Self { list, exact, wildcard }
    }

    /// In the order of the file.
    pub(super) fn list(&self) -> &[Arc<Certificate>] {
        &self.list
    }

    /// The place of the certificate for a client that asks for that name (lower case) and knows these schemes.
    pub(super) fn choose(&self, name: Option<&str>, schemes: &[SignatureScheme]) -> usize {
        let usable = |at: &usize| self.list[*at].certified.key.choose_scheme(schemes).is_some();
        let named = name.and_then(|name| {
            let name = name.strip_suffix('.').unwrap_or(name);
            let exact = self.exact.get(name).into_iter().flatten();
            let parent = name.split_once('.').map(|(_, parent)| parent);
            let wildcard = parent.and_then(|parent| self.wildcard.get(parent)).into_iter().flatten();
            exact.chain(wildcard).copied().find(usable)
        });
        // Where the client can use none, the first: the handshake then fails with the alert that says so.
        named.or_else(|| (0..self.list.len()).find(usable)).unwrap_or(0)
    }

    /// Certificates that an earlier one of the same rank hides for every name they have.
    pub(super) fn never_chosen(&self) -> impl Iterator<Item = usize> {
        let first = |at: usize, held: Option<&Vec<usize>>| {
            let rank = self.list[at].rank();
            held.into_iter().flatten().find(|&&other| self.list[other].rank() == rank) == Some(&at)
        };
        (1..self.list.len()).filter(move |&at| {
            let names = self.list[at].names();
            names.exact().chain(names.wildcard()).next().is_some()
                && !names.exact().any(|name| first(at, self.exact.get(name)))
                && !names.wildcard().any(|name| first(at, self.wildcard.get(name)))
        })
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let at = self.choose(hello.server_name(), hello.signature_schemes());
        Some(self.list[at].certified.clone())
    }
}
