//! A picture of what was heard: head, lines over time, one table, and what the keys do.

use std::time::Instant;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Sparkline, Wrap};
use serde_json::Value;

use super::answers::{Answers, plain};
use super::figures::{bytes, count, millis, rate, share, span};
use super::look::Look;
use super::panes;
use super::watched::{Order, Tab, Watched};

/// Less than this holds nothing that can be read.
const LEAST: (u16, u16) = (40, 12);
/// From so many rows on there is room for a second table.
const TALL: u16 = 38;

/// Draws it; `now` is for what was heard how long ago.
pub(super) fn draw(frame: &mut Frame<'_>, watched: &Watched, look: Look, now: Instant) {
    let area = frame.area();
    if area.width < LEAST.0 || area.height < LEAST.1 {
        frame.render_widget(Paragraph::new("a larger window, please: 40 by 12").wrap(Wrap { trim: true }), area);
        return;
    }
    let Some(answers) = &watched.answers else { return waiting(frame, watched, look) };
    let lost = watched.trouble.is_some();
    let [head, figures, banner, charts, tabs, table, keys] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(if area.width < 110 { 2 } else { 1 }),
        Constraint::Length(if lost { 2 } else { 0 }),
        Constraint::Length(if area.height >= 30 { 6 } else { 4 }),
        Constraint::Length(1),
        Constraint::Min(3),
        Constraint::Length(1),
    ])
    .areas(area);
    frame.render_widget(head_line(watched, answers, look, head.width), head);
    frame.render_widget(Paragraph::new(figure_lines(watched, answers, look, figures.height)), figures);
    if lost {
        frame.render_widget(Paragraph::new(trouble(watched, now)).style(look.bad()).wrap(Wrap { trim: true }), banner);
    }
    curves(frame, watched, look, charts);
    frame.render_widget(tab_line(watched, answers, look), tabs);
    if area.height >= TALL {
        let [above, title, below] =
            Layout::vertical([Constraint::Fill(3), Constraint::Length(1), Constraint::Fill(2)]).areas(table);
        let other = if watched.tab == Tab::Upstreams { Tab::Faults } else { Tab::Upstreams };
        panes::draw(frame, watched, answers, look, (above, watched.tab, watched.top));
        frame.render_widget(Line::styled(other.word(), look.strong()), title);
        panes::draw(frame, watched, answers, look, (below, other, 0));
    } else {
        panes::draw(frame, watched, answers, look, (table, watched.tab, watched.top));
    }
    frame.render_widget(key_line(watched, look), keys);
}

/// Nothing was heard yet.
fn waiting(frame: &mut Frame<'_>, watched: &Watched, look: Look) {
    let mut lines = vec![Line::styled("Tidegate", look.strong()), Line::raw("")];
    match &watched.trouble {
        None => lines.push(Line::raw(format!("asking {} ...", watched.place))),
        Some(why) => {
            lines.push(Line::styled(why.clone(), look.bad()));
            lines.push(Line::raw(""));
            lines.push(Line::raw("It is asked again each second. --admin ADDR names another address."));
        }
    }
    lines.extend([Line::raw(""), Line::styled("q  quit", look.soft())]);
    let [_, middle, _] =
        Layout::horizontal([Constraint::Fill(1), Constraint::Max(72), Constraint::Fill(1)]).areas(frame.area());
    let [_, middle] = Layout::vertical([Constraint::Max(3), Constraint::Fill(1)]).areas(middle);
    frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: true }), middle);
}

fn trouble(watched: &Watched, now: Instant) -> String {
    let why = watched.trouble.as_deref().unwrap_or_default();
    let ago = watched.heard.map_or(0, |heard| now.saturating_duration_since(heard).as_secs());
    format!("{why}. What you see is {} old; it is asked again each second.", span(ago))
}

fn head_line(watched: &Watched, answers: &Answers, look: Look, width: u16) -> Line<'static> {
    let status = &answers.status;
    let left = format!(
        " {}  generation {}  up {}",
        plain(&status["version"]),
        status["generation"],
        span(status["uptime_seconds"].as_u64().unwrap_or(0))
    );
    let (sign, word, style) = match (&watched.trouble, watched.paused) {
        (Some(_), _) => ("✕", "no answer", look.bad()),
        (None, true) => ("‖", "paused", look.warn()),
        (None, false) if plain(&status["readiness"]) != "ready" => ("↓", "draining", look.warn()),
        (None, false) => ("●", "live", look.good()),
    };
    let right = format!(" {word}  {}", watched.place);
    let used = "Tidegate".len() + left.chars().count() + 1 + right.chars().count();
    let gap = usize::from(width).saturating_sub(used).max(1);
    Line::from(vec![
        Span::styled("Tidegate", look.strong()),
        Span::styled(left, look.soft()),
        Span::raw(" ".repeat(gap)),
        Span::styled(sign, style),
        Span::styled(right, look.soft()),
    ])
}

