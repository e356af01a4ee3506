//! The server side of a listener: what a handshake needs, compiled once and carried over reloads where nothing changed.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert, ServerConfig, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{Error, ServerConnection};

use super::authorities::{Authorities, verify_again};
use super::certificate::Certificate;
use super::certificates::Certificates;
use super::pem::Digest;
use super::problem::{TlsProblem, TlsProblemKind as Kind};
use super::self_signed::self_signed;
use super::session::Session;
use super::{provider, versions};
use crate::config::model::{ClientAuth, ListenerTls, TlsVersion};

/// TLS of a listener. A clone is another handle on the same thing.
#[derive(Clone, Debug)]
pub struct ServerTls(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: Arc<ServerConfig>,
    certificates: Arc<Certificates>,
    trust: Option<Arc<Trust>>,
    http2: bool,
    min_version: TlsVersion,
    warnings: Vec<TlsProblem>,
}

/// Who may be a client. Equal identity: what one accepted, the other accepts.
#[derive(Debug)]
struct Trust {
    ca: Digest,
    required: bool,
    verifier: Arc<dyn ClientCertVerifier>,
}

impl ServerTls {
    /// Reads the files and makes a listener's TLS of them, or says everything that is wrong, with keys below `tls`.
    ///
    /// `carry` is what the same listener had before a reload. From it come the certificates whose files have the same content,
    /// the self-signed certificate for the same names, and the ticket keys, so that clients resume across reloads. The ticket keys
    /// do not come over where the client authority's file or its requirement changed: an old session must not get past a new rule.
    /// Where nothing changed at all the result is `carry` itself.
    ///
    /// # Errors
    /// Every problem of severity error. Warnings are in [`Self::warnings`].
    pub fn compile(model: &ListenerTls, carry: Option<&Self>, http2: bool) -> Result<Self, Vec<TlsProblem>> {
        let ListenerTls { certificates, self_signed: _, min_version, client_auth } = model;
        let now = SystemTime::now();
        let mut problems = Vec::new();
        let list = load_certificates(model, carry, now).map_err(|found| problems.extend(found)).unwrap_or_default();
        let trust = trust(client_auth.as_ref(), carry).map_err(|problem| problems.push(problem)).unwrap_or_default();
        if !problems.is_empty() {
            return Err(problems);
        }
        if let Some(same) = carry.filter(|carry| carry.is_made_of(&list, trust.as_ref(), http2, *min_version)) {
            return Ok(same.clone());
        }
        let certificates_of_files = certificates.len();
        let certificates = Arc::new(Certificates::new(list));
        let config = config(&certificates, trust.as_deref(), carry, *min_version, http2).map_err(|error| {
            vec![TlsProblem::new(
                Kind::BadCertificate,
                "certificates",
                error.to_string(),
                "look at the files that it names",
            )]
        })?;
        let warnings = warnings(&certificates, certificates_of_files, now);
        let config = Arc::new(config);
        Ok(Self(Arc::new(Inner { config, certificates, trust, http2, min_version: *min_version, warnings })))
    }

    /// Begins a connection: the config for its handshake, which remembers the certificate it was served.
    pub fn begin(&self) -> Handshake {
        let served = Arc::new(Served { certificates: self.0.certificates.clone(), at: AtomicUsize::new(0) });
        let mut config = (*self.0.config).clone();
        config.cert_resolver = served.clone();
        Handshake { config: Arc::new(config), served, trust: self.0.trust.clone() }
    }

    /// The config without a memory of the certificate served, for tests and for looking at.
    pub fn config(&self) -> Arc<ServerConfig> {
        self.0.config.clone()
    }

    /// The certificates, in the order of the file, the self-signed one last.
    pub fn certificates(&self) -> &[Arc<Certificate>] {
        self.0.certificates.list()
    }

    /// What is probably not meant, with keys below `tls`.
    pub fn warnings(&self) -> &[TlsProblem] {
        &self.0.warnings
    }

    /// Whether it is the very same: nothing changed between two compiles.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    fn is_made_of(
        &self,
        list: &[Arc<Certificate>],
        trust: Option<&Arc<Trust>>,
        http2: bool,
        min_version: TlsVersion,
    ) -> bool {
        let own = self.certificates();
        own.len() == list.len()
            && own.iter().zip(list).all(|(own, new)| Arc::ptr_eq(own, new))
            && same_trust(self.0.trust.as_ref(), trust)
            && self.0.http2 == http2
            && self.0.min_version == min_version
    }
}

fn same_trust(a: Option<&Arc<Trust>>, b: Option<&Arc<Trust>>) -> bool {
    let identity = |trust: &Arc<Trust>| (trust.ca, trust.required);
    a.map(identity) == b.map(identity)
}

