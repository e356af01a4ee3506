//! Questions about one config and what is printed.

use http::Method;

use super::*;
use crate::config;

const CONFIG: &str = r#"
[listeners.web]
address = "127.0.0.1:8080"
redirect_to_https = true

[listeners.inside]
address = "127.0.0.1:8081"

[listeners.secure]
address = "127.0.0.1:8443"
tls = { self_signed = ["example.com"] }

[upstreams.api]
endpoints = ["127.0.0.1:9000", { address = "10.0.0.8:9000", weight = 2, backup = true }]

[upstreams.next]
endpoints = ["unix:/run/next.sock"]
protocol = "h2"
response_timeout = "250ms"

[[routes]]
name = "api"
hosts = ["example.com", "*.example.com"]
path_prefix = "/api"
methods = ["GET", "POST"]
upstream = "api"
strip_prefix = "/api"
request_headers = { set = { "x-from" = "{client_ip} {host}" }, remove = ["x-secret"] }
response_headers = { add = { "x-id" = "{request_id}" } }
timeout = "60s"

[[routes]]
name = "canary"
hosts = ["example.com"]
path_prefix = "/shop"
split = [{ upstream = "api", weight = 95 }, { upstream = "next", weight = 5 }]
split_on = "cookie:session"

[[routes]]
name = "old"
hosts = ["old.example.com"]
redirect = { to = "https://example.com{uri}", status = 301 }

[[routes]]
name = "site"
upstream = "api"
max_body = "0B"

[[routes]]
name = "admin"
hosts = ["admin.other.org"]
respond = { status = 403, body = "no" }
"#;

fn question(method: &str, url: &str) -> Question {
    Question {
        method: method.parse::<Method>().expect("a method"),
        url: url.to_owned(),
        fields: Vec::new(),
        client: None,
        listener: None,
    }
}

fn ask(question: &Question, style: Style) -> Answer {
    let loaded = config::parse("tidegate.toml", CONFIG, &|_| None).unwrap_or_else(|problems| panic!("{problems}"));
    explain(&loaded.model, question, style).expect("a question")
}

fn text(question: &Question) -> String {
    ask(question, Style::Text { colour: false }).text
}

#[test]
fn a_route_and_all_that_it_does() {
    let answer = ask(&question("GET", "https://example.com/api/users?page=2"), Style::Text { colour: false });
    let expected = "\
request            GET https://example.com/api/users?page=2

listener           secure  127.0.0.1:8443, TLS
route              api  tidegate.toml:21
                   host example.com is named
                   path /api/users is under /api
                   method GET is one of its own

upstream           api  http/1.1, least_requests
                     127.0.0.1:9000  weight 1
                     10.0.0.8:9000   weight 2  backup
                     connect_timeout 3s, response_timeout 30s
                     response_body_timeout 30s, write_timeout 30s
strip_prefix       /api/users?page=2 becomes /users?page=2
request_headers    remove x-secret
                   set x-from: {client_ip} example.com
response_headers   add x-id: {request_id}
preserve_host      true: the upstream sees Host: example.com
upgrades           websocket
timeout            60s for the whole exchange
max_body           16MiB

lost               site  /                  tidegate.toml:44
                     any host is less specific than host example.com
                   old   old.example.com /  tidegate.toml:39
                     host example.com is not old.example.com
                   2 routes for other hosts or paths
";
    assert_eq!(answer.text.replace(" \n", "\n"), expected);
    assert_eq!(answer.status, 0);
}

#[test]
fn a_sticky_split_says_where_this_request_goes() {
    let mut asked = question("GET", "https://example.com/shop");
    let without = text(&asked);
    assert!(without.contains("sticky by cookie:session\n"), "{without}");
    assert!(without.contains("\n                    95.0 %  api  http/1.1, least_requests\n"), "{without}");
    assert!(without.contains("\n                     5.0 %  next  h2, least_requests\n"), "{without}");
    assert!(without.contains("response_timeout 250ms"), "{without}");
    asked.fields.push((http::header::COOKIE, http::HeaderValue::from_static("session=eve")));
    let with = text(&asked);
    assert!(with.contains("sticky by cookie:session, this request goes to api\n"), "{with}");
}

/// The routes of a release, behind those of the others.
const RELEASE: &str = r#"
[[routes]]
name = "beta"
hosts = ["new.example.net"]
cookies = { beta = "1", old = { present = false } }
upstream = "next"

[[routes]]
name = "new"
hosts = ["new.example.net"]
split = [{ upstream = "api", weight = 95 }, { upstream = "next", weight = 5 }]
split_cookie = "cohort"
mirror = { upstream = "next", share = "0.5%" }
inject = { delay = { time = "200ms", share = "10%" }, abort = { share = "1%" }, headers = { x-chaos = "on" } }
"#;

