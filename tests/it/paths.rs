//! One path for all: routes, access rules, limits, the cache, redirects and the upstream know the same one, whatever the client wrote.

use crate::support::{Edge, Folder, Message, Origin, Proxy, config_command, outcome};

fn ask(proxy: &Proxy, target: &str) -> Message {
    proxy.connect("web").ask(&format!("GET {target} HTTP/1.1\r\nHost: a.example\r\n\r\n"))
}

/// An origin whose responses may be stored.
fn origin() -> Origin {
    let fields = "cache-control: max-age=60\r\ncontent-length: 2";
    Origin::answering(format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\nok"))
}

const PRIVATE: &str =
    "[[routes]]\nname = \"private\"\npath_prefix = \"/private\"\nupstream = \"app\"\ndeny = [\"127.0.0.0/8\"]";
const LOOSE: &str = "merge_slashes = true\nencoded_slashes = \"decode\"\nbackslashes = \"slash\"";

#[test]
fn no_spelling_leads_around_a_rule() {
    for (keys, spellings) in [
        ("", &["/private", "/%70rivate/x", "/x/../private", "/./private/", "/x/%2e%2e/private"][..]),
        (LOOSE, &["/private", "//private", "/x%2f..%2Fprivate", "/\\private", "/x%5c..//%70rivate", "/private%2Fx"]),
        ("escapes = \"normal\"", &["/private", "/%70rivat%65", "/x/../%70rivate"]),
    ] {
        let origin = origin();
        let proxy = Edge::to(origin.address).listener(keys).more(PRIVATE).start();
        for spelling in spellings {
            assert_eq!(ask(&proxy, spelling).status(), 403, "{spelling} with {keys:?}");
        }
        assert!(origin.requests().is_empty());
    }
}

#[test]
fn one_path_is_routed_stored_and_sent() {
    let origin = origin();
    let proxy = Edge::to(origin.address).listener(LOOSE).route("cache = true").start();
    for (place, spelling) in ["/a//b?q", "/a/b?q", "/a%2Fb?q", "/a\\b?q", "/x/../a%5Cb?q"].iter().enumerate() {
        let response = ask(&proxy, spelling);
        let verdict = response.header("cache-status").unwrap_or_default().to_owned();
        assert!(
            verdict.starts_with(if place == 0 { "tidegate; fwd=" } else { "tidegate; hit" }),
            "{spelling}: {verdict}"
        );
    }
    let seen: Vec<_> = origin.requests().iter().map(|request| request.first_line().to_owned()).collect();
    assert_eq!(seen, ["GET /a/b?q HTTP/1.1"]);
    // The log has what was sent.
    assert!(proxy.access_log(5)[0].contains("/a//b"));
}

#[test]
fn what_a_listener_does_not_want_is_refused_by_name() {
    let origin = origin();
    let keys = "dot_segments = \"reject\"\nencoded_slashes = \"reject\"";
    let proxy = Edge::to(origin.address).listener(keys).start();
    for (target, word) in [
        ("/a/../b", "path_dot_segment"),
        ("/a%2Fb", "path_encoded_slash"),
        ("/a%5cb", "path_encoded_slash"),
        ("/a\\b", "path_byte"),
    ] {
        let refused = ask(&proxy, target);
        assert_eq!(refused.status(), 400, "{target}");
        assert!(refused.header("proxy-status").unwrap().contains(word), "{target}: {}", refused.head);
    }
    assert_eq!(ask(&proxy, "/a//b?c=%2F/../").status(), 200);
    assert_eq!(origin.requests().len(), 1);
}

#[test]
fn limits_and_redirects_know_the_clean_path() {
    let origin = origin();
    let more = "[[routes]]\nname = \"old\"\npath_prefix = \"/old\"\nredirect = { to = \"https://b.example{uri}\" }";
    let limit = "rate_limit = { rate = \"1/h\", key = \"path\" }";
    let proxy = Edge::to(origin.address).route(limit).more(more).start();
    assert_eq!(
        [ask(&proxy, "/a"), ask(&proxy, "/x/../a"), ask(&proxy, "/./a")].map(|one| one.status()),
        [200, 429, 429]
    );
    assert_eq!(ask(&proxy, "/x/../old/./a?b").header("location"), Some("https://b.example/old/a?b"));
}

#[test]
fn explain_shows_the_path_that_counts() {
    let config = Edge::to("127.0.0.1:9").listener("merge_slashes = true").more(PRIVATE).toml();
    let ask = |url: &str| outcome(&mut config_command(&Folder::new(), &config, &["explain", url])).1;
    let text = ask("http://a.example/x//..//%70rivate");
    assert!(text.contains("path               /%70rivate  to routes, cache and upstream\n"), "{text}");
    assert!(text.contains("                   /private  where routes and rewrites compare it\n"), "{text}");
    assert!(text.contains("route              private"), "{text}");
    assert!(!ask("http://a.example/x").contains("to routes, cache and upstream"));
}
