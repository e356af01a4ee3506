//! Which route a request takes, and what routes do by themselves.

use crate::support::{Origin, Proxy, ok};

#[test]
fn a_request_reaches_the_origin_and_its_response_the_client() {
    let origin = Origin::answering(ok("hello"));
    let proxy = Proxy::start(&format!(
        r#"
        [listeners.web]
        address = "127.0.0.1:0"
        [upstreams.app]
        endpoints = ["{}"]
        [[routes]]
        name = "all"
        upstream = "app"
        "#,
        origin.address
    ));
    let response = proxy.get("/");
    assert_eq!((response.status(), response.text().as_str()), (200, "hello"));
    assert_eq!(origin.request(1).first_line(), "GET / HTTP/1.1");
}
