//! From the raw tree to the model. Every function reads its section to the end; what is wrong goes to the scope.
//!
//! A value that could not be read leaves a gap or a default behind. That never gets out: with one error there is no model.

mod balance;
mod cache;
mod check;
mod compress;
mod health;
mod listener;
mod names;
mod policy;
mod route;
mod traffic;
mod upstream;

use super::fields::{Fields, Scope};
use super::found::Found;
use super::keys::ROOT;
use super::model::{AccessFormat, AccessSink, Admin, ListenAddress, Log, Model, Server};
use super::problem::{Problem, ProblemKind};
use super::raw::{Shape, Table};
use super::scalar::{self, Read, Wrong};
use super::source::Span;
use crate::observe::access_log;
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
        log: log(&root),
        cache: cache::cache(&section_or_empty(&root, "cache", &nothing)),
        listeners: listener::listeners(&root),
        upstreams: upstream::upstreams(&root),
        routes: route::routes(
            &root,
            defaults.as_ref(),
            &route::Places { listeners: &listeners, upstreams: &upstreams },
        ),
        files: Vec::new(), // the scope has them; the caller fills them in
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
        drain_timeout: at.duration("drain_timeout").unwrap_or_default(),
        watch: at.boolean("watch"),
        zone: balance::zone(&at),
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
    Some(Admin { address: listen_address(&at.required("address")?)? })
}

fn log(root: &Fields<'_>) -> Log {
    let nothing = Table::default();
    let at = section_or_empty(root, "log", &nothing);
    let access = at.find("access").and_then(|found| match found.text()?.as_ref() {
        "stdout" => None,
        "off" => Some(AccessSink::Off),
        _ => found.path().map(AccessSink::File),
    });
    Log {
        level: at.word("level"),
        format: at.word("format"),
        access: access.unwrap_or(AccessSink::Stdout),
        access_format: at.parsed("access_format", access_format).unwrap_or(AccessFormat::Json),
    }
}

fn access_format(text: &str) -> Read<AccessFormat> {
    match text {
        "json" => return Ok(AccessFormat::Json),
        "combined" => return Ok(AccessFormat::Combined),
        _ => {}
    }
    match access_log::Template::parse(text) {
        Ok(_) => Ok(AccessFormat::Template(text.to_owned())),
        Err(access_log::TemplateError::NoField) => {
            let message = format!("{} is no format and has no {{field}}", super::nearest::quoted(text));
            Err(Wrong::new(message, "\"json\", \"combined\", or such as \"{client_ip} {status}\""))
        }
        Err(error) => Err(Wrong { message: error.to_string(), help: error.help(), part: Some(error.span()) }),
    }
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
