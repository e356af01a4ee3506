//! What the answers make of an upstream: its endpoints, each at one place.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;

use super::answers::{Answers, is_local};
use crate::config::model::{Endpoint, EndpointAddress, Upstream};

/// Weights that the config takes end here; products of two do too.
const MOST_WEIGHT: u32 = 65535;

/// An endpoint that an upstream should have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// As it is named.
    pub address: EndpointAddress,
    /// Which of the addresses of the name.
    pub at: Option<SocketAddr>,
    /// At least 1.
    pub weight: u32,
    /// Used only while no other can be.
    pub backup: bool,
    /// Where it is.
    pub zone: Option<Arc<str>>,
}

/// The endpoints of an upstream. One address is one endpoint, whoever names it; the first does.
///
/// Where nothing has an address yet, the names themselves stand for it, so that requests end with the reason.
pub fn spots(upstream: &Upstream, answers: &Answers) -> Vec<Spot> {
    let mut found = Spots::default();
    for endpoint in answers.listed(upstream) {
        match &endpoint.address {
            EndpointAddress::Name { host, port } if !is_local(host) => {
                found.name((host, *port), endpoint, answers);
            }
            EndpointAddress::Service(name) => found.service(name, endpoint, answers),
            EndpointAddress::Ip(_) | EndpointAddress::Unix(_) | EndpointAddress::Name { .. } => {
                found.add(spot(endpoint, endpoint.address.clone(), None));
            }
        }
    }
    if found.list.is_empty() { found.unknown } else { found.list }
}

#[derive(Default)]
struct Spots {
    list: Vec<Spot>,
    seen: HashSet<String>,
    /// Names without an answer.
    unknown: Vec<Spot>,
}

impl Spots {
    fn add(&mut self, spot: Spot) {
        if self.seen.insert(spot.at.map_or_else(|| spot.address.to_string(), |at| at.to_string())) {
            self.list.push(spot);
        }
    }

    fn name(&mut self, (host, port): (&str, u16), endpoint: &Endpoint, answers: &Answers) {
        // The dot of a whole name is for the resolver; certificates and `Host` are without it.
        let plain = host.strip_suffix('.').unwrap_or(host);
        let address = EndpointAddress::Name { host: plain.to_owned(), port };
        match answers.hosts.get(host) {
            Some(addresses) => {
                for address_of in addresses.iter() {
                    let at = SocketAddr::new(*address_of, port);
                    self.add(spot(endpoint, address.clone(), Some(at)));
                }
            }
            None => self.unknown.push(spot(endpoint, address, None)),
        }
    }

    fn service(&mut self, name: &str, endpoint: &Endpoint, answers: &Answers) {
        let Some(records) = answers.services.get(name) else {
            return self.unknown.push(spot(endpoint, endpoint.address.clone(), None));
        };
        let first = records.iter().map(|record| record.priority).min();
        for record in records.iter() {
            // A weight of 0 is "hardly ever" (RFC 2782): the least that there is.
            let weight = endpoint.weight.saturating_mul(u32::from(record.weight).max(1)).min(MOST_WEIGHT);
            let backup = endpoint.backup || Some(record.priority) != first;
            let endpoint = Endpoint { weight, backup, ..endpoint.clone() };
            if is_local(&record.host) {
                let host = record.host.trim_end_matches('.').to_owned();
                let address = EndpointAddress::Name { host, port: record.port };
                self.add(spot(&endpoint, address, None));
            } else {
                self.name((&record.host, record.port), &endpoint, answers);
            }
        }
    }
}

