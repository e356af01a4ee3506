//! Which request what is stored is used for: what the client says, the query, `Vary`, `Authorization`, the method.

use http::Method;

use super::world::{Fields, Origin, Seen, World};
use crate::cache::policy::Options;

const FRESH: (&str, &str) = ("cache-control", "max-age=100000");
const NOW: (&str, &str) = ("date", "@0");

fn cached(seen: &Seen) -> bool {
    matches!(seen, Seen::Cached { .. })
}

#[test]
fn what_the_client_says() {
    let etag = ("etag", "\"a\"");
    for (answer, pause, asked, want) in [
        (&[NOW, FRESH][..], 3, "max-age=0", Seen::Forwarded),
        (&[NOW, FRESH], 3, "max-age=1", Seen::Forwarded),
        (&[NOW, FRESH], 3, "max-age=3", Seen::Cached { number: 1, age: 3 }),
        (&[NOW, FRESH, ("age", "1800")], 0, "max-age=600", Seen::Forwarded),
        (&[("cache-control", "max-age=2")], 3, "max-stale=1000", Seen::Cached { number: 1, age: 3 }),
        (&[("cache-control", "max-age=2")], 3, "max-stale=1", Seen::Cached { number: 1, age: 3 }),
        (&[("cache-control", "max-age=2")], 4, "max-stale=1", Seen::Forwarded),
        (&[("cache-control", "max-age=2")], 9, "max-stale", Seen::Cached { number: 1, age: 9 }),
        (&[("cache-control", "max-age=2")], 9, "max-stale, max-age=5", Seen::Forwarded),
        (&[("cache-control", "max-age=2, must-revalidate")], 3, "max-stale", Seen::Forwarded),
        (&[("cache-control", "max-age=2, proxy-revalidate")], 3, "max-stale", Seen::Forwarded),
        (&[("cache-control", "s-maxage=2")], 3, "max-stale", Seen::Forwarded),
        (
            &[("cache-control", "max-age=1500"), ("age", "2000"), etag],
            0,
            "max-stale=1000",
            Seen::Cached { number: 1, age: 2000 },
        ),
        (&[("cache-control", "max-age=1500")], 0, "min-fresh=2000", Seen::Forwarded),
        (&[("cache-control", "max-age=1500"), ("age", "1000")], 0, "min-fresh=1000", Seen::Forwarded),
        (&[("cache-control", "max-age=1500")], 0, "min-fresh=1000", Seen::Cached { number: 1, age: 0 }),
        (&[("cache-control", "max-age=3600")], 0, "no-cache", Seen::Forwarded),
        (&[("cache-control", "max-age=3600"), etag], 0, "no-cache", Seen::Validated { number: 1 }),
        (&[NOW, FRESH, ("last-modified", "@-10000")], 0, "no-cache", Seen::Validated { number: 1 }),
        (&[NOW, FRESH], 3, "no-store", Seen::Forwarded),
        (&[NOW, FRESH], 3, "only-if-cached", Seen::Cached { number: 1, age: 3 }),
        (&[("cache-control", "max-age=2")], 3, "only-if-cached", Seen::OnlyIfCached),
        (&[("cache-control", "max-age=2")], 3, "only-if-cached, max-stale", Seen::Cached { number: 1, age: 3 }),
        (&[], 0, "only-if-cached", Seen::OnlyIfCached),
        (&[NOW, FRESH], 3, "nonsense", Seen::Cached { number: 1, age: 3 }),
    ] {
        let mut world = World::new();
        world.get(&[], answer);
        world.pass(pause);
        assert_eq!(world.get(&[("cache-control", asked)], answer), want, "{answer:?} {asked}");
    }
}

#[test]
fn what_the_client_says_elsewhere_does_not_count() {
    for asked in [("pragma", "no-cache"), ("pragma", "foo"), ("cookie", "a=b"), ("user-agent", "x")] {
        let mut world = World::new();
        world.get(&[], &[NOW, FRESH]);
        assert!(cached(&world.get(&[asked], &[])), "{asked:?}");
    }
    let mut world = World::new();
    world.options = Options { client_directives: false, ..Options::default() };
    world.get(&[], &[NOW, FRESH]);
    assert!(cached(&world.get(&[("cache-control", "no-cache, no-store, max-age=0")], &[])));
}

#[test]
fn a_request_with_no_store_leaves_nothing() {
    let mut world = World::new();
    world.get(&[("cache-control", "no-store")], &[NOW, FRESH]);
    assert_eq!(world.get(&[], &[]), Seen::Forwarded);
}

#[test]
fn what_was_stored_outlives_a_later_no_store() {
    let mut world = World::new();
    world.get(&[], &[NOW, FRESH]);
    world.pass(3);
    assert!(cached(&world.get(&[], &[("cache-control", "no-store, max-age=0")])));
    world.get(&[("cache-control", "max-age=0")], &[("cache-control", "no-store")]);
    assert_eq!(world.get(&[], &[]), Seen::Cached { number: 1, age: 3 });
}

#[test]
fn a_cookie_does_not_count() {
    let mut world = World::new();
    world.get(&[("cookie", "a=1")], &[FRESH]);
    assert!(cached(&world.get(&[("cookie", "a=2")], &[])));
}

#[test]
fn queries() {
    let mut world = World::new();
    let fresh = Origin::Answers(200, &[FRESH]);
    world.ask(Method::GET, "/?a=1", &[], fresh);
    assert_eq!(world.ask(Method::GET, "/?a=2", &[], fresh), Seen::Forwarded);
    assert!(cached(&world.ask(Method::GET, "/?a=1", &[], fresh)));
}

