//! Why a route takes a request, and why the others that came near do not.
//!
//! The winner is the router's; the reasons come from [`rank`](super::rank), which says the same slowly.

use super::host::without_port;
use super::rank::{HostFit, Miss, Rank, host_fit, judge};
use super::{Lookup, RouteIndex, Router};
use crate::config::model::{HostPattern, PathMatch, Route, ValueMatch};
use crate::http::cookie;
use crate::http::normal::normal;

/// The whole decision about one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The route that takes it; none is a 404.
    pub winner: Option<RouteIndex>,
    /// What of the winner fits, one clause each: host, path, then predicates.
    pub because: Vec<String>,
    /// Those that came near, the nearest first.
    pub lost: Vec<Lost>,
    /// How many other routes are for other hosts and paths altogether.
    pub far: usize,
}

/// A route that came near.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// Which.
    pub route: RouteIndex,
    /// Why it lost, one clause each.
    pub reasons: Vec<Reason>,
}

/// One reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The word for it.
    pub label: &'static str,
    /// The clause.
    pub text: String,
}

/// Explains what the router does with the request. The routes are those that it was compiled from.
pub fn explain(router: &Router, routes: &[Route], lookup: &Lookup<'_>) -> Explanation {
    let winner = router.find(lookup);
    let best = winner.and_then(|winner| judge(winner.place(), &routes[winner.place()], lookup).ok());
    let mut lost = Vec::new();
    for (place, route) in routes.iter().enumerate() {
        let index = RouteIndex(u32::try_from(place).unwrap_or(u32::MAX));
        let judged = judge(place, route, lookup);
        match (&judged, &best) {
            _ if Some(index) == winner => {}
            (Ok(rank), Some(best)) => {
                let reason = outranked(
                    Contender { route, rank },
                    Contender { route: &routes[best.place.0], rank: best },
                    lookup,
                );
                lost.push((nearness(&judged), Lost { route: index, reasons: vec![reason] }));
            }
            (Err(misses), _) if is_near(route, misses, lookup) => {
                let reasons = misses.iter().map(|miss| missed(miss, route, lookup)).collect();
                lost.push((nearness(&judged), Lost { route: index, reasons }));
            }
            _ => {}
        }
    }
    // Stable, so that the order of the config stays among equals.
    lost.sort_by(|(one, _), (other, _)| other.cmp(one));
    let lost: Vec<_> = lost.into_iter().map(|(_, lost)| lost).collect();
    Explanation {
        because: winner.map_or_else(Vec::new, |winner| because(&routes[winner.place()], lookup)),
        far: routes.len() - lost.len() - usize::from(winner.is_some()),
        winner,
        lost,
    }
}

/// A route and how well it fits.
#[derive(Clone, Copy)]
struct Contender<'a> {
    route: &'a Route,
    rank: &'a Rank,
}

/// The first point of the rule in which the two differ.
fn outranked(loser: Contender<'_>, winner: Contender<'_>, lookup: &Lookup<'_>) -> Reason {
    let (label, text) = if loser.rank.host != winner.rank.host {
        let hosts = [loser, winner].map(|one| fitting_host(one.route, lookup));
        ("host_less_specific", format!("{} is less specific than {}", hosts[0], hosts[1]))
    } else if loser.rank.path != winner.rank.path {
        ("path_less_specific", shorter_path(&loser.route.path, &winner.route.path))
    } else if loser.rank.predicates != winner.rank.predicates {
        let counts = [loser, winner].map(|one| one.rank.predicates);
        (
            "fewer_predicates",
            format!("it asks for less: {} of method, headers, cookies and query, not {}", counts[0], counts[1]),
        )
    } else {
        ("later", format!("it is as good, but stands after {}", winner.route.name))
    };
    Reason { label, text }
}

fn shorter_path(loser: &PathMatch, winner: &PathMatch) -> String {
    match (loser, winner) {
        (PathMatch::Prefix(any), _) if any == "/" => format!("any path is less specific than {}", path_words(winner)),
        (PathMatch::Prefix(shorter), PathMatch::Prefix(longer)) => format!("prefix {shorter} is shorter than {longer}"),
        _ => format!("{} gives way to {}", path_words(loser), path_words(winner)),
    }
}

