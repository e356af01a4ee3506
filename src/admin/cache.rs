//! The cache as an operator asks for it: what is known of a URL, and what is to go.

use http::StatusCode;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::asked::Asked;
use super::reply::{Reply, json, problem};
use super::surface::Surface;
use crate::cache::policy::{Address, Millis, Rules, seconds};
use crate::cache::purge::{Scope, Standing};
use crate::cache::{Entry, Inspection, Purge, Store};
use crate::http::path::{self, PathPolicy};

/// Purges.
pub(crate) const PURGE: &str = "/api/cache/purge";
/// Tells of a URL.
pub(crate) const LOOKUP: &str = "/api/cache/lookup";

/// What a purge may be about, as its keys in JSON.
const SCOPES: [&str; 3] = ["url", "prefix", "tag"];

/// Purges, and says how many entries each part covers.
pub(crate) async fn purge(asked: &Asked, surface: &dyn Surface) -> Reply {
    let (scopes, soft) = match read(&asked.body, &policies(surface)) {
        Ok(read) => read,
        Err(message) => return problem(StatusCode::BAD_REQUEST, &message),
    };
    let Some(store) = surface.cache() else { return no_cache() };
    // They hold from here on; what follows counts, and takes out what is gone.
    let purges: Vec<Purge> = scopes.into_iter().map(|scope| store.purge(scope, soft)).collect();
    // The disk has them too before anybody is told.
    store.settled().await;
    let counted = aside(store, move |store| {
        let covered = store.sweep(now(), &purges);
        purges.into_iter().zip(covered).collect::<Vec<_>>()
    });
    let Some(counted) = counted.await else {
        return problem(StatusCode::INTERNAL_SERVER_ERROR, "it is purged, but could not be counted");
    };
    let one = |(Purge { scope, on_disk, .. }, entries): &(Purge, usize)| {
        let value = match scope {
            Scope::All => None,
            Scope::Tag(value) | Scope::Url(value) | Scope::Prefix(value) => Some(&**value),
        };
        let mut told = json!({ "scope": scope.label(), "value": value, "entries": entries });
        if let Some(on_disk) = on_disk {
            told["on_disk"] = json!(on_disk);
        }
        told
    };
    let purged: Vec<Value> = counted.iter().map(one).collect();
    json(StatusCode::OK, &json!({ "result": "purged", "soft": soft, "purged": purged }))
}

/// What is asked for: `{ "url" | "prefix" | "tag": TEXT or [TEXT], "all": true, "soft": false }`.
fn read(body: &[u8], paths: &[PathPolicy]) -> Result<(Vec<Scope>, bool), String> {
    let asked: Map<String, Value> = match serde_json::from_slice(body) {
        Ok(Value::Object(asked)) => asked,
        _ => return Err("a purge is a JSON object such as { \"tag\": \"news\", \"soft\": true }".to_owned()),
    };
    let flag = |name: &str| match asked.get(name) {
        None => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(format!("`{name}` is true or false")),
    };
    let (soft, all) = (flag("soft")?, flag("all")?);
    let mut scopes = if all { vec![Scope::All] } else { Vec::new() };
    for (name, value) in &asked {
        if name == "soft" || name == "all" {
            continue;
        }
        let known = SCOPES.iter().find(|known| *known == name);
        let known = known
            .ok_or_else(|| format!("`{name}` is not known; there are `url`, `prefix`, `tag`, `all` and `soft`"))?;
        for text in texts(value).ok_or_else(|| format!("`{name}` is a text, or a list of texts"))? {
            scopes.extend(scope(known, text, paths)?);
        }
    }
    if scopes.is_empty() {
        return Err("nothing to purge is named: `url`, `prefix`, `tag`, or `all`".to_owned());
    }
    Ok((scopes, soft))
}

fn texts(value: &Value) -> Option<Vec<&str>> {
    match value {
        Value::String(text) => Some(vec![text]),
        Value::Array(items) => items.iter().map(Value::as_str).collect(),
        _ => None,
    }
}

/// A URL is one of each policy that listeners have: what they would have stored it as.
fn scope(name: &str, text: &str, paths: &[PathPolicy]) -> Result<Vec<Scope>, String> {
    if name == "tag" {
        return match text {
            "" => Err("a tag without a letter".to_owned()),
            text if text.contains('\n') => Err("a tag has no line ends".to_owned()),
            text => Ok(vec![Scope::Tag(text.into())]),
        };
    }
    let addresses = Address::by_all(text, paths);
    if addresses.is_empty() {
        return Err(format!("{text:?} is no URL such as \"https://example.com/path\""));
    }
    let scope = |url: String| if name == "url" { Scope::Url(url.into()) } else { Scope::Prefix(url.into()) };
    Ok(addresses.iter().map(|address| scope(address.url())).collect())
}

/// How listeners make paths clean, each way once.
fn policies(surface: &dyn Surface) -> Vec<PathPolicy> {
    let mut policies = Vec::new();
    for listener in &surface.world().model.listeners {
        if !policies.contains(&listener.paths) {
            policies.push(listener.paths);
        }
    }
    policies
}

