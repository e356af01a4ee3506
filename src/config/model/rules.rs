//! `rewrite`, `request_headers`, `response_headers`

use http::HeaderName;
use regex::Regex;

use super::Template;

/// `rewrite`
#[derive(Clone, Debug)]
pub struct Rewrite {
    /// `regex`, against the path, linear time
    pub regex: Regex,
    /// `to`, with `$1` or `${name}`
    pub to: String,
}

/// `request_headers`, `response_headers`: remove, then set, then add
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderRules {
    /// Names that go.
    pub remove: Vec<HeaderName>,
    /// Fields that replace what is there.
    pub set: Vec<(HeaderName, Template)>,
    /// Fields that come in addition.
    pub add: Vec<(HeaderName, Template)>,
}
