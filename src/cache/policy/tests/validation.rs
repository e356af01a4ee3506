//! What a validation asks, what a 304 and a HEAD change, which fields are stored.

use http::header::{IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, RANGE};
use http::{Method, StatusCode};

use super::Ask;
use super::world::{Fields, Origin, Seen, World};
use crate::cache::policy::{ResponseView, Times, Validated, leaves_the_edge, on_validated};

#[test]
fn what_is_asked() {
    for (fields, etag, modified) in [
        (&[("etag", "\"abcdef\"")][..], Some("\"abcdef\""), None),
        (&[("etag", "W/\"abcdef\"")], Some("W/\"abcdef\""), None),
        // What is no tag goes back as it came: its origin may know it.
        (&[("etag", "abcdef")], Some("abcdef"), None),
        (&[("etag", "\"abcdef\u{fc}\"")], Some("\"abcdef\u{fc}\""), None),
        (&[("last-modified", "@-3000")], None, Some(())),
        (&[("etag", "\"a\""), ("last-modified", "@-3000")], Some("\"a\""), Some(())),
    ] {
        let mut fields = fields.to_vec();
        fields.push(("cache-control", "max-age=2"));
        let mut world = World::new();
        world.get(&[], &fields);
        let stored = world.kept[0].text("last-modified").map(str::to_owned);
        world.pass(3);
        let asked =
            [("if-none-match", "\"the client's\""), ("if-modified-since", "@-9"), ("range", "bytes=0-1"), ("abc", "1")];
        world.get(&asked, &[]);
        let sent =
            world.upstream.first(&IF_NONE_MATCH).map(|sent| String::from_utf8_lossy(sent.as_bytes()).into_owned());
        assert_eq!(sent.as_deref(), etag, "{fields:?}");
        assert_eq!(world.upstream.text(&IF_MODIFIED_SINCE), modified.and(stored.as_deref()), "{fields:?}");
        assert!(!world.upstream.contains(&RANGE) && world.upstream.contains(&http::HeaderName::from_static("abc")));
    }
}

#[test]
fn a_variant_is_validated_by_its_own_request_alone() {
    let stored: Fields<'_> = &[("cache-control", "max-age=2"), ("etag", "\"a\""), ("vary", "abc")];
    for (abc, tag) in [("123", Some("\"a\"")), ("456", None)] {
        let mut world = World::new();
        world.get(&[("abc", "123")], stored);
        world.pass(3);
        world.get(&[("abc", abc)], stored);
        assert_eq!(world.upstream.text(&IF_NONE_MATCH), tag, "{abc}");
        assert_eq!(world.upstream.text(&http::HeaderName::from_static("abc")), Some(abc));
    }
}

#[test]
fn a_fill_asks_for_the_whole() {
    let mut world = World::new();
    world.get(&[("if-none-match", "\"a\""), ("if-range", "\"a\""), ("range", "bytes=0-1"), ("foo", "1")], &[]);
    assert!(
        !world.upstream.contains(&IF_NONE_MATCH)
            && !world.upstream.contains(&IF_RANGE)
            && !world.upstream.contains(&RANGE)
    );
    assert_eq!(world.upstream.len(), 1);
}

#[test]
fn a_validated_response_is_fresh_again() {
    let etag = ("etag", "\"a\"");
    for first in ["max-age=2", "no-cache", "max-age=2, must-revalidate", "max-age=0", "max-age=10000, no-cache"] {
        let mut world = World::new();
        world.get(&[], &[("cache-control", first), etag]);
        world.pass(3);
        assert_eq!(world.get(&[], &[("cache-control", "max-age=10"), etag]), Seen::Validated { number: 1 }, "{first}");
        world.pass(9);
        assert_eq!(world.get(&[], &[]), Seen::Cached { number: 1, age: 9 }, "{first}");
    }
}

#[test]
fn no_cache_without_a_validator_is_not_stored() {
    let mut world = World::new();
    world.get(&[], &[("cache-control", "no-cache")]);
    assert!(world.kept.is_empty());
}

#[test]
fn what_a_304_does_not_say_again_counts_as_it_was() {
    // `Expires` was outdone by `max-age`; without that it is what there is (§3.2, §4.2.1).
    for first in ["max-age=0", "s-maxage=0, max-age=0", "s-maxage=0, stale-while-revalidate=9"] {
        let mut world = World::new();
        world.get(&[], &[("cache-control", first), ("expires", "@9"), ("etag", "\"a\"")]);
        world.pass(1);
        world.get(&[], &[("cache-control", "public"), ("date", "@0"), ("etag", "\"a\"")]);
        world.pass(7);
        assert_eq!(world.get(&[], &[]), Seen::Cached { number: 1, age: 7 }, "{first}");
        world.pass(1);
        assert!(!matches!(world.get(&[], &[]), Seen::Cached { .. }), "{first}");
    }
}

#[test]
fn fields_that_a_304_changes() {
    let etag = ("etag", "\"a\"");
    let taken = [
        "test-header",
        "x-test-header",
        "content-foo",
        "x-content-foo",
        "content-location",
        "content-md5",
        "content-security-policy",
        "clear-site-data",
        "expires",
        "public-key-pins",
        "set-cookie2",
        "x-frame-options",
        "x-xss-protection",
    ];
    for name in taken {
        assert_eq!(after_304(&[(name, "old"), (name, "older"), etag], &[(name, "new"), etag], name), ["new"], "{name}");
        assert_eq!(after_304(&[(name, "old"), etag], &[etag], name), ["old"], "{name}");
    }
    for name in ["content-length", "content-encoding", "content-type", "content-range"] {
        assert_eq!(after_304(&[(name, "36"), etag], &[(name, "10"), etag], name), ["36"], "{name}");
        assert!(after_304(&[etag], &[(name, "10"), etag], name).is_empty(), "{name}");
    }
    assert!(after_304(&[("age", "1"), etag], &[etag], "age").is_empty());
}