/// What is known of a URL: `?url=`, percent-encoded, or with everything that follows.
pub(crate) async fn lookup(asked: &Asked, surface: &dyn Surface) -> Reply {
    let text = asked.uri.query().and_then(|query| query.strip_prefix("url="));
    let text = text.map(|text| path::unescape(text).unwrap_or_else(|| text.as_bytes().to_vec()));
    let text = text.and_then(|text| String::from_utf8(text).ok()).unwrap_or_default();
    let addresses = Address::by_all(&text, &policies(surface));
    if addresses.is_empty() {
        return problem(
            StatusCode::BAD_REQUEST,
            "ask with ?url= and an absolute URL, such as ?url=https://example.com/path",
        );
    }
    let Some(store) = surface.cache() else { return no_cache() };
    let now = now();
    let inspected = aside(store, move |store| {
        let mut all = addresses.iter().map(|address| (address.url(), store.inspect(&address.url(), now)));
        let first = all.next()?;
        let is_known = |found: &Inspection| !found.entries.is_empty() || !found.passed.is_empty();
        if is_known(&first.1) { Some(first) } else { all.find(|(_, found)| is_known(found)).or(Some(first)) }
    });
    match inspected.await.flatten() {
        Some((url, found)) => json(StatusCode::OK, &told(&url, &found, now)),
        None => problem(StatusCode::INTERNAL_SERVER_ERROR, "it could not be looked up"),
    }
}

fn told(url: &str, found: &Inspection, now: Millis) -> Value {
    let stored: Vec<Value> = found.entries.iter().map(|(one, standing)| entry(one, *standing, now)).collect();
    let passed = found
        .passed
        .iter()
        .map(|(why, until)| json!({ "reason": why.label(), "seconds": seconds(until.saturating_sub(now)) }));
    let mut told = json!({ "url": url, "stored": stored, "not_stored": passed.collect::<Vec<_>>() });
    if found.entries.is_empty() && found.passed.is_empty() {
        let why = "nothing is known of it: it was not asked for, it went for others, or its route has no cache; \
                   `tidegate explain` shows the route";
        told["message"] = json!(why);
    }
    told
}

fn entry(entry: &Entry, standing: Standing, now: Millis) -> Value {
    let terms = &entry.terms;
    let (age, lifetime) = (seconds(terms.age(now)), seconds(terms.lifetime));
    let state = match standing {
        Standing::Gone => "purged",
        Standing::Soft => "purged_softly",
        Standing::Good if terms.rules.has(Rules::VALIDATE) => "no_cache",
        Standing::Good if terms.remaining(now) == 0 => "stale",
        Standing::Good => "fresh",
    };
    let rules = [
        (Rules::VALIDATE, "no_cache"),
        (Rules::MUST_REVALIDATE, "must_revalidate"),
        (Rules::SHARED_MAX_AGE, "s_maxage"),
        (Rules::VALIDATOR, "validator"),
        (Rules::HEURISTIC, "estimated"),
    ];
    let rules = rules.into_iter().filter(|(rule, _)| terms.rules.has(*rule)).map(|(_, word)| word);
    // Names alone: what a client said in them may be a secret.
    let vary: Vec<&str> = entry.chosen_by.names.iter().map(|name| name.as_str()).collect();
    json!({
        "url": entry.mark.url(),
        "state": state,
        "status": entry.status.as_u16(),
        "age": age,
        "lifetime": lifetime,
        "stale_while_revalidate": seconds(terms.stale_while_revalidate),
        "stale_if_error": seconds(terms.stale_if_error),
        "rules": rules.collect::<Vec<_>>(),
        "vary": vary,
        "tags": entry.mark.tags().filter(|tag| !tag.contains('\n')).collect::<Vec<_>>(),
        "body": entry.contents.identity.len(),
        "parts": entry.contents.identity.parts().map(|parts| {
            parts.spans().map(|span| json!([span.first, span.last])).collect::<Vec<_>>()
        }),
        "memory": entry.weight(),
    })
}

/// Does what takes long on a thread of its own.
async fn aside<T: Send + 'static>(store: Arc<Store>, work: impl FnOnce(&Store) -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(move || work(&store)).await.ok()
}

fn no_cache() -> Reply {
    problem(StatusCode::NOT_FOUND, "no route has a cache")
}

fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for() {
        for (body, want) in [
            (r#"{ "tag": "a" }"#, Ok((vec![Scope::Tag("a".into())], false))),
            (
                r#"{ "tag": ["a", "b c"], "soft": true }"#,
                Ok((vec![Scope::Tag("a".into()), Scope::Tag("b c".into())], true)),
            ),
            (r#"{ "all": true }"#, Ok((vec![Scope::All], false))),
            (
                r#"{ "url": "HTTP://Example.org:80/a/../b?c#d" }"#,
                Ok((vec![Scope::Url("http://example.org/b?c".into())], false)),
            ),
            (r#"{ "prefix": "https://a.b" }"#, Ok((vec![Scope::Prefix("https://a.b/".into())], false))),
            (r#"{ "all": false }"#, Err("nothing to purge")),
            ("{}", Err("nothing to purge")),
            ("[]", Err("a purge is a JSON object")),
            ("", Err("a purge is a JSON object")),
            (r#"{ "all": 1 }"#, Err("`all` is true or false")),
            (r#"{ "tags": ["a"] }"#, Err("`tags` is not known")),
            (r#"{ "tag": [1] }"#, Err("`tag` is a text")),
            (r#"{ "tag": "" }"#, Err("a tag without a letter")),
            (r#"{ "tag": "a\nb" }"#, Err("a tag has no line ends")),
            (r#"{ "url": "/path" }"#, Err("\"/path\" is no URL")),
        ] {
            match (read(body.as_bytes(), &[PathPolicy::default()]), want) {
                (Ok(found), Ok(want)) => assert_eq!(found, want, "{body}"),
                (Err(found), Err(want)) => assert!(found.starts_with(want), "{body}: {found}"),
                (found, _) => panic!("{body}: {found:?}"),
            }
        }
    }
}