fn load_certificates(
    model: &ListenerTls,
    carry: Option<&ServerTls>,
    now: SystemTime,
) -> Result<Vec<Arc<Certificate>>, Vec<TlsProblem>> {
    let carry = carry.map_or(&[][..], ServerTls::certificates);
    let before: HashMap<_, _> = carry.iter().filter_map(|before| Some((before.files()?, before))).collect();
    let files = model.certificates.iter().enumerate();
    let mut found: Vec<_> =
        files.map(|(at, files)| Certificate::load(files, &table(at), before.get(files).copied())).collect();
    if !model.self_signed.is_empty() {
        found.push(self_signed(&model.self_signed, carry, now));
    }
    let (good, bad): (Vec<_>, Vec<_>) = found.into_iter().partition(Result::is_ok);
    let problems: Vec<_> = bad.into_iter().filter_map(Result::err).flatten().collect();
    match (problems.is_empty(), good.is_empty()) {
        (false, _) => Err(problems),
        (true, true) => Err(vec![TlsProblem::new(
            Kind::NoCertificate,
            "certificates",
            "there is no certificate to serve".to_owned(),
            "name files in `certificates`, or names in `self_signed`",
        )]),
        (true, false) => Ok(good.into_iter().flatten().collect()),
    }
}

fn table(at: usize) -> String {
    format!("certificates[{at}]")
}

fn trust(model: Option<&ClientAuth>, carry: Option<&ServerTls>) -> Result<Option<Arc<Trust>>, TlsProblem> {
    let Some(ClientAuth { ca, required, subject_header: _ }) = model else { return Ok(None) };
    let authorities = Authorities::read(ca, "client_ca")?;
    let digest = authorities.digest;
    let before = carry.and_then(|carry| carry.0.trust.clone());
    if let Some(same) = before.filter(|before| before.ca == digest && before.required == *required) {
        return Ok(Some(same));
    }
    let verifier = authorities.client_verifier(*required).map_err(|error| {
        let message = format!("{} cannot be used to verify clients: {error}", ca.display());
        TlsProblem::new(Kind::BadCertificate, "client_ca", message, "name a file of certificate authorities").of(ca)
    })?;
    Ok(Some(Arc::new(Trust { ca: digest, required: *required, verifier })))
}

fn config(
    certificates: &Arc<Certificates>,
    trust: Option<&Trust>,
    carry: Option<&ServerTls>,
    min_version: TlsVersion,
    http2: bool,
) -> Result<ServerConfig, Error> {
    let verifier = trust.map_or_else(WebPkiClientVerifier::no_client_auth, |trust| trust.verifier.clone());
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(versions(min_version))?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(certificates.clone());
    config.alpn_protocols = if http2 { vec![b"h2".to_vec(), b"http/1.1".to_vec()] } else { vec![b"http/1.1".to_vec()] };
    // Tickets alone: a store of sessions would be a lock shared between workers, and would forget at a restart all the same.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    let identity = |trust: &Trust| (trust.ca, trust.required);
    let before = carry.filter(|carry| carry.0.trust.as_deref().map(identity) == trust.map(identity));
    config.ticketer = match before {
        Some(before) => before.0.config.ticketer.clone(),
        None => Ticketer::new()?,
    };
    Ok(config)
}

fn warnings(certificates: &Certificates, of_files: usize, now: SystemTime) -> Vec<TlsProblem> {
    let listed = certificates.list().iter().take(of_files).enumerate();
    let mut warnings: Vec<_> = listed.flat_map(|(at, certificate)| certificate.warnings(&table(at), now)).collect();
    warnings.extend(certificates.never_chosen().map(|at| {
        let message =
            format!("earlier certificates of the same kind have all its names: {}", certificates.list()[at].names());
        let key = if at < of_files { table(at) } else { "self_signed".to_owned() };
        TlsProblem::new(Kind::NeverChosen, &key, message, "take it out, or put it first")
    }));
    warnings
}

/// Remembers which certificate a connection was served; rustls does not tell.
#[derive(Debug)]
struct Served {
    certificates: Arc<Certificates>,
    at: AtomicUsize,
}

impl ResolvesServerCert for Served {
    /// Called once for each ClientHello: a second one, after a retry request, may choose anew. Also called for a resumed session,
    /// which is held to the certificate that a new one would be served.
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let at = self.certificates.choose(hello.server_name(), hello.signature_schemes());
        self.at.store(at, Ordering::Relaxed);
        Some(self.certificates.list()[at].certified.clone())
    }
}

/// A handshake that is under way.
#[derive(Debug)]
pub struct Handshake {
    config: Arc<ServerConfig>,
    served: Arc<Served>,
    trust: Option<Arc<Trust>>,
}

impl Handshake {
    /// For this one connection.
    pub fn config(&self) -> Arc<ServerConfig> {
        self.config.clone()
    }

    /// The facts of a handshake that went well.
    ///
    /// # Errors
    /// Where the session was resumed with a client certificate that is not accepted any more: its time is over. A resumption
    /// brings new tickets, so without this a session could outlive its certificate for ever. And where the certificate's subject is
    /// too long for a header. The connection must then be closed.
    pub fn finish(self, connection: &ServerConnection) -> Result<Session, Error> {
        let session = Session::of(connection, self.certificate().clone())?;
        if let (true, Some(trust), Some(chain)) = (session.facts().resumed, &self.trust, connection.peer_certificates())
        {
            verify_again(&*trust.verifier, chain)?;
        }
        Ok(session)
    }

    /// The certificate that was served.
    fn certificate(&self) -> &Arc<Certificate> {
        &self.served.certificates.list()[self.served.at.load(Ordering::Relaxed)]
    }
}
