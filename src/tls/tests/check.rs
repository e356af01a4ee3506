//! `tidegate check`: all sections of a config.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::problems;
use super::certs::Key;
use super::*;
use crate::config::model::*;

fn model(listeners: Vec<Listener>, upstreams: Vec<Upstream>, routes: Vec<Route>) -> Model {
    Model {
        server: Server {
            workers: None,
            drain_delay: None,
            drain_timeout: Duration::ZERO,
            guard: None,
            watch: false,
            pid_file: None,
            upgrade_timeout: Duration::ZERO,
            zone: None,
            max_connections: 0,
            max_requests: 0,
            max_memory: MemoryLimit::Auto,
            max_delay: None,
        },
        cache: crate::config::model::Cache {
            memory: 1,
            max_object: 1,
            max_variants: 1,
            purge_from: Vec::new(),
            disk: None,
        },
        docker: None,
        resolver: Resolver {
            nameservers: Vec::new(),
            hosts_file: true,
            family: AddressFamily::Any,
            timeout: Duration::ZERO,
            min_ttl: Duration::ZERO,
            max_ttl: Duration::ZERO,
        },
        admin: None,
        log: Log {
            level: LogLevel::Off,
            format: LogFormat::Text,
            access: AccessSink::Off,
            access_format: AccessFormat::Json,
            ..Log::default()
        },
        listeners,
        upstreams,
        routes,
        tests: Vec::new(),
        files: Vec::new(),
        written: Default::default(),
        tracing: None,
    }
}

fn secure(name: &str, tls: Option<ListenerTls>) -> Listener {
    let limits = ListenerLimits {
        max_connections: 1,
        handshake_timeout: None,
        request_head_timeout: None,
        idle_timeout: None,
        request_body_timeout: None,
        write_timeout: None,
        max_head_size: 1,
        max_field_size: 1,
        max_fields: 1,
        max_target_size: 1,
        max_streams: 1,
        min_request_rate: 0,
        min_response_rate: 0,
        max_connections_per_client: 0,
        max_requests_per_client: 0,
        abuse: None,
    };
    Listener {
        name: name.into(),
        address: ListenAddress::Tcp(([127, 0, 0, 1], 0).into()),
        redirect_to_https: None,
        proxy_protocol: false,
        trusted_proxies: Vec::new(),
        http2: true,
        tls,
        paths: Default::default(),
        limits,
    }
}

fn upstream(name: &str, endpoint: EndpointAddress, tls: Option<UpstreamTls>) -> Upstream {
    Upstream {
        name: name.into(),
        endpoints: vec![Endpoint { address: endpoint, weight: 1, backup: false, zone: None }],
        discovery: Discovery::default(),
        protocol: UpstreamProtocol::Http1,
        balance: Balance::RoundRobin,
        spread: Spread::PLAIN,
        outlier: Outlier::PLAIN,
        connect_timeout: None,
        response_timeout: None,
        response_body_timeout: None,
        write_timeout: None,
        idle_timeout: None,
        max_idle: 1,
        max_connections: 0,
        max_response_head_size: 1,
        unknown_transfer_codings: false,
        proxy_protocol: None,
        tls,
        retry: Retry::default(),
        health: None,
        capacity: Capacity::default(),
    }
}

fn route(listeners: Vec<usize>, hosts: &[&str]) -> Route {
    Route {
        name: "site".into(),
        listeners,
        hosts: hosts.iter().map(|host| HostPattern::Exact(host.to_string())).collect(),
        path: PathMatch::Prefix("/".into()),
        methods: Vec::new(),
        headers: Vec::new(),
        cookies: Vec::new(),
        query: Vec::new(),
        action: Action::Files(Files {
            root: "/".into(),
            index: String::new(),
            precompressed: false,
            fallback: None,
            types: BTreeMap::new(),
            hidden: false,
        }),
        policies: Policies {
            strip_prefix: None,
            rewrite: None,
            request_headers: HeaderRules::default(),
            response_headers: HeaderRules::default(),
            preserve_host: true,
            timeout: None,
            deadline_header: None,
            hedge: None,
            mirror: None,
            inject: None,
            max_body: 0,
            upgrades: Vec::new(),
            max_requests: 0,
            priority: Default::default(),
            codings: Codings::default(),
            cache: None,
            edge: EdgePolicies::default(),
        },
        place: Place { file: "tidegate.toml".into(), line: 1 },
    }
}

#[test]
fn each_problem_has_the_whole_key() {
    let (folder, authority) = (Folder::new(), Authority::new("ca"));
    let good = put(&folder, "a", &authority.leaf(&["example.com"], Key::Ecdsa));
    let missing = CertificateFiles { cert: "none.pem".into(), key: good.key.clone() };
    let blind = UpstreamTls {
        verify: false,
        ca: None,
        server_name: None,
        certificate: Some(missing.clone()),
        min_version: TlsVersion::V1_2,
    };
    let model = model(
        vec![
            secure("good", Some(listener(vec![good.clone()]))),
            secure("plain", None),
            secure("bad", Some(listener(vec![good, missing]))),
        ],
        vec![
            upstream("plain", EndpointAddress::Unix("/run/a.sock".into()), None),
            upstream("blind", EndpointAddress::Unix("/run/a.sock".into()), Some(blind)),
        ],
        vec![
            route(vec![0, 1, 2], &["example.com", "localhost", "www.example.com"]),
            route(vec![1], &["plain.example"]),
        ],
    );
    let found: Vec<_> = problems(&model).into_iter().map(|problem| (problem.kind, problem.key)).collect();
    let expected = [
        (TlsProblemKind::HostNotCovered, "listeners.good.tls.certificates"),
        (TlsProblemKind::FileMissing, "listeners.bad.tls.certificates[1].cert"),
        (TlsProblemKind::FileMissing, "upstreams.blind.tls.cert"),
        (TlsProblemKind::NoServerName, "upstreams.blind.tls.server_name"),
        (TlsProblemKind::NotVerified, "upstreams.blind.tls.verify"),
    ];
    assert_eq!(found, expected.map(|(kind, key)| (kind, key.to_owned())));
}

#[test]
fn the_guide_shows_configs() {
    let guide = include_str!("../../../docs/tls.md");
    let blocks: Vec<_> = guide.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(blocks.len(), 4);
    for block in blocks {
        let loaded = crate::config::parse("docs/tls.md", block, &|_| None)
            .unwrap_or_else(|found| panic!("{}", found.render(false)));
        assert!(loaded.warnings.is_empty(), "{}", loaded.warnings.render(false));
    }
}