fn spot(endpoint: &Endpoint, address: EndpointAddress, at: Option<SocketAddr>) -> Spot {
    let Endpoint { address: _, weight, backup, zone } = endpoint;
    Spot { address, at, weight: *weight, backup: *backup, zone: zone.clone() }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::super::answers::{Query, ServiceRecord, wanted};
    use super::*;
    use crate::config::{parse, read_endpoints};

    /// An upstream `app` with those keys.
    fn upstream(keys: &str) -> Upstream {
        let text = format!(
            "[listeners.a]\naddress = \"127.0.0.1:0\"\n[upstreams.app]\n{keys}\n[[routes]]\nupstream = \"app\"\n"
        );
        let loaded = parse("test", &text, &|_| None).unwrap_or_else(|problems| panic!("{}", problems.render(false)));
        loaded.model.upstreams[0].clone()
    }

    fn addresses(texts: &[&str]) -> Arc<[IpAddr]> {
        texts.iter().map(|text| text.parse().expect("an address")).collect()
    }

    fn record(priority: u16, weight: u16, host: &str, port: u16) -> ServiceRecord {
        ServiceRecord { priority, weight, host: host.to_owned(), port }
    }

    /// `api.internal:80@10.0.0.1:80 w2 backup`
    fn shown(upstream: &Upstream, answers: &Answers) -> Vec<String> {
        let one = |spot: &Spot| {
            let at = spot.at.map(|at| format!("@{at}")).unwrap_or_default();
            let weight = if spot.weight == 1 { String::new() } else { format!(" w{}", spot.weight) };
            let zone = spot.zone.as_ref().map(|zone| format!(" {zone}")).unwrap_or_default();
            format!("{}{at}{weight}{}{zone}", spot.address, if spot.backup { " backup" } else { "" })
        };
        spots(upstream, answers).iter().map(one).collect()
    }

    fn queries(upstream: &Upstream, answers: &Answers) -> Vec<String> {
        wanted(std::slice::from_ref(upstream), answers).iter().map(Query::label).collect()
    }

    #[test]
    fn a_name_stands_for_all_its_addresses() {
        let upstream = upstream(
            "endpoints = [{ address = \"a.test:80\", weight = 2, zone = \"z\" }, \"10.0.0.9:1\", \"b.test:81\", \"localhost:5\", \"unix:/run/a\"]",
        );
        let mut answers = Answers::default();
        assert_eq!(queries(&upstream, &answers), ["dns:a.test", "dns:b.test"]);
        let always = ["10.0.0.9:1", "localhost:5", "unix:/run/a"];
        assert_eq!(shown(&upstream, &answers), always, "what has no answer is left out");
        answers.hosts.insert("a.test".to_owned(), addresses(&["10.0.0.1", "fd00::1"]));
        answers.hosts.insert("b.test".to_owned(), addresses(&[]));
        let expected = ["a.test:80@10.0.0.1:80 w2 z", "a.test:80@[fd00::1]:80 w2 z", always[0], always[1], always[2]];
        assert_eq!(shown(&upstream, &answers), expected);
    }

    #[test]
    fn names_alone_stand_for_themselves_until_there_is_an_answer() {
        let upstream = upstream("endpoints = [\"a.test:80\", \"srv:_http._tcp.b.test\"]");
        let mut answers = Answers::default();
        assert_eq!(shown(&upstream, &answers), ["a.test:80", "srv:_http._tcp.b.test"]);
        answers.services.insert("_http._tcp.b.test".to_owned(), [record(1, 1, "c.test", 7)].into());
        assert_eq!(shown(&upstream, &answers), ["a.test:80", "c.test:7"]);
        answers.hosts.insert("c.test".to_owned(), addresses(&["10.0.0.3"]));
        assert_eq!(shown(&upstream, &answers), ["c.test:7@10.0.0.3:7"]);
    }

    #[test]
    fn a_service_has_weights_and_backups() {
        let upstream = upstream("endpoints = [{ address = \"srv:_http._tcp.api.test\", weight = 3 }]");
        let mut answers = Answers::default();
        assert_eq!(queries(&upstream, &answers), ["srv:_http._tcp.api.test"]);
        let records = [
            record(10, 5, "a.test", 8001),
            record(10, 0, "b.test", 8002),
            record(20, 65535, "c.test", 8003),
            record(20, 1, "localhost", 8004),
        ];
        answers.services.insert("_http._tcp.api.test".to_owned(), records.into());
        assert_eq!(queries(&upstream, &answers), ["dns:a.test", "dns:b.test", "dns:c.test", "srv:_http._tcp.api.test"]);
        for (place, host) in ["a.test", "b.test", "c.test"].into_iter().enumerate() {
            answers.hosts.insert(host.to_owned(), addresses(&[&format!("10.0.0.{}", place + 1)]));
        }
        let expected = [
            "a.test:8001@10.0.0.1:8001 w15",
            "b.test:8002@10.0.0.2:8002 w3",
            "c.test:8003@10.0.0.3:8003 w65535 backup",
            "localhost:8004 w3 backup",
        ];
        assert_eq!(shown(&upstream, &answers), expected);
        answers.services.insert("_http._tcp.api.test".to_owned(), [].into());
        assert_eq!(shown(&upstream, &answers), [""; 0], "a service that says that it is not there");
    }

    #[test]
    fn one_address_is_one_endpoint() {
        let upstream =
            upstream("endpoints = [\"10.0.0.1:80\", \"a.test:80\", { address = \"b.test:80\", weight = 9 }]");
        let mut answers = Answers::default();
        answers.hosts.insert("a.test".to_owned(), addresses(&["10.0.0.1", "10.0.0.2"]));
        answers.hosts.insert("b.test".to_owned(), addresses(&["10.0.0.2", "10.0.0.3"]));
        assert_eq!(shown(&upstream, &answers), ["10.0.0.1:80", "a.test:80@10.0.0.2:80", "b.test:80@10.0.0.3:80 w9"]);
    }

    #[test]
    fn a_file_adds_to_the_list() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("more.toml");
        std::fs::write(&path, "endpoints = [\"a.test:80\", \"10.0.0.7:1\"]").expect("written");
        let upstream = upstream(&format!("endpoints = [\"10.0.0.7:1\"]\nendpoints_file = \"{}\"", path.display()));
        let mut answers = Answers::default();
        assert_eq!(shown(&upstream, &answers), ["10.0.0.7:1"]);
        let listed = read_endpoints(&path, &|_| None).expect("a good file");
        answers.files.insert(path, listed.into());
        assert_eq!(queries(&upstream, &answers), ["dns:a.test"]);
        answers.hosts.insert("a.test".to_owned(), addresses(&["10.0.0.1"]));
        assert_eq!(shown(&upstream, &answers), ["10.0.0.7:1", "a.test:80@10.0.0.1:80"]);
        answers.retain(&wanted(&[], &answers));
        assert!(answers.hosts.is_empty() && answers.files.len() == 1);
    }
}