#[test]
fn vary() {
    let three = ("vary", "Foo, Bar, Baz");
    let (foo, bar, baz) = (("foo", "1"), ("bar", "abc"), ("baz", "789"));
    let cases: &[(Fields<'_>, (&str, &str), Fields<'_>, bool)] = &[
        (&[foo], ("vary", "Foo"), &[foo], true),
        (&[foo], ("vary", "Foo"), &[("foo", "2")], false),
        (&[], ("vary", "Foo"), &[foo], false),
        (&[foo], ("vary", "Foo"), &[], false),
        (&[foo, ("other", "2")], ("vary", "Foo"), &[foo, ("other", "3")], true),
        (&[foo, bar], ("vary", "Foo, Bar"), &[foo, bar], true),
        (&[foo, bar], ("vary", "Foo, Bar"), &[("foo", "2"), bar], false),
        (&[foo, bar], ("vary", "Foo, Bar"), &[], false),
        (&[foo, bar, baz], three, &[foo, bar, baz], true),
        (&[foo, bar, baz], three, &[("foo", "2"), bar, baz], false),
        (&[foo, bar, baz], three, &[foo, baz, ("bar", "abcde")], false),
        (&[foo, baz], three, &[foo, baz], true),
        (&[foo, baz], ("vary", "*"), &[foo, baz], false),
        (&[foo, baz], ("vary", "*, Foo"), &[foo, baz], false),
        (&[foo, baz], ("vary", "Foo, *"), &[foo, baz], false),
        (&[foo, baz], ("vary", "*, *"), &[foo, baz], false),
        (&[foo, baz], ("vary", ", *"), &[foo, baz], false),
        (&[foo, baz], ("vary", ""), &[foo, baz], true),
        (&[foo], ("vary", "Foo, foo, ,"), &[foo], true),
        (&[foo], ("vary", "Foo Bar"), &[foo], false),
    ];
    for (first, vary, second, want) in cases {
        let mut world = World::new();
        world.get(first, &[("cache-control", "max-age=5000"), *vary]);
        assert_eq!(cached(&world.get(second, &[])), *want, "{first:?} {vary:?} {second:?}");
    }
}

#[test]
fn vary_in_several_lines() {
    for (lines, want) in [(["*", "*"], false), (["", "*"], false), (["Foo", "*"], false), (["Foo", "Bar"], true)] {
        let mut world = World::new();
        let foo: Fields<'_> = &[("foo", "1"), ("bar", "2")];
        world.get(foo, &[FRESH, ("vary", lines[0]), ("vary", lines[1])]);
        assert_eq!(cached(&world.get(foo, &[])), want, "{lines:?}");
        assert!(!cached(&world.get(&[("foo", "1"), ("bar", "3")], &[])), "{lines:?}");
    }
}

#[test]
fn two_variants_stand_side_by_side() {
    let mut world = World::new();
    let varies: Fields<'_> = &[FRESH, ("vary", "Foo")];
    world.get(&[("foo", "1")], varies);
    assert_eq!(world.get(&[("foo", "2")], varies), Seen::Forwarded);
    assert_eq!(world.get(&[("foo", "1")], varies), Seen::Cached { number: 1, age: 0 });
    assert_eq!(world.get(&[("foo", "2")], varies), Seen::Cached { number: 2, age: 0 });
}

#[test]
fn authorization() {
    for (directives, want) in [
        ("max-age=3600", false),
        ("max-age=3600, proxy-revalidate", false),
        ("max-age=3600, public", true),
        ("max-age=3600, must-revalidate", true),
        ("s-maxage=3600", true),
    ] {
        let mut world = World::new();
        world.get(&[("authorization", "x")], &[("cache-control", directives)]);
        assert_eq!(cached(&world.get(&[], &[])), want, "{directives}");
    }
}

#[test]
fn methods() {
    let mut world = World::new();
    let fresh = Origin::Answers(200, &[FRESH]);
    world.ask(Method::HEAD, "/", &[], fresh);
    assert_eq!(world.ask(Method::GET, "/", &[], fresh), Seen::Forwarded);
    assert!(cached(&world.ask(Method::HEAD, "/", &[], fresh)));
    for (fields, want) in [
        (&[FRESH, ("content-location", "/post")][..], true),
        (&[FRESH, ("content-location", "http://example.org/post")], true),
        (&[FRESH, ("content-location", "/elsewhere")], false),
        (&[FRESH], false),
        (&[("content-location", "/post"), ("etag", "\"a\"")], false),
        (&[("cache-control", "private, max-age=9"), ("content-location", "/post")], false),
    ] {
        let mut world = World::new();
        world.ask(Method::POST, "/post", &[], Origin::Answers(200, fields));
        assert_eq!(cached(&world.ask(Method::GET, "/post", &[], fresh)), want, "{fields:?}");
    }
}

#[test]
fn unsafe_methods_invalidate() {
    for method in ["POST", "PUT", "DELETE", "M-SEARCH"] {
        for (status, want) in [(200, false), (500, true)] {
            let mut world = World::new();
            let fresh = Origin::Answers(200, &[FRESH]);
            for target in ["/a", "/b", "/c"] {
                world.ask(Method::GET, target, &[], fresh);
            }
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let names = [("location", "b"), ("content-location", "/c")];
            world.ask(method, "/a", &[], Origin::Answers(status, &names));
            for target in ["/a", "/b", "/c"] {
                assert_eq!(cached(&world.ask(Method::GET, target, &[], fresh)), want, "{target} {status}");
            }
        }
    }
}
