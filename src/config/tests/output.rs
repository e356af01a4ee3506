//! How problems look.

use super::{GOOD, good, none};
use crate::config::{Problem, ProblemKind, parse};

const TWO: &str = "[listeners.\"grün\"]\nadress = \"[::]:80\"\n\n[server]\nworkers = 0\n";

#[test]
fn for_people() {
    let problems = parse("edge.toml", &format!("{TWO}{GOOD}"), &none).expect_err("two problems");
    let expected = "\
error[listeners.grün.adress]: there is no key \"adress\"
 --> edge.toml:2:1
  |
1 | [listeners.\"grün\"]
2 | adress = \"[::]:80\"
  | ^^^^^^
  |
  = help: did you mean `address`?

error[server.workers]: 0 is out of range
 --> edge.toml:5:11
  |
4 | [server]
5 | workers = 0
  |           ^
  |
  = help: it can be 1 to 1024

2 problems in edge.toml; nothing was changed
";
    assert_eq!(problems.report(false, "nothing was changed"), expected);
    assert!(problems.render(true).contains("\u{1b}["));
    assert!(!problems.render(false).contains('\u{1b}'));
}

#[test]
fn for_logs() {
    let problems = parse("edge.toml", &format!("{TWO}{GOOD}"), &none).expect_err("two problems");
    let expected = "edge.toml:2:1 listeners.grün.adress: there is no key \"adress\"; did you mean `address`?\n\
                    edge.toml:5:11 server.workers: 0 is out of range; it can be 1 to 1024\n";
    assert_eq!(problems.to_string(), expected);
}

#[test]
fn for_machines() {
    let problems = parse("edge.toml", &format!("{TWO}{GOOD}"), &none).expect_err("two problems").to_json();
    let expected = serde_json::json!({
        "severity": "error", "kind": "unknown_key", "file": "edge.toml", "line": 2, "column": 1,
        "key": "listeners.grün.adress", "message": "there is no key \"adress\"", "help": "did you mean `address`?",
    });
    assert_eq!((problems[0].clone(), problems.as_array().map(Vec::len)), (expected, Some(2)));
}

#[test]
fn a_text_of_the_file_cannot_steer_the_terminal() {
    let text = format!("[\"\\u001b[31m\"]\nx = \"\\u0007\"\n[log]\nlevel = \"\\u001b[2J\"\n{GOOD}");
    let problems = parse("t.toml", &text, &none).expect_err("nonsense");
    for output in [problems.render(false), problems.to_string()] {
        assert!(!output.contains(|c: char| c.is_control() && c != '\n'), "{output:?}");
    }
}

#[test]
fn what_deeper_layers_find_gets_its_place() {
    let text = format!(
        "{GOOD}[listeners.\"a.b\"]\naddress = \"[::]:80\"\n[listeners.\"a.b\".tls]\ncertificates = [{{ cert = \"a\", key = \"b\" }}]\n"
    );
    let places = [
        ("listeners.a.b.tls.certificates[0].key", "t.toml:11:37"),
        ("listeners.a.b.tls.certificates[7]", "t.toml:11:1"),
        ("listeners.a.b.tls.certificates", "t.toml:11:16"),
        ("listeners.a.b.tls", "t.toml:10:1"),
        ("routes.good.upstream", "t.toml:7:12"),
        ("routes.good", "t.toml:5:1"),
        ("upstreams.good.endpoints[0]", "t.toml:4:14"),
    ];
    for (key, place) in places {
        let problem = Problem::error(ProblemKind::Content("bad_key"), key, "no key in it").help("look");
        let problems = good(&text).with([problem]).expect_err("an error");
        assert_eq!(problems.to_string(), format!("{place} {key}: no key in it; look\n"));
    }
    let warning = Problem::warning(ProblemKind::Content("expired"), "nowhere", "it is over");
    let loaded = good(&text).with([warning]).expect("a warning forbids nothing");
    assert_eq!(loaded.warnings.to_string(), "nowhere: it is over\n");
    assert_eq!(loaded.warnings.summary(), "1 warning");
}
