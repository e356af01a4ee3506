//! The report for people: one column of keys, one of facts.

use std::fmt::Write as _;

use super::action::{ActionReport, Step, UpstreamReport};
use super::report::{Decision, ListenerReport, LostReport, PathReport, Report, RequestReport, RouteReport};

/// Width of the column of keys.
const KEYS: usize = 18;

/// More losers than these are counted, not shown.
const SHOWN: usize = 12;

/// The report as text.
pub(super) fn render(report: &Report, colour: bool) -> String {
    let mut page = Page { out: String::new(), colour };
    page.request(&report.request);
    if let Some(remark) = &report.remark {
        page.line("", &page.paint(Ink::Yellow, remark));
    }
    for outcome in &report.outcomes {
        page.gap();
        page.listeners(&outcome.listeners);
        page.path(&report.request.path, outcome.path.as_ref());
        page.decision(&outcome.decision);
    }
    page.out
}

#[derive(Clone, Copy)]
enum Ink {
    Bold,
    Dim,
    Green,
    Yellow,
    Red,
}

/// What a loser asks for is aligned up to this width.
const WIDEST: usize = 48;

struct Page {
    out: String,
    colour: bool,
}

impl Page {
    fn request(&mut self, request: &RequestReport) {
        let RequestReport { method, scheme, authority, path, query, fields } = request;
        let query = query.as_ref().map_or_else(String::new, |query| format!("?{query}"));
        // The asterisk of OPTIONS is no part of a URL.
        let slash = if path == "*" { "/" } else { "" };
        self.line("request", &self.paint(Ink::Bold, &format!("{method} {scheme}://{authority}{slash}{path}{query}")));
        for field in fields {
            self.line("", field);
        }
    }

    fn listeners(&mut self, listeners: &[ListenerReport]) {
        for (at, one) in listeners.iter().enumerate() {
            let tls = if one.tls { ", TLS" } else { "" };
            let place = self.paint(Ink::Dim, &format!("{}{tls}", one.address));
            self.line(if at == 0 { "listener" } else { "" }, &format!("{}  {place}", one.name));
        }
    }

    /// Where it is understood in another way than it was written.
    fn path(&mut self, written: &str, path: Option<&PathReport>) {
        let Some(PathReport { clean, compared }) = path else { return };
        if clean != written {
            self.line("path", &format!("{clean}  {}", self.paint(Ink::Dim, "to routes, cache and upstream")));
        }
        if compared != clean {
            let key = if clean == written { "path" } else { "" };
            self.line(key, &format!("{compared}  {}", self.paint(Ink::Dim, "where routes and rewrites compare it")));
        }
    }

    fn decision(&mut self, decision: &Decision) {
        match decision {
            Decision::Refused { status, reason } => {
                self.line("refused", &self.paint(Ink::Red, &format!("{status} {reason}")));
            }
            Decision::RedirectToHttps { location } => {
                self.line("redirect_to_https", &format!("{} {location}", self.paint(Ink::Green, "308")));
            }
            Decision::NoRoute { lost, far } => {
                self.line("route", &self.paint(Ink::Red, "none: 404"));
                self.lost(lost, *far);
            }
            Decision::Route(route) => self.route(route),
        }
    }

    fn route(&mut self, route: &RouteReport) {
        // The target stands in the step that makes it.
        let RouteReport { name, place, because, action, target: _, policies, lost, far } = route;
        self.line("route", &format!("{}  {}", self.paint(Ink::Green, name), self.paint(Ink::Dim, place)));
        for clause in because {
            self.line("", clause);
        }
        self.gap();
        self.action(action);
        self.steps(policies);
        self.lost(lost, *far);
    }

