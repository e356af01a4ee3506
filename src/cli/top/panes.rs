//! The tables.

use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Rect};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Cell, Paragraph, Row, Table};
use serde_json::Value;

use super::answers::{Answers, plain};
use super::figures::{blocks, bytes, count, millis, rate, share};
use super::look::Look;
use super::watched::{Lately, Order, Tab, Watched};

/// Draws one of the tables into its place, from the row `top` on.
pub(super) fn draw(
    frame: &mut Frame<'_>,
    watched: &Watched,
    answers: &Answers,
    look: Look,
    (area, tab, top): (Rect, Tab, usize),
) {
    let width = area.width;
    let (head, widths, rows) = match tab {
        Tab::Routes => routes(watched, answers, look, width),
        Tab::Upstreams => upstreams(watched, answers, look, width),
        Tab::Faults => faults(watched, answers, look, width),
        Tab::Events => events(watched, answers, look),
    };
    if rows.is_empty() {
        let text = if watched.filter.is_empty() { "nothing yet" } else { "nothing that the filter takes" };
        frame.render_widget(Paragraph::new(Line::styled(text, look.soft())), area);
        return;
    }
    let room = usize::from(area.height.saturating_sub(1));
    let first = top.min(rows.len().saturating_sub(room));
    let shown = rows.into_iter().skip(first).take(room);
    let head =
        Row::new(head.into_iter().enumerate().map(|(place, name)| cell(name.to_owned(), place > 1 && is_number(name))));
    let table = Table::new(shown, widths).header(head.style(look.soft())).column_spacing(2);
    frame.render_widget(table, area);
}

type Drawn = (Vec<&'static str>, Vec<Constraint>, Vec<Row<'static>>);

/// Columns whose values stand at the right.
fn is_number(name: &str) -> bool {
    ["REQ/S", "4XX", "5XX", "P50", "P95", "OUT/S", "TOTAL", "FLIGHT", "TOOK", "TRIES", "FAILED"].contains(&name)
}

