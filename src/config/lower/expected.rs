//! `[[tests]]`: what is asked and what is expected. Whether it comes true is tried by those who can decide requests.

use std::net::IpAddr;
use std::sync::Arc;

use super::names::Names;
use crate::config::fields::Fields;
use crate::config::found::Found;
use crate::config::model::Expectation;
use crate::config::nearest::quoted;
use crate::config::scalar::{self, Read, Wrong};

/// The keys of which a test has at least one.
const EXPECTED: [&str; 5] = ["route", "upstream", "target", "status", "location"];

pub(super) fn tests(root: &Fields<'_>, listeners: &Names<'_>) -> Vec<Expectation> {
    let items = root.find("tests").map(|found| found.items()).unwrap_or_default();
    let one =
        |(number, item): (usize, &Found<'_>)| test(&item.section_named(format!("tests[{number}]"))?, number, listeners);
    items.iter().enumerate().filter_map(one).collect()
}

fn test(at: &Fields<'_>, number: usize, listeners: &Names<'_>) -> Option<Expectation> {
    let name = at.parsed("name", text).unwrap_or_else(|| format!("test-{}", number + 1));
    let asked = at.required("request").and_then(|found| found.parsed(request));
    let headers = at.find("headers").map(|found| found.pairs()).unwrap_or_default();
    let headers = headers.into_iter().filter_map(|(entry, found)| {
        Some((found.key(entry, scalar::header_name)?, found.parsed(scalar::header_value)?))
    });
    let listener = at.find("listener").and_then(|found| {
        listeners.resolve(&found)?;
        found.text().map(std::borrow::Cow::into_owned)
    });
    if EXPECTED.iter().all(|key| at.find(key).is_none()) {
        at.conflict("this test expects nothing", "add `route`, `upstream`, `target`, `status` or `location`");
    }
    let (headers, client) = (headers.collect(), at.parsed("client", client));
    let (route, upstream) = (at.parsed("route", text), at.parsed("upstream", text));
    let (target, status, location) = (at.parsed("target", text), at.integer("status"), at.parsed("location", text));
    let (method, url) = asked?;
    let name = Arc::from(name);
    Some(Expectation { name, method, url, headers, client, listener, route, upstream, target, status, location })
}

fn text(text: &str) -> Read<String> {
    Ok(text.to_owned())
}

fn request(text: &str) -> Read<(http::Method, String)> {
    let (method, url) = text.split_once(' ').ok_or_else(|| {
        Wrong::new(
            format!("{} is no method and URL", quoted(text)),
            format!("such as {}", quoted(&format!("GET {text}"))),
        )
    })?;
    Ok((scalar::method(method)?, url.trim().to_owned()))
}

fn client(text: &str) -> Read<IpAddr> {
    text.parse().map_err(|_| Wrong::new(format!("{} is not an address", quoted(text)), "such as \"192.0.2.7\""))
}
