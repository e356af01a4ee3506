//! Targeted fields (RFC 9213): a response, three seconds, a second GET.

use super::world::{Fields, Seen, World};
use crate::cache::policy::Options;

const CC: &str = "cache-control";
const CDN: &str = "cdn-cache-control";
const OURS: &str = "tidegate-cache-control";

fn reused(fields: Fields<'_>, targeted: bool) -> bool {
    let mut world = World::new();
    world.options = Options { targeted, ..Options::default() };
    world.get(&[], fields);
    world.pass(3);
    matches!(world.get(&[], fields), Seen::Cached { .. })
}

#[test]
fn they_take_the_place_of_cache_control() {
    let now = ("date", "@0");
    let cases: &[(Fields<'_>, bool)] = &[
        (&[(CDN, "max-age=3600")], true),
        (&[(CDN, "max-age=2147483648")], true),
        (&[(CDN, "max-age=99999999999")], true),
        (&[now, (CDN, "max-age=3600"), ("age", "7200")], false),
        (&[(CC, "max-age=1"), (CDN, "max-age =100")], false),
        (&[(CC, "max-age=1"), (CDN, "max-age= 100")], false),
        (&[(CDN, "max-age=0")], false),
        (&[(CDN, "max-age=-1")], false),
        (&[(CDN, "foobar, max-age=3600")], true),
        (&[(CDN, "MaX-aGe=3600")], false),
        (&[now, (CDN, "max-age=3600"), ("expires", "@-10000")], true),
        (&[now, (CDN, "max-age=3600"), ("expires", "0")], true),
        (&[now, (CDN, "max-age=0"), ("expires", "@10000")], false),
        (&[now, (CDN, "foo"), ("expires", "@10000")], false),
        (&[(CC, "max-age=1"), (CDN, "max-age=3600")], true),
        (&[(CC, "max-age=3600"), (CDN, "max-age=1")], false),
        (&[(CC, "max-age=10000"), (CDN, "private")], false),
        (&[(CC, "max-age=10000"), (CDN, "no-cache")], false),
        (&[(CC, "max-age=10000"), (CDN, "no-store")], false),
        (&[(CC, "no-store"), (CDN, "max-age=10000")], true),
        (&[(CC, "no-store"), (CDN, "max-age=10000, &&&&&")], false),
        (&[(CC, "no-store"), (CDN, "max-age=\"10000\"")], false),
        (&[(CC, "max-age=10000"), (CDN, "max-age=\"1\"")], false),
        (&[(CC, "max-age=10000"), (CDN, "")], true),
        (&[(CDN, "max-age=10000, no-store=?0")], true),
        (&[(CDN, "max-age=10000, private=\"x\"")], true),
        (&[(CDN, "max-age=1, max-age=10000")], true),
        (&[(CDN, "max-age=3600"), (OURS, "max-age=1")], false),
        (&[(CDN, "max-age=1"), (OURS, "max-age=3600")], true),
        (&[(CDN, "max-age=3600"), (OURS, "max-age=1;;")], true),
    ];
    for (fields, want) in cases {
        assert_eq!(reused(fields, true), *want, "{fields:?}");
    }
}

#[test]
fn unless_the_route_does_not_listen_to_them() {
    assert!(!reused(&[(CC, "no-store"), (CDN, "max-age=10000")], false));
    assert!(reused(&[(CC, "max-age=10000"), (CDN, "no-store")], false));
}
