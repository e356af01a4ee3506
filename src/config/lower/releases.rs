//! What a config says about releases: predicates of values, splits, mirrors, and faults on purpose.

use std::collections::HashMap;
use std::time::Duration;

use http::StatusCode;

use super::compress::switched;
use super::names::Names;
use crate::config::fields::Fields;
use crate::config::found::Found;
use crate::config::model::{Abort, Action, Delay, Inject, Mirror, SameSite, Share, Split, SplitCookie, ValueMatch};
use crate::config::problem::{Problem, ProblemKind};
use crate::config::raw::Shape;
use crate::config::scalar::{self, Wrong};

/// The longest delay: what waits holds its places.
const LONGEST_DELAY: Duration = Duration::from_secs(600);

/// What the values under some names must be.
pub(super) fn predicates<N>(
    at: &Fields<'_>,
    name: &str,
    read: impl Fn(&str) -> scalar::Read<N>,
) -> Vec<(N, ValueMatch)> {
    let pairs = at.find(name).map(|found| found.pairs()).unwrap_or_default();
    let one = |(entry, found): (&crate::config::raw::Entry, Found<'_>)| {
        let name = found.key(entry, &read);
        let value = if found.is_text() { found.parsed(scalar::value_match) } else { value(&found) };
        Some((name?, value?))
    };
    pairs.into_iter().filter_map(one).collect()
}

/// A value that is a table.
fn value(found: &Found<'_>) -> Option<ValueMatch> {
    let at = found.section()?;
    let keys = ["present", "regex", "exact"];
    if keys.iter().filter(|key| at.find(key).is_some()).count() != 1 {
        at.conflict("what the value must be is not clear", "exactly one of `present`, `regex` and `exact`");
        return None;
    }
    let present = at.find("present").map(|found| found.boolean());
    let present = present.map(|present| present.map(|there| if there { ValueMatch::Any } else { ValueMatch::Absent }));
    let regex = at.parsed("regex", scalar::regex).map(ValueMatch::Regex);
    let exact = at.parsed("exact", |text| Ok(ValueMatch::Exact(text.to_owned())));
    present.flatten().or(regex).or(exact)
}

/// `split`, `split_on` and `split_cookie`
pub(super) fn split(at: &Fields<'_>, upstreams: &Names<'_>) -> Option<Action> {
    let found = at.find("split");
    for key in ["split_on", "split_cookie"] {
        if let Some(alone) = at.find(key).filter(|_| found.is_none()) {
            alone.conflict(format!("`{key}` needs `split`"), "an upstream spreads requests by its `balance`");
        }
    }
    if let (Some(_), Some(cookie)) = (at.find("split_on"), at.find("split_cookie")) {
        let help = "keep one: `split_cookie` sets a cookie of its own, `split_on` goes by what is there";
        cookie.conflict("`split_on` and `split_cookie` in one route", help);
    }
    let sticky = at.parsed("split_on", scalar::hash_on);
    let cookie = at.find("split_cookie").and_then(|found| split_cookie(&found));
    found.map(|found| Action::Split(Split { arms: arms(&found, upstreams), sticky, cookie }))
}

/// A name alone, or a table.
fn split_cookie(found: &Found<'_>) -> Option<SplitCookie> {
    let (text, at) = if found.is_text() { (Some(found), found.empty_section()?) } else { (None, found.section()?) };
    let (max_age, same_site) = (at.duration("max_age"), at.word::<SameSite>("same_site"));
    let name = match text {
        Some(found) => found.parsed(scalar::cookie_name),
        None => at.required("name").and_then(|found| found.parsed(scalar::cookie_name)),
    };
    Some(SplitCookie { name: name?, max_age, same_site })
}

fn arms(found: &Found<'_>, upstreams: &Names<'_>) -> Vec<(usize, u32)> {
    let items = found.items();
    let mut seen = HashMap::new();
    let mut arms = Vec::with_capacity(items.len());
    for at in items.iter().filter_map(|item| item.section()) {
        let weight: u32 = at.count("weight");
        let Some(named) = at.required("upstream") else { continue };
        let Some(place) = upstreams.resolve(&named) else { continue };
        if let Some(first) = seen.insert(place, named.node.span) {
            let problem =
                Problem::error(ProblemKind::Conflict, named.path.clone(), "this upstream is in the split twice");
            let problem = problem.help("add the weights up").related(first, "first listed here");
            named.scope.report(problem.at(named.node.span));
        }
        arms.push((place, weight));
    }
    if !items.is_empty() && arms.len() == items.len() && arms.iter().all(|(_, weight)| *weight == 0) {
        found.wrong(Wrong::new("every weight is 0", "one of them must be above 0"));
    }
    if items.is_empty() && matches!(&found.node.shape, Shape::List(_)) {
        found.wrong(Wrong::new(
            "a split between nothing",
            "such as [{ upstream = \"v1\", weight = 95 }, { upstream = \"v2\", weight = 5 }]",
        ));
    }
    arms
}

/// `mirror` of a route, or of `[defaults]`
pub(super) fn mirror(at: &Fields<'_>, upstreams: &Names<'_>) -> Option<Mirror> {
    if let Some(own) = at.own("mirror").filter(|_| at.is_route()) {
        let forwards = ["upstream", "split"].into_iter().any(|action| at.own(action).is_some());
        let off = matches!(own.node.shape, Shape::Boolean(false));
        if !forwards && !off {
            own.conflict("only what goes upstream has a copy", "leave `mirror` out of this route");
        }
    }
    switched(at, "mirror", |at| {
        let (share, timeout) = (at.parsed("share", scalar::share).map(Share), at.duration("timeout"));
        let (max_requests, max_body) = (at.count("max_requests"), at.size("max_body"));
        if let Some(found) = at.find("timeout").filter(|_| timeout.is_none()) {
            found.wrong(Wrong::new("no copy is answered in no time", "such as \"10s\""));
        }
        let upstream = at.required("upstream").and_then(|found| upstreams.resolve(&found));
        Some(Mirror {
            upstream: upstream?,
            share: share.unwrap_or(Share(1.0)),
            max_requests,
            max_body: usize::try_from(max_body).unwrap_or(usize::MAX),
            timeout: timeout.unwrap_or_default(),
        })
    })
    .flatten()
}

/// `inject` of a route, or of `[defaults]`
pub(super) fn inject(at: &Fields<'_>) -> Option<Inject> {
    switched(at, "inject", |at| {
        let delay = at.section("delay").and_then(|at| delay(&at));
        let abort = at.section("abort").and_then(|at| {
            let status = StatusCode::from_u16(at.count("status")).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
            Some(Abort { status, share: share(&at)? })
        });
        let headers = predicates(at, "headers", scalar::header_name);
        if at.find("delay").is_none() && at.find("abort").is_none() {
            at.conflict("this injects nothing", "add `delay` or `abort`");
        }
        Inject { delay, abort, headers }
    })
}

fn delay(at: &Fields<'_>) -> Option<Delay> {
    let found = at.required("time");
    let time = found.as_ref().and_then(|found| found.duration());
    if let Some(found) = found.filter(|_| time.flatten().is_some_and(|time| time > LONGEST_DELAY)) {
        found.wrong(Wrong::new("nobody waits as long as that", "10 minutes at most"));
    }
    Some(Delay { share: share(at)?, time: time?.unwrap_or_default() })
}

fn share(at: &Fields<'_>) -> Option<Share> {
    at.required("share")?.parsed(scalar::share).map(Share)
}