fn figure_lines(watched: &Watched, answers: &Answers, look: Look, rows: u16) -> Vec<Line<'static>> {
    let number = |name: &'static str| move |sample: &Value| sample[name].as_f64();
    let requests = watched.mean(number("requests"));
    let part = |class: &str| {
        let of = watched.mean(|sample| sample["status"][class].as_f64());
        of.zip(requests).filter(|(_, all)| *all > 0.0).map(|(of, all)| of / all)
    };
    let (hits, misses) = (watched.mean(number("cache_hits")), watched.mean(number("cache_misses")));
    let hit_share = hits.zip(misses).filter(|(hits, misses)| hits + misses > 0.0).map(|(h, m)| h / (h + m));
    let errors = part("5xx");
    let failing = errors.is_some_and(|errors| errors >= 0.01);
    let status = &answers.status;
    let whole = |name: &str| count(status[name].as_u64().unwrap_or(0));
    let memory = bytes(status["resident_bytes"].as_f64().unwrap_or(0.0));
    let all = [
        ("requests", format!("{}/s", rate(requests)), look.strong()),
        ("5xx", share(errors), if failing { look.bad() } else { look.strong() }),
        ("4xx", share(part("4xx")), look.strong()),
        ("p50", millis(watched.mean(number("p50_ms"))), look.strong()),
        ("p99", millis(watched.mean(number("p99_ms"))), look.strong()),
        ("in flight", whole("in_flight"), look.strong()),
        ("connections", whole("connections"), look.strong()),
        ("cache", share(hit_share), look.strong()),
        ("busy", share(watched.mean(number("busy"))), look.strong()),
        ("memory", memory, look.strong()),
    ];
    let parts: Vec<Vec<Span<'static>>> = all
        .into_iter()
        .map(|(name, value, style)| {
            vec![Span::styled(format!("{name} "), look.soft()), Span::styled(value, style), Span::raw("   ")]
        })
        .collect();
    let each = parts.len().div_ceil(usize::from(rows.max(1)));
    parts.chunks(each).map(|chunk| Line::from(chunk.concat())).collect()
}

/// Requests on the left, latency on the right.
fn curves(frame: &mut Frame<'_>, watched: &Watched, look: Look, area: Rect) {
    let [left, _, right] =
        Layout::horizontal([Constraint::Fill(1), Constraint::Length(3), Constraint::Fill(1)]).areas(area);
    let show = |value: f64| format!("{}/s", rate(Some(value)));
    curve(frame, ("requests", &watched.line("requests"), &show, look.tide()), look, left);
    curve(frame, ("latency p99", &watched.line("p99_ms"), &|value| millis(Some(value)), look.warn()), look, right);
}

type Curve<'a> = (&'a str, &'a [Option<f64>], &'a dyn Fn(f64) -> String, Style);

fn curve(frame: &mut Frame<'_>, (name, values, show, style): Curve<'_>, look: Look, area: Rect) {
    let [title, plot] = Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]).areas(area);
    let shown = &values[values.len().saturating_sub(usize::from(plot.width))..];
    let top = shown.iter().flatten().copied().fold(0.0, f64::max);
    let said = format!("{name}, last {}, up to {}", span(shown.len() as u64), show(top));
    frame.render_widget(Line::styled(said, look.soft()), title);
    // In thousandths, so that small values can be told apart.
    let scaled = |value: &Option<f64>| value.map_or(0, |value| (value * 1000.0) as u64);
    let gap = usize::from(plot.width).saturating_sub(shown.len());
    let data: Vec<u64> = std::iter::repeat_n(0, gap).chain(shown.iter().map(scaled)).collect();
    frame.render_widget(Sparkline::default().data(data).max(((top * 1000.0) as u64).max(1)).style(style), plot);
}

fn tab_line(watched: &Watched, answers: &Answers, look: Look) -> Line<'static> {
    let mut spans = Vec::new();
    for (place, tab) in Tab::ALL.into_iter().enumerate() {
        let many = match tab {
            Tab::Routes => &answers.routes,
            Tab::Upstreams => &answers.upstreams,
            Tab::Faults => &answers.faults,
            Tab::Events => &answers.events,
        };
        let many = many.as_array().map_or(0, Vec::len);
        let style = if tab == watched.tab { look.chosen() } else { look.plain() };
        spans.push(Span::styled(format!(" {} {} ", place + 1, tab.word()), style));
        spans.push(Span::styled(format!("{many}  "), look.soft()));
    }
    if watched.tab == Tab::Routes && (watched.order != Order::Config || watched.turned) {
        let way = if watched.turned { ", turned" } else { "" };
        spans.push(Span::styled(format!("by {}{way}  ", watched.order.word()), look.tide()));
    }
    if watched.typing || !watched.filter.is_empty() {
        let pen = if watched.typing { "▏" } else { "" };
        spans.push(Span::styled(format!("/{}{pen}", watched.filter), look.tide()));
    }
    Line::from(spans)
}

fn key_line(watched: &Watched, look: Look) -> Line<'static> {
    let keys: &[(&str, &str)] = if watched.typing {
        &[("Enter", "keep the filter"), ("Esc", "drop it")]
    } else {
        &[
            ("q", "quit"),
            ("Tab", "next"),
            ("s", "sort"),
            ("r", "turn"),
            ("/", "filter"),
            ("p", "pause"),
            ("↑↓", "scroll"),
        ]
    };
    let one = |(key, what): &(&'static str, &'static str)| {
        [Span::styled(*key, look.strong()), Span::styled(format!(" {what}   "), look.soft())]
    };
    Line::from(keys.iter().flat_map(one).collect::<Vec<_>>())
}