fn cell(text: impl Into<Text<'static>>, right: bool) -> Cell<'static> {
    let text = text.into();
    Cell::from(if right { text.alignment(Alignment::Right) } else { text })
}

fn number(text: String) -> Cell<'static> {
    cell(text, true)
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn routes(watched: &Watched, answers: &Answers, look: Look, width: u16) -> Drawn {
    let (wide, wider) = (width >= 100, width >= 130);
    let mut head = vec!["ROUTE", "GOES TO", "REQ/S", "4XX", "5XX", "P50", "P95"];
    let mut widths = vec![Constraint::Fill(3), Constraint::Fill(3)];
    widths.extend([8, 6, 6, 8, 8].map(Constraint::Length));
    for (name, length, room) in [("P95, LATELY", 24, wide), ("OUT/S", 10, wider), ("TOTAL", 8, wider)] {
        if room {
            head.push(name);
            widths.push(Constraint::Length(length));
        }
    }
    let mut all: Vec<(&Value, Lately)> = list(&answers.routes)
        .filter(|route| watched.takes(&[&plain(&route["name"]), &goes(route)]))
        .map(|route| (route, watched.lately(route["name"].as_str().unwrap_or_default())))
        .collect();
    sort(&mut all, watched.order, watched.turned);
    let row = |(route, lately): (&Value, Lately)| {
        let some =
            |value: Option<f64>, style| if value.is_some_and(|value| value > 0.0) { style } else { look.plain() };
        let name = plain(&route["name"]);
        let mut cells = vec![
            cell(Span::styled(name.clone(), look.strong()), false),
            cell(Span::styled(goes(route), look.soft()), false),
            number(rate(lately.requests)),
            number(share(lately.client_errors)).style(some(lately.client_errors, look.warn())),
            number(share(lately.server_errors)).style(some(lately.server_errors, look.bad())),
            number(millis(lately.p50)),
            number(millis(lately.p95)),
        ];
        if wide {
            let line: Vec<_> = watched.latencies.get(&name).into_iter().flatten().copied().collect();
            cells.push(cell(Span::styled(blocks(&line, 24), look.tide()), false));
        }
        if wider {
            cells.push(number(bytes(lately.response_bytes)));
            cells.push(number(count(route["requests"].as_u64().unwrap_or(0))));
        }
        Row::new(cells)
    };
    (head, widths, all.into_iter().map(row).collect())
}

/// What a route does, in a few words.
fn goes(route: &Value) -> String {
    let action = &route["action"];
    if let Some(split) = action["split"].as_array() {
        let arms = route["weights_in_force"].as_array().unwrap_or(split);
        let one = |arm: &Value| format!("{} {}", plain(&arm["upstream"]), arm["weight"]);
        return arms.iter().map(one).collect::<Vec<_>>().join(" | ");
    }
    if action["upstream"].is_string() {
        return plain(&action["upstream"]);
    }
    if action["redirect"].is_object() {
        return format!("{} {}", action["redirect"]["status"], plain(&action["redirect"]["to"]));
    }
    if action["respond"].is_object() {
        return format!("answers {}", action["respond"]["status"]);
    }
    plain(&action["files"]["root"])
}

fn sort(rows: &mut [(&Value, Lately)], order: Order, turned: bool) {
    let errors = |lately: &Lately| lately.server_errors.unwrap_or(0.0) * lately.requests.unwrap_or(0.0);
    let name = |route: &Value| route["name"].as_str().unwrap_or_default().to_owned();
    match order {
        Order::Config => {}
        Order::Requests => {
            rows.sort_by(|(_, a), (_, b)| b.requests.unwrap_or(0.0).total_cmp(&a.requests.unwrap_or(0.0)))
        }
        Order::Errors => rows.sort_by(|(_, a), (_, b)| errors(b).total_cmp(&errors(a))),
        Order::Latency => rows.sort_by(|(_, a), (_, b)| b.p95.unwrap_or(0.0).total_cmp(&a.p95.unwrap_or(0.0))),
        Order::Name => rows.sort_by_key(|(route, _)| name(route)),
    }
    if turned {
        rows.reverse();
    }
}

fn upstreams(watched: &Watched, answers: &Answers, look: Look, width: u16) -> Drawn {
    let wide = width >= 100;
    let head = vec!["UPSTREAM", "WHY", "FLIGHT", "P95", "FAILED", "TRIES"];
    let mut widths = vec![Constraint::Fill(5), Constraint::Fill(6)];
    // What has no width is not drawn.
    widths.extend([6, 9, 7].into_iter().chain(wide.then_some(8)).map(Constraint::Length));
    let mut rows = Vec::new();
    for upstream in list(&answers.upstreams) {
        let name = plain(&upstream["name"]);
        let endpoints: Vec<&Value> = list(&upstream["endpoints"])
            .filter(|endpoint| watched.takes(&[&name, &plain(&endpoint["address"]), &plain(&endpoint["state"])]))
            .collect();
        if endpoints.is_empty() && !watched.takes(&[&name]) {
            continue;
        }
        rows.push(upstream_row(watched, upstream, look, wide));
        rows.extend(endpoints.into_iter().map(|endpoint| endpoint_row(endpoint, look)));
    }
    (head, widths, rows)
}

fn upstream_row(watched: &Watched, upstream: &Value, look: Look, wide: bool) -> Row<'static> {
    let name = upstream["name"].as_str().unwrap_or_default();
    let of = |what: &'static str| move |sample: &Value| sample["upstreams"][name][what].as_f64();
    let requests: Vec<_> =
        watched.samples.iter().rev().take(10).map(|sample| of("requests")(sample).unwrap_or(0.0)).collect();
    let mean = requests.iter().sum::<f64>() / requests.len().max(1) as f64;
    let line: Vec<_> = watched.samples.iter().map(of("p95_ms")).collect();
    let failing = |endpoint: &&Value| matches!(endpoint["state"].as_str(), Some("down" | "ejected"));
    let (all, out) = (list(&upstream["endpoints"]).count(), list(&upstream["endpoints"]).filter(failing).count());
    let style = if all > 0 && out == all { look.bad() } else { look.strong() };
    let well = format!("{} of {all} well  ", all - out);
    let place = vec![
        Span::styled(well, if out > 0 { look.bad() } else { look.soft() }),
        Span::styled(blocks(&line, if wide { 24 } else { 6 }), look.tide()),
    ];
    Row::new(vec![
        cell(
            Line::from(vec![
                Span::styled(plain(&upstream["name"]), style),
                Span::styled(format!("  {}/s", rate(Some(mean))), look.soft()),
            ]),
            false,
        ),
        cell(Line::from(place), false),
        number(String::new()),
        number(millis(watched.mean(of("p95_ms")))),
        number(String::new()),
        number(count(upstream["attempts"].as_u64().unwrap_or(0))),
    ])
}

