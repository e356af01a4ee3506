use std::time::{Duration, Instant};

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::style::Color;
use serde_json::{Value, json};

use super::answers::Answers;
use super::draw::draw;
use super::figures::{blocks, bytes, count, millis, quantile, rate, share, span};
use super::look::Look;
use super::watched::{Pressed, Watched};

/// A route as the admin address has it, after so many requests.
fn route(name: &str, requests: u64, errors: u64, bucket: usize) -> Value {
    let mut durations = vec![0; 20];
    durations[bucket] = requests;
    json!({
        "name": name, "action": { "upstream": "app" }, "weights_in_force": null, "requests": requests,
        "client_errors": 0, "server_errors": errors, "response_bytes": requests * 1000, "durations": durations,
    })
}

fn endpoint(address: &str, state: &str, reason: Option<&str>) -> Value {
    json!({
        "address": address, "state": state, "reason": reason, "probe_failure": null, "in_flight": 2,
        "latency_ms": 1.5, "attempts": 1234, "failures": u64::from(reason.is_some()) * 7,
    })
}

/// What the admin address says in the given round, a second after the one before.
fn answers(round: u64) -> Answers {
    let sample = |time: u64| {
        json!({
            "time": time, "requests": 100.0, "status": { "4xx": 5.0, "5xx": 10.0 }, "p50_ms": 1.5, "p95_ms": 9.0,
            "p99_ms": 20.0 + time as f64, "cache_hits": 30.0, "cache_misses": 10.0, "busy": 0.25,
            "upstreams": { "app": { "requests": 90.0, "p95_ms": 8.0 } },
        })
    };
    let fault = json!({
        "time": "2026-11-25T15:04:05.678Z", "status": 502, "fault": "connect_refused", "side": "upstream",
        "method": "GET", "authority": "a.example", "target": "/x\u{1b}[2J", "route": "shop", "duration_ms": 1.25,
        "endpoint": "10.0.0.8:9000",
    });
    let event = json!({
        "time": "2026-11-25T15:04:01.000Z", "upstream": "app", "endpoint": "10.0.0.8:9000", "kind": "endpoint", "before": "up",
        "after": "down", "reason": "connect_refused",
    });
    let endpoints = [endpoint("10.0.0.7:9000", "up", None), endpoint("10.0.0.8:9000", "down", Some("connect_refused"))];
    Answers {
        status: json!({
            "version": "0.1.0", "generation": 3, "uptime_seconds": 90_061, "readiness": "ready", "in_flight": 4,
            "connections": 321, "resident_bytes": 48_000_000, "started_at": "2026-11-25T15:00:00.000Z",
        }),
        upstreams: json!([{ "name": "app", "attempts": 2468, "endpoints": endpoints }]),
        routes: json!([route("shop", round * 80, 0, 2), route("api", round * 20, round * 10, 8)]),
        events: json!([event]),
        faults: json!([fault]),
        samples: (0..3).map(|second| sample(round * 3 + second)).collect(),
    }
}

fn heard(rounds: u64, begun: Instant) -> Watched {
    let mut watched = Watched::new("127.0.0.1:9180".to_owned());
    for round in 0..rounds {
        watched.hear(Ok(answers(round)), begun + Duration::from_secs(round));
    }
    watched
}

fn terminal(watched: &Watched, colour: bool, (width, height): (u16, u16), now: Instant) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal");
    terminal.draw(|frame| draw(frame, watched, Look { colour }, now)).expect("drawn");
    terminal
}

/// The picture as lines of text.
fn drawn(watched: &Watched, size: (u16, u16), now: Instant) -> Vec<String> {
    let terminal = terminal(watched, true, size, now);
    let buffer = terminal.backend().buffer();
    let row = |y| (0..size.0).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
    (0..size.1).map(row).collect()
}

fn press(watched: &mut Watched, keys: &[KeyCode]) -> Pressed {
    let all: Vec<_> = keys.iter().map(|code| watched.press(KeyEvent::new(*code, KeyModifiers::NONE))).collect();
    *all.last().expect("a key")
}

/// The line that begins so.
fn line<'a>(lines: &'a [String], beginning: &str) -> &'a str {
    let found = lines.iter().find(|line| line.trim_start().starts_with(beginning));
    found.unwrap_or_else(|| panic!("no line {beginning:?} in\n{}", lines.join("\n")))
}

