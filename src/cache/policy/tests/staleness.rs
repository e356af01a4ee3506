//! When what is stale is served: in the background of a validation, for an upstream that fails, after a soft purge.

use http::Method;

use super::world::{Fields, Origin, Seen, World};
use crate::cache::policy::{DAY, HOUR, Options};

fn stored(options: Options, directives: &str, pause: u64) -> World {
    let mut world = World::new();
    world.options = options;
    world.get(&[], &[("cache-control", directives), ("etag", "\"a\"")]);
    world.pass(pause);
    world
}

#[test]
fn while_it_is_validated() {
    for (directives, pause, want) in [
        ("max-age=1, stale-while-revalidate=3600", 3, true),
        ("max-age=1, stale-while-revalidate=4", 4, true),
        ("max-age=1, stale-while-revalidate=4", 5, false),
        ("s-maxage=1, stale-while-revalidate=4", 3, true),
        ("max-age=1, stale-while-revalidate=x", 3, false),
        ("max-age=1, stale-while-revalidate=4, must-revalidate", 3, false),
        ("max-age=1, stale-while-revalidate=4, proxy-revalidate", 3, false),
        ("max-age=1, stale-while-revalidate=4, no-cache", 3, false),
        ("max-age=1", 3, false),
    ] {
        let mut world = stored(Options::default(), directives, pause);
        let background = world.get(&[], &[]) == Seen::Background { number: 1 };
        assert_eq!(background, want, "{directives} {pause}");
    }
}

#[test]
fn a_route_may_add_grace_where_the_origin_is_silent() {
    let graceful = || Options { stale_while_revalidate: 4000, ..Options::default() };
    for (directives, want) in [
        ("max-age=1", true),
        ("max-age=1, stale-while-revalidate=0", false),
        ("s-maxage=1", false),
        ("max-age=1, must-revalidate", false),
    ] {
        let mut world = stored(graceful(), directives, 3);
        assert_eq!(world.get(&[], &[]) == Seen::Background { number: 1 }, want, "{directives}");
    }
}

#[test]
fn once_stale_what_the_background_brought_counts() {
    let mut world = stored(Options::default(), "max-age=1, stale-while-revalidate=4", 3);
    let now: Fields<'_> = &[("cache-control", "no-cache"), ("etag", "\"b\"")];
    assert_eq!(world.get(&[], now), Seen::Background { number: 1 });
    world.pass(3);
    assert_eq!(world.get(&[], now), Seen::Validated { number: 2 });
}

#[test]
fn a_client_that_wants_it_fresh_gets_it_fresh() {
    for asked in ["max-age=0", "max-age=100", "min-fresh=1", "no-cache"] {
        let mut world = stored(Options::default(), "max-age=1, stale-while-revalidate=60", 3);
        assert_eq!(world.get(&[("cache-control", asked)], &[]), Seen::Forwarded, "{asked}");
    }
}

#[test]
fn for_an_upstream_that_fails() {
    let added = || Options { stale_if_error: HOUR, ..Options::default() };
    let none = Options::default;
    for (options, directives, pause, want) in [
        (none(), "max-age=2, stale-if-error=60", 3, true),
        (none(), "max-age=2, stale-if-error=60", 61, true),
        (none(), "max-age=2, stale-if-error=60", 62, false),
        (none(), "s-maxage=2, stale-if-error=60", 3, true),
        (none(), "max-age=2, stale-if-error=999999", DAY / 1000 + 1, true),
        (none(), "max-age=2, stale-if-error=999999", DAY / 1000 + 3, false),
        (none(), "max-age=2", 3, false),
        (added(), "max-age=2", 3, true),
        (added(), "max-age=2, stale-if-error=0", 3, false),
        (added(), "max-age=2, must-revalidate", 3, false),
        (added(), "max-age=2, proxy-revalidate", 3, false),
        (added(), "max-age=2, no-cache", 3, false),
        (added(), "max-age=2, s-maxage=2", 3, false),
    ] {
        for origin in [Origin::Closes, Origin::Answers(500, &[]), Origin::Answers(503, &[]), Origin::Answers(504, &[])]
        {
            let mut world = stored(options.clone(), directives, pause);
            let seen = world.ask(Method::GET, "/", &[], origin);
            assert_eq!(seen == Seen::StoodIn { number: 1 }, want, "{directives} {pause}");
        }
        let mut world = stored(options.clone(), directives, pause);
        assert_eq!(world.ask(Method::GET, "/", &[], Origin::Answers(404, &[])), Seen::Forwarded, "{directives}");
    }
}

#[test]
fn a_client_may_ask_for_what_is_stale_if_error() {
    let asked: Fields<'_> = &[("cache-control", "stale-if-error=60")];
    for (directives, want) in [("max-age=2", true), ("s-maxage=2", false), ("max-age=2, must-revalidate", false)] {
        let mut world = stored(Options::default(), directives, 3);
        let seen = world.ask(Method::GET, "/", asked, Origin::Closes);
        assert_eq!(seen == Seen::StoodIn { number: 1 }, want, "{directives}");
    }
    let mut world = stored(Options::default(), "max-age=2, stale-if-error=60", 3);
    assert_eq!(world.ask(Method::GET, "/", &[("cache-control", "no-cache")], Origin::Closes), Seen::Failed);
}

#[test]
fn what_is_still_fresh_stands_in_whatever_was_said() {
    let mut world = stored(Options::default(), "max-age=60", 3);
    let seen = world.ask(Method::GET, "/", &[("cache-control", "max-age=1")], Origin::Closes);
    assert_eq!(seen, Seen::StoodIn { number: 1 });
}

#[test]
fn a_soft_purge_serves_once_more() {
    let mut world = stored(Options::default(), "max-age=60", 3);
    world.purge_softly();
    let again: Fields<'_> = &[("cache-control", "max-age=60"), ("etag", "\"a\"")];
    assert_eq!(world.get(&[], again), Seen::Background { number: 1 });
    assert_eq!(world.get(&[], again), Seen::Cached { number: 1, age: 0 });
    let mut world = stored(Options::default(), "max-age=60, must-revalidate", 3);
    world.purge_softly();
    assert_eq!(world.get(&[], again), Seen::Validated { number: 1 });
}
