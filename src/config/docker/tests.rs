//! Labels, and what they come to beside a file.

use std::sync::Arc;

use crate::config::include::read_text;
use crate::config::joined::Written;
use crate::config::model::{Action, Container, Labelled, Model};

const FILE: &str = "[listeners.web]\naddress = \"127.0.0.1:0\"\n[discovery.docker]\nnetwork = \"edge\"\n\
    [upstreams.own]\nendpoints = [\"10.9.9.9:1\"]\n[[routes]]\nname = \"mine\"\nhosts = [\"own.test\", \"*.own.test\"]\nupstream = \"own\"\n";

fn container(name: &str, labels: &[(&str, &str)]) -> Container {
    Container {
        name: name.to_owned(),
        created: "2026-01-01".to_owned(),
        labels: labels.iter().map(|(key, value)| (format!("tidegate.{key}"), (*value).to_owned())).collect(),
        networks: vec![("edge".to_owned(), "10.0.0.1".parse().expect("an address"))],
        ports: vec![80],
    }
}

fn joined(file: &str, containers: &[Container]) -> (Model, Labelled) {
    let secret = |name: &str| (name == "SECRET").then(|| "told".to_owned());
    let joined = Written::new(read_text("t.toml", file)).joined(&secret, containers);
    let (loaded, labelled) = joined.unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    (loaded.model, labelled)
}

/// `container label: message` for each that is not heard.
fn unheard(containers: &[Container]) -> Vec<String> {
    let one = |one: crate::config::model::Unheard| format!("{} {}: {}", one.container, one.label, one.message);
    joined(FILE, containers).1.unheard.into_iter().map(one).collect()
}

#[test]
fn labels_become_upstreams_and_routes() {
    let mut replica = container("web-2", &[("route.host", "a.test, b.test"), ("upstream", "web"), ("weight", "3")]);
    replica.networks = vec![
        ("other".to_owned(), "10.1.1.1".parse().expect("an address")),
        ("edge".to_owned(), "10.0.0.2".parse().expect("an address")),
    ];
    let keys = [
        ("route.host", "a.test"),
        ("upstream", "web"),
        ("port", "8080"),
        ("route.path_prefix", "/api"),
        ("route.strip_prefix", "/api"),
        ("route.methods", "GET, POST"),
        ("route.listeners", "web"),
        ("route.timeout", "5s"),
    ];
    let mut service = container("shop_blog_1", &[("route.host", "*.blog.test")]);
    service.labels.insert("com.docker.compose.project".to_owned(), "shop".to_owned());
    service.labels.insert("com.docker.compose.service".to_owned(), "blog".to_owned());
    let (off, none) =
        (container("off", &[("enable", "false"), ("nonsense", "1")]), container("none", &[("made", "1")]));
    let (model, labelled) = joined(FILE, &[container("web-1", &keys), replica, service, off, none]);
    assert!(labelled.unheard.is_empty(), "{:?}", labelled.unheard);
    let upstreams: Vec<_> = model.upstreams.iter().map(|one| &*one.name).collect();
    assert_eq!(upstreams, ["own", "shop-blog", "web"]);
    let web = &model.upstreams[2];
    let endpoints: Vec<_> = web.endpoints.iter().map(|one| (one.address.to_string(), one.weight)).collect();
    assert_eq!(endpoints, [("10.0.0.1:8080".to_owned(), 1), ("10.0.0.2:80".to_owned(), 3)]);
    let routes: Vec<_> = model.routes.iter().map(|one| &*one.name).collect();
    assert_eq!(routes, ["mine", "shop-blog", "web", "web-2"]);
    let route = &model.routes[2];
    assert!(matches!(route.action, Action::Upstream(2)) && route.listeners == [0] && route.methods.len() == 2);
    assert_eq!(route.policies.strip_prefix.as_deref(), Some("/api"));
    assert_eq!(model.routes[3].hosts.len(), 2);
    assert_eq!(labelled.endpoints[1], ("web-1".to_owned(), Arc::from("web"), "10.0.0.1:8080".to_owned()));
}

