//! What the engine says (Docker Engine API), as far as it is of use here.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use serde::Deserialize;

use crate::config::model::Container;

/// One of `GET /containers/json`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Listed {
    pub(super) id: String,
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
}

impl Listed {
    /// Whether it has anything to say to us.
    pub(super) fn is_ours(&self) -> bool {
        self.labels.iter().flatten().any(|(label, _)| Container::is_meant(label))
    }

    /// Whether its id can stand in a path.
    pub(super) fn is_plain(&self) -> bool {
        !self.id.is_empty() && self.id.len() <= 128 && self.id.bytes().all(|byte| byte.is_ascii_alphanumeric())
    }
}

/// `GET /containers/ID/json`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Inspected {
    id: String,
    name: String,
    #[serde(default)]
    created: String,
    state: State,
    config: Config,
    #[serde(default)]
    network_settings: NetworkSettings,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct State {
    #[serde(default)]
    running: bool,
    #[serde(default)]
    paused: bool,
    #[serde(default)]
    restarting: bool,
    health: Option<Health>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Health {
    status: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Config {
    labels: Option<BTreeMap<String, String>>,
    exposed_ports: Option<BTreeMap<String, serde::de::IgnoredAny>>,
    stop_signal: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NetworkSettings {
    networks: Option<BTreeMap<String, Network>>,
}

#[derive(Debug, Default, Deserialize)]
struct Network {
    #[serde(rename = "IPAddress", default)]
    v4: Option<String>,
    #[serde(rename = "GlobalIPv6Address", default)]
    v6: Option<String>,
}

impl Inspected {
    /// The container; `None`: it takes no requests now. Where it has a health check, that must have said yes.
    pub(super) fn serving(self) -> Option<Container> {
        let State { running, paused, restarting, health } = &self.state;
        let well = health.as_ref().is_none_or(|health| matches!(health.status.as_str(), "healthy" | "none" | ""));
        if !running || *paused || *restarting || !well {
            return None;
        }
        let networks = self.network_settings.networks.unwrap_or_default();
        let ports = self.config.exposed_ports.unwrap_or_default();
        let mut ports: Vec<_> = ports.into_keys().filter_map(|port| port.strip_suffix("/tcp")?.parse().ok()).collect();
        ports.sort_unstable();
        Some(Container {
            name: self.name.trim_start_matches('/').to_owned(),
            created: self.created,
            labels: self.config.labels.unwrap_or_default(),
            networks: networks
                .into_iter()
                .filter_map(|(name, network)| Some((name.clone(), address(&name, &network)?)))
                .collect(),
            ports,
        })
    }

    /// The signal that asks it to stop, as events have it.
    pub(super) fn stop_signal(&self) -> (String, u8) {
        (self.id.clone(), self.config.stop_signal.as_deref().map_or(TERM, number))
    }
}

/// A container in the host's own network is here.
fn address(name: &str, network: &Network) -> Option<IpAddr> {
    let of = |text: &Option<String>| text.as_deref().and_then(|text| text.parse().ok());
    of(&network.v4).or_else(|| of(&network.v6)).or_else(|| (name == "host").then_some(Ipv4Addr::LOCALHOST.into()))
}

pub(super) const TERM: u8 = 15;
const KILL: u8 = 9;

/// A signal by its name or number (signal(7), the numbers of Linux).
fn number(text: &str) -> u8 {
    let name = text.trim_start_matches("SIG");
    let known = [
        ("HUP", 1),
        ("INT", 2),
        ("QUIT", 3),
        ("KILL", KILL),
        ("USR1", 10),
        ("USR2", 12),
        ("TERM", TERM),
        ("WINCH", 28),
    ];
    let realtime = |offset: &str| Some(34 + offset.parse::<u8>().ok().filter(|offset| *offset <= 30)?);
    let named = known.iter().find(|(known, _)| *known == name).map(|(_, number)| *number);
    named.or_else(|| name.parse().ok()).or_else(|| name.strip_prefix("RTMIN+").and_then(realtime)).unwrap_or(TERM)
}

/// One of `GET /events`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Event {
    #[serde(default)]
    action: String,
    #[serde(default)]
    actor: Actor,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Actor {
    #[serde(rename = "ID", default)]
    id: String,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
}

/// Containers that were asked to stop and still run: they finish what they have, and get nothing new.
#[derive(Debug, Default)]
pub(super) struct Leaving {
    ids: std::collections::BTreeSet<String>,
    signals: BTreeMap<String, u8>,
}

impl Leaving {
    /// Takes note of an event; whether it may change anything.
    pub(super) fn note(&mut self, event: &Event) -> bool {
        let id = &event.actor.id;
        // `exec_create: ...` and `health_status: ...` have more behind them.
        match event.action.split(':').next().unwrap_or_default() {
            "kill" => {
                let signal = event.actor.attributes.get("signal").map_or(TERM, |signal| number(signal));
                let stops = [TERM, KILL, self.signals.get(id).copied().unwrap_or(TERM)].contains(&signal);
                stops && self.ids.insert(id.clone())
            }
            "start" | "die" | "destroy" => {
                self.ids.remove(id);
                true
            }
            "exec_create" | "exec_start" | "exec_die" | "exec_detach" | "top" | "attach" | "detach" | "resize"
            | "copy" | "export" | "commit" | "archive-path" | "extract-to-dir" => false,
            _ => true,
        }
    }

    pub(super) fn has(&self, id: &str) -> bool {
        self.ids.contains(id)
    }

    /// These run now, with the signals that stop them.
    pub(super) fn keep(&mut self, running: BTreeMap<String, u8>) {
        self.ids.retain(|id| running.contains_key(id));
        self.signals = running;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What engine 28 says of a container of compose, shortened.
    const INSPECTED: &str = r#"{"Id":"4f66","Created":"2026-11-25T18:00:00.1Z","Path":"x","Name":"/shop-web-1",
        "State":{"Status":"running","Running":true,"Paused":false,"Restarting":false,"OOMKilled":false,"Pid":7,
                 "Health":{"Status":"healthy","FailingStreak":0,"Log":[]}},
        "Config":{"Hostname":"4f66","ExposedPorts":{"8080/tcp":{},"53/udp":{},"443/tcp":{}},"StopSignal":"SIGQUIT",
                  "Labels":{"tidegate.route.host":"a.test"}},
        "NetworkSettings":{"Networks":{"shop_default":{"IPAddress":"172.20.0.3","GlobalIPv6Address":""},
                           "v6":{"IPAddress":"","GlobalIPv6Address":"fd00::3"},"none":{"IPAddress":""},"host":{}}}}"#;

    fn inspected(text: &str) -> Inspected {
        serde_json::from_str(text).expect("JSON")
    }

    #[test]
    fn a_container_serves_when_it_runs_and_is_healthy() {
        let container = inspected(INSPECTED).serving().expect("it serves");
        assert_eq!((container.name.as_str(), container.ports.as_slice()), ("shop-web-1", &[443, 8080][..]));
        let networks: Vec<_> = container.networks.iter().map(|(name, at)| format!("{name} {at}")).collect();
        assert_eq!(networks, ["host 127.0.0.1", "shop_default 172.20.0.3", "v6 fd00::3"]);
        let cases = [
            ("\"healthy\"", "\"starting\"", false),
            ("\"healthy\"", "\"unhealthy\"", false),
            ("\"healthy\"", "\"none\"", true),
            ("\"Running\":true", "\"Running\":false", false),
            ("\"Paused\":false", "\"Paused\":true", false),
            ("\"Restarting\":false", "\"Restarting\":true", false),
        ];
        for (from, to, expected) in cases {
            assert_eq!(inspected(&INSPECTED.replace(from, to)).serving().is_some(), expected, "{to}");
        }
        let bare = r#"{"Id":"1","Name":"/x","State":{"Running":true},"Config":{}}"#;
        assert!(inspected(bare).serving().expect("no health check").networks.is_empty());
        let listed: Vec<Listed> =
            serde_json::from_str(r#"[{"Id":"a1","Labels":{"tidegate.port":"1"}},{"Id":"../x","Labels":null},{"Id":"b","Labels":{"tidegate.made":"1"}}]"#)
                .expect("JSON");
        assert_eq!(
            listed.iter().map(|one| (one.is_ours(), one.is_plain())).collect::<Vec<_>>(),
            [(true, true), (false, false), (false, true)]
        );
    }

    #[test]
    fn who_is_asked_to_stop_gets_nothing_new() {
        let event = |text: &str| serde_json::from_str::<Event>(text).expect("JSON");
        let kill = |signal: &str| {
            event(&format!(
                r#"{{"Type":"container","Action":"kill","Actor":{{"ID":"4f66","Attributes":{{"signal":"{signal}"}}}}}}"#
            ))
        };
        let plain = |action: &str| event(&format!(r#"{{"Action":"{action}","Actor":{{"ID":"4f66"}}}}"#));
        let mut leaving = Leaving::default();
        leaving.keep([inspected(INSPECTED).stop_signal()].into());
        for (signal, leaves) in [("1", false), ("12", false), ("3", true), ("15", true), ("9", true), ("SIGTERM", true)]
        {
            assert_eq!((leaving.note(&kill(signal)), leaving.has("4f66")), (leaves, leaves), "{signal}");
            assert!(leaving.note(&plain("start")) && !leaving.has("4f66"));
        }
        assert!(leaving.note(&plain("health_status: healthy")) && !leaving.note(&plain("exec_start: sh -c true")));
        leaving.note(&kill("15"));
        leaving.keep(BTreeMap::new());
        assert!(!leaving.has("4f66"), "it is gone");
        for (text, expected) in
            [("SIGRTMIN+3", 37), ("SIGWINCH", 28), ("RTMIN+99", 15), ("nonsense", 15), ("", 15), ("2", 2)]
        {
            assert_eq!(number(text), expected, "{text}");
        }
    }
}
