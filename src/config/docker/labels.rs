//! The labels of one container.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::config::model::{Container, Docker, HostPattern, LABEL_PREFIX as PREFIX, LABELS, Unheard};
use crate::config::nearest::{nearest, quoted};
use crate::config::scalar::{self, Read, Wrong};

/// Labels that compose writes: what a service is called.
const PROJECT: &str = "com.docker.compose.project";
const SERVICE: &str = "com.docker.compose.service";

/// What one container asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) container: String,
    pub(super) upstream: Arc<str>,
    pub(super) address: SocketAddr,
    pub(super) weight: u32,
    /// What all endpoints of an upstream must agree on: keys and values as TOML.
    pub(super) shared: Vec<(&'static str, String)>,
    pub(super) route: Option<Route>,
}

/// The route that it asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) hosts: Vec<(String, HostPattern)>,
    /// Everything else that it is for, and its policies: keys and values as TOML.
    pub(super) keys: Vec<(&'static str, String)>,
}

/// A label that cannot be, and why.
pub(super) type Mistake = (&'static str, String);

/// Reads them; `None`: it is none of ours.
pub(super) fn read(container: &Container, settings: &Docker) -> Option<Result<Asked, Vec<Unheard>>> {
    if !container.labels.keys().any(|label| Container::is_meant(label)) {
        return None;
    }
    let ours = container.labels.keys().filter(|label| label.starts_with(PREFIX));
    let off = container.labels.get("tidegate.enable").is_some_and(|text| text == "false");
    if off {
        return None;
    }
    let unheard = |label: String, message: String| Unheard { container: container.name.clone(), label, message };
    let strangers: Vec<_> = ours
        .filter(|label| !LABELS.contains(&&label[PREFIX.len()..]))
        .map(|label| {
            let near = nearest(&label[PREFIX.len()..], LABELS.iter().copied());
            let help = near.map_or_else(String::new, |near| format!("; did you mean {PREFIX}{near}?"));
            unheard(label.clone(), format!("there is no such label{help}"))
        })
        .collect();
    if !strangers.is_empty() {
        return Some(Err(strangers));
    }
    let mut labels = Labels { container, mistakes: Vec::new() };
    let asked = asked(&mut labels, settings);
    let mistakes: Vec<_> =
        labels.mistakes.into_iter().map(|(label, why)| unheard(format!("{PREFIX}{label}"), why)).collect();
    Some(asked.filter(|_| mistakes.is_empty()).ok_or(mistakes))
}

struct Labels<'a> {
    container: &'a Container,
    mistakes: Vec<Mistake>,
}

impl<'a> Labels<'a> {
    fn text(&self, name: &str) -> Option<&'a str> {
        self.container.labels.get(&format!("{PREFIX}{name}")).map(|text| text.trim())
    }

    fn wrong(&mut self, name: &'static str, message: impl Into<String>) {
        self.mistakes.push((name, message.into()));
    }

    /// The label, where it is there and can be read.
    fn parsed<T>(&mut self, name: &'static str, read: impl Fn(&str) -> Read<T>) -> Option<T> {
        match read(self.text(name)?) {
            Ok(value) => Some(value),
            Err(Wrong { message, help, .. }) => {
                let help = if help.is_empty() { help } else { format!("; {help}") };
                self.wrong(name, format!("{message}{help}"));
                None
            }
        }
    }

    /// Its items, each read; between commas.
    fn list<T>(&mut self, name: &'static str, read: impl Fn(&str) -> Read<T>) -> Vec<(String, T)> {
        let Some(text) = self.text(name) else { return Vec::new() };
        let items: Vec<_> = text.split(',').map(str::trim).filter(|item| !item.is_empty()).collect();
        if items.is_empty() {
            self.wrong(name, "it is empty");
        }
        let mut list = Vec::new();
        for item in items {
            match read(item) {
                Ok(value) => list.push((item.to_owned(), value)),
                Err(wrong) => self.wrong(name, wrong.message),
            }
        }
        list
    }
}

fn asked(labels: &mut Labels<'_>, settings: &Docker) -> Option<Asked> {
    labels.parsed("enable", |text| {
        text.parse::<bool>().map_err(|_| Wrong::new(format!("{} is not a boolean", quoted(text)), "true or false"))
    });
    let upstream = upstream(labels);
    let address = address(labels, settings);
    let weight = labels.parsed("weight", number(1, 65_535)).unwrap_or(1);
    let mut shared = Vec::new();
    shared.extend(labels.parsed("protocol", protocol).map(|value| ("protocol", value)));
    let path = |text: &str| scalar::request_target(text).map(|_| toml(text));
    shared.extend(labels.parsed("health.path", path).map(|value| ("health.path", value)));
    let route = route(labels, settings);
    let (upstream, address) = (upstream?, address?);
    let container = labels.container.name.clone();
    Some(Asked { container, upstream, address, weight, shared, route })
}

