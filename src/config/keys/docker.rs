//! `[discovery]`

use super::{HOST, NAME};
use crate::config::kind::Default::{Absent, Text, Texts};
use crate::config::kind::{Key, Kind, Section};

/// `[discovery]`
pub(in crate::config) static DISCOVERY: Section = Section {
    doc: "Who tells of upstreams and routes beside this file.",
    groups: &[&[Key::new(
        "docker",
        Kind::Table(&DOCKER),
        Absent,
        "Containers with labels become endpoints and routes; absent: off.",
    )]],
};

/// `[discovery.docker]`
static DOCKER: Section = Section {
    doc: "Containers with labels that begin with `tidegate.` become endpoints and routes. Labels never change what the file says.",
    groups: &[&[
        Key::new("socket", Kind::Path, Text("/var/run/docker.sock"), "The socket of the engine. It is only read from."),
        Key::new(
            "network",
            NAME,
            Absent,
            "Whose addresses are used, of containers in several networks that have no label `tidegate.network`.",
        )
        .example(r#""edge""#),
        Key::new(
            "hosts",
            Kind::List(&HOST),
            Texts(&[]),
            "The hosts that labels may name; unless set, all that no route of the file names.",
        )
        .example(r#"["*.apps.example.com"]"#),
        Key::new(
            "listeners",
            Kind::List(&NAME),
            Texts(&[]),
            "The listeners of routes that have no label `tidegate.route.listeners`; unless set, all.",
        )
        .example(r#"["web"]"#),
        Key::new("settle", Kind::Duration, Text("200ms"), "How long nothing must happen before a change is taken."),
    ]],
};
