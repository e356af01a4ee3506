//! Services as a config writes them.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::labels::{toml, toml_list};
use super::services::{Service, route_names};
use crate::config::model::Model;

/// Upstreams and routes, in the words of the file.
pub(in crate::config) fn text(services: &[Service], file: &Model) -> String {
    let mut out = String::new();
    let mut taken: BTreeSet<_> = file.routes.iter().map(|route| route.name.to_string()).collect();
    // The first route of a service has its name.
    taken.extend(services.iter().map(|service| service.name.to_string()));
    for service in services {
        let endpoints = service.endpoints.iter();
        let endpoints: Vec<_> =
            endpoints.map(|(_, at, weight)| format!("{{ address = \"{at}\", weight = {weight} }}")).collect();
        // Writing to a String cannot fail.
        let _ = writeln!(out, "[upstreams.{}]\nendpoints = [{}]", toml(&service.name), endpoints.join(", "));
        for (key, value) in &service.shared {
            let _ = writeln!(out, "{key} = {value}");
        }
        taken.remove(&*service.name);
        let names = route_names(service, &taken);
        taken.insert(service.name.to_string());
        for (route, name) in service.routes.iter().zip(names) {
            let hosts: Vec<_> = route.hosts.iter().map(|(text, _)| text.clone()).collect();
            let _ = writeln!(out, "[[routes]]\nname = {}\nhosts = {}", toml(&name), toml_list(&hosts));
            let _ = writeln!(out, "upstream = {}", toml(&service.name));
            for (key, value) in &route.keys {
                let _ = writeln!(out, "{key} = {value}");
            }
            taken.insert(name);
        }
    }
    out
}
