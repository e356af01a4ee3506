//! `tidegate tap`: requests of a running program as they end.

use std::io::{BufRead, IsTerminal, Write};
use std::process::ExitCode;

use serde_json::Value;

use super::args::TapArgs;
use super::ask::{AdminAddress, encoded};
use super::terminal::{colour, complain, fail};

/// `tidegate tap`
pub(super) fn run(args: &TapArgs) -> ExitCode {
    let admin = AdminAddress::of(&args.admin);
    let lines = match admin.stream(&format!("/api/tap?filter={}", encoded(&args.filter.join(" ")))) {
        Ok(lines) => lines,
        Err(error) => return fail(&error.to_string()),
    };
    let colour = colour(&std::io::stdout());
    let mut out = std::io::stdout().lock();
    let mut left = args.count.unwrap_or(u64::MAX);
    for line in lines.lines() {
        let line = match line {
            Ok(line) if line.is_empty() => {
                if left == args.count.unwrap_or(u64::MAX) && std::io::stderr().is_terminal() {
                    complain(&format!("looking on at {admin}; Ctrl-C ends it\n"));
                }
                continue;
            }
            Ok(line) => line,
            Err(error) => return fail(&format!("the stream broke off: {error}")),
        };
        let text = if args.json { line } else { shown(&serde_json::from_str(&line).unwrap_or_default(), colour) };
        // Whoever reads has seen enough.
        if writeln!(out, "{text}").and_then(|()| out.flush()).is_err() {
            return ExitCode::SUCCESS;
        }
        left -= 1;
        if left == 0 {
            return ExitCode::SUCCESS;
        }
    }
    fail("the program has ended")
}

/// One line for people: when, what was asked, what came of it, and why.
fn shown(exchange: &Value, colour: bool) -> String {
    if let Some(missed) = exchange["missed"].as_u64() {
        return format!("... {missed} more than could be shown");
    }
    let text = |name: &str| exchange[name].as_str().map(plain).unwrap_or_default();
    let status = exchange["status"].as_u64();
    let painted = match status {
        _ if !colour => "",
        Some(..400) => "32",
        Some(400..500) => "33",
        _ => "31",
    };
    let (on, off) = if painted.is_empty() { (String::new(), "") } else { (format!("\x1b[{painted}m"), "\x1b[0m") };
    let time = text("time").get(11..23).unwrap_or_default().to_owned();
    let status = status.map_or_else(|| "---".to_owned(), |status| status.to_string());
    let duration = exchange["duration_ms"].as_f64().unwrap_or_default();
    let mut line = format!(
        "{time} {on}{status}{off} {duration:>9.3} ms {} {}{}",
        text("method"),
        text("authority"),
        text("target")
    );
    for name in ["route", "upstream", "endpoint", "cache", "cache_reason", "retries", "fault", "side"] {
        if !text(name).is_empty() {
            line += &format!(" {name}={}", text(name));
        }
    }
    line
}

/// What strangers sent must not move the cursor.
fn plain(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lines_for_people() {
        let exchange = json!({
            "time": "2026-11-23T15:04:05.678Z", "method": "GET", "authority": "a.example", "target": "/x\u{1b}[2J",
            "status": 502, "duration_ms": 1.25, "route": "api", "fault": "refused", "side": "upstream",
        });
        let expected = "15:04:05.678 502     1.250 ms GET a.example/x\\u{1b}[2J route=api fault=refused side=upstream";
        assert_eq!(shown(&exchange, false), expected);
        assert!(shown(&exchange, true).contains("\x1b[31m502\x1b[0m"));
        assert_eq!(shown(&json!({ "missed": 7 }), true), "... 7 more than could be shown");
        assert!(shown(&json!({}), false).contains("---"));
    }
}