fn endpoint_row(endpoint: &Value, look: Look) -> Row<'static> {
    let word = plain(&endpoint["state"]);
    let (sign, style) = look.state(&word);
    let count_of = |name: &str| endpoint[name].as_u64().unwrap_or(0);
    let why = [plain(&endpoint["reason"]), plain(&endpoint["probe_failure"])];
    let why: Vec<_> = why.into_iter().filter(|why| !why.is_empty()).map(|why| why.replace('_', " ")).collect();
    let why = if word == "up" { String::new() } else { [vec![word], why].concat().join(", ") };
    let failed = count_of("failures");
    Row::new(vec![
        cell(
            Line::from(vec![
                Span::raw("  "),
                Span::styled(sign, style),
                Span::raw(format!(" {}", plain(&endpoint["address"]))),
            ]),
            false,
        ),
        cell(Span::styled(why, style), false),
        number(count_of("in_flight").to_string()),
        number(millis(endpoint["latency_ms"].as_f64())),
        number(count(failed)).style(if failed > 0 { look.bad() } else { look.plain() }),
        number(count(count_of("attempts"))),
    ])
}

fn faults(watched: &Watched, answers: &Answers, look: Look, width: u16) -> Drawn {
    let wide = width >= 110;
    let mut head = vec!["TIME", "", "WHY", "WHOSE", "TOOK", "REQUEST"];
    let mut widths = [8, 3, 18, 8, 8].map(Constraint::Length).to_vec();
    widths.push(Constraint::Fill(3));
    if wide {
        head.push("WHERE");
        widths.push(Constraint::Fill(2));
    }
    let row = |fault: &Value| {
        let text = |name: &str| plain(&fault[name]);
        let status = fault["status"].as_u64();
        let request = format!("{} {}{}", text("method"), text("authority"), text("target"));
        let place: Vec<_> = ["route", "endpoint"].map(text).into_iter().filter(|part| !part.is_empty()).collect();
        let mut cells = vec![
            cell(Span::styled(text("time").get(11..19).unwrap_or_default().to_owned(), look.soft()), false),
            cell(
                Span::styled(status.map_or_else(|| "–".to_owned(), |status| status.to_string()), look.status(status)),
                false,
            ),
            cell(why(fault), false),
            cell(Span::styled(text("side"), look.soft()), false),
            number(millis(fault["duration_ms"].as_f64())),
            cell(request.clone(), false),
        ];
        if wide {
            cells.push(cell(Span::styled(place.join(" > "), look.soft()), false));
        }
        watched.takes(&[&text("fault"), &text("side"), &request, &place.join(" ")]).then(|| Row::new(cells))
    };
    (head, widths, list(&answers.faults).filter_map(row).collect())
}

/// Why a request failed: its label, or that an upstream answered so.
fn why(fault: &Value) -> String {
    match (plain(&fault["fault"]), fault["status"].as_u64()) {
        (label, Some(status)) if label.is_empty() => format!("answered {status}"),
        (label, _) => label.replace('_', " "),
    }
}

fn events(watched: &Watched, answers: &Answers, look: Look) -> Drawn {
    let head = vec!["TIME", "UPSTREAM", "ENDPOINT", "WHAT"];
    let widths = vec![Constraint::Length(8), Constraint::Fill(1), Constraint::Fill(2), Constraint::Fill(3)];
    let row = |event: &Value| {
        let text = |name: &str| plain(&event[name]);
        let (before, after) = (text("before"), text("after"));
        let (sign, style) = look.state(&after);
        let what = match (before.is_empty(), after.is_empty()) {
            _ if text("kind") == "guard" => text("event").replace('_', " "),
            (_, true) => "has left".to_owned(),
            (true, false) => format!("is new: {after}"),
            (false, false) => format!("{before} > {after}"),
        };
        let why = text("reason").replace('_', " ") + &text("message");
        let guarded = event["generation"].as_u64().map(|generation| format!("generation {generation}"));
        let endpoint = guarded.unwrap_or_else(|| text("endpoint"));
        let what = if why.is_empty() { what } else { format!("{what}: {why}") };
        let cells = vec![
            cell(Span::styled(text("time").get(11..19).unwrap_or_default().to_owned(), look.soft()), false),
            cell(text("upstream"), false),
            cell(endpoint.clone(), false),
            cell(Line::from(vec![Span::styled(sign, style), Span::styled(format!(" {what}"), style)]), false),
        ];
        watched.takes(&[&text("upstream"), &endpoint, &what]).then(|| Row::new(cells))
    };
    (head, widths, list(&answers.events).filter_map(row).collect())
}
