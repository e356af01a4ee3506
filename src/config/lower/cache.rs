//! `[cache]`, and the `cache` of a route.

use std::time::Duration;

use crate::config::fields::Fields;
use crate::config::model::{Cache, CacheDisk, CacheKey, CachePolicy};
use crate::config::raw::Shape;
use crate::config::scalar::{self, Read, Wrong};

/// Of `[cache]`, present or not.
pub(super) fn cache(at: &Fields<'_>) -> Cache {
    Cache {
        memory: at.size("memory"),
        max_object: at.size("max_object"),
        max_variants: at.count("max_variants"),
        purge_from: at.list("purge_from", scalar::cidr),
        disk: at.section("disk").and_then(|at| disk(&at)),
    }
}

fn disk(at: &Fields<'_>) -> Option<CacheDisk> {
    let (size, path) = (at.required("size").and_then(|found| found.size()), at.required("path"));
    let index = at.size("index");
    Some(CacheDisk { path: path?.path()?, size: size?, index })
}

/// Of a route, or of `[defaults]`.
pub(super) fn policy(at: &Fields<'_>) -> Option<CachePolicy> {
    let found = at.find("cache")?;
    if let Some(own) = at.own("cache").filter(|_| at.is_route()) {
        let forwards = ["upstream", "split"].into_iter().any(|action| at.own(action).is_some());
        let off = matches!(own.node.shape, Shape::Boolean(false));
        if !forwards && !off {
            own.conflict("only what an upstream answers is cached", "leave `cache` out of this route");
        }
    }
    match &found.node.shape {
        Shape::Table(_) => found.section().map(|at| options(&at)),
        // Of `true` as of a table with nothing in it.
        _ if found.boolean()? => found.empty_section().map(|at| options(&at)),
        _ => None,
    }
}

fn options(at: &Fields<'_>) -> CachePolicy {
    CachePolicy {
        key: at.section("key").map(|at| key(&at)).unwrap_or_default(),
        default_ttl: at.duration("default_ttl"),
        negative_ttl: at.duration("negative_ttl"),
        max_ttl: at.duration("max_ttl").unwrap_or_default(),
        heuristic: at.boolean("heuristic"),
        stale_while_revalidate: at.duration("stale_while_revalidate"),
        stale_if_error: at.duration("stale_if_error"),
        max_stale_if_error: at.duration("max_stale_if_error").unwrap_or(Duration::ZERO),
        client_directives: at.boolean("client_directives"),
        match_language: at.boolean("match_language"),
        set_cookie: at.word("set_cookie"),
        ranges: at.word("ranges"),
        max_object: at.find("max_object").and_then(|found| found.size()),
        wait: at.duration("wait"),
    }
}

fn key(at: &Fields<'_>) -> CacheKey {
    let query = at.find("query").map(|_| at.list("query", name));
    let query_except = at.list("query_except", name);
    if let (Some(_), Some(found)) = (&query, at.find("query_except")) {
        found.conflict("`query` and `query_except` in one key", "keep one of them");
    }
    CacheKey {
        query,
        query_except,
        sort_query: at.boolean("sort_query"),
        headers: at.list("headers", scalar::header_name),
        cookies: at.list("cookies", name),
    }
}

fn name(text: &str) -> Read<String> {
    match text {
        "" => Err(Wrong::new("a name without a letter", "leave it out")),
        text => Ok(text.to_owned()),
    }
}
