//! From the raw tree to the model. Every function reads its section to the end; what is wrong goes to the scope.
//!
//! A value that could not be read leaves a gap or a default behind. That never gets out: with one error there is no model.

mod auth;
mod balance;
mod cache;
mod check;
mod compress;
mod discovery;
mod docker;
mod edge;
mod expected;
mod guard;
mod health;
mod listener;
mod logs;
mod names;
mod policy;
mod releases;
mod route;
mod traffic;
mod upstream;

use super::fields::{Fields, Scope};
use super::found::Found;
use super::keys::ROOT;
use super::model::{Admin, ListenAddress, MemoryLimit, Model, Server};
use super::problem::{Problem, ProblemKind};
use super::raw::{Shape, Table};
use super::scalar::{self, Wrong};
use super::source::Span;
pub(super) use discovery::endpoints_of_file;
use names::Names;

/// Reads the whole config.
pub(super) fn lower<'a>(scope: &'a Scope<'a>, table: &'a Table) -> Model {
    let whole = Span { file: 0, start: 0, end: 0 };
    let root = Fields::open(scope, &ROOT, String::new(), (table, whole, None));
    root.list("include", |_| Ok(())); // followed already; what is not a list of texts is said here
    let listeners = Names::of(&root, "listeners");
    let upstreams = Names::of(&root, "upstreams");
    let defaults = root.section("defaults");
    let nothing = Table::default();
    let model = Model {
        server: server(&root),
        admin: admin(&root),
        log: logs::log(&root),
        tracing: logs::tracing(&root),
        cache: cache::cache(&section_or_empty(&root, "cache", &nothing)),
        resolver: discovery::resolver(&section_or_empty(&root, "resolver", &nothing)),
        docker: docker::docker(&root, &listeners),
        listeners: listener::listeners(&root),
        upstreams: upstream::upstreams(&root),
        routes: route::routes(
            &root,
            defaults.as_ref(),
            &route::Places { listeners: &listeners, upstreams: &upstreams },
        ),
        tests: expected::tests(&root, &listeners),
        // The scope has the files and the caller the tree; both are filled in there.
        files: Vec::new(),
        written: Default::default(),
    };
    check::listeners_exist(&root, &listeners);
    check::addresses_differ(&root);
    if !scope.has_errors() {
        // After an error, what seems unused is often just what the error is about.
        check::upstreams_are_used(scope, &upstreams);
        check::listeners_are_used(scope, &listeners, &model);
    }
    model
}

fn server(root: &Fields<'_>) -> Server {
    let nothing = Table::default();
    let at = section_or_empty(root, "server", &nothing);
    Server {
        workers: at.find("workers").and_then(|found| workers(&found)),
        drain_delay: at.duration("drain_delay"),
        drain_timeout: at.duration("drain_timeout").unwrap_or_default(),
        watch: at.boolean("watch"),
        guard: guard::guard(&at),
        pid_file: at.find("pid_file").and_then(|found| found.path()),
        upgrade_timeout: at.duration("upgrade_timeout").unwrap_or_default(),
        zone: balance::zone(&at),
        max_connections: at.count("max_connections"),
        max_requests: at.count("max_requests"),
        max_memory: at.find("max_memory").and_then(|found| max_memory(&found)).unwrap_or(MemoryLimit::Auto),
        max_delay: at.duration("max_delay"),
    }
}

fn max_memory(found: &Found<'_>) -> Option<MemoryLimit> {
    match found.text()?.as_ref() {
        "auto" => Some(MemoryLimit::Auto),
        "off" => Some(MemoryLimit::Off),
        _ => found.parsed(scalar::size).map(MemoryLimit::Octets),
    }
}

fn workers(found: &Found<'_>) -> Option<usize> {
    match &found.node.shape {
        Shape::Text(text) if text == "auto" => None,
        Shape::Text(text) if text.contains("${") && found.text()? == "auto" => None,
        Shape::Text(text) if !text.contains("${") => {
            let wrong = Wrong::new(
                format!("{} is not a number of workers", super::nearest::quoted(text)),
                "\"auto\", or a number",
            );
            found.wrong(wrong);
            None
        }
        _ => found.integer().and_then(|number| usize::try_from(number).ok()),
    }
}

fn admin(root: &Fields<'_>) -> Option<Admin> {
    let at = root.section("admin")?;
    let found = at.required("address");
    let token = at.parsed("token", scalar::secret);
    let hosts = at.list("hosts", |text| Ok(text.trim_end_matches('.').to_ascii_lowercase()));
    let found = found?;
    let address = listen_address(&found)?;
    if let ListenAddress::Tcp(bound) = &address
        && !bound.ip().is_loopback()
        && at.find("token").is_none()
    {
        let message = format!("{address} can be reached from other machines, and anybody there could change things");
        found.conflict(message, "add token = \"${TIDEGATE_ADMIN_TOKEN}\", or listen on 127.0.0.1 or a unix socket");
    }
    Some(Admin { address, token, hosts })
}

/// A section whose absence means its defaults.
fn section_or_empty<'a>(root: &Fields<'a>, name: &str, nothing: &'a Table) -> Fields<'a> {
    let section = match &ROOT.key(name).map(|key| &key.kind) {
        Some(super::kind::Kind::Table(section)) => section,
        _ => &ROOT,
    };
    let absent = || Fields::open(root.scope, section, name.to_owned(), (nothing, root.span, None));
    root.section(name).unwrap_or_else(absent)
}

/// A socket's path is relative to the file, as every path is.
fn listen_address(found: &Found<'_>) -> Option<ListenAddress> {
    Some(match found.parsed(scalar::listen_address)? {
        ListenAddress::Unix(path) => {
            ListenAddress::Unix(found.scope.sources.resolve(found.node.span.file, &path.to_string_lossy()))
        }
        tcp @ ListenAddress::Tcp(_) => tcp,
    })
}

/// A warning about the entry of `[key.NAME]`.
fn warn_at(scope: &Scope<'_>, path: String, span: Span, (message, help): (String, &str)) {
    scope.report(Problem::warning(ProblemKind::NoEffect, path, message).help(help).at(span));
}
