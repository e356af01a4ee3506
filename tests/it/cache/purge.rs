//! Taking things out.

use super::{ask, counting};
use crate::support::Edge;

#[test]
fn by_method_from_those_who_may() {
    for (range, status, next) in [("127.0.0.0/8", 200, "2"), ("10.0.0.0/8", 403, "1")] {
        let origin = counting("cache-control: max-age=60\r\n");
        let edge = Edge::to(origin.address).route("cache = true").more(&format!("[cache]\npurge_from = [\"{range}\"]"));
        let proxy = edge.start();
        assert_eq!(ask(&proxy, "GET", "/a", "").text(), "1");
        assert_eq!(ask(&proxy, "PURGE", "/a", "").status(), status);
        assert_eq!(ask(&proxy, "GET", "/a", "").text(), next);
    }
}