    fn action(&mut self, action: &ActionReport) {
        match action {
            ActionReport::Upstream(upstream) => self.upstream("upstream", "", upstream),
            ActionReport::Split { sticky, cookie, takes, arms } => {
                let how = match (cookie, sticky) {
                    (Some(cookie), _) => format!("by the place in the cookie {cookie}"),
                    (None, Some(on)) => format!("sticky by {on}"),
                    (None, None) => "by chance".to_owned(),
                };
                let takes = takes.as_ref().map_or_else(String::new, |name| {
                    format!(", this request goes to {}", self.paint(Ink::Green, name))
                });
                self.line("split", &format!("{how}{takes}"));
                for arm in arms {
                    self.upstream("", &format!("{:>5.1} %  ", arm.percent), &arm.upstream);
                }
            }
            ActionReport::Redirect { status, location: Some(location) } => {
                self.line("redirect", &format!("{status} {location}"));
            }
            ActionReport::Redirect { .. } => {
                self.line("redirect", &self.paint(Ink::Red, "400: it needs a host, and the request names none"));
            }
            ActionReport::Respond { status, octets, fields } => {
                self.line("respond", &format!("{status}, {octets} octets"));
                fields.iter().for_each(|field| self.line("", field));
            }
            ActionReport::Files { root, index, fallback } => {
                self.line("files", root);
                self.line("", &format!("index {index}"));
                fallback.iter().for_each(|name| self.line("", &format!("fallback {name}")));
            }
        }
    }

    fn upstream(&mut self, key: &str, share: &str, upstream: &UpstreamReport) {
        let UpstreamReport { name, protocol, tls, balance, endpoints, endpoints_file, timeouts } = upstream;
        let tls = if *tls { " over TLS" } else { "" };
        let how = self.paint(Ink::Dim, &format!("{protocol}{tls}, {balance}"));
        self.line(key, &format!("{share}{}  {how}", self.paint(Ink::Bold, name)));
        let margin = " ".repeat(share.len() + 2);
        let width = endpoints.iter().map(|one| one.address.len()).max().unwrap_or(0);
        for one in endpoints {
            let weight = if endpoints.len() > 1 { format!("  weight {}", one.weight) } else { String::new() };
            let backup = if one.backup { "  backup" } else { "" };
            let facts = self.paint(Ink::Dim, &format!("{weight}{backup}"));
            let line = format!("{margin}{:width$}{facts}", one.address);
            self.line("", line.trim_end());
        }
        if let Some(file) = endpoints_file {
            self.line("", &format!("{margin}those of {file}"));
        }
        let timeouts: Vec<_> = timeouts.iter().map(|one| format!("{} {}", one.key, one.text)).collect();
        for pair in timeouts.chunks(2) {
            self.line("", &format!("{margin}{}", self.paint(Ink::Dim, &pair.join(", "))));
        }
    }

    fn steps(&mut self, steps: &[Step]) {
        let mut before = "";
        for Step { key, text } in steps {
            self.line(if *key == before { "" } else { key }, text);
            before = key;
        }
    }

    fn lost(&mut self, lost: &[LostReport], far: usize) {
        if !lost.is_empty() || far > 0 {
            self.gap();
        }
        let width = |of: fn(&LostReport) -> &String| {
            lost.iter().take(SHOWN).map(|one| of(one).chars().count()).max().unwrap_or(0)
        };
        let (names, asks) = (width(|one| &one.name), width(|one| &one.asks).min(WIDEST));
        for (at, one) in lost.iter().take(SHOWN).enumerate() {
            let name = self.paint(Ink::Yellow, &format!("{:names$}", one.name));
            let facts = self.paint(Ink::Dim, &format!("{:asks$}  {}", one.asks, one.place));
            self.line(if at == 0 { "lost" } else { "" }, &format!("{name}  {facts}"));
            for reason in &one.reasons {
                self.line("", &format!("  {}", reason.text));
            }
        }
        let key = if lost.is_empty() { "lost" } else { "" };
        if let Some(more) = lost.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            self.line("", &self.paint(Ink::Dim, &format!("and {more} more that came near")));
        }
        if far > 0 {
            let routes = if far == 1 {
                "1 route for another host or path"
            } else {
                &format!("{far} routes for other hosts or paths")
            };
            self.line(key, &self.paint(Ink::Dim, routes));
        }
    }

    fn line(&mut self, key: &str, text: &str) {
        let key = format!("{key:KEYS$}");
        let key = self.paint(Ink::Dim, &key);
        // Writing to a String cannot fail.
        let _ = writeln!(self.out, "{key} {text}");
    }

    fn gap(&mut self) {
        self.out.push('\n');
    }

    fn paint(&self, ink: Ink, text: &str) -> String {
        let code = match ink {
            _ if !self.colour || text.trim().is_empty() => return text.to_owned(),
            Ink::Bold => 1,
            Ink::Dim => 2,
            Ink::Red => 31,
            Ink::Green => 32,
            Ink::Yellow => 33,
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}