/// The stored values of a field after a validation.
fn after_304(first: Fields<'_>, answer: Fields<'_>, name: &'static str) -> Vec<String> {
    fn with<'a>(fields: Fields<'a>) -> Vec<(&'a str, &'a str)> {
        [&[("cache-control", "max-age=2")][..], fields].concat()
    }
    let mut world = World::new();
    world.get(&[], &with(first));
    world.pass(3);
    world.get(&[], &with(answer));
    let name = http::HeaderName::from_static(name);
    world.kept[0].headers.all(&name).map(|value| value.to_str().unwrap().to_owned()).collect()
}

#[test]
fn a_304_that_forbids_storing_is_used_once() {
    let etag = ("etag", "\"a\"");
    let mut world = World::new();
    world.get(&[], &[("cache-control", "max-age=2"), etag]);
    world.pass(3);
    assert_eq!(world.get(&[], &[("cache-control", "no-store"), etag]), Seen::Validated { number: 1 });
    assert!(world.kept.is_empty());
}

#[test]
fn a_304_of_another_representation_is_none() {
    for (stored, answer, same) in [
        (("etag", "\"a\""), ("etag", "\"b\""), false),
        (("etag", "\"a\""), ("etag", "W/\"a\""), true),
        (("etag", "\"a\""), ("last-modified", "@-5"), true),
        (("last-modified", "@-9"), ("last-modified", "@-5"), false),
        (("last-modified", "@-5"), ("last-modified", "@-5"), true),
        (("last-modified", "@-5"), ("etag", "\"b\""), true),
    ] {
        let mut world = World::new();
        world.get(&[], &[("cache-control", "max-age=2"), stored]);
        let fields = world.dated(&[answer]);
        let response = ResponseView { status: StatusCode::NOT_MODIFIED, headers: &fields };
        let (ask, times) = (Ask::get("/"), Times::at(world.now));
        let verdict = on_validated(&ask.view(), &world.kept[0].view(), &response, &world.options, times);
        assert_eq!(!matches!(verdict, Validated::Mismatch), same, "{stored:?} {answer:?}");
    }
}

#[test]
fn a_304_for_one_client_leaves_what_is_stored_for_all() {
    let etag = ("etag", "\"a\"");
    let mut world = World::new();
    world.get(&[], &[("cache-control", "max-age=2"), etag]);
    world.pass(3);
    let asked = [("authorization", "x")];
    assert_eq!(world.get(&asked, &[("cache-control", "max-age=2"), etag]), Seen::Validated { number: 1 });
    assert_eq!(world.get(&[], &[("cache-control", "max-age=2"), etag]), Seen::Validated { number: 1 });
    assert!(matches!(world.get(&[], &[]), Seen::Cached { .. }));
}

#[test]
fn head_freshens_or_invalidates() {
    let cases: &[(u16, Fields<'_>, bool, Option<&str>)] = &[
        (200, &[("cache-control", "max-age=1000"), ("test", "2")], true, Some("2")),
        (200, &[("cache-control", "max-age=1000"), ("etag", "\"a\"")], true, Some("1")),
        (200, &[("cache-control", "max-age=1000"), ("etag", "\"b\"")], false, None),
        (200, &[("cache-control", "max-age=1000"), ("content-length", "9")], false, None),
        (200, &[("cache-control", "no-store")], false, None),
        (410, &[("cache-control", "max-age=1000")], false, None),
        (404, &[], false, None),
        (500, &[("cache-control", "max-age=1000")], false, Some("1")),
    ];
    for (status, answer, fresh, test) in cases {
        let mut world = World::new();
        world.get(&[], &[("cache-control", "max-age=2"), ("test", "1"), ("etag", "\"a\""), ("content-length", "5")]);
        world.pass(3);
        assert_eq!(world.ask(Method::HEAD, "/", &[], Origin::Answers(*status, answer)), Seen::Forwarded);
        assert_eq!(world.kept.first().and_then(|kept| kept.text("test")), *test, "{status} {answer:?}");
        let seen = world.get(&[], &[]);
        assert_eq!(matches!(seen, Seen::Cached { number: 1, .. }), *fresh, "{status} {answer:?}");
    }
}

#[test]
fn fields_that_are_not_stored() {
    let mut world = World::new();
    let fields = [
        ("proxy-authenticate", "x"),
        ("proxy-authorization", "x"),
        ("proxy-authentication-info", "x"),
        ("cache-control", "max-age=9"),
        ("d", "1"),
        ("x-frame-options", "deny"),
    ];
    world.get(&[], &fields);
    let names: Vec<_> = world.kept[0].headers.iter().map(|(name, _)| name.as_str().to_owned()).collect();
    assert_eq!(names, ["cache-control", "d", "x-frame-options"]);
}

#[test]
fn fields_that_only_the_edge_reads() {
    for (name, want) in
        [("tidegate-cache-control", false), ("surrogate-key", false), ("cdn-cache-control", true), ("age", true)]
    {
        assert_eq!(leaves_the_edge(&http::HeaderName::from_static(name)), want, "{name}");
    }
}
