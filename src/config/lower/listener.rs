//! `[listeners.NAME]`

use crate::config::fields::Fields;
use crate::config::found::Found;
use crate::config::model::{AbuseLimits, CertificateFiles, ClientAuth, Listener, ListenerLimits, ListenerTls};
use crate::config::problem::{Problem, ProblemKind};
use crate::config::raw::Shape;
use crate::config::scalar;
use crate::config::words::Required;
use crate::http::path::PathPolicy;

pub(super) fn listeners(root: &Fields<'_>) -> Vec<Listener> {
    let Some(found) = root.find("listeners") else { return Vec::new() };
    let named = found.named();
    let list: Vec<_> = named
        .iter()
        .filter_map(|(entry, found)| {
            super::check::name(found, entry);
            listener(&entry.key, &found.section()?)
        })
        .collect();
    let any_tls = list.iter().any(|listener| listener.tls.is_some());
    for (entry, found) in named {
        let redirects = list.iter().any(|one| *one.name == entry.key && one.redirect_to_https.is_some());
        if redirects && !any_tls {
            found.no_effect("this redirects to HTTPS, but no listener speaks TLS", "add [listeners.NAME.tls] to one");
        }
    }
    list
}

fn listener(name: &str, at: &Fields<'_>) -> Option<Listener> {
    let address = at.required("address").and_then(|found| super::listen_address(&found));
    let redirect_to_https = at.find("redirect_to_https").and_then(|found| redirect(&found));
    let tls = at.section("tls").map(|at| tls(&at));
    let proxy_protocol = at.boolean("proxy_protocol");
    let trusted_proxies = at.list("trusted_proxies", scalar::cidr);
    if redirect_to_https.is_some() && tls.is_some() {
        let at = at.find("redirect_to_https");
        at.inspect(|at| {
            at.conflict(
                "this listener speaks TLS itself: the redirect would never end",
                "keep `redirect_to_https` for the clear-text listener",
            )
        });
    }
    if proxy_protocol
        && trusted_proxies.is_empty()
        && at.own("trusted_proxies").is_none_or(|found| found.items().is_empty())
    {
        let at = at.find("proxy_protocol");
        at.inspect(|at| {
            at.no_effect(
                "nobody is trusted to send a PROXY header, so no connection is served",
                "add trusted_proxies = [\"10.0.0.0/8\"] with the addresses of your load balancer",
            )
        });
    }
    Some(Listener {
        name: name.into(),
        redirect_to_https,
        proxy_protocol,
        trusted_proxies,
        http2: at.boolean("http2"),
        paths: paths(at),
        limits: limits(at),
        tls,
        address: address?,
    })
}

/// `true` is the port of HTTPS.
fn redirect(found: &Found<'_>) -> Option<u16> {
    match &found.node.shape {
        Shape::Integer(_) => found.integer().and_then(|port| u16::try_from(port).ok()),
        _ => found.boolean()?.then_some(443),
    }
}

fn limits(at: &Fields<'_>) -> ListenerLimits {
    let size = |name| usize::try_from(at.size(name)).unwrap_or(usize::MAX);
    ListenerLimits {
        max_connections: at.count("max_connections"),
        handshake_timeout: at.duration("handshake_timeout"),
        request_head_timeout: at.duration("request_head_timeout"),
        idle_timeout: at.duration("idle_timeout"),
        request_body_timeout: at.duration("request_body_timeout"),
        write_timeout: at.duration("write_timeout"),
        max_head_size: size("max_head_size"),
        max_field_size: size("max_field_size"),
        max_fields: at.count("max_fields"),
        max_target_size: size("max_target_size"),
        max_streams: at.count("max_streams"),
        min_request_rate: rate(at, "min_request_rate"),
        min_response_rate: rate(at, "min_response_rate"),
        max_connections_per_client: at.count("max_connections_per_client"),
        max_requests_per_client: at.count("max_requests_per_client"),
        abuse: abuse(at),
    }
}

fn paths(at: &Fields<'_>) -> PathPolicy {
    PathPolicy {
        merge_slashes: at.boolean("merge_slashes"),
        dot_segments: at.word("dot_segments"),
        encoded_slashes: at.word("encoded_slashes"),
        backslashes: at.word("backslashes"),
        escapes: at.word("escapes"),
    }
}

fn rate(at: &Fields<'_>, name: &str) -> u32 {
    u32::try_from(at.size(name)).unwrap_or(u32::MAX)
}

/// On with its defaults, unless it is `false`.
fn abuse(at: &Fields<'_>) -> Option<AbuseLimits> {
    let at = match at.find("abuse") {
        None => at.unsaid("abuse")?,
        Some(found) if matches!(found.node.shape, Shape::Table(_)) => found.section()?,
        Some(found) => found.boolean()?.then(|| found.empty_section())??,
    };
    Some(AbuseLimits {
        half_life: at.duration("half_life").unwrap_or_default(),
        resets: at.count("resets"),
        provoked_resets: at.count("provoked_resets"),
        settings: at.count("settings"),
        pings: at.count("pings"),
        priorities: at.count("priorities"),
        empty_data: at.count("empty_data"),
        tiny_data: at.count("tiny_data"),
        window_updates: at.count("window_updates"),
        continuations: at.count("continuations"),
        other_frames: at.count("other_frames"),
    })
}

fn tls(at: &Fields<'_>) -> ListenerTls {
    let certificates = at.find("certificates").map(|found| certificates(&found)).unwrap_or_default();
    let self_signed = at.list("self_signed", scalar::certificate_name);
    let empty =
        |name| at.find(name).is_none_or(|found| matches!(&found.node.shape, Shape::List(list) if list.is_empty()));
    if empty("certificates") && empty("self_signed") {
        let help = "add certificates = [{ cert = \"site.pem\", key = \"site.key\" }], or self_signed = [\"localhost\"] for development";
        let problem = Problem::error(ProblemKind::Missing, at.path.clone(), "TLS needs a certificate").help(help);
        at.scope.report(problem.at(at.span));
    }
    let subject_header = at.parsed("client_subject_header", scalar::rule_header_name);
    let required = at.word::<Required>("client_auth").0;
    let client_auth =
        at.file("client_ca").and_then(|ca| Some(ClientAuth { ca, required, subject_header: subject_header? }));
    if at.find("client_ca").is_none() {
        for name in ["client_auth", "client_subject_header"] {
            let found = at.find(name);
            found.inspect(|found| {
                found.conflict(
                    format!("`{name}` needs `client_ca`"),
                    "add client_ca = \"clients.pem\" with the authorities of your clients",
                )
            });
        }
    }
    ListenerTls { certificates, self_signed, min_version: at.word("min_version"), client_auth }
}

fn certificates(found: &Found<'_>) -> Vec<CertificateFiles> {
    let sections = found.items().into_iter().filter_map(|item| item.section());
    let files = sections.filter_map(|at| {
        let (cert, key) = (at.required("cert"), at.required("key"));
        let (cert, key) = (cert.and_then(|found| found.file()), key.and_then(|found| found.file()));
        Some(CertificateFiles { cert: cert?, key: key? })
    });
    files.collect()
}
