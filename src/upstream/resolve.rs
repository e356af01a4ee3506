//! Names of endpoints to addresses, on the control thread.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::config::model::EndpointAddress;

use super::Endpoint;

/// How long a look-up may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Looks an endpoint's name up. When that fails the last answer stays.
///
/// # Errors
/// What the resolver said; the endpoint is as it was.
pub async fn resolve(endpoint: &Endpoint) -> Result<(), String> {
    let EndpointAddress::Name { host, port } = &endpoint.identity.address else { return Ok(()) };
    let found = tokio::time::timeout(TIMEOUT, tokio::net::lookup_host((host.as_str(), *port))).await;
    let found = found.map_err(|_| "no answer in time".to_owned())?.map_err(|error| error.to_string())?;
    let mut found: Vec<SocketAddr> = found.collect();
    found.sort_unstable();
    found.dedup();
    if found.is_empty() {
        return Err("the name has no address".to_owned());
    }
    if **endpoint.addresses.load() != found {
        endpoint.addresses.store(Arc::new(found));
    }
    Ok(())
}
