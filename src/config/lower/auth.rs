//! `auth` of a route.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;

use super::names::Names;
use crate::config::fields::Fields;
use crate::config::found::Found;
use crate::config::model::{ApiKeys, Auth, BasicAuth, ForwardAuth, Jwt, JwtKeys, Secret};
use crate::config::nearest::{listed, quoted};
use crate::config::raw::Shape;
use crate::config::scalar::{self, Read, Wrong};

/// `auth`; `false` takes back what `[defaults]` says.
pub(super) fn auth(at: &Fields<'_>, upstreams: &Names<'_>) -> Option<Auth> {
    let found = at.find("auth")?;
    if !matches!(found.node.shape, Shape::Table(_)) {
        if found.boolean()? {
            found.wrong(Wrong::new(
                "`true` names no way to authenticate",
                "such as auth = { basic = { file = \"users.htpasswd\" } }",
            ));
        }
        return None;
    }
    let at = found.section()?;
    let ways = ["basic", "api_keys", "jwt", "forward"];
    let given: Vec<_> = ways.into_iter().filter(|way| at.find(way).is_some()).collect();
    if given.is_empty() {
        found.conflict("no way to authenticate", format!("add one of {}", listed(&ways, "or")));
    }
    if let (Some(forward), true) = (at.find("forward"), given.len() > 1) {
        forward.conflict("`forward` beside another way", "the service that it asks can know the other ways itself");
    }
    let off = |text: &str| if text == "off" { Ok(None) } else { scalar::rule_header_name(text).map(Some) };
    Some(Auth {
        basic: at.section("basic").map(|at| basic(&at)),
        api_keys: at.section("api_keys").map(|at| api_keys(&at)),
        jwt: at.section("jwt").and_then(|at| jwt(&at)),
        forward: at.section("forward").and_then(|at| forward(&at, upstreams)),
        realm: at.parsed("realm", realm).unwrap_or_default(),
        user_header: at.parsed("user_header", off).flatten(),
        forward_credentials: at.boolean("forward_credentials"),
    })
}

fn realm(text: &str) -> Read<String> {
    let plain = |byte: u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
    if !text.bytes().all(plain) {
        return Err(Wrong::new(format!("{} cannot be a realm", quoted(text)), "visible ASCII, without \" and \\"));
    }
    Ok(text.to_owned())
}

fn basic(at: &Fields<'_>) -> BasicAuth {
    let users = secrets(at, "users", |name| {
        if name.is_empty() || name.contains(':') || name.contains(char::is_control) {
            return Err(Wrong::new(format!("{} cannot be a user", quoted(name)), "a name without a colon"));
        }
        Ok(name.to_owned())
    });
    needs_one(at, ["users", "file"]);
    BasicAuth { users, file: at.file("file"), remember: at.duration("remember").unwrap_or_default() }
}

fn api_keys(at: &Fields<'_>) -> ApiKeys {
    let keys = secrets(at, "keys", |name| scalar::name(name).map(|()| name.to_owned()));
    needs_one(at, ["keys", "file"]);
    let off = |text: &str| if text == "off" { Ok(None) } else { scalar::rule_header_name(text).map(Some) };
    let header = at.parsed("header", off).flatten();
    let query = at.parsed("query", scalar::cookie_name);
    if let Some(found) = at.find("header").filter(|_| header.is_none() && at.find("query").is_none()) {
        found.conflict("no field and no parameter carries a key", "leave `header` out, or set `query`");
    }
    ApiKeys { keys, file: at.file("file"), header, query }
}

fn needs_one(at: &Fields<'_>, names: [&str; 2]) {
    if names.iter().all(|name| at.find(name).is_none()) {
        let [one, other] = names;
        at.conflict("nobody can authenticate", format!("add `{one}` or `{other}`"));
    }
}

/// Names and what proves them.
fn secrets(at: &Fields<'_>, name: &str, read: impl Fn(&str) -> Read<String>) -> Vec<(String, Secret)> {
    let pairs = at.find(name).map(|found| found.pairs()).unwrap_or_default();
    let one = |(entry, found): (&crate::config::raw::Entry, Found<'_>)| {
        let name = found.key(entry, &read);
        let secret = found.text().map(|text| Secret::new(text.into_owned()));
        Some((name?, secret?))
    };
    pairs.into_iter().filter_map(one).collect()
}