#[test]
fn what_cannot_be_is_told_with_container_and_label() {
    let host = ("route.host", "a.test");
    let mut lonely = container("c", &[host]);
    lonely.networks.clear();
    let mut blind = container("c", &[host]);
    blind.ports = vec![80, 443];
    let mut lost = container("c", &[host, ("network", "nowhere")]);
    lost.created = "2026-01-02".to_owned();
    let cases = [
        (
            vec![container("c", &[("route.hots", "a.test")])],
            "c tidegate.route.hots: there is no such label; did you mean tidegate.route.host?",
        ),
        (vec![container("c", &[("port", "80")])], "c tidegate.route.host: it is missing"),
        (
            vec![container("c", &[("upstream", "x")])],
            "c tidegate.route.host: no container of the upstream \"x\" has a route",
        ),
        (vec![container("c", &[host, ("port", "0")])], "c tidegate.port: \"0\" is no number of 1 to 65535"),
        (vec![container("c", &[host, ("weight", "x")])], "c tidegate.weight: \"x\" is no number"),
        (vec![container("c", &[host, ("protocol", "h3")])], "c tidegate.protocol: \"h3\" is no protocol"),
        (vec![container("c", &[("route.host", "a b")])], "c tidegate.route.host: "),
        (vec![container("c", &[host, ("route.path", "x")])], "c tidegate.route.path: \"x\" is not a path"),
        (
            vec![container("c", &[host, ("route.path", "/x"), ("route.path_prefix", "/y")])],
            "c tidegate.route.path: it stands beside",
        ),
        (vec![container("c", &[host, ("route.listeners", "lan")])], "c tidegate.*: routes.c.listeners"),
        (vec![container("c", &[host, ("upstream", "a\nb")])], "c tidegate.upstream: "),
        (vec![lonely], "c tidegate.network: it has no address in any network"),
        (vec![lost], "c tidegate.network: it has no address in the network \"nowhere\"; it is in: edge"),
        (vec![blind], "c tidegate.port: the image exposes several ports"),
        (vec![container("c", &[host, ("upstream", "own")])], "c tidegate.upstream: the file has an upstream \"own\""),
        (vec![container("c", &[host, ("upstream", "mine")])], "c tidegate.upstream: the file has a route \"mine\""),
        (
            vec![container("c", &[("route.host", "own.test")])],
            "c tidegate.route.host: the host \"own.test\" belongs to the route \"mine\" of the file (t.toml:7)",
        ),
        (
            vec![container("c", &[("route.host", "x.own.test")])],
            "c tidegate.route.host: the host \"x.own.test\" belongs",
        ),
        (vec![container("c", &[("route.host", "*.test")])], "c tidegate.route.host: the host \"*.test\" belongs"),
        (
            vec![container("a", &[host]), container("c", &[host])],
            "c tidegate.route.host: the upstream \"a\" has such a route already",
        ),
        (
            vec![container("a", &[host, ("upstream", "x")]), container("c", &[("upstream", "x"), ("protocol", "h2")])],
            "c tidegate.protocol: \"a\" of the same upstream says something else",
        ),
    ];
    for (containers, expected) in cases {
        // Somebody else is never taken down with them.
        let well = container("well", &[("route.host", "well.test")]);
        let with: Vec<_> = containers.iter().cloned().chain([well]).collect();
        let found = unheard(&with);
        assert!(found.len() == 1 && found[0].starts_with(expected), "{expected}: {found:?}");
        let (model, _) = joined(FILE, &with);
        assert!(model.upstreams.iter().any(|upstream| &*upstream.name == "well"), "{expected}");
        assert_eq!((&*model.routes[0].name, &*model.upstreams[0].name), ("mine", "own"), "the file stays as it is");
    }
}

#[test]
fn hosts_may_be_bounded_and_labels_learn_nothing() {
    let file = FILE.replace("[discovery.docker]\n", "[discovery.docker]\nhosts = [\"*.apps.test\"]\n");
    let containers = [
        container("in", &[("route.host", "a.apps.test")]),
        container("out", &[("route.host", "a.test")]),
        container("wide", &[("route.host", "*.test")]),
    ];
    let (model, labelled) = joined(&file, &containers);
    assert_eq!(model.upstreams.len(), 2);
    let out: Vec<_> = labelled.unheard.iter().map(|one| (one.container.as_str(), one.label.as_str())).collect();
    assert_eq!(out, [("out", "tidegate.route.host"), ("wide", "tidegate.route.host")]);
    // A reference to the environment is a text like any other.
    let curious = container("c", &[("route.host", "c.test"), ("route.path", "/${SECRET}")]);
    let (model, _) = joined(FILE, &[curious]);
    let path = format!("{:?}", model.routes[1].path);
    assert!(path.contains("SECRET") && !path.contains("told"), "{path}");
    // And without the section, labels are nobody's business.
    let plain = FILE.replace("[discovery.docker]\nnetwork = \"edge\"\n", "");
    let (model, labelled) = joined(&plain, &[container("c", &[("route.host", "c.test")])]);
    assert_eq!((model.upstreams.len(), labelled), (1, Labelled::default()));
}