#[test]
fn a_release_says_who_goes_where_and_what_goes_wrong() {
    let config = format!("{CONFIG}{RELEASE}");
    let loaded = config::parse("tidegate.toml", &config, &|_| None).unwrap_or_else(|problems| panic!("{problems}"));
    let ask = |fields: &[(&'static str, &'static str)]| {
        let mut question = question("GET", "https://new.example.net/");
        let field = |(name, value): &(&'static str, &'static str)| {
            (http::HeaderName::from_static(name), http::HeaderValue::from_static(value))
        };
        question.fields = fields.iter().map(field).collect();
        explain(&loaded.model, &question, Style::Text { colour: false }).expect("a question").text
    };
    let plain = ask(&[]);
    for expected in [
        "by the place in the cookie cohort\n",
        "mirror             0.5% of the requests with 64KiB of body at most, to next; 100 at the same time, each 10s at most\n",
        "inject             not this request: x-chaos is not on; of the others 10% wait 200ms, 1% get 503\n",
        "cookie beta is missing, it must be 1\n",
    ] {
        assert!(plain.contains(expected), "{expected}{plain}");
    }
    let chaos = ask(&[("x-chaos", "on"), ("cookie", "cohort=7; beta=1; old=1")]);
    assert!(chaos.contains("by the place in the cookie cohort, this request goes to api\n"), "{chaos}");
    assert!(chaos.contains("inject             10% wait 200ms, 1% get 503\n"), "{chaos}");
    assert!(chaos.contains("cookie old is 1, it must not be there\n"), "{chaos}");
    let beta = ask(&[("cookie", "beta=1")]);
    assert!(beta.contains("cookie beta is 1\n") && beta.contains("cookie old is not there\n"), "{beta}");
}

#[test]
fn what_answers_by_itself() {
    let old = text(&question("GET", "https://old.example.com/x?y"));
    assert!(old.contains("redirect           301 https://example.com/x?y\n"), "{old}");
    let admin = text(&question("GET", "https://admin.other.org/"));
    assert!(admin.contains("respond            403, 2 octets\n"), "{admin}");
    let web = text(&question("GET", "http://example.com:8080/x"));
    assert!(web.contains("redirect_to_https  308 https://example.com/x\n"), "{web}");
    assert!(!web.contains("inside"), "the port tells which listener: {web}");
}

#[test]
fn listeners_by_which_different_things_happen() {
    let both = text(&question("GET", "http://example.com/x"));
    let [web, inside] = ["listener           web", "listener           inside"].map(|line| both.find(line));
    assert!(web.is_some() && web < inside, "{both}");
    let mut named = question("GET", "http://example.com/x");
    named.listener = Some("inside".to_owned());
    assert!(!text(&named).contains("redirect_to_https"));
    named.listener = Some("inner".to_owned());
    let loaded = config::parse("tidegate.toml", CONFIG, &|_| None).unwrap_or_else(|problems| panic!("{problems}"));
    let error = explain(&loaded.model, &named, Style::Json).expect_err("no such listener");
    assert_eq!(error.to_string(), "there is no listener inner; there are web, inside, secure");
}

#[test]
fn no_route_and_refusals() {
    let config = CONFIG.split("[[routes]]\nname = \"site\"").next().expect("the config before");
    let loaded = config::parse("tidegate.toml", config, &|_| None).unwrap_or_else(|problems| panic!("{problems}"));
    let answer = |asked: &Question| explain(&loaded.model, asked, Style::Text { colour: false }).expect("a question");
    let none = answer(&question("PUT", "https://example.com/api"));
    assert_eq!(none.status, 1);
    assert!(none.text.contains("route              none: 404\n"), "{}", none.text);
    assert!(none.text.contains("method PUT is not GET or POST\n"), "{}", none.text);
    let refused = answer(&question("GET", "https://example.com/a/..%2f"));
    assert!(refused.text.contains("refused            400 path_ambiguous\n"), "{}", refused.text);
    assert_eq!(refused.status, 1);
}

#[test]
fn urls_and_what_is_none() {
    let loaded = config::parse("tidegate.toml", CONFIG, &|_| None).unwrap_or_else(|problems| panic!("{problems}"));
    let mut asked = question("GET", "example.com?x#y");
    asked.fields.push((http::header::HOST, http::HeaderValue::from_static("old.example.com")));
    let report = Report::make(&loaded.model, &asked).expect("a question").request;
    assert_eq!((report.scheme, report.authority.as_str(), report.path.as_str()), ("https", "old.example.com", "/"));
    assert_eq!(report.query.as_deref(), Some("x"));
    let report = Report::make(&loaded.model, &question("OPTIONS", "/*")).expect("a question").request;
    assert_eq!((report.authority.as_str(), report.path.as_str()), ("", "*"));
    for (url, error) in [
        ("ftp://example.com/", Unasked::Scheme("ftp".to_owned())),
        ("https://example.com/a b", Unasked::Url("https://example.com/a b".to_owned())),
    ] {
        assert_eq!(Report::make(&loaded.model, &question("GET", url)).expect_err("no question"), error);
    }
}

#[test]
fn json_and_colours() {
    let asked = question("GET", "https://www.example.com/api/x");
    let json = ask(&asked, Style::Json).text;
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let decision = &json["outcomes"][0]["decision"];
    assert_eq!(decision["decision"], "route");
    assert_eq!(decision["name"], "api");
    assert_eq!(decision["place"], "tidegate.toml:21");
    assert_eq!(decision["action"]["kind"], "upstream");
    assert_eq!(decision["action"]["endpoints"][1]["backup"], true);
    assert_eq!(decision["lost"][0]["reasons"][0]["reason"], "host_less_specific");
    assert!(!text(&asked).contains('\x1b'));
    assert!(ask(&asked, Style::Text { colour: true }).text.contains("\x1b[32mapi\x1b[0m"));
}
