//! `[log]` and `[tracing]`.

use super::{section_or_empty, upstream};
use crate::config::fields::Fields;
use crate::config::found::Found;
use crate::config::model::{AccessFormat, AccessSink, Log, LogRedaction, Otlp, Tracing, UpstreamTls};
use crate::config::nearest::quoted;
use crate::config::raw::{Entry, Table};
use crate::config::scalar::{self, Read, Wrong};
use crate::observe::access_log::{self, Field};

/// `[log]`
pub(super) fn log(root: &Fields<'_>) -> Log {
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
        sample: at.parsed("sample", scalar::share).unwrap_or(1.0),
        redaction: LogRedaction {
            query: at.word("query"),
            query_keep: at.list("query_keep", |text| Ok(text.to_owned())),
            client: at.word("client"),
            omit: at.list("omit", field),
        },
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
            let message = format!("{} is no format and has no {{field}}", quoted(text));
            Err(Wrong::new(message, "\"json\", \"combined\", or such as \"{client_ip} {status}\""))
        }
        Err(error) => Err(Wrong { message: error.to_string(), help: error.help(), part: Some(error.span()) }),
    }
}

/// The name of a field of the access log.
fn field(text: &str) -> Read<String> {
    if Field::named(text).is_some() {
        return Ok(text.to_owned());
    }
    let help = match Field::nearest(text) {
        Some(nearest) => format!("did you mean \"{}\"?", nearest.name()),
        None => "the fields are listed in docs/access-log.md".to_owned(),
    };
    Err(Wrong::new(format!("{} is no field of the access log", quoted(text)), help))
}

/// `[tracing]`
pub(super) fn tracing(root: &Fields<'_>) -> Option<Tracing> {
    let at = root.section("tracing")?;
    let pairs = at.find("headers").map(|found| found.pairs()).unwrap_or_default();
    let one = |(entry, found): (&Entry, Found<'_>)| {
        let name = found.key(entry, scalar::rule_header_name);
        let mut value = found.parsed(scalar::header_value)?;
        // What the collector knows us by is shown to nobody.
        value.set_sensitive(true);
        Some((name?, value))
    };
    let (protocol, endpoint) = (at.word("protocol"), at.parsed("endpoint", scalar::collector));
    if protocol == Otlp::Grpc && endpoint.as_ref().is_some_and(|collector| !collector.path.is_empty()) {
        at.conflict(
            "a collector of gRPC has no path",
            "write it like \"http://127.0.0.1:4317\", or say `protocol = \"http\"`",
        );
    }
    if let Some(found) = at.find("tls").filter(|_| endpoint.as_ref().is_none_or(|collector| !collector.tls)) {
        found.no_effect(
            "`tls` has no effect without an `endpoint` of https",
            "write it like \"https://otel.internal:4318\"",
        );
    }
    Some(Tracing {
        protocol,
        endpoint,
        sample: at.parsed("sample", scalar::share).unwrap_or_default(),
        follow_parent: at.boolean("follow_parent"),
        service_name: at.parsed("service_name", |text| Ok(text.to_owned())).unwrap_or_default(),
        tls: at.section("tls").map_or(UpstreamTls::VERIFIED, |at| upstream::tls(&at)),
        headers: pairs.into_iter().filter_map(one).collect(),
    })
}