fn path_words(path: &PathMatch) -> String {
    match path {
        PathMatch::Exact(exact) => format!("the exact path {exact}"),
        PathMatch::Prefix(prefix) => format!("the prefix {prefix}"),
        PathMatch::Regex(regex) => format!("the regex {regex}"),
    }
}

/// The best of the route's hosts that fit, in words.
fn fitting_host(route: &Route, lookup: &Lookup<'_>) -> String {
    let fit = |pattern: &&HostPattern| host_fit(std::slice::from_ref(*pattern), lookup.host);
    let best = route.hosts.iter().filter(|pattern| fit(pattern).is_some()).max_by_key(fit);
    best.map_or_else(|| "any host".to_owned(), |pattern| format!("host {pattern}"))
}

fn missed(miss: &Miss, route: &Route, lookup: &Lookup<'_>) -> Reason {
    let host = without_port(lookup.host);
    let (label, text) = match miss {
        Miss::Listener => ("listener", "it is not on this listener".to_owned()),
        Miss::Host if host.is_empty() => ("host", format!("the request names no host, not {}", hosts(route))),
        Miss::Host => ("host", format!("host {host} is not {}", hosts(route))),
        Miss::Path => ("path", path_missed(&route.path, lookup.path)),
        Miss::Method => ("method", format!("method {} is not {}", lookup.method, methods(route))),
        Miss::Header(at) => {
            let (name, wanted) = &route.headers[*at];
            let seen = lookup.headers.first(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
            ("header", value_missed(&format!("header {name}"), seen.as_deref(), wanted))
        }
        Miss::Cookie(at) => {
            let (name, wanted) = &route.cookies[*at];
            let seen = cookie::values(lookup.headers, name).next().map(String::from_utf8_lossy);
            ("cookie", value_missed(&format!("cookie {name}"), seen.as_deref(), wanted))
        }
        Miss::Query(at) => {
            let (name, wanted) = &route.query[*at];
            let mut pairs = lookup.query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
            let seen = pairs.find(|(key, _)| key == name).map(|(_, value)| value);
            ("query", value_missed(&format!("query {name}"), seen, wanted))
        }
    };
    Reason { label, text }
}

fn value_missed(what: &str, seen: Option<&str>, wanted: &ValueMatch) -> String {
    match (seen, wanted) {
        (Some(seen), ValueMatch::Exact(wanted)) => format!("{what} is {seen}, not {wanted}"),
        (None, ValueMatch::Exact(wanted)) => format!("{what} is missing, it must be {wanted}"),
        (Some(seen), ValueMatch::Regex(regex)) => format!("{what} is {seen}, which does not match {regex}"),
        (None, ValueMatch::Regex(regex)) => format!("{what} is missing, it must match {regex}"),
        (Some(seen), ValueMatch::Absent) => format!("{what} is {seen}, it must not be there"),
        (None, ValueMatch::Absent) => format!("{what} must not be there"),
        (_, ValueMatch::Any) => format!("{what} is missing"),
    }
}

fn path_missed(wanted: &PathMatch, path: &str) -> String {
    match wanted {
        PathMatch::Exact(exact) => format!("path {path} is not {exact}"),
        PathMatch::Prefix(prefix) => format!("path {path} is not under {prefix}"),
        PathMatch::Regex(regex) => format!("path {path} does not match {regex}"),
    }
}

fn hosts(route: &Route) -> String {
    let all: Vec<_> = route.hosts.iter().map(ToString::to_string).collect();
    alternatives(&all)
}

fn methods(route: &Route) -> String {
    let all: Vec<_> = route.methods.iter().map(ToString::to_string).collect();
    alternatives(&all)
}

/// `a`, `a or b`, `a, b or 3 others`
fn alternatives(all: &[String]) -> String {
    match all {
        [] => "any".to_owned(),
        [one] => one.clone(),
        [most @ .., last] if all.len() <= 4 => format!("{} or {last}", most.join(", ")),
        _ => format!("{} or {} others", all[..3].join(", "), all.len() - 3),
    }
}

/// What of the winner fits.
fn because(route: &Route, lookup: &Lookup<'_>) -> Vec<String> {
    let mut clauses = vec![match host_fit(&route.hosts, lookup.host) {
        Some(HostFit::Exact) => format!("host {} is named", without_port(lookup.host)),
        Some(HostFit::Wildcard(_)) => {
            format!(
                "host {} is covered by {}",
                without_port(lookup.host),
                fitting_host(route, lookup).trim_start_matches("host ")
            )
        }
        _ => "it takes any host".to_owned(),
    }];
    clauses.push(match &route.path {
        PathMatch::Prefix(prefix) if prefix == "/" => "it takes any path".to_owned(),
        PathMatch::Exact(exact) => format!("path {exact} is named"),
        PathMatch::Prefix(prefix) => format!("path {} is under {prefix}", lookup.path),
        PathMatch::Regex(regex) => format!("path {} matches {regex}", lookup.path),
    });
    if !route.methods.is_empty() {
        clauses.push(format!("method {} is one of its own", lookup.method));
    }
    let fits = |what: &str, name: &str, wanted: &ValueMatch| match wanted {
        ValueMatch::Any => format!("{what} {name} is there"),
        ValueMatch::Exact(wanted) => format!("{what} {name} is {wanted}"),
        ValueMatch::Absent => format!("{what} {name} is not there"),
        ValueMatch::Regex(regex) => format!("{what} {name} matches {regex}"),
    };
    clauses.extend(route.headers.iter().map(|(name, wanted)| fits("header", name.as_str(), wanted)));
    clauses.extend(route.cookies.iter().map(|(name, wanted)| fits("cookie", name, wanted)));
    clauses.extend(route.query.iter().map(|(name, wanted)| fits("query", name, wanted)));
    clauses
}

/// The nearest is the greatest: those that would take it by their rank, then those that miss by fewer points.
fn nearness(judged: &Result<Rank, Vec<Miss>>) -> (usize, Option<Rank>) {
    match judged {
        Ok(rank) => (usize::MAX, Some(rank.clone())),
        Err(misses) => (usize::MAX - misses.len(), None),
    }
}

/// Whether a route that does not fit is worth a word: at most one of host and path is wrong, and that one is of the same family.
fn is_near(route: &Route, misses: &[Miss], lookup: &Lookup<'_>) -> bool {
    match (misses.contains(&Miss::Host), misses.contains(&Miss::Path)) {
        (false, false) => true,
        (true, true) => false,
        (true, false) => route.hosts.iter().any(|pattern| same_domain(pattern, without_port(lookup.host))),
        (false, true) => same_path_family(&route.path, lookup.path),
    }
}

/// Whether the last two labels are the same.
fn same_domain(pattern: &HostPattern, host: &str) -> bool {
    let (HostPattern::Exact(name) | HostPattern::Wildcard(name)) = pattern;
    let domain =
        |name: &str| name.trim_end_matches('.').rsplit('.').take(2).map(str::to_ascii_lowercase).collect::<Vec<_>>();
    domain(name) == domain(host)
}

/// Whether one begins like the other, or both with the same segment; case does not matter, because it is a common mistake.
fn same_path_family(wanted: &PathMatch, path: &str) -> bool {
    let (PathMatch::Exact(wanted) | PathMatch::Prefix(wanted)) = wanted else { return true };
    let [mut room, mut wanted_room] = [String::new(), String::new()];
    let path = normal(path, &mut room).trim_matches('/').to_ascii_lowercase();
    let wanted = normal(wanted, &mut wanted_room).trim_matches('/').to_ascii_lowercase();
    let first = |path: &str| path.split('/').next().unwrap_or_default().to_owned();
    if wanted.is_empty() || path.is_empty() {
        return wanted == path;
    }
    wanted.starts_with(&path) || path.starts_with(&wanted) || first(&path) == first(&wanted)
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue, Method};

    use super::super::tests::read;
    use super::*;
    use crate::http::Headers;

    /// The decision about `METHOD HOST TARGET` with the field `x-env: prod`, as lines.
    fn lines(routes: &[&str], request: &str) -> Vec<String> {
        let routes: Vec<_> = routes.iter().map(|line| read(line)).collect();
        let words: Vec<_> = request.split(' ').collect();
        let method: Method = words[0].parse().expect("a method");
        let (path, query) = words[2].split_once('?').map_or((words[2], None), |(path, query)| (path, Some(query)));
        let headers: Headers =
            [(HeaderName::from_static("x-env"), HeaderValue::from_static("prod"))].into_iter().collect();
        let lookup = Lookup { listener: 0, host: words[1], path, query, method: &method, headers: &headers };
        let Explanation { winner, because, lost, far } = explain(&Router::compile(&routes, 2), &routes, &lookup);
        let mut lines = vec![match winner {
            Some(winner) => format!("{}: {}", routes[winner.place()].name, because.join("; ")),
            None => "404".to_owned(),
        }];
        for Lost { route, reasons } in lost {
            let reasons: Vec<_> = reasons.iter().map(|reason| format!("{} ({})", reason.text, reason.label)).collect();
            lines.push(format!("{}: {}", routes[route.place()].name, reasons.join("; ")));
        }
        lines.push(format!("far: {far}"));
        lines
    }

    #[test]
    fn those_that_fit_less() {
        let routes = [
            "- /",
            "- ~^/api",
            "*.example.com /api/v2",
            "www.example.com /api",
            "www.example.com /api/v2",
            "GET www.example.com /api/v2",
            "GET www.example.com /api/v2",
            "other.org /",
        ];
        let expected = [
            "GET www.example.com /api/v2: host www.example.com is named; path /api/v2/x is under /api/v2; method GET is one of its own",
            "GET www.example.com /api/v2: it is as good, but stands after GET www.example.com /api/v2 (later)",
            "www.example.com /api/v2: it asks for less: 0 of method, headers, cookies and query, not 1 (fewer_predicates)",
            "www.example.com /api: prefix /api is shorter than /api/v2 (path_less_specific)",
            "*.example.com /api/v2: host *.example.com is less specific than host www.example.com (host_less_specific)",
            "- ~^/api: any host is less specific than host www.example.com (host_less_specific)",
            "- /: any host is less specific than host www.example.com (host_less_specific)",
            "far: 1",
        ];
        assert_eq!(lines(&routes, "GET www.example.com:80 /api/v2/x"), expected);
    }

    #[test]
    fn those_that_do_not_fit() {
        let routes = [
            "- /elsewhere",
            "GET,HEAD - /api",
            "- /api header:x-env=canary",
            "- /api header:x-user=*",
            "- /api query:debug=1",
            "- /api query:page=2",
            "- =/API/",
            "- =/api/v2",
            "- /api on:1",
            "a.example.com,b.example.com /api",
            "c.other.org /api",
            "POST - /apis header:x-env=canary",
        ];
        let expected = [
            "404",
            "GET,HEAD - /api: method POST is not GET or HEAD (method)",
            "- /api header:x-env=canary: header x-env is prod, not canary (header)",
            "- /api header:x-user=*: header x-user is missing (header)",
            "- /api query:debug=1: query debug is missing, it must be 1 (query)",
            "- /api query:page=2: query page is 1, not 2 (query)",
            "- =/API/: path /api is not /API/ (path)",
            "- =/api/v2: path /api is not /api/v2 (path)",
            "- /api on:1: it is not on this listener (listener)",
            "a.example.com,b.example.com /api: host example.com is not a.example.com or b.example.com (host)",
            "POST - /apis header:x-env=canary: path /api is not under /apis (path); header x-env is prod, not canary (header)",
            "far: 2",
        ];
        assert_eq!(lines(&routes, "POST example.com /api?page=1"), expected);
    }

    #[test]
    fn exact_paths_and_regexes() {
        let routes = ["- ~^/a", "- /", "- =/a"];
        let expected = [
            "- =/a: it takes any host; path /a is named",
            "- ~^/a: the regex ^/a gives way to the exact path /a (path_less_specific)",
            "- /: any path is less specific than the exact path /a (path_less_specific)",
            "far: 0",
        ];
        assert_eq!(lines(&routes, "GET h /a"), expected);
        assert_eq!(
            lines(&["*.b.c /"], "GET a.b.c /x"),
            ["*.b.c /: host a.b.c is covered by *.b.c; it takes any path", "far: 0"]
        );
    }
}
