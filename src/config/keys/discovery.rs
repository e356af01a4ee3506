//! `[resolver]`, and the file of `endpoints_file`.

use super::ENDPOINT_ADDRESS;
use super::upstream::ENDPOINT;
use crate::config::kind::Default::{Boolean, Required, Text, Texts};
use crate::config::kind::{Key, Kind, Section};
use crate::config::model::AddressFamily;
use crate::config::words::words;

const NAMESERVER: Kind = Kind::Text("the address of a name server such as \"10.0.0.2\"", r"^[0-9a-fA-F.:\[\]]+$");

/// `[resolver]`
pub(in crate::config) static RESOLVER: Section = Section {
    doc: "How the names of endpoints are looked up. Answers count as long as their TTL says; when there is none, the last one stays.",
    groups: &[&[
        Key::new(
            "nameservers",
            Kind::List(&NAMESERVER),
            Texts(&[]),
            "Name servers, with a port where it is not 53; those of `/etc/resolv.conf` unless set.",
        )
        .example(r#"["10.0.0.2", "[fd00::2]:5353"]"#),
        Key::new("hosts_file", Kind::Boolean, Boolean(true), "Whether `/etc/hosts` answers first."),
        Key::new("family", Kind::Word(words::<AddressFamily>), Text("any"), "Which addresses are asked for."),
        Key::new(
            "lookup_timeout",
            Kind::Duration,
            Text("3s"),
            "For one look-up, all its tries together. A start waits as long for first answers, and goes on without them.",
        ),
        Key::new("min_ttl", Kind::Duration, Text("1s"), "No answer counts for less than this."),
        Key::new("max_ttl", Kind::Duration, Text("5m"), "No answer counts for more than this."),
    ]],
};

/// The file that `endpoints_file` names.
pub(in crate::config) static ENDPOINTS_FILE: Section = Section {
    doc: "A file of endpoints.",
    groups: &[&[Key::new(
        "endpoints",
        Kind::List(&Kind::Either(&[ENDPOINT_ADDRESS, Kind::Table(&ENDPOINT)])),
        Required,
        "The endpoints, as in `[upstreams.NAME]`.",
    )
    .example(r#"["10.0.0.8:9000"]"#)]],
};