fn jwt(at: &Fields<'_>) -> Option<Jwt> {
    let sources = ["jwks", "jwks_file", "secret", "secret_file"];
    let given: Vec<_> = sources.into_iter().filter(|name| at.find(name).is_some()).collect();
    if given.len() != 1 {
        at.conflict("the keys of tokens come from one place", format!("keep one of {}", listed(&sources, "or")));
    }
    let (ca, refresh) = (at.file("ca"), at.duration("refresh").unwrap_or_default());
    let refresh = refresh.max(Duration::from_secs(1));
    let url = at.parsed("jwks", url).map(|url| JwtKeys::Url { url, ca, refresh });
    if let Some(found) =
        at.find("jwks").filter(|_| matches!(&url, Some(JwtKeys::Url { url, .. }) if url.starts_with("http:")))
    {
        found.no_effect("whoever is on the way can give other keys", "use https, unless this is loopback or a mesh");
    }
    let file = at.file("jwks_file").map(JwtKeys::File);
    let secret =
        at.find("secret").and_then(|found| found.text()).map(|text| JwtKeys::Secret(Secret::new(text.into_owned())));
    let secret_file = at.file("secret_file").map(JwtKeys::SecretFile);
    let jwt = (
        at.list("algorithms", algorithm),
        at.parsed("issuer", any),
        at.list("audience", any),
        at.duration("leeway").unwrap_or_default(),
        claims(at),
        at.parsed("header", scalar::rule_header_name),
        at.parsed("cookie", scalar::cookie_name),
    );
    let (algorithms, issuer, audience, leeway, claims, header, cookie) = jwt;
    let keys = url.or(file).or(secret).or(secret_file)?;
    Some(Jwt { keys, algorithms, issuer, audience, leeway, claims, header: header?, cookie })
}

fn any(text: &str) -> Read<String> {
    if text.is_empty() { Err(Wrong::new("this says nothing", "leave it out")) } else { Ok(text.to_owned()) }
}

fn url(text: &str) -> Read<Arc<str>> {
    let wrong = || Wrong::new(format!("{} is no URL", quoted(text)), "such as \"https://id.example.com/jwks.json\"");
    let uri = text.parse::<http::Uri>().map_err(|_| wrong())?;
    let known = matches!(uri.scheme_str(), Some("https" | "http"));
    let plain = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
    if known && plain { Ok(text.into()) } else { Err(wrong()) }
}

fn algorithm(text: &str) -> Read<String> {
    const ALL: [&str; 13] = [
        "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "HS256", "HS384",
        "HS512",
    ];
    if ALL.contains(&text) {
        return Ok(text.to_owned());
    }
    Err(Wrong::new(
        format!("{} is no algorithm that is taken", quoted(text)),
        format!("it can be {}", listed(&ALL, "or")),
    ))
}

fn claims(at: &Fields<'_>) -> Vec<(HeaderName, String)> {
    let pairs = at.find("claims").map(|found| found.pairs()).unwrap_or_default();
    let one = |(entry, found): (&crate::config::raw::Entry, Found<'_>)| {
        let name = found.key(entry, scalar::rule_header_name);
        let claim = found.parsed(any);
        Some((name?, claim?))
    };
    pairs.into_iter().filter_map(one).collect()
}

fn forward(at: &Fields<'_>, upstreams: &Names<'_>) -> Option<ForwardAuth> {
    let upstream = at.required("upstream").and_then(|found| upstreams.resolve(&found));
    let forward = ForwardAuth {
        upstream: 0,
        path: at.parsed("path", scalar::request_target).unwrap_or_default(),
        request_headers: at.list("request_headers", scalar::rule_header_name),
        response_headers: at.list("response_headers", scalar::rule_header_name),
        timeout: at.duration("timeout").unwrap_or_default(),
        remember: at.duration("remember"),
    };
    Some(ForwardAuth { upstream: upstream?, ..forward })
}
