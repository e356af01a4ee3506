//! Another target: `strip_prefix`, then `rewrite`. The query stays, and so does the encoding.

use std::borrow::Cow;
use std::fmt::Write;

use regex::Regex;

use super::FilterError;
use crate::config::model::{self, Policies};
use crate::http::normal::{covers, normal};
use crate::http::sanitize::CleanRequest;
use crate::http::{Target, Text};

/// Compiled rules for the target.
#[derive(Clone, Debug)]
pub struct Rewrite {
    /// In normal form, without the slash at its end.
    strip: Option<Box<str>>,
    regex: Option<(Regex, Box<str>)>,
}

impl Rewrite {
    /// Compiles the rules of a route; `None` where there are none.
    pub fn compile(policies: &Policies) -> Option<Self> {
        let mut room = String::new();
        let strip = policies.strip_prefix.as_deref().map(|prefix| normal(prefix, &mut room).trim_end_matches('/'));
        let strip = strip.filter(|prefix| !prefix.is_empty()).map(Box::from);
        let regex = policies.rewrite.as_ref().map(|model::Rewrite { regex, to }| (regex.clone(), to.as_str().into()));
        (strip.is_some() || regex.is_some()).then_some(Self { strip, regex })
    }

    pub(super) fn on_request(&self, request: &mut CleanRequest) -> Result<(), FilterError> {
        match self.target(request.target()) {
            Some(target) => request.set_target(target).map_err(FilterError::Target),
            None => Ok(()),
        }
    }

    /// The new target; `None` where it stays. The `*` of OPTIONS always does.
    pub fn target(&self, target: &Target) -> Option<Target> {
        if target.path() == "*" {
            return None;
        }
        let stripped = self.strip.as_deref().and_then(|prefix| strip(prefix, target));
        let replaced = self.regex.as_ref().and_then(|(regex, to)| {
            let target = stripped.as_ref().unwrap_or(target);
            replace(regex, to, target)
        });
        replaced.or(stripped)
    }
}

/// Without the prefix, where it covers the path; the rest shares the octets of the old target where it can.
fn strip(prefix: &str, target: &Target) -> Option<Target> {
    if covers(prefix, target.path()) {
        return match &target.path()[prefix.len()..] {
            "" => origin_form("/", target.query()),
            _ => Target::parse(target.text().slice(prefix.len()..)),
        };
    }
    let mut room = String::new();
    let path = normal(target.path(), &mut room);
    covers(prefix, path).then(|| origin_form(&path[prefix.len()..], target.query())).flatten()
}

/// Every match in the path replaced; the path is looked at in normal form, as routes do, so that an escape does not pass by the rule.
fn replace(regex: &Regex, to: &str, target: &Target) -> Option<Target> {
    let mut room = String::new();
    match regex.replace_all(normal(target.path(), &mut room), to) {
        Cow::Borrowed(_) => None,
        Cow::Owned(path) => origin_form(&path, target.query()),
    }
}

/// A target of that path and query: with a slash in front, and with an escape for each octet that may not stand in a target.
/// A query that the path brings along comes first.
fn origin_form(path: &str, query: Option<&str>) -> Option<Target> {
    let mut whole = String::with_capacity(path.len() + query.map_or(0, str::len) + 2);
    if !path.starts_with('/') {
        whole.push('/');
    }
    for byte in path.bytes() {
        match byte {
            b'#' | ..=0x20 | 0x7f.. => drop(write!(whole, "%{byte:02X}")), // a String takes any text
            _ => whole.push(char::from(byte)),
        }
    }
    if let Some(query) = query {
        whole.push(if path.contains('?') { '&' } else { '?' });
        whole.push_str(query);
    }
    Text::visible(whole.into_bytes().into()).and_then(Target::parse)
}

#[cfg(test)]
mod tests {
    use super::super::filters::tests::request;
    use super::*;
    use crate::http::path::BadPath;

    fn target(text: &str) -> Target {
        Target::parse(Text::visible(text.as_bytes().to_vec().into()).expect("visible")).expect("a target")
    }

    fn rewrite(strip: &str, regex: &str, to: &str) -> Rewrite {
        let regex = (!regex.is_empty()).then(|| (Regex::new(regex).expect("a regex"), to.into()));
        Rewrite { strip: (!strip.is_empty()).then(|| strip.into()), regex }
    }

    #[test]
    fn prefixes_are_stripped_where_a_segment_ends() {
        let cases = [
            ("/api/x", "/x"),
            ("/api/x?q=1", "/x?q=1"),
            ("/api", "/"),
            ("/api/", "/"),
            ("/api?q", "/?q"),
            ("/api//x", "//x"),
            ("/apix", "/apix"),
            ("/x/api", "/x/api"),
            ("/api/a%2Fb%20c", "/a%2Fb%20c"),
            ("/%61pi/x%7e?q=%61", "/x~?q=%61"),
            ("/%61pi", "/"),
            ("/api/%61", "/%61"),
            ("*", "*"),
        ];
        for (before, after) in cases {
            let before = target(before);
            let seen = rewrite("/api", "", "").target(&before);
            assert_eq!(seen.as_ref().unwrap_or(&before).as_str(), after, "{before:?}");
        }
    }

    #[test]
    fn a_stripped_target_shares_its_octets() {
        let before = target("/api/users?q");
        let after = rewrite("/api", "", "").target(&before).expect("a new target");
        assert!(std::ptr::eq(&raw const before.text().as_bytes()[4], &raw const after.text().as_bytes()[0]));
    }

    #[test]
    fn matches_are_replaced() {
        let cases = [
            ("^/v1/(.*)$", "/v2/$1", "/v1/a?q=1", "/v2/a?q=1"),
            ("^/(?<user>[^/]+)/files", "/files/${user}", "/eve/files/x", "/files/eve/x"),
            ("//+", "/", "/a//b///c", "/a/b/c"),
            ("^/old", "new", "/old/x", "/new/x"),
            ("^/old$", "", "/old", "/"),
            ("^/find/(.*)$", "/search?q=$1", "/find/a%20b?r=2", "/search?q=a%20b&r=2"),
            ("^/find$", "/search?q", "/find", "/search?q"),
            ("^/x", "/a b#ü", "/x", "/a%20b%23%C3%BC"),
            ("^/nothing", "/x", "/a%2fb", "/a%2fb"),
            ("^/admin", "/a", "/%61dmin%2f", "/a%2F"),
        ];
        for (regex, to, before, after) in cases {
            let before = target(before);
            let seen = rewrite("", regex, to).target(&before);
            assert_eq!(seen.as_ref().unwrap_or(&before).as_str(), after, "{regex} {to} {before:?}");
        }
        let both = rewrite("/api", "^/v1/", "/").target(&target("/api/v1/x"));
        assert_eq!(both.expect("a new target").as_str(), "/x");
    }

    #[test]
    fn what_is_no_path_is_a_fault_and_what_climbs_is_resolved() {
        let cases = [
            ("^/a", "/b/..", "/a/c", Ok("/c")),
            ("^/a", "/..", "/a/c", Err(FilterError::Target(BadPath::AboveRoot))),
            ("^/(..).*", "/$1", "/%20", Err(FilterError::Target(BadPath::Escape))),
            ("^/a", "/%", "/a", Err(FilterError::Target(BadPath::Escape))),
        ];
        for (regex, to, before, after) in cases {
            let mut request = request(before, "");
            let done = rewrite("", regex, to).on_request(&mut request);
            assert_eq!(done.map(|()| request.target().as_str()), after, "{regex} {to} {before}");
        }
    }
}
