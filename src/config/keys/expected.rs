//! `[[tests]]`

use super::{NAME, TEXT};
use crate::config::kind::Default::{Absent, Required};
use crate::config::kind::{Key, Kind, Section};

/// `[[tests]]`
pub(in crate::config) static TEST: Section = Section {
    doc: "What you expect of this config: a request, and what is to become of it. `tidegate check` tries them all; nothing is sent.",
    groups: &[
        &[
            Key::new("name", NAME, Absent, "In messages; `test-N` unless set.").example(r#""users go to the api""#),
            Key::new(
                "request",
                Kind::Text("a method and a URL such as \"GET https://example.com/\"", r"^[A-Z0-9!#$%&'*+.^_`|~-]+ .+$"),
                Required,
                "Method and URL.",
            )
            .example(r#""GET https://example.com/api/users""#),
            Key::new("headers", Kind::Map(&TEXT), Absent, "Its fields.").example(r#"{ "x-env" = "canary" }"#),
            Key::new("client", Kind::Text("an address such as \"192.0.2.7\"", ""), Absent, "The client's address.")
                .example(r#""192.0.2.7""#),
            Key::new("listener", NAME, Absent, "The listener by which it comes; each that may take it unless set.")
                .example(r#""secure""#),
        ],
        &[
            Key::new("route", NAME, Absent, "Expected: the route that takes it.").example(r#""api""#),
            Key::new("upstream", NAME, Absent, "Expected: the upstream that it is forwarded to.").example(r#""api""#),
            Key::new("target", TEXT, Absent, "Expected: path and query that the upstream is asked for.")
                .example(r#""/users""#),
            Key::new(
                "status",
                Kind::Integer(200, 599),
                Absent,
                "Expected: the status of an answer that needs no upstream, such as 404 where no route takes it.",
            )
            .example("308"),
            Key::new("location", TEXT, Absent, "Expected: where it is redirected to.")
                .example(r#""https://example.com/""#),
        ],
    ],
};
