//! What was heard and what was pressed: all that a picture is made of.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use serde_json::Value;

use super::answers::{Answers, Count, Counted};
use super::figures::quantile;

/// Samples and latencies that are kept for the lines.
const KEPT: usize = 300;
/// Rounds over which rates are taken.
const WINDOW: usize = 11;

/// What stands in the middle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tab {
    Routes,
    Upstreams,
    Faults,
    Events,
}

impl Tab {
    pub(super) const ALL: [Self; 4] = [Self::Routes, Self::Upstreams, Self::Faults, Self::Events];

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Routes => "routes",
            Self::Upstreams => "upstreams",
            Self::Faults => "faults",
            Self::Events => "events",
        }
    }

    fn step(self, by: usize) -> Self {
        Self::ALL[(self as usize + by) % Self::ALL.len()]
    }
}

/// What routes are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Config,
    Requests,
    Errors,
    Latency,
    Name,
}

impl Order {
    const ALL: [Self; 5] = [Self::Config, Self::Requests, Self::Errors, Self::Latency, Self::Name];

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Requests => "requests",
            Self::Errors => "errors",
            Self::Latency => "latency",
            Self::Name => "name",
        }
    }
}

/// What a key led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pressed {
    Quit,
    Suspend,
    Redraw,
    Nothing,
}

/// What a route does lately, for each second.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Lately {
    pub(super) requests: Option<f64>,
    pub(super) client_errors: Option<f64>,
    pub(super) server_errors: Option<f64>,
    pub(super) response_bytes: f64,
    pub(super) p50: Option<f64>,
    pub(super) p95: Option<f64>,
}

/// All of it.
pub(super) struct Watched {
    /// The address, as people write it.
    pub(super) place: String,
    pub(super) answers: Option<Answers>,
    pub(super) samples: VecDeque<Value>,
    counts: VecDeque<Count>,
    /// Of each route, the p95 of each second in milliseconds.
    pub(super) latencies: BTreeMap<String, VecDeque<Option<f64>>>,
    pub(super) heard: Option<Instant>,
    /// Why the last question had no answer.
    pub(super) trouble: Option<String>,
    pub(super) tab: Tab,
    pub(super) order: Order,
    pub(super) turned: bool,
    pub(super) filter: String,
    /// Whether letters go to the filter.
    pub(super) typing: bool,
    pub(super) paused: bool,
    pub(super) top: usize,
}

impl Watched {
    pub(super) fn new(place: String) -> Self {
        Self {
            place,
            answers: None,
            samples: VecDeque::new(),
            counts: VecDeque::new(),
            latencies: BTreeMap::new(),
            heard: None,
            trouble: None,
            tab: Tab::Routes,
            order: Order::Config,
            turned: false,
            filter: String::new(),
            typing: false,
            paused: false,
            top: 0,
        }
    }

    /// Takes a round of answers, or why there is none.
    pub(super) fn hear(&mut self, said: Result<Answers, String>, now: Instant) {
        match said {
            Err(why) => self.trouble = Some(why),
            // What is looked at stays as it is.
            Ok(_) if self.paused => self.trouble = None,
            Ok(answers) => self.take(answers, now),
        }
    }

    fn take(&mut self, mut answers: Answers, now: Instant) {
        (self.trouble, self.heard) = (None, Some(now));
        let started = |answers: &Answers| answers.status["started_at"].clone();
        if self.answers.as_ref().is_some_and(|before| started(before) != started(&answers)) {
            // Another program stands there now.
            self.samples.clear();
            self.counts.clear();
            self.latencies.clear();
        }
        self.samples.extend(answers.samples.drain(..));
        let count = Count::read(&answers.routes, now);
        self.latencies.retain(|name, _| count.routes.contains_key(name));
        for (name, counted) in &count.routes {
            let before = self.counts.back().and_then(|before| before.routes.get(name));
            let latest = before.and_then(|before| quantile(&counted.since(before)?.durations, 0.95));
            let line = self.latencies.entry(name.clone()).or_default();
            line.push_back(latest);
            line.drain(..line.len().saturating_sub(KEPT));
        }
        self.counts.push_back(count);
        self.counts.drain(..self.counts.len().saturating_sub(WINDOW));
        self.samples.drain(..self.samples.len().saturating_sub(KEPT));
        self.answers = Some(answers);
    }

