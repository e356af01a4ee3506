//! Large files, and files that are anything but a config.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::{GOOD, none};
use crate::config::parse;

fn routes(count: usize, line: &str) -> String {
    (0..count).fold(GOOD.to_owned(), |mut text, number| {
        let _ = write!(text, "[[routes]]\nname = \"r{number}\"\npath_prefix = \"/r{number}\"\n{line}\nhosts = [\"h{number}.example.com\"]\n");
        text
    })
}

fn time(work: impl Fn()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

/// Ten times the lines may take twenty times the time, but not a hundred.
fn grows_with_its_size(line: &str) {
    let (small, large) = (routes(2_000, line), routes(20_000, line));
    assert!(large.lines().count() >= 100_000);
    let read = |text: &str| {
        let problems = match parse("t.toml", text, &none) {
            Ok(loaded) => loaded.warnings,
            Err(problems) => problems,
        };
        let _ = (problems.render(false), problems.to_string());
    };
    let (small, large) = ((0..3).map(|_| time(|| read(&small))).max().unwrap_or_default(), time(|| read(&large)));
    assert!(large < small * 30 + Duration::from_millis(50), "{small:?} for 10,000 lines, {large:?} for 100,000");
}

#[test]
fn a_hundred_thousand_good_lines() {
    grows_with_its_size("upstream = \"good\"");
}

#[test]
fn a_hundred_thousand_lines_with_a_mistake_each() {
    grows_with_its_size("upstrem = \"good\"");
}

#[test]
fn tens_of_thousands_of_names() {
    let text = (0..20_000).fold(GOOD.to_owned(), |mut text, number| {
        let _ = write!(
            text,
            "[upstreams.u{number}]\nendpoints = [\"h:1\"]\n[[routes]]\npath = \"/{number}\"\nupstream = \"u{number}\"\n"
        );
        text
    });
    let took = time(|| assert!(parse("t.toml", &text, &none).is_ok_and(|loaded| loaded.warnings.is_empty())));
    assert!(took < Duration::from_secs(20), "{took:?}");
}

#[test]
fn one_endless_line() {
    let text = format!(
        "[server]\nworkers = \"{}\"\nwat = {}1{}\n",
        "ü".repeat(1_000_000),
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    let problems = parse("t.toml", &text, &none).expect_err("nonsense");
    assert!(problems.render(false).len() < 100_000);
}

/// What stands in a config, shuffled, is more likely to reach the decoder than noise is.
fn piece() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "[",
        "]",
        "[[",
        "]]",
        "{",
        "}",
        "=",
        " = ",
        ".",
        ",",
        "\n",
        "\n",
        "\"",
        "'",
        "\"\"\"",
        "\\",
        "#",
        "${",
        "}",
        "$${",
        "ü",
        "\u{0}",
        "\r\n",
        "\u{feff}",
        "1",
        "-5",
        "1.5",
        "true",
        "1979-05-27",
        "\"off\"",
        "\"30s\"",
        "\"16MiB\"",
        "\"[::]:80\"",
        "\"*\"",
        "\"/a\"",
        "\n[listeners.a]\n",
        "\n[upstreams.u]\n",
        "\n[[routes]]\n",
        "\n[defaults]\n",
        "\n[listeners.a.tls]\n",
        "address",
        "endpoints",
        "upstream",
        "split",
        "name",
        "hosts",
        "path_prefix",
        "strip_prefix",
        "rewrite",
        "regex",
        "to",
        "request_headers",
        "set",
        "workers",
        "timeout",
        "max_body",
        "include",
        "[\"a:1\"]",
        "{ to = \"{hots}\" }",
        "${A:-b}",
        "certificates",
        "self_signed",
        "redirect",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        survive(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn no_shuffled_config_panics(pieces in prop::collection::vec(piece(), 0..60)) {
        survive(&pieces.concat());
    }

    #[test]
    fn no_change_of_one_place_panics(at in 0_usize..2_000, piece in piece(), remove in 0_usize..4) {
        let text = include_str!("../../../config/edge.toml");
        let start = (0..=at % text.len()).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        let rest = text[start..].chars().skip(remove).collect::<String>();
        survive(&format!("{}{piece}{rest}", &text[..start]));
    }
}

fn survive(text: &str) {
    match parse("t.toml", text, &none) {
        Ok(loaded) => drop(loaded.warnings.render(true)),
        Err(problems) => {
            assert!(problems.has_errors());
            for problem in problems.iter() {
                assert!(problems.position(problem).is_none_or(|(_, line, column)| line > 0 && column > 0));
            }
            let _ = (problems.render(true), problems.render(false), problems.to_json(), problems.to_string());
        }
    }
}
