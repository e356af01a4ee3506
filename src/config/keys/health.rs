//! `[upstreams.NAME.health]`

use super::{HOST, TEXT};
use crate::config::kind::Default::{Absent, Integer, Text, Texts};
use crate::config::kind::{Key, Kind, Section};
use crate::config::words::{ProbeType, words};

const TARGET: Kind = Kind::Text("a path that begins with a slash", r"^/");
const STATUS: Kind = Kind::Text("a status or a range such as \"200-299\"", r"^[1-5][0-9][0-9](-[1-5][0-9][0-9])?$");

/// `[upstreams.NAME.health]`
pub(in crate::config) static HEALTH: Section = Section {
    doc: "Present: endpoints are probed, and get requests only while they pass. Until the first probe has an answer an endpoint counts \
          as well; the first answer decides alone.",
    groups: &[&[
        Key::new("type", Kind::Word(words::<ProbeType>), Text("http"), "What a probe is."),
        Key::new("path", TARGET, Text("/"), "With `type = \"http\"`: what is asked for."),
        Key::new("host", HOST, Absent, "What `Host` says; the endpoint's own name unless set.")
            .example(r#""api.internal""#),
        Key::new("status", Kind::List(&STATUS), Texts(&["200-299"]), "With `type = \"http\"`: statuses that pass."),
        Key::new("body", TEXT, Absent, "With `type = \"http\"`: a text that the first 64 KiB of the body must have.")
            .example(r#""ready""#),
        Key::new("service", TEXT, Text(""), "With `type = \"grpc\"`: the service that is asked for; empty: all of it."),
        Key::new("interval", Kind::Duration, Text("10s"), "Between two probes of an endpoint, give or take a tenth."),
        Key::new("timeout", Kind::Duration, Text("5s"), "For a whole probe, connecting included."),
        Key::new("rise", Kind::Integer(1, 100), Integer(2), "Probes in a row that pass before it is up again."),
        Key::new("fall", Kind::Integer(1, 100), Integer(3), "Probes in a row that fail before it is down."),
    ]],
};
