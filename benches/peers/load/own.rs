//! Load generators of this program: a thread on the core of the load.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use super::Seen;
use super::programs::percentiles;
use crate::certificate::Certificate;
use crate::process::pin_thread;

/// What one client counted.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Of what went right, microseconds.
    pub(super) durations: Vec<f64>,
    /// What went wrong.
    pub(super) failed: u64,
    /// And the last reason.
    pub(super) problem: Option<String>,
}

impl Tally {
    /// Counts one try that began then.
    pub(super) fn count(&mut self, begun: Instant, outcome: Result<(), String>) {
        match outcome {
            Ok(()) => self.durations.push(begun.elapsed().as_secs_f64() * 1e6),
            Err(problem) => {
                self.failed += 1;
                self.problem = Some(problem);
            }
        }
    }
}

/// Runs as many clients for as long, on the core, and adds up what they counted. Each gets the end of the run.
pub(super) fn clients<C, F>(core: usize, seconds: u64, clients: Vec<C>) -> Result<Seen, String>
where
    C: FnOnce(Instant) -> F + Send,
    F: Future<Output = Tally> + Send + 'static,
{
    let begun = Instant::now();
    let end = begun + Duration::from_secs(seconds);
    let tallies = on_core(core, move |runtime| {
        runtime.block_on(async move {
            let running: JoinSet<Tally> = clients.into_iter().map(|client| client(end)).collect();
            running.join_all().await
        })
    })?;
    let elapsed = begun.elapsed().as_secs_f64();
    let problem = tallies.iter().find_map(|tally| tally.problem.clone());
    let failed = tallies.iter().map(|tally| tally.failed).sum();
    let mut durations: Vec<f64> = tallies.into_iter().flat_map(|tally| tally.durations).collect();
    if durations.is_empty() {
        return Err(format!("nothing was answered: {}", problem.unwrap_or_default()));
    }
    if let Some(problem) = problem {
        eprintln!("  {failed} failed, such as: {problem}");
    }
    let [p50, p99] = percentiles(&mut durations);
    Ok(Seen { requests: durations.len() as u64, failed, seconds: elapsed, p50, p99, octets: 0.0 })
}

/// Does something with a runtime, on a thread that stays on the core.
pub(super) fn on_core<T: Send>(core: usize, work: impl FnOnce(&Runtime) -> T + Send) -> Result<T, String> {
    let run = || {
        pin_thread(core).map_err(|error| format!("core {core}: {error}"))?;
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
        Ok(work(&runtime))
    };
    thread::scope(|scope| scope.spawn(run).join().map_err(|_| "a load generator panicked".to_owned())?)
}

/// TLS 1.3 with X25519 for whoever presents this certificate.
pub(super) fn tls(certificate: &Certificate, resumption: Resumption) -> Result<ClientConfig, String> {
    let made = || -> Result<ClientConfig, Box<dyn std::error::Error>> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&certificate.cert)?)?;
        let kx_groups = vec![aws_lc_rs::kx_group::X25519];
        let provider = Arc::new(CryptoProvider { kx_groups, ..aws_lc_rs::default_provider() });
        let builder =
            ClientConfig::builder_with_provider(provider).with_protocol_versions(&[&rustls::version::TLS13])?;
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        config.resumption = resumption;
        Ok(config)
    };
    made().map_err(|error| format!("the TLS of the load generator: {error}"))
}

/// The name in the certificate.
pub(super) fn name() -> ServerName<'static> {
    ServerName::try_from("localhost")
        .unwrap_or_else(|_| ServerName::IpAddress(SocketAddr::from(([127, 0, 0, 1], 0)).ip().into()))
}
