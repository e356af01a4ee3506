//! `[discovery.docker]`

use super::names::Names;
use crate::config::fields::Fields;
use crate::config::model::Docker;
use crate::config::raw::Table;
use crate::config::scalar;

/// What is absent is off.
pub(super) fn docker(root: &Fields<'_>, listeners: &Names<'_>) -> Option<Docker> {
    let nothing = Table::default();
    let at = super::section_or_empty(root, "discovery", &nothing).section("docker")?;
    let socket = at.find("socket").map_or_else(|| Some("/var/run/docker.sock".into()), |found| found.path());
    let named = at.find("listeners").map(|found| found.items()).unwrap_or_default();
    let named =
        named.iter().filter_map(|found| listeners.resolve(found)).map(|place| listeners.list[place].0.to_owned());
    Some(Docker {
        socket: socket?,
        network: at.parsed("network", |text| Ok(text.to_owned())),
        hosts: at.list("hosts", scalar::host_pattern),
        listeners: named.collect(),
        settle: at.duration("settle").unwrap_or_default(),
    })
}
