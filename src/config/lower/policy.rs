//! The policies of a route, with `[defaults]` under them.

use http::HeaderName;

use super::names::Names;
use super::{compress, releases, traffic};
use crate::config::fields::Fields;
use crate::config::found::Found;
use crate::config::model::{HeaderRules, PathMatch, Policies, Rewrite, Template};
use crate::config::nearest::quoted;
use crate::config::scalar::{self, Wrong};

pub(super) fn policies(at: &Fields<'_>, path: &PathMatch, upstreams: &Names<'_>) -> Policies {
    let (strip_prefix, rewrite) = path_change(at);
    if let (Some(prefix), Some(found)) = (&strip_prefix, at.own("strip_prefix").filter(|_| at.is_route())) {
        strips_something(&found, prefix, path);
    }
    Policies {
        strip_prefix,
        rewrite,
        request_headers: rules(at, "request_headers"),
        response_headers: rules(at, "response_headers"),
        preserve_host: at.boolean("preserve_host"),
        timeout: at.duration("timeout"),
        deadline_header: at.parsed("deadline_header", traffic::deadline_header),
        hedge: traffic::hedge(at),
        mirror: releases::mirror(at, upstreams),
        inject: releases::inject(at),
        max_body: at.size("max_body"),
        upgrades: at.list("upgrades", scalar::upgrade),
        max_requests: at.count("max_requests"),
        priority: at.word("priority"),
        codings: compress::codings(at),
        cache: super::cache::policy(at),
        edge: super::edge::policies(at, upstreams),
    }
}

/// `strip_prefix` or `rewrite`; the route's own one puts that of `[defaults]` out of force.
fn path_change(at: &Fields<'_>) -> (Option<String>, Option<Rewrite>) {
    if let (Some(_), Some(rewrite)) = (at.own("strip_prefix"), at.own("rewrite")) {
        rewrite.conflict("`strip_prefix` and `rewrite` in one place", "keep one: `rewrite` can do both");
    }
    let own = |name| at.own(name).is_some();
    let strip = if own("rewrite") && !own("strip_prefix") { None } else { at.parsed("strip_prefix", scalar::path) };
    let rewrite = if own("strip_prefix") && !own("rewrite") { None } else { at.section("rewrite") };
    (strip, rewrite.and_then(|at| self::rewrite(&at)))
}

/// Compared as the runtime does: on a segment boundary.
fn strips_something(found: &Found<'_>, strip: &str, path: &PathMatch) {
    let strip = strip.trim_end_matches('/');
    let (PathMatch::Exact(path) | PathMatch::Prefix(path)) = path else { return };
    let below = |path: &str, prefix: &str| {
        path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let path = path.trim_end_matches('/');
    if below(path, strip) {
        return;
    }
    if below(strip, path) {
        let help = format!("path_prefix = {} matches just what it strips", quoted(strip));
        found.no_effect("this route also matches paths without this prefix, which stay as they are", help);
    } else {
        let help = format!("the paths of this route begin with {}", quoted(path));
        found.conflict(format!("no path of this route begins with {}", quoted(strip)), help);
    }
}

/// `${name}` for a group of the expression is that group, not an environment variable.
fn rewrite(at: &Fields<'_>) -> Option<Rewrite> {
    let (regex, to) = (at.required("regex"), at.required("to"));
    let regex = regex.and_then(|found| found.parsed(scalar::regex));
    let is_group =
        |name: &str| regex.as_ref().is_some_and(|regex| regex.capture_names().flatten().any(|one| one == name));
    let env = |name: &str| if is_group(name) { Some(format!("${{{name}}}")) } else { (at.scope.env)(name) };
    let to = to.and_then(|found| found.text_with(&env));
    let regex = regex?;
    let to = to?.into_owned();
    if let (Some(found), Some(group)) = (at.find("to"), unknown_group(&regex, &to)) {
        let message = format!("the regular expression has no group {}", quoted(&group));
        found.wrong(Wrong::new(
            message,
            "groups are $0 (all of it), $1, ...; write $$ for a dollar, ${1}a before letters",
        ));
    }
    Some(Rewrite { regex, to })
}

/// The first `$name` or `${name}` that the expression does not have: it would silently become nothing.
fn unknown_group(regex: &regex::Regex, to: &str) -> Option<String> {
    let mut rest = to;
    while let Some(at) = rest.find('$') {
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            rest = after;
            continue;
        }
        let name = match rest.strip_prefix('{') {
            Some(inside) => inside.split('}').next().unwrap_or_default(),
            None => &rest[..rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len())],
        };
        let known = match name.parse::<usize>() {
            Ok(number) => number < regex.captures_len(),
            Err(_) => regex.capture_names().flatten().any(|one| one == name),
        };
        if !known && !name.is_empty() {
            return Some(name.to_owned());
        }
    }
    None
}

/// The rules of `[defaults]`, then the route's own, which win for the same field.
fn rules(at: &Fields<'_>, name: &str) -> HeaderRules {
    let read =
        |found: Option<Found<'_>>| found.and_then(|found| found.section()).map(|at| own_rules(&at)).unwrap_or_default();
    let own = read(at.own(name));
    let mut rules = read(at.inherited(name));
    rules.set.retain(|(name, _)| !own.remove.contains(name) && !own.set.iter().any(|(other, _)| other == name));
    rules.add.retain(|(name, _)| !own.remove.contains(name) && !own.set.iter().any(|(other, _)| other == name));
    rules.remove.extend(own.remove.into_iter().filter(|name| !rules.remove.contains(name)).collect::<Vec<_>>());
    rules.set.extend(own.set);
    rules.add.extend(own.add);
    rules
}

fn own_rules(at: &Fields<'_>) -> HeaderRules {
    let remove = at.list("remove", scalar::rule_header_name);
    let (set, add) = (fields(at, "set"), fields(at, "add"));
    if let Some(found) = at.find("remove") {
        let twice = remove.iter().find(|name| set.iter().any(|(set, _)| set == *name));
        twice.inspect(|name| {
            found.no_effect(
                format!("{} is set anyway, which replaces it", quoted(name.as_str())),
                "remove it from `remove`",
            )
        });
    }
    HeaderRules { remove, set, add }
}

fn fields(at: &Fields<'_>, name: &str) -> Vec<(HeaderName, Template)> {
    let pairs = at.find(name).map(|found| found.pairs()).unwrap_or_default();
    let one = |(entry, found): (&crate::config::raw::Entry, Found<'_>)| {
        let name = found.key(entry, scalar::rule_header_name);
        let value = found.parsed(scalar::template);
        Some((name?, value?))
    };
    pairs.into_iter().filter_map(one).collect()
}