/// The name that is asked for, else that of the service, else that of the container.
fn upstream(labels: &mut Labels<'_>) -> Option<Arc<str>> {
    let container = labels.container;
    let of = |label: &str| container.labels.get(label).map(String::as_str);
    let name = match (labels.text("upstream"), of(PROJECT), of(SERVICE)) {
        (Some(name), ..) => name.to_owned(),
        (None, Some(project), Some(service)) => format!("{project}-{service}"),
        _ => container.name.clone(),
    };
    match scalar::name(&name) {
        Ok(()) => Some(name.into()),
        Err(wrong) => {
            labels.wrong("upstream", wrong.message);
            None
        }
    }
}

fn address(labels: &mut Labels<'_>, settings: &Docker) -> Option<SocketAddr> {
    let container = labels.container;
    let port = match (labels.parsed("port", number(1, 65_535)), container.ports.as_slice()) {
        (Some(port), _) => u16::try_from(port).ok(),
        (None, [port]) => Some(*port),
        (None, ports) if labels.text("port").is_none() => {
            let many = if ports.is_empty() { "the image exposes no port" } else { "the image exposes several ports" };
            labels.wrong("port", format!("{many}; say which one takes requests"));
            None
        }
        _ => None,
    };
    let (label, setting) = (labels.text("network"), settings.network.as_deref());
    let wanted = label.or(setting.filter(|_| container.networks.len() > 1));
    let found = match (wanted, container.networks.as_slice()) {
        (Some(wanted), networks) => networks.iter().find(|(name, _)| name == wanted),
        (None, [only]) => Some(only),
        (None, _) => None,
    };
    let Some((_, ip)) = found else {
        let names: Vec<_> = container.networks.iter().map(|(name, _)| name.as_str()).collect();
        let message = match wanted {
            Some(wanted) => {
                format!("it has no address in the network {}; it is in: {}", quoted(wanted), names.join(", "))
            }
            None if names.is_empty() => "it has no address in any network".to_owned(),
            None => format!("it is in several networks; say which one counts: {}", names.join(", ")),
        };
        labels.wrong("network", message);
        return None;
    };
    Some(SocketAddr::new(*ip, port?))
}

fn route(labels: &mut Labels<'_>, settings: &Docker) -> Option<Route> {
    let hosts = labels.list("route.host", scalar::host_pattern);
    let mut keys = Vec::new();
    let path = |text: &str| scalar::path(text).map(|_| toml(text));
    for (label, key) in
        [("route.path", "path"), ("route.path_prefix", "path_prefix"), ("route.strip_prefix", "strip_prefix")]
    {
        keys.extend(labels.parsed(label, path).map(|value| (key, value)));
    }
    if labels.text("route.path").is_some() && labels.text("route.path_prefix").is_some() {
        labels.wrong("route.path", "it stands beside route.path_prefix; keep one of them");
    }
    let time = |text: &str| scalar::duration(text).map(|_| toml(text));
    keys.extend(labels.parsed("route.timeout", time).map(|value| ("timeout", value)));
    let methods = labels.list("route.methods", scalar::method);
    let listeners = labels.list("route.listeners", scalar::name);
    let names = |list: Vec<String>| toml_list(&list);
    if !methods.is_empty() {
        keys.push(("methods", names(methods.into_iter().map(|(text, _)| text).collect())));
    }
    let named: Vec<_> = listeners.into_iter().map(|(text, ())| text).collect();
    let listeners = if named.is_empty() { settings.listeners.clone() } else { named };
    if !listeners.is_empty() {
        keys.push(("listeners", names(listeners)));
    }
    let asks = LABELS.iter().any(|label| label.starts_with("route.") && labels.text(label).is_some());
    if hosts.is_empty() && (asks || labels.text("upstream").is_none()) {
        if labels.text("route.host").is_none() {
            labels.wrong("route.host", "it is missing: a route from labels is for a host");
        }
        return None;
    }
    asks.then_some(Route { hosts, keys })
}

fn number(least: u32, most: u32) -> impl Fn(&str) -> Read<u32> {
    move |text| {
        let number = text.parse().ok().filter(|number| (least..=most).contains(number));
        number.ok_or_else(|| Wrong::new(format!("{} is no number of {least} to {most}", quoted(text)), ""))
    }
}

fn protocol(text: &str) -> Read<String> {
    match text {
        "http/1.1" | "h2" | "auto" => Ok(toml(text)),
        _ => Err(Wrong::new(format!("{} is no protocol", quoted(text)), "http/1.1, h2 or auto")),
    }
}

/// As a TOML string. What looks like a reference to the environment is none: labels learn nothing of it.
pub(super) fn toml(text: &str) -> String {
    ::toml::Value::from(text.replace("${", "$${")).to_string()
}

pub(super) fn toml_list(texts: &[String]) -> String {
    format!("[{}]", texts.iter().map(|text| toml(text)).collect::<Vec<_>>().join(", "))
}