    /// What the next samples have to be later than.
    pub(super) fn since(&self) -> u64 {
        self.samples.back().and_then(|sample| sample["time"].as_u64()).unwrap_or(0)
    }

    /// What a route does lately.
    pub(super) fn lately(&self, route: &str) -> Lately {
        let (Some(first), Some(last)) = (self.counts.front(), self.counts.back()) else { return Lately::default() };
        let passed = last.at.saturating_duration_since(first.at).as_secs_f64();
        let counted = first.routes.get(route).zip(last.routes.get(route)).and_then(|(then, now)| now.since(then));
        let Some(Counted { requests, client_errors, server_errors, response_bytes, durations }) =
            counted.filter(|_| passed > 0.0)
        else {
            return Lately::default();
        };
        let part = |count: u64| (requests > 0).then(|| count as f64 / requests as f64);
        Lately {
            requests: Some(requests as f64 / passed),
            client_errors: part(client_errors),
            server_errors: part(server_errors),
            response_bytes: response_bytes as f64 / passed,
            p50: quantile(&durations, 0.5),
            p95: quantile(&durations, 0.95),
        }
    }

    /// The last samples' value of that name, the oldest first.
    pub(super) fn line(&self, name: &str) -> Vec<Option<f64>> {
        self.samples.iter().map(|sample| sample[name].as_f64()).collect()
    }

    /// The mean of a value over the last seconds in which it was measured.
    pub(super) fn mean(&self, value: impl Fn(&Value) -> Option<f64>) -> Option<f64> {
        let known: Vec<f64> = self.samples.iter().rev().take(10).filter_map(value).collect();
        (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
    }

    /// Whether the filter takes one of these texts.
    pub(super) fn takes(&self, texts: &[&str]) -> bool {
        let wanted = self.filter.to_lowercase();
        texts.iter().any(|text| text.to_lowercase().contains(&wanted))
    }

    /// Follows a key.
    pub(super) fn press(&mut self, key: KeyEvent) -> Pressed {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('c') if control => return Pressed::Quit,
            KeyCode::Char('z') if control => return Pressed::Suspend,
            _ => {}
        }
        if self.typing { self.type_key(key.code) } else { self.command(key.code) }
    }

    fn type_key(&mut self, code: KeyCode) -> Pressed {
        match code {
            KeyCode::Enter => self.typing = false,
            KeyCode::Esc => (self.typing, self.filter) = (false, String::new()),
            KeyCode::Backspace => drop(self.filter.pop()),
            KeyCode::Char(letter) if self.filter.len() < 64 => self.filter.push(letter),
            _ => return Pressed::Nothing,
        }
        self.top = 0;
        Pressed::Redraw
    }

    fn command(&mut self, code: KeyCode) -> Pressed {
        match code {
            KeyCode::Char('q') => return Pressed::Quit,
            KeyCode::Esc => self.filter.clear(),
            KeyCode::Tab | KeyCode::Right | KeyCode::Char('l') => self.open(self.tab.step(1)),
            KeyCode::BackTab | KeyCode::Left | KeyCode::Char('h') => self.open(self.tab.step(Tab::ALL.len() - 1)),
            KeyCode::Char(digit @ '1'..='4') => self.open(Tab::ALL[digit as usize - '1' as usize]),
            KeyCode::Char('s') => self.order = Order::ALL[(self.order as usize + 1) % Order::ALL.len()],
            KeyCode::Char('r') => self.turned = !self.turned,
            KeyCode::Char('/') => self.typing = true,
            KeyCode::Char('p' | ' ') => self.paused = !self.paused,
            KeyCode::Down | KeyCode::Char('j') => self.top = self.top.saturating_add(1),
            KeyCode::Up | KeyCode::Char('k') => self.top = self.top.saturating_sub(1),
            KeyCode::PageDown => self.top = self.top.saturating_add(10),
            KeyCode::PageUp => self.top = self.top.saturating_sub(10),
            KeyCode::Home | KeyCode::Char('g') => self.top = 0,
            KeyCode::End | KeyCode::Char('G') => self.top = usize::MAX,
            _ => return Pressed::Nothing,
        }
        Pressed::Redraw
    }

    fn open(&mut self, tab: Tab) {
        (self.tab, self.top) = (tab, 0);
    }
}
