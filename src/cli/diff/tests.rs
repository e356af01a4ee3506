use super::{Diff, text};
use crate::config::{self, Loaded};

const BASE: &str = "[listeners.web]\naddress = \"127.0.0.1:8080\"\n\
    [upstreams.app]\nendpoints = [\"10.0.0.1:80\", \"10.0.0.2:80\"]\n\
    [[routes]]\nname = \"api\"\npath_prefix = \"/api\"\nupstream = \"app\"\n\
    [[routes]]\nname = \"rest\"\nupstream = \"app\"\n";

fn loaded(text: &str) -> Loaded {
    config::parse("t.toml", text, &|_| None).unwrap_or_else(|problems| panic!("{}", problems.render(false)))
}

fn told(old: &str, new: &str) -> String {
    text::render(&Diff::between(&loaded(old), &loaded(new)), false)
}

#[test]
fn the_same_in_other_words_is_the_same() {
    let other = BASE.replace("\"10.0.0.1:80\"", "{ address = \"10.0.0.1:80\", weight = 1 }");
    let other = format!("{other}timeout = \"off\"\nmax_body = \"16384KiB\"\n[server]\ndrain_timeout = \"30s\"\n");
    assert_eq!(told(BASE, BASE), "nothing changes\n");
    assert_eq!(told(BASE, &other), "nothing changes\n");
}

#[test]
fn what_changed_is_told_by_its_name() {
    let new = BASE.replace("\"10.0.0.1:80\", ", "{ address = \"10.0.0.9:80\", weight = 2 }, ").replace(
        "[[routes]]\nname = \"rest\"\nupstream = \"app\"\n",
        "[[routes]]\nname = \"rest\"\nupstream = \"app\"\ntimeout = \"60s\"\ncache = true\n",
    ) + "[server]\ndrain_timeout = \"1m\"\n";
    assert_eq!(
        told(BASE, &new),
        "~ route rest
    cache    false -> set
    timeout  \"off\" -> \"60s\"
~ server
    drain_timeout  \"30s\" -> \"60s\"
~ upstream app
    endpoints[10.0.0.1:80]         lost
    endpoints[10.0.0.9:80]         gained
    endpoints[10.0.0.9:80].weight  gained 2
"
    );
}

#[test]
fn a_release_is_told_by_its_parts() {
    let shadow = BASE.replace("[upstreams.app]", "[upstreams.next]\nendpoints = [\"10.0.0.9:80\"]\n[upstreams.app]");
    let with = |keys: &str| format!("{shadow}{keys}\n");
    let old = with("mirror = { upstream = \"next\", share = \"5%\" }\nheaders = { a = \"1\" }");
    let new = with(
        "mirror = { upstream = \"next\", share = \"50%\" }\nheaders = { a = { present = false } }\ninject = { abort = { share = \"1%\" } }",
    );
    let said = told(&old, &new);
    for part in ["mirror.share", "\"5%\" -> \"50%\"", "inject", "headers.a"] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn routes_that_come_go_and_take_from_others() {
    let new = BASE.replace("name = \"rest\"", "name = \"everything\"").replace("upstream = \"app\"\n[[routes]]", "upstream = \"app\"\n[[routes]]\nname = \"v2\"\npath_prefix = \"/api\"\nmethods = [\"GET\"]\nrespond = {}\n[[routes]]");
    assert_eq!(
        told(BASE, &new),
        "+ route everything
    upstream  \"app\"
- route rest
+ route v2
    methods      [\"GET\"]
    path_prefix  \"/api\"
    respond      set

requests that go another way
  GET / by web     rest (upstream app) -> everything (upstream app)
  GET /api by web  api (upstream app) -> v2 (answer)
"
    );
}

#[test]
fn what_all_routes_share_is_told_once() {
    let many = |defaults: &str| {
        let routes: String =
            (0..9).map(|number| format!("[[routes]]\npath = \"/{number}\"\nrespond = {{}}\n")).collect();
        format!("[listeners.web]\naddress = \"127.0.0.1:8080\"\n{defaults}{routes}")
    };
    let told = told(&many(""), &many("[defaults]\nmax_body = \"1MiB\"\n"));
    assert_eq!(told, "~ 9 routes\n    max_body  \"16MiB\" -> \"1MiB\"\n");
}

#[test]
fn a_route_that_can_no_longer_be_reached_is_told() {
    let new = BASE.replace(
        "[[routes]]\nname = \"api\"",
        "[[routes]]\nname = \"first\"\npath_prefix = \"/api\"\nrespond = {}\n[[routes]]\nname = \"api\"",
    );
    let told = told(BASE, &new);
    assert!(told.contains("the new config says without effect\n  routes.api: "), "{told}");
    assert!(told.contains("GET /api by web  api (upstream app) -> first (answer)"), "{told}");
}

#[test]
fn secrets_differ_without_being_shown() {
    let with = |secret: &str| {
        BASE.replace(
            "[[routes]]\nname = \"api\"",
            &format!("[upstreams.app.sticky]\ncookie = \"c\"\nsecret = \"{secret}\"\n[[routes]]\nname = \"api\""),
        )
    };
    let told = told(&with("0123456789abcdef"), &with("fedcba9876543210"));
    assert_eq!(told, "~ upstream app\n    sticky.secret  (hidden) -> (hidden)\n");
}
