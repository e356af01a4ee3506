//! When what was stored is used again without asking: freshness, age, dates, statuses. Each case: a response, three seconds, a second GET.

use http::Method;

use super::world::{Fields, Origin, Seen, World};
use crate::cache::policy::{Heuristic, Options, SetCookie};

/// Whether a response of that status is used for a second request, three seconds later.
fn reused(options: Options, status: u16, fields: Fields<'_>) -> bool {
    let mut world = World::new();
    world.options = options;
    world.ask(Method::GET, "/", &[], Origin::Answers(status, fields));
    world.pass(3);
    matches!(world.ask(Method::GET, "/", &[], Origin::Answers(status, fields)), Seen::Cached { number: 1, .. })
}

fn hold(cases: &[(Fields<'_>, bool)]) {
    for (fields, want) in cases {
        assert_eq!(reused(Options::default(), 200, fields), *want, "{fields:?}");
    }
}

const NOW: (&str, &str) = ("date", "@0");

#[test]
fn cache_control() {
    hold(&[
        (&[], false),
        (&[("cache-control", "max-age=3600")], true),
        (&[("cache-control", "max-age=2")], false),
        (&[("cache-control", "max-age=0")], false),
        (&[("cache-control", "max-age=2147483647")], true),
        (&[("cache-control", "max-age=2147483648")], true),
        (&[("cache-control", "max-age=2147483649")], true),
        (&[("cache-control", "max-age=99999999999")], true),
        (&[NOW, ("cache-control", "max-age=3600"), ("age", "7200")], false),
        (&[("date", "@-7200"), ("cache-control", "max-age=3600")], false),
        (&[NOW, ("cache-control", "max-age=3600"), ("expires", "@-7200")], true),
        (&[NOW, ("cache-control", "max-age=3600"), ("expires", "0")], true),
        (&[NOW, ("cache-control", "max-age=0"), ("expires", "@3600")], false),
        (&[("cache-control", "foobar, max-age=3600")], true),
        (&[("cache-control", "MaX-aGe=3600")], true),
        (&[("cache-control", "max-age=-3600")], false),
        (&[("cache-control", "s-maxage=3600")], true),
        (&[("cache-control", "max-age=3600, s-maxage=1")], false),
        (&[("cache-control", "s-maxage=1, max-age=3600")], false),
        (&[("cache-control", "max-age=3600"), ("cache-control", "s-maxage=1")], false),
        (&[("cache-control", "max-age=1, s-maxage=3600")], true),
        (&[("cache-control", "max-age=0, s-maxage=3600"), ("expires", "@-10")], true),
        (&[("cache-control", "max-age=1800, max-age=1")], true),
        (&[("cache-control", "max-age=1800"), ("cache-control", "max-age=1")], true),
        (&[("cache-control", "max-age=1, max-age=1800")], false),
        (&[("cache-control", "max-age=1"), ("cache-control", "max-age=1800")], false),
        (&[("cache-control", "max-age=\"3600\"")], true),
        (&[("cache-control", "extension=\"max-age=3600\", max-age=1")], false),
        (&[("cache-control", "max-age=1, extension=\"max-age=3600\"")], false),
        (&[("cache-control", "max-age =3600")], false),
        (&[("cache-control", "max-age= 3600")], false),
        (&[("cache-control", "max-age=003600")], true),
        (&[("cache-control", "max-age='3600'")], false),
        (&[("cache-control", "max-age=3600.0")], false),
        (&[("cache-control", "max-age=a3600")], false),
        (&[("cache-control", "max-age=3600a")], false),
        (&[("cache-control", "max-age=3600"), ("pragma", "no-cache")], true),
        (&[("cache-control", "max-age=3600"), ("pragma", "foo")], true),
        (&[("cache-control", "max-age=3600, immutable")], true),
        (&[("cache-control", "max-age=2, immutable")], false),
        (&[("cache-control", "max-age=3600"), ("content-disposition", "attachment; filename=a.txt")], true),
    ]);
}

#[test]
fn what_forbids() {
    hold(&[
        (&[("cache-control", "private, max-age=3600")], false),
        (&[("cache-control", "no-store")], false),
        (&[("cache-control", "No-StOrE")], false),
        (&[NOW, ("cache-control", "max-age=10000, no-store"), ("expires", "@10000")], false),
        (&[NOW, ("cache-control", "max-age=10000, no-cache"), ("expires", "@10000")], false),
        (&[("cache-control", "max-age=10000, No-CaChE")], false),
        (&[("cache-control", "max-age=10000, must-revalidate"), ("etag", "\"abcd\"")], true),
        (&[("cache-control", "max-age=10000"), ("set-cookie", "a=b")], false),
        (&[("cache-control", "max-age=10000, private=\"set-cookie\""), ("set-cookie", "a=b")], false),
        (&[("cache-control", "max-age=10000, no-cache=\"a\""), ("a", "1")], false),
        (&[("cache-control", "max-age=10000, no-cache=\"a\", private=b"), ("c", "1")], true),
        (&[("cache-control", "max-age=10000, ext=\"open"), ("etag", "\"a\"")], false),
        (&[("cache-control", "max-age=10000"), ("vary", "*")], false),
        (&[("cache-control", "max-age=10000"), ("content-length", "8388608")], true),
        (&[("cache-control", "max-age=10000"), ("content-length", "8388609")], false),
    ]);
    for set_cookie in [SetCookie::Drop, SetCookie::Store] {
        let options = Options { set_cookie, ..Options::default() };
        assert!(reused(options, 200, &[("cache-control", "max-age=10000"), ("set-cookie", "a=b")]), "{set_cookie:?}");
    }
}

#[test]
fn age_that_came_with_it() {
    for (ages, want) in [
        (&["abc"][..], true),
        (&["-7200"], true),
        (&["7200.0"], true),
        (&["2147483647"], false),
        (&["2147483648"], false),
        (&["2147483649"], false),
        (&["99999999999999999999999"], false),
        (&["7200, 0"], false),
        (&["0, 7200"], true),
        (&["7200", "0"], false),
        (&["0", "7200"], true),
        (&["0, 0"], true),
        (&["0", "0"], true),
        (&["3590", "3590"], true),
        (&["7200;foo=bar"], true),
    ] {
        let mut fields = vec![NOW, ("cache-control", "max-age=3600")];
        fields.extend(ages.iter().map(|age| ("age", *age)));
        assert_eq!(reused(Options::default(), 200, &fields), want, "{ages:?}");
    }
}

#[test]
fn expires() {
    hold(&[
        (&[NOW, ("expires", "@2592000")], true),
        (&[NOW, ("expires", "@-2592000")], false),
        (&[NOW, ("expires", "@0")], false),
        (&[("date", "@400"), ("expires", "@300")], false),
        (&[NOW, ("expires", "0")], false),
        (&[("date", "foo"), ("expires", "@10")], true),
        (&[("date", "@-10"), ("expires", "@10"), ("age", "25")], false),
        (&[("date", "@10"), ("expires", "@20"), ("age", "15")], false),
        (&[NOW, ("expires", "Tue, 19 Jan 2038 14:14:08 GMT")], true),
        (&[NOW, ("expires", "Sun, 21 Nov 2286 04:46:39 GMT")], true),
        (&[NOW, ("expires", "Thursday, 18-Aug-50 02:01:18 GMT")], true),
        (&[NOW, ("expires", "Thu Aug  8 02:01:18 2050")], true),
        (&[NOW, ("expires", "THU, 18 Aug 2050 02:01:18 GMT")], true),
        (&[NOW, ("expires", "Thu, 18 AUG 2050 02:01:18 GMT")], true),
        (&[NOW, ("expires", "Thu, 18 Aug 2050 02:01:18 gMT")], true),
        (&[NOW, ("expires", "Thu, 18 Aug 2050 02:01:18 UTC")], false),
        (&[NOW, ("expires", "Thu, 18 Aug 2050 02:01:18 AEST")], false),
        (&[NOW, ("expires", "Thu, 18 Aug 50 02:01:18 GMT")], false),
        (&[NOW, ("expires", "Thu 18 Aug 2050 02:01:18 GMT")], false),
        (&[NOW, ("expires", "Thu, 18  Aug  2050 02:01:18 GMT")], false),
        (&[NOW, ("expires", "Thu, 18-Aug-2050 02:01:18 GMT")], false),
        (&[NOW, ("expires", "Thu, 18 Aug 2050 02.01.18 GMT")], false),
        (&[NOW, ("expires", "Thu, 18 Aug 2050 2:01:18 GMT")], false),
        (&[NOW, ("expires", "Thu, 18 Aug 2050 02:01:18 GMT"), ("expires", "Thu, 18 Aug 2050 02:01:19 GMT")], false),
        (&[NOW, ("expires", "Thu, 18 Aug 2050 02:01:18 GMT"), ("expires", "Thu, 18 Aug 2050 02:01:18 GMT")], true),
    ]);
}

#[test]
fn estimates() {
    let heuristic = || Options { heuristic: Some(Heuristic::default()), ..Options::default() };
    let day_old: Fields<'_> = &[NOW, ("last-modified", "@-86400")];
    for status in [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501] {
        assert!(reused(heuristic(), status, day_old), "{status}");
        assert!(!reused(Options::default(), status, day_old), "{status}");
    }
    for status in [201, 202, 302, 307, 403, 500, 502, 503, 504, 599] {
        assert!(!reused(heuristic(), status, day_old), "{status}");
    }
    assert!(reused(heuristic(), 599, &[NOW, ("last-modified", "@-86400"), ("cache-control", "public")]));
    assert!(reused(heuristic(), 200, &[NOW, ("last-modified", "@-10000"), ("pragma", "no-cache")]));
    for (modified, want) in
        [("@-5", false), ("@-30", false), ("@-35", true), ("@-3600", true), ("@60", false), ("x", false)]
    {
        assert_eq!(reused(heuristic(), 200, &[NOW, ("last-modified", modified)]), want, "{modified}");
    }
    let attached: Fields<'_> =
        &[NOW, ("last-modified", "@-100000"), ("content-disposition", "attachment; filename=a.txt")];
    assert!(reused(heuristic(), 200, attached));
    let capped = Options { heuristic: Some(Heuristic { percent: 10, max: 2000 }), ..Options::default() };
    assert!(!reused(capped, 200, day_old));
}

#[test]
fn what_a_route_gives() {
    let given = || Options { default_ttl: Some(10_000), negative_ttl: Some(10_000), ..Options::default() };
    for (status, want) in [(200, true), (301, true), (404, true), (410, true), (403, false), (500, false), (302, false)]
    {
        assert_eq!(reused(given(), status, &[]), want, "{status}");
        assert!(!reused(given(), status, &[("cache-control", "max-age=1")]), "{status}");
        assert!(!reused(given(), status, &[("expires", "0")]), "{status}");
    }
    let negative = Options { negative_ttl: Some(10_000), ..Options::default() };
    assert!(!reused(negative, 200, &[]));
    let capped = Options { max_ttl: 2000, ..Options::default() };
    assert!(!reused(capped, 200, &[("cache-control", "max-age=3600")]));
}

#[test]
fn statuses() {
    let final_ones = [200, 203, 204, 299, 301, 302, 303, 307, 308, 400, 404, 410, 499, 500, 502, 503, 504, 599];
    for status in final_ones {
        let fresh: Fields<'_> = &[NOW, ("cache-control", "max-age=100000")];
        assert!(reused(Options::default(), status, fresh), "{status}");
        let stale: Fields<'_> = &[NOW, ("expires", "@-5000"), ("last-modified", "@-100000")];
        assert!(!reused(Options::default(), status, stale), "{status}");
    }
    assert!(!reused(Options::default(), 206, &[("cache-control", "max-age=100000")]));
    // What answers a field that is no part of the key is for no other client.
    for status in [304, 412, 416, 417, 431] {
        assert!(!reused(Options::default(), status, &[("cache-control", "max-age=100000")]), "{status}");
    }
    let understood: Fields<'_> = &[("cache-control", "max-age=3600, no-store, must-understand")];
    assert!(reused(Options::default(), 200, understood));
    assert!(!reused(Options::default(), 599, understood));
}

#[test]
fn its_age_goes_on() {
    for (fields, want) in [
        (&[NOW, ("cache-control", "max-age=100000")][..], 3),
        (&[NOW, ("cache-control", "max-age=100000"), ("age", "30")], 33),
        (&[NOW, ("expires", "@2592000"), ("age", "30")], 33),
        (&[("date", "@-20"), ("cache-control", "max-age=100000"), ("age", "10")], 23),
        (&[("date", "@20"), ("cache-control", "max-age=100000")], 3),
    ] {
        let mut world = World::new();
        world.get(&[], fields);
        world.pass(3);
        assert_eq!(world.get(&[], &[]), Seen::Cached { number: 1, age: want }, "{fields:?}");
    }
    let mut world = World::new();
    world.ask(Method::GET, "/", &[], Origin::Slow(5, &[("age", "2"), ("cache-control", "max-age=9")]));
    assert_eq!(world.get(&[], &[]), Seen::Cached { number: 1, age: 7 });
    world.pass(2);
    assert_eq!(world.get(&[], &[]), Seen::Forwarded);
}