#[test]
fn routes_on_a_small_terminal() {
    let begun = Instant::now();
    let lines = drawn(&heard(3, begun), (80, 24), begun);
    assert!(lines[0].starts_with("Tidegate 0.1.0  generation 3  up 1 d 1 h"), "{}", lines[0]);
    assert!(lines[0].ends_with("● live  127.0.0.1:9180"), "{}", lines[0]);
    let figures = lines[1..3].join(" ");
    for figure in
        ["requests 100/s", "5xx 10 %", "4xx 5.0 %", "p50 1.50 ms", "cache 75 %", "busy 25 %", "connections 321"]
    {
        assert!(figures.contains(figure), "{figure} in {figures}");
    }
    let words = |name: &str| line(&lines, name).split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(words("shop"), "shop app 80 0 % 0 % 0.75 ms 0.97 ms");
    assert_eq!(words("api"), "api app 20 0 % 50 % 48.0 ms 62.4 ms");
    assert!(lines[23].starts_with("q quit   Tab next   s sort"), "{}", lines[23]);
}

#[test]
fn upstreams_faults_and_events() {
    let begun = Instant::now();
    let mut watched = heard(3, begun);
    press(&mut watched, &[KeyCode::Tab]);
    let lines = drawn(&watched, (100, 24), begun);
    assert!(line(&lines, "app").contains("90/s") && line(&lines, "app").contains("1 of 2 well"), "{lines:#?}");
    assert!(line(&lines, "✕ 10.0.0.8:9000").contains("down, connect refused"), "{lines:#?}");
    press(&mut watched, &[KeyCode::Char('3')]);
    let lines = drawn(&watched, (140, 24), begun);
    let fault = line(&lines, "15:04:05");
    for part in ["502", "connect refused", "upstream", "GET a.example/x\\u{1b}[2J", "shop > 10.0.0.8:9000"] {
        assert!(fault.contains(part), "{part} in {fault}");
    }
    press(&mut watched, &[KeyCode::Char('4')]);
    assert!(line(&drawn(&watched, (80, 24), begun), "15:04:01").contains("up > down: connect refused"));
    // A tall terminal has a second table.
    let lines = drawn(&watched, (120, 44), begun);
    assert!(line(&lines, "✕ 10.0.0.8:9000").contains("down"), "{lines:#?}");
}

#[test]
fn keys_sort_filter_pause_and_quit() {
    let begun = Instant::now();
    let mut watched = heard(3, begun);
    let order = |watched: &Watched| {
        let lines = drawn(watched, (80, 24), begun);
        let place = |name: &str| lines.iter().position(|line| line.starts_with(name));
        (place("shop"), place("api"))
    };
    let (shop, api) = order(&watched);
    assert!(shop < api, "as the config has them");
    press(&mut watched, &[KeyCode::Char('s'), KeyCode::Char('s')]);
    let (shop, api) = order(&watched);
    assert!(api < shop, "by errors");
    press(&mut watched, &[KeyCode::Char('r')]);
    let (shop, api) = order(&watched);
    assert!(shop < api, "turned");
    // Letters go to the filter, also those that are keys.
    let filter = [KeyCode::Char('/'), KeyCode::Char('q'), KeyCode::Backspace, KeyCode::Char('A'), KeyCode::Char('P')];
    assert_eq!(press(&mut watched, &filter), Pressed::Redraw);
    let (shop, api) = order(&watched);
    assert!(shop.is_some() && api.is_some(), "both lead to app");
    press(&mut watched, &[KeyCode::Char('i'), KeyCode::Enter]);
    let (shop, api) = order(&watched);
    assert!(shop.is_none() && api.is_some());
    press(&mut watched, &[KeyCode::Esc, KeyCode::Char('p')]);
    watched.hear(Ok(answers(9)), begun + Duration::from_secs(9));
    let lines = drawn(&watched, (80, 24), begun);
    assert!(lines[0].contains("paused") && line(&lines, "shop").contains(" 80 "), "{lines:#?}");
    press(&mut watched, &[KeyCode::End, KeyCode::Char('G'), KeyCode::Down]);
    assert!(line(&drawn(&watched, (80, 24), begun), "api").contains("20"), "nothing is scrolled away");
    assert_eq!(press(&mut watched, &[KeyCode::Char('x')]), Pressed::Nothing);
    assert_eq!(press(&mut watched, &[KeyCode::Char('q')]), Pressed::Quit);
    assert_eq!(watched.press(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL)), Pressed::Quit);
    assert_eq!(watched.press(KeyEvent::new(KeyCode::Char('z'), KeyModifiers::CONTROL)), Pressed::Suspend);
}

#[test]
fn nobody_answers() {
    let begun = Instant::now();
    let mut watched = Watched::new("127.0.0.1:9180".to_owned());
    assert!(drawn(&watched, (80, 24), begun).join("\n").contains("asking 127.0.0.1:9180"));
    watched.hear(Err("nobody answers at 127.0.0.1:9180: refused".to_owned()), begun);
    let lines = drawn(&watched, (80, 24), begun).join("\n");
    assert!(lines.contains("nobody answers at 127.0.0.1:9180") && lines.contains("asked again each second"), "{lines}");

    let mut watched = heard(2, begun);
    watched.hear(Err("nobody answers at 127.0.0.1:9180: refused".to_owned()), begun + Duration::from_secs(9));
    let lines = drawn(&watched, (80, 24), begun + Duration::from_secs(9));
    assert!(lines[0].contains("✕ no answer"), "{}", lines[0]);
    assert!(lines.join(" ").contains("What you see is 8 s old"), "{lines:#?}");
    assert!(line(&lines, "shop").contains("80"), "what was known is still there");
}

#[test]
fn another_program_is_counted_anew() {
    let begun = Instant::now();
    let mut watched = heard(3, begun);
    let mut other = answers(1);
    other.status["started_at"] = json!("2026-11-25T16:00:00.000Z");
    watched.hear(Ok(other), begun + Duration::from_secs(4));
    assert!(line(&drawn(&watched, (80, 24), begun), "shop").contains('–'));
    assert_eq!(watched.samples.len(), 3);
}

#[test]
fn any_size_and_no_colours() {
    let begun = Instant::now();
    let watched = heard(3, begun);
    for size in [(1, 1), (20, 5), (40, 12), (80, 24), (81, 30), (200, 60)] {
        let terminal = terminal(&watched, false, size, begun);
        let mut cells = terminal.backend().buffer().content().iter();
        assert!(cells.all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset), "{size:?}");
    }
    let terminal = terminal(&watched, true, (80, 24), begun);
    assert!(terminal.backend().buffer().content().iter().any(|cell| cell.fg == Color::Red));
}

#[test]
fn an_answer_that_is_none_is_drawn_all_the_same() {
    let begun = Instant::now();
    let mut watched = Watched::new("x".to_owned());
    let strange = json!([{ "name": 7, "endpoints": [null, 3], "action": [], "durations": ["x"] }, null, "x"]);
    let all = Answers {
        status: json!(null),
        routes: strange.clone(),
        upstreams: strange.clone(),
        faults: strange.clone(),
        events: strange,
        samples: vec![json!(null), json!([])],
    };
    watched.hear(Ok(all), begun);
    for tab in '1'..='4' {
        press(&mut watched, &[KeyCode::Char(tab)]);
        assert!(drawn(&watched, (80, 24), begun)[0].starts_with("Tidegate"));
    }
}

#[test]
fn figures() {
    let rates: Vec<_> = [None, Some(0.0), Some(0.01), Some(3.24), Some(1234.5)].into_iter().map(rate).collect();
    assert_eq!(rates, ["–", "0", "<0.1", "3.2", "1235"]);
    assert_eq!([99_999, 123_456, 12_345_678].map(count), ["99999", "123k", "12M"]);
    assert_eq!(
        [0.25, 12.34, 123.4, 1234.0].map(|value| millis(Some(value))),
        ["0.25 ms", "12.3 ms", "123 ms", "1.23 s"]
    );
    assert_eq!([512.0, 2048.0, 48_000_000.0].map(bytes), ["512 B", "2.0 KiB", "45.8 MiB"]);
    assert_eq!([0.0, 0.0001, 0.05, 0.5].map(|value| share(Some(value))), ["0 %", "<0.1 %", "5.0 %", "50 %"]);
    assert_eq!([5, 65, 3700, 90_061].map(span), ["5 s", "1 min", "1 h 1 min", "1 d 1 h"]);
    assert_eq!(blocks(&[None, Some(0.0), Some(7.0), Some(14.0)], 5), "  ▁▅█");
    assert_eq!(blocks(&[Some(1.0), Some(2.0), Some(4.0)], 2), "▅█");
    assert_eq!(quantile(&[0, 10, 0], 0.5), Some(0.375));
    assert_eq!(quantile(&[0, 0, 3], 0.5), Some(0.5), "what is longer than the last bound");
    assert_eq!(quantile(&[], 0.5), None);
}
